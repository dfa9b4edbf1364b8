/**
 * Reads sparse rows in the format of libsvm and svmlight (`.libsvm`, `.svm`), all at once or from a stream, gzip too:
 *
 *     LABEL INDEX:VALUE INDEX:VALUE ...  # remark
 *
 * with indices ascending, from 1, or from 0 where 0 occurs, as scikit-learn reads them too. What is not written is 0. Rows stay sparse,
 * here and in `engine.dataset({ rows })`.
 */
import { WakesleepError } from '../errors.js';
import { integer, refuseUnknown } from '../options.js';
import { corrupt } from './corrupt.js';
import { fed, fedFrom, type Pieces, type Taker } from './gzip.js';
import type { SparseRows } from './sparse.js';
import { GrowingFloats, GrowingLabels, type Labels, MAX_COLUMNS } from './table.js';
import { endOfWord, isBlank, Lines, numberIn, readNumber, textOf, trimmed } from './text.js';

/** What `readLibsvm` takes. */
export interface LibsvmOptions {
  /** Numbers in a row; default: as many as the largest index asks for. */
  readonly columns?: number | undefined;
  /** What the first index is. Default `auto`: 0 where the file has an index 0, else 1. */
  readonly firstIndex?: 0 | 1 | 'auto' | undefined;
  /** What the classes are called, in the order of their numbers, as another part of the set has them. */
  readonly classNames?: readonly string[] | undefined;
}

/** Sparse rows and the class of each. */
export interface LibsvmRows extends SparseRows, Labels {
  readonly values: Float32Array;
  /** What the first index of the file is. */
  readonly firstIndex: 0 | 1;
}

const [HASH, COLON] = [35, 58];

/**
 * Reads sparse rows; `where` names the file in errors. From a stream it gives a promise. Throws `DATA_CORRUPT` with the line
 * for what is not in the format.
 */
export function readLibsvm(bytes: Uint8Array, where: string, options?: LibsvmOptions): LibsvmRows;
export function readLibsvm(
  pieces: AsyncIterable<Uint8Array>,
  where: string,
  options?: LibsvmOptions,
): Promise<LibsvmRows>;
export function readLibsvm(
  given: Pieces,
  where: string,
  options: LibsvmOptions = {},
): LibsvmRows | Promise<LibsvmRows> {
  const reader = libsvmReader(where, options);
  return given instanceof Uint8Array ? fed(given, where, reader) : fedFrom(given, where, reader);
}

function libsvmReader(where: string, options: LibsvmOptions): Taker<LibsvmRows> {
  const given: unknown = options;
  refuseUnknown('readLibsvm()', given, ['columns', 'firstIndex', 'classNames']);
  const { columns, firstIndex = 'auto', classNames } = options;
  if (columns !== undefined) integer('readLibsvm()', 'columns', columns, { atLeast: 1, atMost: MAX_COLUMNS });
  if (firstIndex !== 'auto') integer('readLibsvm()', 'firstIndex', firstIndex, { atLeast: 0, atMost: 1 });
  const rows = new SparseReader(where, classNames);
  const takeLine = (bytes: Uint8Array, from: number, to: number, line: number) => rows.takeLine(bytes, from, to, line);
  return new Lines(where, takeLine, () => rows.finish(columns, firstIndex));
}

class SparseReader {
  private readonly labels: GrowingLabels;
  private readonly values: GrowingFloats;
  // Integers up to 2^24 are exact as floats; the ends of rows, which may be larger, are numbers.
  private readonly indices: GrowingFloats;
  private readonly ends = [0];
  private hasZeroIndex = false;
  private largest = 0;
  private largestLine = 0;

  constructor(
    private readonly where: string,
    classNames: readonly string[] | undefined,
  ) {
    this.labels = new GrowingLabels(where, classNames);
    this.values = new GrowingFloats(where);
    this.indices = new GrowingFloats(where);
  }

  takeLine(bytes: Uint8Array, begin: number, end: number, line: number): void {
    const hash = bytes.subarray(begin, end).indexOf(HASH);
    const [from, to] = trimmed(bytes, begin, hash < 0 ? end : begin + hash);
    if (from === to) return;
    let at = endOfWord(bytes, from, to);
    this.takeLabel(bytes, from, at, line);
    let before = -1;
    while (at < to) {
      while (isBlank(bytes[at])) at += 1;
      const wordEnd = endOfWord(bytes, at, to);
      before = this.takePair(bytes, at, wordEnd, line, before);
      at = wordEnd;
    }
    this.ends.push(this.values.length);
  }

  private takeLabel(bytes: Uint8Array, from: number, to: number, line: number): void {
    if (Number.isNaN(numberIn(bytes, from, to))) {
      const text = JSON.stringify(textOf(bytes, from, Math.min(to, from + 60)));
      throw corrupt(this.where, `begins line ${line} with ${text}, where the number of a class is wanted`);
    }
    this.labels.add(textOf(bytes, from, to), () => `line ${line}`);
  }

  private takePair(bytes: Uint8Array, from: number, to: number, line: number, before: number): number {
    const colon = bytes.subarray(from, to).indexOf(COLON);
    const index = colon < 0 ? Number.NaN : numberIn(bytes, from, from + colon);
    if (!Number.isInteger(index) || index < 0) {
      const text = JSON.stringify(textOf(bytes, from, Math.min(to, from + 60)));
      throw corrupt(this.where, `has ${text} in line ${line}, where INDEX:VALUE is wanted`);
    }
    if (index > MAX_COLUMNS) {
      throw corrupt(this.where, `has the index ${index} in line ${line}; a row has at most ${MAX_COLUMNS} numbers`);
    }
    if (index <= before) {
      throw corrupt(this.where, `has the index ${index} after ${before} in line ${line}; indices must ascend`);
    }
    const value = readNumber(bytes, from + colon + 1, to, this.where, () => `line ${line}, index ${index}`);
    if (index === 0) this.hasZeroIndex = true;
    if (index > this.largest) [this.largest, this.largestLine] = [index, line];
    this.indices.add(index);
    this.values.add(value);
    return index;
  }

  finish(columns: number | undefined, firstIndex: 0 | 1 | 'auto'): LibsvmRows {
    const rows = this.ends.length - 1;
    if (rows === 0) throw corrupt(this.where, 'holds no rows; lines of LABEL INDEX:VALUE are wanted');
    const first = firstIndex !== 'auto' ? firstIndex : this.hasZeroIndex ? 0 : 1;
    if (first === 1 && this.hasZeroIndex) throw corrupt(this.where, 'has an index 0, and its indices begin with 1');
    const needed = this.largest - first + 1;
    const wide = columns ?? Math.max(1, needed);
    if (needed > wide) {
      const message = `${this.where} has the index ${this.largest} in line ${this.largestLine}, beyond the ${wide} columns that are wanted.`;
      const details = { given: needed, wanted: String(wide), where: this.where };
      throw new WakesleepError('SHAPE_MISMATCH', message, details);
    }
    return {
      rows,
      columns: wide,
      offsets: Uint32Array.from(this.ends),
      places: Uint32Array.from(this.indices.joined(), (index) => index - first),
      values: this.values.joined(),
      firstIndex: first,
      ...this.labels.finish(),
    };
  }
}
