/**
 * Monte Carlo expectation maximisation of a sigmoid belief net (Neal, "Connectionist learning of belief networks", 1992).
 *
 * E step: for each row of a batch a chain of Gibbs sampling draws the hidden states given the row; it starts from what the
 * recognition net says, where there is one, and else from a draw of the prior. M step: one step of the delta rule. Chains
 * start anew at every presentation, so explanations that exclude each other need many sweeps or `moves: 'layers'`.
 */
import { binaryBeliefNetOf } from '../graph/belief-net.js';
import type { Graph } from '../graph/graph.js';
import { dream, driveFamilies, recognise } from '../infer/belief-layers.js';
import { type Moves, RowNet } from '../infer/row-net.js';
import { noiseStream } from '../noise.js';
import { freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import {
  type BeliefOptions,
  type CompleteBeliefOptions,
  drawnOptionNames,
  readBeliefOptions,
} from './belief-options.js';
import { BeliefTraining, learnGeneration } from './belief-training.js';
import type { Training, TrainingLoop } from './training.js';

/** What `monteCarloEM()` takes; everything has a default. Data are always `states`. */
export interface MonteCarloEMOptions extends Omit<BeliefOptions, 'data'> {
  /** Sweeps of Gibbs sampling for each row at every presentation, 1 to 65,000, default 20. */
  readonly gibbsSweeps?: number;
  /** Whether `units` are drawn one by one (default) or all of a `layer` together, at most 12. */
  readonly moves?: Moves;
}

/** Monte Carlo expectation maximisation as plain data, complete. */
export interface MonteCarloEM extends Omit<CompleteBeliefOptions, 'data'> {
  readonly type: 'monteCarloEM';
  readonly gibbsSweeps: number;
  readonly moves: Moves;
}

/** Monte Carlo expectation maximisation with these options; throws `OPTION_INVALID`. */
export function monteCarloEM(options: MonteCarloEMOptions = {}): MonteCarloEM {
  const where = 'monteCarloEM()';
  refuseUnknown(where, options, ['gibbsSweeps', 'moves', ...drawnOptionNames]);
  const { data: _, ...complete } = readBeliefOptions(where, options);
  const gibbsSweeps = integer(where, 'gibbsSweeps', options.gibbsSweeps ?? 20, { atLeast: 1, atMost: 65_000 });
  const moves = oneOf(where, 'moves', options.moves ?? 'units', ['units', 'layers'] as const);
  return freezeDeep({ type: 'monteCarloEM', gibbsSweeps, moves, ...complete });
}

const WHAT = 'Monte Carlo expectation maximisation';

/** Refuses a graph that is no belief net of binary units; throws `GRAPH_UNSUITABLE`. */
export function checkMonteCarloEM(graph: Graph): void {
  binaryBeliefNetOf(graph, WHAT);
}

/** Trains the generative side of a belief net. */
export function* runMonteCarloEM(training: Training, options: MonteCarloEM): TrainingLoop {
  const { parameters, seed } = training;
  const { runtime } = parameters;
  const { gibbsSweeps, moves } = options;
  const statisticRows = Math.min(options.batchRows, training.data.rows);
  const given = { ...options, data: 'states' as const };
  const work = new BeliefTraining(training, given, { what: WHAT, recognition: false, statisticRows });
  const { net } = work;
  const [states, predictions] = [work.layers(work.rows), work.layers(work.rows)];
  const stream = training.own(noiseStream(runtime, seed, 'posterior', 0));

  for (const batch of work.work()) {
    const { update, rows, rowWeights } = batch;
    // E step.
    dream(parameters, net, states, rows, { update, sweep: 0 });
    work.show(states, batch);
    recognise(parameters, net, states, predictions, { update, sweep: 1 });
    const rowNet = new RowNet(parameters, net);
    try {
      rowNet.checkMoves(moves);
      const drawn = new Map([...states].map(([name, layer]) => [name, layer.values(runtime)]));
      const joined = rowNet.join(rows, drawn);
      rowNet.gibbs(joined, { moves, stream, update, first: 0, count: gibbsSweeps });
      for (const [name, layer] of states) layer.write(runtime, rowNet.take(joined, name));
    } finally {
      rowNet.free();
    }

    // M step.
    driveFamilies(parameters, net.generation, 'down', states, predictions, 'means');
    if (batch.measured) work.measure(states, predictions, undefined);
    work.weigh(rowWeights, states, predictions);
    yield work.finish(batch, (steps) => learnGeneration(steps, net, states, predictions));
  }
}
