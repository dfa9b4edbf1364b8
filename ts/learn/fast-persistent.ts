/**
 * Persistent contrastive divergence with fast weights (Tieleman and Hinton, "Using fast weights to improve persistent
 * contrastive divergence", 2009).
 *
 * The chains run under `W + W_fast`, the data phase under W. Both learn from the same gradient, the fast weights at a rate
 * of their own, and they decay by a twentieth at every update: `W_fast ← 19/20 W_fast + fast rate · gradient`. So the model's
 * energy rises where the chains are, which drives them on. Biases have fast parts too.
 */

import { weightName } from '../graph/graph.js';
import { freezeDeep, refuseUnknown } from '../options.js';
import { machineParameterNames, Parameters } from '../parameters.js';
import { EnergyTraining } from './energy-training.js';
import { MachineUpdate } from './machine-update.js';
import { Chains, chainOptionNames, type PersistentOptions, readChainOptions } from './persistent.js';
import { readSchedule, type Schedule, scheduled } from './schedule.js';
import { type CompleteTrainerOptions, rateOf } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';

/** What `fastPersistentContrastiveDivergence()` takes; everything has a default. */
export interface FastWeightsOptions extends PersistentOptions {
  /** The rate of the fast weights, per case, above 0; default `null`, what `learningRate` starts from, kept constant. */
  readonly fastLearningRate?: Schedule | null;
}

/** Persistent contrastive divergence with fast weights as plain data, complete. */
export interface FastWeights extends CompleteTrainerOptions {
  readonly type: 'fastPersistentContrastiveDivergence';
  readonly gibbsSteps: Schedule;
  readonly chains: number;
  readonly fastLearningRate: Schedule | null;
}

/** Persistent contrastive divergence with fast weights and these options; throws `OPTION_INVALID`. */
export function fastPersistentContrastiveDivergence(options: FastWeightsOptions = {}): FastWeights {
  const where = 'fastPersistentContrastiveDivergence()';
  refuseUnknown(where, options, [...chainOptionNames, 'fastLearningRate']);
  const complete = readChainOptions(where, options);
  const fast = options.fastLearningRate ?? null;
  return freezeDeep({
    type: 'fastPersistentContrastiveDivergence',
    ...complete,
    fastLearningRate: fast === null ? null : readSchedule(where, 'fastLearningRate', fast, { above: 0 }),
  });
}

/** What the fast weights lose at every update. */
const DECAY = 1 / 20;

/** Trains the machine of index `depth` of a stack. */
export function* runFastPersistent(training: Training, depth: number, options: FastWeights): TrainingLoop {
  const work = new EnergyTraining(training, depth, options, options.chains);
  const chains = new Chains(training, work, options);
  const { parameters, machine } = work;
  const { runtime, graph } = parameters;
  const names = machineParameterNames(graph, machine);
  const fast = training.own(new Parameters(runtime, graph));
  const sum = training.own(new Parameters(runtime, graph));
  const fastUpdates = training.own(new MachineUpdate(fast, machine, Math.max(work.rows, options.chains)));
  for (const name of names) {
    const values = training.restored.get(`fast.${name}`);
    if (values !== undefined) fast.write(name, values);
  }
  work.offer(() => [
    ...chains.tensors(),
    ...names.map((name): [string, Float32Array] => [`fast.${name}`, fast.read(name)]),
  ]);
  const rate = options.fastLearningRate ?? scheduled(rateOf(options.learningRate, graph, machine), 0, 0);
  for (const batch of work.work()) {
    addParameters(sum, parameters, fast, names, machine.connections.map(weightName));
    const negative = chains.goOn(batch, sum);
    const record = work.finish(batch, negative);
    const learningRate = scheduled(rate, batch.epoch, batch.share);
    const step = { learningRate, momentum: 0, weightCost: DECAY / learningRate, biasCost: DECAY / learningRate };
    fastUpdates.apply(batch.positive, negative, step, 1, batch.update);
    yield record;
  }
}

/** `sum ← a + b`, parameter by parameter. */
function addParameters(
  sum: Parameters,
  a: Parameters,
  b: Parameters,
  names: readonly string[],
  weights: readonly string[],
): void {
  for (const name of names) {
    if (weights.includes(name)) {
      sum.weight(name).setSum(a.weight(name), b.weight(name));
      continue;
    }
    const [slow, fast] = [a.bias(name).floats(), b.bias(name).floats()];
    const out = sum.bias(name).floats();
    for (let unit = 0; unit < out.length; unit += 1) out[unit] = slow[unit]! + fast[unit]!;
  }
}
