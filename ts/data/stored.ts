/**
 * The numbers of a data set as they lie in the engine's memory, unscaled: every number, or only what is not 0. Data sets ask
 * this for what they need, so that nothing else knows which it is.
 */
import { allOrNothing } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Activity, Stream } from '../wasm/st.js';
import { allocatedFloats } from './corrupt.js';
import { type SparseRows, spread, withoutZeros } from './sparse.js';

/** Numbers of one width: bytes, or floats. */
export type Elements = Uint8Array | Float32Array;

/** Rows as `engine.dataset()` takes them. */
export type GivenRows = Elements | SparseRows;

/** What a batch reads: rows `order[first ..]`, as many as it has, times `scale`. */
export interface Reading {
  readonly scale: number;
  readonly order: EngineBuffer;
  readonly first: number;
}

/** Numbers of a data set, `[rows, columns]`, in the engine's memory. */
export interface Stored {
  /** What is stored, all of it: bytes or floats; of sparse rows what is kept, as floats. */
  elements(): Elements;
  /** What is stored of some rows. */
  elementsOf(first: number, rows: number): Elements;
  /** Where an element stands. */
  placeOf(element: number): { readonly row: number; readonly column: number };
  /** Some rows with all their numbers, to be read at once: perhaps the memory itself. Throws `OUT_OF_MEMORY`. */
  dense(first: number, rows: number): Elements;
  /** The sum of each column over some rows, in f64, rows ascending. */
  columnSums(first: number, rows: number): Float64Array;
  /** The sum of each of some rows, each number times `factor` as f32, in f64, columns ascending. */
  rowSums(first: number, rows: number, factor: number): Float64Array;
  /** Shows each of some rows with all its numbers; the array is good until the next row only. */
  eachRow(first: number, rows: number, see: (numbers: Elements, row: number) => void): void;
  /** Copies of rows by their numbers, for a data set of their own. */
  some(rows: readonly number[]): GivenRows;
  /** Some rows with bytes in place of their numbers; `start` is asked once a row for what makes one of each. */
  replaced(first: number, rows: number, start: (row: number) => (value: number, column: number) => number): GivenRows;
  /** All bytes that tell some rows from others. */
  bytesOf(first: number, rows: number): Uint8Array[];
  /** Reads rows into a batch; false where memory is out. */
  gather(batch: Activity, reading: Reading): boolean;
  /** As `gather`, but draws binary states with those probabilities. */
  gatherStates(batch: Activity, reading: Reading, stream: Stream): void;
  free(): void;
}

/** Puts rows into the engine's memory. Throws `OUT_OF_MEMORY`. */
export function store(runtime: Runtime, rows: GivenRows, columns: number): Stored {
  return 'offsets' in rows ? new SparseStored(runtime, rows) : new DenseStored(runtime, rows, columns);
}

class DenseStored implements Stored {
  private readonly areBytes: boolean;
  private readonly numbers: EngineBuffer;

  constructor(
    runtime: Runtime,
    elements: Elements,
    private readonly columns: number,
  ) {
    this.areBytes = !(elements instanceof Float32Array);
    this.numbers = runtime.allocate(elements.byteLength);
    this.elements().set(elements);
  }

  elements(): Elements {
    return this.areBytes ? this.numbers.bytes() : this.numbers.floats();
  }

  elementsOf(first: number, rows: number): Elements {
    return this.elements().subarray(first * this.columns, (first + rows) * this.columns);
  }

  placeOf(element: number) {
    return { row: Math.floor(element / this.columns), column: element % this.columns };
  }

  dense(first: number, rows: number): Elements {
    return this.elementsOf(first, rows);
  }

  columnSums(first: number, rows: number): Float64Array {
    const sums = new Float64Array(this.columns);
    this.eachRow(first, rows, (numbers) => {
      for (let column = 0; column < sums.length; column += 1) sums[column]! += numbers[column]!;
    });
    return sums;
  }

  rowSums(first: number, rows: number, factor: number): Float64Array {
    const sums = new Float64Array(rows);
    this.eachRow(first, rows, (numbers, row) => {
      for (const number of numbers) sums[row]! += Math.fround(number * factor);
    });
    return sums;
  }

  eachRow(first: number, rows: number, see: (numbers: Elements, row: number) => void): void {
    for (let row = 0; row < rows; row += 1) see(this.elementsOf(first + row, 1), row);
  }

  some(rows: readonly number[]): Elements {
    return gathered(this.elements(), rows, this.columns);
  }

  replaced(first: number, rows: number, start: (row: number) => (value: number, column: number) => number): Uint8Array {
    const bytes = new Uint8Array(rows * this.columns);
    this.eachRow(first, rows, (numbers, row) => {
      const make = start(row);
      for (let column = 0; column < this.columns; column += 1) {
        bytes[row * this.columns + column] = make(numbers[column]!, column);
      }
    });
    return bytes;
  }

  bytesOf(first: number, rows: number): Uint8Array[] {
    return [bytesIn(this.elementsOf(first, rows))];
  }

  gather(batch: Activity, { scale, order, first }: Reading): boolean {
    return batch.gather(this.numbers.handle, this.areBytes, scale, order.handle, first);
  }

  gatherStates(batch: Activity, { scale, order, first }: Reading, stream: Stream): void {
    batch.gatherStates(this.numbers.handle, this.areBytes, scale, order.handle, first, stream);
  }

  free(): void {
    this.numbers.free();
  }
}

class SparseStored implements Stored {
  private readonly columns: number;
  private readonly offsets: EngineBuffer;
  private readonly places: EngineBuffer;
  private readonly numbers: EngineBuffer;

  constructor(runtime: Runtime, rows: SparseRows) {
    const { columns, offsets, places, values } = withoutZeros(rows);
    this.columns = columns;
    [this.offsets, this.places, this.numbers] = allOrNothing((own) => {
      const wordsFor = ({ length }: ArrayLike<number>) => own(runtime.allocate(4 * length));
      return [wordsFor(offsets), wordsFor(places), wordsFor(values)];
    });
    this.offsets.words().set(offsets);
    this.places.words().set(places);
    this.numbers.floats().set(values);
  }

  elements(): Float32Array {
    return this.numbers.floats();
  }

  elementsOf(first: number, rows: number): Float32Array {
    return this.elements().subarray(...this.range(first, rows));
  }

  placeOf(element: number) {
    const offsets = this.offsets.words();
    const row = offsets.findIndex((end) => end > element) - 1;
    return { row, column: this.places.words()[element]! };
  }

  dense(first: number, rows: number): Float32Array {
    const dense = allocatedFloats(rows * this.columns, 'The data set');
    spread(this.all(), first, rows, dense);
    return dense;
  }

  columnSums(first: number, rows: number): Float64Array {
    const sums = new Float64Array(this.columns);
    const places = this.places.words().subarray(...this.range(first, rows));
    const numbers = this.elementsOf(first, rows);
    for (let at = 0; at < places.length; at += 1) sums[places[at]!]! += numbers[at]!;
    return sums;
  }

  rowSums(first: number, rows: number, factor: number): Float64Array {
    const sums = new Float64Array(rows);
    for (let row = 0; row < rows; row += 1) {
      for (const number of this.elementsOf(first + row, 1)) sums[row]! += Math.fround(number * factor);
    }
    return sums;
  }

  eachRow(first: number, rows: number, see: (numbers: Elements, row: number) => void): void {
    const numbers = new Float32Array(this.columns);
    for (let row = 0; row < rows; row += 1) {
      numbers.fill(0);
      spread(this.all(), first + row, 1, numbers);
      see(numbers, row);
    }
  }

  some(rows: readonly number[]): SparseRows {
    const { columns } = this;
    const offsets = new Uint32Array(rows.length + 1);
    rows.forEach((row, place) => {
      offsets[place + 1] = offsets[place]! + this.elementsOf(row, 1).length;
    });
    const places = new Uint32Array(offsets[rows.length]!);
    const values = new Float32Array(places.length);
    rows.forEach((row, place) => {
      places.set(this.places.words().subarray(...this.range(row, 1)), offsets[place]);
      values.set(this.elementsOf(row, 1), offsets[place]);
    });
    return { rows: rows.length, columns, offsets, places, values };
  }

  replaced(first: number, rows: number, start: (row: number) => (value: number, column: number) => number): SparseRows {
    const { columns } = this;
    const [from, to] = this.range(first, rows);
    const offsets = this.offsets
      .words()
      .slice(first, first + rows + 1)
      .map((offset) => offset - from);
    const places = this.places.words().slice(from, to);
    const values = new Uint8Array(to - from);
    for (let row = 0; row < rows; row += 1) {
      const make = start(row);
      const elements = this.elementsOf(first, rows);
      for (let at = offsets[row]!; at < offsets[row + 1]!; at += 1) values[at] = make(elements[at]!, places[at]!);
    }
    return { rows, columns, offsets, places, values };
  }

  bytesOf(first: number, rows: number): Uint8Array[] {
    const range = this.range(first, rows);
    const offsets = this.offsets.words().slice(first, first + rows + 1);
    const fromFirst = offsets.map((offset) => offset - offsets[0]!);
    return [fromFirst, this.places.words().subarray(...range), this.elementsOf(first, rows)].map(bytesIn);
  }

  gather(batch: Activity, { scale, order, first }: Reading): boolean {
    const { offsets, places, numbers } = this;
    return batch.gatherSparse(offsets.handle, places.handle, numbers.handle, scale, order.handle, first);
  }

  gatherStates(batch: Activity, { scale, order, first }: Reading, stream: Stream): void {
    const { offsets, places, numbers } = this;
    batch.gatherStatesSparse(offsets.handle, places.handle, numbers.handle, scale, order.handle, first, stream);
  }

  free(): void {
    this.offsets.free();
    this.places.free();
    this.numbers.free();
  }

  /** Where what is stored of some rows begins and ends. */
  private range(first: number, rows: number): [number, number] {
    const offsets = this.offsets.words();
    return [offsets[first]!, offsets[first + rows]!];
  }

  private all(): Omit<SparseRows, 'rows'> {
    const { columns } = this;
    return { columns, offsets: this.offsets.words(), places: this.places.words(), values: this.elements() };
  }
}

/** Some rows of `[rows, columns]`, one after another. */
export function gathered<T extends Elements>(values: T, rows: readonly number[], columns: number): T {
  const copy = values.slice(0, rows.length * columns) as T;
  rows.forEach((row, place) => {
    copy.set(values.subarray(row * columns, (row + 1) * columns), place * columns);
  });
  return copy;
}

function bytesIn({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
