/**
 * Maximum likelihood by its exact gradient, for models small enough to enumerate (one side of at most 2^25
 * configurations): `ΔW = rate · (⟨v h⟩ of the data − ⟨v h⟩ of the model − cost · W)` over all rows at once. It is what
 * contrastive divergence approximates. An epoch is one update.
 *
 * - Gaussian layers count in natural states `u = v / σ`, as everywhere. Learned log-variances ζ ascend
 *   `½ ⟨(u − β)²⟩ − ½ Σ_j W_ij ⟨u_i h_j⟩` of the data less that of the model, with `β = b / σ`. Given the hidden units u is
 *   normal about `β + ΣWh` with variance 1, so the model's part is `½ − ½ β (⟨u⟩ − β)`, whatever the hidden units are.
 * - A row of counts has a model of its own for its length D, in which hidden biases are multiplied by D: the model's part
 *   is the mean over the rows' lengths, at the price of an enumeration for each length, and `∂/∂c` is of `D h`. An empty
 *   row says nothing.
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import { countedLayer, type Machine, machineOf } from '../graph/machines.js';
import { upwardDrives } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { refuseMissing, Source } from '../infer/source.js';
import { Enumeration, type Expectations } from '../likelihood/exact.js';
import { finiteNumber, freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { NormalisabilityGuard } from './guard.js';
import { biasFromData } from './initial-bias.js';
import { MachineUpdate } from './machine-update.js';
import { addActivity, epochRecord } from './monitors.js';
import { readSchedule, type Schedule, scheduled } from './schedule.js';
import { type Optimiser, readOptimiser, type TrainerOptions } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';
import type { Step } from './updates.js';
import { standardiseFromData, VarianceUpdates } from './variance.js';

/** What `exactGradient()` takes; everything has a default. */
export interface ExactGradientOptions {
  /** Updates, each over all rows, default 1,000. */
  readonly epochs?: number;
  /** Per case, above 0, default 0.1. */
  readonly learningRate?: Schedule;
  /** 0 to below 1, default 0. */
  readonly momentum?: Schedule;
  /** As in the stochastic trainers: `momentum` (default), `nesterov` or `adam`, or an object. */
  readonly optimiser?: TrainerOptions['optimiser'];
  /** L2 cost of the weights, default 0. */
  readonly weightCost?: number;
  /** L1 cost of the weights, default 0. */
  readonly l1Cost?: number;
  /**
   * What biases and learned variances of the layers that hold data or labels start from: what they are (`keep`, the default)
   * or the `data`, as in the stochastic trainers.
   */
  readonly initialBias?: 'data' | 'keep';
  /** A record is given every so many updates, and after the last; default 1,000. */
  readonly recordEvery?: number;
}

/** The exact gradient as plain data, complete. */
export interface ExactGradient extends Required<Omit<ExactGradientOptions, 'optimiser'>> {
  readonly type: 'exactGradient';
  readonly optimiser: Optimiser;
}

/** Ascends the exact gradient of the log-likelihood; throws `OPTION_INVALID`. */
export function exactGradient(options: ExactGradientOptions = {}): ExactGradient {
  const where = 'exactGradient()';
  refuseUnknown(where, options, [
    'epochs',
    'learningRate',
    'momentum',
    'optimiser',
    'weightCost',
    'l1Cost',
    'initialBias',
    'recordEvery',
  ]);
  return freezeDeep({
    type: 'exactGradient',
    epochs: integer(where, 'epochs', options.epochs ?? 1000, { atLeast: 1 }),
    learningRate: readSchedule(where, 'learningRate', options.learningRate ?? 0.1, { above: 0 }),
    momentum: readSchedule(where, 'momentum', options.momentum ?? 0, { atLeast: 0, below: 1 }),
    optimiser: readOptimiser(where, options.optimiser ?? 'momentum'),
    weightCost: finiteNumber(where, 'weightCost', options.weightCost ?? 0, { atLeast: 0 }),
    l1Cost: finiteNumber(where, 'l1Cost', options.l1Cost ?? 0, { atLeast: 0 }),
    initialBias: oneOf(where, 'initialBias', options.initialBias ?? 'keep', ['data', 'keep'] as const),
    recordEvery: integer(where, 'recordEvery', options.recordEvery ?? 1000, { atLeast: 1 }),
  });
}

/** Trains an RBM by the exact gradient; throws `GRAPH_UNSUITABLE` where it cannot be enumerated. */
export function* runExactGradient(training: Training, options: ExactGradient): TrainingLoop {
  const { parameters, data, seed, progress } = training;
  const { graph, runtime } = parameters;
  const machine = machineOf(graph, 'The exact gradient');
  const { rows } = data;
  standardiseFromData(training, 0);
  const passing = 'probabilities' as const;
  refuseMissing(data, 'The exact gradient');
  const source = training.own(new Source(parameters, data, 0, { seed, purpose: 'train', passing, rows, labels: true }));
  const upper = training.own(new LayerState(runtime, graph, machine.upper, rows, seed, 'train'));
  const enumeration = training.own(new Enumeration(parameters, 'The exact gradient'));
  const updates = training.own(new MachineUpdate(parameters, machine, rows, options.optimiser));
  const variances = training.own(new VarianceUpdates(parameters, machine, 1));
  const guard = NormalisabilityGuard.of(parameters, machine, rows);
  const order = training.own(runtime.allocate(rows * 4));
  const words = order.words();
  for (let row = 0; row < rows; row += 1) words[row] = data.firstRow + row;
  const given = rowsOf(data, countedLayer(graph, machine) !== undefined);
  if (progress.epoch === 0 && options.initialBias === 'data') biasFromData(training, 0);
  if (training.restored.size > 0) {
    updates.restore(training.restored);
    variances.restore(training.restored);
  }
  training.offer(() => new Map([...updates.tensors(), ...variances.tensors()]));

  let startedAt = performance.now();
  let seen = 0;
  while (progress.epoch < options.epochs) {
    // Data: hidden means given every row.
    source.read(order, 0, rows, 0);
    upper.infer(
      upwardDrives(parameters, machine, source.lowers),
      parameters.bias(upwardBiasName(graph, machine.upper)),
      { keep: 'means' },
    );
    const lowerValues = source.lowers.map((lower) => lower.values(runtime));
    const positive = dataAverages(lowerValues, upper.values(runtime), given);

    // Model: every configuration, weighted by its probability.
    if (progress.updates > 0) guard?.check(progress.updates);
    const negative = modelAverages(enumeration, given.lengthShares);

    // Update.
    const share = progress.epoch / options.epochs;
    const learningRate = scheduled(options.learningRate, progress.epoch, share);
    const momentum = scheduled(options.momentum, progress.epoch, share);
    const step = { learningRate, momentum, weightCost: options.weightCost, l1Cost: options.l1Cost };
    variances.applyGiven(varianceGradients(parameters, machine, positive, negative), step, progress.updates);
    applyGradient(parameters, machine, updates, positive, negative, step, progress.epoch + 1, progress.updates);
    progress.updates += 1;
    progress.epoch += 1;
    seen += rows;
    if (progress.epoch % options.recordEvery !== 0 && progress.epoch !== options.epochs) {
      yield;
      continue;
    }
    addActivity(training, upper);
    yield epochRecord(training, machine, 0, { epochs: options.epochs, learningRate, startedAt, rows: seen });
    startedAt = performance.now();
    seen = 0;
  }
}

/** What is known of the rows before they are seen. */
interface Rows {
  /** How much each row counts; they add up to 1. */
  readonly shares: Float64Array;
  /** What multiplies each row's hidden biases: the length of a row of counts, 1 for any other. */
  readonly lengths: Float64Array;
  /** How much the rows of each length that is not 0 count together. */
  readonly lengthShares: ReadonlyMap<number, number>;
}

function rowsOf(data: Dataset, counted: boolean): Rows {
  const { rows, firstRow, storage } = data;
  const weights = storage.rowWeights?.subarray(firstRow, firstRow + rows) ?? new Float32Array(rows).fill(1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = Float64Array.from(weights, (weight) => weight / total);
  const lengths = counted ? data.rowSums() : new Float64Array(rows).fill(1);
  const lengthShares = new Map<number, number>();
  lengths.forEach((length, row) => {
    if (length > 0) lengthShares.set(length, (lengthShares.get(length) ?? 0) + shares[row]!);
  });
  return { shares, lengths, lengthShares };
}

/** Averages over rows; of the upper units times what multiplies their biases, and of the lower units' squares too. */
interface DataAverages extends Expectations {
  readonly squares: Float64Array;
}

/** Averages over rows as much as they count, rows ascending, in f64; several lower layers stand side by side. */
function dataAverages(lowers: readonly Float32Array[], upper: Float32Array, { shares, lengths }: Rows): DataAverages {
  const rows = shares.length;
  const widths = lowers.map((values) => values.length / rows);
  const [below, above] = [widths.reduce((sum, width) => sum + width, 0), upper.length / rows];
  const averages = {
    pairs: new Float64Array(above * below),
    lower: new Float64Array(below),
    upper: new Float64Array(above),
    squares: new Float64Array(below),
  };
  for (let row = 0; row < rows; row += 1) {
    const v = lowers.flatMap((values, i) => Array.from(values.subarray(row * widths[i]!, (row + 1) * widths[i]!)));
    const h = upper.subarray(row * above, (row + 1) * above);
    const share = shares[row]!;
    for (let i = 0; i < below; i += 1) {
      averages.lower[i]! += v[i]! * share;
      averages.squares[i]! += v[i]! * v[i]! * share;
    }
    for (let j = 0; j < above; j += 1) {
      averages.upper[j]! += lengths[row]! * h[j]! * share;
      for (let i = 0; i < below; i += 1) averages.pairs[j * below + i]! += v[i]! * h[j]! * share;
    }
  }
  return averages;
}

/** The model's averages, a mean over the lengths of rows; of the upper units times what multiplies their biases. */
function modelAverages(enumeration: Enumeration, lengthShares: ReadonlyMap<number, number>): Expectations {
  const { lowerUnits, upperUnits } = enumeration;
  const averages = {
    pairs: new Float64Array(upperUnits * lowerUnits),
    lower: new Float64Array(lowerUnits),
    upper: new Float64Array(upperUnits),
  };
  const add = (to: Float64Array, from: Float64Array, factor: number) => {
    for (let place = 0; place < to.length; place += 1) to[place]! += factor * from[place]!;
  };
  for (const [length, share] of lengthShares) {
    const model = enumeration.expectations(length);
    add(averages.pairs, model.pairs, share);
    add(averages.lower, model.lower, share);
    add(averages.upper, model.upper, share * length);
  }
  return averages;
}

/** The gradients of learned log-variances, by layer. */
function varianceGradients(
  parameters: Parameters,
  machine: Machine,
  { squares, lower: means, pairs }: DataAverages,
  { lower: modelMeans }: Expectations,
): Map<string, Float64Array> {
  const gradients = new Map<string, Float64Array>();
  const below = means.length;
  let offset = 0;
  for (const connection of machine.connections) {
    const { lower } = connection;
    const units = unitsOf(parameters.graph, lower);
    const first = offset;
    offset += units;
    if (parameters.scaledLayer(lower)?.logVariance === undefined) continue;
    const weights = parameters.read(weightName(connection));
    const bias = parameters.bias(biasName(lower)).floats();
    const gradient = Float64Array.from({ length: units }, (_, unit) => {
      const [i, beta] = [first + unit, bias[unit]!];
      let products = 0;
      for (let j = 0; j * units < weights.length; j += 1)
        products += weights[j * units + unit]! * pairs[j * below + i]!;
      const ofData = 0.5 * (squares[i]! - 2 * beta * means[i]! + beta * beta - products);
      const ofModel = 0.5 * (1 - beta * (modelMeans[i]! - beta));
      return ofData - ofModel;
    });
    gradients.set(lower, gradient);
  }
  return gradients;
}

/** Steps every parameter of the machine by `positive − negative`. */
function applyGradient(
  { graph }: Parameters,
  machine: Machine,
  updates: MachineUpdate,
  positive: Expectations,
  negative: Expectations,
  step: Step,
  count: number,
  update: number,
): void {
  const below = positive.lower.length;
  const above = positive.upper.length;
  let offset = 0;
  const gradients = new Map<string, Float32Array>();
  for (const connection of machine.connections) {
    const units = unitsOf(graph, connection.lower);
    const gradient = new Float32Array(above * units);
    for (let place = 0; place < gradient.length; place += 1) {
      const pair = Math.floor(place / units) * below + offset + (place % units);
      gradient[place] = positive.pairs[pair]! - negative.pairs[pair]!;
    }
    gradients.set(weightName(connection), gradient);
    const lower = Float32Array.from({ length: units }, (_, unit) => {
      return positive.lower[offset + unit]! - negative.lower[offset + unit]!;
    });
    gradients.set(biasName(connection.lower), lower);
    offset += units;
  }
  const upper = positive.upper.map((value, unit) => value - negative.upper[unit]!);
  gradients.set(upwardBiasName(graph, machine.upper), Float32Array.from(upper));
  updates.applyGiven(gradients, step, count, update);
}
