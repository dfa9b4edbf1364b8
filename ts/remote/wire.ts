/**
 * What crosses between a thread and a worker's engine, beyond what `postMessage` clones by itself.
 *
 * `pack` puts a mark in place of each thing that has no clone (a handle, a signal, an error, a view, a URL), wherever it stands
 * in plain objects and lists; `unpack` puts what the mark means on the other side in place of it. The two sides say what they
 * make of handles and signals. Comlink's own transfer handlers would not do: they see whole arguments only, they do not know
 * which of several engines a message belongs to, and their registry belongs to the page as much as to this package.
 */
import { type ErrorCode, type ErrorDetails, WakesleepError } from '../errors.js';
import { describeValue, isPlainObject } from '../options.js';
import { type Panels, ParameterView } from '../parameter.js';
import type { Kind } from './members.js';

const MARK = 'wakesleep:mark';

/** What stands in a message for what has no clone. */
export type Mark =
  | { readonly [MARK]: 'handle'; readonly kind: Kind; readonly id: number }
  | { readonly [MARK]: 'signal'; readonly id: number; readonly aborted: boolean; readonly reason: unknown }
  | {
      readonly [MARK]: 'error';
      readonly name: string;
      readonly message: string;
      readonly stack?: string;
      readonly dom: boolean;
      readonly details: object;
    }
  | {
      readonly [MARK]: 'view';
      readonly values: Float32Array;
      readonly panels: Panels | undefined;
      readonly live: boolean;
    }
  | { readonly [MARK]: 'url'; readonly href: string };

/** The marks that each side makes and reads in its own way. */
export interface Side {
  /** The mark for an object of this side, or undefined where it is none. */
  mark(value: object): Mark | undefined;
  /** What a mark of a handle or a signal means on this side. */
  meaning(mark: Mark & { readonly [MARK]: 'handle' | 'signal' }): unknown;
}

export function handleMark(kind: Kind, id: number): Mark {
  return { [MARK]: 'handle', kind, id };
}

export function signalMark(id: number, aborted: boolean, reason: unknown): Mark {
  return { [MARK]: 'signal', id, aborted, reason };
}

/** A value as it can be posted; throws `OPTION_INVALID` for what cannot, with its `where`. */
export function pack(value: unknown, side: Side, where: string): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw refused(value, where);
  if (typeof value !== 'object' || value === null) return value;
  const mark = side.mark(value) ?? commonMark(value, side, where);
  if (mark !== undefined) return mark;
  if (Array.isArray(value)) {
    if (typeof value[0] === 'number') return value;
    return value.map((item, place) => pack(item, side, `${where}.${place}`));
  }
  if (isPlainObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, pack(item, side, `${where}.${name}`)]),
    );
  }
  if (hasClone(value)) return value;
  throw refused(value, where);
}

/** What was packed on the other side. */
export function unpack(value: unknown, side: Side): unknown {
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value : value.map((item) => unpack(item, side));
  if (!isPlainObject(value)) return value;
  if (MARK in value) return meaningOf(value as unknown as Mark, side);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unpack(item, side)]));
}

function commonMark(value: object, side: Side, where: string): Mark | undefined {
  if (value instanceof Error) return packError(value, side, where);
  if (value instanceof URL) return { [MARK]: 'url', href: value.href };
  if (value instanceof ParameterView) {
    // Memory that is not shared is this thread's alone: the other one gets what it holds now.
    const { values, panels } = value;
    const live = typeof SharedArrayBuffer !== 'undefined' && values.buffer instanceof SharedArrayBuffer;
    return { [MARK]: 'view', values: live ? values : values.slice(), panels, live };
  }
  return undefined;
}

function meaningOf(mark: Mark, side: Side): unknown {
  switch (mark[MARK]) {
    case 'error':
      return unpackError(mark, side);
    case 'view':
      return new ParameterView(mark.values, mark.panels, mark.live);
    case 'url':
      return new URL(mark.href);
    default:
      return side.meaning(mark);
  }
}

const CLONED = [
  'Map',
  'Set',
  'Date',
  'ArrayBuffer',
  'SharedArrayBuffer',
  'WebAssembly.Module',
  'Boolean',
  'Number',
  'String',
];

function hasClone(value: object): boolean {
  return ArrayBuffer.isView(value) || CLONED.includes(Object.prototype.toString.call(value).slice(8, -1));
}

function refused(value: unknown, where: string): WakesleepError {
  const wanted = "plain data, or what the worker's engine itself has made";
  const message = `\`${where}\` goes to a worker and must be ${wanted}; got ${describeValue(value)}.`;
  return new WakesleepError('OPTION_INVALID', message, { given: value, wanted, where });
}

// ---- Errors ----

const DETAILS = ['code', 'given', 'wanted', 'where', 'cause', 'partial'] as const;

/** The mark of an error with all that it tells; what of it cannot be sent is sent in words. */
function packError(error: Error, side: Side, where: string): Mark {
  const details: Record<string, unknown> = {};
  for (const name of DETAILS) {
    if (name in error) details[name] = packOrDescribe((error as unknown as Record<string, unknown>)[name], side, where);
  }
  const { name, message, stack } = error;
  const dom = typeof DOMException === 'function' && error instanceof DOMException;
  return { [MARK]: 'error', name, message, ...(stack !== undefined && { stack }), dom, details };
}

/** As `pack`, and what cannot be sent in words: for what is told of something else, and must not get in its way. */
export function packOrDescribe(value: unknown, side: Side, where: string): unknown {
  try {
    return pack(value, side, where);
  } catch {
    return describeValue(value);
  }
}

function unpackError(mark: Mark & { readonly [MARK]: 'error' }, side: Side): Error {
  const { code, ...told } = unpack(mark.details, side) as ErrorDetails & { readonly code?: ErrorCode };
  const error = isWakesleepError(mark, code) ? new WakesleepError(code, mark.message, told) : plainError(mark, told);
  // The place where it was thrown is of more use than this one, and the same as in a thread without a worker.
  if (mark.stack !== undefined) Object.defineProperty(error, 'stack', { value: mark.stack });
  return error;
}

function isWakesleepError({ name }: { readonly name: string }, code: ErrorCode | undefined): code is ErrorCode {
  return name === 'WakesleepError' && code !== undefined;
}

/** An error of the language, of the class that it had; one that is not known here keeps its name. */
function plainError({ name, message, dom }: Mark & { readonly [MARK]: 'error' }, told: ErrorDetails): Error {
  if (dom) return new DOMException(message, name);
  const ErrorClass = LANGUAGE_ERRORS.find((candidate) => candidate.name === name) ?? Error;
  const error = new ErrorClass(message, 'cause' in told ? { cause: told.cause } : undefined);
  return ErrorClass.name === name ? error : Object.assign(error, { name });
}

const LANGUAGE_ERRORS = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
