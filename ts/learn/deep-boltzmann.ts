/**
 * Learning all layers of a deep Boltzmann machine together (Salakhutdinov and Hinton, "Deep Boltzmann machines", 2009):
 *
 * 1. Data: the factorial posterior of the hidden layers given a batch, by mean field from a doubled pass upward.
 * 2. Model: Gibbs sweeps of persistent chains, which go on from where the last update left them.
 * 3. `ΔW_l = ε(⟨μ_l μ_(l+1)⟩ − ⟨s_l s_(l+1)⟩)`, and biases by the means of their layers.
 *
 * Greedy pretraining comes first (`greedy`, `pretraining.ts`), or `centring` stands in for it (Montavon and Müller 2012).
 */
import type { Dataset } from '../data/dataset.js';
import { type Chain, chainOf } from '../graph/deep-boltzmann.js';
import { biasName, type Graph, layerOf, unitsOf, unsuitable } from '../graph/graph.js';
import { refuseCounts } from '../graph/machines.js';
import { LayerChain, type MeanFieldOptions } from '../infer/layer-chain.js';
import { variationalEnergies } from '../infer/mean-field.js';
import { gatherRows, refuseMissing } from '../infer/source.js';
import { checkEnergiesOf } from '../likelihood/free-energy.js';
import { noiseStream } from '../noise.js';
import { finiteNumber, freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';
import { Averages } from './averages.js';
import { Batches } from './batches.js';
import { GIBBS_STEPS } from './contrastive-divergence.js';
import { GradientCorrections } from './corrections.js';
import { balancedWeights } from './energy-training.js';
import { startVisibleBias } from './initial-bias.js';
import type { Corrections } from './machine-update.js';
import { addActivity, addReconstruction, recordOf } from './monitors.js';
import { weighRows } from './row-weights.js';
import { readCounts, type Schedule, scheduled, scheduledCount } from './schedule.js';
import {
  type CompleteTrainerOptions,
  commonOptionNames,
  MAX_BATCH_ROWS,
  readTrainerOptions,
  type TrainerOptions,
} from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';
import { type Pair, type Sides, type Step, type Steps, Updates } from './updates.js';

/** Options of the other trainers that this one has too. */
const sharedNames = [
  ...commonOptionNames,
  'maxNorm',
  'centring',
  'sparsity',
] as const satisfies readonly (keyof TrainerOptions)[];

type Shared = (typeof sharedNames)[number];

/** What `deepBoltzmannLearning()` takes; everything has a default. */
export interface DeepBoltzmannOptions extends Pick<TrainerOptions, Shared> {
  /** Passes of mean field over the hidden layers for each batch, default 10 (the paper). */
  readonly meanFieldPasses?: number;
  /** The share of its last means that a layer keeps in all passes but the last, 0 (default) to below 1. */
  readonly damping?: number;
  /** Full Gibbs sweeps of the chains for each update, default 5 (the paper); a schedule's values are rounded. */
  readonly gibbsSteps?: Schedule;
  /** Persistent chains, 1 to 21,845, default 100 (the paper). */
  readonly chains?: number;
  /**
   * Where chains start: at the first batch and its means (`data`, default), or at draws from the biases alone (`biases`). What is
   * probable for the model and far from all data, such as pretraining may leave, is unlearned only by chains that come there.
   */
  readonly chainStart?: 'data' | 'biases';
}

/** Learning of a deep Boltzmann machine as plain data, complete. */
export interface DeepBoltzmannLearning extends Pick<CompleteTrainerOptions, Exclude<Shared, 'learningRate'>> {
  readonly type: 'deepBoltzmannLearning';
  readonly learningRate: Schedule;
  readonly meanFieldPasses: number;
  readonly damping: number;
  readonly gibbsSteps: Schedule;
  readonly chains: number;
  readonly chainStart: 'data' | 'biases';
}

/**
 * Learning all layers of a deep Boltzmann machine together. Options have the defaults of the other trainers, but for
 * `learningRate` 0.005 (the paper's first), `momentum` 0.5, and `initialBias`, which keeps the biases after phases of
 * pretraining. Throws `OPTION_INVALID`.
 */
export function deepBoltzmannLearning(options: DeepBoltzmannOptions = {}): DeepBoltzmannLearning {
  const where = 'deepBoltzmannLearning()';
  refuseUnknown(where, options, ['meanFieldPasses', 'damping', 'gibbsSteps', 'chains', 'chainStart', ...sharedNames]);
  const complete = readTrainerOptions(where, options, { learningRate: 0.005, momentum: 0.5 });
  const shared = Object.fromEntries(sharedNames.map((name) => [name, complete[name]])) as Pick<
    DeepBoltzmannLearning,
    Shared
  >;
  return freezeDeep({
    type: 'deepBoltzmannLearning',
    meanFieldPasses: integer(where, 'meanFieldPasses', options.meanFieldPasses ?? 10, { atLeast: 0, atMost: 10_000 }),
    damping: finiteNumber(where, 'damping', options.damping ?? 0, { atLeast: 0, below: 1 }),
    gibbsSteps: readCounts(where, 'gibbsSteps', options.gibbsSteps ?? 5, GIBBS_STEPS),
    chains: integer(where, 'chains', options.chains ?? 100, { atLeast: 1, atMost: MAX_BATCH_ROWS }),
    chainStart: oneOf(where, 'chainStart', options.chainStart ?? 'data', ['data', 'biases'] as const),
    ...shared,
  });
}

/** Refuses graphs that are no chain of layers with energies, and variances that nothing here would learn. */
export function checkDeepBoltzmann(graph: Graph): Chain {
  const what = 'Learning a deep Boltzmann machine';
  const chain = chainOf(graph, what);
  checkEnergiesOf({ graph }, chain.layers, what);
  refuseCounts(graph, chain, `${what} needs rows of one length`);
  for (const name of chain.layers) {
    const { units } = layerOf(graph, name);
    const { learned = false, standardise = false } = unitType(units).deviation?.(units) ?? {};
    if (!learned && !standardise) continue;
    throw unsuitable(`${what} does not learn variances or standardise; the layer \`${name}\` has units that do.`, name);
  }
  return chain;
}

/** Trains all layers; the page of the paper, top to bottom. */
export function* runDeepBoltzmann(training: Training, options: DeepBoltzmannLearning): TrainingLoop {
  const { parameters, data, seed, progress } = training;
  const { runtime, graph } = parameters;
  const chain = checkDeepBoltzmann(graph);
  refuseMissing(data, 'Learning a deep Boltzmann machine');
  const work = new Batches(training, options);
  const meanField = { passes: options.meanFieldPasses, damping: options.damping };
  const posterior = training.own(new LayerChain(parameters, chain, work.rows, seed, 'train'));
  const reconstruction = training.own(new LayerChain(parameters, chain, work.rows, seed, 'train'));
  const chains = new DeepChains(training, chain, options.chains);
  const learning = new DeepUpdates(training, chain, options, Math.max(work.rows, options.chains));
  const binarise = training.own(noiseStream(runtime, seed, 'binarise', 0));
  const isFirst = progress.phase === 0 && progress.epoch === 0 && progress.batch === 0;
  if (isFirst && options.initialBias === 'data') startVisibleBias(parameters, data);
  training.offer(() => new Map([...learning.tensors(), ...chains.tensors()]));

  for (const batch of work.rest()) {
    const { update, first, rows, epoch, share } = batch;
    const { order } = work;

    // Data: means of the hidden layers given the batch.
    posterior.setRows(rows);
    gatherRows(parameters, posterior.visible, data, { order, first, rows }, options.data, binarise, update);
    posterior.findMeanField(meanField);
    const rowWeights = weighRows(training, order, first, rows, posterior.layers);
    if (batch.measured) measure(training, posterior, reconstruction);

    // Model: sweeps of the chains, which start at the first batch.
    if (!chains.started && options.chainStart === 'biases') chains.startAtBiases(update);
    else if (!chains.started) chains.startAt(posterior, update);
    chains.sweep(scheduledCount(options.gibbsSteps, epoch, share), update);
    chains.state.layers.forEach((layer) => {
      layer.weighRows(runtime, balancedWeights(rows, rowWeights, options.chains));
    });

    // Update.
    const step: Step = {
      learningRate: scheduled(options.learningRate, epoch, share),
      momentum: scheduled(options.momentum, epoch, share),
      weightCost: options.weightCost,
      l1Cost: options.l1Cost,
    };
    learning.apply(posteriorSides(posterior), chains.sides(), step, batch.count, update);
    const ended = work.finish(step.learningRate);
    if (ended === undefined) {
      yield;
      continue;
    }
    if (work.done) learning.installAverages();
    const learned = { layer: chain.layers.at(-1)!, connections: chain.connections };
    yield recordOf(training, learned, ended, (slice) => meanVariationalFreeEnergy(parameters, slice, meanField));
  }
}

/** The layers of a batch as they count in statistics: data as listed, hidden layers by their means. */
function posteriorSides({ layers, visible }: LayerChain): Sides {
  return new Map(layers.map((layer) => [layer.name, [layer, layer === visible]]));
}

/** Adds a batch's activity, of the topmost layer, and what its reconstruction misses to the monitors. */
function measure(training: Training, posterior: LayerChain, reconstruction: LayerChain): void {
  addActivity(training, posterior.layers.at(-1)!);
  const { rows } = posterior.visible.activity;
  const first = reconstruction.layers[1]!;
  first.copyRows(
    training.parameters.runtime,
    posterior.layers[1]!,
    Uint32Array.from({ length: rows }, (_, row) => row),
  );
  reconstruction.infer(reconstruction.visible, { keep: 'means' });
  addReconstruction(training, [posterior.visible], true, [reconstruction.visible]);
}

/** `−E_q[−E] − H(q)`, never below the free energy: mean of a slice, nats; null where the slice has no whole rows. */
function meanVariationalFreeEnergy(parameters: Parameters, slice: Dataset, meanField: MeanFieldOptions): number | null {
  if (slice.rows === 0 || slice.hasMissing) return null;
  const energies = variationalEnergies(parameters, slice, meanField);
  return -energies.reduce((sum, energy) => sum + energy, 0) / slice.rows;
}

/** The name under which a checkpoint keeps the states of the chains' layers of odd index. */
const chainName = (layer: string) => `chains.${layer}`;

/**
 * Chains that go on from where the last update left them. A sweep draws the layers of even index given those of odd index, and
 * then these; in the statistics those of odd index count by the means that they were last drawn from.
 */
class DeepChains {
  readonly state: LayerChain;
  started: boolean;

  constructor(
    private readonly training: Training,
    chain: Chain,
    private readonly count: number,
  ) {
    const { parameters, seed, restored } = training;
    this.state = training.own(new LayerChain(parameters, chain, count, seed, 'train'));
    this.started = restored.size > 0 && this.state.of(1).every(({ name }) => restored.has(chainName(name)));
    if (!this.started) return;
    for (const layer of this.state.of(1)) layer.write(parameters.runtime, restored.get(chainName(layer.name))!);
  }

  /** Starts every layer at a draw from its biases alone. */
  startAtBiases(update: number): void {
    const draw = { update, sweep: 0 };
    for (const layer of this.state.of(0)) this.state.inferFromBias(layer, { keep: 'means', draw });
    this.state.inferAll(1, { keep: 'means', draw });
    this.started = true;
  }

  /** Starts at a batch's data and means, over again where there are more chains than rows. */
  startAt(posterior: LayerChain, update: number): void {
    const { rows } = posterior.visible.activity;
    const places = Uint32Array.from({ length: this.count }, (_, chain) => chain % rows);
    this.state.of(0).forEach((layer, index) => {
      layer.copyRows(this.training.parameters.runtime, posterior.of(0)[index]!, places);
    });
    this.state.inferAll(1, { keep: 'means', draw: { update, sweep: 0 } });
    this.started = true;
  }

  /** The sweeps of one update. */
  sweep(sweeps: number, update: number): void {
    for (let sweep = 1; sweep <= sweeps; sweep += 1) {
      const draw = { update, sweep };
      this.state.inferAll(0, { keep: 'means', draw });
      this.state.inferAll(1, { keep: 'means', draw });
    }
    // Statistics read the values of an upper layer, and those of even index count by their states.
    for (const layer of this.state.of(0)) layer.spreadStates();
  }

  /** How layers count in statistics: `⟨s E(s′ | s)⟩` for each pair of neighbours. */
  sides(): Sides {
    const even = this.state.of(0);
    return new Map(this.state.layers.map((layer) => [layer.name, [layer, even.includes(layer)]]));
  }

  /** States of the layers of odd index, from which the others are drawn; none before the start. */
  tensors(): [string, Float32Array][] {
    if (!this.started) return [];
    const { runtime } = this.training.parameters;
    return this.state.of(1).map((layer) => [chainName(layer.name), layer.statesOf(runtime, this.count)]);
  }
}

/** The steps of all parameters, with what is kept of them. */
class DeepUpdates {
  private readonly updates: Updates;
  private readonly corrections: GradientCorrections | undefined;
  private readonly averages: Averages | undefined;

  constructor(
    training: Training,
    private readonly chain: Chain,
    private readonly options: DeepBoltzmannLearning,
    rows: number,
  ) {
    const { parameters, restored } = training;
    const { layers, connections } = chain;
    const biases = layers.map((name) => ({ name: biasName(name), units: unitsOf(parameters.graph, name) }));
    this.updates = training.own(new Updates(parameters, connections, biases, rows, options.optimiser));
    this.corrections = GradientCorrections.of(parameters, connections, options, training.data);
    const names = parameters.specs.map(({ name }) => name);
    const { averaging } = options;
    this.averages = averaging === null ? undefined : training.own(new Averages(parameters, names, averaging.decay));
    if (restored.size === 0) return;
    this.updates.restore(restored);
    this.corrections?.restore(restored);
    this.averages?.restore(restored);
  }

  /** Update `count` (from 1): `Δ = ⟨·⟩ of the data − ⟨·⟩ of the model`; throws `NOT_FINITE`. */
  apply(data: Sides, model: Sides, step: Step, count: number, update: number): void {
    const corrections = this.corrections?.of(data, model);
    this.updates.take(step, count, update, (steps) => {
      this.chain.connections.forEach((connection) => {
        const pair = (sides: Sides): Pair => [sides.get(connection.lower)!, sides.get(connection.upper)![0]];
        const more = corrections?.weights.get(connection.lower);
        steps.learnWeights(connection, pair(data), pair(model), more);
      });
      for (const layer of this.chain.layers) learnBias(steps, layer, data, model, corrections);
    });
    if (this.options.maxNorm !== null) this.updates.limitNorms(this.options.maxNorm);
    this.averages?.step(count);
  }

  /** Makes averages, where there are any, the parameters. */
  installAverages(): void {
    this.averages?.install();
  }

  /** What is kept, for a checkpoint. */
  tensors(): Map<string, Float32Array> {
    return new Map([
      ...this.updates.tensors(),
      ...(this.averages?.state() ?? []),
      ...(this.corrections?.tensors() ?? []),
    ]);
  }
}

function learnBias(steps: Steps, layer: string, data: Sides, model: Sides, corrections: Corrections | undefined): void {
  const given = corrections?.biases.get(layer);
  if (given === undefined) steps.learnBias(biasName(layer), data.get(layer)!, model.get(layer)!);
  else steps.stepBias(biasName(layer), given);
}
