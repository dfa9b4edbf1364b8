/**
 * What is measured while a machine learns. Monitors read, never draw or write: they do not change the bits. Sums are
 * kept in `progress`, so that a resumed epoch gives the same record.
 */
import type { Dataset } from '../data/dataset.js';
import { type Connection, unitsOf, weightName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { NetLayers } from '../infer/belief-layers.js';
import type { LayerState } from '../infer/layer-state.js';
import { checkEnergies, freeEnergies } from '../likelihood/free-energy.js';
import type { Parameters } from '../parameters.js';
import type { Training, TrainingRecord } from './training.js';

/** Every so many batches are measured. */
const EVERY = 10;
/** Rows of the fixed slices whose free energies are compared. */
const SLICE = 500;

/** Whether the batch of this index is measured. */
export function isMeasured(batch: number): boolean {
  return batch % EVERY === 0;
}

/** Adds a batch's squared reconstruction error to the epoch's sums, and gives its mean over the rows. */
export function addReconstruction(
  training: Training,
  data: readonly LayerState[],
  dataStates: boolean,
  reconstruction: readonly LayerState[],
): number {
  const { sums } = training.progress;
  let error = 0;
  data.forEach((layer, index) => {
    const distance = layer.activity.squaredDistance(layer.reads(dataStates), reconstruction[index]!.activity);
    sums.squaredError = (sums.squaredError ?? 0) + distance;
    error += distance;
  });
  const { rows } = data[0]!.activity;
  sums.rows = (sums.rows ?? 0) + rows;
  return error / rows;
}

/** Adds what recognition misses of the states of dreams, of all layers that it recognises, to the epoch's sums. */
export function addSleepError(training: Training, dreams: NetLayers, recognitions: NetLayers): void {
  const { sums } = training.progress;
  for (const [name, recognised] of recognitions) {
    const dream = dreams.get(name)!;
    const distance = dream.activity.squaredDistance(dream.reads(true), recognised.activity);
    sums.sleepError = (sums.sleepError ?? 0) + distance;
  }
  const [first] = recognitions.values();
  sums.sleepRows = (sums.sleepRows ?? 0) + first!.activity.rows;
}

/** Adds the activity of a batch's upper units to the epoch's sums. */
export function addActivity(training: Training, upper: LayerState): void {
  const { sums } = training.progress;
  const { rows, units } = upper.activity;
  sums.activity = (sums.activity ?? 0) + upper.activity.sumOfValues() / units;
  sums.activityRows = (sums.activityRows ?? 0) + rows;
}

/** Adds lower bounds of the log-likelihood of rows, nats, to the epoch's sums. */
export function addBounds(training: Training, bounds: Float64Array): void {
  const { sums } = training.progress;
  sums.bound = bounds.reduce((sum, bound) => sum + bound, sums.bound ?? 0);
  sums.boundRows = (sums.boundRows ?? 0) + bounds.length;
}

/** What the loop knows of an epoch. */
export interface EpochFacts {
  readonly epochs: number;
  readonly learningRate: number;
  readonly startedAt: number;
  readonly rows: number;
}

/** The record of a machine's epochs that have just ended; clears the sums. */
export function epochRecord(training: Training, machine: Machine, depth: number, what: EpochFacts): TrainingRecord {
  const { parameters } = training;
  return recordOf(training, { layer: machine.upper, connections: machine.connections }, what, (slice) =>
    meanFreeEnergy(parameters, machine, slice, depth),
  );
}

/** The record of epochs that have just ended, of connections that were learned; clears the sums. */
export function recordOf(
  training: Training,
  learned: { readonly layer: string; readonly connections: readonly Connection[] },
  what: EpochFacts,
  freeEnergyOf: (slice: Dataset) => number | null = () => null,
): TrainingRecord {
  const { parameters, progress, data, heldOut } = training;
  const { sums } = progress;
  const seconds = (performance.now() - what.startedAt) / 1000;
  const slices =
    heldOut === undefined ? undefined : [data, heldOut].map((set) => set.view(0, Math.min(SLICE, set.rows)));
  const [freeEnergy, heldOutFreeEnergy] = slices?.map(freeEnergyOf) ?? [];
  progress.sums = {};
  progress.records += 1;
  return {
    phase: progress.phase,
    layer: learned.layer,
    epoch: progress.epoch,
    epochs: what.epochs,
    updates: progress.updates,
    learningRate: what.learningRate,
    reconstructionError: (sums.squaredError ?? 0) / Math.max(1, sums.rows ?? 0),
    meanActivity: (sums.activity ?? 0) / Math.max(1, sums.activityRows ?? 0),
    weightNorm: weightNorm(parameters, learned.connections),
    freeEnergy: freeEnergy ?? null,
    heldOutFreeEnergy: heldOutFreeEnergy ?? null,
    freeEnergyGap: freeEnergy == null || heldOutFreeEnergy == null ? null : heldOutFreeEnergy - freeEnergy,
    ...training.likelihood?.read(),
    ...(sums.sleepRows !== undefined && { sleepError: sums.sleepError! / sums.sleepRows }),
    ...(sums.boundRows !== undefined && { boundNats: sums.bound! / sums.boundRows }),
    timing: { seconds, rowsPerSecond: what.rows / Math.max(seconds, 1e-9) },
  };
}

function weightNorm(parameters: Parameters, connections: readonly Connection[]): number {
  let squares = 0;
  let count = 0;
  for (const connection of connections) {
    squares += parameters.weight(weightName(connection)).sumOfSquares();
    count += unitsOf(parameters.graph, connection.lower) * unitsOf(parameters.graph, connection.upper);
  }
  return Math.sqrt(squares / Math.max(1, count));
}

/** Mean free energy of a slice, or null where the machine's units have none, the slice is empty or numbers are missing in it. */
export function meanFreeEnergy(parameters: Parameters, machine: Machine, slice: Dataset, depth: number): number | null {
  if (slice.rows === 0 || slice.hasMissing || !hasEnergies(parameters, machine)) return null;
  const energies = freeEnergies(parameters, slice, depth, true);
  return energies.reduce((sum, energy) => sum + energy, 0) / slice.rows;
}

function hasEnergies(parameters: Parameters, machine: Machine): boolean {
  try {
    checkEnergies(parameters, machine, 'A free energy');
    return true;
  } catch {
    return false;
  }
}
