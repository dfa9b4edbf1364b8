/**
 * Drawing from a model: Gibbs sampling in the topmost machine, with labels clamped or free, then one pass down.
 *
 * 1. The lower layers of the topmost machine start from their biases alone, the label from its clamp.
 * 2. Each sweep draws the upper layer given the lower ones, then the lower ones given it; a clamped label stays.
 * 3. From the last states each tied layer below is drawn in turn; the visible layer gives means or states.
 */
import { WakesleepError } from '../errors.js';
import { isField } from '../graph/field.js';
import { biasName, layerOf, unitsOf, upwardBiasName } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { downwardDrive, upwardDrives } from './drives.js';
import { sampleField } from './field.js';
import { LayerState } from './layer-state.js';
import { givenOut } from './passes.js';

/** What `sample` takes. */
export interface SampleOptions {
  /** How many rows to draw, each from a chain of its own; default 1. */
  readonly rows?: number;
  /** Full sweeps of Gibbs sampling, in the topmost machine or (general Boltzmann machines) over all units, default 1,000. */
  readonly sweeps?: number;
  /** The seed of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /**
   * `{ label: 3 }` for all rows, or `{ label: [0, 1, ...] }`, one for each row. In a general Boltzmann machine units of any
   * layers: `{ visible: [1, NaN, 0], hidden: [...] }`, `[units]` for all rows or `[rows, units]`; NaN leaves a unit free.
   */
  readonly clamp?: { readonly [layer: string]: number | ArrayLike<number> };
  /** Words of each document, where the visible layer counts them; default 1. */
  readonly length?: number;
  /** Whether the visible layer gives `means` (default) or drawn `states`. */
  readonly give?: 'means' | 'states';
  /** Only of a general Boltzmann machine: the states that chains start from, `[rows, units]` over all layers. */
  readonly start?: ArrayLike<number>;
  /** Only of a general Boltzmann machine: whether rows are of the `visible` layer (default) or of `all` in the graph's order. */
  readonly layers?: 'visible' | 'all';
}

/** Draws rows, `[rows, visible units]`; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`, `DIVERGED`. */
export function sample(parameters: Parameters, options: SampleOptions): Float32Array<ArrayBuffer> {
  if (isField(parameters.graph)) return sampleField(parameters, options);
  const where = 'sample()';
  refuseUnknown(where, options, ['rows', 'sweeps', 'seed', 'clamp', 'give', 'length']);
  const rows = integer(where, 'rows', options.rows ?? 1, { atLeast: 1 });
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 1000, { atLeast: 1, atMost: 2 ** 32 - 2 });
  const seed = readSeed(where, options.seed);
  const give = oneOf(where, 'give', options.give ?? 'means', ['means', 'states'] as const);
  const length = integer(where, 'length', options.length ?? 1, { atLeast: 1, atMost: 2 ** 24 });
  const { graph, runtime } = parameters;
  const { machines, label } = stackOf(graph);
  const labels = readClamp(parameters, label, options.clamp, rows);
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
    for (let sweep = 1; sweep <= sweeps; sweep += 1) {
      const draw = { update: sweep, sweep: 0 };
      upper.infer(upwardDrives(parameters, machine, lowers), upperBias, { keep: 'means', draw });
      lowers.forEach((lower, index) => {
        if (clamped(lower.name)) return;
        const drive = downwardDrive(parameters, machine.connections[index]!, upper, true);
        lower.infer([drive], parameters.bias(biasName(lower.name)), { keep: 'means', draw });
      });
    }
    let below = lowers.find((lower) => lower.name !== label)!;
    for (const { connections } of machines.slice(0, -1).reverse()) {
      const connection = connections[0]!;
      const { lower } = connection;
      const drive = downwardDrive(parameters, connection, below, true);
      below = layer(lower);
      below.infer([drive], parameters.bias(biasName(lower)), { keep: 'means', draw: { update: sweeps + 1, sweep: 0 } });
    }
    if (give === 'states') below.spreadStates();
    const values = givenOut(parameters, below);
    if (values.every(Number.isFinite)) return values;
    const message = `Chains of ${sweeps} sweeps grew beyond all numbers: nothing holds the units of this model back. Fewer \`sweeps\` show where they go.`;
    throw new WakesleepError('DIVERGED', message, { given: sweeps, wanted: 'chains that stay finite', where });
  } finally {
    for (const state of owned) state.free();
  }
}

/** One-hot rows of the clamped labels, or `undefined` where labels are free. */
function readClamp(
  parameters: Parameters,
  label: string | undefined,
  clamp: SampleOptions['clamp'],
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
  const labels = clamp.label!;
  const given = typeof labels === 'number' ? new Array<number>(rows).fill(labels) : Array.from(labels);
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
