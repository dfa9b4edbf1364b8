/**
 * Wake-sleep (Hinton, Dayan, Frey and Neal, "The wake-sleep algorithm for unsupervised neural networks", 1995).
 *
 * Wake: the recognition net draws hidden states from the data, and every layer's causes learn to predict it.
 * Sleep: the net dreams, and every layer's recognition learns to say which states the dream's effects came from.
 */
import { binaryBeliefNetOf, requireRecognition } from '../graph/belief-net.js';
import type { Graph } from '../graph/graph.js';
import { dream, driveFamilies, LogWeights, recognise, settleMeans } from '../infer/belief-layers.js';
import { freezeDeep, refuseUnknown } from '../options.js';
import { type BeliefOptions, type CompleteBeliefOptions, readBeliefOptions } from './belief-options.js';
import { BeliefTraining, learnGeneration, learnRecognition } from './belief-training.js';
import { commonOptionNames } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';

/** What `wakeSleep()` takes; everything has a default. */
export type WakeSleepOptions = BeliefOptions;

/** Wake-sleep as plain data, complete. */
export interface WakeSleep extends CompleteBeliefOptions {
  readonly type: 'wakeSleep';
}

/** Wake-sleep with these options; throws `OPTION_INVALID`. */
export function wakeSleep(options: WakeSleepOptions = {}): WakeSleep {
  const where = 'wakeSleep()';
  refuseUnknown(where, options, commonOptionNames);
  return freezeDeep({ type: 'wakeSleep', ...readBeliefOptions(where, options) });
}

const WHAT = 'Wake-sleep';

/** Refuses a graph that is no belief net with a recognition net; throws `GRAPH_UNSUITABLE`. */
export function checkWakeSleep(graph: Graph): void {
  requireRecognition(binaryBeliefNetOf(graph, WHAT), WHAT);
}

/** Trains a belief net and its recognition net. */
export function* runWakeSleep(training: Training, options: WakeSleep): TrainingLoop {
  const { parameters } = training;
  const statisticRows = Math.min(options.batchRows, training.data.rows);
  const work = new BeliefTraining(training, options, { what: WHAT, recognition: true, statisticRows });
  const { net } = work;
  const [awake, predictions] = [work.layers(work.rows), work.layers(work.rows)];
  const [dreams, recognitions] = [work.layers(work.rows), work.layers(work.rows)];
  const logWeights = training.own(new LogWeights(parameters, net, work.rows));

  for (const batch of work.work()) {
    const { update, rows, rowWeights } = batch;
    // Wake.
    work.show(awake, batch);
    recognise(parameters, net, awake, recognitions, { update, sweep: 0 });
    const bounds = logWeights.of(awake, recognitions, predictions);
    settleMeans(net.generation, predictions);
    if (batch.measured) work.measure(awake, predictions, bounds);
    work.weigh(rowWeights, awake, predictions);

    // Sleep.
    dream(parameters, net, dreams, rows, { update, sweep: 1 });
    driveFamilies(parameters, net.recognition, 'up', dreams, recognitions, 'means');

    yield work.finish(batch, (steps) => {
      learnGeneration(steps, net, awake, predictions);
      learnRecognition(steps, net, parameters, dreams, recognitions);
    });
  }
}
