/**
 * One layer whose states can be listed, in f64: what enumerations of small nets need of its unit type. A layer is blocks
 * (a unit, or a softmax group) that are independent given total inputs x: `log p(s | x) = s·x + log m(s) − Λ(x)`.
 */
import { type Graph, layerOf, unsuitable } from '../graph/graph.js';
import { logSumExps } from '../runtime/allocation.js';
import type { Runtime } from '../runtime/runtime.js';
import { unitType } from '../units/index.js';

/** One state of the layer. */
export interface LayerStateOf {
  readonly values: readonly number[];
  /** log m. */
  readonly logBase: number;
}

/** A layer of binary, softmax or binomial units. */
export class FiniteLayer {
  /** The states of a block. */
  private readonly states: readonly LayerStateOf[];
  /** Units of a block. */
  private readonly size: number;
  readonly units: number;
  readonly blocks: number;

  /** Throws `GRAPH_UNSUITABLE` for units whose states cannot be listed, or that have no energy. */
  constructor(
    private readonly runtime: Runtime,
    graph: Graph,
    readonly name: string,
    what: string,
  ) {
    const { units } = layerOf(graph, name);
    const type = unitType(units);
    if (type.finite === undefined || !type.hasEnergy(units)) {
      const message = `${what} lists states, of binary, softmax or binomial units; the layer \`${name}\` has ${type.describe(units)}.`;
      throw unsuitable(message, name);
    }
    this.states = type.finite.states(units);
    this.size = this.states[0]!.values.length;
    this.units = type.units(units);
    this.blocks = this.units / this.size;
  }

  /** How many states the layer has. */
  get count(): number {
    let count = 1;
    for (let block = 0; block < this.blocks; block += 1) count *= this.states.length;
    return count;
  }

  /** All states, the first block changing slowest. */
  all(): LayerStateOf[] {
    let all: LayerStateOf[] = [{ values: [], logBase: 0 }];
    for (let block = 0; block < this.blocks; block += 1) {
      all = all.flatMap(({ values, logBase }) =>
        this.states.map((state) => ({
          values: [...values, ...state.values],
          logBase: logBase + state.logBase,
        })),
      );
    }
    return all;
  }

  /** The number of the first block whose values are none of its states, or the sum of log m over all blocks. */
  logBaseOf(values: ArrayLike<number>): { readonly logBase: number } | { readonly block: number } {
    let logBase = 0;
    for (let block = 0; block < this.blocks; block += 1) {
      const state = this.states.find((candidate) =>
        candidate.values.every((value, unit) => value === values[block * this.size + unit]),
      );
      if (state === undefined) return { block };
      logBase += state.logBase;
    }
    return { logBase };
  }

  /** Λ of each row of total inputs `[rows, units]`, nats. */
  logPartitions(inputs: Float64Array): Float64Array {
    const { size, blocks, states, units } = this;
    const rows = inputs.length / units;
    const scores = new Float64Array(rows * blocks * states.length);
    let place = 0;
    for (let first = 0; first < inputs.length; first += size) {
      for (const { values, logBase } of states) {
        scores[place] = values.reduce((sum, value, unit) => sum + value * inputs[first + unit]!, logBase);
        place += 1;
      }
    }
    const terms = logSumExps(this.runtime, scores, states.length);
    return Float64Array.from({ length: rows }, (_, row) => {
      return terms.subarray(row * blocks, (row + 1) * blocks).reduce((sum, term) => sum + term, 0);
    });
  }
}
