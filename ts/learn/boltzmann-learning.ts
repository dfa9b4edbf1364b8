/**
 * The learning rule of Boltzmann machines (Ackley, Hinton and Sejnowski, "A learning algorithm for Boltzmann machines",
 * 1985): `Δw_ij = rate · (⟨s_i s_j⟩ with the data clamped − ⟨s_i s_j⟩ of the free machine)`, for any undirected graph of
 * binary units. An update is written out in `runBoltzmannLearning`:
 *
 * 1. Clamped phase: the batch on the visible units, the hidden ones by mean field, by Gibbs sampling, or exactly.
 * 2. Free phase: persistent chains go on for some sweeps (Younes 1989), or the exact averages.
 * 3. Every weight and bias steps by the difference. Weights within a layer stay symmetric, listed pairs stay the only ones.
 *
 * Noise: both phases draw under the purpose `train` at the model's update, clamped chains as layer 0 and free ones as
 * layer 1; sweep 0 is their start.
 */
import { fieldOf } from '../graph/field.js';
import { biasName, type Graph, weightName } from '../graph/graph.js';
import { amongAll, Field, type FieldAverages, FieldStates, startHalfway, visibleBytes } from '../infer/field.js';
import { LayerState } from '../infer/layer-state.js';
import { gatherRows, refuseMissing } from '../infer/source.js';
import { FieldEnumeration } from '../likelihood/field.js';
import { noiseStream } from '../noise.js';
import { freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Stream } from '../wasm/st.js';
import { Averages } from './averages.js';
import { startVisibleBias } from './initial-bias.js';
import { isMeasured } from './monitors.js';
import { weighRows } from './row-weights.js';
import { readCounts, type Schedule, scheduled, scheduledCount } from './schedule.js';
import {
  type CommonOption,
  type CompleteTrainerOptions,
  commonOptionNames,
  DEFAULT_LEARNING_RATE,
  epochsOf,
  MAX_BATCH_ROWS,
  readTrainerOptions,
  type TrainerOptions,
} from './trainer-options.js';
import { drawOrder, type Training, type TrainingLoop, type TrainingRecord } from './training.js';
import { Updates } from './updates.js';

/** What `boltzmannLearning()` takes; everything has a default. */
export interface BoltzmannLearningOptions extends Pick<TrainerOptions, CommonOption> {
  /** How hidden units are found given the data: `meanField` (default), `gibbs`, or `exact` with at most 25 of them. */
  readonly clamped?: 'meanField' | 'gibbs' | 'exact';
  /** Sweeps of mean field or Gibbs sampling with the data clamped, 1 to 65,000, default 10; a schedule is rounded. */
  readonly clampedSweeps?: Schedule;
  /** What stands for the model: persistent `chains` (default), or `exact` averages with at most 25 units in all. */
  readonly free?: 'chains' | 'exact';
  /** Sweeps of the chains for each update, 1 to 65,000, default 5; a schedule is rounded. */
  readonly gibbsSteps?: Schedule;
  /** Chains, 2 to 21,845; default as many as a batch has rows, and at least 2. */
  readonly chains?: number;
}

/** The learning rule as plain data, complete. */
export interface BoltzmannLearning extends Pick<CompleteTrainerOptions, CommonOption> {
  readonly type: 'boltzmannLearning';
  readonly clamped: 'meanField' | 'gibbs' | 'exact';
  readonly clampedSweeps: Schedule;
  readonly free: 'chains' | 'exact';
  readonly gibbsSteps: Schedule;
  readonly chains: number;
}

const SWEEPS = { atLeast: 1, atMost: 65_000 };

/** The learning rule with these options; throws `OPTION_INVALID`. */
export function boltzmannLearning(options: BoltzmannLearningOptions = {}): BoltzmannLearning {
  const where = 'boltzmannLearning()';
  refuseUnknown(where, options, ['clamped', 'clampedSweeps', 'free', 'gibbsSteps', 'chains', ...commonOptionNames]);
  const { batchRows, epochs, learningRate, optimiser, momentum, weightCost, l1Cost, data, initialBias, averaging } =
    readTrainerOptions(where, options);
  const chains = options.chains ?? Math.max(2, batchRows);
  return freezeDeep({
    type: 'boltzmannLearning',
    clamped: oneOf(where, 'clamped', options.clamped ?? 'meanField', ['meanField', 'gibbs', 'exact'] as const),
    clampedSweeps: readCounts(where, 'clampedSweeps', options.clampedSweeps ?? 10, SWEEPS),
    free: oneOf(where, 'free', options.free ?? 'chains', ['chains', 'exact'] as const),
    gibbsSteps: readCounts(where, 'gibbsSteps', options.gibbsSteps ?? 5, SWEEPS),
    chains: integer(where, 'chains', chains, { atLeast: 2, atMost: MAX_BATCH_ROWS }),
    ...{ epochs, batchRows, learningRate, optimiser, momentum, weightCost, l1Cost, data, initialBias, averaging },
  });
}

/** Refuses a graph that the rule cannot train. */
export function checkBoltzmannLearning(graph: Graph): void {
  fieldOf(graph, 'Boltzmann learning');
}

/** Trains a general Boltzmann machine. */
export function* runBoltzmannLearning(training: Training, options: BoltzmannLearning): TrainingLoop {
  const work = new FieldTraining(training, options);
  const { progress } = training;
  while (progress.epoch < work.epochs) {
    work.beginEpoch();
    for (const { epoch } = progress; progress.epoch === epoch; ) {
      const batch = work.nextBatch();
      const data = work.clampedPhase(batch);
      const model = work.freePhase(batch);
      yield work.finish(batch, data, model);
    }
  }
}

/** A batch of visible rows. */
interface Batch {
  /** `[rows, units]`, hidden units 0. */
  readonly rows: Float32Array<ArrayBuffer>;
  /** How much each row counts; the sum is 1. */
  readonly shares: Float32Array;
  /** The model's update that this batch makes: the address of its noise. */
  readonly update: number;
  readonly epoch: number;
  /** The share of all updates that are done. */
  readonly share: number;
}

/** The name under which a checkpoint keeps the states of the chains. */
const CHAINS = 'chains';

/** What an update of the learning rule works with. */
class FieldTraining {
  private readonly field: Field;
  private readonly visible: LayerState;
  private readonly binarise: Stream;
  private readonly order: EngineBuffer;
  private readonly batches: number;
  readonly epochs: number;
  private readonly updates: Updates;
  private readonly averages: Averages | undefined;
  private readonly chains: FieldStates | undefined;
  /** Over hidden units given the data, and over all. */
  private readonly clampedSums: FieldEnumeration | undefined;
  private readonly freeSums: FieldEnumeration | undefined;
  private chainsStarted = false;
  private startedAt = 0;
  private firstBatch = 0;

  constructor(
    private readonly training: Training,
    private readonly options: BoltzmannLearning,
  ) {
    const { parameters, data, seed, progress, restored } = training;
    const { runtime, graph } = parameters;
    const what = 'Boltzmann learning';
    refuseMissing(data, what);
    const isNew = progress.epoch === 0 && progress.batch === 0;
    const field = training.own(new Field(parameters, what));
    this.field = field;
    const { visible, layers } = field.graph;
    if (isNew && options.initialBias === 'data') startVisibleBias(parameters, data);
    const rows = Math.min(options.batchRows, data.rows);
    this.batches = Math.ceil(data.rows / options.batchRows);
    this.epochs = epochsOf(options.epochs, this.batches);
    this.visible = training.own(new LayerState(runtime, graph, visible.name, rows, seed, 'train'));
    this.binarise = training.own(noiseStream(runtime, seed, 'binarise', 0));
    this.order = training.own(runtime.allocate(data.rows * 4));
    const biases = layers.map(({ name, units }) => ({ name: biasName(name), units }));
    this.updates = training.own(new Updates(parameters, graph.connections, biases, 1, options.optimiser));
    if (options.averaging !== null) {
      const names = parameters.specs.map(({ name }) => name);
      this.averages = training.own(new Averages(parameters, names, options.averaging.decay));
    }
    if (options.clamped === 'exact') this.clampedSums = new FieldEnumeration(field, 'hidden', `${what} (\`clamped\`)`);
    if (options.free === 'exact') this.freeSums = new FieldEnumeration(field, 'all', `${what} (\`free\`)`);
    else this.chains = training.own(new FieldStates(field, options.chains, { seed, purpose: 'train', layer: 1 }));
    if (restored.size > 0) this.restore(restored);
    training.offer(() => this.tensors());
  }

  private restore(tensors: ReadonlyMap<string, Float32Array>): void {
    this.updates.restore(tensors);
    this.averages?.restore(tensors);
    const chains = tensors.get(CHAINS);
    if (chains === undefined) return;
    this.chains?.write(chains);
    this.chainsStarted = true;
  }

  private tensors(): Map<string, Float32Array> {
    const { chains, chainsStarted, averages } = this;
    const kept: [string, Float32Array][] = chains !== undefined && chainsStarted ? [[CHAINS, chains.values()]] : [];
    return new Map([...this.updates.tensors(), ...(averages?.state() ?? []), ...kept]);
  }

  beginEpoch(): void {
    const { training, order } = this;
    const { epoch, phase, batch } = training.progress;
    this.startedAt = performance.now();
    this.firstBatch = batch;
    drawOrder(training, order, epoch, phase);
  }

  nextBatch(): Batch {
    const { training, options, visible, order, field } = this;
    const { parameters, data, progress } = training;
    const first = progress.batch * options.batchRows;
    const rows = Math.min(options.batchRows, data.rows - first);
    const update = progress.updates;
    gatherRows(parameters, visible, data, { order, first, rows }, options.data, this.binarise, update);
    if (options.data === 'states') visible.spreadStates();
    field.refresh();
    const weights = weighRows(training, order, first, rows, []);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const shares = new Float32Array(rows).map((_, row) => (weights.length === 0 ? 1 / rows : weights[row]! / total));
    const done = progress.epoch * this.batches + progress.batch;
    const share = done / Math.max(1, this.epochs * this.batches);
    const states = amongAll(visible.values(parameters.runtime), field.graph);
    return { rows: states, shares, update, epoch: progress.epoch, share };
  }

  /** Averages with the visible units clamped to the batch. */
  clampedPhase(batch: Batch): FieldAverages {
    const { options, field, training } = this;
    const rows = batch.shares.length;
    const measured = isMeasured(training.progress.batch);
    const exact = this.clampedSums?.averages(batch.rows, batch.shares);
    if (exact !== undefined && !measured) return exact;
    // A lone row counts as one of two chains, of which the other counts nothing: statistics are of several chains.
    const count = Math.max(2, rows);
    const states = new FieldStates(field, count, { seed: training.seed, purpose: 'train', layer: 0 });
    try {
      const values = new Float32Array(count * field.graph.units);
      values.set(batch.rows);
      states.write(values);
      states.hold(visibleBytes(field.graph, count));
      const sweeps = scheduledCount(options.clampedSweeps, batch.epoch, batch.share);
      if (options.clamped === 'gibbs') {
        states.start(batch.update, 0);
        states.draw(sweeps, batch.update, 1, 'sweeps');
      } else {
        startHalfway(states);
        states.relax(sweeps);
      }
      const shares = new Float32Array(count);
      shares.set(batch.shares);
      const averages = exact ?? states.averages(shares);
      if (measured) this.measure(batch, states, averages);
      return averages;
    } finally {
      states.free();
    }
  }

  /** Adds to the monitors how far the visible units' means given all others are from the data, and the hidden activity. */
  private measure(batch: Batch, states: FieldStates, { units }: FieldAverages): void {
    const { sums } = this.training.progress;
    const { visible, units: all } = this.field.graph;
    const means = states.means();
    const rows = batch.shares.length;
    let error = 0;
    for (let row = 0; row < rows; row += 1) {
      for (let unit = visible.first; unit < visible.first + visible.units; unit += 1) {
        const place = row * all + unit;
        error += (means[place]! - batch.rows[place]!) ** 2;
      }
    }
    const isHidden = (unit: number) => unit < visible.first || unit >= visible.first + visible.units;
    const hidden = Array.from(units).filter((_, unit) => isHidden(unit));
    sums.squaredError = (sums.squaredError ?? 0) + error;
    sums.rows = (sums.rows ?? 0) + rows;
    const active = hidden.reduce((sum, mean) => sum + mean, 0) / Math.max(1, hidden.length);
    sums.activity = (sums.activity ?? 0) + rows * active;
    sums.activityRows = (sums.activityRows ?? 0) + rows;
  }

  /** Averages of the model: of chains that go on from where the last update left them, or exact. */
  freePhase(batch: Batch): FieldAverages {
    const { freeSums, chains, options, field } = this;
    if (freeSums !== undefined) return freeSums.averages(new Float32Array(field.graph.units), [1]);
    const { update } = batch;
    if (!this.chainsStarted) chains!.start(update, 0);
    this.chainsStarted = true;
    chains!.draw(scheduledCount(options.gibbsSteps, batch.epoch, batch.share), update, 1, 'sweeps');
    return chains!.averages(new Float32Array(options.chains).fill(1 / options.chains));
  }

  /** One update by the difference of the phases; gives the record of an epoch that ends with it. */
  finish(batch: Batch, data: FieldAverages, model: FieldAverages): TrainingRecord | undefined {
    const { training, options, field } = this;
    const { progress } = training;
    const count = progress.epoch * this.batches + progress.batch + 1;
    const learningRate = scheduled(options.learningRate ?? DEFAULT_LEARNING_RATE, batch.epoch, batch.share);
    const momentum = scheduled(options.momentum, batch.epoch, batch.share);
    const { weightCost, l1Cost } = options;
    const units = difference(data.units, model.units);
    const pairs = difference(data.pairs, model.pairs);
    const gradients = new Map<string, Float32Array>();
    for (const { name, first, units: own } of field.graph.layers)
      gradients.set(biasName(name), units.subarray(first, first + own));
    for (const joined of field.graph.connections)
      gradients.set(weightName(joined.connection), field.ofConnection(joined, pairs));
    this.updates.applyGiven(gradients, { learningRate, momentum, weightCost, l1Cost }, count, batch.update);
    this.averages?.step(count);
    progress.updates += 1;
    progress.batch += 1;
    if (progress.batch < this.batches) return undefined;
    progress.epoch += 1;
    progress.batch = 0;
    if (progress.epoch === this.epochs) this.averages?.install();
    return this.record(learningRate);
  }

  private record(learningRate: number): TrainingRecord {
    const { training, options, field } = this;
    const { progress, data } = training;
    const { sums } = progress;
    const seconds = (performance.now() - this.startedAt) / 1000;
    const rows = Math.min(data.rows, (this.batches - this.firstBatch) * options.batchRows);
    field.refresh();
    progress.sums = {};
    progress.records += 1;
    return {
      phase: progress.phase,
      layer: field.graph.visible.name,
      epoch: progress.epoch,
      epochs: this.epochs,
      updates: progress.updates,
      learningRate,
      reconstructionError: (sums.squaredError ?? 0) / Math.max(1, sums.rows ?? 0),
      meanActivity: (sums.activity ?? 0) / Math.max(1, sums.activityRows ?? 0),
      weightNorm: field.weightNorm(),
      freeEnergy: null,
      heldOutFreeEnergy: null,
      freeEnergyGap: null,
      timing: { seconds, rowsPerSecond: rows / Math.max(seconds, 1e-9) },
    };
  }
}

/** `a − b`, each difference rounded to f32. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: a.length }, (_, place) => a[place]! - b[place]!);
}
