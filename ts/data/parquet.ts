/**
 * Reads the columns of numbers of a Parquet file with `hyparquet`, an optional package: `npm install hyparquet`. Pages may be plain,
 * or compressed with Snappy or gzip. A row group at a time is decoded, and must have as many rows as the file says; that no page says
 * otherwise is found out before (`parquet-pages.ts`), as `hyparquet` takes a page's word for how often a value is repeated.
 */
import { WakesleepError } from '../errors.js';
import { describeValue, refuseUnknown } from '../options.js';
import { corrupt, refuseTooLarge } from './corrupt.js';
import { gunzip } from './gzip.js';
import { checkPages, type Decompress } from './parquet-pages.js';
import { columnPlace, GrowingFloats, GrowingLabels, MAX_COLUMNS, NO_LABELS, type Table } from './table.js';

/** What `readParquet` takes. */
export interface ParquetOptions {
  /** The columns that are read, in this order; default: all, in the order of the file. The labels' may be among them. */
  readonly columns?: readonly string[] | undefined;
  /** The column of labels, by its name or its number from 0; −1 is the last. Default: there is none. */
  readonly labelColumn?: string | number | undefined;
  /** What the classes are called, in the order of their numbers, as another part of the set has them. */
  readonly classNames?: readonly string[] | undefined;
}

type Hyparquet = typeof import('hyparquet');
type Metadata = Awaited<ReturnType<Hyparquet['parquetMetadataAsync']>>;
/** Values of one column in one row group. */
type Cells = ArrayLike<unknown>;

/**
 * Reads a table; `where` names the file in errors. Nulls and NaN are missing. Throws `DATA_CORRUPT`, `OPTION_INVALID` for a column that is not
 * there, and `DATA_MISSING` where `hyparquet` is not installed.
 */
export async function readParquet(bytes: Uint8Array, where: string, options: ParquetOptions = {}): Promise<Table> {
  const given: unknown = options;
  refuseUnknown('readParquet()', given, ['columns', 'labelColumn', 'classNames']);
  const { asyncBuffer, parquetMetadataAsync, parquetRead, snappyUncompress } = await library(bytes);
  const readOrRefuse = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof WakesleepError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw corrupt(where, `is no sound Parquet file: ${reason}`, cause);
    }
  };
  const metadata = await readOrRefuse(() => parquetMetadataAsync(asyncBuffer, { geoparquet: false }));
  const { names, labelCell, groups } = await readOrRefuse(async () => layoutOf(metadata, options, where));
  const values = new GrowingFloats(where);
  const labels = new GrowingLabels(where, options.classNames);
  let rows = 0;
  for (const [group, groupRows] of groups.entries()) {
    const columns = await readOrRefuse(() => {
      checkGroup(bytes, metadata, group, names, snappyUncompress);
      return readGroup(parquetRead, asyncBuffer, metadata, names, rows, groupRows);
    });
    columns.forEach((cells, column) => {
      if (cells.length === groupRows) return;
      throw corrupt(
        where,
        `has ${cells.length} values of ${names[column]} from row ${rows} on, where ${groupRows} are announced`,
      );
    });
    for (let row = 0; row < groupRows; row += 1) {
      columns.forEach((cells, column) => {
        const place = () => `row ${rows + row}`;
        if (column === labelCell) labels.add(labelText(cells[row]), place);
        else values.add(numberOf(cells[row], where, () => `${place()} of column ${names[column]}`));
      });
    }
    rows += groupRows;
  }
  if (rows === 0) throw corrupt(where, 'holds no rows');
  const isLabelled = labelCell >= 0;
  return {
    values: values.joined(),
    rows,
    columns: names.length - Number(isLabelled),
    names: names.filter((_, column) => column !== labelCell),
    hasMissing: values.hasMissing,
    ...(isLabelled ? labels.finish() : NO_LABELS),
  };
}

async function library(bytes: Uint8Array) {
  let hyparquet: Hyparquet;
  try {
    hyparquet = await import('hyparquet');
  } catch (cause) {
    const message =
      'Parquet files are read by the package `hyparquet`, which is not installed; `npm install hyparquet` brings it.';
    throw new WakesleepError('DATA_MISSING', message, { wanted: 'hyparquet', cause });
  }
  const slice = (start: number, end?: number) => bytes.slice(start, end).buffer as ArrayBuffer;
  return { ...hyparquet, asyncBuffer: { byteLength: bytes.length, slice } };
}

/** Which columns are read, which of them has labels, and the rows of each group; throws `DATA_CORRUPT`, `OPTION_INVALID`. */
function layoutOf(metadata: Metadata, options: ParquetOptions, where: string) {
  const [root, ...leaves] = metadata.schema;
  const flat = leaves.filter(({ num_children, repetition_type }) => !num_children && repetition_type !== 'REPEATED');
  if (flat.length !== leaves.length || flat.length !== root?.num_children) {
    throw corrupt(where, 'has columns of lists or structures; columns of numbers are read');
  }
  const all = flat.map(({ name }) => name);
  if (new Set(all).size !== all.length) throw corrupt(where, 'has two columns of one name');
  const names = options.columns?.map((name) => all[columnPlace(name, 'columns', all, all.length, where)]!) ?? all;
  const { labelColumn } = options;
  const labelCell =
    labelColumn === undefined ? -1 : columnPlace(labelColumn, 'labelColumn', names, names.length, where);
  const columns = names.length - Number(labelCell >= 0);
  if (columns < 1 || columns > MAX_COLUMNS) {
    throw corrupt(where, `has ${columns} columns of numbers; a row has 1 to ${MAX_COLUMNS}`);
  }
  const groups = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const rows = groups.reduce((sum, count) => sum + count, 0);
  if (groups.some((count) => !(count >= 0)) || rows !== Number(metadata.num_rows)) {
    throw corrupt(where, `announces ${metadata.num_rows} rows, and its groups have ${rows}`);
  }
  refuseTooLarge(4 * rows * columns, where);
  return { names, labelCell, groups };
}

/** Throws for columns of a group whose pages are not as its metadata say. */
function checkGroup(
  bytes: Uint8Array,
  { schema, row_groups }: Metadata,
  group: number,
  names: readonly string[],
  snappyUncompress: Hyparquet['snappyUncompress'],
): void {
  const { columns, num_rows } = row_groups[group]!;
  const unsnapped: Decompress = (page, length) => {
    const whole = new Uint8Array(length);
    snappyUncompress(page, whole);
    return whole;
  };
  const decompress: Readonly<Record<string, Decompress>> = { SNAPPY: unsnapped, GZIP: inflated };
  for (const { meta_data: chunk } of columns) {
    const name = chunk?.path_in_schema[0];
    if (chunk === undefined || name === undefined || !names.includes(name)) continue;
    const isCompressed = chunk.codec !== 'UNCOMPRESSED';
    const opened = decompress[chunk.codec];
    if (isCompressed && opened === undefined) {
      throw new Error(`the column ${name} is compressed by ${chunk.codec}; SNAPPY and GZIP are read`);
    }
    const begin = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    const end = begin + Number(chunk.total_compressed_size);
    if (!(begin >= 0 && begin <= end && end <= bytes.length)) {
      throw new Error(`the column ${name} is said to be at bytes ${begin} to ${end} of ${bytes.length}`);
    }
    if (chunk.num_values !== num_rows) {
      throw new Error(`the column ${name} is said to have ${chunk.num_values} values for ${num_rows} rows`);
    }
    const isOptional = schema.find((leaf) => leaf.name === name && leaf.type)?.repetition_type !== 'REQUIRED';
    const column = { type: chunk.type, isCompressed, isOptional, rows: Number(num_rows) };
    checkPages(bytes.subarray(begin, end), column, opened ?? ((page) => page));
  }
}

/** The columns of the group that begins at a row. */
async function readGroup(
  parquetRead: Hyparquet['parquetRead'],
  file: { readonly byteLength: number; slice(start: number, end?: number): ArrayBuffer },
  metadata: Metadata,
  names: readonly string[],
  rowStart: number,
  groupRows: number,
): Promise<Cells[]> {
  const pieces = new Map<string, Cells[]>(names.map((name) => [name, []]));
  await parquetRead({
    file,
    metadata,
    columns: [...new Set(names)],
    rowStart,
    rowEnd: rowStart + groupRows,
    compressors: { GZIP: inflated },
    geoparquet: false,
    onChunk: ({ columnName, columnData }) => {
      pieces.get(columnName)?.push(columnData as Cells);
    },
  });
  return names.map((name) => joinedCells(pieces.get(name)!));
}

function joinedCells(pieces: readonly Cells[]): Cells {
  return pieces.length === 1 ? pieces[0]! : pieces.flatMap((piece) => Array.from(piece));
}

/** A gzip page of the length that its header says. */
function inflated(input: Uint8Array, length: number): Uint8Array {
  const where = 'A page';
  const page = new Uint8Array(length);
  let filled = 0;
  gunzip(input, where, (piece) => {
    if (filled + piece.length > length)
      throw corrupt(where, `holds more than the ${length} bytes that its header says`);
    page.set(piece, filled);
    filled += piece.length;
  });
  if (filled < length) throw corrupt(where, `holds ${filled} bytes, and its header says ${length}`);
  return page;
}

function labelText(value: unknown): string {
  return value === null || value === undefined || Number.isNaN(value) ? '' : String(value);
}

function numberOf(value: unknown, where: string, place: () => string): number {
  if (value === null || value === undefined) return Number.NaN;
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
  const number = isNumber ? Number(value) : undefined;
  if (number !== undefined && (Number.isNaN(number) || Number.isFinite(Math.fround(number)))) return number;
  throw corrupt(
    where,
    `has ${describeValue(value)} in ${place()}, where a number within the range of 32-bit floats is wanted`,
  );
}
