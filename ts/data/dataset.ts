/**
 * Rows in the engine's memory, with labels where there are any. Splits are views: ranges of the same rows.
 *
 * A row keeps its number in the whole set whatever view it is read through, because the draws that binarise it are
 * addressed by that number.
 */
import { WakesleepError } from '../errors.js';
import { fingerprint } from '../fingerprint.js';
import { noiseStream, seedWords } from '../noise.js';
import {
  describeValue,
  finiteNumber,
  integer,
  isPlainObject,
  oneOf,
  seed as readSeed,
  refuseUnknown,
} from '../options.js';
import { allOrNothing, withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Range } from '../units/unit.js';
import { checkSparse, type SparseRows } from './sparse.js';
import { type Elements, type GivenRows, gathered, type Stored, store } from './stored.js';

/** What `engine.dataset()` takes. */
export interface DatasetOptions {
  /** `[rows, columns]`, row-major: bytes (kept as bytes), floats, a list of rows, or sparse rows, of which zeros take no memory. */
  readonly rows: Uint8Array | Uint8ClampedArray | Float32Array | readonly ArrayLike<number>[] | SparseRows;
  /** Numbers in a row; may be left out for a list of rows and for sparse rows. */
  readonly columns?: number;
  /** What every number is multiplied by when it is read, default 1; 1/255 for pixels in bytes. */
  readonly scale?: number;
  /** A class for each row, `0 … classes − 1`. */
  readonly labels?: ArrayLike<number>;
  /** How many classes there are, at most 256; needed with labels. */
  readonly classes?: number;
  /**
   * Which numbers are known: `[rows, columns]`, 0 where one is missing, or `notNaN`, where NaN stands for one that is
   * missing. Default: all are. Trainers draw what is missing from the model given what is known. Not for sparse rows.
   */
  readonly known?: ArrayLike<number> | 'notNaN';
  /** How much each row counts in training, at least 0 and not all 0; default all alike. Only their ratios matter. */
  readonly rowWeights?: ArrayLike<number>;
  /** A name that checkpoints keep, so that a resumed run can tell that it has the same data. */
  readonly name?: string;
}

/** Which rows a split gives away. Exactly one is given. */
export interface SplitOptions {
  /** The last so many rows become the second view. */
  readonly last?: number;
  /** The first so many rows become the second view. */
  readonly first?: number;
}

/** What `balancedSubset()` takes. */
export interface SubsetOptions {
  /** Rows of the subset: a multiple of the number of classes. */
  readonly rows: number;
  /** Which of the many subsets it is. */
  readonly seed: number;
}

/** What `permutation` tells a subset's draws by from those of training, which counts its phases from 0. */
const SUBSET_PHASE = 255;

/** What identifies a data set in a checkpoint. */
export interface DataIdentity {
  readonly name: string;
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  readonly classes: number;
  /** FNV-1a over the bytes of the rows and labels. */
  readonly digest: string;
}

/** What all views of one set share. */
interface Storage {
  readonly runtime: Runtime;
  readonly stored: Stored;
  readonly labels: EngineBuffer | undefined;
  readonly classes: number;
  readonly columns: number;
  readonly scale: number;
  readonly name: string;
  /** A byte for each number, 0 where it is missing (and 0 in `stored`); undefined where all are known. */
  readonly known: EngineBuffer | undefined;
  /** Weights of all rows with a mean of 1, where rows do not count alike. */
  readonly rowWeights: Float32Array | undefined;
  /** Where the first number stands that is not within a range, for each range that was asked for. */
  readonly outside: Map<string, Place | undefined>;
}

/** One number of a data set, after scaling. */
export interface Place {
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

/** Rows in the engine's memory. */
export class Dataset {
  /** @internal */
  constructor(
    /** @internal */ readonly storage: Storage,
    /** The number in the whole set of this view's first row. */
    readonly firstRow: number,
    /** How many rows this view has. */
    readonly rows: number,
  ) {}

  /** Numbers in a row. */
  get columns(): number {
    return this.storage.columns;
  }

  /** How many classes the labels tell apart; 0 without labels. */
  get classes(): number {
    return this.storage.classes;
  }

  /** Whether numbers of the whole set are missing. */
  get hasMissing(): boolean {
    return this.storage.known !== undefined;
  }

  /** Two views that share these rows: what is left, and the rows split off. Throws `OPTION_INVALID`. */
  split(options: SplitOptions): [Dataset, Dataset] {
    const where = 'split()';
    refuseUnknown(where, options, ['last', 'first']);
    if ((options.last === undefined) === (options.first === undefined)) {
      throw new WakesleepError('OPTION_INVALID', '`split()` takes either `last` or `first`.', {
        given: options,
        where,
      });
    }
    const name = options.last === undefined ? 'first' : 'last';
    const count = integer(where, name, options[name], { atLeast: 0, atMost: this.rows });
    const rest = this.rows - count;
    return name === 'last'
      ? [this.view(0, rest), this.view(rest, count)]
      : [this.view(count, rest), this.view(0, count)];
  }

  /** A view of `rows` rows from this view's row `first` on. */
  view(first: number, rows: number): Dataset {
    integer('view()', 'first', first, { atLeast: 0, atMost: this.rows });
    integer('view()', 'rows', rows, { atLeast: 0, atMost: this.rows - first });
    return new Dataset(this.storage, this.firstRow + first, rows);
  }

  /** A view of the same rows in which each counts as much as its weight, in place of what it counted. @internal */
  weighted(rowWeights: ArrayLike<number>): Dataset {
    // Weights are found by the number of a row in the whole set.
    const whole = new Float32Array(this.firstRow + this.rows);
    whole.set(readRowWeights('weighted()', rowWeights, this.rows), this.firstRow);
    return new Dataset({ ...this.storage, rowWeights: whole }, this.firstRow, this.rows);
  }

  /** The first number of the whole set that is not within a range. @internal */
  outside(range: Range): Place | undefined {
    const { outside, stored, scale } = this.storage;
    const key = JSON.stringify(range);
    if (!outside.has(key)) {
      const elements = stored.elements();
      outside.set(key, placeAt(stored, elements, firstOutside(elements, scale, range), scale));
    }
    return outside.get(key);
  }

  /** A copy of the labels, one a row; throws `DATA_MISSING` where there are none. */
  labels(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(
      this.labelMemory()
        .bytes()
        .subarray(this.firstRow, this.firstRow + this.rows),
    );
  }

  /** A copy of the numbers, scaled, `[rows, columns]`, zeros of sparse rows too; NaN where one is missing. */
  values(): Float32Array<ArrayBuffer> {
    const { stored, scale } = this.storage;
    const factor = Math.fround(scale);
    const known = this.known();
    const numbers = stored.dense(this.firstRow, this.rows);
    return Float32Array.from(numbers, (value, place) => (known?.[place] === 0 ? Number.NaN : value * factor));
  }

  /** Which numbers of this view are known, 0 where one is missing; undefined where all are. @internal */
  known(): Uint8Array | undefined {
    const { known, columns } = this.storage;
    return known?.bytes().subarray(this.firstRow * columns, (this.firstRow + this.rows) * columns);
  }

  /**
   * A new data set of binary states of these rows, read as probabilities: each number drawn once with the seed
   * (`sample`), or on from 0.5 (`threshold`). A row's draws depend on its number in the whole set. Likelihoods of binary
   * models are of such rows; intensities have none.
   */
  binarised(options: { readonly method: 'sample'; readonly seed: number } | { readonly method: 'threshold' }): Dataset {
    const where = 'binarised()';
    refuseUnknown(where, options, options.method === 'threshold' ? ['method'] : ['method', 'seed']);
    const method = oneOf(where, 'method', options.method, ['sample', 'threshold'] as const);
    const { runtime, stored, columns, name } = this.storage;
    const factor = Math.fround(this.storage.scale);
    const states =
      method === 'threshold'
        ? stored.replaced(this.firstRow, this.rows, () => (value) => Number(Math.fround(value * factor) >= 0.5))
        : this.drawnOnce(readSeed(where, (options as { readonly seed: number }).seed), factor);
    return createDataset(runtime, { rows: states, columns, name: `${name} (${method})`, ...this.belongings() });
  }

  /** Binary states in place of the numbers, which are probabilities. */
  private drawnOnce(seed: number, factor: number): GivenRows {
    const { runtime, stored, columns } = this.storage;
    const stream = noiseStream(runtime, seed, 'score', 1);
    const states = withScratch(runtime, columns * 4, (scratch) =>
      stored.replaced(this.firstRow, this.rows, (row) => {
        stream.uniforms(this.firstRow + row, scratch.handle, columns);
        const uniforms = scratch.floats();
        return (value, column) => Number(uniforms[column]! < Math.fround(value * factor));
      }),
    );
    stream.free();
    return states;
  }

  /**
   * A new data set, yours to free, of `rows` of these rows with as many of each class: in a seeded order of all rows the
   * first of each class, kept in the order in which they stand here. Throws `DATA_MISSING` without labels, `OPTION_INVALID`
   * for rows that are no multiple of the classes, and `DATA_INVALID` for a class that has too few.
   */
  balancedSubset(options: SubsetOptions): Dataset {
    const where = 'balancedSubset()';
    refuseUnknown(where, options, ['rows', 'seed']);
    const seed = readSeed(where, options.seed);
    const labels = this.labels();
    const { classes } = this;
    const count = integer(where, 'rows', options.rows, { atLeast: 1 });
    if (count % classes !== 0) {
      const wanted = `a multiple of the number of classes, ${classes}`;
      throw new WakesleepError('OPTION_INVALID', `\`rows\` must be ${wanted}; got ${count}.`, {
        given: count,
        wanted,
        where: `${where}.rows`,
      });
    }
    refuseSmallClasses(where, labels, classes, count / classes);
    const chosen: number[] = [];
    const missing = new Uint32Array(classes).fill(count / classes);
    for (const row of this.shuffledRows(seed)) {
      const label = labels[row]!;
      if (missing[label] === 0) continue;
      missing[label]! -= 1;
      chosen.push(row);
    }
    chosen.sort((a, b) => a - b);
    return this.copyOfRows(chosen, `${this.storage.name} (${count} labelled, subset ${seed})`);
  }

  /** Numbers of this view's rows in a seeded order. */
  private shuffledRows(seed: number): Uint32Array {
    const { runtime } = this.storage;
    return withScratch(runtime, this.rows * 4, (order) => {
      const [low, high] = seedWords(seed);
      runtime.kernels.permutation(low, high, 0, SUBSET_PHASE, order.handle);
      return order.words().slice(0, this.rows);
    });
  }

  /** A data set of its own of some rows of this view, with all that belongs to them. */
  private copyOfRows(rows: readonly number[], name: string): Dataset {
    const { runtime, stored, columns, scale } = this.storage;
    const chosen = stored.some(rows.map((row) => this.firstRow + row));
    return createDataset(runtime, { rows: chosen, columns, scale, name, ...this.belongings(rows) });
  }

  /**
   * A data set of its own of these rows after a change to the numbers as they are stored, `[rows, columns]`; `one` is the
   * largest that stands for no more than 1. @internal
   */
  changed(name: string, change: (numbers: Uint8Array | Float32Array, one: number) => void): Dataset {
    const { runtime, stored, columns, scale } = this.storage;
    const numbers = stored.dense(this.firstRow, this.rows).slice();
    const areBytes = !(numbers instanceof Float32Array);
    change(numbers, areBytes ? Math.min(255, Math.floor(1 / scale + 1e-6)) : largestFloatToOne(scale));
    return createDataset(runtime, { rows: numbers, columns, scale, name, ...this.belongings() });
  }

  /** What belongs to rows of this view beside their numbers: of some of them, or of all. */
  private belongings(rows?: readonly number[]): Pick<DatasetOptions, 'labels' | 'classes' | 'known' | 'rowWeights'> {
    const { columns, classes, rowWeights } = this.storage;
    const own = <T extends Uint8Array | Float32Array>(values: T, width: number) =>
      rows === undefined ? values : gathered(values, rows, width);
    const known = this.known();
    const weights = rowWeights?.subarray(this.firstRow, this.firstRow + this.rows);
    return {
      ...(classes > 0 && { labels: own(this.labels(), 1), classes }),
      ...(known && { known: own(known, columns) }),
      ...(weights && { rowWeights: own(weights, 1) }),
    };
  }

  /** Whether every number is 0 or 1. */
  isBinary(): boolean {
    const { stored, scale } = this.storage;
    return stored
      .elementsOf(this.firstRow, this.rows)
      .every((value) => value === 0 || Math.fround(value * scale) === 1);
  }

  /** @internal */
  labelMemory(): EngineBuffer {
    const { labels } = this.storage;
    if (labels === undefined)
      throw new WakesleepError('DATA_MISSING', 'This data set has no labels.', { wanted: 'labels' });
    return labels;
  }

  /** Mean of each column's known numbers over this view, in f64, rows ascending; 0 where none is known. */
  columnMeans(): Float64Array {
    const { stored, scale } = this.storage;
    // What is missing is stored as 0.
    const sums = stored.columnSums(this.firstRow, this.rows);
    const counts = this.knownInColumns();
    return sums.map((sum, column) => (sum / Math.max(1, counts?.[column] ?? this.rows)) * scale);
  }

  /** How many numbers of each column are known; undefined where all are. */
  private knownInColumns(): Float64Array | undefined {
    const known = this.known();
    if (known === undefined) return undefined;
    const counts = new Float64Array(this.columns);
    known.forEach((byte, place) => {
      counts[place % this.columns]! += byte === 0 ? 0 : 1;
    });
    return counts;
  }

  /** Sum of each row, in f64; NaN where a number of it is missing. */
  rowSums(): Float64Array {
    const { stored, columns, scale } = this.storage;
    const sums = stored.rowSums(this.firstRow, this.rows, Math.fround(scale));
    this.known()?.forEach((isKnown, place) => {
      if (isKnown === 0) sums[Math.floor(place / columns)] = Number.NaN;
    });
    return sums;
  }

  /** Standard deviation of each column over this view (dividing by the number of rows), in f64, rows ascending. */
  columnDeviations(): Float64Array {
    const { stored, columns, scale } = this.storage;
    const means = this.columnMeans();
    const sums = new Float64Array(columns);
    const known = this.known();
    stored.eachRow(this.firstRow, this.rows, (numbers, row) => {
      for (let column = 0; column < columns; column += 1) {
        if (known?.[row * columns + column] === 0) continue;
        const difference = numbers[column]! * scale - means[column]!;
        sums[column]! += difference * difference;
      }
    });
    const counts = this.knownInColumns();
    return sums.map((sum, column) => Math.sqrt(sum / Math.max(1, counts?.[column] ?? this.rows)));
  }

  /** What identifies this view in a checkpoint. */
  identity(): DataIdentity {
    const { storage, firstRow, rows } = this;
    const { columns, classes, name, stored, labels } = storage;
    const parts = stored.bytesOf(firstRow, rows);
    if (labels !== undefined) parts.push(labels.bytes().subarray(firstRow, firstRow + rows));
    const known = this.known();
    if (known !== undefined) parts.push(known);
    if (storage.rowWeights !== undefined) {
      parts.push(new Uint8Array(storage.rowWeights.slice(firstRow, firstRow + rows).buffer));
    }
    return { name, firstRow, rows, columns, classes, digest: fingerprint(parts) };
  }

  /** Gives the memory of the whole set back; no view of it may be used afterwards. */
  free(): void {
    this.storage.stored.free();
    this.storage.labels?.free();
    this.storage.known?.free();
  }
}

/** Puts rows into the engine's memory; `engine.dataset()` is this. */
export function createDataset(runtime: Runtime, options: DatasetOptions): Dataset {
  const where = 'dataset()';
  refuseUnknown(where, options, ['rows', 'columns', 'scale', 'labels', 'classes', 'known', 'rowWeights', 'name']);
  const scale = options.scale === undefined ? 1 : finiteNumber(where, 'scale', options.scale, { above: 0 });
  const { columns, rows, ...given } = readRows(where, options);
  const knownNumbers = readKnown(where, options.known, given.numbers);
  const numbers = knownNumbers === undefined ? given.numbers : withoutMissing(given.numbers as Elements, knownNumbers);
  const classes = readClasses(where, options, rows);
  const { rowWeights: givenWeights } = options;
  const rowWeights = givenWeights === undefined ? undefined : readRowWeights(where, givenWeights, rows);
  return allOrNothing((own) => {
    const inMemory = (bytes: ArrayLike<number>) => {
      const buffer = own(runtime.allocate(bytes.length));
      buffer.bytes().set(bytes);
      return buffer;
    };
    const stored = own(store(runtime, numbers, columns));
    const unit = { least: 0, most: 1, integers: false };
    const outside = new Map([[JSON.stringify(unit), checkNumbers(stored, scale, unit)]]);
    const known = knownNumbers && inMemory(knownNumbers);
    const labels = options.labels && inMemory(Uint8Array.from(options.labels));
    const name = options.name ?? '';
    return new Dataset({ runtime, stored, labels, classes, columns, scale, name, known, rowWeights, outside }, 0, rows);
  });
}

/** The numbers as they will be stored, and their size. */
function readRows(where: string, { rows, columns }: DatasetOptions) {
  if (rows instanceof Uint8Array || rows instanceof Uint8ClampedArray || rows instanceof Float32Array) {
    const width = integer(where, 'columns', columns, COLUMNS);
    if (rows.length % width !== 0) {
      throw new WakesleepError(
        'SHAPE_MISMATCH',
        `\`rows\` has ${rows.length} numbers, which is not a whole number of rows of ${width} columns.`,
        { given: rows.length, wanted: `a multiple of ${width}`, where },
      );
    }
    const numbers: GivenRows = rows instanceof Uint8ClampedArray ? new Uint8Array(rows) : rows;
    return { numbers, columns: width, rows: rows.length / width };
  }
  if (isSparse(rows)) {
    const width = integer(where, 'columns', columns ?? rows.columns, COLUMNS);
    checkSparse(`${where}.rows`, { ...rows, columns: width });
    return { numbers: { ...rows, columns: width } as GivenRows, columns: width, rows: rows.rows };
  }
  if (!Array.isArray(rows)) {
    const wanted = 'a Uint8Array, a Float32Array, a list of rows or sparse rows';
    throw new WakesleepError('OPTION_INVALID', `\`rows\` must be ${wanted}; got ${describeValue(rows)}.`, {
      given: rows,
      wanted,
      where,
    });
  }
  const width = integer(where, 'columns', columns ?? rows[0]?.length, COLUMNS);
  const numbers = new Float32Array(rows.length * width);
  rows.forEach((row: ArrayLike<number>, index) => {
    if (row?.length !== width) {
      const message = `Row ${index} has ${row?.length} numbers; every row must have ${width}.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: row?.length, wanted: String(width), where });
    }
    for (let column = 0; column < width; column += 1) numbers[index * width + column] = Number(row[column]);
  });
  return { numbers: numbers as GivenRows, columns: width, rows: rows.length };
}

const COLUMNS = { atLeast: 1, atMost: 65_535 };

function isSparse(rows: unknown): rows is SparseRows {
  return isPlainObject(rows) && ['offsets', 'places', 'values'].every((name) => ArrayBuffer.isView(rows[name]));
}

/** Which numbers are known, a byte each; undefined where all are. */
function readKnown(where: string, known: DatasetOptions['known'], values: GivenRows): Uint8Array | undefined {
  if (known === undefined) return undefined;
  if ('offsets' in values) {
    const message = 'Of sparse rows every number is known; `known` is for rows with all their numbers.';
    throw new WakesleepError('OPTION_INVALID', message, { given: known, wanted: 'no `known`', where });
  }
  if (typeof known === 'string') oneOf(where, 'known', known, ['notNaN']);
  else if (known.length !== values.length) {
    const message = `\`known\` has ${known.length} numbers; the rows have ${values.length}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: known.length, wanted: String(values.length), where });
  }
  const isKnown = (value: number, place: number) =>
    typeof known === 'string' ? !Number.isNaN(value) : Boolean(known[place]);
  const bytes = new Uint8Array(values.length);
  let missing = 0;
  for (let place = 0; place < bytes.length; place += 1) {
    bytes[place] = Number(isKnown(values[place]!, place));
    missing += 1 - bytes[place]!;
  }
  return missing > 0 ? bytes : undefined;
}

/** The numbers with 0 in place of what is missing. */
function withoutMissing<T extends Uint8Array | Float32Array>(values: T, known: Uint8Array): T {
  const kept = values.slice() as T;
  for (let place = 0; place < kept.length; place += 1) if (known[place] === 0) kept[place] = 0;
  return kept;
}

function readClasses(where: string, { labels, classes }: DatasetOptions, rows: number): number {
  if (labels === undefined) return 0;
  const count = integer(where, 'classes', classes, { atLeast: 1, atMost: 256 });
  if (labels.length !== rows) {
    throw new WakesleepError('SHAPE_MISMATCH', `There are ${labels.length} labels for ${rows} rows.`, {
      given: labels.length,
      wanted: String(rows),
      where,
    });
  }
  for (let row = 0; row < rows; row += 1) {
    const label = labels[row]!;
    if (Number.isInteger(label) && label >= 0 && label < count) continue;
    const wanted = `an integer from 0 to ${count - 1}`;
    throw new WakesleepError('DATA_INVALID', `The label of row ${row} must be ${wanted}; got ${label}.`, {
      given: label,
      wanted,
      where,
    });
  }
  return count;
}

/** The largest f32 that is at most 1 when it is multiplied by `scale`. */
function largestFloatToOne(scale: number): number {
  const nearest = Math.fround(1 / scale);
  return nearest * scale <= 1 ? nearest : Math.fround(nearest * (1 - 2 ** -23));
}

function refuseSmallClasses(where: string, labels: Uint8Array, classes: number, wanted: number): void {
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label]! += 1;
  const small = counts.findIndex((count) => count < wanted);
  if (small < 0) return;
  const message = `A balanced subset needs ${wanted} rows of each class, and class ${small} has ${counts[small]}.`;
  throw new WakesleepError('DATA_INVALID', message, { given: counts[small], wanted: String(wanted), where });
}

function readRowWeights(where: string, rowWeights: ArrayLike<number>, rows: number): Float32Array {
  if (rowWeights.length !== rows) {
    throw new WakesleepError('SHAPE_MISMATCH', `There are ${rowWeights.length} weights for ${rows} rows.`, {
      given: rowWeights.length,
      wanted: String(rows),
      where,
    });
  }
  let sum = 0;
  for (let row = 0; row < rows; row += 1) {
    sum += finiteNumber(where, `rowWeights.${row}`, rowWeights[row], { atLeast: 0 });
  }
  if (sum === 0 && rows > 0) {
    const message = 'The weights of all rows are 0, so that nothing would be learned.';
    throw new WakesleepError('DATA_INVALID', message, { given: 0, wanted: 'some weight above 0', where });
  }
  return Float32Array.from(rowWeights, (weight) => (weight * rows) / sum);
}

/** The first element that is not within a range; −1 where all are. (0, which sparse rows leave out, is within all ranges.) */
function firstOutside(elements: Elements, scale: number, range: Range): number {
  const { least, most, integers } = range;
  if (elements instanceof Float32Array) {
    if (least === Number.NEGATIVE_INFINITY && most === Number.POSITIVE_INFINITY) return -1;
    return elements.findIndex((value) => !isWithin(value, scale, range));
  }
  if (!integers && least <= 0 && 255 * scale <= most * (1 + 1e-6)) return -1;
  const bad = Uint8Array.from({ length: 256 }, (_, value) => (isWithin(value, scale, range) ? 0 : 1));
  return elements.findIndex((value) => bad[value] === 1);
}

function placeAt(stored: Stored, elements: Elements, element: number, scale: number): Place | undefined {
  return element < 0 ? undefined : { ...stored.placeOf(element), value: elements[element]! * scale };
}

/** Whether a number, scaled as the kernels scale it where it must be whole, lies within a range. */
function isWithin(value: number, scale: number, { least, most, integers }: Range): boolean {
  if (integers && !Number.isInteger(Math.fround(value * Math.fround(scale)))) return false;
  // A scale that is a rounded 1/255 may bring 255 a little above 1.
  return value * scale >= least && value * scale <= most * (1 + 1e-6);
}

/** Refuses numbers that are not finite, and finds the first outside [0, 1]. */
function checkNumbers(stored: Stored, scale: number, unit: Range): Place | undefined {
  const elements = stored.elements();
  const first = firstOutside(elements, scale, unit);
  if (first >= 0 && elements instanceof Float32Array) {
    const lost = elements.findIndex((value, element) => element >= first && !Number.isFinite(value * scale));
    if (lost >= 0) {
      const { row, column, value } = placeAt(stored, elements, lost, scale)!;
      throw new WakesleepError(
        'DATA_INVALID',
        `The number in row ${row}, column ${column} must be finite; got ${value}.`,
        { given: value, wanted: 'a finite number', where: `row ${row}, column ${column}` },
      );
    }
  }
  return placeAt(stored, elements, first, scale);
}
