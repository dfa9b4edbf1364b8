/** What is measured while a network learns, on training rows as they pass and on held-out rows, and when that is enough. */
import type { Dataset } from '../data/dataset.js';
import type { Network } from '../graph/network.js';
import { LayerState } from '../infer/layer-state.js';
import { passBlocks } from '../infer/network-layers.js';
import type { Parameters } from '../parameters.js';
import { type Missed, missedBy } from './network-gradient.js';
import { prefixed, withoutPrefix } from './tensor-names.js';
import type { Progress, TrainingRecord } from './training.js';

/** Adds what a batch's outputs miss to the sums of an epoch. */
export function addMissed({ sums }: Progress, { loss, squaredError, errors, rows }: Missed): void {
  sums.loss = (sums.loss ?? 0) + loss;
  sums.squaredError = (sums.squaredError ?? 0) + squaredError;
  sums.rows = (sums.rows ?? 0) + rows;
  if (errors !== undefined) sums.errors = (sums.errors ?? 0) + errors;
}

/** What a record says of losses and errors, means over rows and percentages. */
export type MissedOf = Pick<TrainingRecord, 'loss' | 'errorPercent' | 'heldOutLoss' | 'heldOutErrorPercent'>;

/** What the sums of an epoch and a pass over held-out rows say. */
export function missedOf({ sums }: Progress, heldOut: Missed | undefined): MissedOf {
  const rows = Math.max(1, sums.rows ?? 0);
  return {
    loss: (sums.loss ?? 0) / rows,
    ...(sums.errors !== undefined && { errorPercent: (100 * sums.errors) / rows }),
    ...(heldOut !== undefined && { heldOutLoss: heldOut.loss / heldOut.rows }),
    ...(heldOut?.errors !== undefined && { heldOutErrorPercent: (100 * heldOut.errors) / heldOut.rows }),
  };
}

/** What a network's outputs miss on held-out rows; nothing where there are none. */
export function heldOutMissed(parameters: Parameters, network: Network, heldOut: Dataset): Missed | undefined {
  if (heldOut.rows === 0) return undefined;
  const { runtime, graph } = parameters;
  const sum = { loss: 0, squaredError: 0, rows: 0, errors: 0 };
  const targets = new LayerState(runtime, graph, network.output, Math.min(500, heldOut.rows), 0, 'sample');
  try {
    passBlocks(parameters, network, heldOut, network.layers.length - 1, (layers, { order, first, rows }) => {
      const labelled = network.target === 'labels';
      if (labelled) targets.gatherLabels(heldOut.labelMemory(), order, first, rows);
      const missed = missedBy(parameters, network, labelled ? targets : layers.visible, layers.output);
      sum.loss += missed.loss;
      sum.squaredError += missed.squaredError;
      sum.rows += rows;
      sum.errors += missed.errors ?? 0;
    });
  } finally {
    targets.free();
  }
  const { errors, ...rest } = sum;
  return network.target === 'labels' ? sum : rest;
}

const PREFIX = 'best.';
/** The checkpoint's name for errors, loss and epoch of the best, and the epoch last seen. */
const STANDING = 'bestStanding';

/** The parameters that met the held-out rows best, and whether to go on looking. */
export class BestOnHeldOut {
  private best: { readonly errors: number; readonly loss: number; readonly epoch: number } | undefined;
  private kept: Map<string, Float32Array> = new Map();
  private epoch = 0;

  constructor(
    private readonly parameters: Parameters,
    private readonly patience: number,
  ) {}

  /** Takes in how the parameters met the held-out rows after `epoch` epochs. */
  see({ errors = 0, loss }: Missed, epoch: number): void {
    this.epoch = epoch;
    const { best } = this;
    if (best !== undefined && (errors > best.errors || (errors === best.errors && !(loss < best.loss)))) return;
    this.best = { errors, loss, epoch };
    this.kept = new Map(this.parameters.specs.map(({ name }) => [name, this.parameters.read(name)]));
  }

  /** Whether nothing better has come for as long as one is patient. */
  get isOver(): boolean {
    return this.best !== undefined && this.epoch - this.best.epoch >= this.patience;
  }

  /** Makes the best parameters the model's. */
  install(): void {
    for (const [name, values] of this.kept) this.parameters.write(name, values);
  }

  /** What is kept, for a checkpoint; a loss is kept in two parts, the second what the first, an f32, leaves. */
  tensors(): [string, Float32Array][] {
    const { best } = this;
    if (best === undefined) return [];
    const high = Math.fround(best.loss);
    const standing = Float32Array.of(best.errors, high, best.loss - high, best.epoch, this.epoch);
    return [[STANDING, standing], ...prefixed(PREFIX, this.kept)];
  }

  /** Takes what a checkpoint kept. */
  restore(tensors: ReadonlyMap<string, Float32Array>): void {
    const standing = tensors.get(STANDING);
    if (standing === undefined) return;
    const [errors, high, low, best, epoch] = standing as unknown as [number, number, number, number, number];
    this.best = { errors, loss: high + low, epoch: best };
    this.epoch = epoch;
    this.kept = new Map(withoutPrefix(PREFIX, tensors));
  }
}
