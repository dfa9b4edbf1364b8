/**
 * A Gaussian layer of standard deviations other than 1, between its parameters and the kernels, which know only layers of
 * deviation 1: they work in `u = v / σ` with the natural bias `β = b / σ`, and where data are standardised `v` itself is
 * `(x − mean) / deviation` of the rows x as given.
 *
 * Trainers ascend β, as they do any bias: `parameters.bias()` gives its buffer. What is kept, read and written is b. After
 * a step b moves by `σ · Δβ`, and β is derived from b anew, so that a model read back from a file goes on to the same
 * bits. That happens whenever the bias is asked for, so a trainer must ask at least once between two updates.
 */
import type { Dataset } from './data/dataset.js';
import type { LayerState } from './infer/layer-state.js';
import { created } from './runtime/allocation.js';
import type { EngineBuffer } from './runtime/memory.js';
import type { Runtime } from './runtime/runtime.js';
import type { Deviation } from './units/unit.js';

/** The vectors of a layer's parameters; those that it does not have as parameters are constant. */
export interface ScaledVectors {
  readonly bias: EngineBuffer;
  readonly logVariance: EngineBuffer | undefined;
  readonly dataMean: EngineBuffer | undefined;
  readonly dataDeviation: EngineBuffer | undefined;
}

export class ScaledLayer {
  /** Standard deviations of the rows as given, and their inverses. */
  readonly deviation: EngineBuffer;
  private readonly inverse: EngineBuffer;
  private readonly sigma: EngineBuffer;
  private readonly inverseSigma: EngineBuffer;
  private readonly natural: EngineBuffer;
  private readonly zeros: EngineBuffer;
  private readonly ones: EngineBuffer;
  private readonly owned: EngineBuffer[] = [];
  /** β as it was derived last: what differs from it is a trainer's step. */
  private derived: Float32Array;

  constructor(
    private readonly runtime: Runtime,
    private readonly units: number,
    readonly options: Deviation,
    private readonly vectors: ScaledVectors,
  ) {
    const vector = () => {
      const buffer = runtime.allocate(runtime.kernels.paddedUnits(units) * 4);
      this.owned.push(buffer);
      return buffer;
    };
    [this.deviation, this.inverse, this.sigma, this.inverseSigma] = [vector(), vector(), vector(), vector()];
    [this.natural, this.zeros, this.ones] = [vector(), vector(), vector()];
    this.ones.floats().fill(1);
    this.derived = new Float32Array(units);
    this.refresh();
  }

  /** Log-variances, where they are learned. */
  get logVariance(): EngineBuffer | undefined {
    return this.vectors.logVariance;
  }

  /** The natural bias β. Whoever writes into it makes a step of the bias. */
  naturalBias(): EngineBuffer {
    this.takeSteps();
    return this.natural;
  }

  /** Moves b by what has been added to β since it was derived, and derives β anew. */
  takeSteps(): void {
    const natural = this.natural.floats();
    const bias = this.vectors.bias.floats();
    const sigma = this.sigma.floats();
    let moved = false;
    for (let unit = 0; unit < this.units; unit += 1) {
      const step = natural[unit]! - this.derived[unit]!;
      if (step === 0) continue;
      bias[unit]! += sigma[unit]! * step;
      moved = true;
    }
    if (moved) this.derive();
  }

  /** Whether every standard deviation, and the inverse of each, is a number that is finite. */
  hasFiniteDeviations(): boolean {
    const vectors = [this.sigma, this.inverseSigma];
    return vectors.every((vector) => vector.floats().subarray(0, this.units).every(Number.isFinite));
  }

  /** Derives everything from the parameters, after one of them was written. */
  refresh(): void {
    const { kernels } = this.runtime;
    const logVariance = (this.vectors.logVariance ?? this.zeros).handle;
    const scale = (this.vectors.dataDeviation ?? this.ones).handle;
    kernels.deviations(this.units, logVariance, this.ones.handle, this.sigma.handle, this.inverseSigma.handle);
    kernels.deviations(this.units, logVariance, scale, this.deviation.handle, this.inverse.handle);
    this.derive();
  }

  private derive(): void {
    const { natural, vectors, inverseSigma } = this;
    this.runtime.kernels.multiplyVectors(vectors.bias.handle, inverseSigma.handle, natural.handle);
    this.derived = new Float32Array(natural.floats().subarray(0, this.units));
  }

  /** Rows as given become states of the layer. */
  takeIn(layer: LayerState): void {
    const shift = (this.vectors.dataMean ?? this.zeros).handle;
    created(this.runtime, 'a batch', layer.activity.shiftAndScale(shift, this.inverse.handle) || undefined);
  }

  /** States or means of the layer, `[rows, units]`, become rows as given, in place. */
  giveOut(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    const mean = (this.vectors.dataMean ?? this.zeros).floats();
    const deviation = this.deviation.floats();
    for (let place = 0; place < values.length; place += 1) {
      const unit = place % this.units;
      values[place] = values[place]! * deviation[unit]! + mean[unit]!;
    }
    return values;
  }

  /** Copies of what rows as given are shifted and divided by. */
  shiftAndScale(): { readonly mean: Float32Array; readonly deviation: Float32Array } {
    const [mean, deviation] = [this.vectors.dataMean ?? this.zeros, this.deviation].map((vector) => {
      return vector.floats().slice(0, this.units);
    });
    return { mean: mean!, deviation: deviation! };
  }

  /** Takes means and deviations of the columns of training rows, where the layer standardises; constant columns have 1. */
  standardise(data: Dataset): void {
    const { dataMean, dataDeviation } = this.vectors;
    if (dataMean === undefined || dataDeviation === undefined) return;
    dataMean.floats().set(data.columnMeans());
    const usable = (deviation: number) => (Math.fround(deviation) > 0 ? deviation : 1);
    dataDeviation.floats().set(data.columnDeviations().map(usable));
    this.refresh();
  }

  /** Starts learned variances at those of the columns, and the biases at their means. */
  startFromData(data: Dataset): void {
    const { bias, logVariance, dataMean, dataDeviation } = this.vectors;
    const scale = dataDeviation?.floats() ?? this.ones.floats();
    const mean = dataMean?.floats() ?? this.zeros.floats();
    const means = data.columnMeans().map((value, unit) => (value - mean[unit]!) / scale[unit]!);
    bias.floats().set(means);
    if (logVariance !== undefined) {
      const deviations = data.columnDeviations().map((deviation, unit) => deviation / scale[unit]!);
      const variances = deviations.map((deviation) => deviation * deviation);
      const { logOf } = this.runtime.kernels;
      logVariance.floats().set(variances.map((variance) => logOf(Math.max(variance, this.options.floor))));
    }
    this.refresh();
  }

  free(): void {
    for (const buffer of this.owned) buffer.free();
  }
}
