/**
 * Reads tables of separated values (RFC 4180; `.csv`, and `.tsv` with a tab), all at once or from a stream, gzip too.
 *
 * Every cell but a label is a number. A missing one is written as nothing, `NA` or `NaN`, and read as NaN. Cells may be quoted,
 * quotes inside doubled; what RFC 4180 does not allow (a quote in the middle of a cell, more after a closing quote, a quote
 * that is never closed) is refused, where tolerant parsers lose characters. Blank lines are left out. Cells go from bytes to
 * numbers with no string between, so memory is that of the numbers.
 */
import { WakesleepError } from '../errors.js';
import { boolean, describeValue, refuseUnknown } from '../options.js';
import { corrupt } from './corrupt.js';
import { fed, fedFrom, type Pieces, type Taker } from './gzip.js';
import { columnPlace, GrowingFloats, GrowingLabels, MAX_COLUMNS, NO_LABELS, type Table } from './table.js';
import { Lines, numberIn, readNumber, textOf, trimmed } from './text.js';

/** What `readCsv` takes. */
export interface CsvOptions {
  /** Between cells: a comma by default, `'\t'` for tab-separated values. */
  readonly delimiter?: string | undefined;
  /**
   * Whether the first line names the columns. Default `auto`: it does where a cell of it is no number, nor a word that
   * programs write for one that is missing or infinite, such as `?` or `inf`.
   */
  readonly header?: boolean | 'auto' | undefined;
  /** The column of labels, by its name or its number from 0; −1 is the last. Default: there is none. */
  readonly labelColumn?: string | number | undefined;
  /** What the classes are called, in the order of their numbers, as another part of the set has them. */
  readonly classNames?: readonly string[] | undefined;
}

const QUOTE = 34;

/**
 * Reads a table; `where` names the file in errors. From a stream it gives a promise. Throws `DATA_CORRUPT` with the line for
 * what is no table of numbers, and `OPTION_INVALID` for a column that is not there.
 */
export function readCsv(bytes: Uint8Array, where: string, options?: CsvOptions): Table;
export function readCsv(pieces: AsyncIterable<Uint8Array>, where: string, options?: CsvOptions): Promise<Table>;
export function readCsv(given: Pieces, where: string, options: CsvOptions = {}): Table | Promise<Table> {
  const reader = csvReader(where, options);
  return given instanceof Uint8Array ? fed(given, where, reader) : fedFrom(given, where, reader);
}

/** What takes the pieces of a file. */
function csvReader(where: string, options: CsvOptions): Taker<Table> {
  const given: unknown = options;
  refuseUnknown('readCsv()', given, ['delimiter', 'header', 'labelColumn', 'classNames']);
  const delimiter = delimiterCode(options.delimiter ?? ',');
  if (options.header !== 'auto') boolean('readCsv()', 'header', options.header ?? true);
  const records = new Records(where, options);
  const cells = new Cells(delimiter, where, (line) => records.take(cells, line));
  return new Lines(
    where,
    (bytes, from, to, line) => cells.takeLine(bytes, from, to, line),
    () => {
      cells.refuseOpenQuote();
      return records.table();
    },
  );
}

function delimiterCode(delimiter: string): number {
  const code = delimiter.charCodeAt(0);
  if (delimiter.length === 1 && code < 128 && !'"\n\r.+-0123456789'.includes(delimiter)) return code;
  const wanted = 'one ASCII character that is part of no number';
  const message = `\`delimiter\` must be ${wanted}; got ${describeValue(delimiter)}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: delimiter, wanted, where: 'readCsv().delimiter' });
}

// ---- Cells ----

/** The cells of one record at a time: parts of `bytes`, or the text of those that were quoted. */
class Cells {
  bytes: Uint8Array = new Uint8Array(0);
  readonly from = new Uint32Array(MAX_COLUMNS + 1);
  readonly to = new Uint32Array(MAX_COLUMNS + 1);
  readonly quoted = new Map<number, string>();
  count = 0;
  /** Of the quoted cell that the lines so far have not closed. */
  private open: string | undefined;
  private openLine = 0;

  constructor(
    private readonly delimiter: number,
    private readonly where: string,
    private readonly takeRecord: (line: number) => void,
  ) {}

  takeLine(bytes: Uint8Array, from: number, to: number, line: number): void {
    if (this.open === undefined) {
      if (isEmpty(bytes, from, to)) return;
      this.count = 0;
      this.quoted.clear();
    }
    this.bytes = bytes;
    let at = from;
    for (;;) {
      at = this.takeCell(bytes, at, to, line);
      if (at < 0) return;
      if (at >= to) break;
      at += 1;
      if (at === to) {
        this.addCell(at, at, line);
        break;
      }
    }
    this.takeRecord(this.openLine || line);
    this.openLine = 0;
  }

  refuseOpenQuote(): void {
    if (this.open === undefined) return;
    throw corrupt(this.where, `has a quote in line ${this.openLine} that is never closed`);
  }

  /** Takes the cell that begins at `at`; gives where it ends, or −1 where a quote stays open. */
  private takeCell(bytes: Uint8Array, at: number, to: number, line: number): number {
    if (this.open !== undefined || bytes[at] === QUOTE) return this.takeQuoted(bytes, at, to, line);
    let end = at;
    while (end < to && bytes[end] !== this.delimiter) {
      if (bytes[end] === QUOTE)
        throw corrupt(this.where, `has a quote within a cell of line ${line} that is not quoted`);
      end += 1;
    }
    const [begin, last] = trimmed(bytes, at, end);
    this.addCell(begin, last, line);
    return end;
  }

  private takeQuoted(bytes: Uint8Array, at: number, to: number, line: number): number {
    const begin = this.open === undefined ? at + 1 : at;
    let end = begin;
    for (; end < to; end += 1) {
      if (bytes[end] !== QUOTE) continue;
      if (bytes[end + 1] !== QUOTE || end + 1 >= to) break;
      end += 1;
    }
    const text = textOf(bytes, begin, Math.min(end, to)).replaceAll('""', '"');
    const whole = this.open === undefined ? text : `${this.open}\n${text}`;
    if (end >= to) {
      if (this.openLine === 0) this.openLine = line;
      if (this.open === undefined) this.keepCells();
      if (whole.length > LONGEST_QUOTED) throw this.tooLong();
      this.open = whole;
      return -1;
    }
    this.open = undefined;
    if (end + 1 < to && bytes[end + 1] !== this.delimiter) {
      throw corrupt(this.where, `has more after the closing quote of a cell in line ${line}`);
    }
    this.quoted.set(this.count, whole);
    this.addCell(end, end, line);
    return end + 1;
  }

  /** Keeps the cells so far as text: the next line may come in another piece. */
  private keepCells(): void {
    for (let cell = 0; cell < this.count; cell += 1) {
      if (!this.quoted.has(cell)) this.quoted.set(cell, this.text(cell));
    }
  }

  private tooLong() {
    return corrupt(
      this.where,
      `has a quote in line ${this.openLine} that is not closed for ${LONGEST_QUOTED} characters`,
    );
  }

  private addCell(from: number, to: number, line: number): void {
    if (this.count > MAX_COLUMNS) {
      throw corrupt(this.where, `has more than ${MAX_COLUMNS + 1} cells in line ${line}, which are the most in a row`);
    }
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.count += 1;
  }

  /** A cell as text. */
  text(cell: number): string {
    return this.quoted.get(cell) ?? textOf(this.bytes, this.from[cell]!, this.to[cell]!);
  }

  /** A cell as bytes. */
  part(cell: number): { readonly bytes: Uint8Array; readonly from: number; readonly to: number } {
    const quoted = this.quoted.get(cell);
    if (quoted === undefined) return { bytes: this.bytes, from: this.from[cell]!, to: this.to[cell]! };
    const bytes = new TextEncoder().encode(quoted.trim());
    return { bytes, from: 0, to: bytes.length };
  }

  isMissing(cell: number): boolean {
    const length = this.to[cell]! - this.from[cell]!;
    if (length > 4 || (length === 0 && !this.quoted.has(cell))) return length === 0;
    if (this.bytes[this.from[cell]!]! < 65 && !this.quoted.has(cell)) return false;
    return MISSING.has(this.text(cell).trim());
  }
}

/** Whether a line has nothing but spaces. */
function isEmpty(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 32) return false;
  return true;
}

/** No name and no label is longer. */
const LONGEST_QUOTED = 65_536;
const MISSING: ReadonlySet<string> = new Set(['', 'NA', 'N/A', 'NaN', 'nan']);

// ---- Records ----

/** Turns records into rows. */
class Records {
  private names: readonly string[] | undefined;
  private cells = -1;
  private labelCell = -1;
  private firstLine = 0;
  private rows = 0;
  private readonly values: GrowingFloats;
  private readonly labels: GrowingLabels;

  constructor(
    private readonly where: string,
    private readonly options: CsvOptions,
  ) {
    this.values = new GrowingFloats(where);
    this.labels = new GrowingLabels(where, options.classNames);
  }

  take(cells: Cells, line: number): void {
    if (this.cells < 0 && this.takeFirst(cells, line)) return;
    if (cells.count !== this.cells) {
      const counts = `${cells.count} cells in line ${line}, and ${this.cells} in line ${this.firstLine}`;
      throw corrupt(this.where, `has ${counts}; all must be equally many`);
    }
    for (let cell = 0; cell < cells.count; cell += 1) {
      if (cell === this.labelCell) this.labels.add(cells.text(cell).trim(), () => `line ${line}`);
      else this.values.add(cells.isMissing(cell) ? Number.NaN : this.numberOf(cells, cell, line));
    }
    this.rows += 1;
  }

  /** Settles how many cells there are and which has labels; says whether the record was a header. */
  private takeFirst(cells: Cells, line: number): boolean {
    const { header = 'auto', labelColumn } = this.options;
    this.cells = cells.count;
    this.firstLine = line;
    const place = typeof labelColumn === 'number' ? this.placeOf(labelColumn) : -1;
    const isHeader = header === 'auto' ? hasText(cells, place) : header;
    if (isHeader) this.names = Array.from({ length: cells.count }, (_, cell) => cells.text(cell).trim());
    this.labelCell = labelColumn === undefined ? -1 : this.placeOf(labelColumn);
    if (this.cells - Number(this.labelCell >= 0) > MAX_COLUMNS) {
      throw corrupt(this.where, `has ${this.cells} cells in line ${line}; a row has at most ${MAX_COLUMNS} numbers`);
    }
    if (this.labelCell >= 0 && this.cells === 1) throw corrupt(this.where, 'has no column beside the labels');
    return isHeader;
  }

  private placeOf(column: string | number): number {
    return columnPlace(column, 'labelColumn', this.names, this.cells, this.where);
  }

  private numberOf(cells: Cells, cell: number, line: number): number {
    const { bytes, from, to } = cells.part(cell);
    const place = () => `line ${line}, column ${cell}${this.names === undefined ? '' : ` (${this.names[cell]})`}`;
    return readNumber(bytes, from, to, this.where, place);
  }

  table(): Table {
    if (this.cells < 0) throw corrupt(this.where, 'is empty; a table is wanted');
    if (this.rows === 0) throw corrupt(this.where, 'has a line of names and no rows');
    const isLabelled = this.labelCell >= 0;
    return {
      values: this.values.joined(),
      rows: this.rows,
      columns: this.cells - Number(isLabelled),
      names: this.names?.filter((_, cell) => cell !== this.labelCell),
      hasMissing: this.values.hasMissing,
      ...(isLabelled ? this.labels.finish() : NO_LABELS),
    };
  }
}

/** What other programs write for numbers that are missing or infinite, and what no column is called. */
const NO_NAME = /^([?-]|[+-]?inf(inity)?|none|null|n\/a|#n\/a)$/i;

/** Whether a cell, other than that of the label, is neither a number nor missing, and may be a name. */
function hasText(cells: Cells, labelCell: number): boolean {
  for (let cell = 0; cell < cells.count; cell += 1) {
    if (cell === labelCell || cells.isMissing(cell)) continue;
    const { bytes, from, to } = cells.part(cell);
    if (Number.isNaN(numberIn(bytes, from, to)) && !NO_NAME.test(cells.text(cell).trim())) return true;
  }
  return false;
}
