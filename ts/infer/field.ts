/**
 * General Boltzmann machines at work: the kernels' field with a model's parameters, and chains of its units. Sampling clamps
 * any subset of units; a sweep draws colour after colour, the units of a colour together (crates/kernels/src/field.rs).
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { coloursOf, type FieldConnection, type FieldGraph, type FieldLayer, fieldOf } from '../graph/field.js';
import { biasName, type Graph, unsuitable, weightName } from '../graph/graph.js';
import { noiseStream, type purposes } from '../noise.js';
import { describeValue, integer, isPlainObject, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { created, readFloats, withFloats, withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { FieldChains, Field as KernelField, Stream } from '../wasm/st.js';
import type { SampleOptions } from './sample.js';
import { readEvery, Snapshots } from './snapshots.js';
import { refuseMissing } from './source.js';

/** A model's graph and parameters as the kernels take them. */
export class Field {
  readonly graph: FieldGraph;
  readonly kernel: KernelField;
  private readonly bias: EngineBuffer;
  private readonly weights: EngineBuffer;

  /** With the parameters as they are now; throws `GRAPH_UNSUITABLE`, `OUT_OF_MEMORY`. */
  constructor(
    readonly parameters: Parameters,
    what: string,
  ) {
    const { runtime } = parameters;
    this.graph = fieldOf(parameters.graph, what);
    const { units, pairs } = this.graph;
    this.kernel = withScratch(runtime, units * 4, (colours) =>
      withScratch(runtime, pairs.length * 4, (joined) => {
        colours.words().set(coloursOf(this.graph));
        joined.words().set(pairs);
        const made = runtime.kernels.Field.create(colours.handle, units, joined.handle, pairs.length / 2);
        return created(runtime, 'a Boltzmann machine', made);
      }),
    );
    this.bias = runtime.allocate(units * 4);
    this.weights = runtime.allocate(pairs.length * 2);
    this.refresh();
  }

  /** Takes the parameters as they are now. */
  refresh(): void {
    const { parameters, graph } = this;
    for (const { name, first } of graph.layers) {
      const values = parameters.read(biasName(name));
      // Reading may have made the memory grow, so views are taken after it.
      this.bias.floats().set(values, first);
    }
    for (const joined of graph.connections) {
      const values = parameters.read(weightName(joined.connection));
      this.weights.floats().set(this.isWithin(joined) ? lowerTriangle(values) : values, joined.first);
    }
    this.kernel.set(this.bias.handle, this.weights.handle);
  }

  /** Numbers by pair as a connection's weights have them in files: within a layer a symmetric matrix, 0 on its diagonal. */
  ofConnection(joined: FieldConnection, byPair: Float32Array): Float32Array {
    const own = byPair.subarray(joined.first, joined.first + joined.pairs);
    return this.isWithin(joined) ? symmetric(own) : own;
  }

  private isWithin({ connection: { lower, upper, edges } }: FieldConnection): boolean {
    return lower === upper && edges === undefined;
  }

  /** Root of the mean square of the weights of all pairs. */
  weightNorm(): number {
    const pairs = this.graph.pairs.length / 2;
    const squares = this.weights.floats().reduce((sum, weight) => sum + weight * weight, 0);
    return Math.sqrt(squares / Math.max(1, pairs));
  }

  /** Gives the memory back. */
  free(): void {
    for (const owned of [this.kernel, this.bias, this.weights]) owned.free();
  }
}

/** What stands below the diagonal of a square matrix, row after row. */
function lowerTriangle(values: Float32Array): Float32Array {
  const side = Math.round(Math.sqrt(values.length));
  const triangle = new Float32Array((side * (side - 1)) / 2);
  let next = 0;
  for (let row = 0; row < side; row += 1) {
    triangle.set(values.subarray(row * side, row * side + row), next);
    next += row;
  }
  return triangle;
}

/** The symmetric matrix with this below its diagonal, and 0 on it. */
function symmetric(triangle: Float32Array): Float32Array {
  const side = Math.round((1 + Math.sqrt(1 + 8 * triangle.length)) / 2);
  const values = new Float32Array(side * side);
  let next = 0;
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < row; column += 1, next += 1) {
      values[row * side + column] = triangle[next]!;
      values[column * side + row] = triangle[next]!;
    }
  }
  return values;
}

/** The address of draws; `layer` keeps streams of one purpose apart. */
export interface FieldNoise {
  readonly seed: number;
  readonly purpose: keyof typeof purposes;
  readonly layer: number;
}

/** Averages over chains or states: of each unit, and of the product of each pair. */
export interface FieldAverages {
  readonly units: ArrayLike<number>;
  readonly pairs: ArrayLike<number>;
}

/** Chains of all units of a field. */
export class FieldStates {
  private readonly chains: FieldChains;
  private readonly stream: Stream;

  /** So many chains, all units 0 and free; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly field: Field,
    readonly count: number,
    noise: FieldNoise,
  ) {
    const { runtime } = field.parameters;
    // A lone chain has its lanes over units of a colour, others have theirs over chains.
    const quads = count > 1;
    if (!quads) created(runtime, 'a chain', field.kernel.gather() || undefined);
    this.chains = created(runtime, 'chains', runtime.kernels.FieldChains.create(field.kernel, count, quads));
    this.stream = noiseStream(runtime, noise.seed, noise.purpose, noise.layer);
  }

  private get runtime() {
    return this.field.parameters.runtime;
  }

  /** Takes states, `[chains, units]`. */
  write(values: Float32Array): void {
    withFloats(this.runtime, values, (held) => this.chains.write(this.field.kernel, held.handle));
  }

  /** States, `[chains, units]`. */
  values(): Float32Array<ArrayBuffer> {
    const { count, field } = this;
    return readFloats(this.runtime, count * field.graph.units, (out) => this.chains.read(field.kernel, out.handle));
  }

  /** Clamps the units whose byte in `[chains, units]` is not zero, and frees the others. */
  hold(known: Uint8Array): void {
    withScratch(this.runtime, known.length, (held) => {
      held.bytes().set(known);
      created(this.runtime, 'what is clamped', this.chains.hold(this.field.kernel, held.handle) || undefined);
    });
  }

  /** Draws every free unit from its bias alone. */
  start(update: number, sweep: number): void {
    this.stream.at(update, sweep);
    this.chains.start(this.field.kernel, this.stream);
  }

  /** Sweeps of Gibbs sampling from an address on, which counts up in its updates or in its sweeps. */
  draw(count: number, update: number, sweep: number, along: 'updates' | 'sweeps', beta = 1): void {
    this.stream.at(update, sweep);
    this.chains.draw(this.field.kernel, count, beta, this.stream, along === 'sweeps');
  }

  /** Sweeps of mean field, unit after unit: `damping · old + (1 − damping) · mean`. */
  relax(count: number, damping = 0, beta = 1): void {
    this.chains.relax(this.field.kernel, count, beta, damping);
  }

  /** The mean of each unit, clamped ones too, given the others as they are, `[chains, units]`. */
  means(): Float32Array<ArrayBuffer> {
    const { count, field } = this;
    return readFloats(this.runtime, count * field.graph.units, (out) => this.chains.means(field.kernel, 1, out.handle));
  }

  /** Averages over chains that count `shares`, one for each; of more than one chain. */
  averages(shares: Float32Array): FieldAverages {
    const { units, pairs } = this.field.graph;
    let means = new Float32Array();
    const products = readFloats(this.runtime, pairs.length / 2, (byPair) => {
      means = readFloats(this.runtime, units, (byUnit) => {
        this.chains.addStatistics(this.field.kernel, shares, byPair.handle, byUnit.handle);
      });
    });
    return { units: means, pairs: products };
  }

  /** Gives the memory back. */
  free(): void {
    this.chains.free();
    this.stream.free();
  }
}

const SWEEPS = { atLeast: 1, atMost: 2 ** 32 - 2 };
/** Rows that are worked on together; a block's number is part of its draws' address. */
const BLOCK = 1000;

/**
 * Rows drawn by Gibbs sampling, `[rows, visible units]` or, with `layers: 'all'`, `[rows, units]`; with `every`
 * `[rows, sweeps / every, ...]`. Chains start at `start` or
 * at draws from the biases alone; what `clamp` gives by the name of a layer (NaN leaves a unit free) stays in every
 * sweep. Means are of each unit given the others' last states. Throws `OPTION_INVALID`, `SHAPE_MISMATCH`,
 * `GRAPH_UNSUITABLE`.
 */
export function sampleField(parameters: Parameters, options: SampleOptions): Float32Array<ArrayBuffer> {
  const where = 'sample()';
  refuseUnknown(where, options, ['rows', 'sweeps', 'every', 'seed', 'clamp', 'give', 'start', 'layers']);
  const rows = integer(where, 'rows', options.rows ?? 1, { atLeast: 1 });
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 1000, SWEEPS);
  const every = readEvery(where, options.every ?? sweeps, sweeps);
  const seed = readSeed(where, options.seed);
  const give = oneOf(where, 'give', options.give ?? 'means', ['means', 'states'] as const);
  const layers = oneOf(where, 'layers', options.layers ?? 'visible', ['visible', 'all'] as const);
  const field = new Field(parameters, 'Sampling');
  let states: FieldStates | undefined;
  try {
    const { graph } = field;
    const start = options.start === undefined ? undefined : readStates(graph, options.start as ArrayLike<number>, rows);
    const clamp = readClamp(parameters.graph, graph, options.clamp, rows);
    states = new FieldStates(field, rows, { seed, purpose: 'sample', layer: 0 });
    const values = start ?? new Float32Array(rows * graph.units);
    if (clamp !== undefined) overlay(values, clamp);
    states.write(values);
    if (clamp !== undefined) states.hold(Uint8Array.from(clamp, (value) => Number(!Number.isNaN(value))));
    if (start === undefined) states.start(0, 0);
    const snapshots = new Snapshots(rows, layers === 'all' ? graph.units : graph.visible.units, sweeps, every);
    for (let sweep = every; sweep <= sweeps; sweep += every) {
      states.draw(every, sweep - every + 1, 0, 'updates');
      const found = give === 'states' ? states.values() : states.means();
      if (clamp !== undefined) overlay(found, clamp);
      snapshots.take(sweep, layers === 'all' ? found : columnsOf(found, graph.units, graph.visible));
    }
    return snapshots.values;
  } finally {
    states?.free();
    field.free();
  }
}

/** Numbers in [0, 1] for all units of so many rows. */
function readStates(graph: FieldGraph, given: ArrayLike<number>, rows: number): Float32Array<ArrayBuffer> {
  const where = 'sample().start';
  const wanted = rows * graph.units;
  if (given.length !== wanted) {
    const message = `\`start\` has ${given.length} numbers; ${rows} rows of ${graph.units} units have ${wanted}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: given.length, wanted: String(wanted), where });
  }
  const values = Float32Array.from(given);
  checkStates(where, values);
  return values;
}

function checkStates(where: string, values: Float32Array, mayBeFree = false): void {
  const wrong = values.findIndex((value) => !(value >= 0 && value <= 1) && !(mayBeFree && Number.isNaN(value)));
  if (wrong < 0) return;
  const wanted = mayBeFree ? 'numbers from 0 to 1, or NaN where a unit is free' : 'numbers from 0 to 1';
  const message = `${where} must hold ${wanted}; number ${wrong} is ${values[wrong]}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: values[wrong], wanted, where });
}

/** What is clamped, `[rows, units]` with NaN where a unit is free; undefined where nothing is. */
function readClamp(
  graph: Graph,
  field: FieldGraph,
  clamp: SampleOptions['clamp'],
  rows: number,
): Float32Array | undefined {
  if (clamp === undefined) return undefined;
  const where = 'sample().clamp';
  if (!isPlainObject(clamp)) throw wrongClamp(where, clamp, 'an object of layers and their states');
  const all = new Float32Array(rows * field.units).fill(Number.NaN);
  for (const [name, given] of Object.entries(clamp)) {
    const layer = field.layers.find((candidate) => candidate.name === name);
    if (layer === undefined) {
      const names = graph.layers.map((known) => `\`${known.name}\``).join(', ');
      throw unsuitable(`There is no layer \`${name}\` to clamp; the layers are ${names}.`, name);
    }
    const { first, units } = layer;
    const inside = `${where}.${name}`;
    const values = Float32Array.from(typeof given === 'number' ? [given] : Array.from(given as ArrayLike<number>));
    if (values.length !== units && values.length !== rows * units) {
      const wanted = `${units} numbers, one for each unit, or ${rows * units}, one for each unit of each row`;
      const message = `\`clamp.${name}\` must have ${wanted}; got ${values.length}.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: values.length, wanted, where: inside });
    }
    checkStates(inside, values, true);
    for (let row = 0; row < rows; row += 1) {
      const own = values.length === units ? values : values.subarray(row * units, (row + 1) * units);
      all.set(own, row * field.units + first);
    }
  }
  return all;
}

function wrongClamp(where: string, given: unknown, wanted: string): WakesleepError {
  return new WakesleepError('OPTION_INVALID', `\`clamp\` must be ${wanted}; got ${describeValue(given)}.`, {
    given,
    wanted,
    where,
  });
}

/** Puts what is not NaN over the values. */
function overlay(values: Float32Array, over: Float32Array): void {
  over.forEach((value, place) => {
    if (!Number.isNaN(value)) values[place] = value;
  });
}

/** One layer's part of `[rows, units]`. */
function columnsOf(values: Float32Array, units: number, layer: FieldLayer): Float32Array<ArrayBuffer> {
  const rows = values.length / units;
  const part = new Float32Array(rows * layer.units);
  for (let row = 0; row < rows; row += 1) {
    const first = row * units + layer.first;
    part.set(values.subarray(first, first + layer.units), row * layer.units);
  }
  return part;
}

/** One layer's numbers with 0 for all other units, `[rows, units]`. */
export function amongAll(values: Float32Array, { units, visible }: FieldGraph): Float32Array<ArrayBuffer> {
  const rows = values.length / visible.units;
  const all = new Float32Array(rows * units);
  for (let row = 0; row < rows; row += 1) {
    all.set(values.subarray(row * visible.units, (row + 1) * visible.units), row * units + visible.first);
  }
  return all;
}

/** A byte for each unit of `rows` rows, 1 where it is visible. */
export function visibleBytes({ units, visible }: FieldGraph, rows: number): Uint8Array {
  const bytes = new Uint8Array(rows * units);
  for (let row = 0; row < rows; row += 1)
    bytes.fill(1, row * units + visible.first, row * units + visible.first + visible.units);
  return bytes;
}

/** Works on the rows of a data set in blocks of chains whose known visible units are clamped. */
function throughBlocks(
  parameters: Parameters,
  data: Dataset,
  what: string,
  seed: number,
  work: (states: FieldStates, field: Field, block: number) => Float32Array,
  layer: (graph: FieldGraph) => FieldLayer,
): Float32Array<ArrayBuffer> {
  const field = new Field(parameters, what);
  try {
    const { graph } = field;
    const { units, visible } = graph;
    const given = data.values();
    const taken = layer(graph);
    const out = new Float32Array(data.rows * taken.units);
    for (let first = 0, block = 0; first < data.rows; first += BLOCK, block += 1) {
      const rows = Math.min(BLOCK, data.rows - first);
      const values = amongAll(given.subarray(first * visible.units, (first + rows) * visible.units), graph);
      const held = visibleBytes(graph, rows);
      values.forEach((value, place) => {
        if (Number.isNaN(value)) [values[place], held[place]] = [0, 0];
      });
      const states = new FieldStates(field, rows, { seed, purpose: 'missing', layer: 0 });
      try {
        states.write(values);
        states.hold(held);
        out.set(columnsOf(work(states, field, block), units, taken), first * taken.units);
      } finally {
        states.free();
      }
    }
    return out;
  } finally {
    field.free();
  }
}

/** Rows with what is not known drawn given the rest, `[rows, visible units]`, each by a chain of its own. */
export function conditionalField(
  parameters: Parameters,
  data: Dataset,
  { seed, sweeps, give }: { readonly seed: number; readonly sweeps: number; readonly give: 'states' | 'means' },
): Float32Array<ArrayBuffer> {
  const draw = (states: FieldStates, _: Field, block: number) => {
    states.start(0, block);
    states.draw(sweeps, 1, block, 'updates');
    return give === 'states' ? states.values() : states.means();
  };
  const what = 'Sampling part of a row given the rest';
  const found = throughBlocks(parameters, data, what, seed, draw, ({ visible }) => visible);
  overlay(found, data.values());
  return found;
}

/** How means of hidden units are found. */
export interface FieldMeansOptions {
  readonly layer?: string;
  /** `meanField` (default), `gibbs` (averages over a chain for each row) or `exact`, where few units are hidden. */
  readonly method?: 'meanField' | 'gibbs' | 'exact';
  /** Sweeps with the row clamped: default 50 of mean field, or 1,000 of a chain, whose second half is averaged. */
  readonly sweeps?: number;
  /** The seed of a chain's draws; needed with `gibbs` only. */
  readonly seed?: number;
}

/** Means of a hidden layer given visible rows by mean field or Gibbs sampling, `[rows, units]`. */
export function meansGivenVisible(
  parameters: Parameters,
  data: Dataset,
  layer: string,
  options: FieldMeansOptions,
): Float32Array<ArrayBuffer> {
  const where = 'meanHidden()';
  refuseMissing(data, where);
  const gibbs = options.method === 'gibbs';
  const seed = gibbs ? readSeed(where, options.seed) : 0;
  const sweeps = integer(where, 'sweeps', options.sweeps ?? (gibbs ? 1000 : 50), SWEEPS);
  const relaxed = (states: FieldStates) => {
    startHalfway(states);
    states.relax(sweeps);
    return states.values();
  };
  const averaged = (states: FieldStates, _: Field, block: number) => {
    const early = Math.floor(sweeps / 2);
    states.start(0, block);
    if (early > 0) states.draw(early, 1, block, 'updates');
    let sums = new Float64Array();
    for (let sweep = early + 1; sweep <= sweeps; sweep += 1) {
      states.draw(1, sweep, block, 'updates');
      const means = states.means();
      if (sums.length === 0) sums = Float64Array.from(means);
      else for (let place = 0; place < sums.length; place += 1) sums[place]! += means[place]!;
    }
    return Float32Array.from(sums, (sum) => sum / (sweeps - early));
  };
  const found = ({ layers }: FieldGraph) => layers.find(({ name }) => name === layer)!;
  return throughBlocks(parameters, data, 'Means of hidden units', seed, gibbs ? averaged : relaxed, found);
}

/** Sets free units to ½: where mean field starts. */
export function startHalfway(states: FieldStates): void {
  // One sweep at inverse temperature 0 makes every free unit σ(0).
  states.relax(1, 0, 0);
}
