/**
 * The log-likelihood of rows of a sigmoid belief net by importance sampling, the recognition net being the proposal:
 *
 *     log p(v) ≈ log (1/K) Σ_k p(v, h_k) / q(h_k | v),   h_k ~ q(h | v)
 *
 * On average it is below the truth, and rises with the number of particles K, which belongs beside every such number (Burda,
 * Grosse and Salakhutdinov 2016). The draws of a row are addressed by its place and the particle's, so neither threads nor
 * blocks matter.
 */
import type { Dataset } from '../data/dataset.js';
import { binaryBeliefNetOf, requireRecognition } from '../graph/belief-net.js';
import { freeLayers, LogWeights, netLayers, recognise } from '../infer/belief-layers.js';
import { LayerState } from '../infer/layer-state.js';
import { refuseIntensities } from '../infer/source.js';
import { noiseStream } from '../noise.js';
import { integer, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';

/** What `importanceLogLikelihood()` takes. */
export interface ImportanceOptions {
  /** Draws of the hidden units for each row, K; default 1,000. */
  readonly particles?: number;
  readonly seed: number;
}

/** An estimate and how sure it is. */
export interface ImportanceEstimate {
  /** Draws for each row: state it beside the number. */
  readonly particles: number;
  /** Of each row, nats; below the truth on average. */
  readonly logLikelihoods: Float64Array;
  /** Mean over rows, nats. */
  readonly mean: number;
  /** Standard error of that mean as one over rows: how much another set of as many rows would differ. */
  readonly standardError: number;
  /** Of each row: `(Σ w)² / Σ w²` of its weights. */
  readonly effectiveSampleSizes: Float64Array;
  readonly warnings: readonly string[];
}

/** Particles that are worked on together. */
const TOGETHER = 1000;
/** Below this mean effective sample size the estimate says more of the proposal than of the model. */
const LEAST_EFFECTIVE = 5;

/** Estimates; throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`, `DATA_INVALID`. Keeps the thread. */
export function importanceLogLikelihoods(
  parameters: Parameters,
  data: Dataset,
  options: ImportanceOptions,
): ImportanceEstimate {
  const work = estimate(parameters, data, options);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** As `importanceLogLikelihoods`, asking `pause` before each row. */
export async function importanceLogLikelihoodsAsync(
  parameters: Parameters,
  data: Dataset,
  options: ImportanceOptions,
  pause: () => Promise<void> | undefined,
): Promise<ImportanceEstimate> {
  const work = estimate(parameters, data, options);
  try {
    for (;;) {
      await pause();
      const { done, value } = work.next();
      if (done) return value;
    }
  } finally {
    // Frees what the rows needed, where `pause` threw.
    work.return(undefined as never);
  }
}

/** Estimates row by row. */
function* estimate(
  parameters: Parameters,
  data: Dataset,
  options: ImportanceOptions,
): Generator<void, ImportanceEstimate, void> {
  const where = 'importanceLogLikelihood()';
  const what = 'Importance sampling';
  refuseUnknown(where, options, ['particles', 'seed']);
  const particles = integer(where, 'particles', options.particles ?? 1000, { atLeast: 1, atMost: 65_536 * TOGETHER });
  const seed = readSeed(where, options.seed);
  const { graph, runtime } = parameters;
  const net = binaryBeliefNetOf(graph, what);
  requireRecognition(net, what);
  refuseIntensities(data, what);
  const together = Math.min(particles, TOGETHER);
  const [states, recognitions, predictions] = [0, 1, 2].map(() => netLayers(parameters, net, together, seed, 'score'));
  const weights = new LogWeights(parameters, net, together);
  const row = new LayerState(runtime, graph, net.visible, 1, seed, 'score');
  // Of rows of states each draw is certain, and what is listed are the units that are on.
  const certain = noiseStream(runtime, seed, 'binarise', 0);
  const order = runtime.allocate(4);
  const logs = runtime.allocate(particles * 8);
  const [logLikelihoods, effectiveSampleSizes] = [new Float64Array(data.rows), new Float64Array(data.rows)];
  try {
    for (let place = 0; place < data.rows; place += 1) {
      order.words()[0] = data.firstRow + place;
      row.gatherStates(data, order, 0, 1, certain);
      for (let first = 0; first < particles; first += together) {
        const count = Math.min(together, particles - first);
        states!.get(net.visible)!.copyRows(runtime, row, new Uint32Array(count));
        recognise(parameters, net, states!, recognitions!, { update: place, sweep: first / together });
        logs.doubles().set(weights.of(states!, recognitions!, predictions!), first);
      }
      const [logMean, , , , , effective] = runtime.kernels.summariseWeights(logs.handle, particles);
      logLikelihoods[place] = logMean!;
      effectiveSampleSizes[place] = effective!;
      yield;
    }
    return summary(particles, logLikelihoods, effectiveSampleSizes);
  } finally {
    for (const layers of [states!, recognitions!, predictions!]) freeLayers(layers);
    for (const owned of [weights, row, certain, order, logs]) owned.free();
  }
}

function summary(
  particles: number,
  logLikelihoods: Float64Array,
  effectiveSampleSizes: Float64Array,
): ImportanceEstimate {
  const rows = logLikelihoods.length;
  const meanOf = (values: Float64Array) => values.reduce((sum, x) => sum + x, 0) / Math.max(1, rows);
  const mean = meanOf(logLikelihoods);
  const squares = logLikelihoods.reduce((sum, x) => sum + (x - mean) * (x - mean), 0);
  const effective = meanOf(effectiveSampleSizes);
  const warnings: string[] = [];
  if (effective < Math.min(LEAST_EFFECTIVE, particles)) {
    const found = `${effective.toFixed(1)} of ${particles} particles`;
    warnings.push(
      `The effective sample size is ${found} on average: the estimate hangs on a few. Take more particles.`,
    );
  }
  return {
    particles,
    logLikelihoods,
    mean,
    standardError: rows > 1 ? Math.sqrt(squares / (rows - 1) / rows) : Number.POSITIVE_INFINITY,
    effectiveSampleSizes,
    warnings,
  };
}
