/**
 * Backpropagation: stochastic gradient descent on the loss of a feed-forward network (Rumelhart, Hinton and Williams 1986),
 * for a network from scratch or to fine-tune one whose weights a stack of machines has learned (Hinton, Osindero and Teh 2006).
 * The loss is that of the output's units: cross-entropy of a softmax group or of logistic units, half the squared error of
 * linear ones.
 */
import { WakesleepError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { type Network, networkOf } from '../graph/network.js';
import { checkData, refuseMissing } from '../infer/source.js';
import { finiteNumber, freezeDeep, integer, refuseUnknown } from '../options.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { Averages } from './averages.js';
import { addActivity, isMeasured, recordOf } from './monitors.js';
import { checkTargets, type Dropout, NetworkGradient } from './network-gradient.js';
import { addMissed, BestOnHeldOut, heldOutMissed, missedOf, refuseOverlap } from './network-monitors.js';
import { weighRows } from './row-weights.js';
import { type Schedule, scheduled } from './schedule.js';
import { type CompleteTrainerOptions, epochsOf, readTrainerOptions, type TrainerOptions } from './trainer-options.js';
import { drawOrder, type Training, type TrainingLoop } from './training.js';
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

/** Refuses rows that the network cannot learn from or be compared on. */
function checkRows({ parameters, data, heldOut }: Training, network: Network, options: Backpropagation): void {
  refuseMissing(data, 'Backpropagation');
  checkTargets(parameters, network, data);
  if (heldOut !== undefined) {
    checkData(parameters.graph, network.visible, heldOut);
    checkTargets(parameters, network, heldOut);
    refuseOverlap(data, heldOut);
  }
  if (options.patience === null || (heldOut !== undefined && heldOut.rows > 0)) return;
  const message = '`patience` watches held-out rows, and there are none; pass `heldOut`.';
  throw new WakesleepError('DATA_MISSING', message, { wanted: 'held-out rows', where: 'patience' });
}

/** Trains a network. */
export function* runBackpropagation(training: Training, options: Backpropagation): TrainingLoop {
  const { parameters, data, seed, progress, restored, heldOut } = training;
  const { runtime, graph } = parameters;
  const network = checkBackpropagation(graph, options);
  checkRows(training, network, options);
  const batchRows = Math.min(options.batchRows, data.rows);
  const batches = Math.ceil(data.rows / batchRows);
  const epochs = epochsOf(options.epochs, batches);
  const gradient = training.own(new NetworkGradient(parameters, network, batchRows, seed, options.dropout));
  const biases = network.layers.slice(1).map((name) => {
    return { name: `layers.${name}.bias`, units: parameters.specOf(`layers.${name}.bias`).shape[0]! };
  });
  const updates = training.own(new Updates(parameters, network.connections, biases, batchRows, options.optimiser));
  const names = parameters.specs.map(({ name }) => name);
  const averages =
    options.averaging === null ? undefined : training.own(new Averages(parameters, names, options.averaging.decay));
  const best = options.patience === null ? undefined : new BestOnHeldOut(parameters, options.patience);
  const order: EngineBuffer = training.own(runtime.allocate(data.rows * 4));
  if (restored.size > 0) {
    updates.restore(restored);
    averages?.restore(restored);
    best?.restore(restored);
  }
  training.offer(() => new Map([...updates.tensors(), ...(averages?.state() ?? []), ...(best?.tensors() ?? [])]));
  let [startedAt, seen] = [performance.now(), 0];

  while (progress.epoch < epochs && !best?.isOver) {
    const { epoch } = progress;
    const rates = layerRatesAt(options, network, epoch);
    drawOrder(training, order, epoch, progress.phase);
    let learningRate = 0;
    while (progress.epoch === epoch) {
      const update = progress.updates;
      const first = progress.batch * batchRows;
      const rows = Math.min(batchRows, data.rows - first);
      const done = epoch * batches + progress.batch;
      const share = done / Math.max(1, epochs * batches);

      // Up, and what is missed.
      gradient.up(data, { order, first, rows }, options.data, update);
      if (isMeasured(progress.batch)) {
        addMissed(progress, gradient.missed());
        addActivity(training, gradient.layers.states.at(-2)!);
      }

      // Errors down, as far as something learns.
      const lowest = rates.findIndex((rate) => rate > 0) + 1;
      if (lowest > 0) weighRows(training, order, first, rows, gradient.down(lowest));

      // Update.
      learningRate = scheduled(options.learningRate, epoch, share);
      const step = {
        learningRate,
        momentum: scheduled(options.momentum, epoch, share),
        weightCost: options.weightCost,
        l1Cost: options.l1Cost,
      };
      rates.forEach((rate, index) => {
        if (rate === 0) return;
        const own = { ...step, learningRate: learningRate * rate };
        updates.take(own, done + 1, update, (steps) => gradient.learn(steps, index + 1));
      });
      if (options.maxNorm !== null) updates.limitNorms(options.maxNorm);
      averages?.step(done + 1);
      progress.updates += 1;
      progress.batch += 1;
      seen += rows;
      if (progress.batch < batches) {
        yield;
        continue;
      }
      progress.epoch += 1;
      progress.batch = 0;
    }
    const isLast = progress.epoch === epochs;
    if (isLast) averages?.install();
    const isDue = progress.epoch % options.recordEvery === 0 || isLast;
    const held = heldOut !== undefined && (isDue || best) ? heldOutMissed(parameters, network, heldOut) : undefined;
    if (held !== undefined) best?.see(held, progress.epoch);
    if (isLast || best?.isOver) best?.install();
    if (!isDue && !best?.isOver) {
      yield;
      continue;
    }
    const learned = { layer: network.output, connections: network.connections };
    const missed = missedOf(progress, held);
    const record = recordOf(training, learned, { epochs, learningRate, startedAt, rows: seen });
    [startedAt, seen] = [performance.now(), 0];
    yield { ...record, ...missed };
  }
}

/** The rates of the layers above the data in an epoch, as shares. */
function layerRatesAt({ layerRates, outputAlone }: Backpropagation, { connections }: Network, epoch: number): number[] {
  const last = connections.length - 1;
  return connections.map((_, index) => (epoch < outputAlone && index < last ? 0 : (layerRates?.[index] ?? 1)));
}
