/**
 * Running averages of parameters over updates (Polyak and Juditsky 1992). After update t the average takes the
 * share `max(1 − decay, 1 / t)` of what is new, so that the first ones are averaged evenly and the start is forgotten.
 */
import type { Machine } from '../graph/machines.js';
import { allocateVector, machineParameterNames, type Parameters } from '../parameters.js';
import { created, readFloats, withFloats } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Weights } from '../wasm/st.js';
import { prefixed, withoutPrefix } from './tensor-names.js';

/** The names of what is averaged of a machine: its parameters, and learned log-variances. */
export function averagedNames(parameters: Parameters, machine: Machine): string[] {
  const logVariances = machine.connections
    .filter(({ lower }) => parameters.scaledLayer(lower)?.logVariance !== undefined)
    .map(({ lower }) => `layers.${lower}.log_variance`);
  return [...machineParameterNames(parameters.graph, machine), ...logVariances];
}

/** What the names of averages in a checkpoint begin with. */
const PREFIX = 'average.';

/** The averages of some parameters. */
export class Averages {
  private readonly weights = new Map<string, Weights>();
  private readonly biases = new Map<string, EngineBuffer>();

  /** All zero, until the first step; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    names: readonly string[],
    private readonly decay: number,
  ) {
    const { runtime } = parameters;
    for (const name of names) {
      const [units, lower] = parameters.sidesOf(name);
      if (lower === undefined) this.biases.set(name, allocateVector(runtime, units));
      else this.weights.set(name, created(runtime, 'averages', runtime.kernels.Weights.create(lower, units)));
    }
  }

  /** Takes the parameters in after update `count`, from 1. */
  step(count: number): void {
    const share = Math.max(1 - this.decay, 1 / count);
    const { kernels } = this.parameters.runtime;
    for (const [name, average] of this.weights) average.blend(this.parameters.weight(name), share);
    for (const [name, average] of this.biases) {
      kernels.blendVector(average.handle, this.parameters.stored(name).handle, share);
    }
  }

  /** Makes the averages the parameters. */
  install(): void {
    for (const [name, values] of this.tensors()) {
      if (this.biases.has(name)) this.parameters.write(name, values);
      else withFloats(this.parameters.runtime, values, (held) => this.parameters.weight(name).write(held.handle));
    }
  }

  /** The averages for a checkpoint: `average.` and the names of their parameters. */
  state(): [string, Float32Array][] {
    return prefixed(PREFIX, this.tensors());
  }

  /** The averages by the names of their parameters, weights as `[upper, lower]`. */
  private tensors(): Map<string, Float32Array> {
    const tensors = new Map<string, Float32Array>();
    for (const [name, average] of this.biases) {
      tensors.set(name, new Float32Array(average.floats().subarray(0, this.parameters.specOf(name).shape[0])));
    }
    for (const [name, average] of this.weights) {
      const [units, lower] = this.parameters.sidesOf(name) as [number, number];
      const values = readFloats(this.parameters.runtime, units * lower, (out) => average.read(out.handle));
      tensors.set(name, values);
    }
    return tensors;
  }

  /** Takes the averages of a checkpoint. */
  restore(tensors: ReadonlyMap<string, Float32Array>): void {
    const own = withoutPrefix(PREFIX, tensors);
    for (const [name, average] of this.biases) average.floats().set(own.get(name)!);
    for (const [name, average] of this.weights) {
      withFloats(this.parameters.runtime, own.get(name)!, (held) => average.write(held.handle));
    }
  }

  /** Gives the memory back. */
  free(): void {
    for (const average of [...this.weights.values(), ...this.biases.values()]) average.free();
  }
}
