/** The list of stochastic trainers of one restricted Boltzmann machine, alone or within a stack. */
import {
  type ContrastiveDivergence,
  contrastiveDivergence,
  runContrastiveDivergence,
} from './contrastive-divergence.js';
import { type FastWeights, fastPersistentContrastiveDivergence, runFastPersistent } from './fast-persistent.js';
import { type ParallelTempering, parallelTempering, runParallelTempering } from './parallel-tempering.js';
import { type PersistentContrastiveDivergence, persistentContrastiveDivergence, runPersistent } from './persistent.js';
import type { Training, TrainingLoop } from './training.js';

/** Any of them, as plain data. */
export type MachineTrainer = ContrastiveDivergence | PersistentContrastiveDivergence | FastWeights | ParallelTempering;

interface TrainerType<A extends MachineTrainer> {
  read(options: Record<string, unknown>): A;
  run(training: Training, depth: number, algorithm: A): TrainingLoop;
}

/** By type: how options are read, and the loop for the machine of an index. */
export const machineTrainers: { readonly [A in MachineTrainer as A['type']]: TrainerType<A> } = {
  contrastiveDivergence: { read: contrastiveDivergence, run: runContrastiveDivergence },
  persistentContrastiveDivergence: { read: persistentContrastiveDivergence, run: runPersistent },
  fastPersistentContrastiveDivergence: { read: fastPersistentContrastiveDivergence, run: runFastPersistent },
  parallelTempering: { read: parallelTempering, run: runParallelTempering },
};

/** Whether plain data name one of them. */
export function isMachineTrainer(given: { readonly type?: unknown } | null | undefined): given is MachineTrainer {
  return typeof given?.type === 'string' && given.type in machineTrainers;
}

/** The loop of a trainer; type and trainer always belong together, which the compiler cannot see through the union. */
export function runMachineTrainer(training: Training, depth: number, algorithm: MachineTrainer): TrainingLoop {
  const { run } = machineTrainers[algorithm.type] as unknown as TrainerType<MachineTrainer>;
  return run(training, depth, algorithm);
}
