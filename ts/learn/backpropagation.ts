/**
 * Backpropagation: stochastic gradient descent on the loss of a feed-forward network (Rumelhart, Hinton and Williams 1986),
 * for a network from scratch or to fine-tune one whose weights a stack of machines has learned (Hinton, Osindero and Teh 2006).
 * The loss is that of the output's units: cross-entropy of a softmax group or of logistic units, half the squared error of
 * linear ones.
 */
import { WakesleepError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { type Network, networkOf } from '../graph/network.js';
import { finiteNumber, freezeDeep, integer, refuseUnknown } from '../options.js';
import { Averages } from './averages.js';
import { Batches } from './batches.js';
import { addActivity, recordOf } from './monitors.js';
import { biasesOf, checkRows, type Dropout, NetworkGradient } from './network-gradient.js';
import { addMissed, BestOnHeldOut, heldOutMissed, missedOf } from './network-monitors.js';
import { weighRows } from './row-weights.js';
import { type Schedule, scheduled } from './schedule.js';
import { type CompleteTrainerOptions, readTrainerOptions, type TrainerOptions } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';
import { Updates } from './updates.js';

/** Options of the other trainers that this one has too. */
const sharedNames = [
  'epochs',
  'batchRows',
  'learningRate',
  'optimiser',
  'momentum',
  'weightCost',
  'l1Cost',
  'maxNorm',
  'data',
  'averaging',
  'recordEvery',
] as const satisfies readonly (keyof TrainerOptions)[];

type Shared = (typeof sharedNames)[number];

/**
 * What `backpropagation()` takes; everything has a default, that of the other trainers but for `learningRate` (0.1 per case,
 * 0.001 for Adam), `momentum` (0.9) and `weightCost` (0).
 */
export interface BackpropagationOptions extends Pick<TrainerOptions, Shared> {
  /**
   * The share of units that are left out for a case, drawn anew each time (Srivastava et al. 2014): one number for hidden
   * layers, or `{ visible, hidden }`; 0 to below 1, default 0. Those that stay are scaled up by `1 / (1 − share)`, so that the
   * network is used as it is afterwards.
   */
  readonly dropout?: number | Partial<Dropout>;
  /**
   * The learning rate of each layer above the data, lowest first, as a share of `learningRate`; 0 leaves a layer as it is.
   * Default `null`: 1 each. Small ones below make fine-tuning gentle.
   */
  readonly layerRates?: readonly number[] | null;
  /** Epochs at the beginning in which only the weights of the output layer learn, default 0. */
  readonly outputAlone?: number;
  /**
   * Stops after so many epochs in which the held-out rows (`train(data, algorithm, { heldOut })`) are not met better than
   * before, fewest errors first and the smaller loss among equals, and takes the best parameters back; default `null`, not.
   */
  readonly patience?: number | null;
}

/** Backpropagation as plain data, complete. */
export interface Backpropagation extends Pick<CompleteTrainerOptions, Exclude<Shared, 'learningRate'>> {
  readonly type: 'backpropagation';
  readonly learningRate: Schedule;
  readonly dropout: Dropout;
  readonly layerRates: readonly number[] | null;
  readonly outputAlone: number;
  readonly patience: number | null;
}

/** Backpropagation with these options; throws `OPTION_INVALID`. */
export function backpropagation(options: BackpropagationOptions = {}): Backpropagation {
  const where = 'backpropagation()';
  const { optimiser = 'momentum', layerRates = null } = options;
  refuseUnknown(where, options, ['dropout', 'layerRates', 'outputAlone', 'patience', ...sharedNames]);
  const isAdam = (typeof optimiser === 'string' ? optimiser : optimiser.type) === 'adam';
  const defaults = { learningRate: isAdam ? 0.001 : 0.1, momentum: 0.9, weightCost: 0 };
  const complete = readTrainerOptions(where, options, defaults);
  const shared = Object.fromEntries(sharedNames.map((name) => [name, complete[name]])) as Pick<Backpropagation, Shared>;
  const patience = options.patience == null ? null : integer(where, 'patience', options.patience, { atLeast: 1 });
  if (patience !== null && complete.averaging !== null) {
    const message =
      '`patience` takes the best parameters back and `averaging` the averaged ones; a run has one of them.';
    throw new WakesleepError('OPTION_INVALID', message, { given: options.averaging, where });
  }
  return freezeDeep({
    type: 'backpropagation',
    ...shared,
    dropout: readDropout(where, options.dropout ?? 0),
    layerRates: layerRates === null ? null : readLayerRates(where, layerRates),
    outputAlone: integer(where, 'outputAlone', options.outputAlone ?? 0, { atLeast: 0 }),
    patience,
  });
}

function readDropout(where: string, given: number | Partial<Dropout>): Dropout {
  const named: Partial<Dropout> = typeof given === 'number' ? { hidden: given } : given;
  refuseUnknown(`${where}.dropout`, named, ['visible', 'hidden']);
  const share = (name: 'visible' | 'hidden') =>
    finiteNumber(`${where}.dropout`, name, named[name] ?? 0, { atLeast: 0, below: 1 });
  return { visible: share('visible'), hidden: share('hidden') };
}

function readLayerRates(where: string, given: readonly number[]): readonly number[] {
  if (!Array.isArray(given) || given.length === 0) {
    const wanted = 'a list of numbers, one for each layer above the data';
    throw new WakesleepError('OPTION_INVALID', `\`layerRates\` must be ${wanted}.`, { given, wanted, where });
  }
  return given.map((rate, index) => finiteNumber(`${where}.layerRates`, String(index), rate, { atLeast: 0 }));
}

/** Refuses graphs that are no feed-forward network, and rates for other layers; throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`. */
export function checkBackpropagation(graph: Graph, { layerRates }: Backpropagation): Network {
  const network = networkOf(graph, 'Backpropagation');
  const above = network.connections.length;
  if (layerRates === null || layerRates.length === above) return network;
  const message = `\`layerRates\` has ${layerRates.length} numbers, and the network ${above} layers above the data.`;
  throw new WakesleepError('OPTION_INVALID', message, {
    given: layerRates.length,
    wanted: String(above),
    where: 'layerRates',
  });
}

/** Trains a network. */
export function* runBackpropagation(training: Training, options: Backpropagation): TrainingLoop {
  const { parameters, data, seed, progress, restored, heldOut } = training;
  const network = checkBackpropagation(parameters.graph, options);
  checkRows(training, network, 'Backpropagation');
  if (options.patience !== null && (heldOut === undefined || heldOut.rows === 0)) throw nothingToWatch();
  const batches = new Batches(training, options);
  const gradient = training.own(new NetworkGradient(parameters, network, batches.rows, seed, options.dropout));
  const updates = training.own(
    new Updates(parameters, network.connections, biasesOf(parameters, network), batches.rows, options.optimiser),
  );
  const { averaging, patience, recordEvery } = options;
  const names = parameters.specs.map(({ name }) => name);
  const averages = averaging === null ? undefined : training.own(new Averages(parameters, names, averaging.decay));
  const best = patience === null ? undefined : new BestOnHeldOut(parameters, patience);
  if (restored.size > 0) {
    updates.restore(restored);
    averages?.restore(restored);
    best?.restore(restored);
  }
  training.offer(() => new Map([...updates.tensors(), ...(averages?.state() ?? []), ...(best?.tensors() ?? [])]));
  if (best?.isOver) return;
  let [startedAt, seen] = [performance.now(), 0];

  for (const batch of batches.rest()) {
    const { epoch, update, count, first, rows, share } = batch;
    const rates = layerRatesAt(options, network, epoch);

    // Up, and what is missed.
    gradient.up(data, { order: batches.order, first, rows }, options.data, update);
    if (batch.measured) {
      addMissed(progress, gradient.missed());
      addActivity(training, gradient.layers.states.at(-2)!);
    }

    // Errors down, as far as something learns.
    const lowest = rates.findIndex((rate) => rate > 0) + 1;
    if (lowest > 0) weighRows(training, batches.order, first, rows, gradient.down(lowest));

    // Update.
    const learningRate = scheduled(options.learningRate, epoch, share);
    const { weightCost, l1Cost, maxNorm } = options;
    const step = { momentum: scheduled(options.momentum, epoch, share), weightCost, l1Cost };
    rates.forEach((rate, index) => {
      if (rate === 0) return;
      const own = { ...step, learningRate: learningRate * rate };
      updates.take(own, count, update, (steps) => gradient.learn(steps, index + 1));
    });
    if (maxNorm !== null) updates.limitNorms(maxNorm);
    averages?.step(count);
    seen += rows;
    if (batches.finish(learningRate) === undefined) {
      yield;
      continue;
    }

    // An epoch has ended.
    if (batches.done) averages?.install();
    const isDue = progress.epoch % recordEvery === 0 || batches.done;
    const held = heldOut !== undefined && (isDue || best) ? heldOutMissed(parameters, network, heldOut) : undefined;
    if (held !== undefined) best?.see(held, progress.epoch);
    const isOver = batches.done || best?.isOver === true;
    if (isOver) best?.install();
    if (isDue || isOver) {
      const learned = { layer: network.output, connections: network.connections };
      const missed = missedOf(progress, held);
      const facts = { epochs: batches.epochs, learningRate, startedAt, rows: seen };
      yield { ...recordOf(training, learned, facts), ...missed };
      [startedAt, seen] = [performance.now(), 0];
    } else yield;
    if (isOver) return;
  }
}

function nothingToWatch(): WakesleepError {
  const message = '`patience` watches held-out rows, and there are none; pass `heldOut`.';
  return new WakesleepError('DATA_MISSING', message, { wanted: 'held-out rows', where: 'patience' });
}

/** The rates of the layers above the data in an epoch, as shares. */
function layerRatesAt({ layerRates, outputAlone }: Backpropagation, { connections }: Network, epoch: number): number[] {
  const last = connections.length - 1;
  return connections.map((_, index) => (epoch < outputAlone && index < last ? 0 : (layerRates?.[index] ?? 1)));
}
