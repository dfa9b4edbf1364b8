/**
 * Drawing from a sigmoid belief net. Nothing clamped: one pass from the causes down, which is exact (ancestral sampling).
 * With units clamped, the rest is drawn given them by Gibbs sampling:
 *
 * 1. A pass down gives every row a start, in which clamped units then get their states.
 * 2. Each sweep draws every other unit given all the rest (`moves: 'layers'`: all units of a layer at once, which
 *    explanations that exclude each other need).
 */
import { WakesleepError } from '../errors.js';
import { type BeliefNet, beliefNetOf, binaryBeliefNetOf } from '../graph/belief-net.js';
import { type Graph, unitsOf, unsuitable } from '../graph/graph.js';
import { noiseStream } from '../noise.js';
import { describeValue, isPlainObject, oneOf } from '../options.js';
import type { Parameters } from '../parameters.js';
import { dream, freeLayers, meansOfLayer, type NetLayers, netLayers } from './belief-layers.js';
import { LayerState } from './layer-state.js';
import { type Moves, RowNet } from './row-net.js';

/** States that units are held at, by layer: 0, 1, or `null` for a unit that is free. */
export type ClampedUnits = Readonly<Record<string, ArrayLike<number | null>>>;

/** What is drawn from a belief net, checked. */
export interface AncestralOptions {
  readonly rows: number;
  readonly seed: number;
  readonly give: 'means' | 'states';
  readonly layer: string | undefined;
  readonly clamp: unknown;
  readonly sweeps: number;
  readonly moves: Moves;
}

/** Draws rows of one layer, `[rows, units]`; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`, `SHAPE_MISMATCH`. */
export function sampleBeliefNet(parameters: Parameters, options: AncestralOptions): Float32Array<ArrayBuffer> {
  const { graph, runtime } = parameters;
  const net = beliefNetOf(graph, 'Ancestral sampling');
  const names = graph.layers.map(({ name }) => name);
  const layer = oneOf('sample()', 'layer', options.layer ?? net.visible, names);
  const { rows, seed, give } = options;
  const clamp = readClampedUnits(graph, options.clamp);
  const layers = netLayers(parameters, net, rows, seed, 'sample');
  const means = new LayerState(runtime, graph, layer, rows, seed, 'sample');
  try {
    dream(parameters, net, layers, rows, { update: 0, sweep: 0 });
    if (clamp.size > 0) drawClamped(parameters, net, layers, clamp, options);
    if (give === 'states') return layers.get(layer)!.values(runtime);
    meansOfLayer(parameters, net, layer, layers, means);
    const values = means.values(runtime);
    const held = clamp.get(layer) ?? [];
    return values.map((value, place) => held[place % unitsOf(graph, layer)] ?? value);
  } finally {
    means.free();
    freeLayers(layers);
  }
}

/** Draws all units that are not clamped given those that are. */
function drawClamped(
  parameters: Parameters,
  net: BeliefNet,
  layers: NetLayers,
  clamp: ReadonlyMap<string, readonly (number | null)[]>,
  { rows, seed, sweeps, moves }: AncestralOptions,
): void {
  const { graph, runtime } = parameters;
  binaryBeliefNetOf(graph, 'Sampling with units clamped');
  const rowNet = new RowNet(parameters, net);
  const stream = noiseStream(runtime, seed, 'posterior', 0);
  try {
    const held = rowNet.places.flatMap(({ layer, units }) => clamp.get(layer) ?? new Array<null>(units).fill(null));
    rowNet.clampUnits(held.map((value) => value !== null));
    rowNet.checkMoves(moves);
    const drawn = new Map([...layers].map(([name, state]) => [name, state.values(runtime)]));
    const states = rowNet.join(rows, drawn).map((value, place) => held[place % rowNet.units] ?? value);
    rowNet.gibbs(states, { moves, stream, update: 0, first: 0, count: sweeps });
    for (const [name, state] of layers) state.write(runtime, rowNet.take(states, name));
  } finally {
    stream.free();
    rowNet.free();
  }
}

function readClampedUnits(graph: Graph, given: unknown): ReadonlyMap<string, readonly (number | null)[]> {
  const where = 'sample().clamp';
  if (given === undefined) return new Map();
  if (!isPlainObject(given)) throw wrongClamp(where, given);
  return new Map(
    Object.entries(given).map(([name, states]) => {
      const known = graph.layers.some((layer) => layer.name === name);
      if (!known) throw unsuitable(`\`clamp\` names the layer \`${name}\`, which the graph does not have.`, name);
      const listed = Array.isArray(states) || ArrayBuffer.isView(states);
      if (!listed) throw wrongClamp(`${where}.${name}`, states);
      const values = Array.from(states as ArrayLike<number | null>);
      const wanted = unitsOf(graph, name);
      if (values.length !== wanted) {
        const message = `\`clamp.${name}\` has ${values.length} states; the layer has ${wanted} units (\`null\` leaves one free).`;
        throw new WakesleepError('SHAPE_MISMATCH', message, { given: values.length, wanted: String(wanted), where });
      }
      const wrong = values.find((value) => value !== 0 && value !== 1 && value !== null);
      if (wrong !== undefined) throw wrongClamp(`${where}.${name}`, wrong);
      return [name, values];
    }),
  );
}

function wrongClamp(where: string, given: unknown): WakesleepError {
  const wanted = 'layers with a state for each unit, 0, 1 or null: { visible: [1, null, 0] }';
  return new WakesleepError('OPTION_INVALID', `\`clamp\` must be ${wanted}; got ${describeValue(given)}.`, {
    given,
    wanted,
    where,
  });
}
