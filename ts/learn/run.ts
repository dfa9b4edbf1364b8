/**
 * A run: one algorithm at work on one model and one data set. This is the only code that knows of iteration, aborting,
 * checkpoints and resuming; the loops know batches.
 *
 * The async form gives up the thread at a batch boundary at least every 16 ms, and hears `signal` there. `break`,
 * `return()` and an abort stop at that boundary with a valid model; `toBytes()` at any time gives a checkpoint from
 * which the run goes on to the same bits.
 */
import type { DataIdentity, Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { writeCheckpoint } from '../files/model-file.js';
import type { Model } from '../model.js';
import { describeValue, oneOf, refuseUnknown } from '../options.js';
import { freed } from '../runtime/memory.js';
import { slices } from '../runtime/slices.js';
import { type Algorithm, runAlgorithm } from './algorithm.js';
import { LikelihoodMonitor } from './likelihood-monitor.js';
import type { Progress, Training, TrainingLoop, TrainingRecord } from './training.js';

/** What can be measured at every record. */
export const monitors = ['logLikelihood'] as const;
/** What can be measured at every record. */
export type Monitor = (typeof monitors)[number];

/** What a run may be given beside data and algorithm. */
export interface TrainOptions {
  /** Rows to compare free energies with; they are never trained on. */
  readonly heldOut?: Dataset;
  /**
   * What is measured at every record beside what always is: `logLikelihood`, the exact one of the training rows, for small
   * machines. It changes no bits.
   */
  readonly monitor?: readonly Monitor[];
  /** Stops the run at the next batch boundary, which then throws `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** Refuses options that are not known; throws `OPTION_INVALID`. */
export function checkTrainOptions(where: string, options: TrainOptions): void {
  refuseUnknown(where, options, ['heldOut', 'monitor', 'signal']);
  if (options.monitor === undefined) return;
  if (!Array.isArray(options.monitor)) {
    const wanted = 'a list of monitors';
    const message = `\`monitor\` must be ${wanted}; got ${describeValue(options.monitor)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: options.monitor, wanted, where });
  }
  for (const [index, name] of options.monitor.entries()) oneOf(where, `monitor.${index}`, name, monitors);
}

/** What a run needs to go on from a checkpoint. */
export interface Restored {
  readonly progress: Progress;
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** One algorithm at work. Iterate it, with `for await` or, where blocking is meant, `for`. */
export class Run implements AsyncIterable<TrainingRecord>, Iterable<TrainingRecord> {
  private readonly loop: TrainingLoop;
  private readonly training: Training;
  private readonly owned: { free(): void }[] = [];
  private tensors: () => Map<string, Float32Array> = () => new Map();
  private ended = false;
  private isFreed = false;
  /** What the loop threw: there is no going on after it. */
  private failure: { readonly error: unknown } | undefined;
  /** What identifies the rows, which do not change: found when a checkpoint first needs it. */
  private identity: DataIdentity | undefined;

  /** @internal */
  constructor(
    /** The model that is trained. */
    readonly model: Model,
    /** The rows that it is trained on. */
    readonly data: Dataset,
    /** The algorithm, complete. */
    readonly algorithm: Algorithm,
    private readonly options: TrainOptions,
    restored: Restored | undefined,
  ) {
    const progress = restored?.progress ?? {
      phase: 0,
      epoch: 0,
      batch: 0,
      updates: model.updates,
      records: 0,
      sums: {},
    };
    let tensors = restored?.tensors ?? new Map<string, Float32Array>();
    const run = this;
    // A checkpoint of a run that has not begun holds what it was given.
    this.tensors = () => new Map(tensors);
    this.training = {
      parameters: model.parameters,
      seed: model.seed,
      data,
      heldOut: options.heldOut,
      likelihood: options.monitor?.includes('logLikelihood')
        ? new LikelihoodMonitor(model.parameters, data)
        : undefined,
      progress,
      get restored() {
        return tensors;
      },
      own(thing) {
        run.owned.push(thing);
        return thing;
      },
      offer(read) {
        run.tensors = read;
      },
      release() {
        run.freeOwned();
        tensors = new Map();
        run.tensors = () => new Map();
      },
    };
    this.loop = runAlgorithm(this.training, algorithm);
  }

  /** Where the run stands, as plain data. */
  get progress(): Readonly<Progress> {
    return structuredClone(this.training.progress);
  }

  /** Whether every phase has been run to its end. */
  get done(): boolean {
    return this.ended;
  }

  /** A checkpoint: parameters, state and place, in the `.safetensors` format. */
  toBytes(): Uint8Array<ArrayBuffer> {
    this.identity ??= this.data.identity();
    return writeCheckpoint(this.model, this.algorithm, this.identity, this.training.progress, this.tensors());
  }

  /** Trains, keeping the thread, and yields a record now and then; throws `ABORTED`, `NOT_FINITE`, `DIVERGED`. */
  *[Symbol.iterator](): Generator<TrainingRecord, void, void> {
    try {
      for (;;) {
        this.options.signal?.throwIfAborted();
        const step = this.step();
        if (step === 'end') return;
        if (step !== undefined) yield step;
      }
    } catch (error) {
      throw this.explained(error);
    } finally {
      this.pause();
    }
  }

  /** Trains, giving up the thread at least every 16 ms; yields and throws as the other loop does. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingRecord, void, void> {
    try {
      const pause = slices();
      for (;;) {
        await pause();
        this.options.signal?.throwIfAborted();
        const step = this.step();
        if (step === 'end') return;
        if (step !== undefined) yield step;
      }
    } catch (error) {
      throw this.explained(error);
    } finally {
      this.pause();
    }
  }

  private step(): TrainingRecord | undefined | 'end' {
    const { progress } = this.training;
    if (this.failure !== undefined) throw this.failure.error;
    if (this.isFreed && !this.ended) throw freed('The room that this run learned in is');
    if (this.model.updates !== progress.updates) {
      throw new WakesleepError('OPTION_INVALID', 'The model has been trained by another run since this one began.', {
        given: this.model.updates,
        wanted: String(progress.updates),
      });
    }
    try {
      const { done, value } = this.loop.next();
      this.ended = done === true;
      return done ? 'end' : value;
    } catch (error) {
      this.failure = { error };
      throw error;
    } finally {
      this.model.countUpdates(progress.updates);
    }
  }

  /** What an abort throws is made one of this package's errors. */
  private explained(error: unknown): unknown {
    const { signal } = this.options;
    if (!signal?.aborted || error !== signal.reason) return error;
    return new WakesleepError('ABORTED', 'The run was aborted; its model and a checkpoint of it are valid.', {
      cause: error,
    });
  }

  /** Frees the room for batches when the loop is over; a run that was merely left can be iterated on. */
  private pause(): void {
    if (this.ended) this.training.release();
  }

  /** Gives the memory of an unfinished run back; it cannot go on afterwards, but its checkpoint can. */
  free(): void {
    this.isFreed = true;
    this.freeOwned();
  }

  private freeOwned(): void {
    for (const thing of this.owned.splice(0)) thing.free();
  }
}
