/** The parameters of a model in the engine's memory, by their names in files. */

import { WakesleepError } from './errors.js';
import { canonicalJson } from './files/json.js';
import { fingerprint } from './fingerprint.js';
import {
  biasName,
  connectionName,
  type Graph,
  type ParameterSpec,
  parameterSpecs,
  unitsOf,
  upwardBiasName,
  weightName,
} from './graph/graph.js';
import type { Machine } from './graph/machines.js';
import { noiseStream } from './noise.js';
import { created, readFloats, withFloats, withScratch } from './runtime/allocation.js';
import type { EngineBuffer } from './runtime/memory.js';
import type { Runtime } from './runtime/runtime.js';
import { ScaledLayer } from './scaled-layer.js';
import { unitType } from './units/index.js';
import type { Deviation } from './units/unit.js';
import type { Weights } from './wasm/st.js';

/** Standard deviation of the normal numbers that weights start from (Hinton 2010, section 8). */
export const INITIAL_WEIGHT_SCALE = 0.01;

/** Upper units of a panel, as the kernels lay weights out. */
const PANEL = 16;

/** A model's tensors. Biases are vectors padded with zeros to whole lines. */
export class Parameters {
  private readonly biases = new Map<string, EngineBuffer>();
  private readonly weights = new Map<string, Weights>();
  private readonly scaled = new Map<string, ScaledLayer>();

  /** All zero (deviations of data are 1); throws `OUT_OF_MEMORY`. */
  constructor(
    readonly runtime: Runtime,
    readonly graph: Graph,
  ) {
    try {
      for (const { name, shape } of parameterSpecs(graph)) {
        const [rows, columns] = shape;
        if (columns === undefined) this.biases.set(name, allocateVector(runtime, rows!));
        else this.weights.set(name, created(runtime, 'weights', runtime.kernels.Weights.create(columns, rows!)));
      }
      for (const { name, units } of graph.layers) this.addScaledLayer(name, unitType(units).deviation?.(units));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  private addScaledLayer(layer: string, options: Deviation | undefined): void {
    if (options === undefined || !(options.learned || options.standardise)) return;
    const vector = (what: string) => this.biases.get(`layers.${layer}.${what}`);
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

  /** Names and shapes, in the graph's order. */
  get specs() {
    return parameterSpecs(this.graph);
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
    return found(this.biases.get(name), name);
  }

  /** The scaled layer that a parameter belongs to. */
  private scaledOf(name: string): ScaledLayer | undefined {
    return this.scaled.get(name.split('.')[1] ?? '');
  }

  /** A connection's weights. */
  weight(name: string): Weights {
    return found(this.weights.get(name), name);
  }

  /** A copy of a parameter: `[units]`, or `[upper, lower]` row-major. */
  read(name: string): Float32Array<ArrayBuffer> {
    const size = this.sizeOf(name);
    const weights = this.weights.get(name);
    if (weights === undefined) return new Float32Array(this.stored(name).floats().subarray(0, size));
    return readFloats(this.runtime, size, (out) => weights.read(out.handle));
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
    withFloats(this.runtime, values, (held) => weights.write(held.handle));
  }

  /** A digest of the graph and every number. */
  fingerprint(): string {
    const graph = new TextEncoder().encode(canonicalJson(this.graph));
    return fingerprint([graph, ...this.specs.map(({ name }) => new Uint8Array(this.read(name).buffer))]);
  }

  /** Draws the weights of every connection: normal, mean 0, standard deviation `scale`; biases stay zero. */
  initialise(seed: number, scale: number): void {
    this.graph.connections.forEach((connection, index) => {
      const [lower, upper] = [unitsOf(this.graph, connection.lower), unitsOf(this.graph, connection.upper)];
      const stream = noiseStream(this.runtime, seed, 'initial', index);
      withScratch(this.runtime, lower * upper * 4, (scratch) => {
        for (let row = 0; row < upper; row += 1) stream.normal(row, scale, scratch.handle, row * lower, lower);
        this.weight(weightName(connection)).write(scratch.handle);
      });
      stream.free();
    });
  }

  /** Gives the memory back. */
  free(): void {
    for (const layer of this.scaled.values()) layer.free();
    this.scaled.clear();
    for (const bias of this.biases.values()) bias.free();
    for (const weights of this.weights.values()) weights.free();
    this.biases.clear();
    this.weights.clear();
  }

  /** A parameter's name and shape; throws `OPTION_INVALID` for an unknown name. */
  specOf(name: string): ParameterSpec {
    return found(
      this.specs.find((candidate) => candidate.name === name),
      name,
    );
  }

  /** The numbers themselves, until the memory grows: vectors as they are, weights in panels of 16 upper units. */
  view(name: string): { readonly values: Float32Array; at(row: number, column?: number): number } {
    const { shape } = this.specOf(name);
    const weights = this.weights.get(name);
    if (weights === undefined) return { values: this.stored(name).floats().subarray(0, shape[0]), at: (unit) => unit };
    const [, lower] = shape as [number, number];
    const length = this.runtime.kernels.paddedUnits(shape[0]!) * lower;
    const at = (row: number, column = 0) => (Math.floor(row / PANEL) * lower + column) * PANEL + (row % PANEL);
    return { values: this.runtime.views.floats(weights.address, length), at };
  }

  private sizeOf(name: string): number {
    return this.specOf(name).shape.reduce((product, side) => product * side, 1);
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
