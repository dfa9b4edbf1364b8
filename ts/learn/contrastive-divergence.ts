/**
 * Contrastive divergence, CD-k (Hinton, "Training products of experts by minimizing contrastive divergence", 2002; the
 * choices and defaults of his "A practical guide to training restricted Boltzmann machines", 2010).
 *
 * For each batch:
 * 1. positive phase: hidden means and states given the data;
 * 2. negative phase: k times visible given hidden, hidden given visible;
 * 3. `ΔW = rate · (⟨v h⟩ of the data − ⟨v h⟩ of the reconstruction − cost · W)`, with momentum; biases likewise.
 */

import { WakesleepError } from '../errors.js';
import { biasName, layerOf, unitsOf, upwardBiasName } from '../graph/graph.js';
import { refuseCounts, stackOf } from '../graph/machines.js';
import { downwardDrive, upwardDrives } from '../infer/drives.js';
import { LayerState, type Settling } from '../infer/layer-state.js';
import { type Passing, Source } from '../infer/source.js';
import { finiteNumber, freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import { withScratch } from '../runtime/allocation.js';
import { unitType } from '../units/index.js';
import { MachineUpdate, type Phase } from './machine-update.js';
import { addActivity, addReconstruction, epochRecord, isMeasured } from './monitors.js';
import { readSchedule, type Schedule, scheduled } from './schedule.js';
import { drawOrder, type Training, type TrainingLoop } from './training.js';
import { standardiseFromData, VarianceUpdates } from './variance.js';

/** What `contrastiveDivergence()` takes; everything has a default. */
export interface ContrastiveDivergenceOptions {
  /** Full Gibbs steps of the negative phase, default 1. */
  readonly gibbsSteps?: number;
  /** Times that every row is seen, default 10. */
  readonly epochs?: number;
  /** Rows of a batch, 1 to 21,845, default 100 (Hinton 2010 advises 10 to 100). */
  readonly batchRows?: number;
  /** Per case, above 0, default 0.05. */
  readonly learningRate?: Schedule;
  /** 0 to below 1, default 0.5 and from the sixth epoch 0.9 (Hinton 2010, section 9). */
  readonly momentum?: Schedule;
  /** L2 cost of the weights, default 0.0002 (Hinton 2010, section 10); never of biases. */
  readonly weightCost?: number;
  /**
   * What stands for the data in the lowest layer, and what lower machines pass up: the numbers as probabilities and
   * means, or binary states drawn anew at every presentation. Default `probabilities`.
   */
  readonly data?: Passing;
  /** What the last reconstruction is: `probabilities` (default) or drawn `states`. Earlier ones are always drawn. */
  readonly reconstruction?: Passing;
  /** What hidden units count as in the statistics: `probabilities` (default) or drawn `states`. */
  readonly statistics?: Passing;
  /**
   * Where the negative phase starts: at the `data` of the batch (default), or where the last update left it
   * (`persistent`; Tieleman 2008), which removes modes far from the data. One chain for each row of a batch; they start
   * at the first batch, their states are drawn at every step, and a checkpoint keeps them.
   */
  readonly chains?: 'data' | 'persistent';
  /**
   * Biases that the layers holding data or labels start from when the machine's training begins: `data`, the log-odds
   * of each unit's mean, clipped to ±4 (default; Hinton 2010, section 8), or `keep`, what they are.
   */
  readonly initialBias?: 'data' | 'keep';
}

/** Contrastive divergence as plain data, complete. */
export interface ContrastiveDivergence extends Required<ContrastiveDivergenceOptions> {
  readonly type: 'contrastiveDivergence';
}

/** A batch has at most this many rows: case numbers and kinds of terms share 16 bits in the kernels. */
const MAX_BATCH_ROWS = 21_845;

const names = [
  'gibbsSteps',
  'epochs',
  'batchRows',
  'learningRate',
  'momentum',
  'weightCost',
  'data',
  'reconstruction',
  'statistics',
  'chains',
  'initialBias',
];

/** Contrastive divergence with these options; throws `OPTION_INVALID`. */
export function contrastiveDivergence(options: ContrastiveDivergenceOptions = {}): ContrastiveDivergence {
  const where = 'contrastiveDivergence()';
  refuseUnknown(where, options, names);
  const passing = ['probabilities', 'states'] as const;
  return freezeDeep({
    type: 'contrastiveDivergence',
    gibbsSteps: integer(where, 'gibbsSteps', options.gibbsSteps ?? 1, { atLeast: 1, atMost: 65_000 }),
    epochs: integer(where, 'epochs', options.epochs ?? 10, { atLeast: 1 }),
    batchRows: integer(where, 'batchRows', options.batchRows ?? 100, { atLeast: 1, atMost: MAX_BATCH_ROWS }),
    learningRate: readSchedule(where, 'learningRate', options.learningRate ?? 0.05, { above: 0 }),
    momentum: readSchedule(
      where,
      'momentum',
      options.momentum ?? {
        steps: [
          [0, 0.5],
          [5, 0.9],
        ],
      },
      { atLeast: 0, below: 1 },
    ),
    weightCost: finiteNumber(where, 'weightCost', options.weightCost ?? 2e-4, { atLeast: 0 }),
    data: oneOf(where, 'data', options.data ?? 'probabilities', passing),
    reconstruction: oneOf(where, 'reconstruction', options.reconstruction ?? 'probabilities', passing),
    statistics: oneOf(where, 'statistics', options.statistics ?? 'probabilities', passing),
    chains: oneOf(where, 'chains', options.chains ?? 'data', ['data', 'persistent']),
    initialBias: oneOf(where, 'initialBias', options.initialBias ?? 'data', ['data', 'keep']),
  });
}

/** The name under which a checkpoint keeps the hidden states of persistent chains. */
const CHAINS = 'chains';

/** Trains the machine of index `depth` of a stack; the page of the paper, top to bottom. */
export function* runContrastiveDivergence(
  training: Training,
  depth: number,
  options: ContrastiveDivergence,
): TrainingLoop {
  const { parameters, data, seed, progress } = training;
  const { graph, runtime } = parameters;
  const machine = stackOf(graph).machines[depth]!;
  const batches = Math.ceil(data.rows / options.batchRows);
  if (batches === 0)
    throw new WakesleepError('DATA_INVALID', 'There are no rows to train on.', { wanted: 'at least one row' });
  const rows = Math.min(options.batchRows, data.rows);
  const layer = (name: string) => training.own(new LayerState(runtime, graph, name, rows, seed, 'train'));
  const passing = options.data;
  const source = training.own(
    new Source(parameters, data, depth, { seed, purpose: 'train', passing, rows, labels: true }),
  );
  const reconstruction = machine.connections.map((connection) => layer(connection.lower));
  const [h0, h1] = [layer(machine.upper), layer(machine.upper)];
  const upperBias = parameters.bias(upwardBiasName(graph, machine.upper));
  const kept = options.statistics === 'states' ? 'states' : 'means';
  const updates = training.own(new MachineUpdate(parameters, machine, rows));
  const variances = training.own(new VarianceUpdates(parameters, machine, rows));
  const order = training.own(runtime.allocate(data.rows * 4));

  standardiseFromData(training, depth);
  if (progress.epoch === 0 && progress.batch === 0 && options.initialBias === 'data') biasFromData(training, depth);
  const persistent = options.chains === 'persistent';
  // A chain of counts would have to keep how many words its document has, which checkpoints do not hold.
  if (persistent) refuseCounts(graph, machine, 'Persistent chains have no document lengths');
  let chainsRun = false;
  if (training.restored.size > 0) {
    updates.restore(training.restored);
    variances.restore(training.restored);
    const chains = training.restored.get(CHAINS);
    if (persistent && chains !== undefined) {
      h1.setRows(rows);
      h1.write(runtime, chains);
      chainsRun = true;
    }
  }
  training.offer(() => {
    const tensors = new Map([...updates.tensors(), ...variances.tensors()]);
    if (chainsRun) tensors.set(CHAINS, h1.statesOf(runtime, rows));
    return tensors;
  });

  const reconstruct = (hidden: LayerState, settling: Settling) => {
    reconstruction.forEach((lower, index) => {
      const drive = downwardDrive(parameters, machine.connections[index]!, hidden, true);
      lower.infer([drive], parameters.bias(biasName(lower.name)), settling);
    });
  };

  while (progress.epoch < options.epochs) {
    const startedAt = performance.now();
    const firstBatch = progress.batch;
    drawOrder(training, order, progress.epoch, progress.phase);
    let learningRate = 0;
    while (progress.batch < batches) {
      const first = progress.batch * options.batchRows;
      const batchRows = Math.min(options.batchRows, data.rows - first);
      const measured = isMeasured(progress.batch);
      const update = progress.updates;

      // Positive phase.
      source.read(order, first, batchRows, update);
      h0.infer(upwardDrives(parameters, machine, source.lowers), upperBias, {
        keep: h0.samples ? kept : 'means',
        draw: { update, sweep: 0 },
      });
      if (measured) addActivity(training, h0);

      // Negative phase.
      if (chainsRun) {
        if (measured) {
          // The chains reconstruct nothing; this pass, which draws nothing, is for the monitor alone.
          reconstruct(h0, { keep: 'means' });
          addReconstruction(training, source.lowers, true, reconstruction);
        }
        h1.setRows(batchRows);
      }
      for (let sweep = 1; sweep <= options.gibbsSteps; sweep += 1) {
        const last = sweep === options.gibbsSteps;
        const drawn = !last || persistent || options.reconstruction === 'states';
        const hidden = sweep > 1 || chainsRun ? h1 : h0;
        reconstruct(hidden, drawn ? { keep: 'means', draw: { update, sweep } } : { keep: 'means' });
        if (measured && sweep === 1 && hidden === h0) addReconstruction(training, source.lowers, true, reconstruction);
        const drives = upwardDrives(parameters, machine, reconstruction);
        const final = last && kept === 'means' && !persistent;
        const keep = last ? kept : 'means';
        h1.infer(drives, upperBias, final || !h1.samples ? { keep: 'means' } : { keep, draw: { update, sweep } });
      }
      chainsRun = persistent;

      // Update.
      const share = (progress.epoch * batches + progress.batch) / Math.max(1, options.epochs * batches);
      learningRate = scheduled(options.learningRate, progress.epoch, share);
      const positive: Phase = { lowers: source.lowers, states: true, upper: h0 };
      const negative: Phase = {
        lowers: reconstruction,
        states: persistent || options.reconstruction === 'states',
        upper: h1,
      };
      const momentum = scheduled(options.momentum, progress.epoch, share);
      const step = { learningRate, momentum, weightCost: options.weightCost };
      variances.apply(positive, negative, step, update);
      updates.apply(positive, negative, step, update);
      progress.updates += 1;
      progress.batch += 1;
      if (progress.batch < batches) yield;
    }
    progress.epoch += 1;
    progress.batch = 0;
    const seen = Math.min(data.rows, (batches - firstBatch) * options.batchRows);
    yield epochRecord(training, machine, depth, { epochs: options.epochs, learningRate, startedAt, rows: seen });
  }
}

/** The largest size of a bias that is set from data: a mean of about 0.02 or 0.98. */
const LARGEST_BIAS = 4;

/** Sets the biases of layers that hold data or labels as their units start from means: to log-odds, or the means. */
function biasFromData({ parameters, data }: Training, depth: number): void {
  const { graph, runtime } = parameters;
  const { visible, label, machines } = stackOf(graph);
  const lowers = machines[depth]!.connections.map((connection) => connection.lower);
  for (const lower of lowers) {
    const means = lower === visible ? data.columnMeans() : lower === label ? classShares(data) : undefined;
    if (means === undefined) continue;
    const units = unitsOf(graph, lower);
    const spec = layerOf(graph, lower).units;
    const starts = Array.from(means, (mean) => unitType(spec).initialBias(spec, mean));
    const scaled = parameters.scaledLayer(lower);
    if (scaled !== undefined) {
      scaled.startFromData(data);
      continue;
    }
    const odds = withScratch(runtime, units * 4, (scratch) => {
      const values = scratch.floats();
      starts.forEach((start, unit) => {
        values[unit] = 'odds' in start ? start.odds : 1;
      });
      runtime.kernels.elementwise(1, scratch.handle);
      const clipped = (value: number) => Math.min(Math.max(value, -LARGEST_BIAS), LARGEST_BIAS);
      return Array.from(scratch.floats(), (value, unit) => {
        const start = starts[unit]!;
        return 'odds' in start ? clipped(value) : start.bias;
      });
    });
    parameters.write(biasName(lower), odds);
  }
}

function classShares(data: { labels(): Uint8Array; readonly classes: number; readonly rows: number }): Float64Array {
  const shares = new Float64Array(data.classes);
  for (const label of data.labels()) shares[label]! += 1 / data.rows;
  return shares;
}
