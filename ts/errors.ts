/**
 * The one error class that this package throws on purpose.
 *
 * Whoever catches one can rely on `code`, which never changes its meaning; the message is a whole sentence for a person
 * ("`learningRate` must be a finite number above 0; got -0.1."), and its words may be improved.
 */

/** What went wrong, as a stable word. */
export type ErrorCode =
  | 'OPTION_INVALID'
  | 'SHAPE_MISMATCH'
  | 'GRAPH_UNSUITABLE'
  | 'DATA_CORRUPT'
  | 'DATA_INVALID'
  | 'DATA_MISSING'
  | 'FILE_CORRUPT'
  | 'FILE_EXISTS'
  | 'FILE_UNWRITABLE'
  | 'FOLDER_IN_USE'
  | 'NOT_FINITE'
  | 'DIVERGED'
  | 'ENGINE_FAILED'
  | 'ENGINE_CLOSED'
  | 'THREADS_UNAVAILABLE'
  | 'ARTEFACT_UNAVAILABLE'
  | 'OUT_OF_MEMORY'
  | 'RESUME_MISMATCH'
  | 'ABORTED';

/** What an error can tell beside its sentence; all of it is optional. */
export interface ErrorDetails {
  /** The value that was refused, as it came in. */
  readonly given?: unknown;
  /** What would have been accepted, in words. */
  readonly wanted?: string;
  /** The option, file, tensor or layer concerned. */
  readonly where?: string;
  /** The lower error that led to this one. */
  readonly cause?: unknown;
  /** What was done before the work stopped, in the form that it can go on from. */
  readonly partial?: unknown;
}

/** An error that a caller can act on: bad input, a file that is damaged, an engine that has failed. */
export class WakesleepError extends Error {
  readonly code: ErrorCode;
  readonly given?: unknown;
  readonly wanted?: string;
  readonly where?: string;
  readonly partial?: unknown;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'WakesleepError';
    this.code = code;
    if ('given' in details) this.given = details.given;
    if (details.wanted !== undefined) this.wanted = details.wanted;
    if (details.where !== undefined) this.where = details.where;
    if ('partial' in details) this.partial = details.partial;
  }
}
