/**
 * Contrastive wake-sleep, the up-down algorithm (Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets",
 * 2006, section 5 and appendix B): fine-tuning of a deep belief net whose layers below the topmost machine recognise and
 * generate with weights of their own (`untie`). Layers are v, h1, ..., hn, and labels beside h(n−1) if there are any.
 *
 * For each batch:
 * 1. Wake: recognition draws states of h1 to h(n−1) from the data, layer by layer.
 * 2. The topmost machine: hn given h(n−1) and the labels, then k full Gibbs steps in which every state is drawn, from there or
 *    from where persistent chains stand.
 * 3. Sleep: from the last state of h(n−1) the generative weights draw states of every layer on the way down.
 * 4. Predictions: of v to h(n−2) by their causes awake, and of h1 to h(n−1) by their effects in the dream.
 * 5. Delta rules, with p what is predicted: awake `Δ generative = rate · ⟨cause · (effect − p)⟩`, in the dream
 *    `Δ recognition = rate · ⟨effect · (cause − p)⟩`, biases likewise; contrastive divergence in the topmost machine.
 *
 * In the statistics of the topmost machine hn counts by its means, which the paper draws: the same on average, with less noise.
 * Labels are drawn like all else in its chains, where the paper passes their probabilities on. Where the data are probabilities,
 * as in the paper, binary visible units of a dream are means too. Biases go on from what they are, and deviations of Gaussian
 * units stay as they are.
 */
import type { Family } from '../graph/belief-net.js';
import {
  biasName,
  connectionName,
  type Graph,
  unitsOf,
  unsuitable,
  upwardBiasName,
  weightName,
} from '../graph/graph.js';
import { type Machine, refuseCounts, stackOf, type UntiedNet, untiedNetOf } from '../graph/machines.js';
import { driveFamilies, inferFamily, type NetLayers } from '../infer/belief-layers.js';
import { inferLowers, inferUpper } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { refuseMissing, Source } from '../infer/source.js';
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import { machineParameterNames, type Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';
import { Averages } from './averages.js';
import { Batches, type RowBatch } from './batches.js';
import { learnGeneration, learnRecognition } from './belief-training.js';
import { GIBBS_STEPS } from './contrastive-divergence.js';
import { balancedWeights, requireDrawn } from './energy-training.js';
import { DivergenceGuard, NormalisabilityGuard } from './guard.js';
import { MachineUpdate, type Phase } from './machine-update.js';
import { addActivity, addReconstruction, addSleepError, meanFreeEnergy, recordOf } from './monitors.js';
import { weighRows } from './row-weights.js';
import { readCounts, type Schedule, scheduled, scheduledCount } from './schedule.js';
import {
  type CompleteTrainerOptions,
  MAX_BATCH_ROWS,
  readCost,
  readRate,
  readTrainerOptions,
  type TrainerOptions,
} from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';
import { type Step, Updates } from './updates.js';

/** The options that other trainers have too. */
const sharedNames = ['epochs', 'batchRows', 'learningRate', 'optimiser', 'momentum', 'data', 'averaging'] as const;
type Shared = (typeof sharedNames)[number];

/**
 * What `upDown()` takes; everything has a default. The paper gives the order of things and the numbers of Gibbs steps; rates,
 * momentum and costs are what reproduces it.
 */
export interface UpDownOptions extends Pick<TrainerOptions, Exclude<Shared, 'learningRate' | 'momentum' | 'data'>> {
  /**
   * Per case, above 0. Default `null`: from 0.01 straight to 0.001, and a tenth of it where a layer has units other than binary
   * or softmax ones.
   */
  readonly learningRate?: Schedule | null;
  /** Of the directed weights and their biases; default `null`, `learningRate`. */
  readonly generativeRate?: Schedule | null;
  /** Of the recognition weights and biases; default `null`, `learningRate`. */
  readonly recognitionRate?: Schedule | null;
  /** Of the topmost machine; default `null`, `learningRate`. */
  readonly topRate?: Schedule | null;
  /** 0 to below 1, default 0.5. */
  readonly momentum?: Schedule;
  /** L2 cost of the topmost machine's weights, default 0.0002; never of biases. On MNIST, with persistent chains, 0 gave clearer samples. */
  readonly topCost?: number;
  /** L2 cost of the directed weights, default 0. */
  readonly generativeCost?: number;
  /** L2 cost of the recognition weights, default 0. */
  readonly recognitionCost?: number;
  /**
   * Full Gibbs steps of the topmost machine, default 3. The paper takes 3, 6 and 10 for a hundred epochs each:
   * `{ steps: [[0, 3], [100, 6], [200, 10]] }`.
   */
  readonly gibbsSteps?: Schedule;
  /**
   * Persistent chains in the topmost machine, 1 to 21,845, which go on from where the last update left them. Default `null`:
   * none, the chains start from the data's states (the paper).
   */
  readonly chains?: number | null;
  /**
   * What stands for the data: intensities as means that drive h1 (`probabilities`, default, as in the paper), or states drawn
   * anew at every presentation. Hidden layers are drawn either way.
   */
  readonly data?: TrainerOptions['data'];
}

/** Up-down as plain data, complete. */
export interface UpDown extends Pick<CompleteTrainerOptions, Shared> {
  readonly type: 'upDown';
  readonly generativeRate: Schedule | null;
  readonly recognitionRate: Schedule | null;
  readonly topRate: Schedule | null;
  readonly topCost: number;
  readonly generativeCost: number;
  readonly recognitionCost: number;
  readonly gibbsSteps: Schedule;
  readonly chains: number | null;
}

/** Up-down fine-tuning with these options; throws `OPTION_INVALID`. */
export function upDown(options: UpDownOptions = {}): UpDown {
  const where = 'upDown()';
  const rates = ['generativeRate', 'recognitionRate', 'topRate'] as const;
  const costs = ['topCost', 'generativeCost', 'recognitionCost'] as const;
  refuseUnknown(where, options, ['gibbsSteps', 'chains', ...sharedNames, ...rates, ...costs]);
  const given = Object.fromEntries(sharedNames.map((name) => [name, options[name]]));
  const complete = readTrainerOptions(where, given, { momentum: 0.5 });
  const shared = Object.fromEntries(sharedNames.map((name) => [name, complete[name]])) as Pick<UpDown, Shared>;
  const { chains } = options;
  return freezeDeep({
    type: 'upDown',
    ...shared,
    generativeRate: readRate(where, 'generativeRate', options.generativeRate),
    recognitionRate: readRate(where, 'recognitionRate', options.recognitionRate),
    topRate: readRate(where, 'topRate', options.topRate),
    topCost: readCost(where, 'topCost', options.topCost ?? 2e-4),
    generativeCost: readCost(where, 'generativeCost', options.generativeCost ?? 0),
    recognitionCost: readCost(where, 'recognitionCost', options.recognitionCost ?? 0),
    gibbsSteps: readCounts(where, 'gibbsSteps', options.gibbsSteps ?? 3, GIBBS_STEPS),
    chains: chains == null ? null : integer(where, 'chains', chains, { atLeast: 1, atMost: MAX_BATCH_ROWS }),
  });
}

const WHAT = 'Up-down';

/** Refuses what is no deep belief net with both directions of its own; throws `GRAPH_UNSUITABLE` naming the connection. */
export function checkUpDown(graph: Graph, { chains }: UpDown): void {
  const { machine } = netOf(graph);
  if (chains !== null) requireDrawn(graph, machine.upper);
}

function netOf(graph: Graph): UntiedNet {
  const { machines } = stackOf(graph);
  const below = machines.slice(0, -1).map(({ connections }) => connections[0]!);
  const wrong = below.length === 0 ? machines[0]!.connections[0]! : below.find(({ kind }) => kind === 'tied');
  if (wrong !== undefined) {
    const name = connectionName(wrong);
    const advice = wrong.kind === 'tied' ? '; `untie()` makes such a net of this one' : ', and none is below it';
    const wanted = 'directed and recognition connections below the topmost machine';
    throw unsuitable(`${WHAT} needs a deep belief net with ${wanted}; \`${name}\` is ${wrong.kind}${advice}.`, name);
  }
  for (const machine of machines)
    refuseCounts(graph, machine, `${WHAT} does not know how long the documents of dreams are`);
  return untiedNetOf(graph);
}

/** Trains all layers; the page of the paper, top to bottom. */
export function* runUpDown(training: Training, options: UpDown): TrainingLoop {
  const { parameters, data, seed } = training;
  const { graph, runtime } = parameters;
  refuseMissing(data, WHAT);
  const net = netOf(graph);
  const { machine, visible } = net;
  const work = new Batches(training, options);
  const most = Math.max(work.rows, options.chains ?? 0);
  const layer = (name: string, rows: number) => training.own(new LayerState(runtime, graph, name, rows, seed, 'train'));
  const layersOf = (families: readonly Family[], rows: number): NetLayers =>
    new Map(families.map((family) => [family.layer, layer(family.layer, rows)]));
  const source = training.own(
    new Source(parameters, data, net.recognition.length, {
      seed,
      purpose: 'train',
      passing: options.data,
      hidden: 'states',
      rows: work.rows,
      labels: true,
    }),
  );
  const awake: NetLayers = new Map(source.layers.map((state) => [state.name, state]));
  const top = layer(machine.upper, work.rows);
  const predictions = layersOf(net.generation, work.rows);
  const chains = new TopChains(training, machine, work.rows, options.chains);
  const asleep = layersOf(net.generation, most);
  const dreams: NetLayers = new Map([...asleep, ...chains.lowers.map((state) => [state.name, state] as const)]);
  const recognitions = layersOf(net.recognition, most);
  const learning = new UpDownUpdates(training, net, options, most);
  const guard = DivergenceGuard.of(parameters, stackOf(graph).machines[0]!, data);
  const normalisability = NormalisabilityGuard.of(parameters, machine, data.rows);
  training.offer(() => new Map([...learning.tensors(), ...chains.tensors()]));

  for (const batch of work.rest()) {
    const { update, rows } = batch;
    // Wake.
    source.read(work.order, batch.first, rows, update);
    for (const [name, state] of awake) {
      // Statistics read values, and what is drawn is listed.
      if (name !== visible || (options.data === 'states' && state.drawsData)) state.spreadStates();
    }
    const { lowers } = source;
    inferUpper(parameters, machine, lowers, top, { keep: 'means', draw: { update, sweep: 0 } });

    // Gibbs sampling in the topmost machine.
    const steps = scheduledCount(options.gibbsSteps, batch.epoch, batch.share);
    const negative = chains.goOn(parameters, top, steps, update);

    // Sleep.
    for (const family of net.generation) {
      const target = dreams.get(family.layer)!;
      const drawn = family.layer !== visible || options.data === 'states' || !target.drawsData;
      const draw = drawn ? { draw: { update, sweep: 1 } } : {};
      inferFamily(parameters, family, 'down', dreams, target, { keep: 'means', ...draw });
      if (drawn) target.spreadStates();
    }

    // Predictions.
    driveFamilies(parameters, net.generation, 'down', awake, predictions, 'means');
    driveFamilies(parameters, net.recognition, 'up', dreams, recognitions, 'means');
    if (batch.measured) {
      const error = addReconstruction(training, [awake.get(visible)!], true, [predictions.get(visible)!]);
      guard?.check(error, update);
      addSleepError(training, dreams, recognitions);
      for (const [name, state] of awake) if (name !== visible) addActivity(training, state);
      addActivity(training, top);
    }

    // Update.
    const weighed = [...lowers, ...awake.values(), top, ...predictions.values()];
    const rowWeights = weighRows(training, work.order, batch.first, rows, weighed);
    // Dreams of chains that start from the data count as the rows that they come from.
    const dreamWeights = options.chains === null ? rowWeights : new Float32Array();
    const chainWeights = options.chains === null ? rowWeights : balancedWeights(rows, rowWeights, options.chains);
    const weigh = (states: Iterable<LayerState>, weights: Float32Array) => {
      for (const state of states) state.weighRows(runtime, weights);
    };
    learning.learnGeneration(batch, awake, predictions);
    weigh([...negative.lowers, negative.upper], chainWeights);
    learning.learnTop(batch, { lowers, states: true, upper: top }, negative);
    weigh([...dreams.values(), ...recognitions.values()], dreamWeights);
    learning.learnRecognition(batch, dreams, recognitions);
    learning.average(batch);

    const epoch = work.finish(learning.topRateOf(batch));
    if (epoch === undefined) {
      yield;
      continue;
    }
    normalisability?.afterEpoch(training.progress.epoch, work.epochs, training.progress.updates);
    if (work.done) learning.installAverages();
    yield recordOf(training, { layer: machine.upper, connections: graph.connections }, epoch, (slice) =>
      meanFreeEnergy(parameters, machine, slice, net.recognition.length),
    );
  }
}

/** The name under which a checkpoint keeps the states of persistent chains. */
const CHAINS = 'chains';

/** The Gibbs chains of the topmost machine: a batch's own, or persistent ones. */
class TopChains {
  /** The last states of the layers under the topmost one, in the order of the machine's connections. */
  readonly lowers: readonly LayerState[];
  private readonly upper: LayerState;
  private started = false;

  /** For batches of at most `rows` rows; `chains` are how many go on from update to update, or null. */
  constructor(
    private readonly training: Training,
    private readonly machine: Machine,
    rows: number,
    private readonly chains: number | null,
  ) {
    const { parameters, seed, restored } = training;
    const room = (name: string) =>
      training.own(new LayerState(parameters.runtime, parameters.graph, name, chains ?? rows, seed, 'train'));
    this.lowers = machine.connections.map(({ lower }) => room(lower));
    this.upper = room(machine.upper);
    const states = restored.get(CHAINS);
    if (states === undefined) return;
    this.upper.write(parameters.runtime, states);
    this.started = true;
  }

  /** So many Gibbs steps, from states of the topmost layer given the data or from where the chains stand. */
  goOn(parameters: Parameters, top: LayerState, steps: number, update: number): Phase {
    const { chains, machine, lowers, upper } = this;
    if (chains !== null && !this.started) {
      const places = Uint32Array.from({ length: chains }, (_, chain) => chain % top.activity.rows);
      upper.copyRows(this.training.parameters.runtime, top, places);
      this.started = true;
    }
    for (let sweep = 1; sweep <= steps; sweep += 1) {
      const draw = { update, sweep };
      const from = chains === null && sweep === 1 ? top : upper;
      inferLowers(parameters, machine, from, lowers, { keep: 'means', draw });
      inferUpper(parameters, machine, lowers, upper, { keep: 'means', draw });
    }
    // The layer from which the dream goes down is a cause and an effect, and counts by its states in both.
    for (const lower of lowers) lower.spreadStates();
    return { lowers, states: true, upper };
  }

  /** States of the topmost layer, for a checkpoint; none of chains that start anew. */
  tensors(): [string, Float32Array][] {
    const { chains, upper, training } = this;
    return chains !== null && this.started ? [[CHAINS, upper.statesOf(training.parameters.runtime, chains)]] : [];
  }
}

/** Steps of all parameters, each part with its rate and cost, and what is kept of them. */
class UpDownUpdates {
  private readonly top: MachineUpdate;
  private readonly directions: Updates;
  private readonly averages: Averages | undefined;
  private readonly rates: Readonly<Record<'generative' | 'recognition' | 'top', Schedule>>;

  /** For batches, or chains, of at most `rows` rows. */
  constructor(
    private readonly training: Training,
    private readonly net: UntiedNet,
    private readonly options: UpDown,
    rows: number,
  ) {
    const { parameters, restored } = training;
    const { graph } = parameters;
    const { generation, recognition, machine } = net;
    const { optimiser, averaging } = options;
    const connections = [...generation, ...recognition].flatMap((family) => family.connections);
    const biases = [
      ...generation.map(({ layer }) => ({ name: biasName(layer), units: unitsOf(graph, layer) })),
      ...recognition.map(({ layer }) => ({ name: upwardBiasName(graph, layer), units: unitsOf(graph, layer) })),
    ];
    this.rates = ratesOf(graph, options);
    this.directions = training.own(new Updates(parameters, connections, biases, rows, optimiser));
    this.top = training.own(new MachineUpdate(parameters, machine, rows, optimiser));
    const names = [
      ...biases.map(({ name }) => name),
      ...connections.map(weightName),
      ...machineParameterNames(graph, machine),
    ];
    this.averages = averaging === null ? undefined : training.own(new Averages(parameters, names, averaging.decay));
    if (restored.size === 0) return;
    for (const part of [this.directions, this.top, this.averages]) part?.restore(restored);
  }

  /** By the states awake and what their causes predict of them. */
  learnGeneration(batch: RowBatch, states: NetLayers, predictions: NetLayers): void {
    this.directions.take(this.stepOf(batch, 'generative'), batch.count, batch.update, (steps) => {
      learnGeneration(steps, this.net, states, predictions);
    });
  }

  /** By the states of a dream and what their effects say of them. */
  learnRecognition(batch: RowBatch, states: NetLayers, recognitions: NetLayers): void {
    this.directions.take(this.stepOf(batch, 'recognition'), batch.count, batch.update, (steps) => {
      learnRecognition(steps, this.net, this.training.parameters, states, recognitions);
    });
  }

  /** By contrastive divergence. */
  learnTop(batch: RowBatch, positive: Phase, negative: Phase): void {
    this.top.apply(positive, negative, this.stepOf(batch, 'top'), batch.count, batch.update);
  }

  /** The rate of the topmost machine. */
  topRateOf({ epoch, share }: RowBatch): number {
    return scheduled(this.rates.top, epoch, share);
  }

  private stepOf({ epoch, share }: RowBatch, part: 'generative' | 'recognition' | 'top'): Step {
    return {
      learningRate: scheduled(this.rates[part], epoch, share),
      momentum: scheduled(this.options.momentum, epoch, share),
      weightCost: this.options[`${part}Cost`],
    };
  }

  /** Takes the parameters after a batch's update into the averages. */
  average({ count }: RowBatch): void {
    this.averages?.step(count);
  }

  /** Makes averages, where there are any, the parameters. */
  installAverages(): void {
    this.averages?.install();
  }

  /** What is kept, for a checkpoint. */
  tensors(): Map<string, Float32Array> {
    const { directions, top, averages } = this;
    return new Map([...directions.tensors(), ...top.tensors(), ...(averages?.state() ?? [])]);
  }
}

/** The learning rate per case where none is given, from the first update to the last. */
const DEFAULT_RATE = { from: 0.01, to: 0.001 };

/** The rates of the parts: their own, the common one, or what suits the units of all layers. */
function ratesOf(graph: Graph, options: UpDown) {
  const share = Math.min(...graph.layers.map(({ units }) => unitType(units).rateShare ?? 1));
  const common = options.learningRate ?? { from: share * DEFAULT_RATE.from, to: share * DEFAULT_RATE.to };
  return {
    generative: options.generativeRate ?? common,
    recognition: options.recognitionRate ?? common,
    top: options.topRate ?? common,
  };
}
