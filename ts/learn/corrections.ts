/**
 * Gradients that are not the plain difference of two phases: centring and sparsity. Both are corrections of rank one to
 * the weights' statistic, so that the kernels' pass over the weights stays as it is.
 *
 * Centred (Melchior, Fischer and Wiskott 2016, in the parameters of the ordinary machine), with offsets μ of lower and λ of
 * upper units: `∇W = ⟨(v − μ)(h − λ)⟩ of the data − ⟨·⟩ of the model`, `∇b = ⟨v⟩ − ⟨v⟩ − ∇W λ`, `∇c = ⟨h⟩ − ⟨h⟩ − ∇Wᵀ μ`.
 * The offsets are running means over batches: of the data and of the hidden means given it. A layer that several connections
 * join feels the sum of what they send to its biases (Montavon and Müller 2012, for deep Boltzmann machines).
 *
 * Sparsity (Hinton 2010, section 11): total inputs of upper unit j feel `s_j = cost · (target − q_j)`, q the running mean of
 * its activity: `∇c_j += s_j`, `∇W_ij += ⟨v_i⟩ s_j` for the connections from below.
 *
 * Counts (Salakhutdinov and Hinton, "Replicated softmax", 2009): a document of D words has hidden biases `D c`, so that
 * `∇c = ⟨D h⟩ − ⟨D h⟩`. Rows count as D over its mean, which keeps the rate that of the weights: the direction, and where it
 * is zero, are those of the likelihood.
 */
import type { Dataset } from '../data/dataset.js';
import { type Connection, unitsOf } from '../graph/graph.js';
import { countedLayer, refuseCounts } from '../graph/machines.js';
import type { LayerState } from '../infer/layer-state.js';
import { allocateVector, type Parameters } from '../parameters.js';
import type { Corrections } from './machine-update.js';
import type { CompleteTrainerOptions } from './trainer-options.js';
import type { Sides } from './updates.js';

type Options = Pick<CompleteTrainerOptions, 'centring' | 'sparsity'>;
type Vector = Float32Array<ArrayBuffer>;

/** Computes the corrections of each batch; keeps running means. */
export class GradientCorrections {
  /** By the name of the layer, for centring. */
  private readonly offsets = new Map<string, Vector>();
  /** By the name of the upper layer, for sparsity. */
  private readonly activities = new Map<string, Vector>();
  private readonly uppers: readonly string[];

  private constructor(
    private readonly parameters: Parameters,
    private readonly connections: readonly Connection[],
    private readonly options: Options,
    /** The layer whose rows are counts, where there is one, and the mean of their lengths. */
    private readonly counts: { readonly layer: string; readonly meanLength: number } | undefined,
  ) {
    this.uppers = [...new Set(connections.map(({ upper }) => upper))];
  }

  /** What computes the corrections, or `undefined` where neither options nor units ask for any; a lower layer has one connection upward. */
  static of(
    parameters: Parameters,
    connections: readonly Connection[],
    options: Options,
    data: Dataset,
  ): GradientCorrections | undefined {
    const { graph } = parameters;
    const layer = countedLayer(graph, { connections });
    if (options.centring === null && options.sparsity === null && layer === undefined) return undefined;
    if (options.centring !== null) refuseCounts(graph, { connections }, 'Centring does not know document lengths');
    const counts = layer === undefined ? undefined : { layer, meanLength: mean(data.rowSums()) };
    return new GradientCorrections(parameters, connections, options, counts);
  }

  /** The corrections of one batch. */
  of(positive: Sides, negative: Sides): Corrections {
    const { connections, options } = this;
    const [[first]] = [...positive.values()] as [[LayerState, boolean]];
    const { rows } = first.activity;
    if (options.centring === null && options.sparsity === null) return this.ofCounts(positive, negative, rows);
    const sums = { positive: this.sums(positive), negative: this.sums(negative) };
    const difference = new Map<string, Vector>();
    for (const [name, sum] of sums.positive) difference.set(name, subtract(sum, sums.negative.get(name)!));
    const weights = new Map<string, [Vector, Vector][]>(connections.map(({ lower }) => [lower, []]));
    const biases = difference;
    if (options.centring !== null) this.centre(positive, negative, sums.positive, difference, weights, rows);
    if (options.sparsity !== null) this.addSparsity(sums.positive, weights, biases, rows);
    for (const gradient of biases.values()) scaleBy(gradient, 1 / rows);
    return { weights, biases };
  }

  /** The upper layers' biases alone, where nothing but document lengths changes the gradient. */
  private ofCounts(positive: Sides, negative: Sides, rows: number): Corrections {
    const biases = this.uppers.map((upper): [string, Vector] => {
      const gradient = subtract(this.sumsOf(positive, upper), this.sumsOf(negative, upper));
      scaleBy(gradient, 1 / rows);
      return [upper, gradient];
    });
    return { weights: new Map(), biases: new Map(biases) };
  }

  /** Sums over cases of every layer's units. */
  private sums(phase: Sides): Map<string, Vector> {
    const sums = new Map<string, Vector>();
    for (const name of phase.keys()) sums.set(name, this.sumsOf(phase, name));
    return sums;
  }

  /** Sums over cases of a layer's units; above a layer of counts each case as often as its document is long. */
  private sumsOf(phase: Sides, name: string): Vector {
    const [layer, states] = phase.get(name)!;
    if (this.counts === undefined || !this.uppers.includes(name)) return this.columnSums(layer, states);
    const [counted, listed] = phase.get(this.counts.layer)!;
    const lengths = this.dots(counted, listed, new Float32Array(counted.activity.units).fill(1));
    const { meanLength } = this.counts;
    const factors = lengths.map((length) => length / meanLength);
    return this.columnSums(layer, states, factors);
  }

  private columnSums(layer: LayerState, states: boolean, factors?: Float64Array): Vector {
    const { runtime, graph } = this.parameters;
    const units = unitsOf(graph, layer.name);
    const out = allocateVector(runtime, units);
    const list = layer.reads(states);
    if (factors === undefined) layer.activity.addColumnSums(list, out.handle);
    else {
      const buffer = runtime.allocate(Math.max(4, factors.length * 4));
      buffer.floats().set(factors);
      layer.activity.addWeighedColumnSums(list, buffer.handle, out.handle);
      buffer.free();
    }
    const sums = new Float32Array(out.floats().subarray(0, units));
    out.free();
    return sums;
  }

  private centre(
    positive: Sides,
    negative: Sides,
    data: Map<string, Vector>,
    difference: Map<string, Vector>,
    weights: Map<string, [Vector, Vector][]>,
    rows: number,
  ): void {
    for (const [name, sum] of data) this.moveOffset(name, sum, rows);
    // Σ over cases of (v − μ)((h − λ)·λ) and of (h − λ)((v − μ)·μ): what ∇W sends to the biases.
    const plain = new Map([...difference].map(([name, sum]) => [name, sum.slice()]));
    for (const [sign, phase] of [
      [-1, positive],
      [1, negative],
    ] as const) {
      for (const { lower, upper } of this.connections) {
        this.addProjection(sign, phase, upper, lower, difference);
        this.addProjection(sign, phase, lower, upper, difference);
      }
    }
    for (const { lower, upper } of this.connections) {
      const [mean, offset] = [this.offsets.get(lower)!, this.offsets.get(upper)!];
      const minus = (vector: Vector) => vector.map((x) => -x);
      weights.get(lower)!.push([mean, minus(plain.get(upper)!)], [minus(plain.get(lower)!), offset]);
    }
  }

  /** `difference[target] += sign · Σ_r (t_r − offset) ((s_r − offset)·offset)` for source s and target t. */
  private addProjection(sign: number, phase: Sides, from: string, to: string, difference: Map<string, Vector>): void {
    const [source, sourceStates] = phase.get(from)!;
    const [target, targetStates] = phase.get(to)!;
    const factors = this.projections(source, sourceStates);
    let total = 0;
    for (const [row, factor] of factors.entries()) total += factor * source.rowWeight(row);
    const sums = this.columnSums(target, targetStates, factors);
    const offset = this.offsets.get(to)!;
    const gradient = difference.get(to)!;
    for (let unit = 0; unit < gradient.length; unit += 1) {
      gradient[unit]! += sign * (sums[unit]! - total * offset[unit]!);
    }
  }

  /** `(s_r − offset)·offset` of each row. */
  private projections(layer: LayerState, states: boolean): Float64Array {
    const offset = this.offsets.get(layer.name)!;
    let square = 0;
    for (const x of offset) square += x * x;
    return this.dots(layer, states, offset).map((dot) => dot - square);
  }

  /** `s_r · vector` of each row. */
  private dots(layer: LayerState, states: boolean, values: Vector): Float64Array {
    const { runtime } = this.parameters;
    const vector = allocateVector(runtime, values.length);
    vector.floats().set(values);
    const out = runtime.allocate(Math.max(8, layer.activity.rows * 8));
    layer.activity.addDots(layer.reads(states), vector.handle, out.handle);
    const dots = out.doubles().slice(0, layer.activity.rows);
    vector.free();
    out.free();
    return dots;
  }

  private moveOffset(name: string, sum: Vector, rows: number): void {
    const { rate } = this.options.centring!;
    const known = this.offsets.get(name);
    const mean = sum.map((x) => x / rows);
    this.offsets.set(name, known === undefined ? mean : known.map((x, unit) => x + rate * (mean[unit]! - x)));
  }

  private addSparsity(
    data: Map<string, Vector>,
    weights: Map<string, [Vector, Vector][]>,
    biases: Map<string, Vector>,
    rows: number,
  ): void {
    const { target, cost, decay } = this.options.sparsity!;
    for (const upper of this.uppers) {
      const mean = data.get(upper)!.map((x) => x / rows);
      const activity = this.activities.get(upper)?.map((q, unit) => decay * q + (1 - decay) * mean[unit]!) ?? mean;
      this.activities.set(upper, activity);
      const push = activity.map((q) => cost * (target - q));
      const gradient = biases.get(upper)!;
      for (let unit = 0; unit < push.length; unit += 1) gradient[unit]! += rows * push[unit]!;
      for (const connection of this.connections) {
        if (connection.upper === upper) weights.get(connection.lower)!.push([data.get(connection.lower)!, push]);
      }
    }
  }

  /** The name under which a checkpoint keeps the running activity of an upper layer. */
  private activityName(upper: string): string {
    return this.uppers.length === 1 ? 'activity' : `activity.${upper}`;
  }

  /** Running means, for a checkpoint. */
  tensors(): Map<string, Float32Array> {
    const tensors = new Map<string, Float32Array>();
    for (const [name, offset] of this.offsets) tensors.set(`offset.${name}`, offset);
    for (const [upper, activity] of this.activities) tensors.set(this.activityName(upper), activity);
    return tensors;
  }

  /** Takes the running means of a checkpoint. */
  restore(tensors: ReadonlyMap<string, Float32Array>): void {
    for (const name of new Set(this.connections.flatMap(({ lower, upper }) => [lower, upper]))) {
      const offset = tensors.get(`offset.${name}`);
      if (offset !== undefined) this.offsets.set(name, new Float32Array(offset));
    }
    for (const upper of this.uppers) {
      const activity = tensors.get(this.activityName(upper));
      if (activity !== undefined) this.activities.set(upper, new Float32Array(activity));
    }
  }
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function subtract(a: Vector, b: Vector): Vector {
  return a.map((x, unit) => x - b[unit]!);
}

function scaleBy(vector: Vector, factor: number): void {
  for (let unit = 0; unit < vector.length; unit += 1) vector[unit]! *= factor;
}
