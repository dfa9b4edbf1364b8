/**
 * Gathers rows from anything that gives them one after another: lists, generators, results of a query, streams. A row is a list of
 * numbers, or `{ row, label }`; all are equally long, and either all have labels or none. A number that is `null`, `undefined` or
 * NaN is missing.
 */
import { WakesleepError } from '../errors.js';
import { describeValue, integer, isPlainObject, refuseUnknown } from '../options.js';
import { GrowingFloats, GrowingLabels, MAX_COLUMNS, NO_LABELS, type Table } from './table.js';

/** Numbers of a row; `null`, `undefined` and NaN for those that are missing. */
export type RowNumbers = ArrayLike<number | null | undefined>;
/** A row, with its class where it has one: a number or a name. */
export type Row = RowNumbers | { readonly row: RowNumbers; readonly label: number | string };

/** What `readRows` takes. */
export interface RowsOptions {
  /** Numbers in a row; default: as many as the first has. */
  readonly columns?: number | undefined;
  /** What the classes are called, in the order of their numbers, as another part of the set has them. */
  readonly classNames?: readonly string[] | undefined;
}

/**
 * A table of rows; of those that come asynchronously, the promise of one. Throws `SHAPE_MISMATCH` for rows that are not equally long,
 * `DATA_CORRUPT` for what is no number or no label and for no rows at all, each with the number of the row.
 */
export function readRows(rows: Iterable<Row>, options?: RowsOptions): Table;
export function readRows(rows: AsyncIterable<Row>, options?: RowsOptions): Promise<Table>;
export function readRows(rows: Iterable<Row> | AsyncIterable<Row>, options: RowsOptions = {}): Table | Promise<Table> {
  const given: unknown = options;
  refuseUnknown('readRows()', given, ['columns', 'classNames']);
  const { columns } = options;
  if (columns !== undefined) integer('readRows()', 'columns', columns, { atLeast: 1, atMost: MAX_COLUMNS });
  const gathered = new GatheredRows(options);
  const isObject = typeof rows === 'object' && rows !== null;
  if (isObject && Symbol.asyncIterator in rows) return gatherFrom(rows, gathered);
  if (!isObject || !(Symbol.iterator in rows)) {
    const message = `\`readRows()\` takes something that can be iterated; got ${describeValue(rows)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: rows, wanted: 'an iterable', where: 'readRows()' });
  }
  for (const row of rows) gathered.add(row);
  return gathered.table();
}

async function gatherFrom(rows: AsyncIterable<Row>, gathered: GatheredRows): Promise<Table> {
  for await (const row of rows) gathered.add(row);
  return gathered.table();
}

const where = 'The source of rows';

class GatheredRows {
  private readonly values = new GrowingFloats(where);
  private readonly labels: GrowingLabels;
  private columns: number | undefined;
  private rows = 0;
  private isLabelled = false;

  constructor(options: RowsOptions) {
    this.columns = options.columns;
    this.labels = new GrowingLabels(where, options.classNames);
  }

  add(given: Row): void {
    const { row: numbers, label } =
      isPlainObject(given) && 'row' in given
        ? (given as { row: RowNumbers; label: unknown })
        : { row: given as RowNumbers, label: undefined };
    const { rows } = this;
    const length = numbers?.length;
    if (!Number.isInteger(length))
      throw notGiven(`gives ${describeValue(given)} for row ${rows}, where a list of numbers is wanted`);
    this.columns ??= length;
    if (length !== this.columns || length === 0 || length > MAX_COLUMNS) {
      const wanted = length === 0 || length > MAX_COLUMNS ? `1 to ${MAX_COLUMNS}` : String(this.columns);
      const message = `Row ${rows} has ${length} numbers; every row must have ${wanted}.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: length, wanted, where: `row ${rows}` });
    }
    if (rows === 0) this.isLabelled = label !== undefined;
    else if (this.isLabelled !== (label !== undefined)) {
      throw notGiven(
        `gives row ${rows} ${label === undefined ? 'no label' : 'a label'}, and row 0 ${this.isLabelled ? 'one' : 'none'}`,
      );
    }
    for (let column = 0; column < length; column += 1) this.values.add(numberOf(numbers[column], rows, column));
    if (this.isLabelled) {
      if (typeof label !== 'string' && !Number.isFinite(label)) {
        throw notGiven(
          `gives ${describeValue(label)} for the label of row ${rows}, where a number or a name is wanted`,
        );
      }
      this.labels.add(String(label), () => `row ${rows}`);
    }
    this.rows += 1;
  }

  table(): Table {
    if (this.rows === 0) throw notGiven('gives no rows');
    return {
      values: this.values.joined(),
      rows: this.rows,
      columns: this.columns!,
      names: undefined,
      hasMissing: this.values.hasMissing,
      ...(this.isLabelled ? this.labels.finish() : NO_LABELS),
    };
  }
}

function numberOf(given: unknown, row: number, column: number): number {
  if (given === null || given === undefined) return Number.NaN;
  const isKept = typeof given === 'number' && (Number.isNaN(given) || Number.isFinite(Math.fround(given)));
  if (isKept) return given;
  throw notGiven(
    `gives ${describeValue(given)} in row ${row}, column ${column}, where a finite 32-bit float is wanted`,
  );
}

function notGiven(predicate: string): WakesleepError {
  return new WakesleepError('DATA_CORRUPT', `${where} ${predicate}.`, { where });
}
