/**
 * What the trainers of a sigmoid belief net share: batches of data in a seeded order, the delta rule for generative and
 * recognition weights, monitors, and the state that a checkpoint keeps. How hidden states are found is their own, and stands
 * in a file for each.
 *
 * The rule for states drawn from a posterior, with p what a unit's causes predict of it (Neal 1992):
 * `Δw_ji = rate · s_j (s_i − p_i)`, `Δb_i = rate · (s_i − p_i)`.
 */
import { type BeliefNet, binaryBeliefNetOf, type Family } from '../graph/belief-net.js';
import { biasName, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import { type NetLayers, netLayers } from '../infer/belief-layers.js';
import { LayerState } from '../infer/layer-state.js';
import { gatherRows, refuseMissing } from '../infer/source.js';
import { noiseStream } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Stream } from '../wasm/st.js';
import { Averages } from './averages.js';
import type { CompleteBeliefOptions } from './belief-options.js';
import { startVisibleBias } from './initial-bias.js';
import { addActivity, addBounds, addReconstruction, isMeasured, recordOf } from './monitors.js';
import { scheduled } from './schedule.js';
import { DEFAULT_LEARNING_RATE, epochsOf } from './trainer-options.js';
import { drawOrder, type Training, type TrainingRecord } from './training.js';
import { type Steps, Updates } from './updates.js';

/** A batch of data in `BeliefTraining.data`. */
export interface BeliefBatch {
  /** The model's update that this batch makes: the address of its noise. */
  readonly update: number;
  readonly rows: number;
  /** Whether monitors look at it. */
  readonly measured: boolean;
  readonly epoch: number;
  /** The share of all updates that are done. */
  readonly share: number;
  /** How much each row counts; empty where all count alike. */
  readonly rowWeights: Float32Array;
}

/** What a trainer learns, beside the generative side: the recognition side, or nothing. */
export interface Learned {
  readonly what: string;
  readonly recognition: boolean;
  /** The most rows of statistics that an update has. */
  readonly statisticRows: number;
}

/** A net's training. */
export class BeliefTraining {
  readonly net: BeliefNet;
  readonly parameters: Parameters;
  /** Rows of a whole batch. */
  readonly rows: number;
  /** The visible layer's states, or probabilities, of the batch. */
  readonly data: LayerState;
  private readonly families: readonly Family[];
  private readonly batches: number;
  private readonly epochs: number;
  private readonly binarise: Stream;
  private readonly updates: Updates;
  private readonly averages: Averages | undefined;
  private readonly order: EngineBuffer;
  private startedAt = 0;
  private firstBatch = 0;

  constructor(
    private readonly training: Training,
    private readonly options: CompleteBeliefOptions,
    learned: Learned,
  ) {
    const { parameters, data, seed, progress } = training;
    const { runtime, graph } = parameters;
    refuseMissing(data, learned.what);
    this.parameters = parameters;
    this.net = binaryBeliefNetOf(graph, learned.what);
    const { generation, recognition, visible } = this.net;
    this.batches = Math.ceil(data.rows / options.batchRows);
    this.epochs = epochsOf(options.epochs, this.batches);
    this.rows = Math.min(options.batchRows, data.rows);
    this.data = training.own(new LayerState(runtime, graph, visible, this.rows, seed, 'train'));
    this.binarise = training.own(noiseStream(runtime, seed, 'binarise', 0));
    this.families = learned.recognition ? [...generation, ...recognition] : generation;
    const connections = this.families.flatMap((family) => family.connections);
    const biases = [
      ...generation.map(({ layer }) => ({ name: biasName(layer), units: unitsOf(graph, layer) })),
      ...(learned.recognition ? recognition : []).map(({ layer }) => {
        return { name: upwardBiasName(graph, layer), units: unitsOf(graph, layer) };
      }),
    ];
    const { optimiser, averaging } = options;
    this.updates = training.own(new Updates(parameters, connections, biases, learned.statisticRows, optimiser));
    const names = [...biases.map(({ name }) => name), ...connections.map(weightName)];
    this.averages = averaging === null ? undefined : training.own(new Averages(parameters, names, averaging.decay));
    this.order = training.own(runtime.allocate(data.rows * 4));
    const starts = progress.epoch === 0 && progress.batch === 0 && training.restored.size === 0;
    if (starts && options.initialBias === 'data') startVisibleBias(parameters, data);
    if (training.restored.size > 0) {
      this.updates.restore(training.restored);
      this.averages?.restore(training.restored);
    }
    training.offer(() => new Map([...this.updates.tensors(), ...(this.averages?.state() ?? [])]));
  }

  /** Room for every layer of the net, for so many rows. */
  layers(rows: number): NetLayers {
    const layers = netLayers(this.parameters, this.net, rows, this.training.seed, 'train');
    for (const layer of layers.values()) this.training.own(layer);
    return layers;
  }

  /** Batches from where the training stands to its end, each read into `data`. */
  *work(): Generator<BeliefBatch, void, void> {
    const { training } = this;
    const { progress } = training;
    while (progress.epoch < this.epochs) {
      const { epoch } = progress;
      this.startedAt = performance.now();
      this.firstBatch = progress.batch;
      drawOrder(training, this.order, epoch, progress.phase);
      while (progress.epoch === epoch) yield this.read();
    }
  }

  private read(): BeliefBatch {
    const { training, options, data, order } = this;
    const { progress } = training;
    const first = progress.batch * options.batchRows;
    const rows = Math.min(options.batchRows, training.data.rows - first);
    const update = progress.updates;
    gatherRows(this.parameters, data, training.data, { order, first, rows }, options.data, this.binarise, update);
    if (options.data === 'states') data.spreadStates();
    const done = progress.epoch * this.batches + progress.batch;
    const share = done / Math.max(1, this.epochs * this.batches);
    const weights = training.data.storage.rowWeights;
    const numbers = order.words().subarray(first, first + rows);
    const rowWeights = weights === undefined ? new Float32Array() : Float32Array.from(numbers, (row) => weights[row]!);
    return { update, rows, measured: isMeasured(progress.batch), epoch: progress.epoch, share, rowWeights };
  }

  /** The batch's rows as the visible layer of these states, each `copies` times, one after the other. */
  show(states: NetLayers, batch: BeliefBatch, copies = 1): void {
    const rows = Uint32Array.from({ length: batch.rows * copies }, (_, row) => Math.floor(row / copies));
    states.get(this.net.visible)!.copyRows(this.parameters.runtime, this.data, rows);
  }

  /** Lets the rows of layers count as these weights say; none lets all count alike. */
  weigh(weights: Float32Array, ...given: readonly NetLayers[]): void {
    for (const layers of given) {
      for (const layer of layers.values()) {
        const { rows } = layer.activity;
        layer.weighRows(this.parameters.runtime, weights.length === rows ? weights : new Float32Array());
      }
    }
  }

  /** Adds to the monitors: what the causes' predictions miss of the data, how many hidden units are on, and bounds. */
  measure(states: NetLayers, predictions: NetLayers, bounds: Float64Array | undefined): void {
    const { training, net } = this;
    const visible = net.visible;
    addReconstruction(training, [states.get(visible)!], true, [predictions.get(visible)!]);
    for (const [name, layer] of states) if (name !== visible) addActivity(training, layer);
    if (bounds !== undefined) addBounds(training, bounds);
  }

  /** One update by the steps that `use` takes; gives the record of an epoch that ends with it. */
  finish(batch: BeliefBatch, use: (steps: Steps) => void): TrainingRecord | undefined {
    const { training, options } = this;
    const { progress } = training;
    const count = progress.epoch * this.batches + progress.batch + 1;
    const learningRate = scheduled(options.learningRate ?? DEFAULT_LEARNING_RATE, batch.epoch, batch.share);
    const momentum = scheduled(options.momentum, batch.epoch, batch.share);
    const { weightCost, l1Cost } = options;
    this.updates.take({ learningRate, momentum, weightCost, l1Cost }, count, batch.update, use);
    this.averages?.step(count);
    progress.updates += 1;
    progress.batch += 1;
    if (progress.batch < this.batches) return undefined;
    progress.epoch += 1;
    progress.batch = 0;
    if (progress.epoch === this.epochs) this.averages?.install();
    const rows = Math.min(training.data.rows, (this.batches - this.firstBatch) * options.batchRows);
    const { startedAt, net } = this;
    const connections = this.families.flatMap((family) => family.connections);
    const learned = { layer: net.generation[0]!.layer, connections };
    return recordOf(training, learned, { epochs: this.epochs, learningRate, startedAt, rows });
  }
}

/** The rule for the generative side: every layer's states less what its causes predict. */
export function learnGeneration(
  { learnWeights, learnBias }: Steps,
  { generation }: Pick<BeliefNet, 'generation'>,
  states: NetLayers,
  predictions: NetLayers,
): void {
  for (const { layer, connections } of generation) {
    const [drawn, predicted] = [states.get(layer)!, predictions.get(layer)!];
    for (const connection of connections) {
      const cause = [states.get(connection.upper)!, true] as const;
      learnWeights(connection, [cause, drawn], [cause, predicted]);
    }
    learnBias(biasName(layer), [drawn, true], [predicted, false]);
  }
}

/** The rule for the recognition side: every layer's states less what its effects say. */
export function learnRecognition(
  { learnWeights, learnBias }: Steps,
  { recognition }: Pick<BeliefNet, 'recognition'>,
  { graph }: Parameters,
  states: NetLayers,
  recognitions: NetLayers,
): void {
  for (const { layer, connections } of recognition) {
    const [drawn, recognised] = [states.get(layer)!, recognitions.get(layer)!];
    for (const connection of connections) {
      const effect = [states.get(connection.lower)!, true] as const;
      learnWeights(connection, [effect, drawn], [effect, recognised]);
    }
    learnBias(upwardBiasName(graph, layer), [drawn, true], [recognised, false]);
  }
}
