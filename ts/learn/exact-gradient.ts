/**
 * Maximum likelihood by its exact gradient, for models small enough to enumerate (one side of at most 2^25
 * configurations): `ΔW = rate · (⟨v h⟩ of the data − ⟨v h⟩ of the model − cost · W)` over all rows at once. It is what
 * contrastive divergence approximates. An epoch is one update.
 */
import { biasName, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import { type Machine, machineOf, refuseCounts } from '../graph/machines.js';
import { upwardDrives } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { refuseMissing, Source } from '../infer/source.js';
import { Enumeration } from '../likelihood/exact.js';
import { finiteNumber, freezeDeep, integer, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { MachineUpdate } from './machine-update.js';
import { addActivity, epochRecord } from './monitors.js';
import { readSchedule, type Schedule, scheduled } from './schedule.js';
import { type Optimiser, readOptimiser, type TrainerOptions } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';
import type { Step } from './updates.js';
import { refuseLearnedVariances, standardiseFromData } from './variance.js';

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
    recordEvery: integer(where, 'recordEvery', options.recordEvery ?? 1000, { atLeast: 1 }),
  });
}

/** Averages over rows or configurations: pairs `[upper, lower]`, lower and upper units. */
interface Averages {
  readonly pairs: Float64Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/** Trains an RBM by the exact gradient. */
export function* runExactGradient(training: Training, options: ExactGradient): TrainingLoop {
  const { parameters, data, seed, progress } = training;
  const { graph, runtime } = parameters;
  const machine = machineOf(graph, 'The exact gradient');
  const { rows } = data;
  refuseLearnedVariances(parameters, machine, 'The exact gradient');
  refuseCounts(graph, machine, 'The exact gradient needs rows of one length');
  standardiseFromData(training, 0);
  const passing = 'probabilities' as const;
  refuseMissing(data, 'The exact gradient');
  const source = training.own(new Source(parameters, data, 0, { seed, purpose: 'train', passing, rows, labels: true }));
  const upper = training.own(new LayerState(runtime, graph, machine.upper, rows, seed, 'train'));
  const enumeration = training.own(new Enumeration(parameters, 'The exact gradient'));
  const updates = training.own(new MachineUpdate(parameters, machine, rows, options.optimiser));
  const order = training.own(runtime.allocate(rows * 4));
  const words = order.words();
  for (let row = 0; row < rows; row += 1) words[row] = data.firstRow + row;
  if (training.restored.size > 0) updates.restore(training.restored);
  training.offer(() => updates.tensors());

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
    const upperValues = upper.values(runtime);
    const given = dataAverages(lowerValues, upperValues, rows, data.storage.rowWeights?.subarray(data.firstRow));

    // Model: every configuration, weighted by its probability.
    const model = enumeration.expectations();

    // Update.
    const share = progress.epoch / options.epochs;
    const learningRate = scheduled(options.learningRate, progress.epoch, share);
    const momentum = scheduled(options.momentum, progress.epoch, share);
    const step = { learningRate, momentum, weightCost: options.weightCost, l1Cost: options.l1Cost };
    applyGradient(parameters, machine, updates, given, model, step, progress.epoch + 1, progress.updates);
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

/** Averages over rows as much as they count, rows ascending, in f64; several lower layers stand side by side. */
function dataAverages(
  lowers: readonly Float32Array[],
  upper: Float32Array,
  rows: number,
  rowWeights: Float32Array | undefined,
): Averages {
  const widths = lowers.map((values) => values.length / rows);
  const [below, above] = [widths.reduce((sum, width) => sum + width, 0), upper.length / rows];
  const averages = {
    pairs: new Float64Array(above * below),
    lower: new Float64Array(below),
    upper: new Float64Array(above),
  };
  for (let row = 0; row < rows; row += 1) {
    const v = lowers.flatMap((values, i) => Array.from(values.subarray(row * widths[i]!, (row + 1) * widths[i]!)));
    const h = upper.subarray(row * above, (row + 1) * above);
    const share = (rowWeights?.[row] ?? 1) / rows;
    for (let i = 0; i < below; i += 1) averages.lower[i]! += v[i]! * share;
    for (let j = 0; j < above; j += 1) {
      averages.upper[j]! += h[j]! * share;
      for (let i = 0; i < below; i += 1) averages.pairs[j * below + i]! += v[i]! * h[j]! * share;
    }
  }
  return averages;
}

/** Steps every parameter of the machine by `positive − negative`. */
function applyGradient(
  { graph }: Parameters,
  machine: Machine,
  updates: MachineUpdate,
  positive: Averages,
  negative: Averages,
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
