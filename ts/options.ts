/**
 * Readers of options: every value that comes from outside passes through one of these, once, at the door.
 *
 * Each reader takes `where` (the function or part of a configuration whose option it is), the option's name and the
 * value, returns the value with its type, or throws `OPTION_INVALID` with a sentence that gives what is wanted and what
 * came. Options are closed: a name that is not known is refused, with the nearest name that is.
 */
import { WakesleepError } from './errors.js';

/** The ends of a range of numbers. At most one of `above` and `atLeast`, and one of `below` and `atMost`, is given. */
export interface Bounds {
  readonly above?: number;
  readonly atLeast?: number;
  readonly below?: number;
  readonly atMost?: number;
}

/** Whether `value` is an object written with braces (or made by `Object.create(null)`), not an instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  // The second test lets objects of another realm through: their prototype is that realm's Object.prototype.
  return (
    prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))
  );
}

/** Says what a value is in a few words for an error's sentence: `-0.1`, `"abc"`, `an array of 3`. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value === 'object' && value !== null) {
    return isPlainObject(value) ? 'an object' : `an instance of ${value.constructor?.name ?? 'an unnamed class'}`;
  }
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * Refuses options that are not an object, or that hold a name which is not among `allowedNames`; suggests the nearest.
 * An option whose value is `undefined` counts as not given, but its name must be known too.
 */
export function refuseUnknown(
  where: string,
  given: unknown,
  allowedNames: readonly string[],
): asserts given is Record<string, unknown> {
  if (!isPlainObject(given)) {
    const wanted = 'an object of options';
    const message = `${where} takes ${wanted}; got ${describeValue(given)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given, wanted, where });
  }
  for (const name of Object.keys(given)) {
    if (allowedNames.includes(name)) continue;
    const nearest = nearestName(name, allowedNames);
    const all = allowedNames.length === 0 ? 'it takes none' : `it takes ${allowedNames.map(quoteName).join(', ')}`;
    const advice = nearest === undefined ? `${all}.` : `did you mean ${quoteName(nearest)}?`;
    const wanted = nearest ?? allowedNames.join(', ');
    const message = `${where} has no option ${quoteName(name)}; ${advice}`;
    throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted, where });
  }
}

/** Reads a finite number within `bounds`; `-0` becomes `0`, so that equal options are equal bytes. */
export function finiteNumber(where: string, name: string, value: unknown, bounds: Bounds = {}): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || !isWithin(value, bounds)) {
    throw badOption(where, name, value, `a finite number${boundsInWords(bounds)}`);
  }
  return value === 0 ? 0 : value;
}

/** Reads an integer within `bounds` that a double holds exactly (at most 2^53 - 1 in size). */
export function integer(where: string, name: string, value: unknown, bounds: Bounds = {}): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || !isWithin(value, bounds)) {
    throw badOption(where, name, value, `an integer${boundsInWords(bounds)}`);
  }
  return value === 0 ? 0 : value;
}

/** Reads `true` or `false`. */
export function boolean(where: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw badOption(where, name, value, 'true or false');
  return value;
}

/** Reads one of a few strings; suggests the nearest where the value is a misspelt one. */
export function oneOf<T extends string>(where: string, name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const nearest = typeof value === 'string' ? nearestName(value, choices) : undefined;
  const suggestion = nearest === undefined ? '' : ` Did you mean ${JSON.stringify(nearest)}?`;
  throw badOption(where, name, value, choicesInWords(choices), suggestion);
}

/** Reads a seed: an integer from 0 to 2^53 - 1. There is no default, because a run must be repeatable. */
export function seed(where: string, value: unknown): number {
  return integer(where, 'seed', value, { atLeast: 0, atMost: Number.MAX_SAFE_INTEGER });
}

/**
 * The name in `names` that is the fewest edits away from `name` (insertions, deletions, replacements, swaps of two
 * neighbours; upper and lower case count as equal), or `undefined` where none is near enough to be what was meant.
 */
export function nearestName<T extends string>(name: string, names: readonly T[]): T | undefined {
  const longestName = 64; // Beyond this nobody has mistyped an option, and the distance costs length squared.
  if (name.length > longestName) return undefined;
  let nearest: T | undefined;
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest && edits < Math.max(name.length, candidate.length)) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

/**
 * A deeply frozen copy of a JSON-able value: null, booleans, finite numbers, strings, arrays and plain objects. Keys whose
 * value is `undefined` are left out. The caller's own object is not frozen. Throws `OPTION_INVALID` for anything else.
 */
export function freezeDeep<T>(plainJson: T): T {
  return frozenCopy(plainJson, [], new Set()) as T;
}

function frozenCopy(value: unknown, path: readonly string[], parents: Set<object>): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value === 0 ? 0 : value;
  if (!Array.isArray(value) && !isPlainObject(value)) throw notJson(value, path, describeValue(value));
  if (parents.has(value)) throw notJson(value, path, 'an object that contains itself');
  parents.add(value);
  const copy = Array.isArray(value)
    ? Array.from(value, (item, index) => frozenCopy(item, [...path, String(index)], parents))
    : Object.fromEntries(
        Object.entries(value)
          .filter(([, item]) => item !== undefined)
          .map(([key, item]) => [key, frozenCopy(item, [...path, key], parents)]),
      );
  parents.delete(value);
  return Object.freeze(copy);
}

function notJson(given: unknown, path: readonly string[], inWords: string): WakesleepError {
  const where = path.length === 0 ? 'the value' : path.join('.');
  const wanted = 'null, a boolean, a finite number, a string, an array or a plain object';
  const subject = path.length === 0 ? 'The value' : quoteName(where);
  return new WakesleepError('OPTION_INVALID', `${subject} must be ${wanted}; got ${inWords}.`, {
    given,
    wanted,
    where,
  });
}

function badOption(where: string, name: string, given: unknown, wanted: string, suggestion = ''): WakesleepError {
  const message = `${quoteName(name)} must be ${wanted}; got ${describeValue(given)}.${suggestion}`;
  return new WakesleepError('OPTION_INVALID', message, { given, wanted, where: `${where}.${name}` });
}

function isWithin(value: number, { above, atLeast, below, atMost }: Bounds): boolean {
  return (
    (above === undefined || value > above) &&
    (atLeast === undefined || value >= atLeast) &&
    (below === undefined || value < below) &&
    (atMost === undefined || value <= atMost)
  );
}

function boundsInWords({ above, atLeast, below, atMost }: Bounds): string {
  if (atLeast !== undefined && atMost !== undefined) return ` from ${atLeast} to ${atMost}`;
  const ends: string[] = [];
  if (above !== undefined) ends.push(`above ${above}`);
  if (atLeast !== undefined) ends.push(`of at least ${atLeast}`);
  if (below !== undefined) ends.push(`below ${below}`);
  if (atMost !== undefined) ends.push(`of at most ${atMost}`);
  return ends.length === 0 ? '' : ` ${ends.join(' and ')}`;
}

function choicesInWords(choices: readonly string[]): string {
  const quoted = choices.map((choice) => JSON.stringify(choice));
  const last = quoted.pop() ?? 'nothing';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}

function quoteName(name: string): string {
  return `\`${name.length > 60 ? `${name.slice(0, 57)}...` : name}\``;
}

/** Optimal string alignment distance, three rows at a time. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = a[row - 1] === b[column - 1] ? 0 : 1;
      let edits = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + replaced);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) edits = Math.min(edits, before[column - 2]! + 1);
      current.push(edits);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}
