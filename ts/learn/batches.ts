/** The batches of a training in a seeded order, from where it stands to its end, and how `progress` moves with them. */
import type { EngineBuffer } from '../runtime/memory.js';
import { type EpochFacts, isMeasured } from './monitors.js';
import { epochsOf } from './trainer-options.js';
import { drawOrder, type Training } from './training.js';

/** One batch: the rows `order[first .. first + rows]`. */
export interface RowBatch {
  /** The model's update that this batch makes: the address of its noise. */
  readonly update: number;
  /** The update's number within this phase, from 1. */
  readonly count: number;
  readonly first: number;
  readonly rows: number;
  /** Whether monitors look at it. */
  readonly measured: boolean;
  readonly epoch: number;
  /** The share of all updates of this phase that are done. */
  readonly share: number;
}

/** All batches of all epochs. */
export class Batches {
  /** Rows of a whole batch. */
  readonly rows: number;
  readonly epochs: number;
  /** Numbers of rows in the whole set, in the order of the epoch. */
  readonly order: EngineBuffer;
  private readonly count: number;
  private startedAt = 0;
  private firstBatch = 0;

  constructor(
    private readonly training: Training,
    { epochs, batchRows }: { readonly epochs: number | null; readonly batchRows: number },
  ) {
    const { data, parameters } = training;
    this.rows = Math.min(batchRows, data.rows);
    this.count = Math.ceil(data.rows / this.rows);
    this.epochs = epochsOf(epochs, this.count);
    this.order = training.own(parameters.runtime.allocate(data.rows * 4));
  }

  /** Batches until the last epoch is done; each is to be ended by `finish`. */
  *rest(): Generator<RowBatch, void, void> {
    const { progress } = this.training;
    while (progress.epoch < this.epochs) {
      const { epoch } = progress;
      this.startedAt = performance.now();
      this.firstBatch = progress.batch;
      drawOrder(this.training, this.order, epoch, progress.phase);
      while (progress.epoch === epoch) yield this.next();
    }
  }

  private next(): RowBatch {
    const { progress, data } = this.training;
    const { epoch, batch, updates } = progress;
    const first = batch * this.rows;
    const rows = Math.min(this.rows, data.rows - first);
    const done = epoch * this.count + batch;
    const share = done / Math.max(1, this.epochs * this.count);
    return { update: updates, count: done + 1, first, rows, measured: isMeasured(batch), epoch, share };
  }

  /** The update of a batch is made: gives what is to be known of an epoch that ends with it. */
  finish(learningRate: number): EpochFacts | undefined {
    const { progress, data } = this.training;
    progress.updates += 1;
    progress.batch += 1;
    if (progress.batch < this.count) return undefined;
    progress.epoch += 1;
    progress.batch = 0;
    const rows = Math.min(data.rows, (this.count - this.firstBatch) * this.rows);
    return { epochs: this.epochs, learningRate, startedAt: this.startedAt, rows };
  }

  /** Whether the last epoch is done. */
  get done(): boolean {
    return this.training.progress.epoch === this.epochs;
  }
}
