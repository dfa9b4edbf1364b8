/** Reading files that the command is given: models, configurations, and what a run left in its folder. */
import type { Engine } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { readFileIfThere } from '../files/atomic.js';
import { isZip } from '../files/foreign.js';
import { readNpz } from '../files/npz.js';
import type { Model } from '../model.js';

/** A file's bytes, or `undefined` where there is none; throws `DATA_MISSING` where it cannot be read. */
export function readBytesIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileIfThere(path);
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause);
  }
}

/** A file's bytes; throws `DATA_MISSING`. */
export function readBytes(path: string): Uint8Array {
  const bytes = readBytesIfThere(path);
  if (bytes === undefined) throw unreadable(path, 'there is no such file');
  return bytes;
}

/**
 * The model of a model or checkpoint file, or of an `.npz` archive of scikit-learn's `BernoulliRBM`; throws `DATA_MISSING`,
 * `FILE_CORRUPT`.
 */
export function openModel(engine: Engine, path: string): Model {
  const bytes = readBytes(path);
  try {
    return engine.open(isZip(bytes) ? readNpz(bytes) : bytes);
  } catch (error) {
    if (!(error instanceof WakesleepError)) throw error;
    const { code, message } = error;
    if (code === 'OPTION_INVALID') throw withoutGraph(path);
    throw new WakesleepError(code, `${path}: ${message}`, { where: path, cause: error });
  }
}

/** The error for parameters from elsewhere. */
export function withoutGraph(path: string): WakesleepError {
  const advice = 'the command opens files that wakesleep wrote; others need `engine.open()` and their graph';
  const message = `${path} does not say what graph it belongs to; ${advice}.`;
  return new WakesleepError('FILE_CORRUPT', message, { where: path });
}

function unreadable(path: string, reason: string, cause?: unknown): WakesleepError {
  return new WakesleepError('DATA_MISSING', `${path} cannot be read: ${reason}.`, { given: path, where: path, cause });
}

const reasons: Readonly<Record<string, string>> = {
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EIO: 'the disk reports an error',
};

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
}
