/**
 * Passes through a sigmoid belief net for a batch of rows: down from causes to effects (a dream, or a prediction of states
 * that are there already), and up along the recognition connections.
 *
 * Each layer's drawn states are in its values as well as listed, since they count in statistics in both forms. What drives a
 * layer is kept apart from its states, in a room of its own: total inputs first, from which `log p(s | x)` is taken, then
 * means.
 */
import type { BeliefNet, Family } from '../graph/belief-net.js';
import { biasName, upwardBiasName, weightName } from '../graph/graph.js';
import type { purposes } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { LayerState, type Settling } from './layer-state.js';

/** A state for each of a net's layers, by name. */
export type NetLayers = ReadonlyMap<string, LayerState>;

/** The address of a pass's draws. */
export interface Draw {
  readonly update: number;
  readonly sweep: number;
}

/** Room for every layer of a net; throws `OUT_OF_MEMORY`. */
export function netLayers(
  { runtime, graph }: Parameters,
  net: BeliefNet,
  rows: number,
  seed: number,
  purpose: keyof typeof purposes,
): NetLayers {
  const layers = new Map<string, LayerState>();
  try {
    for (const { layer } of net.generation) {
      layers.set(layer, new LayerState(runtime, graph, layer, rows, seed, purpose));
    }
    return layers;
  } catch (error) {
    freeLayers(layers);
    throw error;
  }
}

/** Gives the memory of layers back. */
export function freeLayers(layers: NetLayers): void {
  for (const layer of layers.values()) layer.free();
}

/** The direction in which a family's connections drive its layer. */
type Direction = 'up' | 'down';

/** A layer given the states of its family's other layers, or its bias alone where it has none. */
export function inferFamily(
  parameters: Parameters,
  { layer, connections }: Family,
  direction: Direction,
  sources: NetLayers,
  target: LayerState,
  settling: Settling,
): void {
  const bias = parameters.bias(direction === 'down' ? biasName(layer) : upwardBiasName(parameters.graph, layer));
  const drives = connections.map((connection) => ({
    source: sources.get(direction === 'down' ? connection.upper : connection.lower)!,
    states: true,
    weights: parameters.weight(weightName(connection)),
    direction,
  }));
  if (drives.length > 0) target.infer(drives, bias, settling);
  else target.inferFromBias(bias, settling);
}

/** Ancestral sampling: `rows` rows of states of every layer, causes first. */
export function dream(parameters: Parameters, net: BeliefNet, layers: NetLayers, rows: number, draw: Draw): void {
  for (const family of net.generation) {
    const target = layers.get(family.layer)!;
    target.setRows(rows);
    inferFamily(parameters, family, 'down', layers, target, { keep: 'states', draw });
  }
}

/** Means of one layer given the states of its causes. */
export function meansOfLayer(
  parameters: Parameters,
  net: BeliefNet,
  layer: string,
  states: NetLayers,
  out: LayerState,
): void {
  const family = net.generation.find((candidate) => candidate.layer === layer)!;
  out.setRows(states.get(layer)!.activity.rows);
  inferFamily(parameters, family, 'down', states, out, { keep: 'means' });
}

/**
 * States of the hidden layers drawn by the recognition net from those of the visible one; `room` keeps the total inputs that
 * they were drawn with.
 */
export function recognise(
  parameters: Parameters,
  net: BeliefNet,
  states: NetLayers,
  room: NetLayers,
  draw: Draw,
): void {
  const { rows } = states.get(net.visible)!.activity;
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  for (const family of net.recognition) {
    const [drawn, inputs] = [states.get(family.layer)!, room.get(family.layer)!];
    inferFamily(parameters, family, 'up', states, inputs, { keep: 'inputs', draw });
    drawn.copyRows(parameters.runtime, inputs, all);
    drawn.spreadStates();
  }
}

/** What the families of one direction make of states that are there: their total inputs, or means. */
export function driveFamilies(
  parameters: Parameters,
  families: readonly Family[],
  direction: Direction,
  states: NetLayers,
  room: NetLayers,
  keep: 'inputs' | 'means',
): void {
  for (const family of families) {
    const target = room.get(family.layer)!;
    target.setRows(states.get(family.layer)!.activity.rows);
    inferFamily(parameters, family, direction, states, target, { keep });
  }
}

/** `out[row] += Σ log p(s | x)` over the layers of families whose total inputs are in `room`; nats, f64. */
export function addLogProbabilities(
  families: readonly Family[],
  states: NetLayers,
  room: NetLayers,
  out: EngineBuffer,
): void {
  for (const { layer } of families) room.get(layer)!.addLogProbability(states.get(layer)!, out);
}

/** Turns the total inputs of families in `room` into means. */
export function settleMeans(families: readonly Family[], room: NetLayers): void {
  for (const { layer } of families) room.get(layer)!.settleTempered(Float32Array.of(1), undefined, { keep: 'means' });
}

/** Log-weights `log p(v, h) − log q(h | v)` of rows drawn by `recognise`: nats, f64. */
export class LogWeights {
  private readonly recognised: EngineBuffer;
  private readonly generated: EngineBuffer;

  /** For at most `rows` rows. */
  constructor(
    private readonly parameters: Parameters,
    private readonly net: BeliefNet,
    rows: number,
  ) {
    const { runtime } = parameters;
    this.recognised = runtime.allocate(rows * 8);
    this.generated = runtime.allocate(rows * 8);
  }

  /** The log-weights; `recognitions` and `predictions` keep the total inputs of both directions. */
  of(states: NetLayers, recognitions: NetLayers, predictions: NetLayers): Float64Array {
    const { net, parameters, recognised, generated } = this;
    const { rows } = states.get(net.visible)!.activity;
    driveFamilies(parameters, net.generation, 'down', states, predictions, 'inputs');
    for (const out of [recognised, generated]) out.doubles().fill(0);
    addLogProbabilities(net.recognition, states, recognitions, recognised);
    addLogProbabilities(net.generation, states, predictions, generated);
    const q = recognised.doubles();
    return generated
      .doubles()
      .slice(0, rows)
      .map((log, row) => log - q[row]!);
  }

  /** Gives the memory back. */
  free(): void {
    this.recognised.free();
    this.generated.free();
  }
}
