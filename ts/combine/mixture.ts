/**
 * Mixtures of density models: `p(v) = Σ_k π_k p_k(v)`. A mixture is never sharper than its sharpest component, as a product may
 * be. Learned by expectation maximisation (Dempster, Laird and Rubin 1977), each round:
 *
 * 1. E step: responsibilities `r_rk = π_k p_k(v_r) / p(v_r)`, exact, since every component has a likelihood.
 * 2. M step: `π_k` becomes the mean of `r_rk` over rows, and component k is trained on rows that count as much as `r_rk`.
 *
 * Where the M step's training improves the weighted likelihood without being its maximum (generalised EM), the likelihood of
 * the mixture still never falls.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { layerOf, unsuitable, visibleLayerOf } from '../graph/graph.js';
import type { SampleOptions } from '../infer/sample.js';
import { checkData, refuseMissing } from '../infer/source.js';
import type { Algorithm } from '../learn/algorithm.js';
import { exactGradient } from '../learn/exact-gradient.js';
import type { Model, Rows } from '../model.js';
import { noiseStream } from '../noise.js';
import { describeValue, finiteNumber, integer, seed as readSeed, refuseUnknown } from '../options.js';
import { doubleLogarithms, logSumExps, readFloats, withScratch } from '../runtime/allocation.js';
import { inWords, readModels, sameUnits } from './machine-parts.js';

/** What `fit` takes; everything has a default. */
export interface MixtureFitOptions {
  /** Rounds of expectation maximisation, default 50. */
  readonly epochs?: number;
  /** How each component is trained in each M step, default `exactGradient({ epochs: 10 })`. */
  readonly algorithm?: Algorithm;
}

/** One round of expectation maximisation. */
export interface MixtureRecord {
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Nats a row, of the mixture that the round began with. */
  readonly logLikelihood: number;
  /** `π` after the round. */
  readonly weights: readonly number[];
}

/** The layer of the address of the draws that choose components; no component has so many layers. */
const CHOICE_LAYER = 255;

/** A mixture of models over the same visible units; `mixture()` makes one. It keeps the models, and does not free them. */
export class Mixture {
  private shares: Float64Array;

  /** @internal */
  constructor(
    /** The components. */
    readonly models: readonly Model[],
    shares: Float64Array,
  ) {
    this.shares = shares;
  }

  /** A copy of the mixing proportions `π`, which sum to 1. */
  get weights(): number[] {
    return [...this.shares];
  }

  /** The exact log-likelihood of visible rows, `[rows]`, nats: `log Σ_k π_k p_k(v)`. Throws as `Model.logLikelihood`. */
  logLikelihood(visible: Rows): Float64Array {
    return this.first.withRows(visible, (data) => this.total(this.joint(data)));
  }

  /** The posterior of the component that each row came from, `[rows, components]`. Throws as `Model.logLikelihood`. */
  responsibilities(visible: Rows): Float64Array {
    return this.first.withRows(visible, (data) => this.normalised(this.joint(data)));
  }

  /**
   * Draws rows, `[rows, visible units]`: each from a component of its own, drawn with probability `π`. Options are those of
   * `Model.sample`, without clamps; the work is that of sampling every component.
   */
  sample(options: Pick<SampleOptions, 'rows' | 'sweeps' | 'seed' | 'give' | 'length'>): Float32Array<ArrayBuffer> {
    const where = 'sample()';
    refuseUnknown(where, options, ['rows', 'sweeps', 'seed', 'give', 'length']);
    const rows = integer(where, 'rows', options.rows ?? 1, { atLeast: 1 });
    const seed = readSeed(where, options.seed);
    const { runtime } = this.first.engine;
    const stream = noiseStream(runtime, seed, 'sample', CHOICE_LAYER);
    const uniforms = readFloats(runtime, rows, (out) => stream.uniform(0, out.handle, rows));
    stream.free();
    const chosen = Array.from(uniforms, (uniform) => this.chosenBy(uniform));
    let drawn: Float32Array<ArrayBuffer> | undefined;
    // A row's draws are addressed by its number, so that every component is asked for all rows and each row is used once.
    for (const component of new Set(chosen)) {
      const values = this.models[component]!.sample(options);
      const units = values.length / rows;
      drawn ??= new Float32Array(values.length);
      for (let row = 0; row < rows; row += 1) {
        if (chosen[row] === component) drawn.set(values.subarray(row * units, (row + 1) * units), row * units);
      }
    }
    return drawn!;
  }

  /**
   * Fits proportions and components to rows by expectation maximisation: iterate what comes back, a record a round. Nothing
   * happens before. Throws as `Model.train` and `Model.logLikelihood`.
   */
  fit(data: Dataset, options: MixtureFitOptions = {}): Generator<MixtureRecord, void> {
    const where = 'fit()';
    const { algorithm = exactGradient({ epochs: 10 }) } = options;
    refuseUnknown(where, options, ['epochs', 'algorithm']);
    const epochs = integer(where, 'epochs', options.epochs ?? 50, { atLeast: 1 });
    const { graph } = this.first;
    checkData(graph, visibleLayerOf(graph), data);
    refuseMissing(data, 'A mixture');
    if (data.rows === 0) {
      const message = 'There are no rows to fit a mixture to.';
      throw new WakesleepError('DATA_INVALID', message, { given: 0, wanted: 'at least one row', where });
    }
    return this.rounds(data, epochs, algorithm);
  }

  private *rounds(data: Dataset, epochs: number, algorithm: Algorithm): Generator<MixtureRecord, void> {
    const counts = data.storage.rowWeights?.subarray(data.firstRow, data.firstRow + data.rows);
    for (let epoch = 1; epoch <= epochs; epoch += 1) {
      // E step.
      const joint = this.joint(data);
      const logLikelihood = weightedMean(this.total(joint), counts);
      const responsibilities = this.normalised(joint);

      // M step.
      const columns = this.models.map((_, component) => this.column(responsibilities, component));
      this.shares = Float64Array.from(columns, (column) => weightedMean(column, counts));
      this.models.forEach((model, component) => {
        const weights = columns[component]!.map((share, row) => share * (counts?.[row] ?? 1));
        // A component that no row belongs to has nothing to learn from, and stays as it is.
        if (weights.every((weight) => weight === 0)) return;
        for (const _ of model.train(data.weighted(weights), algorithm));
      });
      yield { epoch, epochs, logLikelihood, weights: this.weights };
    }
  }

  private get first(): Model {
    return this.models[0]!;
  }

  /** `log π_k + log p_k(v)`, `[rows, components]`. */
  private joint(data: Dataset): Float64Array {
    const { models } = this;
    const logs = doubleLogarithms(this.first.engine.runtime, this.shares);
    const joint = new Float64Array(data.rows * models.length);
    models.forEach((model, component) => {
      model.logLikelihood(data).forEach((nats, row) => {
        joint[row * models.length + component] = nats + logs[component]!;
      });
    });
    return joint;
  }

  private total(joint: Float64Array): Float64Array {
    return logSumExps(this.first.engine.runtime, joint, this.models.length);
  }

  private normalised(joint: Float64Array): Float64Array {
    const { runtime } = this.first.engine;
    return withScratch(runtime, joint.length * 8, (scratch) => {
      scratch.doubles().set(joint);
      if (joint.length > 0) runtime.kernels.normaliseRows(scratch.handle, this.models.length);
      return new Float64Array(scratch.doubles().subarray(0, joint.length));
    });
  }

  private column(responsibilities: Float64Array, component: number): Float64Array {
    const components = this.models.length;
    return Float64Array.from(
      { length: responsibilities.length / components },
      (_, row) => responsibilities[row * components + component]!,
    );
  }

  /** The component that a uniform number falls to. */
  private chosenBy(uniform: number): number {
    let [sum, last] = [0, 0];
    for (const [component, share] of this.shares.entries()) {
      if (share > 0) last = component;
      sum += share;
      if (uniform < sum) return component;
    }
    return last;
  }
}

/**
 * A mixture of models over the same visible units, with mixing proportions in the ratios of `weights` (default all alike). Needs
 * what each question needs of every model: likelihoods of RBMs are exact for a side of at most 2^25 states. Throws
 * `OPTION_INVALID`, `GRAPH_UNSUITABLE`.
 */
export function mixture(models: readonly Model[], weights?: ArrayLike<number>): Mixture {
  const where = 'mixture()';
  const components = readModels(where, models, 1);
  const units = components.map(({ graph }) => layerOf(graph, visibleLayerOf(graph)).units);
  units.forEach((found, index) => {
    if (sameUnits(found, units[0]!)) return;
    const message = `The models of a mixture must share their visible units; model 0 has ${inWords(units[0]!)}, and model ${index} ${inWords(found)}.`;
    throw unsuitable(message, 'visible');
  });
  return new Mixture([...components], readShares(where, weights, components.length));
}

function readShares(where: string, weights: ArrayLike<number> | undefined, count: number): Float64Array {
  if (weights === undefined) return new Float64Array(count).fill(1 / count);
  const wanted = `a list of ${count} weights, one for each model`;
  if (typeof weights !== 'object' || weights === null || weights.length !== count) {
    const message = `\`weights\` must be ${wanted}; got ${describeValue(weights)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: weights, wanted, where: `${where}.weights` });
  }
  const read = Float64Array.from(weights, (weight, k) => {
    return finiteNumber(`${where}.weights`, String(k), weight, { atLeast: 0 });
  });
  const sum = read.reduce((total, weight) => total + weight, 0);
  if (sum > 0 && Number.isFinite(sum)) return read.map((weight) => weight / sum);
  const message = `The weights of a mixture must have a finite sum above 0; it is ${sum}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: sum, wanted: 'a sum above 0', where });
}

/** The mean of numbers that count as much as `counts`, or all alike. */
function weightedMean(values: Float64Array, counts: Float32Array | undefined): number {
  if (counts === undefined) return values.reduce((sum, value) => sum + value, 0) / values.length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return values.reduce((sum, value, row) => sum + value * counts[row]!, 0) / total;
}
