/**
 * Exact answers of general Boltzmann machines by enumeration, nats, in f64: `log Z`, free energies of visible rows and
 * averages, where the units that are summed over are at most 25. `E(s) = −Σ b_i s_i − Σ_(pairs) w_ij s_i s_j`.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { unsuitable } from '../graph/graph.js';
import { amongAll, Field, type FieldAverages } from '../infer/field.js';
import { refuseMissing } from '../infer/source.js';
import type { Parameters } from '../parameters.js';
import { withFloats, withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';

/** The most units whose states are enumerated. */
const MAX_FREE = 25;

/** Which units are summed over. */
type Free = 'all' | 'hidden' | 'none';

/** A byte for each unit, 1 where it is summed over; throws `GRAPH_UNSUITABLE` where these are too many. */
function freeBytes({ graph }: Field, free: Free, what: string): Uint8Array {
  const { units, visible } = graph;
  const bytes = new Uint8Array(units).fill(free === 'none' ? 0 : 1);
  if (free === 'hidden') bytes.fill(0, visible.first, visible.first + visible.units);
  const count = bytes.reduce((sum, byte) => sum + byte, 0);
  if (count <= MAX_FREE) return bytes;
  const names = graph.layers.map(({ name }) => name).filter((name) => free === 'all' || name !== visible.name);
  const listed = names.map((name) => `\`${name}\``).join(', ');
  const message = `${what} sums over the states of the units of ${listed}, ${count} together; at most ${MAX_FREE} can be enumerated.`;
  throw unsuitable(message, names[0]!);
}

/** Enumerates over some units of a field, the others as rows give them. */
export class FieldEnumeration {
  private readonly bytes: Uint8Array;

  /** Throws `GRAPH_UNSUITABLE` where too many units are free. */
  constructor(
    private readonly field: Field,
    free: Free,
    what: string,
  ) {
    this.bytes = freeBytes(field, free, what);
  }

  /** `log Σ e^−E` over the free units given each row of `[rows, units]`, nats. */
  logSums(rows: Float32Array): Float64Array {
    return this.with(rows, (free, states, count) =>
      withScratch(this.field.parameters.runtime, count * 8, (out) => {
        this.field.kernel.logSums(free.handle, states.handle, count, out.handle);
        return new Float64Array(out.doubles().subarray(0, count));
      }),
    );
  }

  /** Averages over rows that count `shares`, and over the free units given each. */
  averages(rows: Float32Array, shares: ArrayLike<number>): FieldAverages {
    const { graph, kernel, parameters } = this.field;
    const { runtime } = parameters;
    const logs = this.logSums(rows);
    const length = graph.units + graph.pairs.length / 2;
    return this.with(rows, (free, states, count) =>
      withScratch(runtime, count * 16, (numbers) =>
        withScratch(runtime, length * 8, (out) => {
          withScratch(runtime, count * 8, (known) => {
            numbers.doubles().set(shares);
            known.doubles().set(logs);
            kernel.averages(free.handle, states.handle, numbers.handle, known.handle, count, out.handle);
          });
          const found = new Float64Array(out.doubles().subarray(0, length));
          return { units: found.subarray(0, graph.units), pairs: found.subarray(graph.units) };
        }),
      ),
    );
  }

  private with<T>(rows: Float32Array, work: (free: EngineBuffer, states: EngineBuffer, count: number) => T): T {
    const { parameters, graph } = this.field;
    return withScratch(parameters.runtime, this.bytes.length, (free) =>
      withFloats(parameters.runtime, rows, (states) => {
        free.bytes().set(this.bytes);
        return work(free, states, rows.length / graph.units);
      }),
    );
  }
}

function withField<T>(parameters: Parameters, what: string, work: (field: Field) => T): T {
  const field = new Field(parameters, what);
  try {
    return work(field);
  } finally {
    field.free();
  }
}

/** log Z, nats; throws `GRAPH_UNSUITABLE`. */
export function fieldLogPartition(parameters: Parameters): number {
  const what = 'The exact log Z';
  return withField(parameters, what, (field) => {
    return new FieldEnumeration(field, 'all', what).logSums(new Float32Array(field.graph.units))[0]!;
  });
}

/** `−log Σ_h e^−E(v, h)` of each visible row, nats; throws `GRAPH_UNSUITABLE`. */
export function fieldFreeEnergies(parameters: Parameters, data: Dataset): Float64Array {
  const what = 'A free energy';
  refuseMissing(data, what);
  return withField(parameters, what, (field) => {
    const sums = new FieldEnumeration(field, 'hidden', what).logSums(amongAll(data.values(), field.graph));
    return sums.map((sum) => -sum);
  });
}

/** `E(s)` of states of all units, `[rows, units]` in the graph's order of layers, nats; throws `SHAPE_MISMATCH`. */
export function fieldEnergies(parameters: Parameters, states: ArrayLike<number>): Float64Array {
  const what = 'An energy';
  return withField(parameters, what, (field) => {
    const { units } = field.graph;
    if (states.length % units !== 0) {
      const message = `\`energy()\` takes states of all ${units} units of each row; got ${states.length} numbers.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: states.length, wanted: `a multiple of ${units}` });
    }
    const sums = new FieldEnumeration(field, 'none', what).logSums(Float32Array.from(states));
    return sums.map((sum) => -sum);
  });
}

/** Means of all units given each visible row, by enumeration, `[rows, units]`; throws `GRAPH_UNSUITABLE`. */
export function exactMeansGivenVisible(
  parameters: Parameters,
  data: Dataset,
  layer: string,
): Float32Array<ArrayBuffer> {
  const what = 'The exact mean of hidden units';
  refuseMissing(data, what);
  return withField(parameters, what, (field) => {
    const { units, layers } = field.graph;
    const { first, units: taken } = layers.find(({ name }) => name === layer)!;
    const enumeration = new FieldEnumeration(field, 'hidden', what);
    const rows = amongAll(data.values(), field.graph);
    const means = new Float32Array(data.rows * taken);
    for (let row = 0; row < data.rows; row += 1) {
      const { units: found } = enumeration.averages(rows.subarray(row * units, (row + 1) * units), [1]);
      means.set(Array.from(found).slice(first, first + taken), row * taken);
    }
    return means;
  });
}
