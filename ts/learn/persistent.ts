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
import { GIBBS_STEPS } from './contrastive-divergence.js';
import { EnergyTraining } from './energy-training.js';
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

/** Persistent contrastive divergence with these options; throws `OPTION_INVALID`. */
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
  const { chains } = options;
  const work = new EnergyTraining(training, depth, options, chains);
  work.requireChains();
  const { parameters, machine, kept } = work;
  const lowers = work.lowerLayers(chains);
  const upper = work.layer(machine.upper, chains);
  const room = work.lowerLayers(work.rows);
  let started = restoreChains(training, upper);
  work.offer(() => (started ? [[CHAINS, upper.statesOf(parameters.runtime, chains)]] : []));
  for (const batch of work.work()) {
    if (batch.measured) work.measureReconstruction(room);
    if (!started) startChains(training, work.hidden, upper);
    started = true;
    const { update } = batch;
    const steps = scheduledCount(options.gibbsSteps, batch.epoch, batch.share);
    for (let sweep = 1; sweep <= steps; sweep += 1) {
      const draw = { update, sweep };
      inferLowers(parameters, machine, upper, lowers, { keep: 'means', draw });
      inferUpper(parameters, machine, lowers, upper, { keep: sweep === steps ? kept : 'means', draw });
      work.drop(upper, update);
    }
    yield work.finish(batch, { lowers, states: true, upper });
  }
}

/** Puts chains back where a checkpoint left them; whether it had any. */
export function restoreChains(training: Training, upper: LayerState): boolean {
  const states = training.restored.get(CHAINS);
  if (states === undefined) return false;
  upper.write(training.parameters.runtime, states);
  return true;
}

/** Starts chains at the hidden states of a batch, over again where there are more chains than rows. */
export function startChains({ parameters }: Training, hidden: LayerState, chains: LayerState): void {
  const { rows, units } = hidden.activity;
  const states = hidden.statesOf(parameters.runtime, rows);
  const count = chains.activity.rows;
  const values = new Float32Array(count * units);
  for (let chain = 0; chain < count; chain += 1) {
    const row = chain % rows;
    values.set(states.subarray(row * units, (row + 1) * units), chain * units);
  }
  chains.write(parameters.runtime, values);
}
