/**
 * Looks over the pages of a Parquet column before they are decoded. A decoder that takes a page's word for how often a value is
 * repeated writes as many, though the column has room for few; here the words are compared with the rows that are announced.
 *
 *     a column chunk    pages, the dictionary first where there is one
 *     a page            a header in Thrift's compact protocol, then as many bytes as it says
 *     a data page       which rows have a value (runs of 1 bit, of columns with nulls alone), then the values
 *     runs              a number whose lowest bit says: 0, one value so often as the rest says; 1, 8 times as many packed values
 *
 * 1. Page after page, until there are as many values as rows: sizes are within the chunk, counts within the rows.
 * 2. Where a page has runs, it is decompressed, and they may not give more values than the page.
 *
 * Of what is sound nothing is changed. Columns are flat. (Apache Parquet, "File Format", "Data Pages" and "Encodings".)
 */
import { MAX_DEFLATE_RATIO } from './gzip.js';

/** What a column chunk's metadata and its schema say. */
export interface ColumnPages {
  readonly type: string;
  readonly isCompressed: boolean;
  /** Whether nulls may be among the values. */
  readonly isOptional: boolean;
  readonly rows: number;
}

/** Gives the bytes of a page; throws where there are more or fewer than `length`. */
export type Decompress = (page: Uint8Array, length: number) => Uint8Array;

/** Throws an `Error` in words for the pages of a chunk that are not as they should be. */
export function checkPages(chunk: Uint8Array, column: ColumnPages, decompress: Decompress): void {
  let values = 0;
  let at = 0;
  while (values < column.rows) {
    if (at >= chunk.length) throw new Error(`its pages hold ${values} values of ${column.rows}`);
    const reader = new ThriftReader(chunk, at);
    const header = reader.fields();
    const [type, unpacked, packed] = [header.number(1), header.number(2), header.number(3)];
    const end = reader.at + packed;
    if (end > chunk.length) throw new Error(`a page claims ${packed} bytes, and ${chunk.length - reader.at} are there`);
    if (unpacked > (column.isCompressed ? packed * MAX_DEFLATE_RATIO : packed)) {
      throw new Error(`a page claims ${unpacked} bytes, more than its ${packed} bytes can hold`);
    }
    const bytes = chunk.subarray(reader.at, end);
    const opened = (part: Uint8Array, length: number) => (column.isCompressed ? decompress(part, length) : part);
    const page = { bytes, unpacked, column, left: column.rows - values, opened };
    if (type === DATA_PAGE) values += checkDataPage(header.part(5), page);
    else if (type === DATA_PAGE_2) values += checkDataPage2(header.part(8), page);
    else if (type === DICTIONARY_PAGE) limited(header.part(7).number(1), 8 * unpacked, 'entries');
    at = end;
  }
}

const [DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_2] = [0, 2, 3];
/** Encodings whose values are runs; RLE is for booleans alone. */
const [PLAIN_DICTIONARY, RLE, RLE_DICTIONARY] = [2, 3, 8];

/** A page as it lies in its chunk, and what its header may not exceed. */
interface Page {
  readonly bytes: Uint8Array;
  /** Its bytes after decompression, as its header says. */
  readonly unpacked: number;
  readonly column: ColumnPages;
  /** How many values the column still has room for. */
  readonly left: number;
  readonly opened: Decompress;
}

/** A page whose bytes are compressed as a whole; gives how many values it has. */
function checkDataPage(header: Fields, { bytes, unpacked, column, left, opened }: Page): number {
  const { type, isOptional } = column;
  const count = limited(header.number(1), left, 'values');
  const encoding = header.number(2);
  if (!isOptional && !isRuns(encoding)) return count;
  const values = opened(bytes, unpacked);
  let at = 0;
  let present = count;
  if (isOptional) {
    const end = endOfRuns(values, at);
    present = checkRuns(values, at + 4, 1, count);
    at = end;
  }
  checkValues(values, at, encoding, type, present);
  return count;
}

/** A page of the second version, whose values alone are compressed; gives how many it has. */
function checkDataPage2(header: Fields, { bytes, unpacked, column, left, opened }: Page): number {
  const { type, isOptional } = column;
  const count = limited(header.number(1), left, 'values');
  const present = count - limited(header.number(2), count, 'nulls');
  limited(header.number(3), count, 'rows');
  const [definitions, repetitions] = [header.number(5), header.number(6)];
  const begin = limited(definitions + repetitions, Math.min(bytes.length, unpacked), 'bytes of levels');
  const found = isOptional ? checkRuns(bytes.subarray(0, begin), repetitions, 1, count) : count;
  if (found !== present) throw new Error(`a page has ${found} values, and its header says ${present}`);
  const encoding = header.number(4);
  if (!isRuns(encoding) || present === 0) return count;
  const isPacked = header.flag(7, true) && unpacked > begin;
  const values = bytes.subarray(begin);
  checkValues(isPacked ? opened(values, unpacked - begin) : values, 0, encoding, type, present);
  return count;
}

function isRuns(encoding: number): boolean {
  return encoding === PLAIN_DICTIONARY || encoding === RLE || encoding === RLE_DICTIONARY;
}

/** Values of a dictionary, or booleans in runs. */
function checkValues(page: Uint8Array, at: number, encoding: number, type: string, count: number): void {
  if (!isRuns(encoding) || count === 0) return;
  if (type === 'BOOLEAN') {
    endOfRuns(page, at);
    checkRuns(page, at + 4, 1, count);
    return;
  }
  const width = page[at];
  if (width === undefined) throw new Error('a page is cut short before its values');
  // Of 0 bits the runs may be left out.
  if (width > 0 || at + 1 < page.length) checkRuns(page, at + 1, limited(width, 32, 'bits'), count);
}

/** Where runs end that begin with their length in bytes. */
function endOfRuns(page: Uint8Array, at: number): number {
  if (at + 4 > page.length) throw new Error('a page is cut short before its values');
  const length = new DataView(page.buffer, page.byteOffset).getUint32(at, true);
  return at + 4 + limited(length, page.length - at - 4, 'bytes of runs');
}

/** Throws where runs give more values than `count`, or end before; of values of 1 bit gives how many are 1. */
function checkRuns(bytes: Uint8Array, begin: number, width: number, count: number): number {
  const reader = new ThriftReader(bytes, begin);
  const wholeBytes = Math.ceil(width / 8);
  let ones = 0;
  for (let seen = 0; seen < count; ) {
    const head = reader.varint();
    const left = count - seen;
    if (head % 2 === 0) {
      const length = limited(head / 2, left, 'times one value');
      if (reader.at + wholeBytes > bytes.length) throw new Error('a run is cut short');
      if (bytes[reader.at] === 1) ones += length;
      reader.at += wholeBytes;
      seen += length;
    } else {
      const groups = (head - 1) / 2;
      if (width === 0) limited(groups, Math.ceil(left / 8), 'times 8 values');
      limited(groups * width, bytes.length - reader.at, 'bytes of packed values');
      const length = Math.min(8 * groups, left);
      if (width === 1) ones += onesAmong(bytes, reader.at, length);
      reader.at += groups * width;
      seen += length;
    }
  }
  return ones;
}

function onesAmong(bytes: Uint8Array, at: number, bits: number): number {
  let ones = 0;
  for (let bit = 0; bit < bits; bit += 1) ones += (bytes[at + (bit >> 3)]! >> (bit & 7)) & 1;
  return ones;
}

/** A count that may not be more; throws in words. */
function limited(count: number, most: number, what: string): number {
  if (count <= most) return count;
  throw new Error(`a page claims ${count} ${what}, where there can be ${most}`);
}

// ---- Thrift ----

const [STOP, TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 7, 8, 9, 12];
/** Headers of pages are three structures deep. */
const MOST_DEPTH = 8;

/** The fields of a structure by their numbers: whole numbers, truths and structures; all else is passed over. */
class Fields {
  constructor(private readonly found: ReadonlyMap<number, number | boolean | Fields>) {}

  /** A whole number that is not negative. */
  number(field: number): number {
    const value = this.found.get(field);
    if (typeof value === 'number' && value >= 0) return value;
    throw new Error(`field ${field} of a page's header must be a count; it is ${value ?? 'missing'}`);
  }

  flag(field: number, otherwise: boolean): boolean {
    const value = this.found.get(field);
    return typeof value === 'boolean' ? value : otherwise;
  }

  part(field: number): Fields {
    const value = this.found.get(field);
    if (value instanceof Fields) return value;
    throw new Error(`field ${field} of a page's header is missing`);
  }
}

/** Reads the compact protocol (Apache Thrift, "Thrift Compact protocol encoding"), as far as headers of pages have it. */
class ThriftReader {
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {}

  fields(depth = 0): Fields {
    const found = new Map<number, number | boolean | Fields>();
    let field = 0;
    for (let head = this.byte(); head % 16 !== STOP; head = this.byte()) {
      field = head >> 4 === 0 ? this.integer() : field + (head >> 4);
      const value = this.value(head % 16, depth);
      if (value !== undefined) found.set(field, value);
    }
    return new Fields(found);
  }

  /** A number of 7 bits a byte, the lowest first. */
  varint(): number {
    let value = 0;
    for (let place = 1; place < 2 ** 53; place *= 128) {
      const byte = this.byte();
      value += (byte % 128) * place;
      if (byte < 128) return value;
    }
    throw new Error('a number in a page is too long');
  }

  private value(type: number, depth: number): number | boolean | Fields | undefined {
    if (depth > MOST_DEPTH) throw new Error("a page's header is too deep");
    if (type === TRUE || type === FALSE) return type === TRUE;
    if (type > BYTE && type < DOUBLE) return this.integer();
    if (type === STRUCT) return this.fields(depth + 1);
    if (type === LIST) this.passList(depth);
    else if (type === BYTE) this.byte();
    else if (type === DOUBLE) this.pass(8);
    else if (type === BINARY) this.pass(this.varint());
    else throw new Error(`a page's header has a field of the unknown type ${type}`);
    return undefined;
  }

  private passList(depth: number): void {
    const head = this.byte();
    const size = head >> 4 === 15 ? this.varint() : head >> 4;
    for (let item = 0; item < size; item += 1) {
      if (head % 16 === TRUE || head % 16 === FALSE) this.byte();
      else this.value(head % 16, depth + 1);
    }
  }

  /** A signed number whose sign is its lowest bit. */
  private integer(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  private pass(length: number): void {
    this.at += length;
    if (this.at > this.bytes.length) throw new Error('a page is cut short');
  }

  private byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new Error('a page is cut short');
    this.at += 1;
    return byte;
  }
}
