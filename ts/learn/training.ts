/**
 * What a training loop is given, and what it gives back at every batch boundary. The loop reads and moves `progress`;
 * whatever else it would need to go on after a kill, it offers as named tensors.
 */
import type { Dataset } from '../data/dataset.js';
import { seedWords } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { LikelihoodMonitor } from './likelihood-monitor.js';

/** Where training stands: plain data, kept in every checkpoint. */
export interface Progress {
  /** Which of the algorithm's phases (layers of a greedy stack), from 0. */
  phase: number;
  /** Epochs of this phase that are done. */
  epoch: number;
  /** Batches of this epoch that are done. */
  batch: number;
  /** Updates of the model's parameters, ever: the address of its noise. */
  updates: number;
  /** Records given so far. */
  records: number;
  /** Sums of the epoch's monitors. */
  sums: Record<string, number>;
}

/** What an epoch gives, or several together where `recordEvery` says so. Fields in `timing` depend on the machine; all others are the same bits everywhere. */
export interface TrainingRecord {
  /** Which phase of the algorithm, from 0. */
  readonly phase: number;
  /** The layer that was trained in this phase. */
  readonly layer: string;
  /** Epochs of this phase that are done, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Updates of the model's parameters so far. */
  readonly updates: number;
  readonly learningRate: number;
  /** Squared error of the reconstruction's means (of a network, its outputs), summed over a row's units, mean over rows; every tenth batch. */
  readonly reconstructionError: number;
  /** Share of the upper units that are on, mean over rows and units; every tenth batch. */
  readonly meanActivity: number;
  /** Root mean square of the weights. */
  readonly weightNorm: number;
  /** Mean free energy of a fixed slice of training rows and of held-out rows, nats, and the difference of the two. */
  readonly freeEnergy: number | null;
  readonly heldOutFreeEnergy: number | null;
  readonly freeEnergyGap: number | null;
  /** Where it was asked for (`monitor`): the exact log-likelihood of the training rows, mean over them, nats. */
  readonly logLikelihood?: number;
  /**
   * How far `logLikelihood` is below the best that any model can reach on these rows, which is minus the entropy of their
   * distribution, nats: 0 for a model that is the rows' distribution; null where rows are real numbers, which have no best.
   */
  readonly gapToOptimum?: number | null;
  /** Of parallel tempering: the share of swaps that were done between each place of the ladder and the next. */
  readonly swapRates?: readonly number[];
  /** Of networks: the mean loss of training rows, every tenth batch, with what dropout leaves; nats, or half the squared error. */
  readonly loss?: number;
  /** Of networks with labels: of those rows, how many of 100 are not given their label. */
  readonly errorPercent?: number;
  /** Of networks with held-out rows: the same of all of these, with whole layers. */
  readonly heldOutLoss?: number;
  readonly heldOutErrorPercent?: number;
  /** Of belief nets: mean lower bound of the log-likelihood of training rows, nats; every tenth batch. */
  readonly boundNats?: number;
  /** Of up-down: squared error of what recognition says of dreams, summed over a dream's hidden units, mean; every tenth batch. */
  readonly sleepError?: number;
  readonly timing: { readonly seconds: number; readonly rowsPerSecond: number };
}

/** What a loop works with. */
export interface Training {
  readonly parameters: Parameters;
  readonly seed: number;
  readonly data: Dataset;
  readonly heldOut: Dataset | undefined;
  /** Measures the exact likelihood at every record, where that was asked for. */
  readonly likelihood: LikelihoodMonitor | undefined;
  readonly progress: Progress;
  /** Tensors of the checkpoint that this training goes on from; empty where it starts anew. */
  readonly restored: ReadonlyMap<string, Float32Array>;
  /** Keeps something that is freed when the loop ends, however it ends. */
  own<T extends { free(): void }>(thing: T): T;
  /** Says how the loop's state is read for a checkpoint. */
  offer(tensors: () => Map<string, Float32Array>): void;
  /** Frees what is owned and forgets what was restored and offered: a phase is over. */
  release(): void;
}

/** A loop: a step for every batch, and a record where an epoch ends. */
export type TrainingLoop = Generator<TrainingRecord | undefined, void, void>;

/** A seeded order of a view's rows, as numbers in the whole set. */
export function drawOrder(training: Training, order: EngineBuffer, epoch: number, phase: number): void {
  const { parameters, seed, data } = training;
  const [low, high] = seedWords(seed);
  parameters.runtime.kernels.permutation(low, high, epoch, phase, order.handle);
  if (data.firstRow === 0) return;
  const words = order.words();
  for (let i = 0; i < words.length; i += 1) words[i]! += data.firstRow;
}
