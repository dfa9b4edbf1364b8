/**
 * Variational expectation maximisation of a sigmoid belief net with factorial mean field (Saul, Jaakkola and Jordan, "Mean
 * field theory for sigmoid belief networks", 1996).
 *
 * E step: for each row of a batch coordinate ascent finds the factorial distribution of its hidden units, from a drawn start.
 * M step: hidden states are drawn from it, and the delta rule takes one step: on average the gradient of the bound
 * `E_q log p(v, h) + H(q)`.
 */
import { binaryBeliefNetOf } from '../graph/belief-net.js';
import type { Graph } from '../graph/graph.js';
import { driveFamilies } from '../infer/belief-layers.js';
import { drawnStarts, drawUniforms, withFree } from '../infer/posterior.js';
import { RowNet } from '../infer/row-net.js';
import { noiseStream } from '../noise.js';
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import {
  type BeliefOptions,
  type CompleteBeliefOptions,
  drawnOptionNames,
  readBeliefOptions,
} from './belief-options.js';
import { BeliefTraining, learnGeneration } from './belief-training.js';
import type { Training, TrainingLoop } from './training.js';

/** What `variationalEM()` takes; everything has a default. Data are always `states`. */
export interface VariationalEMOptions extends Omit<BeliefOptions, 'data'> {
  /** Passes over the hidden units for each row at every presentation, default 20; fewer where means settle before. */
  readonly sweeps?: number;
}

/** Variational expectation maximisation as plain data, complete. */
export interface VariationalEM extends Omit<CompleteBeliefOptions, 'data'> {
  readonly type: 'variationalEM';
  readonly sweeps: number;
}

/** Variational expectation maximisation with these options; throws `OPTION_INVALID`. */
export function variationalEM(options: VariationalEMOptions = {}): VariationalEM {
  const where = 'variationalEM()';
  refuseUnknown(where, options, ['sweeps', ...drawnOptionNames]);
  const { data: _, ...complete } = readBeliefOptions(where, options);
  const sweeps = integer(where, 'sweeps', options.sweeps ?? 20, { atLeast: 1, atMost: 65_000 });
  return freezeDeep({ type: 'variationalEM', sweeps, ...complete });
}

const WHAT = 'Variational expectation maximisation';

/** Refuses a graph that is no belief net of binary units; throws `GRAPH_UNSUITABLE`. */
export function checkVariationalEM(graph: Graph): void {
  binaryBeliefNetOf(graph, WHAT);
}

/** Trains the generative side of a belief net. */
export function* runVariationalEM(training: Training, options: VariationalEM): TrainingLoop {
  const { parameters, seed } = training;
  const { runtime } = parameters;
  const statisticRows = Math.min(options.batchRows, training.data.rows);
  const given = { ...options, data: 'states' as const };
  const work = new BeliefTraining(training, given, { what: WHAT, recognition: false, statisticRows });
  const { net } = work;
  const [states, predictions] = [work.layers(work.rows), work.layers(work.rows)];
  const stream = training.own(noiseStream(runtime, seed, 'posterior', 0));

  for (const batch of work.work()) {
    const { update, rows, rowWeights } = batch;
    // E step.
    work.show(states, batch);
    const rowNet = new RowNet(parameters, net);
    let bounds: Float64Array;
    try {
      const visible = rowNet.join(rows, new Map([[net.visible, states.get(net.visible)!.values(runtime)]]));
      stream.at(update, 0);
      const starts = drawnStarts(drawUniforms(parameters, stream, rows, rowNet.units));
      const means = withFree(rowNet, visible, starts);
      bounds = rowNet.meanField(means, { sweeps: options.sweeps, atOnce: false });
      stream.at(update, 1);
      const uniforms = drawUniforms(parameters, stream, rows, rowNet.units);
      const drawn = uniforms.map((uniform, place) => Number(uniform < means[place]!));
      for (const [name, layer] of states) {
        layer.setRows(rows);
        layer.write(runtime, rowNet.take(drawn, name));
      }
    } finally {
      rowNet.free();
    }

    // M step.
    driveFamilies(parameters, net.generation, 'down', states, predictions, 'means');
    if (batch.measured) work.measure(states, predictions, bounds);
    work.weigh(rowWeights, states, predictions);
    yield work.finish(batch, (steps) => learnGeneration(steps, net, states, predictions));
  }
}
