/**
 * Drawing part of a row given the rest, in a Boltzmann machine: every row has a chain of its own, in which what
 * is known is clamped. Labels, where the machine joins them, are free.
 */
import type { Dataset } from '../data/dataset.js';
import { isField } from '../graph/field.js';
import { biasName } from '../graph/graph.js';
import { machineOf, stackOf } from '../graph/machines.js';
import { integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { Completion } from './completion.js';
import { conditionalField } from './field.js';
import { LayerState } from './layer-state.js';

/** What `conditional()` takes beside rows and mask. */
export interface ConditionalOptions {
  /** The seed of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /** Full sweeps of Gibbs sampling with the known numbers clamped, default 1,000. */
  readonly sweeps?: number;
  /** Whether what is not known is given as drawn `states` (default) or as the `means` that the last sweep drew from. */
  readonly give?: 'states' | 'means';
}

/** What `fillMissing()` takes beside the rows. */
export interface FillOptions {
  /** The seed of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /** Sweeps with the known numbers clamped, default 200; the means of the second half are averaged. */
  readonly sweeps?: number;
}

const SWEEPS = { atLeast: 1, atMost: 2 ** 32 - 2 };
/** Rows that are worked on together; a block's number is part of its draws' address. */
const BLOCK = 1000;

/** Rows with what is not known drawn given the rest, `[rows, units]`; throws `GRAPH_UNSUITABLE`. */
export function conditional(
  parameters: Parameters,
  data: Dataset,
  options: ConditionalOptions,
): Float32Array<ArrayBuffer> {
  const where = 'conditional()';
  refuseUnknown(where, options, ['seed', 'sweeps', 'give']);
  const seed = readSeed(where, options.seed);
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 1000, SWEEPS);
  const give = oneOf(where, 'give', options.give ?? 'states', ['states', 'means'] as const);
  if (isField(parameters.graph)) return conditionalField(parameters, data, { seed, sweeps, give });
  return throughChains(parameters, data, seed, { sweeps, from: sweeps }, ({ states, means }) =>
    give === 'states' ? states() : means(),
  );
}

/**
 * Rows with what is missing replaced by its expectation given the rest, `[rows, units]`: the means of the second half of
 * the sweeps, averaged. Throws `GRAPH_UNSUITABLE`.
 */
export function fillMissing(parameters: Parameters, data: Dataset, options: FillOptions): Float32Array<ArrayBuffer> {
  const where = 'fillMissing()';
  refuseUnknown(where, options, ['seed', 'sweeps']);
  const seed = readSeed(where, options.seed);
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 200, SWEEPS);
  const from = Math.floor(sweeps / 2) + 1;
  let sums = new Float64Array();
  return throughChains(parameters, data, seed, { sweeps, from }, ({ sweep, means }) => {
    const latest = means();
    if (sweep === from) sums = Float64Array.from(latest);
    else for (let place = 0; place < sums.length; place += 1) sums[place]! += latest[place]!;
    return Float32Array.from(sums, (sum) => sum / (sweep - from + 1));
  });
}

/** A block's chains after a sweep. */
interface Chains {
  readonly sweep: number;
  /** The rows' states, as the layer has them. */
  states(): Float32Array<ArrayBuffer>;
  /** What the last sweep drew the visible layer from. */
  means(): Float32Array<ArrayBuffer>;
}

/**
 * Runs the chains of all rows; `look` sees every sweep from `from` (counted from 1) on, and what it makes of the last one is
 * the layer's numbers for what is not known.
 */
function throughChains(
  parameters: Parameters,
  data: Dataset,
  seed: number,
  { sweeps, from }: { readonly sweeps: number; readonly from: number },
  look: (chains: Chains) => Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const { runtime, graph } = parameters;
  const machine = machineOf(graph, 'Sampling part of a row given the rest');
  const { known } = data.storage;
  const filled = data.values();
  if (known === undefined || data.rows === 0) return filled;
  const block = Math.min(BLOCK, data.rows);
  const { visible } = stackOf(graph);
  const owned: { free(): void }[] = [];
  const own = <T extends { free(): void }>(thing: T): T => {
    owned.push(thing);
    return thing;
  };
  try {
    const completion = own(new Completion(parameters, machine, visible, block, seed, 'missing'));
    const lowers = machine.connections.map(({ lower }) =>
      own(new LayerState(runtime, graph, lower, block, seed, 'missing')),
    );
    const layer = lowers.find(({ name }) => name === visible)!;
    const free = lowers.filter(({ name }) => name !== visible);
    const order = own(runtime.allocate(data.rows * 4));
    order.words().set(Uint32Array.from({ length: data.rows }, (_, row) => data.firstRow + row));
    for (let first = 0, number = 0; first < data.rows; first += block, number += 1) {
      const count = Math.min(block, data.rows - first);
      const rows = { known, order, first };
      layer.gather(data, order, first, count);
      parameters.scaledLayer(visible)?.takeIn(layer);
      const start = { update: 0, sweep: number };
      for (const label of free) {
        label.setRows(count);
        label.inferFromBias(parameters.bias(biasName(label.name)), { keep: 'means', draw: start });
      }
      completion.start(layer, rows, start);
      let found = new Float32Array();
      for (let sweep = 1; sweep <= sweeps; sweep += 1) {
        completion.sweep(lowers, rows, { update: sweep, sweep: number }, free);
        if (sweep < from) continue;
        found = look({ sweep, states: () => layer.values(runtime), means: () => completion.means() });
      }
      putInPlace(parameters, visible, found, filled.subarray(first * data.columns));
    }
    return filled;
  } finally {
    for (const thing of owned) thing.free();
  }
}

/** Puts a layer's numbers, as rows are given, where there are none. */
function putInPlace(parameters: Parameters, layer: string, found: Float32Array<ArrayBuffer>, into: Float32Array): void {
  const values = parameters.scaledLayer(layer)?.giveOut(found) ?? found;
  values.forEach((value, place) => {
    if (Number.isNaN(into[place])) into[place] = value;
  });
}
