/**
 * JSON of which equal values are equal bytes, and where two values differ.
 *
 * Canonical JSON has its keys sorted (by UTF-16 code unit, as RFC 8785 does), no white space, and numbers and strings as
 * ECMAScript writes them. What JSON cannot say (NaN, infinities, undefined, functions, instances of classes) is refused
 * rather than changed, because a checkpoint must read back as it was written.
 */
import { WakesleepError } from '../errors.js';
import { describeValue, isPlainObject } from '../options.js';

/** `value` as canonical JSON. Throws `OPTION_INVALID` with the dotted path of what cannot be written. */
export function canonicalJson(value: unknown): string {
  return written(value, [], new Set());
}

function written(value: unknown, path: readonly string[], parents: Set<object>): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (!Array.isArray(value) && !isPlainObject(value)) throw notWritable(value, path, describeValue(value));
  if (parents.has(value)) throw notWritable(value, path, 'an object that contains itself');
  parents.add(value);
  const text = Array.isArray(value)
    ? `[${Array.from(value, (item, index) => written(item, [...path, String(index)], parents)).join(',')}]`
    : `{${Object.keys(value)
        .sort()
        .map((key) => `${JSON.stringify(key)}:${written(value[key], [...path, key], parents)}`)
        .join(',')}}`;
  parents.delete(value);
  return text;
}

function notWritable(given: unknown, path: readonly string[], inWords: string): WakesleepError {
  const subject = path.length === 0 ? 'The value' : `\`${path.join('.')}\``;
  const message = `${subject} cannot be written as JSON; got ${inWords}.`;
  return new WakesleepError('OPTION_INVALID', message, { given, where: path.join('.'), wanted: 'a JSON value' });
}

/**
 * The dotted path (`train.0.learningRate`) of the first key, in sorted order, in which two JSON values differ, or
 * `undefined` where they are equal; the empty string where the values differ as a whole. A missing key equals one that is
 * `undefined`. `ignoredPaths` are dotted paths that may differ, with all below them; `*` stands for any one key.
 */
export function firstDifference(a: unknown, b: unknown, ignoredPaths: readonly string[] = []): string | undefined {
  const ignored = ignoredPaths.map((path) => path.split('.'));
  return differenceAt(a, b, [], ignored)?.join('.');
}

function differenceAt(
  a: unknown,
  b: unknown,
  path: readonly string[],
  ignored: readonly (readonly string[])[],
): readonly string[] | undefined {
  if (Object.is(a, b) || a === b || ignored.some((pattern) => matches(path, pattern))) return undefined;
  const bothArrays = Array.isArray(a) && Array.isArray(b);
  if (!bothArrays && !(isPlainObject(a) && isPlainObject(b))) return path;
  for (const key of keysOfBoth(a, b)) {
    const found = differenceAt(memberOf(a, key), memberOf(b, key), [...path, key], ignored);
    if (found !== undefined) return found;
  }
  return undefined;
}

function keysOfBoth(a: object, b: object): string[] {
  if (Array.isArray(a) && Array.isArray(b)) {
    return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => String(index));
  }
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

function memberOf(container: object, key: string): unknown {
  return Object.hasOwn(container, key) ? (container as Record<string, unknown>)[key] : undefined;
}

function matches(path: readonly string[], pattern: readonly string[]): boolean {
  return path.length === pattern.length && pattern.every((part, index) => part === '*' || part === path[index]);
}

/** The value at a dotted path, or `undefined` where the path leads nowhere. */
export function valueAt(value: unknown, path: string): unknown {
  if (path === '') return value;
  let found: unknown = value;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = memberOf(found, key);
  }
  return found;
}

/**
 * The first key that occurs twice in one object of `validJson`, or `undefined`. `JSON.parse` keeps the last of the two in
 * silence, so a file could show one value to this package and another to the next reader. The text must have passed
 * `JSON.parse`. Escapes are read: `"a"` and `"\u0061"` are the same key.
 */
export function duplicateKey(validJson: string): string | undefined {
  const keysOfOpenObjects: (Set<string> | null)[] = []; // One entry for each open bracket; null for an array.
  let at = 0;
  while (at < validJson.length) {
    const character = validJson[at];
    if (character === '"') {
      const end = endOfString(validJson, at);
      if (isFollowedByColon(validJson, end)) {
        const key = JSON.parse(validJson.slice(at, end)) as string;
        const keys = keysOfOpenObjects.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      at = end;
      continue;
    }
    if (character === '{') keysOfOpenObjects.push(new Set());
    else if (character === '[') keysOfOpenObjects.push(null);
    else if (character === '}' || character === ']') keysOfOpenObjects.pop();
    at += 1;
  }
  return undefined;
}

/** The index after the closing quotation mark of the string that begins at `begin`. */
function endOfString(json: string, begin: number): number {
  let at = begin + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isFollowedByColon(json: string, from: number): boolean {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at += 1;
  return json[at] === ':';
}
