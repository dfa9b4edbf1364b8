/**
 * What the stochastic trainers of a restricted Boltzmann machine share: batches in a seeded order with their positive
 * phase, the update from two phases with every option, monitors, and the state that a checkpoint keeps. What is their own,
 * the negative phase, stands in a file for each.
 */
import { type Graph, layerOf, unsuitable } from '../graph/graph.js';
import { type Machine, refuseCounts, stackOf } from '../graph/machines.js';
import { inferLowers, inferUpper } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { Source } from '../infer/source.js';
import { noiseStream } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import type { Stream } from '../wasm/st.js';
import { Averages, averagedNames } from './averages.js';
import { GradientCorrections } from './corrections.js';
import { DivergenceGuard, NormalisabilityGuard } from './guard.js';
import { biasFromData } from './initial-bias.js';
import { MachineUpdate, type Phase, sidesOfPhase } from './machine-update.js';
import { addActivity, addReconstruction, epochRecord, isMeasured } from './monitors.js';
import { weighRows } from './row-weights.js';
import { type Schedule, scheduled } from './schedule.js';
import { type CompleteTrainerOptions, epochsOf, rateOf } from './trainer-options.js';
import { drawOrder, type Training, type TrainingRecord } from './training.js';
import { standardiseFromData, VarianceUpdates } from './variance.js';

/** A batch whose positive phase is done. */
export interface Batch {
  /** The model's update that this batch makes: the address of its noise. */
  readonly update: number;
  readonly rows: number;
  /** Whether monitors look at it. */
  readonly measured: boolean;
  readonly epoch: number;
  /** The share of all updates of this phase that are done. */
  readonly share: number;
  readonly positive: Phase;
  /** How much each row counts; empty where all count alike. */
  readonly rowWeights: Float32Array;
}

/** One machine's training. */
export class EnergyTraining {
  readonly machine: Machine;
  readonly parameters: Parameters;
  /** Rows of a whole batch. */
  readonly rows: number;
  /** What is kept of the upper layer where it counts in statistics. */
  readonly kept: 'states' | 'means';
  /** The upper layer given the data. */
  readonly hidden: LayerState;
  private readonly batches: number;
  private readonly epochs: number;
  private readonly source: Source;
  private readonly updates: MachineUpdate;
  private readonly variances: VarianceUpdates;
  private readonly corrections: GradientCorrections | undefined;
  private readonly averages: Averages | undefined;
  private readonly order: EngineBuffer;
  private readonly dropout: Stream | undefined;
  private readonly guard: DivergenceGuard | undefined;
  private readonly normalisability: NormalisabilityGuard | undefined;
  private readonly learningRate: Schedule;
  /** When the epochs of the next record began, and the rows that this process has seen of them. */
  private startedAt: number | undefined;
  private seen = 0;

  /** For the machine of index `depth` of a stack; the negative phase has at most `chains` rows. */
  constructor(
    private readonly training: Training,
    private readonly depth: number,
    private readonly options: CompleteTrainerOptions,
    chains = 0,
  ) {
    const { parameters, data, seed, progress } = training;
    this.parameters = parameters;
    this.machine = stackOf(parameters.graph).machines[depth]!;
    this.batches = Math.ceil(data.rows / options.batchRows);
    this.epochs = epochsOf(options.epochs, this.batches);
    this.rows = Math.min(options.batchRows, data.rows);
    const { data: passing, missingSweeps } = options;
    this.source = training.own(
      new Source(parameters, data, depth, {
        seed,
        purpose: 'train',
        passing,
        rows: this.rows,
        labels: true,
        missingSweeps,
      }),
    );
    this.hidden = this.layer(this.machine.upper, this.rows);
    this.kept = options.statistics === 'states' && this.hidden.samples ? 'states' : 'means';
    const most = Math.max(this.rows, chains);
    this.updates = training.own(new MachineUpdate(parameters, this.machine, most, options.optimiser));
    this.corrections = GradientCorrections.of(parameters, this.machine.connections, options, data);
    const { averaging } = options;
    this.averages =
      averaging === null
        ? undefined
        : training.own(new Averages(parameters, averagedNames(parameters, this.machine), averaging.decay));
    this.order = training.own(parameters.runtime.allocate(data.rows * 4));
    if (options.hiddenDropout > 0) this.dropout = training.own(noiseStream(parameters.runtime, seed, 'dropout', depth));
    this.variances = training.own(new VarianceUpdates(parameters, this.machine, most));
    this.learningRate = rateOf(options.learningRate, parameters.graph, this.machine);
    this.guard = DivergenceGuard.of(parameters, this.machine, data);
    this.normalisability = NormalisabilityGuard.of(parameters, this.machine, data.rows);
    standardiseFromData(training, depth);
    if (progress.epoch === 0 && progress.batch === 0 && options.initialBias === 'data') biasFromData(training, depth);
    if (training.restored.size > 0) this.restore(training.restored);
  }

  /** Room for a layer of the machine. */
  layer(name: string, rows: number): LayerState {
    const { parameters, seed } = this.training;
    return this.training.own(new LayerState(parameters.runtime, parameters.graph, name, rows, seed, 'train'));
  }

  /** Room for the lower layers, in the order of the machine's connections. */
  lowerLayers(rows: number): LayerState[] {
    return this.machine.connections.map((connection) => this.layer(connection.lower, rows));
  }

  /** Refuses machines in which no chain can go on: hidden units that are not drawn, counts without document lengths. */
  requireChains(): void {
    const { upper } = this.machine;
    // A chain of counts would have to keep how many words its document has, which checkpoints do not hold.
    refuseCounts(this.parameters.graph, this.machine, 'Persistent chains have no document lengths');
    requireDrawn(this.parameters.graph, upper);
  }

  /** Offers a checkpoint all that this training keeps, and what `more` gives. */
  offer(more: () => Iterable<[string, Float32Array]> = () => []): void {
    this.training.offer(
      () =>
        new Map([
          ...this.updates.tensors(),
          ...this.variances.tensors(),
          ...(this.averages?.state() ?? []),
          ...(this.corrections?.tensors() ?? []),
          ...more(),
        ]),
    );
  }

  private restore(tensors: ReadonlyMap<string, Float32Array>): void {
    this.updates.restore(tensors);
    this.variances.restore(tensors);
    this.corrections?.restore(tensors);
    this.averages?.restore(tensors);
  }

  /** Batches from where the training stands to its end, each with its positive phase done. */
  *work(): Generator<Batch, void, void> {
    const { training } = this;
    const { progress } = training;
    while (progress.epoch < this.epochs) {
      const { epoch } = progress;
      this.startedAt ??= performance.now();
      drawOrder(training, this.order, epoch, progress.phase);
      while (progress.epoch === epoch) yield this.positivePhase();
    }
  }

  private positivePhase(): Batch {
    const { training, options, hidden, parameters } = this;
    const { progress, data } = training;
    const first = progress.batch * options.batchRows;
    const rows = Math.min(options.batchRows, data.rows - first);
    const update = progress.updates;
    const measured = isMeasured(progress.batch);
    this.source.read(this.order, first, rows, update);
    const { lowers } = this.source;
    inferUpper(parameters, this.machine, lowers, hidden, {
      keep: this.kept,
      draw: { update, sweep: 0 },
    });
    const rowWeights = weighRows(training, this.order, first, rows, [...lowers, hidden]);
    this.drop(hidden, update);
    if (measured) addActivity(training, hidden);
    const done = progress.epoch * this.batches + progress.batch;
    const share = done / Math.max(1, this.epochs * this.batches);
    const positive = { lowers, states: true, upper: hidden };
    return { update, rows, measured, epoch: progress.epoch, share, positive, rowWeights };
  }

  /** Leaves hidden units out, the same ones whenever it is asked for an update. */
  drop(hidden: LayerState, update: number): void {
    if (this.dropout === undefined) return;
    this.dropout.at(update, 0);
    hidden.dropUnits(1 - this.options.hiddenDropout, this.dropout);
  }

  /** Adds to the monitors what a reconstruction of the batch's means misses. */
  measure(reconstruction: readonly LayerState[]): void {
    const { progress } = this.training;
    const error = addReconstruction(this.training, this.source.lowers, true, reconstruction);
    this.guard?.check(error, progress.updates);
  }

  /** For monitors alone: the batch reconstructed in `room`, which draws nothing. */
  measureReconstruction(room: readonly LayerState[]): void {
    inferLowers(this.parameters, this.machine, this.hidden, room, { keep: 'means' });
    this.measure(room);
  }

  /**
   * One update from the batch and its negative phase, whose rows count as `weights` say (one number for all, none for 1);
   * gives the record of an epoch that ends with it.
   */
  finish(batch: Batch, negative: Phase, weights = balanced(batch, negative)): TrainingRecord | undefined {
    const { training, options } = this;
    const { progress } = training;
    for (const layer of [...negative.lowers, negative.upper]) layer.weighRows(this.parameters.runtime, weights);
    const count = progress.epoch * this.batches + progress.batch + 1;
    const learningRate = scheduled(this.learningRate, batch.epoch, batch.share);
    const momentum = scheduled(options.momentum, batch.epoch, batch.share);
    const { weightCost, l1Cost } = options;
    const step = { learningRate, momentum, weightCost, l1Cost };
    const corrections = this.corrections?.of(sidesOfPhase(batch.positive), sidesOfPhase(negative));
    this.variances.apply(batch.positive, negative, step, batch.update);
    this.updates.apply(batch.positive, negative, step, count, batch.update, corrections);
    if (options.maxNorm !== null) this.updates.limitNorms(options.maxNorm);
    this.averages?.step(count);
    progress.updates += 1;
    progress.batch += 1;
    this.seen += batch.rows;
    if (progress.batch < this.batches) return undefined;
    progress.epoch += 1;
    progress.batch = 0;
    this.normalisability?.afterEpoch(progress.epoch, this.epochs, progress.updates);
    if (progress.epoch === this.epochs) this.averages?.install();
    if (progress.epoch % options.recordEvery !== 0 && progress.epoch !== this.epochs) return undefined;
    const what = { epochs: this.epochs, learningRate, startedAt: this.startedAt!, rows: this.seen };
    this.startedAt = undefined;
    this.seen = 0;
    return epochRecord(training, this.machine, this.depth, what);
  }
}

/** Refuses a layer whose units are not drawn, on which no chain can go on from update to update. */
export function requireDrawn(graph: Graph, layer: string): void {
  const { units } = layerOf(graph, layer);
  if (unitType(units).samples(units)) return;
  const message = `Persistent chains need hidden units that are drawn; the layer \`${layer}\` has mean-field units.`;
  throw unsuitable(message, layer);
}

/** Lets chains count for as many cases as the batch does. */
function balanced({ rows, rowWeights }: Batch, negative: Phase): Float32Array {
  return balancedWeights(rows, rowWeights, negative.upper.activity.rows);
}

/** The weight of each chain with which all of them count for as much as `rows` rows do; none where that is 1. */
export function balancedWeights(rows: number, rowWeights: Float32Array, chains: number): Float32Array {
  const total = rowWeights.length === 0 ? rows : rowWeights.reduce((sum, weight) => sum + weight, 0);
  return total === chains ? new Float32Array() : Float32Array.of(total / chains);
}
