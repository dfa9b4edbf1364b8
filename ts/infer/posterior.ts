/**
 * The posterior of a sigmoid belief net's hidden units given visible rows, in four ways:
 *
 * - `exact`: all states of at most 20 hidden units, f64;
 * - `gibbs`: chains that draw each unit given all others, or a layer's units together. The standard errors are between
 *   chains that know nothing of each other, so what a chain forgets slowly is counted;
 * - `meanField`: the factorial distribution that is best for a lower bound of the log-likelihood, by coordinate ascent (Saul,
 *   Jaakkola and Jordan 1996), exact where a unit has at most 12 free causes;
 * - `recognition`: means along the recognition connections, each layer given means of those below it.
 */
import type { Dataset } from '../data/dataset.js';
import { type BeliefNet, binaryBeliefNetOf, hiddenLayersOf, requireRecognition } from '../graph/belief-net.js';
import { type Graph, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import { noiseStream } from '../noise.js';
import { boolean, finiteNumber, integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { withScratch } from '../runtime/allocation.js';
import { freeLayers } from './belief-layers.js';
import { LayerState } from './layer-state.js';
import { type Moves, RowNet } from './row-net.js';
import { refuseIntensities, refuseMissing } from './source.js';

/** Enumeration of all states of the hidden units. */
export interface ExactPosteriorOptions {
  readonly method: 'exact';
  /** Whether the probability of every state is given too; default false. */
  readonly table?: boolean;
}

/** Chains of Gibbs sampling. */
export interface GibbsPosteriorOptions {
  readonly method: 'gibbs';
  readonly seed: number;
  /** Sweeps of each chain that are counted, default 1,000. */
  readonly sweeps?: number;
  /** Sweeps before those, default 100. */
  readonly burnIn?: number;
  /**
   * Independent chains for each row, from 2, default 16. Each starts with every hidden unit on or off by the toss of a coin, so
   * that what chains do not forget shows as their spread.
   */
  readonly chains?: number;
  /** Whether `units` are drawn one by one (default) or all of a `layer` together, at most 12. */
  readonly moves?: Moves;
}

/** Factorial mean field. */
export interface MeanFieldPosteriorOptions {
  readonly method: 'meanField';
  readonly seed: number;
  /** At most so many passes over the units, default 200; it ends before where no mean moves any more. */
  readonly sweeps?: number;
  /** Means start from numbers `drawn` between 0.25 and 0.75 (default), or all at one number between 0 and 1. */
  readonly start?: 'drawn' | number;
  /** Whether units move in turn (default) or all at once, which may swing between two states for ever: for comparison. */
  readonly order?: 'inTurn' | 'atOnce';
}

/** Means along the recognition connections. */
export interface RecognitionPosteriorOptions {
  readonly method: 'recognition';
}

/** What `posterior()` takes: a method, and what that method needs. */
export type PosteriorOptions =
  | ExactPosteriorOptions
  | GibbsPosteriorOptions
  | MeanFieldPosteriorOptions
  | RecognitionPosteriorOptions;

/** Means of each hidden layer, `[rows, units]`, by its name. */
export type LayerMeans = Readonly<Record<string, Float64Array>>;

/** What enumeration gives. */
export interface ExactPosterior {
  readonly method: 'exact';
  readonly means: LayerMeans;
  /** Of each row, nats. */
  readonly logLikelihoods: Float64Array;
  /** Asked for: `[rows, 2^units]`; bit k of a state's number is the unit `units[k]`. */
  readonly table: { readonly units: readonly HiddenUnit[]; readonly probabilities: Float64Array } | undefined;
}

/** A hidden unit. */
export interface HiddenUnit {
  readonly layer: string;
  readonly unit: number;
}

/** What chains give. */
export interface GibbsPosterior {
  readonly method: 'gibbs';
  readonly means: LayerMeans;
  /** Standard errors of the means, from the spread between chains, `[rows, units]`. */
  readonly standardErrors: LayerMeans;
  /** How many independent draws would have errors as large: `mean (1 − mean) / error²`, `[rows, units]`. */
  readonly effectiveSampleSizes: LayerMeans;
  readonly chains: number;
  readonly sweeps: number;
}

/** What mean field gives. */
export interface MeanFieldPosterior {
  readonly method: 'meanField';
  readonly means: LayerMeans;
  /** Lower bounds of the log-likelihood of each row, nats. */
  readonly bounds: Float64Array;
}

/** What the recognition net gives. */
export interface RecognitionPosterior {
  readonly method: 'recognition';
  readonly means: LayerMeans;
}

/** What each method gives. */
export type PosteriorOf<Options extends PosteriorOptions> = Options extends ExactPosteriorOptions
  ? ExactPosterior
  : Options extends GibbsPosteriorOptions
    ? GibbsPosterior
    : Options extends MeanFieldPosteriorOptions
      ? MeanFieldPosterior
      : RecognitionPosterior;

const WHERE = 'posterior()';

/** Posterior of the hidden units given rows of states; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`, `DATA_INVALID`. */
export function posterior<Options extends PosteriorOptions>(
  parameters: Parameters,
  data: Dataset,
  options: Options,
): PosteriorOf<Options> {
  refuseUnknown(WHERE, options, names);
  const method = oneOf(WHERE, 'method', options.method, ['exact', 'gibbs', 'meanField', 'recognition'] as const);
  const net = binaryBeliefNetOf(parameters.graph, 'A posterior');
  // Which result belongs to which method the compiler does not see through the conditional type.
  return methods[method](parameters, net, data, options as never) as PosteriorOf<Options>;
}

const names = ['method', 'seed', 'sweeps', 'burnIn', 'chains', 'moves', 'start', 'order', 'table'];

const methods = { exact, gibbs, meanField, recognition } as const;

/** The exact log-likelihood of rows of states by enumeration of the hidden units, `[rows]`, nats. */
export function enumeratedLogLikelihoods(parameters: Parameters, data: Dataset): Float64Array {
  const what = 'An exact likelihood';
  const net = binaryBeliefNetOf(parameters.graph, what);
  return withRowNet(parameters, net, (rowNet) => {
    rowNet.checkEnumerable(what);
    return rowNet.posterior(statesOf(rowNet, net, data, what), false).logLikelihoods;
  });
}

function exact(parameters: Parameters, net: BeliefNet, data: Dataset, options: ExactPosteriorOptions): ExactPosterior {
  refuseUnknown(WHERE, options, ['method', 'table']);
  const wanted = boolean(WHERE, 'table', options.table ?? false);
  const what = 'An exact posterior';
  return withRowNet(parameters, net, (rowNet) => {
    const states = statesOf(rowNet, net, data, what);
    rowNet.checkEnumerable(what);
    const { means, logLikelihoods, tables } = rowNet.posterior(states, wanted);
    const units = hiddenUnitsOf(parameters.graph, net);
    const table = wanted ? { units, probabilities: tables } : undefined;
    return { method: 'exact', means: byLayer(rowNet, net, means), logLikelihoods, table };
  });
}

function gibbs(parameters: Parameters, net: BeliefNet, data: Dataset, options: GibbsPosteriorOptions): GibbsPosterior {
  refuseUnknown(WHERE, options, ['method', 'seed', 'sweeps', 'burnIn', 'chains', 'moves']);
  const seed = readSeed(WHERE, options.seed);
  const sweeps = integer(WHERE, 'sweeps', options.sweeps ?? 1000, { atLeast: 1, atMost: 1e9 });
  const burnIn = integer(WHERE, 'burnIn', options.burnIn ?? 100, { atLeast: 0, atMost: 1e9 });
  const chains = integer(WHERE, 'chains', options.chains ?? 16, { atLeast: 2, atMost: 10_000 });
  const moves = oneOf(WHERE, 'moves', options.moves ?? 'units', ['units', 'layers'] as const);
  return withRowNet(parameters, net, (rowNet) => {
    rowNet.checkMoves(moves);
    const visible = repeatRows(statesOf(rowNet, net, data, 'Gibbs sampling'), rowNet.units, chains);
    const tosses = uniformRows(parameters, rowNet, visible.length / rowNet.units, seed).map((x) => Number(x < 0.5));
    const states = Float32Array.from(withFree(rowNet, visible, tosses));
    const sums = new Float64Array(states.length);
    const stream = noiseStream(parameters.runtime, seed, 'posterior', 0);
    try {
      rowNet.gibbs(states, { moves, stream, update: 0, first: 0, count: burnIn });
      rowNet.gibbs(states, { moves, stream, update: 0, first: burnIn, count: sweeps }, sums);
    } finally {
      stream.free();
    }
    const { means, errors, effective } = betweenChains(sums, rowNet.units, chains, sweeps);
    const named = (values: Float64Array) => byLayer(rowNet, net, values);
    const [standardErrors, effectiveSampleSizes] = [named(errors), named(effective)];
    return { method: 'gibbs', means: named(means), standardErrors, effectiveSampleSizes, chains, sweeps };
  });
}

function meanField(
  parameters: Parameters,
  net: BeliefNet,
  data: Dataset,
  options: MeanFieldPosteriorOptions,
): MeanFieldPosterior {
  refuseUnknown(WHERE, options, ['method', 'seed', 'sweeps', 'start', 'order']);
  const seed = readSeed(WHERE, options.seed);
  const sweeps = integer(WHERE, 'sweeps', options.sweeps ?? 200, { atLeast: 1, atMost: 1e9 });
  const { start = 'drawn' } = options;
  if (typeof start === 'number') finiteNumber(WHERE, 'start', start, { above: 0, below: 1 });
  else oneOf(WHERE, 'start', start, ['drawn'] as const);
  const order = oneOf(WHERE, 'order', options.order ?? 'inTurn', ['inTurn', 'atOnce'] as const);
  return withRowNet(parameters, net, (rowNet) => {
    const states = statesOf(rowNet, net, data, 'Mean field');
    const uniforms = uniformRows(parameters, rowNet, states.length / rowNet.units, seed);
    const starts = typeof start === 'number' ? new Float64Array(states.length).fill(start) : drawnStarts(uniforms);
    const means = withFree(rowNet, states, starts);
    const bounds = rowNet.meanField(means, { sweeps, atOnce: order === 'atOnce' });
    return { method: 'meanField', means: byLayer(rowNet, net, means), bounds };
  });
}

function recognition(
  parameters: Parameters,
  net: BeliefNet,
  data: Dataset,
  options: RecognitionPosteriorOptions,
): RecognitionPosterior {
  refuseUnknown(WHERE, options, ['method']);
  requireRecognition(net, 'A posterior of the recognition net');
  const means = recognitionMeans(parameters, net, data);
  const given = hiddenLayersOf(net).map((layer) => [layer, Float64Array.from(means.get(layer)!)]);
  return { method: 'recognition', means: Object.fromEntries(given) };
}

/** Means of every hidden layer along the recognition connections, `[rows, units]`. */
export function recognitionMeans(
  parameters: Parameters,
  net: BeliefNet,
  data: Dataset,
): ReadonlyMap<string, Float32Array> {
  const { graph, runtime } = parameters;
  refuseMissing(data, 'A recognition net');
  const states = new Map<string, LayerState>();
  const room = (name: string) => {
    const state = new LayerState(runtime, graph, name, data.rows, 0, 'sample');
    states.set(name, state);
    return state;
  };
  try {
    room(net.visible).write(runtime, data.values());
    for (const { layer, connections } of net.recognition) {
      const drives = connections.map((connection) => ({
        source: states.get(connection.lower)!,
        states: connection.lower === net.visible,
        weights: parameters.weight(weightName(connection)),
        direction: 'up' as const,
      }));
      room(layer).infer(drives, parameters.bias(upwardBiasName(graph, layer)), { keep: 'means' });
    }
    return new Map(net.recognition.map(({ layer }) => [layer, states.get(layer)!.values(runtime)]));
  } finally {
    freeLayers(states);
  }
}

function withRowNet<T>(parameters: Parameters, net: BeliefNet, work: (rowNet: RowNet) => T): T {
  const rowNet = new RowNet(parameters, net);
  try {
    return work(rowNet);
  } finally {
    rowNet.free();
  }
}

/** Rows of all units with the data in the visible ones; throws `DATA_INVALID` where they are not states. */
function statesOf(rowNet: RowNet, net: BeliefNet, data: Dataset, what: string): Float32Array<ArrayBuffer> {
  refuseIntensities(data, what);
  return rowNet.join(data.rows, new Map([[net.visible, data.values()]]));
}

function repeatRows(states: Float32Array, units: number, times: number): Float32Array<ArrayBuffer> {
  const repeated = new Float32Array(states.length * times);
  for (let row = 0; row < repeated.length / units; row += 1) {
    const from = Math.floor(row / times) * units;
    repeated.set(states.subarray(from, from + units), row * units);
  }
  return repeated;
}

/** Means over chains, their standard errors and how many independent draws would have as large ones. */
function betweenChains(sums: Float64Array, units: number, chains: number, sweeps: number) {
  const length = sums.length / chains;
  const [means, errors, effective] = [0, 1, 2].map(() => new Float64Array(length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let place = 0; place < length; place += 1) {
    const first = Math.floor(place / units) * chains * units + (place % units);
    const ofChains = Array.from({ length: chains }, (_, chain) => sums[first + chain * units]! / sweeps);
    const mean = ofChains.reduce((sum, x) => sum + x, 0) / chains;
    const squares = ofChains.reduce((sum, x) => sum + (x - mean) * (x - mean), 0);
    means[place] = mean;
    errors[place] = Math.sqrt(squares / (chains - 1) / chains);
    // Where all chains agree to the last bit there is nothing to divide by: as many as were counted.
    const counted = chains * sweeps;
    effective[place] =
      squares === 0 ? counted : Math.min(counted, (mean * (1 - mean)) / (errors[place]! * errors[place]!));
  }
  return { means, errors, effective };
}

/** Uniform numbers for every unit of rows. */
function uniformRows(parameters: Parameters, rowNet: RowNet, rows: number, seed: number): Float32Array {
  const stream = noiseStream(parameters.runtime, seed, 'posterior', 1);
  try {
    return drawUniforms(parameters, stream, rows, rowNet.units);
  } finally {
    stream.free();
  }
}

/** Uniform numbers in [0, 1), `[rows, units]`, at the place where the stream stands. */
export function drawUniforms(
  { runtime }: Parameters,
  stream: ReturnType<typeof noiseStream>,
  rows: number,
  units: number,
): Float32Array<ArrayBuffer> {
  const drawn = new Float32Array(rows * units);
  withScratch(runtime, units * 4, (scratch) => {
    for (let row = 0; row < rows; row += 1) {
      stream.uniforms(row, scratch.handle, units);
      drawn.set(scratch.floats().subarray(0, units), row * units);
    }
  });
  return drawn;
}

/** Means from which mean field starts, between 0.25 and 0.75, of uniform numbers. */
export function drawnStarts(uniforms: Float32Array): Float64Array {
  return Float64Array.from(uniforms, (uniform) => 0.25 + uniform / 2);
}

/** The states of clamped units, and these numbers for the free ones. */
export function withFree(
  rowNet: RowNet,
  states: Float32Array,
  numbers: Float32Array | Float64Array,
): Float64Array<ArrayBuffer> {
  const free = new Set(rowNet.freeUnits());
  return Float64Array.from(states, (state, place) => (free.has(place % rowNet.units) ? numbers[place]! : state));
}

function byLayer(rowNet: RowNet, net: BeliefNet, values: Float64Array): LayerMeans {
  return Object.fromEntries(hiddenLayersOf(net).map((layer) => [layer, rowNet.take(values, layer)]));
}

function hiddenUnitsOf(graph: Graph, net: BeliefNet): HiddenUnit[] {
  return hiddenLayersOf(net).flatMap((layer) =>
    Array.from({ length: unitsOf(graph, layer) }, (_, unit) => ({ layer, unit })),
  );
}
