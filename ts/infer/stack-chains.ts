/**
 * Drawing what is not known of a row from a deep belief net, given the rest: chains whose stationary distribution is exactly
 * the conditional one of
 *
 *     p(v, h1, ..., hk, label) = p(v | h1) p(h1 | h2) ... p(h_{k−2} | h_{k−1}) p(h_{k−1}, label, hk),
 *
 * the last factor being the topmost machine. A sweep:
 *
 * 1. The topmost units given the layers under them: Gibbs sampling.
 * 2. Each layer h with a tied connection below it, from the bottom up. Given the layers beside it its distribution is
 *    `p(below | h) p(h | above)`, which is not factorial (explaining away). Some of its units at a time are proposed from the
 *    recognition distribution q, with the upward biases r, and taken over with probability `min(1, ratio)`
 *    (Metropolis and Hastings). The same weights stand in p(below | h) and in q(h | below) and cancel:
 *
 *        log ratio = (x − r) · (h′ − h) − Λ(b + W h′) + Λ(b + W h),
 *
 *    with x the total inputs of h from above, bias included, and Λ the log-partition of the layer below with bias b.
 * 3. Free labels given the topmost units, and what is not known of v given h1: Gibbs sampling.
 *
 * Cost: a sweep sends each row down each tied connection once more for every group of units that are proposed together. The
 * more units together, the cheaper the sweep and the rarer that all of them are taken over: chains of large layers stick
 * where the layers above have learned what recognition does not know.
 * (A net of 144-100-100 on one busy core: 810, 172, 61 and 26 µs for a row and sweep with 1, 4, 16 and 100 together.)
 */
import { biasName, type Connection, layerOf, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import { requireTied, type Stack } from '../graph/machines.js';
import { checkEnergies } from '../likelihood/free-energy.js';
import { noiseStream, type purposes } from '../noise.js';
import type { Parameters } from '../parameters.js';
import { logarithms } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import type { Stream } from '../wasm/st.js';
import { checkCompletion, type Draw, drawDown, Filling, type KnownRows } from './completion.js';
import { downwardDrive, inferUpper } from './drives.js';
import { LayerState } from './layer-state.js';

/** Where the draws of chains are addressed. */
export interface ChainsOptions {
  /** Rows of the largest batch. */
  readonly rows: number;
  readonly seed: number;
  readonly purpose: keyof typeof purposes;
  /** Units of a tied layer that are proposed together. */
  readonly unitsTogether: number;
}

/** The chains of a batch of rows, of a net with at least one tied connection. */
export class StackChains {
  private readonly filling: Filling;
  private readonly tied: readonly TiedLayer[];
  private readonly label: LayerState | undefined;
  private readonly top: LayerState;
  private readonly owned: { free(): void }[] = [];

  /** Throws `GRAPH_UNSUITABLE`, `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly stack: Stack,
    options: ChainsOptions,
  ) {
    const { runtime, graph } = parameters;
    const { machines, visible, label } = stack;
    const own = <T extends { free(): void }>(thing: T): T => {
      this.owned.push(thing);
      return thing;
    };
    const { rows, seed, purpose } = options;
    try {
      requireTied(stack, 'Clamped sampling of a net');
      for (const machine of machines.slice(0, -1)) checkEnergies(parameters, machine, 'Clamped sampling of a net');
      const top = machines.at(-1)!.upper;
      checkCompletion(parameters, top, 'Clamped sampling');
      this.filling = own(new Filling(parameters, visible, rows, seed, purpose));
      this.tied = machines.slice(0, -1).map((machine, depth) => {
        const above = machines[depth + 1]!.connections.find(({ lower }) => lower === machine.upper)!;
        return own(new TiedLayer(parameters, machine.connections[0]!, above, options));
      });
      this.label = label === undefined ? undefined : own(new LayerState(runtime, graph, label, rows, seed, purpose));
      this.top = own(new LayerState(runtime, graph, top, rows, seed, purpose));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Starts what is missing of `layer` at draws from the biases alone, and the layers above at recognition. */
  start(layer: LayerState, rows: KnownRows, draw: Draw): void {
    const { parameters, filling, tied, label } = this;
    filling.start(layer, rows, draw);
    let below = layer;
    for (const above of tied) below = above.start(below, draw);
    label?.setRows(layer.activity.rows);
    label?.inferFromBias(parameters.bias(biasName(label.name)), { keep: 'means', draw });
  }

  /** One sweep. */
  sweep(layer: LayerState, rows: KnownRows, draw: Draw): void {
    const { parameters, stack, filling, tied, label, top } = this;
    const machine = stack.machines.at(-1)!;
    const under = tied.at(-1)!.state;
    const lowers = machine.connections.map(({ lower }) => (lower === label?.name ? label : under));
    inferUpper(parameters, machine, lowers, top, { keep: 'means', draw });
    let below = layer;
    tied.forEach((current, depth) => {
      below = current.renew(below, tied[depth + 1]?.state ?? top, draw);
    });
    if (label !== undefined) {
      const connection = machine.connections.find(({ lower }) => lower === label.name)!;
      drawDown(parameters, connection, top, label, draw);
    }
    filling.fill(layer, stack.machines[0]!.connections[0]!, tied[0]!.state, rows, draw);
  }

  /** Means of the visible layer that the last sweep drew from, `[rows, units]`. */
  means(): Float32Array<ArrayBuffer> {
    return this.filling.means();
  }

  /** Gives the memory back. */
  free(): void {
    for (const thing of this.owned.splice(0)) thing.free();
  }
}

/** States of a layer with a tied connection below it, which change by proposals of recognition. */
class TiedLayer {
  readonly state: LayerState;
  private readonly candidate: LayerState;
  /** The layer below given the candidate: its total inputs alone. */
  private readonly predicted: LayerState;
  private readonly sums: EngineBuffer;
  private readonly accept: Stream;
  private readonly owned: { free(): void }[] = [];
  private readonly units: number;
  /** Ends of the runs of units that are proposed together. */
  private readonly ends: readonly number[];
  /** The states as numbers, `[rows, units]`, and Λ(b + W h) of the layer below for each row. */
  private values = new Float32Array();
  private logPartitions = new Float64Array();

  constructor(
    private readonly parameters: Parameters,
    private readonly below: Connection,
    private readonly above: Connection,
    { rows, seed, purpose, unitsTogether }: ChainsOptions,
  ) {
    const { runtime, graph } = parameters;
    const own = <T extends { free(): void }>(thing: T): T => {
      this.owned.push(thing);
      return thing;
    };
    const name = below.upper;
    const { units } = layerOf(graph, name);
    this.units = unitsOf(graph, name);
    const group = unitType(units).groupUnits?.(units) ?? 1;
    const together = Math.max(1, Math.floor(unitsTogether / group)) * group;
    this.ends = Array.from({ length: Math.ceil(this.units / together) }, (_, run) =>
      Math.min(this.units, (run + 1) * together),
    );
    try {
      checkCompletion(parameters, name, 'Clamped sampling');
      this.state = own(new LayerState(runtime, graph, name, rows, seed, purpose));
      this.candidate = own(new LayerState(runtime, graph, name, rows, seed, purpose));
      this.predicted = own(new LayerState(runtime, graph, below.lower, rows, seed, purpose));
      this.sums = own(runtime.allocate(Math.max(rows * 8, this.ends.length * 4)));
      const layer = graph.layers.findIndex((candidate) => candidate.name === name);
      this.accept = own(noiseStream(runtime, seed, 'accept', layer));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Starts at a draw of recognition; gives the states. */
  start(below: LayerState, draw: Draw): LayerState {
    this.values = this.recognised(below, draw);
    this.logPartitions = this.logPartitionsOf(this.values);
    this.state.setRows(below.activity.rows);
    this.state.write(this.parameters.runtime, this.values);
    return this.state;
  }

  /** Proposes every unit once, given states of the layers beside; gives the states. */
  renew(below: LayerState, above: LayerState, draw: Draw): LayerState {
    const { parameters, units, values, logPartitions, ends } = this;
    const { runtime } = parameters;
    const rows = below.activity.rows;
    const bias = parameters.read(upwardBiasName(parameters.graph, this.below.upper));
    const inputs = this.inputsFrom(above);
    const proposed = this.recognised(below, draw);
    const thresholds = this.thresholds(rows, draw);
    ends.forEach((end, run) => {
      const first = ends[run - 1] ?? 0;
      const candidate = values.slice();
      const gains = new Float64Array(rows);
      for (let row = 0; row < rows; row += 1) {
        for (let unit = first, place = row * units + first; unit < end; unit += 1, place += 1) {
          candidate[place] = proposed[place]!;
          gains[row]! += (inputs[place]! - bias[unit]!) * (proposed[place]! - values[place]!);
        }
      }
      const partitions = this.logPartitionsOf(candidate);
      for (let row = 0; row < rows; row += 1) {
        const ratio = gains[row]! - (partitions[row]! - logPartitions[row]!);
        if (!(thresholds[row * ends.length + run]! <= ratio)) continue;
        values.set(candidate.subarray(row * units + first, row * units + end), row * units + first);
        logPartitions[row] = partitions[row]!;
      }
    });
    this.state.write(runtime, values);
    return this.state;
  }

  /** A draw from the recognition distribution, `[rows, units]`. */
  private recognised(source: LayerState, draw: Draw): Float32Array<ArrayBuffer> {
    const { parameters, candidate, below } = this;
    const weights = parameters.weight(weightName(below));
    const bias = parameters.bias(upwardBiasName(parameters.graph, below.upper));
    candidate.infer([{ source, states: true, weights, direction: 'up' }], bias, { keep: 'means', draw });
    return candidate.statesOf(parameters.runtime, source.activity.rows);
  }

  /** Total inputs from the layer above, `[rows, units]`. */
  private inputsFrom(above: LayerState): Float32Array<ArrayBuffer> {
    const { parameters, candidate } = this;
    const drive = downwardDrive(parameters, this.above, above, true);
    candidate.infer([drive], parameters.bias(biasName(candidate.name)), { keep: 'inputs' });
    return candidate.values(parameters.runtime);
  }

  /** Λ(b + W h) of the layer below for each row of states. */
  private logPartitionsOf(states: Float32Array): Float64Array<ArrayBuffer> {
    const { parameters, candidate, predicted, sums, units } = this;
    const rows = states.length / units;
    candidate.setRows(rows);
    candidate.write(parameters.runtime, states);
    const drive = downwardDrive(parameters, this.below, candidate, true);
    predicted.infer([drive], parameters.bias(biasName(predicted.name)), { keep: 'inputs' });
    sums.doubles().fill(0);
    predicted.addLogPartition(sums);
    return sums.doubles().slice(0, rows);
  }

  /** Logarithms of uniform numbers, one for each row and run of units. */
  private thresholds(rows: number, { update, sweep }: Draw): Float32Array {
    const { parameters, accept, sums, ends } = this;
    const uniforms = new Float32Array(rows * ends.length);
    accept.at(update, sweep);
    for (let row = 0; row < rows; row += 1) {
      accept.uniforms(row, sums.handle, ends.length);
      uniforms.set(sums.floats().subarray(0, ends.length), row * ends.length);
    }
    // 1 − u is above 0, as u is below 1.
    return logarithms(
      parameters.runtime,
      uniforms.map((u) => 1 - u),
    );
  }

  free(): void {
    for (const thing of this.owned.splice(0)) thing.free();
  }
}
