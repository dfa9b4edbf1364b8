/**
 * Greedy learning of a stack, a machine at a time, bottom first (Hinton, Osindero and Teh 2006): each machine takes the
 * activities that the trained ones below it give for the data as its own data. The machines of a deep Boltzmann machine
 * count some sides twice (`pretraining.ts`), and one more phase may train all of its layers together.
 */
import { WakesleepError } from '../errors.js';
import { chainOf, isDeepBoltzmannMachine } from '../graph/deep-boltzmann.js';
import { type Graph, unsuitable } from '../graph/graph.js';
import { requireTied, stackOf } from '../graph/machines.js';
import { describeValue, freezeDeep } from '../options.js';
import { checkDeepBoltzmann, type DeepBoltzmannLearning, runDeepBoltzmann } from './deep-boltzmann.js';
import { isMachineTrainer, type MachineTrainer, runMachineTrainer } from './machine-trainers.js';
import { runPretraining } from './pretraining.js';
import type { Training, TrainingLoop } from './training.js';

/** Greedy learning as plain data. */
export interface Greedy {
  readonly type: 'greedy';
  /** One algorithm for each machine, bottom first, or `null` to leave it as it is; for a deep Boltzmann machine perhaps one more, for all layers. */
  readonly phases: readonly (GreedyPhase | null)[];
}

/** What a phase may be. */
export type GreedyPhase = MachineTrainer | DeepBoltzmannLearning;

/**
 * Trains the machines of a stack in turn, each by its own algorithm. The phases for a deep Boltzmann machine are contrastive
 * divergence, persistent or not, and may end with `deepBoltzmannLearning()`. A phase of `null` leaves its machine as it is: it may
 * not be the last, and in a deep Boltzmann machine it has none but `null` and `deepBoltzmannLearning()` after it. Throws
 * `OPTION_INVALID`.
 */
export function greedy(phases: readonly (GreedyPhase | null)[]): Greedy {
  const isPhase = (phase: GreedyPhase | null, index: number) =>
    (phase === null && index < phases.length - 1) ||
    isMachineTrainer(phase) ||
    (phase?.type === 'deepBoltzmannLearning' && index > 0 && index === phases.length - 1);
  const wrong = !Array.isArray(phases) || phases.length === 0 || !phases.every(isPhase);
  if (wrong) {
    const wanted =
      'a list of algorithms such as contrastiveDivergence(), one for each layer above the data, and deepBoltzmannLearning() only as the last';
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
  const { phases } = algorithm;
  if (isDeepBoltzmannMachine(graph) || phases.at(-1)?.type === 'deepBoltzmannLearning') checkPretraining(graph, phases);
  else checkStack(graph, phases);
}

function checkStack(graph: Graph, phases: Greedy['phases']): void {
  const stack = stackOf(graph);
  requireTied(stack, 'Greedy learning');
  checkCount(
    phases,
    stack.machines.map(({ upper }) => upper),
  );
}

function checkCount(phases: Greedy['phases'], layers: readonly string[]): void {
  if (layers.length === phases.length) return;
  throw unsuitable(
    `greedy() has ${phases.length} phases for a graph of ${layers.length} layers above the data.`,
    layers.at(-1)!,
  );
}

/** Trainers whose two phases may count sides twice. */
const PRETRAINERS: readonly GreedyPhase['type'][] = ['contrastiveDivergence', 'persistentContrastiveDivergence'];

function checkPretraining(graph: Graph, phases: Greedy['phases']): void {
  checkDeepBoltzmann(graph);
  const { layers } = chainOf(graph, 'Pretraining');
  const single = phases.filter((phase) => phase?.type !== 'deepBoltzmannLearning');
  checkCount(single, layers.slice(1));
  single.forEach((phase, index) => {
    // What is left as it is has no trained machine above, and there is a machine below that is trained.
    const isLeft = phase === null && index > 0 && single.slice(index).every((later) => later === null);
    if (isLeft || (phase !== null && PRETRAINERS.includes(phase.type))) return;
    const layer = layers[index + 1]!;
    throw unsuitable(
      `Pretraining a deep Boltzmann machine takes ${PRETRAINERS.join(' or ')}, and null for machines above the last that is trained; the phase of \`${layer}\` is ${phase?.type ?? null}.`,
      layer,
    );
  });
}

/** Runs the phases from where the training stands. */
export function* runGreedy(training: Training, algorithm: Greedy): TrainingLoop {
  const { progress, parameters } = training;
  const single = algorithm.phases.filter(isMachineTrainer);
  if (isDeepBoltzmannMachine(parameters.graph)) yield* runPretraining(training, single);
  while (progress.phase < algorithm.phases.length) {
    const phase = algorithm.phases[progress.phase]!;
    if (isMachineTrainer(phase)) yield* runMachineTrainer(training, progress.phase, phase);
    else if (phase !== null) yield* runDeepBoltzmann(training, phase);
    training.release();
    progress.phase += 1;
    progress.epoch = 0;
  }
}
