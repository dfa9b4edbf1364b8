/**
 * A run's folder: what is in it, and in which order it is written, so that a kill at any instant leaves a folder from which
 * the run goes on to the same bits.
 *
 *     run.json                what the run is: configuration, versions, machine; at the end also results, times and digests
 *     metrics.jsonl           a line for each record; flushed before the checkpoint that counts it
 *     checkpoint.safetensors  the training's state, at every epoch and now and then
 *     model.safetensors       the trained model
 *     *.png, *.svg            pictures and plots
 *     metrics.csv             the records as a table
 *     report.html             all of this on one page
 *     events.out.tfevents.*   the records as they come, and at the end parameters and pictures, for TensorBoard
 *
 * run.json is the first file and, saying `finished`, the last. After a kill the lines of metrics.jsonl that the checkpoint
 * does not know yet are cut off before training goes on.
 */
import { createHash } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import type { Configuration } from '../config.js';
import { WakesleepError } from '../errors.js';
import type { EvaluationResults } from '../evaluate/evaluate.js';
import {
  appendToFile,
  type FolderLock,
  folderEntries,
  lockFolder,
  makeFolder,
  removeTemporaries,
  writeFileAtomic,
} from '../files/atomic.js';
import type { TrainingRecord } from '../learn/training.js';
import { isPlainObject } from '../options.js';
import type { DataDigest } from './data.js';
import { readBytesIfThere } from './model-source.js';

/** A model that a run started from. */
export interface StartDigest {
  readonly file: string;
  readonly sha256: string;
}

/** What run.json says. */
export interface RunDescription {
  readonly format: 'wakesleep-run';
  readonly status: 'unfinished' | 'finished';
  /** The recipe's name, or the configuration's file. */
  readonly source: string;
  readonly configuration: Configuration;
  readonly versions: { readonly wakesleep: string; readonly streamVersion: number };
  readonly machine: {
    readonly host: string;
    readonly cpu: string;
    readonly artefact: string;
    /** False where any part of the run was computed by a relaxed artefact, so that its bits depend on the host. */
    readonly portable: boolean;
    readonly threads: number;
    readonly reason: string;
  };
  readonly data: readonly DataDigest[];
  /** The model that the run started from, where it did. */
  readonly start?: StartDigest;
  readonly startedAt: string;
  /** When the run went on after it had been stopped. */
  readonly resumedAt: readonly string[];
  readonly finishedAt?: string;
  /** Training: the epochs of metrics.jsonl together; evaluation: measurements and pictures. */
  readonly seconds?: { readonly training: number; readonly evaluation: number };
  readonly model?: { readonly file: string; readonly sha256: string; readonly bytes: number; readonly updates: number };
  readonly evaluation?: EvaluationResults;
  readonly pictures?: readonly string[];
}

const names = {
  description: 'run.json',
  metrics: 'metrics.jsonl',
  checkpoint: 'checkpoint.safetensors',
  model: 'model.safetensors',
} as const;

/** What is written for people and other programs, beside the model and pictures. TensorBoard knows its files by the name's beginning. */
export const resultNames = {
  table: 'metrics.csv',
  events: 'events.out.tfevents.wakesleep',
  page: 'report.html',
} as const;

/** A folder that this process holds. */
export class RunFolder {
  private constructor(
    /** Absolute. */
    readonly path: string,
    private readonly lock: FolderLock,
    /** What the folder's run.json said when it was opened. */
    readonly previous: RunDescription | undefined,
  ) {}

  /**
   * Takes a folder, which is made where it is missing. Throws `FOLDER_IN_USE`, `FILE_UNWRITABLE`, and `FILE_EXISTS` where it
   * holds something that is not to be gone on with.
   */
  static open(path: string, resume: boolean): RunFolder {
    const { lock, previous } = takeFolder(path, resume, readDescription);
    return new RunFolder(resolve(path), lock, previous);
  }

  /** What the run in a folder says of itself; `undefined` where there is none. */
  static describedIn(path: string): RunDescription | undefined {
    const file = join(path, names.description);
    return readBytesIfThere(file) === undefined ? undefined : readDescription(file);
  }

  /** A file's path for a person. */
  shown(name: string): string {
    return shownPath(join(this.path, name));
  }

  get modelPath(): string {
    return this.shown(names.model);
  }

  readCheckpoint(): Uint8Array | undefined {
    return readBytesIfThere(join(this.path, names.checkpoint));
  }

  writeCheckpoint(bytes: Uint8Array): void {
    writeFileAtomic(join(this.path, names.checkpoint), bytes);
  }

  /** Every line of metrics.jsonl of a finished run. */
  static recordsIn(path: string): TrainingRecord[] {
    const file = join(path, names.metrics);
    const text = new TextDecoder().decode(readBytesIfThere(file));
    return text
      .trimEnd()
      .split('\n')
      .map((line, index) => parseRecord(line, file, index));
  }

  /** The model's file in a run's folder. */
  static modelIn(path: string): string {
    return join(path, names.model);
  }

  /** Writes the model; returns what run.json says of it. */
  writeModel(bytes: Uint8Array, updates: number): NonNullable<RunDescription['model']> {
    writeFileAtomic(join(this.path, names.model), bytes);
    const sha256 = sha256Of(bytes);
    return { file: names.model, sha256, bytes: bytes.length, updates };
  }

  write(name: string, bytes: Uint8Array | string): void {
    writeFileAtomic(join(this.path, name), bytes);
  }

  /** Leaves a file alone that holds just these bytes; writes them otherwise. */
  keepOrWrite(name: string, bytes: Uint8Array): void {
    const found = readBytesIfThere(join(this.path, name));
    if (found === undefined || Buffer.compare(found, bytes) !== 0) this.write(name, bytes);
  }

  append(name: string, bytes: Uint8Array | string): void {
    appendToFile(join(this.path, name), bytes);
  }

  describe(description: RunDescription): void {
    writeFileAtomic(join(this.path, names.description), `${JSON.stringify(description, null, 2)}\n`);
  }

  appendRecord(record: TrainingRecord): void {
    this.append(names.metrics, `${JSON.stringify(record)}\n`);
  }

  /**
   * Cuts metrics.jsonl to its first `count` lines, the ones that a checkpoint knows, and returns them. Throws `FILE_CORRUPT`
   * where there are fewer.
   */
  cutMetrics(count: number): TrainingRecord[] {
    const path = join(this.path, names.metrics);
    const bytes = readBytesIfThere(path);
    const text = bytes === undefined ? '' : new TextDecoder().decode(bytes);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole === '' ? [] : whole.slice(0, -1).split('\n');
    if (lines.length < count) {
      const message = `${path} has ${lines.length} lines, but the checkpoint stands after ${count}; the run cannot go on.`;
      throw new WakesleepError('FILE_CORRUPT', message, { given: lines.length, wanted: String(count), where: path });
    }
    const kept = lines.slice(0, count);
    const cut = kept.map((line) => `${line}\n`).join('');
    if (cut !== text) writeFileAtomic(path, cut);
    return kept.map((line, index) => parseRecord(line, path, index));
  }

  close(): void {
    this.lock.release();
  }
}

/**
 * Takes a folder for a run or a study, and reads with `read` what its run.json says, where there is one. Throws
 * `FOLDER_IN_USE`, `FILE_UNWRITABLE`, `FILE_EXISTS` and what `read` throws.
 */
export function takeFolder<T>(
  path: string,
  goOn: boolean,
  read: (path: string) => T,
): { readonly lock: FolderLock; readonly previous: T | undefined } {
  makeFolder(path);
  const lock = lockFolder(path);
  try {
    const entries = folderEntries(path);
    const isRun = entries.includes(names.description);
    if (entries.length > 0 && !(goOn && isRun)) throw notEmpty(path, isRun);
    removeTemporaries(path);
    return { lock, previous: isRun ? read(join(path, names.description)) : undefined };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The SHA-256 of bytes, in hexadecimal digits. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A file's path for a person: relative to the working folder where that is shorter. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

function parseRecord(line: string, path: string, index: number): TrainingRecord {
  try {
    return JSON.parse(line) as TrainingRecord;
  } catch (cause) {
    const message = `Line ${index + 1} of ${path} is not JSON; the run cannot go on.`;
    throw new WakesleepError('FILE_CORRUPT', message, { where: path, cause });
  }
}

function readDescription(path: string): RunDescription {
  return readDescribed(path, 'wakesleep-run', 'a run') as unknown as RunDescription;
}

/** The JSON of a run.json of some format; throws `FILE_CORRUPT` for everything else. */
export function readDescribed(path: string, format: string, what: string): Record<string, unknown> {
  const bytes = readBytesIfThere(path);
  let found: unknown;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isPlainObject(value) && value.format === format && isPlainObject(value.configuration)) return value;
    found = isPlainObject(value) ? value.format : undefined;
  } catch {
    // The error below says the same of every kind of damage.
  }
  const other =
    found === 'wakesleep-run'
      ? ' It is that of a single run.'
      : found === 'wakesleep-study'
        ? ' It is that of a study.'
        : '';
  const message = `${path} does not describe ${what} of wakesleep, so nothing here can be gone on with.${other}`;
  throw new WakesleepError('FILE_CORRUPT', message, { where: path });
}

function notEmpty(path: string, isRun: boolean): WakesleepError {
  const holds = isRun ? 'holds a run; go on with it with `--resume`' : 'is not empty and holds no run of wakesleep';
  const advice = isRun ? 'or give another folder with `--out`.' : 'give another folder with `--out`.';
  const message = `${resolve(path)} ${holds}${isRun ? ', ' : '; '}${advice}`;
  return new WakesleepError('FILE_EXISTS', message, { given: path, wanted: 'an empty folder', where: '--out' });
}
