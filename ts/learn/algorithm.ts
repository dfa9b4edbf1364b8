/** The list of algorithms: how each is checked, matched with a graph and run. */
import { WakesleepError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { machineOf } from '../graph/machines.js';
import { isPlainObject, nearestName } from '../options.js';
import { type Backpropagation, backpropagation, checkBackpropagation, runBackpropagation } from './backpropagation.js';
import {
  type BoltzmannLearning,
  boltzmannLearning,
  checkBoltzmannLearning,
  runBoltzmannLearning,
} from './boltzmann-learning.js';
import {
  type ConjugateGradient,
  checkConjugateGradient,
  conjugateGradient,
  runConjugateGradient,
} from './conjugate-gradient.js';
import {
  checkDeepBoltzmann,
  type DeepBoltzmannLearning,
  deepBoltzmannLearning,
  runDeepBoltzmann,
} from './deep-boltzmann.js';
import { type ExactGradient, exactGradient, runExactGradient } from './exact-gradient.js';
import {
  checkMixture,
  type ExpectationMaximisation,
  expectationMaximisation,
  runExpectationMaximisation,
} from './expectation-maximisation.js';
import { checkPhases, type Greedy, type GreedyPhase, greedy, runGreedy } from './greedy.js';
import { type MachineTrainer, machineTrainers, runMachineTrainer } from './machine-trainers.js';
import { checkMonteCarloEM, type MonteCarloEM, monteCarloEM, runMonteCarloEM } from './monte-carlo-em.js';
import {
  checkReweightedWakeSleep,
  type ReweightedWakeSleep,
  reweightedWakeSleep,
  runReweightedWakeSleep,
} from './reweighted-wake-sleep.js';
import type { Training, TrainingLoop } from './training.js';
import { checkUpDown, runUpDown, type UpDown, upDown } from './up-down.js';
import { checkVariationalEM, runVariationalEM, type VariationalEM, variationalEM } from './variational-em.js';
import { checkWakeSleep, runWakeSleep, type WakeSleep, wakeSleep } from './wake-sleep.js';

/** Any algorithm, as plain data. */
export type Algorithm =
  | MachineTrainer
  | ExactGradient
  | ExpectationMaximisation
  | BoltzmannLearning
  | DeepBoltzmannLearning
  | Greedy
  | WakeSleep
  | UpDown
  | ReweightedWakeSleep
  | MonteCarloEM
  | VariationalEM
  | Backpropagation
  | ConjugateGradient;

/** What an algorithm's type must answer. */
interface AlgorithmType<A extends Algorithm> {
  read(options: Record<string, unknown>): A;
  check(graph: Graph, algorithm: A): void;
  run(training: Training, algorithm: A): TrainingLoop;
}

/** A stochastic trainer at work on the only machine of a graph. */
function aloneOnMachine<A extends MachineTrainer>(type: A['type'], what: string): AlgorithmType<A> {
  const { read } = machineTrainers[type] as unknown as { read(options: Record<string, unknown>): A };
  return {
    read,
    check: (graph) => void machineOf(graph, what),
    run: (training, algorithm) => runMachineTrainer(training, 0, algorithm),
  };
}

const types: { readonly [A in Algorithm as A['type']]: AlgorithmType<A> } = {
  contrastiveDivergence: aloneOnMachine('contrastiveDivergence', 'Contrastive divergence'),
  persistentContrastiveDivergence: aloneOnMachine(
    'persistentContrastiveDivergence',
    'Persistent contrastive divergence',
  ),
  fastPersistentContrastiveDivergence: aloneOnMachine(
    'fastPersistentContrastiveDivergence',
    'Persistent contrastive divergence with fast weights',
  ),
  parallelTempering: aloneOnMachine('parallelTempering', 'Parallel tempering'),
  exactGradient: {
    read: (options) => exactGradient(options),
    check: (graph) => void machineOf(graph, 'The exact gradient'),
    run: (training, algorithm) => runExactGradient(training, algorithm),
  },
  expectationMaximisation: {
    read: (options) => expectationMaximisation(options),
    check: checkMixture,
    run: (training, algorithm) => runExpectationMaximisation(training, algorithm),
  },
  boltzmannLearning: {
    read: (options) => boltzmannLearning(options),
    check: checkBoltzmannLearning,
    run: (training, algorithm) => runBoltzmannLearning(training, algorithm),
  },
  greedy: {
    read: ({ phases }) =>
      greedy(
        Array.isArray(phases)
          ? (phases.map((phase) => phase && readAlgorithm(phase)) as GreedyPhase[])
          : (phases as never),
      ),
    check: checkPhases,
    run: (training, algorithm) => runGreedy(training, algorithm),
  },
  deepBoltzmannLearning: {
    read: (options) => deepBoltzmannLearning(options),
    check: (graph) => void checkDeepBoltzmann(graph),
    run: (training, algorithm) => runDeepBoltzmann(training, algorithm),
  },
  upDown: { read: upDown, check: checkUpDown, run: runUpDown },
  wakeSleep: { read: wakeSleep, check: checkWakeSleep, run: runWakeSleep },
  reweightedWakeSleep: { read: reweightedWakeSleep, check: checkReweightedWakeSleep, run: runReweightedWakeSleep },
  monteCarloEM: { read: monteCarloEM, check: checkMonteCarloEM, run: runMonteCarloEM },
  backpropagation: {
    read: backpropagation,
    check: (graph, algorithm) => void checkBackpropagation(graph, algorithm),
    run: runBackpropagation,
  },
  conjugateGradient: {
    read: conjugateGradient,
    check: (graph) => void checkConjugateGradient(graph),
    run: runConjugateGradient,
  },
  variationalEM: { read: variationalEM, check: checkVariationalEM, run: runVariationalEM },
};

/** Checks plain data from outside (a caller, a configuration, a checkpoint); throws `OPTION_INVALID`. */
export function readAlgorithm(given: unknown): Algorithm {
  const known = Object.keys(types);
  if (!isPlainObject(given) || typeof given.type !== 'string' || !known.includes(given.type)) {
    const type = isPlainObject(given) ? given.type : undefined;
    const nearest = typeof type === 'string' ? nearestName(type, known) : undefined;
    const advice = nearest === undefined ? `\`type\` is one of ${known.join(', ')}` : `did you mean \`${nearest}\`?`;
    throw new WakesleepError('OPTION_INVALID', `This is not an algorithm; ${advice}.`.replace('?.', '?'), {
      given,
      where: 'algorithm',
    });
  }
  const { type, ...options } = given;
  return typeOf(type as Algorithm['type']).read(options);
}

/** Refuses a graph that the algorithm cannot train; throws `GRAPH_UNSUITABLE`. */
export function checkAlgorithm(graph: Graph, algorithm: Algorithm): void {
  typeOf(algorithm.type).check(graph, algorithm);
}

/** The algorithm's loop. */
export function runAlgorithm(training: Training, algorithm: Algorithm): TrainingLoop {
  return typeOf(algorithm.type).run(training, algorithm);
}

/** The key and the algorithm's own type always belong together, which the compiler cannot see through the union. */
function typeOf(type: Algorithm['type']): AlgorithmType<Algorithm> {
  return types[type] as unknown as AlgorithmType<Algorithm>;
}
