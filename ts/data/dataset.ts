/**
 * Rows in the engine's memory, with labels where there are any. Splits are views: ranges of the same rows.
 *
 * A row keeps its number in the whole set whatever view it is read through, because the draws that binarise it are
 * addressed by that number.
 */
import { WakesleepError } from '../errors.js';
import { noiseStream } from '../noise.js';
import { describeValue, finiteNumber, integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import { withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Range } from '../units/unit.js';

/** What `engine.dataset()` takes. */
export interface DatasetOptions {
  /** `[rows, columns]`, row-major: bytes (kept as bytes), floats, or a list of rows. */
  readonly rows: Uint8Array | Uint8ClampedArray | Float32Array | readonly ArrayLike<number>[];
  /** Numbers in a row; may be left out for a list of rows. */
  readonly columns?: number;
  /** What every number is multiplied by when it is read, default 1; 1/255 for pixels in bytes. */
  readonly scale?: number;
  /** A class for each row, `0 … classes − 1`. */
  readonly labels?: ArrayLike<number>;
  /** How many classes there are, at most 256; needed with labels. */
  readonly classes?: number;
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
  readonly data: EngineBuffer;
  readonly pixels: boolean;
  readonly labels: EngineBuffer | undefined;
  readonly classes: number;
  readonly columns: number;
  readonly scale: number;
  readonly name: string;
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

  /** The first number of the whole set that is not within a range. @internal */
  outside(range: Range): Place | undefined {
    const { outside, data, pixels, columns, scale } = this.storage;
    const key = JSON.stringify(range);
    if (!outside.has(key)) {
      const found = pixels
        ? outsideOfBytes(data.bytes(), columns, scale, range)
        : outsideOfFloats(data.floats(), columns, scale, range);
      outside.set(key, found);
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

  /** A copy of the numbers, scaled, `[rows, columns]`. */
  values(): Float32Array<ArrayBuffer> {
    const { data, pixels, columns, scale } = this.storage;
    const from = this.firstRow * columns;
    const source = (pixels ? data.bytes() : data.floats()).subarray(from, from + this.rows * columns);
    const factor = Math.fround(scale);
    return Float32Array.from(source, (value) => value * factor);
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
    const { runtime, columns, classes, name } = this.storage;
    const values = this.values();
    const states = new Uint8Array(values.length);
    if (method === 'threshold') {
      for (let place = 0; place < states.length; place += 1) states[place] = Number(values[place]! >= 0.5);
    } else {
      const seed = readSeed(where, (options as { readonly seed: number }).seed);
      const stream = noiseStream(runtime, seed, 'score', 1);
      withScratch(runtime, columns * 4, (scratch) => {
        for (let row = 0; row < this.rows; row += 1) {
          stream.uniforms(this.firstRow + row, scratch.handle, columns);
          const uniforms = scratch.floats();
          const first = row * columns;
          for (let column = 0; column < columns; column += 1) {
            states[first + column] = Number(uniforms[column]! < values[first + column]!);
          }
        }
      });
      stream.free();
    }
    const labels = classes > 0 ? { labels: this.labels(), classes } : {};
    return createDataset(runtime, { rows: states, columns, name: `${name} (${method})`, ...labels });
  }

  /** Whether every number is 0 or 1. */
  isBinary(): boolean {
    const { data, pixels, columns, scale } = this.storage;
    const source = pixels ? data.bytes() : data.floats();
    const view = source.subarray(this.firstRow * columns, (this.firstRow + this.rows) * columns);
    return view.every((value) => value === 0 || Math.fround(value * scale) === 1);
  }

  /** @internal */
  labelMemory(): EngineBuffer {
    const { labels } = this.storage;
    if (labels === undefined)
      throw new WakesleepError('DATA_MISSING', 'This data set has no labels.', { wanted: 'labels' });
    return labels;
  }

  /** Mean of each column over this view, in f64, rows ascending. */
  columnMeans(): Float64Array {
    const { data, pixels, columns, scale } = this.storage;
    const source = pixels ? data.bytes() : data.floats();
    const sums = new Float64Array(columns);
    const end = (this.firstRow + this.rows) * columns;
    for (let row = this.firstRow * columns; row < end; row += columns) {
      for (let column = 0; column < columns; column += 1) sums[column]! += source[row + column]!;
    }
    return sums.map((sum) => (sum / Math.max(1, this.rows)) * scale);
  }

  /** Sum of each row, in f64. */
  rowSums(): Float64Array {
    const { columns } = this.storage;
    const sums = new Float64Array(this.rows);
    this.values().forEach((value, place) => {
      sums[Math.floor(place / columns)]! += value;
    });
    return sums;
  }

  /** Standard deviation of each column over this view (dividing by the number of rows), in f64, rows ascending. */
  columnDeviations(): Float64Array {
    const { data, pixels, columns, scale } = this.storage;
    const source = pixels ? data.bytes() : data.floats();
    const means = this.columnMeans();
    const sums = new Float64Array(columns);
    const end = (this.firstRow + this.rows) * columns;
    for (let row = this.firstRow * columns; row < end; row += columns) {
      for (let column = 0; column < columns; column += 1) {
        const difference = source[row + column]! * scale - means[column]!;
        sums[column]! += difference * difference;
      }
    }
    return sums.map((sum) => Math.sqrt(sum / Math.max(1, this.rows)));
  }

  /** What identifies this view in a checkpoint. */
  identity(): DataIdentity {
    const { storage, firstRow, rows } = this;
    const { columns, classes, name, data, pixels, labels } = storage;
    const width = columns * (pixels ? 1 : 4);
    let hash = fnv(0x811c9dc5, data.bytes().subarray(firstRow * width, (firstRow + rows) * width));
    if (labels !== undefined) hash = fnv(hash, labels.bytes().subarray(firstRow, firstRow + rows));
    if (storage.rowWeights !== undefined) {
      hash = fnv(hash, new Uint8Array(storage.rowWeights.slice(firstRow, firstRow + rows).buffer));
    }
    return { name, firstRow, rows, columns, classes, digest: hash.toString(16).padStart(8, '0') };
  }

  /** Gives the memory of the whole set back; no view of it may be used afterwards. */
  free(): void {
    this.storage.data.free();
    this.storage.labels?.free();
  }
}

/** Puts rows into the engine's memory; `engine.dataset()` is this. */
export function createDataset(runtime: Runtime, options: DatasetOptions): Dataset {
  const where = 'dataset()';
  refuseUnknown(where, options, ['rows', 'columns', 'scale', 'labels', 'classes', 'rowWeights', 'name']);
  const scale = options.scale === undefined ? 1 : finiteNumber(where, 'scale', options.scale, { above: 0 });
  const { values, columns, rows } = readRows(where, options);
  const classes = readClasses(where, options, rows);
  const rowWeights = readRowWeights(where, options, rows);
  const pixels = !(values instanceof Float32Array);
  const unit = { least: 0, most: 1, integers: false };
  const first = pixels ? outsideOfBytes(values, columns, scale, unit) : checkFloats(values, columns, scale);
  const outside = new Map([[JSON.stringify(unit), first]]);
  const data = runtime.allocate(values.byteLength);
  if (pixels) data.bytes().set(values);
  else data.floats().set(values);
  let labels: EngineBuffer | undefined;
  if (options.labels !== undefined) {
    labels = runtime.allocate(rows);
    labels.bytes().set(Uint8Array.from(options.labels));
  }
  const name = options.name ?? '';
  return new Dataset({ runtime, data, pixels, labels, classes, columns, scale, name, rowWeights, outside }, 0, rows);
}

function readRows(where: string, { rows, columns }: DatasetOptions) {
  if (rows instanceof Uint8Array || rows instanceof Uint8ClampedArray || rows instanceof Float32Array) {
    const width = integer(where, 'columns', columns, { atLeast: 1, atMost: 65_535 });
    if (rows.length % width !== 0) {
      throw new WakesleepError(
        'SHAPE_MISMATCH',
        `\`rows\` has ${rows.length} numbers, which is not a whole number of rows of ${width} columns.`,
        { given: rows.length, wanted: `a multiple of ${width}`, where },
      );
    }
    const values = rows instanceof Uint8ClampedArray ? new Uint8Array(rows) : rows;
    return { values, columns: width, rows: values.length / width };
  }
  if (!Array.isArray(rows)) {
    const wanted = 'a Uint8Array, a Float32Array or a list of rows';
    throw new WakesleepError('OPTION_INVALID', `\`rows\` must be ${wanted}; got ${describeValue(rows)}.`, {
      given: rows,
      wanted,
      where,
    });
  }
  const width = integer(where, 'columns', columns ?? rows[0]?.length, { atLeast: 1, atMost: 65_535 });
  const values = new Float32Array(rows.length * width);
  rows.forEach((row: ArrayLike<number>, index) => {
    if (row?.length !== width) {
      const message = `Row ${index} has ${row?.length} numbers; every row must have ${width}.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: row?.length, wanted: String(width), where });
    }
    for (let column = 0; column < width; column += 1) values[index * width + column] = Number(row[column]);
  });
  return { values, columns: width, rows: rows.length };
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

function readRowWeights(where: string, { rowWeights }: DatasetOptions, rows: number): Float32Array | undefined {
  if (rowWeights === undefined) return undefined;
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

function outsideOfBytes(values: Uint8Array, columns: number, scale: number, range: Range): Place | undefined {
  if (!range.integers && range.least <= 0 && 255 * scale <= range.most * (1 + 1e-6)) return undefined;
  const bad = Uint8Array.from({ length: 256 }, (_, value) => (isWithin(value, scale, range) ? 0 : 1));
  const index = values.findIndex((value) => bad[value] === 1);
  return index < 0 ? undefined : place(index, columns, values[index]! * scale);
}

function outsideOfFloats(values: Float32Array, columns: number, scale: number, range: Range): Place | undefined {
  if (range.least === Number.NEGATIVE_INFINITY && range.most === Number.POSITIVE_INFINITY) return undefined;
  const index = values.findIndex((value) => !isWithin(value, scale, range));
  return index < 0 ? undefined : place(index, columns, values[index]! * scale);
}

/** Whether a number, scaled as the kernels scale it where it must be whole, lies within a range. */
function isWithin(value: number, scale: number, { least, most, integers }: Range): boolean {
  if (integers && !Number.isInteger(Math.fround(value * Math.fround(scale)))) return false;
  return value * scale >= least && value * scale <= most;
}

/** Refuses numbers that are not finite and finds the first outside [0, 1]. */
function checkFloats(values: Float32Array, columns: number, scale: number): Place | undefined {
  let outside: Place | undefined;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]! * scale;
    if (value >= 0 && value <= 1) continue;
    if (!Number.isFinite(value)) {
      const { row, column } = place(index, columns, value);
      throw new WakesleepError(
        'DATA_INVALID',
        `The number in row ${row}, column ${column} must be finite; got ${value}.`,
        { given: value, wanted: 'a finite number', where: `row ${row}, column ${column}` },
      );
    }
    outside ??= place(index, columns, value);
  }
  return outside;
}

function place(index: number, columns: number, value: number): Place {
  return { row: Math.floor(index / columns), column: index % columns, value };
}

function fnv(start: number, bytes: Uint8Array): number {
  let hash = start;
  for (let i = 0; i < bytes.length; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
