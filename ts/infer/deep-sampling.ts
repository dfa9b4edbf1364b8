/**
 * Drawing from a deep Boltzmann machine by block Gibbs sampling: in each sweep all layers of odd index given those of even
 * index, then those of even index given them. Layers, or single units of them, may be clamped.
 */
import { WakesleepError } from '../errors.js';
import { chainOf } from '../graph/deep-boltzmann.js';
import { layerOf, unitsOf } from '../graph/graph.js';
import { refuseCounts } from '../graph/machines.js';
import { checkEnergiesOf } from '../likelihood/free-energy.js';
import { oneOf } from '../options.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import type { ClampedUnits } from './ancestral.js';
import { LayerChain, type Parity } from './layer-chain.js';
import { LayerState } from './layer-state.js';
import { Snapshots } from './snapshots.js';

/** States of layers by their names: `[units]` for all rows alike, or `[rows, units]`. */
export type LayerStates = Readonly<Record<string, ArrayLike<number>>>;

/** Complete options. */
export interface DeepSampling {
  readonly rows: number;
  readonly sweeps: number;
  /** Sweeps from one snapshot of the chains to the next, a divisor of `sweeps`. */
  readonly every: number;
  readonly seed: number;
  readonly give: 'means' | 'states';
  /** The layer that is given, by default the visible one. */
  readonly layer: string | undefined;
  /** What is clamped; NaN and `null` are free. */
  readonly clamp: ClampedUnits;
  /**
   * Where chains start; layers that are not named start from their biases alone. A sweep draws layers of odd index first, unless
   * only such layers are named: then the others are drawn given those before.
   */
  readonly start: LayerStates;
}

/** Draws rows of one layer, `[rows, sweeps / every, units]`; throws `OPTION_INVALID`, `SHAPE_MISMATCH`, `GRAPH_UNSUITABLE`. */
export function sampleDeep(parameters: Parameters, options: DeepSampling): Float32Array<ArrayBuffer> {
  const { rows, sweeps, every, seed, give } = options;
  const { runtime, graph } = parameters;
  const what = 'Block Gibbs sampling';
  const chain = chainOf(graph, what);
  checkEnergiesOf(parameters, chain.layers, what);
  refuseCounts(graph, chain, `${what} needs rows of one length`);
  const asked = oneOf('sample()', 'layer', options.layer ?? chain.layers[0], chain.layers);
  const started = readStates(parameters, 'start', chain.layers, options.start, rows);
  const clamped = readStates(parameters, 'clamp', chain.layers, options.clamp, rows);
  const state = new LayerChain(parameters, chain, rows, seed, 'sample');
  const clamps = new Map<string, Clamp>();
  try {
    for (const [name, values] of clamped) clamps.set(name, new Clamp(parameters, name, values, rows, seed));
    for (const layer of state.layers) {
      const values = started.get(layer.name);
      if (values === undefined) state.inferFromBias(layer, { keep: 'means', draw: { update: 0, sweep: 0 } });
      else {
        layer.write(runtime, values);
        parameters.scaledLayer(layer.name)?.takeIn(layer);
      }
      clamps.get(layer.name)?.hold(layer);
    }
    const given = state.layers.find(({ name }) => name === asked)!;
    const snapshots = new Snapshots(rows, given.activity.units, sweeps, every);
    /** What the layer that is given was last drawn from, which a clamp replaces in the layer itself. */
    let means: Float32Array<ArrayBuffer> | undefined;
    const draw = (parity: Parity, sweep: number) => {
      for (const layer of state.of(parity)) {
        const clamp = clamps.get(layer.name);
        if (clamp?.isWhole) continue;
        state.infer(layer, { keep: 'means', draw: { update: sweep, sweep: 0 } });
        if (layer === given && give === 'means' && snapshots.isDue(sweep)) means = layer.values(runtime);
        clamp?.hold(layer);
      }
    };
    const isNamed = (parity: Parity) => state.of(parity).some(({ name }) => started.has(name));
    if (isNamed(1) && !isNamed(0)) draw(0, 0);
    for (let sweep = 1; sweep <= sweeps; sweep += 1) {
      draw(1, sweep);
      draw(0, sweep);
      if (!snapshots.isDue(sweep)) continue;
      if (give === 'states') given.spreadStates();
      const values = means ?? given.values(runtime);
      clamps.get(asked)?.overlay(values);
      snapshots.take(sweep, parameters.scaledLayer(asked)?.giveOut(values) ?? values);
    }
    return snapshots.values;
  } finally {
    state.free();
    for (const clamp of clamps.values()) clamp.free();
  }
}

/** Holds units of a layer at given states. */
class Clamp {
  /** Whether no unit is free. */
  readonly isWhole: boolean;
  /** The given states, and what was drawn where they are free. */
  private readonly held: LayerState;
  private readonly known: EngineBuffer;
  private readonly order: EngineBuffer;

  constructor(
    private readonly parameters: Parameters,
    name: string,
    private readonly values: Float32Array,
    rows: number,
    seed: number,
  ) {
    const { runtime, graph } = parameters;
    this.isWhole = !values.some(Number.isNaN);
    this.held = new LayerState(runtime, graph, name, rows, seed, 'sample');
    this.held.write(
      runtime,
      values.map((value) => (Number.isNaN(value) ? 0 : value)),
    );
    parameters.scaledLayer(name)?.takeIn(this.held);
    this.known = runtime.allocate(values.length);
    this.known.bytes().set(Uint8Array.from(values, (value) => Number(!Number.isNaN(value))));
    this.order = runtime.allocate(rows * 4);
    this.order.words().set(Uint32Array.from({ length: rows }, (_, row) => row));
  }

  /** Puts the given states in place of what the layer drew. */
  hold(layer: LayerState): void {
    const { held, known, order, parameters } = this;
    held.complete(parameters.runtime, layer, known, order, 0);
    layer.copyRows(parameters.runtime, held, order.words().slice());
  }

  /** Puts the given states over numbers of the layer, `[rows, units]`. */
  overlay(numbers: Float32Array): void {
    const states = this.held.values(this.parameters.runtime);
    this.values.forEach((value, place) => {
      if (!Number.isNaN(value)) numbers[place] = states[place]!;
    });
  }

  free(): void {
    for (const owned of [this.held, this.known, this.order]) owned.free();
  }
}

/** Checks states by layer and makes them `[rows, units]`; only what is clamped may be NaN or `null`. */
function readStates(
  { graph }: Parameters,
  option: 'start' | 'clamp',
  layers: readonly string[],
  given: ClampedUnits,
  rows: number,
): Map<string, Float32Array<ArrayBuffer>> {
  const where = `sample().${option}`;
  const states = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [name, listed] of Object.entries(given)) {
    oneOf(where, 'layer', name, layers);
    const values = typeof listed === 'number' ? [listed] : listed;
    const units = unitsOf(graph, name);
    if (values.length !== units && values.length !== rows * units) {
      const wanted = `${units}, one for each unit, or ${rows * units}, one for each unit of each row`;
      const message = `\`${option}.${name}\` has ${values.length} numbers; it must have ${wanted}.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: values.length, wanted, where });
    }
    const all = Float32Array.from({ length: rows * units }, (_, place) => values[place % values.length] ?? Number.NaN);
    const spec = layerOf(graph, name).units;
    const { least, most } = unitType(spec).range(spec);
    const wrong = all.find((x) => (Number.isNaN(x) ? option === 'start' : !(x >= least && x <= most)));
    if (wrong !== undefined) {
      const wanted = `numbers from ${least} to ${most}`;
      const message = `\`${option}.${name}\` must hold ${wanted}; got ${wrong}.`;
      throw new WakesleepError('OPTION_INVALID', message, { given: wrong, wanted, where });
    }
    states.set(name, all);
  }
  return states;
}
