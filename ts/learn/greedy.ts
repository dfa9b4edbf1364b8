/**
 * Greedy learning of a stack, a machine at a time, bottom first (Hinton, Osindero and Teh 2006): each machine takes the
 * activities that the trained ones below it give for the data as its own data.
 */
import { WakesleepError } from '../errors.js';
import { type Graph, unsuitable } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { describeValue, freezeDeep } from '../options.js';
import { isMachineTrainer, type MachineTrainer, runMachineTrainer } from './machine-trainers.js';
import type { Training, TrainingLoop } from './training.js';

/** Greedy learning as plain data. */
export interface Greedy {
  readonly type: 'greedy';
  /** One algorithm for each machine, bottom first. */
  readonly phases: readonly MachineTrainer[];
}

/** Trains the machines of a stack in turn, each by its own algorithm; throws `OPTION_INVALID`. */
export function greedy(phases: readonly MachineTrainer[]): Greedy {
  const wrong = !Array.isArray(phases) || phases.length === 0 || !phases.every(isMachineTrainer);
  if (wrong) {
    const wanted = 'a list of algorithms such as contrastiveDivergence(), one for each layer above the data';
    throw new WakesleepError('OPTION_INVALID', `\`greedy()\` takes ${wanted}; got ${describeValue(phases)}.`, {
      given: phases,
      wanted,
      where: 'greedy()',
    });
  }
  return freezeDeep({ type: 'greedy', phases: [...phases] });
}

/** Refuses a graph that has not as many machines as the algorithm has phases. */
export function checkPhases(graph: Graph, algorithm: Greedy): void {
  const { machines } = stackOf(graph);
  if (machines.length === algorithm.phases.length) return;
  throw unsuitable(
    `greedy() has ${algorithm.phases.length} phases for a graph of ${machines.length} layers above the data.`,
    machines.at(-1)!.upper,
  );
}

/** Runs the phases from where the training stands. */
export function* runGreedy(training: Training, algorithm: Greedy): TrainingLoop {
  const { progress } = training;
  while (progress.phase < algorithm.phases.length) {
    yield* runMachineTrainer(training, progress.phase, algorithm.phases[progress.phase]!);
    training.release();
    progress.phase += 1;
    progress.epoch = 0;
  }
}
