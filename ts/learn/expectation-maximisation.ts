/**
 * Expectation maximisation of a mixture of Bernoullis (Dempster, Laird and Rubin 1977): the baseline of every likelihood.
 *
 * A mixture is a restricted Boltzmann machine whose hidden layer is one softmax group, a unit for each component k:
 * `W_ik = log μ_ik / (1 − μ_ik)`, `b = 0`, `c_k = log π_k + Σ_i log(1 − μ_ik)`, with log Z = 0. So its responsibilities are hidden
 * means, and free energies, likelihoods, samples and files are those of any such machine.
 *
 * For each iteration: responsibilities of every row (E step), then
 * `μ_ik = (Σ_r r_rk v_ri + s) / (Σ_r r_rk + 2 s)`, `π_k = (Σ_r r_rk + s) / (rows + s · components)` (M step), s the smoothing.
 */
import { biasName, type Graph, layerOf, unitsOf, unsuitable, weightName } from '../graph/graph.js';
import { type Machine, machineOf } from '../graph/machines.js';
import { inferUpper } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { type Passing, refuseMissing, Source } from '../infer/source.js';
import { seedWords } from '../noise.js';
import { finiteNumber, freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import { allocateVector, type Parameters } from '../parameters.js';
import { created, logarithms, readFloats, withFloats } from '../runtime/allocation.js';
import { addActivity, epochRecord } from './monitors.js';
import { weighRows } from './row-weights.js';
import { MAX_BATCH_ROWS } from './trainer-options.js';
import { drawOrder, type Training, type TrainingLoop } from './training.js';

/** What `expectationMaximisation()` takes; everything has a default. */
export interface ExpectationMaximisationOptions {
  /** Iterations over all rows, default 50. */
  readonly epochs?: number;
  /** Added to the counts of both values of every unit, above 0, default 1 (the mean of a Beta posterior). */
  readonly smoothing?: number;
  /** What stands for the data: the numbers as `probabilities`, or binary `states` (default) drawn anew at every iteration. */
  readonly data?: Passing;
  /** Rows that are worked on together, default 1,000; a matter of speed and memory. */
  readonly batchRows?: number;
}

/** Expectation maximisation as plain data, complete. */
export interface ExpectationMaximisation extends Required<ExpectationMaximisationOptions> {
  readonly type: 'expectationMaximisation';
}

/** Expectation maximisation with these options; throws `OPTION_INVALID`. */
export function expectationMaximisation(options: ExpectationMaximisationOptions = {}): ExpectationMaximisation {
  const where = 'expectationMaximisation()';
  refuseUnknown(where, options, ['epochs', 'smoothing', 'data', 'batchRows']);
  return freezeDeep({
    type: 'expectationMaximisation',
    epochs: integer(where, 'epochs', options.epochs ?? 50, { atLeast: 1 }),
    smoothing: finiteNumber(where, 'smoothing', options.smoothing ?? 1, { above: 0 }),
    data: oneOf(where, 'data', options.data ?? 'states', ['probabilities', 'states'] as const),
    batchRows: integer(where, 'batchRows', options.batchRows ?? 1000, { atLeast: 1, atMost: MAX_BATCH_ROWS }),
  });
}

/** Refuses a graph that is no mixture; throws `GRAPH_UNSUITABLE`. */
export function checkMixture(graph: Graph): void {
  const machine = machineOf(graph, 'Expectation maximisation');
  const hidden = layerOf(graph, machine.upper).units;
  const lowers = machine.connections.map(({ lower }) => layerOf(graph, lower).units);
  if (hidden.type !== 'softmax' || hidden.groups !== 1) {
    throw unsuitable(
      `Expectation maximisation needs one softmax group of hidden units, a unit for each component; the layer \`${machine.upper}\` has others.`,
      machine.upper,
    );
  }
  if (lowers.length !== 1 || lowers[0]!.type !== 'bernoulli') {
    throw unsuitable(
      'Expectation maximisation needs one layer of binary visible units.',
      machine.connections[0]!.lower,
    );
  }
}

/** Trains a mixture; a batch is some rows of the E step, an epoch ends with the M step. */
export function* runExpectationMaximisation(training: Training, options: ExpectationMaximisation): TrainingLoop {
  const { parameters, data, seed, progress } = training;
  const { graph, runtime } = parameters;
  const machine = machineOf(graph, 'Expectation maximisation');
  const connection = machine.connections[0]!;
  const [units, components] = [unitsOf(graph, connection.lower), unitsOf(graph, machine.upper)];
  const rows = Math.min(options.batchRows, data.rows);
  const batches = Math.ceil(data.rows / options.batchRows);
  const { data: passing } = options;
  refuseMissing(data, 'Expectation maximisation');
  const source = training.own(
    new Source(parameters, data, 0, { seed, purpose: 'train', passing, rows, labels: false }),
  );
  const upper = training.own(new LayerState(runtime, graph, machine.upper, rows, seed, 'train'));
  // The empty phase, and the pass over the weights that adds `Σ_r r_rk v_ri / rows` to what is in `sums`.
  const nothing = [source.lowers[0]!.name, machine.upper].map((name) => {
    const layer = training.own(new LayerState(runtime, graph, name, 1, seed, 'train'));
    layer.write(runtime, new Float32Array(unitsOf(graph, name)));
    layer.setRows(0);
    return layer;
  });
  const learner = training.own(created(runtime, 'sums', runtime.kernels.Learner.create(units, components, rows)));
  const sums = training.own(created(runtime, 'sums', runtime.kernels.Weights.create(units, components)));
  const column = training.own(allocateVector(runtime, components));
  const order = training.own(runtime.allocate(data.rows * 4));
  const counts = new Float32Array(components);
  const size = units * components;
  const readSums = () => readFloats(runtime, size, (out) => sums.read(out.handle));
  const writeSums = (values: Float32Array) => withFloats(runtime, values, (held) => sums.write(held.handle));
  const kept = training.restored.get('sums');
  if (kept !== undefined) {
    writeSums(kept);
    counts.set(training.restored.get('counts')!);
  }
  training.offer(
    () =>
      new Map([
        ['sums', readSums()],
        ['counts', counts.slice()],
      ]),
  );
  if (progress.epoch === 0 && progress.batch === 0) begin(training, machine, options.smoothing);

  while (progress.epoch < options.epochs) {
    const startedAt = performance.now();
    drawOrder(training, order, 0, progress.phase);
    while (progress.batch < batches) {
      const first = progress.batch * options.batchRows;
      const batchRows = Math.min(options.batchRows, data.rows - first);

      // E step of these rows.
      source.read(order, first, batchRows, progress.updates);
      inferUpper(parameters, machine, source.lowers, upper, { keep: 'means' });
      weighRows(training, order, first, batchRows, [...source.lowers, upper]);
      addActivity(training, upper);
      column.floats().fill(0);
      upper.activity.addColumnSums(false, column.handle);
      for (let k = 0; k < components; k += 1) counts[k]! += column.floats()[k]! / data.rows;
      const step = runtime.kernels.Step.momentum(batchRows / data.rows, 0, 0, 0, 0, false);
      const lower = source.lowers[0]!;
      const [noLower, noUpper] = nothing as [LayerState, LayerState];
      learner.learn(sums, lower.activity, true, upper.activity, noLower.activity, true, noUpper.activity, step);
      step.free();
      progress.batch += 1;
      if (progress.batch < batches) yield;
    }
    // M step.
    maximise(parameters, machine, readSums(), counts, options.smoothing / data.rows);
    writeSums(new Float32Array(size));
    counts.fill(0);
    progress.updates += 1;
    progress.epoch += 1;
    progress.batch = 0;
    yield epochRecord(training, machine, 0, { epochs: options.epochs, learningRate: 1, startedAt, rows: data.rows });
  }
}

/** Components begin near rows drawn from the data: `μ = 0.25 · row + 0.7 · mean + 0.02`. */
function begin(training: Training, machine: Machine, smoothing: number): void {
  const { parameters, data, seed } = training;
  const { runtime, graph } = parameters;
  const components = unitsOf(graph, machine.upper);
  const [low, high] = seedWords(seed);
  const order = runtime.allocate(data.rows * 4);
  runtime.kernels.permutation(low, high, 0xffff_ffff, 0, order.handle);
  const chosen = Array.from({ length: components }, (_, k) => order.words()[k % data.rows]!);
  order.free();
  const mean = data.columnMeans();
  const shares = new Float32Array(components).fill(1 / components);
  const sums = new Float32Array(components * mean.length);
  chosen.forEach((row, k) => {
    const values = data.view(row, 1).values();
    mean.forEach((average, unit) => {
      sums[k * mean.length + unit] = shares[k]! * (0.25 * values[unit]! + 0.7 * average + 0.02);
    });
  });
  maximise(parameters, machine, sums, shares, smoothing / data.rows);
}

/** Sets the parameters from `Σ_r r_rk v_ri / rows`, `[components, units]`, and `Σ_r r_rk / rows`; the smoothing is by row too. */
function maximise(
  parameters: Parameters,
  machine: Machine,
  sums: Float32Array,
  counts: Float32Array,
  smoothing: number,
): void {
  const { runtime, graph } = parameters;
  const connection = machine.connections[0]!;
  const units = unitsOf(graph, connection.lower);
  const components = counts.length;
  const odds = new Float32Array(sums.length);
  const off = new Float32Array(sums.length);
  let total = 0;
  for (const count of counts) total += count;
  const shares = Float32Array.from(counts, (count) => (count + smoothing) / (total + smoothing * components));
  for (let place = 0; place < sums.length; place += 1) {
    const count = counts[Math.floor(place / units)]!;
    const mean = (sums[place]! + smoothing) / (count + 2 * smoothing);
    const inside = Math.min(Math.max(mean, 1e-6), 1 - 1e-6);
    odds[place] = inside / (1 - inside);
    off[place] = 1 - inside;
  }
  const [logOff, logShares] = [logarithms(runtime, off), logarithms(runtime, shares)];
  const bias = logShares.map((share, k) => {
    let sum = share;
    for (let unit = 0; unit < units; unit += 1) sum += logOff[k * units + unit]!;
    return sum;
  });
  parameters.write(weightName(connection), logarithms(runtime, odds));
  parameters.write(biasName(machine.upper), bias);
  parameters.write(biasName(connection.lower), new Float32Array(units));
}
