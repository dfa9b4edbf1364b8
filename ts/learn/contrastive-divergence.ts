/**
 * Contrastive divergence, CD-k (Hinton, "Training products of experts by minimizing contrastive divergence", 2002; the
 * choices and defaults of his "A practical guide to training restricted Boltzmann machines", 2010).
 *
 * For each batch:
 * 1. positive phase: hidden means and states given the data;
 * 2. negative phase: k times visible given hidden, hidden given visible;
 * 3. `ΔW = rate · (⟨v h⟩ of the data − ⟨v h⟩ of the reconstruction − cost · W)`, with momentum; biases likewise.
 */

import { layerOf } from '../graph/graph.js';
import { inferLowers, inferUpper } from '../infer/drives.js';
import type { Passing } from '../infer/source.js';
import { freezeDeep, oneOf, refuseUnknown } from '../options.js';
import { unitType } from '../units/index.js';
import { EnergyTraining } from './energy-training.js';
import { readCounts, type Schedule, scheduledCount } from './schedule.js';
import {
  type CompleteTrainerOptions,
  readTrainerOptions,
  type TrainerOptions,
  trainerOptionNames,
} from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';

/** What `contrastiveDivergence()` takes; everything has a default. */
export interface ContrastiveDivergenceOptions extends TrainerOptions {
  /** Full Gibbs steps of the negative phase, default 1; a schedule's values are rounded. */
  readonly gibbsSteps?: Schedule;
  /**
   * What the last reconstruction is: `probabilities` or `states`. Default `null`: probabilities (the guide, section 3.2), and
   * states where a lower layer is Gaussian, whose noise the hidden units must see.
   */
  readonly reconstruction?: Passing | null;
}

/** Contrastive divergence as plain data, complete. */
export interface ContrastiveDivergence extends CompleteTrainerOptions {
  readonly type: 'contrastiveDivergence';
  readonly gibbsSteps: Schedule;
  readonly reconstruction: Passing | null;
}

/** How many Gibbs steps there may be: a sweep's number is part of its draws' address. */
export const GIBBS_STEPS = { atLeast: 1, atMost: 65_000 };

/** Contrastive divergence with these options; throws `OPTION_INVALID`. */
export function contrastiveDivergence(options: ContrastiveDivergenceOptions = {}): ContrastiveDivergence {
  const where = 'contrastiveDivergence()';
  refuseUnknown(where, options, ['gibbsSteps', ...trainerOptionNames, 'reconstruction']);
  const passing = ['probabilities', 'states'] as const;
  return freezeDeep({
    type: 'contrastiveDivergence',
    gibbsSteps: readCounts(where, 'gibbsSteps', options.gibbsSteps ?? 1, GIBBS_STEPS),
    ...readTrainerOptions(where, options),
    reconstruction:
      options.reconstruction == null ? null : oneOf(where, 'reconstruction', options.reconstruction, passing),
  });
}

/** Trains the machine of index `depth` of a stack; the page of the paper, top to bottom. */
export function* runContrastiveDivergence(
  training: Training,
  depth: number,
  options: ContrastiveDivergence,
): TrainingLoop {
  const work = new EnergyTraining(training, depth, options);
  const { parameters, machine, kept, hidden: h0 } = work;
  const reconstruction = work.lowerLayers(work.rows);
  const h1 = work.layer(machine.upper, work.rows);
  const passed = options.reconstruction ?? (needNoise(work) ? 'states' : 'probabilities');
  work.offer();
  for (const batch of work.work()) {
    const { update } = batch;
    for (const layer of [...reconstruction, h1]) layer.setRows(batch.rows);
    const steps = scheduledCount(options.gibbsSteps, batch.epoch, batch.share);
    for (let sweep = 1; sweep <= steps; sweep += 1) {
      const last = sweep === steps;
      const drawn = !last || passed === 'states';
      const draw = { update, sweep };
      inferLowers(parameters, machine, sweep > 1 ? h1 : h0, reconstruction, {
        keep: 'means',
        ...(drawn ? { draw } : {}),
      });
      if (batch.measured && sweep === 1) work.measure(reconstruction);
      const keep = last ? kept : 'means';
      inferUpper(parameters, machine, reconstruction, h1, last && kept === 'means' ? { keep } : { keep, draw });
      work.drop(h1, update);
    }
    const negative = { lowers: reconstruction, states: passed === 'states', upper: h1 };
    yield work.finish(batch, negative, batch.rowWeights);
  }
}

/** Whether a lower layer's reconstruction must have its noise. */
function needNoise({ machine, parameters }: EnergyTraining): boolean {
  return machine.connections.some(({ lower }) => unitType(layerOf(parameters.graph, lower).units).needsNoise === true);
}
