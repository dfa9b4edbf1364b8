/**
 * Reweighted wake-sleep (Bornschein and Bengio, "Reweighted wake-sleep", 2015).
 *
 * For each row K particles h_k are drawn from the recognition net q, with normalised weights `w_k ∝ p(v, h_k) / q(h_k | v)`:
 * 1. p learns by the delta rule from all particles, each as much as its weight (the wake update of p);
 * 2. q learns from the same particles and weights (wake), from dreams (sleep), or half from each.
 *
 * With one particle and dreams alone this is wake-sleep.
 */
import { WakesleepError } from '../errors.js';
import { binaryBeliefNetOf, requireRecognition } from '../graph/belief-net.js';
import type { Graph } from '../graph/graph.js';
import { dream, driveFamilies, LogWeights, type NetLayers, recognise, settleMeans } from '../infer/belief-layers.js';
import { freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { withScratch } from '../runtime/allocation.js';
import { type BeliefOptions, type CompleteBeliefOptions, readBeliefOptions } from './belief-options.js';
import { type BeliefBatch, BeliefTraining, learnGeneration, learnRecognition } from './belief-training.js';
import { commonOptionNames, MAX_BATCH_ROWS } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';

/** Where the recognition net learns from. */
export type RecognitionPhase = 'both' | 'wake' | 'sleep';

/** What `reweightedWakeSleep()` takes; everything has a default. */
export interface ReweightedWakeSleepOptions extends BeliefOptions {
  /** Draws of the hidden states for each row, K; default 5. `batchRows · (particles + 1)` is at most 21,845. */
  readonly particles?: number;
  /** Whether the recognition net learns from the weighted particles (`wake`), from dreams (`sleep`) or half from `both` (default). */
  readonly recognition?: RecognitionPhase;
}

/** Reweighted wake-sleep as plain data, complete. */
export interface ReweightedWakeSleep extends CompleteBeliefOptions {
  readonly type: 'reweightedWakeSleep';
  readonly particles: number;
  readonly recognition: RecognitionPhase;
}

/** Reweighted wake-sleep with these options; throws `OPTION_INVALID`. */
export function reweightedWakeSleep(options: ReweightedWakeSleepOptions = {}): ReweightedWakeSleep {
  const where = 'reweightedWakeSleep()';
  refuseUnknown(where, options, ['particles', 'recognition', ...commonOptionNames]);
  const complete = readBeliefOptions(where, options);
  const particles = integer(where, 'particles', options.particles ?? 5, { atLeast: 1, atMost: MAX_BATCH_ROWS });
  const rows = complete.batchRows * (particles + 1);
  if (rows > MAX_BATCH_ROWS) {
    const wanted = `\`batchRows\` times \`particles\` plus 1 of at most ${MAX_BATCH_ROWS}`;
    const message = `${complete.batchRows} rows of a batch with ${particles} particles each make ${rows} rows of statistics; wanted is ${wanted}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: rows, wanted, where: `${where}.particles` });
  }
  const recognition = oneOf(where, 'recognition', options.recognition ?? 'both', ['both', 'wake', 'sleep'] as const);
  return freezeDeep({ type: 'reweightedWakeSleep', particles, recognition, ...complete });
}

const WHAT = 'Reweighted wake-sleep';

/** Refuses a graph that is no belief net with a recognition net; throws `GRAPH_UNSUITABLE`. */
export function checkReweightedWakeSleep(graph: Graph): void {
  requireRecognition(binaryBeliefNetOf(graph, WHAT), WHAT);
}

/** Trains a belief net and its recognition net. */
export function* runReweightedWakeSleep(training: Training, options: ReweightedWakeSleep): TrainingLoop {
  const { parameters } = training;
  const { particles, recognition } = options;
  const [rows, most] = [1, particles].map((copies) => copies * Math.min(options.batchRows, training.data.rows));
  const work = new BeliefTraining(training, options, { what: WHAT, recognition: true, statisticRows: most! + rows! });
  const { net } = work;
  const [awake, predictions, recognised] = [work.layers(most!), work.layers(most!), work.layers(most!)];
  const sleeps = recognition !== 'wake';
  const [dreams, guesses] = sleeps ? [work.layers(rows!), work.layers(rows!)] : [];
  const joined = recognition === 'both' ? [work.layers(most! + rows!), work.layers(most! + rows!)] : undefined;
  const logWeights = training.own(new LogWeights(parameters, net, most!));

  for (const batch of work.work()) {
    const { update } = batch;
    // Particles and their weights.
    work.show(awake, batch, particles);
    recognise(parameters, net, awake, recognised, { update, sweep: 0 });
    const { weights, bounds } = normalised(parameters, logWeights.of(awake, recognised, predictions), particles);
    settleMeans(net.generation, predictions);
    if (batch.measured) work.measure(awake, predictions, bounds);
    weighByRow(weights, batch, particles);
    work.weigh(weights, awake, predictions);

    // What the recognition net learns from: states, and what it makes of their effects.
    let seen = awake;
    let said = recognised;
    if (recognition !== 'sleep') {
      settleMeans(net.recognition, recognised);
      work.weigh(weights, recognised);
    }
    if (dreams !== undefined && guesses !== undefined) {
      dream(parameters, net, dreams, batch.rows, { update, sweep: 1 });
      driveFamilies(parameters, net.recognition, 'up', dreams, guesses, 'means');
      [seen, said] = [dreams, guesses];
      if (joined !== undefined) {
        if (options.data === 'probabilities') dreams.get(net.visible)!.listValues(parameters.runtime);
        [seen, said] = joined as [NetLayers, NetLayers];
        append(parameters, seen, awake, dreams);
        append(parameters, said, recognised, guesses, net.visible);
        work.weigh(halfOfEach(weights, batch.rows), seen, said);
      }
    }

    yield work.finish(batch, (steps) => {
      learnGeneration(steps, net, awake, predictions);
      learnRecognition(steps, net, parameters, seen, said);
    });
  }
}

/** Weights of the particles, 1 on average over each row's, and `log (1/K) Σ w` of each row, nats. */
function normalised(
  { runtime }: Parameters,
  logs: Float64Array,
  particles: number,
): { readonly weights: Float32Array; readonly bounds: Float64Array } {
  const rows = logs.length / particles;
  return withScratch(runtime, logs.length * 8, (scratch) => {
    const bounds = Float64Array.from({ length: rows }, (_, row) => {
      scratch.doubles().set(logs.subarray(row * particles, (row + 1) * particles));
      return (runtime.kernels.summariseWeights(scratch.handle, particles) as unknown as number[])[0]!;
    });
    scratch.doubles().set(logs);
    runtime.kernels.normaliseRows(scratch.handle, particles);
    const weights = Float32Array.from(scratch.doubles().subarray(0, logs.length), (share) => share * particles);
    return { weights, bounds };
  });
}

/** Multiplies the weights of each row's particles by how much the row counts. */
function weighByRow(weights: Float32Array, { rowWeights }: BeliefBatch, particles: number): void {
  if (rowWeights.length === 0) return;
  for (let place = 0; place < weights.length; place += 1) weights[place]! *= rowWeights[Math.floor(place / particles)]!;
}

/** Rows of one set of layers, and behind them those of another. */
function append({ runtime }: Parameters, to: NetLayers, first: NetLayers, second: NetLayers, except?: string): void {
  const all = ({ rows }: { readonly rows: number }) => Uint32Array.from({ length: rows }, (_, row) => row);
  for (const [name, layer] of to) {
    if (name === except) continue;
    const [before, after] = [first.get(name)!, second.get(name)!];
    layer.copyRows(runtime, before, all(before.activity));
    layer.copyRows(runtime, after, all(after.activity), before.activity.rows);
  }
}

/** Weights by which particles and as many dreams as rows count for one half each in a mean over all of them. */
function halfOfEach(weights: Float32Array, dreams: number): Float32Array {
  const all = weights.length + dreams;
  const joined = new Float32Array(all).fill(all / (2 * dreams));
  weights.forEach((weight, place) => {
    joined[place] = (weight * all) / (2 * weights.length);
  });
  return joined;
}
