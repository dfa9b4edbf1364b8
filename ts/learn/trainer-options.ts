/**
 * Options that every stochastic trainer of a restricted Boltzmann machine takes, with their defaults. Each default is the
 * advice of Hinton, "A practical guide to training restricted Boltzmann machines" (2010), unless it says otherwise.
 */
import { type Graph, layerOf } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { Passing } from '../infer/source.js';
import { boolean, finiteNumber, integer, isPlainObject, oneOf, refuseUnknown } from '../options.js';
import { unitType } from '../units/index.js';
import { readSchedule, type Schedule } from './schedule.js';

/** How gradients move parameters. */
export type Optimiser =
  | { readonly type: 'momentum'; readonly nesterov: boolean }
  | { readonly type: 'adam'; readonly firstDecay: number; readonly secondDecay: number; readonly epsilon: number };

/** What a trainer takes; everything has a default. */
export interface TrainerOptions {
  /**
   * Times that every row is seen. Default `null`: 10, or as many as make 1,000 updates, so that few rows are learned too.
   */
  readonly epochs?: number | null;
  /** Rows of a batch, 1 to 21,845, default 100 (the guide advises 10 to 100). */
  readonly batchRows?: number;
  /**
   * Per case, above 0. Default `null`: 0.05, and a tenth of it where a layer has units other than binary or softmax ones
   * (the guide, section 13.2).
   */
  readonly learningRate?: Schedule | null;
  /**
   * `momentum` (default), `nesterov` (Sutskever et al. 2013) or `adam` (Kingma and Ba 2015), or an object with more:
   * `{ type: 'momentum', nesterov }`, `{ type: 'adam', firstDecay: 0.9, secondDecay: 0.999, epsilon: 1e-8 }`.
   */
  readonly optimiser?: 'momentum' | 'nesterov' | 'adam' | Partial<Optimiser>;
  /** 0 to below 1, default 0.5 and from the sixth epoch 0.9 (the guide, section 9); Adam has decays instead. */
  readonly momentum?: Schedule;
  /** L2 cost of the weights, default 0.0002 (the guide, section 10); never of biases. */
  readonly weightCost?: number;
  /** L1 cost of the weights, default 0; never of biases. */
  readonly l1Cost?: number;
  /** The greatest length of the weights into a hidden unit from one layer, or `null` (default) for no limit. */
  readonly maxNorm?: number | null;
  /**
   * What stands for the data in the lowest layer, and what lower machines pass up: the numbers as probabilities and
   * means, or states drawn anew at every presentation. Default `probabilities`.
   */
  readonly data?: Passing;
  /** What hidden units count as in the statistics: `probabilities` (default) or drawn `states`. */
  readonly statistics?: Passing;
  /**
   * Biases that the layers holding data or labels start from when the machine's training begins: `data`, the log-odds
   * of each unit's mean, clipped to ±4 (default; the guide, section 8), or `keep`, what they are.
   */
  readonly initialBias?: 'data' | 'keep';
  /**
   * Whether both sides are centred: the gradient that units less their running means would have (Montavon and Müller
   * 2012; Melchior, Fischer and Wiskott 2016). `true` stands for `{ rate: 0.01 }`, the share that a batch has in the means.
   * Default `null`, not.
   */
  readonly centring?: boolean | { readonly rate?: number } | null;
  /**
   * A target for the mean activity of each hidden unit: biases and weights feel `cost · (target − running mean)` as a
   * gradient of the total input (the guide, section 11); `decay` is that of the running mean. Default `null`, none.
   */
  readonly sparsity?: { readonly target: number; readonly cost: number; readonly decay?: number } | null;
  /**
   * The share of hidden units that are left out, drawn anew for every case and the same in both phases (Srivastava et
   * al. 2014); 0 to below 1, default 0. Weights are not rescaled afterwards.
   */
  readonly hiddenDropout?: number;
  /**
   * Sweeps of Gibbs sampling in which what is missing in a row is drawn given what is known of it, at every presentation;
   * default 10. Only data sets with `known` have missing numbers.
   */
  readonly missingSweeps?: number;
  /**
   * Polyak averaging: `average ← average + (1 − decay) · (parameters − average)` after every update, with a larger share
   * of the first ones. The parameters become the averages when training ends. A number stands for `{ decay }`; default
   * `null`, none.
   */
  readonly averaging?: number | { readonly decay: number } | null;
  /** A record is given every so many epochs, over all of them, and after the last; default 1. */
  readonly recordEvery?: number;
}

/** The options, complete. */
export interface CompleteTrainerOptions {
  readonly epochs: number | null;
  readonly batchRows: number;
  readonly learningRate: Schedule | null;
  readonly optimiser: Optimiser;
  readonly momentum: Schedule;
  readonly weightCost: number;
  readonly l1Cost: number;
  readonly maxNorm: number | null;
  readonly data: Passing;
  readonly statistics: Passing;
  readonly initialBias: 'data' | 'keep';
  readonly centring: { readonly rate: number } | null;
  readonly sparsity: { readonly target: number; readonly cost: number; readonly decay: number } | null;
  readonly hiddenDropout: number;
  readonly missingSweeps: number;
  readonly averaging: { readonly decay: number } | null;
  readonly recordEvery: number;
}

/** The names of those options that make sense for any model: no machine, energy or hidden layer is asked for. */
export const commonOptionNames = [
  'epochs',
  'batchRows',
  'learningRate',
  'optimiser',
  'momentum',
  'weightCost',
  'l1Cost',
  'data',
  'initialBias',
  'averaging',
] as const satisfies readonly (keyof CompleteTrainerOptions)[];

/** One of them. */
export type CommonOption = (typeof commonOptionNames)[number];

/** The names of these options. */
export const trainerOptionNames = [
  'epochs',
  'batchRows',
  'learningRate',
  'optimiser',
  'momentum',
  'weightCost',
  'l1Cost',
  'maxNorm',
  'data',
  'statistics',
  'initialBias',
  'centring',
  'sparsity',
  'hiddenDropout',
  'missingSweeps',
  'averaging',
  'recordEvery',
] as const satisfies readonly (keyof CompleteTrainerOptions)[];

/** A batch has at most this many rows, and a trainer this many chains: case numbers and kinds of terms share 16 bits. */
export const MAX_BATCH_ROWS = 21_845;

const passing = ['probabilities', 'states'] as const;

/** The guide's schedule of momentum. */
const MOMENTUM: Schedule = {
  steps: [
    [0, 0.5],
    [5, 0.9],
  ],
};

/** Checks and completes the options; `defaults` are a trainer's own. Throws `OPTION_INVALID`. */
export function readTrainerOptions(
  where: string,
  options: TrainerOptions,
  defaults: TrainerOptions = {},
): CompleteTrainerOptions {
  const given = <K extends keyof TrainerOptions>(name: K, otherwise: TrainerOptions[K]) =>
    options[name] ?? defaults[name] ?? otherwise;
  const maxNorm = given('maxNorm', null);
  return {
    epochs: readEpochs(where, given('epochs', null)),
    batchRows: integer(where, 'batchRows', given('batchRows', 100), { atLeast: 1, atMost: MAX_BATCH_ROWS }),
    learningRate: readRate(where, 'learningRate', given('learningRate', null)),
    optimiser: readOptimiser(where, given('optimiser', 'momentum')),
    momentum: readSchedule(where, 'momentum', given('momentum', MOMENTUM), { atLeast: 0, below: 1 }),
    weightCost: readCost(where, 'weightCost', given('weightCost', 2e-4)),
    l1Cost: readCost(where, 'l1Cost', given('l1Cost', 0)),
    maxNorm: maxNorm == null ? null : finiteNumber(where, 'maxNorm', maxNorm, { above: 0 }),
    data: oneOf(where, 'data', given('data', 'probabilities'), passing),
    statistics: oneOf(where, 'statistics', given('statistics', 'probabilities'), passing),
    initialBias: oneOf(where, 'initialBias', given('initialBias', 'data'), ['data', 'keep'] as const),
    centring: readCentring(where, given('centring', null)),
    sparsity: readSparsity(where, given('sparsity', null)),
    hiddenDropout: finiteNumber(where, 'hiddenDropout', given('hiddenDropout', 0), { atLeast: 0, below: 1 }),
    missingSweeps: integer(where, 'missingSweeps', given('missingSweeps', 10), { atLeast: 1, atMost: 65_000 }),
    averaging: readAveraging(where, given('averaging', null)),
    recordEvery: integer(where, 'recordEvery', given('recordEvery', 1), { atLeast: 1 }),
  };
}

const decay = { atLeast: 0, below: 1 };

function readEpochs(where: string, given: number | null | undefined): number | null {
  return given == null ? null : integer(where, 'epochs', given, { atLeast: 1 });
}

const DEFAULT_EPOCHS = 10;
const DEFAULT_UPDATES = 1000;

/** How often every row is seen: what is given, or enough for a model of few rows to be learned. */
export function epochsOf(given: number | null, batches: number): number {
  return given ?? Math.max(DEFAULT_EPOCHS, Math.ceil(DEFAULT_UPDATES / batches));
}

/** Checks a learning rate, or `null` for what is the default. */
export function readRate(where: string, name: string, given: unknown): Schedule | null {
  return given == null ? null : readSchedule(where, name, given, { above: 0 });
}

/** Checks a cost of weights. */
export function readCost(where: string, name: string, given: unknown): number {
  return finiteNumber(where, name, given, { atLeast: 0 });
}

/** The learning rate of a machine of binary units, per case, where none is given. */
export const DEFAULT_LEARNING_RATE = 0.05;

/** The learning rate of a machine: what is given, or what suits its units. */
export function rateOf(given: Schedule | null, graph: Graph, machine: Machine): Schedule {
  if (given !== null) return given;
  const layers = [machine.upper, ...machine.connections.map(({ lower }) => lower)];
  const shares = layers.map((name) => unitType(layerOf(graph, name).units).rateShare ?? 1);
  return DEFAULT_LEARNING_RATE * Math.min(...shares);
}

/** Checks and completes an optimiser. */
export function readOptimiser(where: string, given: TrainerOptions['optimiser']): Optimiser {
  const inside = `${where}.optimiser`;
  const named: Record<string, unknown> = isPlainObject(given) ? given : { type: given };
  const type = oneOf(where, 'optimiser', named.type, ['momentum', 'nesterov', 'adam'] as const);
  if (type !== 'adam') {
    refuseUnknown(inside, named, ['type', 'nesterov']);
    const nesterov = type === 'nesterov' || boolean(inside, 'nesterov', named.nesterov ?? false);
    return { type: 'momentum', nesterov };
  }
  refuseUnknown(inside, named, ['type', 'firstDecay', 'secondDecay', 'epsilon']);
  return {
    type,
    firstDecay: finiteNumber(inside, 'firstDecay', named.firstDecay ?? 0.9, decay),
    secondDecay: finiteNumber(inside, 'secondDecay', named.secondDecay ?? 0.999, decay),
    epsilon: finiteNumber(inside, 'epsilon', named.epsilon ?? 1e-8, { above: 0 }),
  };
}

function readCentring(where: string, given: TrainerOptions['centring']): CompleteTrainerOptions['centring'] {
  if (given == null || given === false) return null;
  const options = given === true ? {} : given;
  refuseUnknown(`${where}.centring`, options, ['rate']);
  return { rate: finiteNumber(`${where}.centring`, 'rate', options.rate ?? 0.01, { above: 0, atMost: 1 }) };
}

function readSparsity(where: string, given: TrainerOptions['sparsity']): CompleteTrainerOptions['sparsity'] {
  if (given == null) return null;
  const inside = `${where}.sparsity`;
  refuseUnknown(inside, given, ['target', 'cost', 'decay']);
  return {
    target: finiteNumber(inside, 'target', given.target, { above: 0, below: 1 }),
    cost: finiteNumber(inside, 'cost', given.cost, { above: 0 }),
    decay: finiteNumber(inside, 'decay', given.decay ?? 0.9, decay),
  };
}

/** Checks and completes what averaging there is. */
export function readAveraging(where: string, given: TrainerOptions['averaging']): CompleteTrainerOptions['averaging'] {
  if (given == null) return null;
  const options = typeof given === 'number' ? { decay: given } : given;
  refuseUnknown(`${where}.averaging`, options, ['decay']);
  return { decay: finiteNumber(`${where}.averaging`, 'decay', options.decay, { above: 0, below: 1 }) };
}
