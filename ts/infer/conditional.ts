/**
 * Drawing part of a row given the rest: every row has a chain of its own, in which what is known is clamped. Labels, where
 * the model joins them, are free. In a restricted Boltzmann machine it is Gibbs sampling (`completion.ts`), in a deep and in a
 * general one too (`deep-sampling.ts`, `field.ts`), in a deep belief net Metropolis within Gibbs sampling (`stack-chains.ts`);
 * all have the model's own conditional distribution as the limit of many sweeps.
 */
import type { Dataset } from '../data/dataset.js';
import { isDeepBoltzmannMachine } from '../graph/deep-boltzmann.js';
import { isField } from '../graph/field.js';
import { biasName, visibleLayerOf } from '../graph/graph.js';
import { type Stack, stackOf } from '../graph/machines.js';
import { integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { Completion, type Draw, type KnownRows } from './completion.js';
import { sampleDeep } from './deep-sampling.js';
import { conditionalField } from './field.js';
import { LayerState } from './layer-state.js';
import { type ChainsOptions, StackChains } from './stack-chains.js';

/** What `conditional()` takes beside rows and mask. */
export interface ConditionalOptions {
  /** The seed of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /** Full sweeps with the known numbers clamped, default 1,000. */
  readonly sweeps?: number;
  /** Whether what is not known is given as drawn `states` (default) or as the `means` that the last sweep drew from. */
  readonly give?: 'states' | 'means';
  /**
   * Of a deep belief net: how many units of a hidden layer are proposed together, default 16. Fewer are taken over more
   * often, and each further proposal costs a pass down one connection. The limit of many sweeps is the same.
   */
  readonly unitsTogether?: number;
}

/** What `fillMissing()` takes beside the rows. */
export interface FillOptions {
  /** The seed of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /** Sweeps with the known numbers clamped, default 200; the means of the second half are averaged. */
  readonly sweeps?: number;
  /**
   * Of a deep belief net: how many units of a hidden layer are proposed together, default 16. Fewer are taken over more
   * often, and each further proposal costs a pass down one connection. The limit of many sweeps is the same.
   */
  readonly unitsTogether?: number;
}

const SWEEPS = { atLeast: 1, atMost: 2 ** 32 - 2 };
const UNITS_TOGETHER = { atLeast: 1, atMost: 65_535 };
/** Rows that are worked on together; a block's number is part of its draws' address. */
const BLOCK = 1000;

/** Rows with what is not known drawn given the rest, `[rows, units]`; throws `GRAPH_UNSUITABLE`. */
export function conditional(
  parameters: Parameters,
  data: Dataset,
  options: ConditionalOptions,
): Float32Array<ArrayBuffer> {
  const where = 'conditional()';
  refuseUnknown(where, options, ['seed', 'sweeps', 'give', 'unitsTogether']);
  const seed = readSeed(where, options.seed);
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 1000, SWEEPS);
  const give = oneOf(where, 'give', options.give ?? 'states', ['states', 'means'] as const);
  if (isDeepBoltzmannMachine(parameters.graph)) {
    const clamp = { [visibleLayerOf(parameters.graph)]: data.values() };
    const { rows } = data;
    return sampleDeep(parameters, { rows, sweeps, every: sweeps, seed, give, layer: undefined, clamp, start: {} });
  }
  if (isField(parameters.graph)) return conditionalField(parameters, data, { seed, sweeps, give });
  const unitsTogether = integer(where, 'unitsTogether', options.unitsTogether ?? 16, UNITS_TOGETHER);
  return throughChains(parameters, data, { seed, sweeps, from: sweeps, unitsTogether }, ({ states, means }) =>
    give === 'states' ? states() : means(),
  );
}

/**
 * Rows with what is missing replaced by its expectation given the rest, `[rows, units]`: the means of the second half of
 * the sweeps, averaged. Throws `GRAPH_UNSUITABLE`.
 */
export function fillMissing(parameters: Parameters, data: Dataset, options: FillOptions): Float32Array<ArrayBuffer> {
  const where = 'fillMissing()';
  refuseUnknown(where, options, ['seed', 'sweeps', 'unitsTogether']);
  const seed = readSeed(where, options.seed);
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 200, SWEEPS);
  const unitsTogether = integer(where, 'unitsTogether', options.unitsTogether ?? 16, UNITS_TOGETHER);
  const from = Math.floor(sweeps / 2) + 1;
  let sums = new Float64Array();
  return throughChains(parameters, data, { seed, sweeps, from, unitsTogether }, ({ sweep, means }) => {
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

/** What all chains of a call share; `look` sees every sweep from `from`, counted from 1, on. */
interface Plan {
  readonly seed: number;
  readonly sweeps: number;
  readonly from: number;
  readonly unitsTogether: number;
}

/** Runs the chains of all rows; what `look` makes of the last sweep is the layer's numbers for what is not known. */
function throughChains(
  parameters: Parameters,
  data: Dataset,
  { seed, sweeps, from, unitsTogether }: Plan,
  look: (chains: Chains) => Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const { runtime, graph } = parameters;
  const stack = stackOf(graph);
  const { visible } = stack;
  const { known } = data.storage;
  const filled = data.values();
  if (known === undefined || data.rows === 0) return filled;
  const block = Math.min(BLOCK, data.rows);
  const owned: { free(): void }[] = [];
  const own = <T extends { free(): void }>(thing: T): T => {
    owned.push(thing);
    return thing;
  };
  try {
    const options = { rows: block, seed, purpose: 'missing', unitsTogether } as const;
    const chains = own(
      stack.machines.length === 1
        ? new MachineChains(parameters, stack, options)
        : new StackChains(parameters, stack, options),
    );
    const layer = own(new LayerState(runtime, graph, visible, block, seed, 'missing'));
    const order = own(runtime.allocate(data.rows * 4));
    order.words().set(Uint32Array.from({ length: data.rows }, (_, row) => data.firstRow + row));
    for (let first = 0, number = 0; first < data.rows; first += block, number += 1) {
      const count = Math.min(block, data.rows - first);
      const rows = { known, order, first };
      layer.gather(data, order, first, count);
      parameters.scaledLayer(visible)?.takeIn(layer);
      chains.start(layer, rows, { update: 0, sweep: number });
      let found = new Float32Array();
      for (let sweep = 1; sweep <= sweeps; sweep += 1) {
        chains.sweep(layer, rows, { update: sweep, sweep: number });
        if (sweep < from) continue;
        found = look({ sweep, states: () => layer.values(runtime), means: () => chains.means() });
      }
      putInPlace(parameters, visible, found, filled.subarray(first * data.columns));
    }
    return filled;
  } finally {
    for (const thing of owned) thing.free();
  }
}

/** The chains of a batch of rows in a restricted Boltzmann machine, with its free labels. */
class MachineChains {
  private readonly completion: Completion;
  private readonly labels: readonly LayerState[];

  constructor(
    private readonly parameters: Parameters,
    private readonly stack: Stack,
    { rows, seed, purpose }: ChainsOptions,
  ) {
    const { runtime, graph } = parameters;
    const { machines, visible, label } = stack;
    this.completion = new Completion(parameters, machines[0]!, visible, rows, seed, purpose);
    this.labels = label === undefined ? [] : [new LayerState(runtime, graph, label, rows, seed, purpose)];
  }

  start(layer: LayerState, rows: KnownRows, draw: Draw): void {
    for (const label of this.labels) {
      label.setRows(layer.activity.rows);
      label.inferFromBias(this.parameters.bias(biasName(label.name)), { keep: 'means', draw });
    }
    this.completion.start(layer, rows, draw);
  }

  sweep(layer: LayerState, rows: KnownRows, draw: Draw): void {
    const lowers = this.stack.machines[0]!.connections.map(({ lower }) =>
      lower === layer.name ? layer : this.labels[0]!,
    );
    this.completion.sweep(lowers, rows, draw, this.labels);
  }

  means(): Float32Array<ArrayBuffer> {
    return this.completion.means();
  }

  free(): void {
    this.completion.free();
    for (const label of this.labels) label.free();
  }
}

/** Puts a layer's numbers, as rows are given, where there are none. */
function putInPlace(parameters: Parameters, layer: string, found: Float32Array<ArrayBuffer>, into: Float32Array): void {
  const values = parameters.scaledLayer(layer)?.giveOut(found) ?? found;
  values.forEach((value, place) => {
    if (Number.isNaN(into[place])) into[place] = value;
  });
}
