/**
 * The factorial posterior of a deep Boltzmann machine given visible rows (Salakhutdinov and Hinton 2009): means of its
 * layers, reconstructions, and the variational bound, all by `LayerChain.findMeanField`.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { type Chain, chainOf } from '../graph/deep-boltzmann.js';
import { biasName, unitsOf } from '../graph/graph.js';
import { refuseCounts } from '../graph/machines.js';
import { checkEnergiesOf } from '../likelihood/free-energy.js';
import { freeEnergyOffset } from '../likelihood/offsets.js';
import { noiseStream } from '../noise.js';
import { finiteNumber, integer } from '../options.js';
import type { Parameters } from '../parameters.js';
import { LayerChain, type MeanFieldOptions } from './layer-chain.js';
import { givenOut } from './passes.js';
import { gatherRows, refuseMissing } from './source.js';

/** What questions that need a mean field take. */
export interface FactorialPosteriorOptions {
  /** Passes over the hidden layers after the one that goes up, default 30; 0 for none. */
  readonly passes?: number;
  /** The share of its last means that a layer keeps in all passes but the last, 0 (default) to below 1. */
  readonly damping?: number;
}

/** The names of these options. */
export const factorialPosteriorNames = ['passes', 'damping'] as const;

/** Checks and completes them; throws `OPTION_INVALID`. */
export function readFactorialPosterior(
  where: string,
  { passes, damping }: FactorialPosteriorOptions,
): MeanFieldOptions {
  return {
    passes: integer(where, 'passes', passes ?? 30, { atLeast: 0, atMost: 1_000_000 }),
    damping: finiteNumber(where, 'damping', damping ?? 0, { atLeast: 0, below: 1 }),
  };
}

/** Rows that are worked on together. */
const BLOCK = 500;

/** A chain of layers that have energies and rows of one length; throws `GRAPH_UNSUITABLE`. */
export function energyChainOf(parameters: Parameters, what: string): Chain {
  const chain = chainOf(parameters.graph, what);
  checkEnergiesOf(parameters, chain.layers, what);
  refuseCounts(parameters.graph, chain, `${what} needs rows of one length`);
  return chain;
}

/** Finds the mean field of all rows, some at a time, and shows it to `work`. */
function withPosteriors(
  parameters: Parameters,
  chain: Chain,
  data: Dataset,
  options: MeanFieldOptions,
  work: (state: LayerChain, first: number, rows: number) => void,
): void {
  const { runtime } = parameters;
  refuseMissing(data, 'This');
  const block = Math.min(BLOCK, Math.max(1, data.rows));
  const state = new LayerChain(parameters, chain, block, 0, 'sample');
  const order = runtime.allocate(Math.max(1, data.rows) * 4);
  const unused = noiseStream(runtime, 0, 'binarise', 0);
  try {
    order.words().set(Uint32Array.from({ length: data.rows }, (_, row) => data.firstRow + row));
    for (let first = 0; first < data.rows; first += block) {
      const rows = Math.min(block, data.rows - first);
      gatherRows(parameters, state.visible, data, { order, first, rows }, 'probabilities', unused, 0);
      state.findMeanField(options);
      work(state, first, rows);
    }
  } finally {
    for (const owned of [state, order, unused]) owned.free();
  }
}

/** Means of a hidden layer under the factorial posterior, `[rows, units]`; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`. */
export function posteriorMeans(
  parameters: Parameters,
  data: Dataset,
  layer: string | undefined,
  options: MeanFieldOptions,
): Float32Array<ArrayBuffer> {
  const chain = energyChainOf(parameters, 'A mean field');
  const depth = layer === undefined ? chain.layers.length - 1 : chain.layers.indexOf(layer);
  if (depth < 1) {
    const wanted = chain.layers.slice(1).join(', ');
    const message = `\`layer\` must be one of ${wanted}; got ${JSON.stringify(layer)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: layer, wanted, where: 'meanHidden().layer' });
  }
  const units = unitsOf(parameters.graph, chain.layers[depth]!);
  const means = new Float32Array(data.rows * units);
  withPosteriors(parameters, chain, data, options, ({ layers }, first) => {
    means.set(layers[depth]!.values(parameters.runtime), first * units);
  });
  return means;
}

/** Means of the visible layer given those of the factorial posterior, `[rows, visible units]`. */
export function reconstructByMeanField(
  parameters: Parameters,
  data: Dataset,
  options: MeanFieldOptions,
): Float32Array<ArrayBuffer> {
  const chain = energyChainOf(parameters, 'A mean field');
  const means = new Float32Array(data.rows * data.columns);
  withPosteriors(parameters, chain, data, options, (state, first) => {
    state.infer(state.visible, { keep: 'means' });
    means.set(givenOut(parameters, state.visible), first * data.columns);
  });
  return means;
}

/**
 * `E_q[−E(v, h)] + H(q)` of each row under the factorial posterior q, nats: less log Z it is a lower bound on log p(v), and
 * equal to it where the posterior is factorial. At least one pass is made.
 *
 * A layer with means μ by a total input x (bias b included) has the entropy Λ(x) − x·μ less the mean of its base measure,
 * which `E_q[−E]` holds too. What remains is `b·v + log m(v) + Σ_l [Λ(x_l) − (x_l − b_l)·μ_l] + Σ_l μ_l W_l μ_(l+1)`, and
 * `(x_l − b_l)·μ_l` of the layers that came last in the pass, those of even index, is the sum over their connections.
 */
export function variationalEnergies(
  parameters: Parameters,
  data: Dataset,
  { passes, damping }: MeanFieldOptions,
): Float64Array {
  const chain = energyChainOf(parameters, 'A variational bound');
  const { runtime } = parameters;
  const bounds = new Float64Array(data.rows);
  const constant = chain.layers.reduce((sum, layer) => sum + freeEnergyOffset(parameters, layer), 0);
  const out = runtime.allocate(Math.max(1, Math.min(BLOCK, data.rows)) * 8);
  const before = { passes: Math.max(0, passes - 1), damping };
  try {
    withPosteriors(parameters, chain, data, before, (state, first, rows) => {
      const { visible } = state;
      const sums = bounds.subarray(first, first + rows).fill(-constant);
      out.doubles().fill(0);
      visible.addLogBase(out);
      for (const layer of [...state.of(1), ...state.of(0).slice(1)]) {
        state.infer(layer, { keep: 'inputs' });
        layer.addLogPartition(out);
        const inputs = layer.values(runtime);
        layer.settleTempered(Float32Array.of(1), undefined, { keep: 'means' });
        if (!state.of(1).includes(layer)) continue;
        const bias = parameters.bias(biasName(layer.name)).floats();
        addDots(
          -1,
          inputs.map((x, place) => x - bias[place % layer.activity.units]!),
          layer.values(runtime),
          sums,
        );
      }
      const data = visible.values(runtime);
      state.infer(visible, { keep: 'inputs' });
      addDots(1, visible.values(runtime), data, sums);
      const partitions = out.doubles();
      for (let row = 0; row < rows; row += 1) sums[row]! += partitions[row]!;
    });
  } finally {
    out.free();
  }
  return bounds;
}

/** `sums[row] += sign · a[row]·b[row]`, in f64. */
function addDots(sign: number, a: Float32Array, b: Float32Array, sums: Float64Array): void {
  const units = a.length / sums.length;
  for (let place = 0; place < a.length; place += 1) sums[Math.floor(place / units)]! += sign * a[place]! * b[place]!;
}
