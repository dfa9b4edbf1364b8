/** The parameters of a model in the engine's memory, by their names in files. */

import { WakesleepError } from './errors.js';
import { canonicalJson } from './files/json.js';
import { fingerprint } from './fingerprint.js';
import {
  biasName,
  type Connection,
  connectionName,
  type Graph,
  isTransposed,
  layerOf,
  type ParameterSpec,
  parameterSpecs,
  unitsOf,
  upwardBiasName,
  weightName,
} from './graph/graph.js';
import type { Machine } from './graph/machines.js';
import { noiseStream } from './noise.js';
import { ParameterView } from './parameter.js';
import { created, readFloats, withFloats, withScratch } from './runtime/allocation.js';
import { type EngineBuffer, freed } from './runtime/memory.js';
import type { Runtime } from './runtime/runtime.js';
import { ScaledLayer } from './scaled-layer.js';
import { unitType } from './units/index.js';
import type { Deviation } from './units/unit.js';
import type { Weights } from './wasm/st.js';

/** Standard deviation of the normal numbers that weights start from (Hinton 2010, section 8). */
export const INITIAL_WEIGHT_SCALE = 0.01;

/** A direction in which a connection, by its name, counts twice. */
export interface Doubled {
  readonly connection: string;
  readonly direction: 'up' | 'down';
}

/** A model's tensors. Biases, and weights of listed pairs of units, are vectors padded with zeros to whole lines. */
export class Parameters {
  private readonly vectors = new Map<string, EngineBuffer>();
  private readonly weights = new Map<string, Weights>();
  /** Weights that files have as `[lower, upper]`, and the memory as `[upper, lower]`. */
  private readonly transposed = new Set<string>();
  /** Weights of layers that are joined to themselves. */
  private readonly within = new Set<string>();
  private readonly scaled = new Map<string, ScaledLayer>();
  /** Names and shapes, in the graph's order. */
  readonly specs: readonly ParameterSpec[];

  /** All zero (deviations of data are 1); throws `OUT_OF_MEMORY`. */
  constructor(
    readonly runtime: Runtime,
    readonly graph: Graph,
    /** Directions in which connections count twice, as machines of a deep Boltzmann machine do when they are pretrained. */
    private readonly doubled: readonly Doubled[] = [],
  ) {
    this.specs = parameterSpecs(graph);
    try {
      for (const { name, shape } of this.specs) {
        if (shape.length === 1) this.vectors.set(name, allocateVector(runtime, shape[0]!));
      }
      for (const connection of graph.connections) this.addWeights(connection);
      for (const { name, units } of graph.layers) this.addScaledLayer(name, unitType(units).deviation?.(units));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Weights of all pairs of units; those of listed pairs are a vector. */
  private addWeights(connection: Connection): void {
    if (connection.edges !== undefined) return;
    const { runtime, graph } = this;
    const [lower, upper] = [unitsOf(graph, connection.lower), unitsOf(graph, connection.upper)];
    const weights = created(runtime, 'weights', runtime.kernels.Weights.create(lower, upper));
    this.weights.set(weightName(connection), weights);
    if (isTransposed(connection)) this.transposed.add(weightName(connection));
    if (connection.lower === connection.upper) this.within.add(weightName(connection));
  }

  private addScaledLayer(layer: string, options: Deviation | undefined): void {
    if (options === undefined || !(options.learned || options.standardise)) return;
    const vector = (what: string) => this.vectors.get(`layers.${layer}.${what}`);
    const dataDeviation = vector('data_deviation');
    dataDeviation?.floats().fill(1, 0, unitsOf(this.graph, layer));
    const vectors = {
      bias: vector('bias')!,
      logVariance: vector('log_variance'),
      dataMean: vector('data_mean'),
      dataDeviation,
    };
    this.scaled.set(layer, new ScaledLayer(this.runtime, unitsOf(this.graph, layer), options, vectors));
  }

  /** What stands between the parameters and the states of a layer whose deviations are not 1; undefined for others. */
  scaledLayer(layer: string): ScaledLayer | undefined {
    return this.scaled.get(layer);
  }

  /**
   * A layer's bias vector as what drives the layer, which trainers step: of a scaled Gaussian layer the natural one, to be
   * asked for anew after every update.
   */
  bias(name: string): EngineBuffer {
    return this.scaledOf(name)?.naturalBias() ?? this.vector(name);
  }

  /** A vector as it is kept in files, with what trainers have added to its natural form. */
  stored(name: string): EngineBuffer {
    this.scaledOf(name)?.takeSteps();
    return this.vector(name);
  }

  /** A vector itself. */
  private vector(name: string): EngineBuffer {
    return this.held(this.vectors.get(name), name);
  }

  /** The scaled layer that a parameter belongs to. */
  private scaledOf(name: string): ScaledLayer | undefined {
    return this.scaled.get(name.split('.')[1] ?? '');
  }

  /** Whether a connection counts twice in a direction. */
  isDoubled(connection: Connection, direction: 'up' | 'down'): boolean {
    const name = connectionName(connection);
    return this.doubled.some((doubled) => doubled.connection === name && doubled.direction === direction);
  }

  /** A connection's weights. */
  weight(name: string): Weights {
    return this.held(this.weights.get(name), name);
  }

  /** A copy of a parameter: `[units]`, or `[upper, lower]` row-major. */
  read(name: string): Float32Array<ArrayBuffer> {
    const size = this.sizeOf(name);
    const weights = this.weights.get(name);
    if (weights === undefined) return new Float32Array(this.stored(name).floats().subarray(0, size));
    const values = readFloats(this.runtime, size, (out) => weights.read(out.handle));
    return this.transposed.has(name) ? transpose(values, this.specOf(name).shape[1]!) : values;
  }

  /** A copy of a connection's weights as `[upper, lower]`, row-major, whichever way round files have them. */
  weightsOf(connection: Connection): Float32Array<ArrayBuffer> {
    const name = weightName(connection);
    return readFloats(this.runtime, this.sizeOf(name), (out) => this.weight(name).read(out.handle));
  }

  /** Sets a parameter; throws `SHAPE_MISMATCH` where the count differs and `NOT_FINITE` for values that are not finite. */
  write(name: string, values: ArrayLike<number>): void {
    const size = this.sizeOf(name);
    if (values.length !== size) {
      throw new WakesleepError('SHAPE_MISMATCH', `\`${name}\` has ${size} numbers; got ${values.length}.`, {
        given: values.length,
        wanted: String(size),
        where: name,
      });
    }
    for (let i = 0; i < size; i += 1) {
      if (Number.isFinite(values[i]!)) continue;
      throw new WakesleepError('NOT_FINITE', `\`${name}\` must hold finite numbers; number ${i} is ${values[i]}.`, {
        given: values[i],
        where: name,
      });
    }
    const weights = this.weights.get(name);
    if (weights === undefined) {
      this.stored(name).floats().set(values);
      this.scaledOf(name)?.refresh();
      return;
    }
    if (this.within.has(name)) checkSymmetric(name, values, this.specOf(name).shape[0]!);
    const kept = this.transposed.has(name) ? transpose(values, this.specOf(name).shape[0]!) : values;
    withFloats(this.runtime, kept, (held) => weights.write(held.handle));
  }

  /** A digest of the graph and every number. */
  fingerprint(): string {
    const graph = new TextEncoder().encode(canonicalJson(this.graph));
    return fingerprint([graph, ...this.specs.map(({ name }) => new Uint8Array(this.read(name).buffer))]);
  }

  /**
   * Draws the weights of every connection: normal, mean 0, standard deviation `given` or, where that is null, what suits the
   * connection; biases stay zero.
   */
  initialise(seed: number, given: number | null): void {
    this.graph.connections.forEach((connection, index) => {
      const scale = given ?? this.initialScale(connection);
      const stream = noiseStream(this.runtime, seed, 'initial', index);
      const name = weightName(connection);
      const listed = connection.edges?.lower.length;
      const lower = listed ?? unitsOf(this.graph, connection.lower);
      const upper = listed === undefined ? unitsOf(this.graph, connection.upper) : 1;
      withScratch(this.runtime, lower * upper * 4, (scratch) => {
        for (let row = 0; row < upper; row += 1) stream.normal(row, scale, scratch.handle, row * lower, lower);
        if (listed !== undefined) this.vector(name).floats().set(scratch.floats().subarray(0, listed));
        else {
          if (this.within.has(name)) mirror(scratch.floats(), lower);
          this.weight(name).write(scratch.handle);
        }
      });
      stream.free();
    });
  }

  private initialScale({ kind, lower, upper }: Connection): number {
    if (kind !== 'forward') return INITIAL_WEIGHT_SCALE;
    const { units } = layerOf(this.graph, upper);
    return Math.sqrt((unitType(units).passes?.(units)?.gain ?? 1) / unitsOf(this.graph, lower));
  }

  /** Gives the memory back. */
  free(): void {
    for (const layer of this.scaled.values()) layer.free();
    this.scaled.clear();
    for (const bias of this.vectors.values()) bias.free();
    for (const weights of this.weights.values()) weights.free();
    this.vectors.clear();
    this.weights.clear();
  }

  /** What is in memory of a parameter; throws `OPTION_INVALID` for an unknown name and once the memory was given back. */
  private held<T>(value: T | undefined, name: string): T {
    if (value !== undefined) return value;
    this.specOf(name);
    throw freed('The parameters of this model are');
  }

  /** A parameter's name and shape; throws `OPTION_INVALID` for an unknown name. */
  specOf(name: string): ParameterSpec {
    return found(
      this.specs.find((candidate) => candidate.name === name),
      name,
    );
  }

  /** The sides of a parameter as it is in memory: `[units]`, or `[upper, lower]`, whichever way round files have it. */
  sidesOf(name: string): [number, number?] {
    const shape = [...this.specOf(name).shape] as [number, number?];
    return this.transposed.has(name) ? (shape.reverse() as [number, number?]) : shape;
  }

  /** The numbers themselves, until the memory grows: vectors as they are, weights in panels of 16 upper units. */
  view(name: string): ParameterView {
    const weights = this.weights.get(name);
    if (weights === undefined) {
      return new ParameterView(this.stored(name).floats().subarray(0, this.sizeOf(name)), undefined, true);
    }
    const [upper, lower] = this.sidesOf(name) as [number, number];
    const values = this.runtime.views.floats(weights.address, this.runtime.kernels.paddedUnits(upper) * lower);
    return new ParameterView(values, { lower, transposed: this.transposed.has(name) }, true);
  }

  private sizeOf(name: string): number {
    return this.specOf(name).shape.reduce((product, side) => product * side, 1);
  }
}

/** `[rows, columns]`, row-major, the other way round. */
export function transpose(values: ArrayLike<number>, rows: number): Float32Array<ArrayBuffer> {
  const columns = values.length / rows;
  return Float32Array.from({ length: values.length }, (_, place) => {
    return values[(place % rows) * columns + Math.floor(place / rows)]!;
  });
}

/** Makes a square matrix symmetric by its lower triangle, with a diagonal of zero. */
function mirror(values: Float32Array, side: number): void {
  for (let row = 0; row < side; row += 1) {
    values[row * side + row] = 0;
    for (let column = 0; column < row; column += 1) values[column * side + row] = values[row * side + column]!;
  }
}

function checkSymmetric(name: string, values: ArrayLike<number>, side: number): void {
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      const [value, other] = [values[row * side + column]!, values[column * side + row]!];
      if (row === column ? value === 0 : Math.fround(value) === Math.fround(other)) continue;
      const wanted = 'symmetric, with a diagonal of zero';
      const message = `\`${name}\` joins a layer to itself and must be ${wanted}; unit ${row} to ${column} is ${value}, and back ${other}.`;
      throw new WakesleepError('OPTION_INVALID', message, { given: [value, other], wanted, where: name });
    }
  }
}

/** The parameters that a machine learns: biases of its lower layers, of its upper one when driven from below, weights. */
export function machineParameterNames(graph: Graph, machine: Machine): string[] {
  const lowers = machine.connections.map(({ lower }) => biasName(lower));
  return [...lowers, upwardBiasName(graph, machine.upper), ...machine.connections.map(weightName)];
}

/** `planes` vectors of zeros for `units` units, one after the other, each padded to whole lines. */
export function allocateVector(runtime: Runtime, units: number, planes = 1): EngineBuffer {
  return runtime.allocate(planes * runtime.kernels.paddedUnits(units) * 4);
}

/** The parameter that a short name stands for: `visible-hidden.weight`, `hidden.bias` or the full name. */
export function fullParameterName(graph: Graph, name: string): string {
  const short = [
    ...graph.layers.map((layer) => [`${layer.name}.bias`, biasName(layer.name)]),
    ...graph.connections.map((connection) => [`${connectionName(connection)}.weight`, weightName(connection)]),
  ];
  return short.find(([candidate]) => candidate === name)?.[1] ?? name;
}

function found<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new WakesleepError('OPTION_INVALID', `The model has no parameter \`${name}\`.`, { given: name, where: name });
}
