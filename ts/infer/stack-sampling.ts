/**
 * Drawing from a stack of machines: Gibbs sampling in the topmost one, with labels clamped or free, then one pass down.
 *
 * 1. The lower layers of the topmost machine start from their biases alone, the label from its clamp.
 * 2. Each sweep draws the upper layer given the lower ones, then the lower ones given it; a clamped label stays. While there is
 *    annealing total inputs count by a share.
 * 3. From the last states, and those after each `every` sweeps, each tied layer below is drawn in turn; the visible layer
 *    gives means or states. The chains take no note of it.
 */
import { WakesleepError } from '../errors.js';
import { biasName, layerOf, unitsOf, upwardBiasName } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { integer, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { downwardDrive, upwardDrives } from './drives.js';
import { type Drive, LayerState } from './layer-state.js';
import { givenOut } from './passes.js';
import { Snapshots } from './snapshots.js';

/** What `sample` has read of its options. */
export interface StackSampling {
  readonly rows: number;
  readonly sweeps: number;
  /** Sweeps of annealing, among them. */
  readonly anneal: number;
  readonly every: number;
  readonly seed: number;
  readonly give: 'means' | 'states';
  /** Words of each document, where the visible layer counts them. */
  readonly length: number;
  readonly clamp: unknown;
}

/** Rows of the visible layer, as `sample` gives them; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`, `DIVERGED`. */
export function sampleStack(parameters: Parameters, sampling: StackSampling): Float32Array<ArrayBuffer> {
  const { rows, sweeps, anneal, every, seed, give, length, clamp } = sampling;
  const { graph, runtime } = parameters;
  const { machines, visible, label } = stackOf(graph);
  const labels = readClamp(parameters, label, clamp, rows);
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
      const share = sweep < anneal ? Float32Array.of(sweep / anneal) : undefined;
      const draws = { keep: 'means', draw: { update: sweep, sweep: 0 } } as const;
      const settle = (state: LayerState, drives: Drive[], bias: EngineBuffer) => {
        if (share === undefined) return state.infer(drives, bias, draws);
        state.infer(drives, bias, { keep: 'inputs' });
        state.settleTempered(share, undefined, draws);
      };
      settle(upper, upwardDrives(parameters, machine, lowers), upperBias);
      lowers.forEach((lower, index) => {
        if (clamped(lower.name)) return;
        const drive = downwardDrive(parameters, machine.connections[index]!, upper, true);
        settle(lower, [drive], parameters.bias(biasName(lower.name)));
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
  clamp: unknown,
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
  const asked = clamp.label as number | ArrayLike<number>;
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
