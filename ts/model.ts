/** A model: a graph with parameters. Questions to it are thin methods over the functions that answer them. */

import { Dataset } from './data/dataset.js';
import type { Engine } from './engine.js';
import { WakesleepError } from './errors.js';
import { writeModel } from './files/model-file.js';
import { isBeliefNet } from './graph/belief-net.js';
import { isDeepBoltzmannMachine } from './graph/deep-boltzmann.js';
import { fieldOf, isField } from './graph/field.js';
import { type Graph, layerOf, unitsOf, unsuitable, visibleLayerOf } from './graph/graph.js';
import { isDeepBeliefNet, machineOf } from './graph/machines.js';
import { isNetwork } from './graph/network.js';
import { type AggregatedOptions, aggregatedPosterior, highestLayer } from './infer/aggregated.js';
import { type Classification, classify } from './infer/classify.js';
import { type ConditionalOptions, conditional, type FillOptions, fillMissing } from './infer/conditional.js';
import { type DenoiseOptions, denoise } from './infer/denoise.js';
import { type FieldMeansOptions, meansGivenVisible } from './infer/field.js';
import {
  type FactorialPosteriorOptions,
  factorialPosteriorNames,
  posteriorMeans,
  readFactorialPosterior,
  reconstructByMeanField,
} from './infer/mean-field.js';
import { networkMeans, networkReconstructions } from './infer/network-layers.js';
import { meansAbove, passThrough, reconstruct } from './infer/passes.js';
import { enumeratedLogLikelihoods, type PosteriorOf, type PosteriorOptions, posterior } from './infer/posterior.js';
import { type SampleOptions, sample } from './infer/sample.js';
import { checkData } from './infer/source.js';
import { type Algorithm, checkAlgorithm, readAlgorithm } from './learn/algorithm.js';
import { checkTrainOptions, Run, type TrainOptions } from './learn/run.js';
import {
  type AnnealedEstimate,
  type AnnealedOptions,
  annealedImportanceSampling,
  annealedImportanceSamplingAsync,
} from './likelihood/annealed.js';
import { deepLogLikelihoods, logLikelihoodBounds } from './likelihood/deep-boltzmann.js';
import { logPartition } from './likelihood/exact.js';
import { exactMeansGivenVisible, fieldEnergies, fieldFreeEnergies, fieldLogPartition } from './likelihood/field.js';
import { checkEnergies, freeEnergies } from './likelihood/free-energy.js';
import { isPairOfMachines, stackLogLikelihoods } from './likelihood/greedy-bound.js';
import {
  type ImportanceEstimate,
  type ImportanceOptions,
  importanceLogLikelihoods,
  importanceLogLikelihoodsAsync,
} from './likelihood/importance.js';
import { type PseudoOptions, pseudoLogLikelihoods } from './likelihood/pseudo.js';
import { stackBounds } from './likelihood/stack-bound.js';
import { describeValue, finiteNumber, integer, oneOf, seed as readSeed, refuseUnknown } from './options.js';
import { Parameter } from './parameter.js';
import { fullParameterName, Parameters } from './parameters.js';
import { slices } from './runtime/slices.js';
import { unitType } from './units/index.js';

/** Rows of visible numbers: a data set, `[rows, units]` floats, or a list of rows. */
export type Rows = Dataset | Float32Array | readonly ArrayLike<number>[];

/** What `logLikelihoodBound()` takes. */
export interface BoundOptions extends FactorialPosteriorOptions {
  /** log Z, nats; default the exact one, by enumeration. In a deep belief net that of its topmost machine, which is needed. */
  readonly logPartition?: number;
  /** Of deep belief nets: draws from the recognition distribution for each row, default 10, and their seed, which is needed. */
  readonly draws?: number;
  readonly seed?: number;
}

/** A graph with its parameters in the engine's memory; `create()` and `open()` of an engine make them. */
export class Model {
  /** @internal */
  readonly parameters: Parameters;
  #updates: number;

  /** @internal */
  constructor(
    readonly engine: Engine,
    /** The structure, frozen. */
    readonly graph: Graph,
    /** Seed of the initial weights and of all noise in training. */
    readonly seed: number,
    updates: number,
  ) {
    this.#updates = updates;
    this.parameters = new Parameters(engine.runtime, graph);
  }

  /** Updates of the parameters so far; the noise of the next one is addressed by this number. */
  get updates(): number {
    return this.#updates;
  }

  /** @internal */
  countUpdates(updates: number): void {
    this.#updates = updates;
  }

  /**
   * Trains on rows: iterate what comes back. Nothing happens before. Throws `GRAPH_UNSUITABLE` where the algorithm
   * cannot train this graph or `monitor` not measure it, `SHAPE_MISMATCH` and `DATA_INVALID` where the rows do not fit it.
   */
  train(data: Dataset, algorithm: Algorithm, options: TrainOptions = {}): Run {
    const { heldOut } = options;
    checkTrainOptions('train()', options);
    const complete = readAlgorithm(algorithm);
    checkAlgorithm(this.graph, complete);
    const visible = visibleLayerOf(this.graph);
    checkData(this.graph, visible, data);
    if (heldOut !== undefined) checkData(this.graph, visible, heldOut);
    if (data.rows === 0) {
      throw new WakesleepError('DATA_INVALID', 'There are no rows to train on.', {
        given: 0,
        wanted: 'at least one row',
      });
    }
    return new Run(this, data, complete, options, undefined);
  }

  /**
   * Means of hidden units given visible rows, `[rows, units]`. `layer` names the hidden layer; the default is the
   * highest one that the data alone determine (below the top of a net with labels). In a deep Boltzmann machine they are
   * those of the factorial posterior, found in `passes` over all layers, by default of the topmost one. In a general one they
   * are means given the row by mean field, by Gibbs sampling or exact, as `method` says, by default of the last layer; Gibbs
   * sampling and exact means are there for deep ones of binary units too. In a feed-forward network they are what the layer
   * passes on, by default the code of an autoencoder or the topmost hidden layer.
   */
  meanHidden(visible: Rows, options: FieldMeansOptions & FactorialPosteriorOptions = {}): Float32Array<ArrayBuffer> {
    const { layer, method = 'meanField' } = options;
    if (isNetwork(this.graph)) {
      refuseUnknown('meanHidden()', options, ['layer']);
      return this.#withData(visible, (data) => networkMeans(this.parameters, data, layer));
    }
    if (isDeepBoltzmannMachine(this.graph) && method === 'meanField') {
      refuseUnknown('meanHidden()', options, ['layer', 'method', ...factorialPosteriorNames]);
      const how = readFactorialPosterior('meanHidden()', options);
      return this.#withData(visible, (data) => posteriorMeans(this.parameters, data, layer, how));
    }
    if (isField(this.graph)) return this.#meanHiddenOfField(visible, options);
    refuseUnknown('meanHidden()', options, ['layer']);
    const highest = layer ?? highestLayer(this.parameters);
    return this.#withData(visible, (data) => meansAbove(this.parameters, data, highest));
  }

  #meanHiddenOfField(visible: Rows, options: FieldMeansOptions): Float32Array<ArrayBuffer> {
    const where = 'meanHidden()';
    refuseUnknown(where, options, ['layer', 'method', 'sweeps', 'seed']);
    const method = oneOf(where, 'method', options.method ?? 'meanField', ['meanField', 'gibbs', 'exact'] as const);
    const { layers, visible: below } = fieldOf(this.graph, 'Means of hidden units');
    const hidden = layers.filter(({ name }) => name !== below.name).map(({ name }) => name);
    if (hidden.length === 0)
      throw unsuitable(`Only the layer \`${below.name}\` is there, and no unit is hidden.`, below.name);
    const layer = oneOf(where, 'layer', options.layer ?? hidden.at(-1), hidden);
    return this.#withData(visible, (data) =>
      method === 'exact'
        ? exactMeansGivenVisible(this.parameters, data, layer)
        : meansGivenVisible(this.parameters, data, layer, { ...options, method }),
    );
  }

  /**
   * The aggregated posterior of a hidden layer as a new data set, which is yours to free: for each row a drawn state of that
   * layer (`passing: 'states'`, the default, with a `seed`) or its means (`'probabilities'`), with the labels and weights of
   * the rows. It is what the next machine of a stack learns from. Throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`.
   */
  aggregatedPosterior(visible: Rows, options: AggregatedOptions): Dataset {
    return this.#withData(visible, (data) => aggregatedPosterior(this.parameters, data, options));
  }

  /** @internal Rows as a data set for the length of a call. */
  withRows<T>(rows: Rows, work: (data: Dataset) => T): T {
    return this.#withData(rows, work);
  }

  /** Drawn states of an RBM's hidden units given visible rows, `[rows, units]`; `seed` is needed. Labels count as absent. */
  sampleHidden(visible: Rows, options: { readonly seed: number }): Float32Array<ArrayBuffer> {
    return this.#pass('sampleHidden()', visible, 'up', options);
  }

  /** Means of an RBM's visible units given hidden rows, `[rows, units]`; `length` is the number of words where they are counts. */
  meanVisible(hidden: Rows, options: { readonly length?: number } = {}): Float32Array<ArrayBuffer> {
    refuseUnknown('meanVisible()', options, ['length']);
    return this.#pass('meanVisible()', hidden, 'down', undefined, options.length);
  }

  /** Drawn states of an RBM's visible units given hidden rows, `[rows, units]`; `seed` is needed. */
  sampleVisible(hidden: Rows, options: { readonly seed: number; readonly length?: number }): Float32Array<ArrayBuffer> {
    refuseUnknown('sampleVisible()', options, ['seed', 'length']);
    const { length, ...seeded } = options;
    return this.#pass('sampleVisible()', hidden, 'down', seeded, length);
  }

  /**
   * Means of the visible units after a pass of means to the top and back, `[rows, units]`; of a deep Boltzmann machine given
   * the means of the factorial posterior, and of an autoencoder its output.
   */
  reconstruct(visible: Rows, options: FactorialPosteriorOptions = {}): Float32Array<ArrayBuffer> {
    if (isDeepBoltzmannMachine(this.graph)) {
      refuseUnknown('reconstruct()', options, factorialPosteriorNames);
      const how = readFactorialPosterior('reconstruct()', options);
      return this.#withData(visible, (data) => reconstructByMeanField(this.parameters, data, how));
    }
    refuseUnknown('reconstruct()', options, []);
    if (isNetwork(this.graph)) return this.#withData(visible, (data) => networkReconstructions(this.parameters, data));
    return this.#withData(visible, (data) => reconstruct(this.parameters, data));
  }

  /**
   * What the first hidden layer of a deep belief net, tied or untied, would like to reconstruct while effects from the layers
   * above take the place of the rows, `[steps + 1, rows, visible units]`: the first after a bottom-up pass alone, the last
   * without any effect of the rows. Noise that the model knows nothing of fades. Throws `GRAPH_UNSUITABLE`.
   */
  denoise(visible: Rows, options: DenoiseOptions = {}): Float32Array<ArrayBuffer> {
    return this.#withData(visible, (data) => denoise(this.parameters, data, options));
  }

  /**
   * Energies of states of all units of a general Boltzmann machine, `[rows, units]` in the graph's order of layers, nats:
   * `E(s) = −Σ b_i s_i − Σ_(pairs) w_ij s_i s_j`. Throws `GRAPH_UNSUITABLE`, `SHAPE_MISMATCH`.
   */
  energy(states: ArrayLike<number>): Float64Array {
    return fieldEnergies(this.parameters, states);
  }

  /**
   * Free energy of visible rows of an RBM, or of a general Boltzmann machine with at most 25 hidden units, `[rows]`, nats:
   * `−log Σ_h e^−E(v, h)`. Throws `GRAPH_UNSUITABLE`.
   */
  freeEnergy(visible: Rows): Float64Array {
    if (isField(this.graph)) return this.#withData(visible, (data) => fieldFreeEnergies(this.parameters, data));
    checkEnergies(this.parameters, machineOf(this.graph, 'A free energy'), 'A free energy');
    return this.#withData(visible, (data) => freeEnergies(this.parameters, data, 0, true));
  }

  /**
   * The exact log Z of a restricted or deep Boltzmann machine, nats, by enumerating one side (of a deep one the layers of even
   * or of odd index), or in closed form for two Gaussian layers, and of a general Boltzmann machine of at most 25 units by
   * enumerating all; `length` is the
   * number of words of a document where the data are counts (default 1). Throws `GRAPH_UNSUITABLE` where both sides have
   * too many states or no finite number of them, and where the model cannot be normalised.
   */
  logPartition(options: { readonly length?: number } = {}): number {
    refuseUnknown('logPartition()', options, ['length']);
    if (isField(this.graph) && !isDeepBoltzmannMachine(this.graph)) return fieldLogPartition(this.parameters);
    const length = integer('logPartition()', 'length', options.length ?? 1, { atLeast: 0, atMost: 2 ** 24 });
    return logPartition(this.parameters, length);
  }

  /**
   * An estimate of the log Z of a restricted or deep Boltzmann machine by annealed importance sampling, nats, with its
   * uncertainty: `direction: 'reverse'` gives
   * the other end of the bracket (`bracketOf`). Keeps the thread; throws `GRAPH_UNSUITABLE`.
   */
  annealedLogPartition(options: AnnealedOptions): AnnealedEstimate {
    return annealedImportanceSampling(this.parameters, options);
  }

  /** As `annealedLogPartition`, giving up the thread every 16 ms. */
  annealedLogPartitionAsync(options: AnnealedOptions): Promise<AnnealedEstimate> {
    return annealedImportanceSamplingAsync(this.parameters, options, slices());
  }

  /**
   * Pseudo-log-likelihood of an RBM's binary visible rows, `[rows]`, nats: `Σ_i log p(v_i | all other units)`; exact over all
   * units, or with `stochastic` estimated from one. No likelihood, and it needs no log Z.
   */
  pseudoLogLikelihood(visible: Rows, options: PseudoOptions = {}): Float64Array {
    return this.#withData(visible, (data) => pseudoLogLikelihoods(this.parameters, data, options));
  }

  /**
   * The exact log-likelihood of visible rows, `[rows]`, nats: `−F(v) − log Z` of an RBM; a log-density where they are real
   * numbers, and given its length where a row is counts. In a sigmoid belief net all states of at most 20 hidden units are
   * enumerated; of a deep belief net of two machines it is `log Σ_h p(v | h) p2(h)`, for a first hidden layer of at most
   * 65,536 states. Throws `GRAPH_UNSUITABLE`.
   */
  logLikelihood(visible: Rows): Float64Array {
    if (isBeliefNet(this.graph))
      return this.#withData(visible, (data) => enumeratedLogLikelihoods(this.parameters, data));
    if (isDeepBoltzmannMachine(this.graph))
      return this.#withData(visible, (data) => deepLogLikelihoods(this.parameters, data));
    if (isPairOfMachines(this.graph))
      return this.#withData(visible, (data) => stackLogLikelihoods(this.parameters, data));
    const layer = visibleLayerOf(this.graph);
    const { units } = layerOf(this.graph, layer);
    if (!unitType(units).countsDraws) {
      const logZ = this.logPartition();
      return this.freeEnergy(visible).map((energy) => -energy - logZ);
    }
    const logZs = new Map<number, number>();
    const lengths = this.#withData(visible, (data) => data.rowSums());
    return this.freeEnergy(visible).map((energy, row) => {
      const length = lengths[row]!;
      if (!logZs.has(length)) logZs.set(length, this.logPartition({ length }));
      return -energy - logZs.get(length)!;
    });
  }

  /**
   * A lower bound on a deep Boltzmann machine's log-likelihood of visible rows, `[rows]`, nats: `E_q[−E] + H(q) − log Z` with the
   * factorial posterior q that `passes` find (Salakhutdinov and Hinton 2009). `logPartition` is log Z, default the exact one;
   * an estimate that is too small makes the bound too large. Of a deep belief net of binary units: the bound that recognition
   * gives, `E_q [log p(v, h) − log q(h | v)]`, by `draws` for each row of states. Throws `GRAPH_UNSUITABLE`, `DATA_INVALID`.
   */
  logLikelihoodBound(visible: Rows, options: BoundOptions = {}): Float64Array {
    const where = 'logLikelihoodBound()';
    if (isDeepBeliefNet(this.graph)) return this.#boundOfStack(where, visible, options);
    refuseUnknown(where, options, ['logPartition', ...factorialPosteriorNames]);
    const how = readFactorialPosterior(where, options);
    const given = options.logPartition;
    const logZ = given === undefined ? undefined : finiteNumber(where, 'logPartition', given);
    return this.#withData(visible, (data) => logLikelihoodBounds(this.parameters, data, logZ, how));
  }

  #boundOfStack(where: string, visible: Rows, options: BoundOptions): Float64Array {
    refuseUnknown(where, options, ['logPartition', 'draws', 'seed']);
    const draws = integer(where, 'draws', options.draws ?? 10, { atLeast: 1, atMost: 65_536 });
    const seed = readSeed(where, options.seed);
    if (options.logPartition === undefined) {
      const wanted = 'the log Z of the topmost machine';
      const message = `\`logPartition\` must be ${wanted}: \`decompose(model).at(-1)\` has it, exact or annealed.`;
      throw new WakesleepError('OPTION_INVALID', message, { wanted, where });
    }
    const logZ = finiteNumber(where, 'logPartition', options.logPartition);
    return this.#withData(visible, (data) => stackBounds(this.parameters, data, { draws, seed })).map((x) => x - logZ);
  }

  /**
   * An estimate of the log-likelihood of rows of states of a sigmoid belief net by importance sampling from its recognition
   * net, nats; on average below the truth, by less the more `particles`. Throws `GRAPH_UNSUITABLE`, `DATA_INVALID`.
   */
  importanceLogLikelihood(visible: Rows, options: ImportanceOptions): ImportanceEstimate {
    return this.#withData(visible, (data) => importanceLogLikelihoods(this.parameters, data, options));
  }

  /** As `importanceLogLikelihood` of a data set, giving up the thread every 16 ms, or when `pause` does, asked before each row. */
  importanceLogLikelihoodAsync(
    data: Dataset,
    options: ImportanceOptions,
    pause: () => Promise<void> | undefined = slices(),
  ): Promise<ImportanceEstimate> {
    checkData(this.graph, visibleLayerOf(this.graph), data);
    return importanceLogLikelihoodsAsync(this.parameters, data, options, pause);
  }

  /**
   * The posterior of a sigmoid belief net's hidden units given rows of states: means of each hidden layer, `[rows, units]`,
   * `exact` by enumeration, or by `gibbs`, `meanField` or the `recognition` net. Throws `GRAPH_UNSUITABLE`, `DATA_INVALID`.
   */
  posterior<Options extends PosteriorOptions>(visible: Rows, options: Options): PosteriorOf<Options> {
    return this.#withData(visible, (data) => posterior(this.parameters, data, options));
  }

  /**
   * Draws rows, `[rows, visible units]`: from a sigmoid belief net in one pass down or, with units clamped, by Gibbs sampling of
   * the others; from a deep or general Boltzmann machine by Gibbs sampling of all units, from other models by Gibbs sampling
   * in the topmost machine and one pass down, with `every` each chain over time, `[rows, sweeps / every, visible units]`.
   */
  sample(options: SampleOptions): Float32Array<ArrayBuffer> {
    return sample(this.parameters, options);
  }

  /**
   * Rows with the numbers that `mask` leaves out drawn given the others, `[rows, units]`, each row by a chain of its own whose
   * limit is the model's own conditional distribution: of a restricted, deep or general Boltzmann machine by Gibbs sampling,
   * of a deep belief net by Metropolis within Gibbs sampling, where a sweep costs a pass down for every `unitsTogether` hidden
   * units. `mask` says what is known: one number a unit for all rows alike, or `[rows, units]`; 0 is unknown, and what stands
   * there is not read. Throws `GRAPH_UNSUITABLE`, `SHAPE_MISMATCH`, `OPTION_INVALID`.
   */
  conditional(visible: Rows, mask: ArrayLike<number>, options: ConditionalOptions): Float32Array<ArrayBuffer> {
    const layer = visibleLayerOf(this.graph);
    const columns = unitsOf(this.graph, layer);
    const rows = visible instanceof Dataset ? visible.values() : visible;
    const count = rows instanceof Float32Array ? rows.length : rows.length * columns;
    if (mask.length !== columns && mask.length !== count) {
      const wanted = `${columns}, one for each unit, or ${count}, one for each number`;
      throw new WakesleepError('SHAPE_MISMATCH', `The mask has ${mask.length} numbers; it must have ${wanted}.`, {
        given: mask.length,
        wanted,
        where: 'conditional().mask',
      });
    }
    const known = Uint8Array.from({ length: count }, (_, place) => Number(Boolean(mask[place % mask.length])));
    const data = this.engine.dataset({ rows, columns, known });
    try {
      checkData(this.graph, layer, data);
      return conditional(this.parameters, data, options);
    } finally {
      data.free();
    }
  }

  /**
   * Rows with what is missing in them (`known` of the data set) replaced by its expectation given the rest, `[rows, units]`:
   * averages over a chain for each row, as those of `conditional`. Throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`.
   */
  fillMissing(data: Dataset, options: FillOptions): Float32Array<ArrayBuffer> {
    checkData(this.graph, visibleLayerOf(this.graph), data);
    return fillMissing(this.parameters, data, options);
  }

  /** Classes of visible rows by free energy over the labels; throws `GRAPH_UNSUITABLE` without a layer of labels. */
  classify(visible: Rows): Classification {
    return this.#withData(visible, (data) => classify(this.parameters, data));
  }

  /** A tensor by its name in files or a short one: `visible-hidden.weight`, `hidden.bias`. */
  parameter(name: string): Parameter {
    const full = fullParameterName(this.graph, name);
    return new Parameter(this.parameters, full, this.parameters.specOf(full).shape);
  }

  /** Names and shapes of all tensors, in the graph's order. */
  get parameterSpecs(): readonly { readonly name: string; readonly shape: readonly number[] }[] {
    return this.parameters.specs.map(({ name, shape }) => ({ name, shape: [...shape] }));
  }

  /** The model as a `.safetensors` file: parameters only. Equal models are equal bytes. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return writeModel(this);
  }

  /** Gives the memory back. */
  free(): void {
    this.parameters.free();
  }

  #pass(
    where: string,
    rows: Rows,
    direction: 'up' | 'down',
    options: { readonly seed: number } | undefined,
    words?: number,
  ) {
    const length = words === undefined ? undefined : integer(where, 'length', words, { atLeast: 1, atMost: 2 ** 24 });
    if (options !== undefined) refuseUnknown(where, options, ['seed']);
    const seed = options === undefined ? undefined : readSeed(where, options.seed);
    const machine = machineOf(this.graph, `\`${where}\``);
    const layer = direction === 'up' ? machine.connections[0]!.lower : machine.upper;
    const values = this.#withData(rows, (data) => data.values(), layer);
    return passThrough(this.parameters, values, direction, seed, length);
  }

  /** Rows as a data set that fits a layer: the caller's own, or one for the length of the call. */
  #withData<T>(rows: Rows, work: (data: Dataset) => T, layer = visibleLayerOf(this.graph)): T {
    const units = unitsOf(this.graph, layer);
    if (rows instanceof Dataset) {
      checkData(this.graph, layer, rows);
      return work(rows);
    }
    if (!(rows instanceof Float32Array) && !Array.isArray(rows)) {
      const type = unitType(layerOf(this.graph, layer).units).describe(layerOf(this.graph, layer).units);
      const wanted = `rows for ${type}: a data set, a Float32Array or a list of rows`;
      throw new WakesleepError('OPTION_INVALID', `Expected ${wanted}; got ${describeValue(rows)}.`, {
        given: rows,
        wanted,
      });
    }
    const data = this.engine.dataset({ rows, columns: units });
    try {
      checkData(this.graph, layer, data);
      return work(data);
    } finally {
      data.free();
    }
  }
}
