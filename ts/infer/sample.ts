/**
 * Drawing from a model. A sigmoid belief net is drawn from the causes down (`ancestral.ts`), a deep Boltzmann machine by block
 * Gibbs sampling in all layers (`deep-sampling.ts`), a general one by Gibbs sampling of all units (`field.ts`); any
 * other in its topmost machine and one pass down (`stack-sampling.ts`). Options are read here, and by general ones themselves.
 */
import { isBeliefNet } from '../graph/belief-net.js';
import { isDeepBoltzmannMachine } from '../graph/deep-boltzmann.js';
import { isField } from '../graph/field.js';
import { integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { type ClampedUnits, sampleBeliefNet } from './ancestral.js';
import { type LayerStates, sampleDeep } from './deep-sampling.js';
import { sampleField } from './field.js';
import type { Moves } from './row-net.js';
import { readEvery } from './snapshots.js';
import { sampleStack } from './stack-sampling.js';

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
   * The first so many of `sweeps` are at temperatures that fall from infinity to 1: total inputs, those of a clamped label among
   * them, count by a share that rises straight to 1 (simulated annealing; Kirkpatrick, Gelatt and Vecchi 1983). Chains that
   * mix slowly then begin where the clamp leads, not where their first draw happened to lie. Default 0; only of machines and of
   * nets whose topmost two layers are one.
   */
  readonly anneal?: number;
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
  const { graph } = parameters;
  const directed = isBeliefNet(graph);
  const deep = isDeepBoltzmannMachine(graph);
  if (!deep && isField(graph)) return sampleField(parameters, options);
  const own = directed ? ['layer', 'moves'] : deep ? ['every', 'layer', 'start'] : ['anneal', 'every', 'length'];
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
  const anneal = integer(where, 'anneal', options.anneal ?? 0, { atLeast: 0, atMost: sweeps });
  return sampleStack(parameters, { rows, sweeps, anneal, every, seed, give, length, clamp: options.clamp });
}
