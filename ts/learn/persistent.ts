/**
 * Persistent contrastive divergence, also called stochastic maximum likelihood (Younes 1989; Tieleman, "Training restricted
 * Boltzmann machines using approximations to the likelihood gradient", 2008).
 *
 * The negative phase does not start at the data: its chains go on from where the last update left them. Every state of a
 * chain is drawn; in the statistics the hidden units count as probabilities. How many chains there are has nothing to do
 * with the batch. They start at the hidden states that the first batch's data give, and a checkpoint keeps them.
 */

import { inferLowers, inferUpper } from '../infer/drives.js';
import type { LayerState } from '../infer/layer-state.js';
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { GIBBS_STEPS } from './contrastive-divergence.js';
import { type Batch, EnergyTraining } from './energy-training.js';
import type { Phase } from './machine-update.js';
import { readCounts, type Schedule, scheduledCount } from './schedule.js';
import {
  type CompleteTrainerOptions,
  MAX_BATCH_ROWS,
  readTrainerOptions,
  type TrainerOptions,
  trainerOptionNames,
} from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';

/** What `persistentContrastiveDivergence()` takes; everything has a default. */
export interface PersistentOptions extends TrainerOptions {
  /** Full Gibbs steps of the chains for each update, default 1; a schedule's values are rounded. */
  readonly gibbsSteps?: Schedule;
  /** Chains, 1 to 21,845; default as many as a batch has rows. */
  readonly chains?: number;
}

/** Persistent contrastive divergence as plain data, complete. */
export interface PersistentContrastiveDivergence extends CompleteTrainerOptions {
  readonly type: 'persistentContrastiveDivergence';
  readonly gibbsSteps: Schedule;
  readonly chains: number;
}

/** What trainers with persistent chains share. */
export const chainOptionNames = ['gibbsSteps', 'chains', ...trainerOptionNames] as const;

/** Reads the options that trainers with persistent chains share; throws `OPTION_INVALID`. */
export function readChainOptions(where: string, options: PersistentOptions) {
  const complete = readTrainerOptions(where, options);
  return {
    gibbsSteps: readCounts(where, 'gibbsSteps', options.gibbsSteps ?? 1, GIBBS_STEPS),
    chains: integer(where, 'chains', options.chains ?? complete.batchRows, { atLeast: 1, atMost: MAX_BATCH_ROWS }),
    ...complete,
  };
}

/**
 * Persistent contrastive divergence with these options; throws `OPTION_INVALID`.
 *
 * Chains do not get by themselves from one cluster of the data to another that is far away: at a constant rate the weights
 * push them to and fro, and where training happens to end may be nats below what it could reach. Let the rate fall, say
 * `learningRate: { from: 0.05, to: 0 }`, a tenth of that for Gaussian units.
 */
export function persistentContrastiveDivergence(options: PersistentOptions = {}): PersistentContrastiveDivergence {
  const where = 'persistentContrastiveDivergence()';
  refuseUnknown(where, options, chainOptionNames);
  return freezeDeep({ type: 'persistentContrastiveDivergence', ...readChainOptions(where, options) });
}

/** The name under which a checkpoint keeps the hidden states of the chains. */
const CHAINS = 'chains';

/** Trains the machine of index `depth` of a stack. */
export function* runPersistent(
  training: Training,
  depth: number,
  options: PersistentContrastiveDivergence,
): TrainingLoop {
  const work = new EnergyTraining(training, depth, options, options.chains);
  const chains = new Chains(training, work, options);
  work.offer(() => chains.tensors());
  for (const batch of work.work()) {
    const negative = chains.goOn(batch, training.parameters);
    yield work.finish(batch, negative);
  }
}

/** Chains that go on from where the last update left them. */
export class Chains {
  private readonly lowers: LayerState[];
  private readonly upper: LayerState;
  /** Where monitors reconstruct a batch. */
  private readonly room: LayerState[];
  private started: boolean;

  constructor(
    training: Training,
    private readonly work: EnergyTraining,
    private readonly options: { readonly chains: number; readonly gibbsSteps: Schedule },
  ) {
    work.requireChains();
    this.lowers = work.lowerLayers(options.chains);
    this.upper = work.layer(work.machine.upper, options.chains);
    this.room = work.lowerLayers(work.rows);
    const states = training.restored.get(CHAINS);
    this.started = states !== undefined;
    if (states !== undefined) this.upper.write(training.parameters.runtime, states);
  }

  /** The sweeps of one update under these parameters: the negative phase. */
  goOn(batch: Batch, parameters: Parameters): Phase {
    const { work, lowers, upper } = this;
    const { machine, kept } = work;
    if (batch.measured) work.measureReconstruction(this.room);
    if (!this.started) this.startAt(work.hidden);
    const { update } = batch;
    const steps = scheduledCount(this.options.gibbsSteps, batch.epoch, batch.share);
    for (let sweep = 1; sweep <= steps; sweep += 1) {
      const draw = { update, sweep };
      inferLowers(parameters, machine, upper, lowers, { keep: 'means', draw });
      inferUpper(parameters, machine, lowers, upper, { keep: sweep === steps ? kept : 'means', draw });
      work.drop(upper, update);
    }
    return { lowers, states: true, upper };
  }

  /** Starts at the hidden states of a batch, over again where there are more chains than rows. */
  private startAt(hidden: LayerState): void {
    const { runtime } = this.work.parameters;
    const { rows, units } = hidden.activity;
    const states = hidden.statesOf(runtime, rows);
    const { chains } = this.options;
    const values = new Float32Array(chains * units);
    for (let chain = 0; chain < chains; chain += 1) {
      const row = chain % rows;
      values.set(states.subarray(row * units, (row + 1) * units), chain * units);
    }
    this.upper.write(runtime, values);
    this.started = true;
  }

  /** The hidden states, for a checkpoint; none before the start. */
  tensors(): [string, Float32Array][] {
    return this.started ? [[CHAINS, this.upper.statesOf(this.work.parameters.runtime, this.options.chains)]] : [];
  }
}
