/**
 * Drawing from a model. A sigmoid belief net is drawn from the causes down (`ancestral.ts`), a deep Boltzmann machine by block
 * Gibbs sampling in all layers (`deep-sampling.ts`), a general one by Gibbs sampling of all units (`field.ts`); in any other,
 * Gibbs sampling in the topmost machine, with labels clamped or free, then one pass down:
 *
 * 1. The lower layers of the topmost machine start from their biases alone, the label from its clamp.
 * 2. Each sweep draws the upper layer given the lower ones, then the lower ones given it; a clamped label stays.
 * 3. From the last states, and those after each `every` sweeps, each tied layer below is drawn in turn; the visible layer
 *    gives means or states. The chains take no note of it.
 */
import { WakesleepError } from '../errors.js';
import { isBeliefNet } from '../graph/belief-net.js';
import { isDeepBoltzmannMachine } from '../graph/deep-boltzmann.js';
import { isField } from '../graph/field.js';
import { biasName, layerOf, unitsOf, upwardBiasName } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { type ClampedUnits, sampleBeliefNet } from './ancestral.js';
import { type LayerStates, sampleDeep } from './deep-sampling.js';
import { downwardDrive, upwardDrives } from './drives.js';
import { sampleField } from './field.js';
import { LayerState } from './layer-state.js';
import { givenOut } from './passes.js';
import type { Moves } from './row-net.js';
import { readEvery, Snapshots } from './snapshots.js';

/** What `sample` takes. */
export interface SampleOptions {
  /** How many rows to draw, each from a chain of its own; default 1. */
  readonly rows?: number;
  /**
   * Full sweeps of Gibbs sampling in the topmost machine, over all units of a deep or general Boltzmann machine, or of what is
   * not clamped in a belief net; default 1,000. It means nothing in a belief net without a clamp, which one pass draws exactly.
   */
  readonly sweeps?: number;
  /**
   * Gives every chain after each so many sweeps, not after the last alone; `sweeps` must be a multiple of it. What is given
   * after n sweeps is what `sweeps: n` gives. Default `sweeps`; not of belief nets, whose rows are drawn in one pass.
   */
  readonly every?: number;
  /** The seed of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /**
   * `{ label: 3 }` for all rows, or `{ label: [0, 1, ...] }`, one for each row. In a belief net layers with a state for each
   * unit, 0, 1 or `null` for a unit that is free: `{ h1: [1, null], visible: [0, null, null] }`. In a deep or general Boltzmann
   * machine units of any layers, `[units]` for all rows or `[rows, units]`: NaN leaves a unit free.
   */
  readonly clamp?: Readonly<Record<string, number | ArrayLike<number | null>>>;
  /**
   * In a belief net or a deep Boltzmann machine: the layer that is given, default the visible one. One seed draws the same
   * rows for every layer.
   */
  readonly layer?: string;
  /** In a belief net with a clamp: whether `units` are drawn one by one (default) or all of a `layer` together, at most 12. */
  readonly moves?: Moves;
  /** Words of each document, where the visible layer counts them; default 1. */
  readonly length?: number;
  /** Whether the visible layer gives `means` (default) or drawn `states`. */
  readonly give?: 'means' | 'states';
  /**
   * The states that chains start from: in a general Boltzmann machine `[rows, units]` over all layers, in a deep one by layer, as
   * in `clamp`, where layers that are not named start from their biases.
   */
  readonly start?: ArrayLike<number> | LayerStates;
  /** Only of a general Boltzmann machine: whether rows are of the `visible` layer (default) or of `all` in the graph's order. */
  readonly layers?: 'visible' | 'all';
}

/** Draws rows, `[rows, visible units]`, with `every` `[rows, sweeps / every, visible units]`; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`, `DIVERGED`. */
export function sample(parameters: Parameters, options: SampleOptions): Float32Array<ArrayBuffer> {
  const where = 'sample()';
  const { graph, runtime } = parameters;
  const directed = isBeliefNet(graph);
  const deep = isDeepBoltzmannMachine(graph);
  if (!deep && isField(graph)) return sampleField(parameters, options);
  const own = directed ? ['layer', 'moves'] : deep ? ['every', 'layer', 'start'] : ['every', 'length'];
  refuseUnknown(where, options, ['rows', 'sweeps', 'seed', 'clamp', 'give', ...own]);
  const rows = integer(where, 'rows', options.rows ?? 1, { atLeast: 1 });
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 1000, { atLeast: 1, atMost: 2 ** 32 - 2 });
  const every = readEvery(where, options.every ?? sweeps, sweeps);
  const seed = readSeed(where, options.seed);
  const give = oneOf(where, 'give', options.give ?? 'means', ['means', 'states'] as const);
  if (directed) {
    const moves = oneOf(where, 'moves', options.moves ?? 'units', ['units', 'layers'] as const);
    const { clamp, layer } = options;
    return sampleBeliefNet(parameters, { rows, seed, give, layer, clamp, sweeps, moves });
  }
  if (deep) {
    const { layer } = options;
    const clamp = (options.clamp ?? {}) as ClampedUnits;
    const start = (options.start ?? {}) as LayerStates;
    return sampleDeep(parameters, { rows, sweeps, every, seed, give, layer, clamp, start });
  }
  const length = integer(where, 'length', options.length ?? 1, { atLeast: 1, atMost: 2 ** 24 });
  const { machines, visible, label } = stackOf(graph);
  const labels = readClamp(parameters, label, options.clamp as { readonly label: number | ArrayLike<number> }, rows);
  const machine = machines.at(-1)!;
  const owned: LayerState[] = [];
  const layer = (name: string) => {
    const state = new LayerState(runtime, graph, name, rows, seed, 'sample');
    owned.push(state);
    state.setLength(runtime, length);
    return state;
  };
  try {
    const upper = layer(machine.upper);
    const lowers = machine.connections.map((connection) => layer(connection.lower));
    const upperBias = parameters.bias(upwardBiasName(graph, machine.upper));
    const clamped = (name: string) => labels !== undefined && name === label;
    for (const lower of lowers) {
      if (clamped(lower.name)) lower.write(runtime, labels!);
      else lower.inferFromBias(parameters.bias(biasName(lower.name)), { keep: 'means', draw: { update: 0, sweep: 0 } });
    }
    const below = machines.slice(0, -1).reverse();
    const path = below.map(({ connections: [connection] }) => ({
      connection: connection!,
      state: layer(connection!.lower),
    }));
    const snapshots = new Snapshots(rows, unitsOf(graph, visible), sweeps, every);
    for (let sweep = 1; sweep <= sweeps; sweep += 1) {
      const draw = { update: sweep, sweep: 0 };
      upper.infer(upwardDrives(parameters, machine, lowers), upperBias, { keep: 'means', draw });
      lowers.forEach((lower, index) => {
        if (clamped(lower.name)) return;
        const drive = downwardDrive(parameters, machine.connections[index]!, upper, true);
        lower.infer([drive], parameters.bias(biasName(lower.name)), { keep: 'means', draw });
      });
      if (!snapshots.isDue(sweep)) continue;
      // Down to the data: the chains themselves are left as they are.
      let above = lowers.find((lower) => lower.name !== label)!;
      for (const { connection, state } of path) {
        const drive = downwardDrive(parameters, connection, above, true);
        state.infer([drive], parameters.bias(biasName(state.name)), {
          keep: 'means',
          draw: { update: sweep + 1, sweep: 0 },
        });
        above = state;
      }
      if (give === 'states') above.spreadStates();
      snapshots.take(sweep, givenOut(parameters, above));
    }
    return snapshots.values;
  } finally {
    for (const state of owned) state.free();
  }
}

/** One-hot rows of the clamped labels, or `undefined` where labels are free. */
function readClamp(
  parameters: Parameters,
  label: string | undefined,
  clamp: { readonly label: number | ArrayLike<number> } | undefined,
  rows: number,
): Float32Array | undefined {
  if (clamp === undefined) return undefined;
  const where = 'sample().clamp';
  refuseUnknown(where, clamp, ['label']);
  if (label === undefined) {
    const message = 'A label can only be clamped where the graph has a layer of labels.';
    throw new WakesleepError('GRAPH_UNSUITABLE', message, { where });
  }
  const { units } = layerOf(parameters.graph, label);
  const classes = unitsOf(parameters.graph, label);
  if (units.type !== 'softmax' || units.groups !== 1) {
    const message = `The layer \`${label}\` must be one softmax group to be clamped to a class.`;
    throw new WakesleepError('GRAPH_UNSUITABLE', message, { where: label });
  }
  const asked = clamp.label!;
  const given = typeof asked === 'number' ? new Array<number>(rows).fill(asked) : Array.from(asked);
  if (given.length !== rows) {
    const message = `\`clamp.label\` has ${given.length} labels for ${rows} rows.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: given.length, wanted: String(rows), where });
  }
  const oneHot = new Float32Array(rows * classes);
  given.forEach((value, row) => {
    oneHot[row * classes + integer(where, 'label', value, { atLeast: 0, atMost: classes - 1 })] = 1;
  });
  return oneHot;
}
