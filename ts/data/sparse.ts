/** Rows of which only what is not 0 is kept, as files of sparse rows and engines' data sets have them. */
import { WakesleepError } from '../errors.js';
import { describeValue, integer } from '../options.js';
import { allocatedBytes, allocatedFloats, refuseTooLarge } from './corrupt.js';

/** Rows of which only what is not 0 is kept. `engine.dataset({ rows: sparse })` takes them and keeps them so. */
export interface SparseRows {
  /** How many rows there are. */
  readonly rows: number;
  /** Numbers in a row. */
  readonly columns: number;
  /** `[rows + 1]`: where each row begins in `places` and `values`, and where the last one ends. */
  readonly offsets: Uint32Array;
  /** Columns, ascending in each row. */
  readonly places: Uint32Array;
  /** The numbers there. An engine keeps them as floats, and leaves out zeros among them. */
  readonly values: Uint8Array | Float32Array;
}

/**
 * The same rows with their zeros, `[rows, columns]`: bytes where every number is an integer from 0 to 255, else floats. Throws
 * `OUT_OF_MEMORY`, before anything is allocated, for rows that a data set could not take.
 */
export function denseRows(sparse: SparseRows, where = 'The set'): Uint8Array | Float32Array {
  const { rows, columns, values } = sparse;
  const areBytes = values.every((value) => Number.isInteger(value) && value >= 0 && value <= 255);
  const count = rows * columns;
  refuseTooLarge(areBytes ? count : 4 * count, where);
  const dense = areBytes ? allocatedBytes(count, where) : allocatedFloats(count, where);
  spread(sparse, 0, rows, dense);
  return dense;
}

/** The same rows without zeros among what is kept. */
export function withoutZeros(sparse: SparseRows): SparseRows {
  const { rows, offsets, places, values } = sparse;
  if (values.every((value) => value !== 0)) return sparse;
  const isKept = (_: number, at: number) => values[at] !== 0;
  const kept = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row += 1) {
    kept[row + 1] = kept[row]! + values.subarray(offsets[row], offsets[row + 1]).filter((value) => value !== 0).length;
  }
  return { ...sparse, offsets: kept, places: places.filter(isKept), values: values.filter(isKept) };
}

/** Puts the numbers of some rows where they belong in `dense`, `[count, columns]`, which is 0 elsewhere. */
export function spread(
  { columns, offsets, places, values }: Omit<SparseRows, 'rows'>,
  first: number,
  count: number,
  dense: Uint8Array | Float32Array,
): void {
  for (let row = 0; row < count; row += 1) {
    const [from, to] = [offsets[first + row]!, offsets[first + row + 1]!];
    for (let at = from; at < to; at += 1) dense[row * columns + places[at]!] = values[at]!;
  }
}

/** Throws `OPTION_INVALID`, `SHAPE_MISMATCH` and `DATA_INVALID` for what are no sparse rows, saying what is wrong. */
export function checkSparse(where: string, { rows, columns, offsets, places, values }: SparseRows): void {
  integer(where, 'rows', rows, { atLeast: 0 });
  for (const [name, list] of Object.entries({ offsets, places })) {
    if (!(list instanceof Uint32Array)) throw wrongKind(where, name, list, 'a Uint32Array');
  }
  if (!(values instanceof Uint8Array || values instanceof Float32Array)) {
    throw wrongKind(where, 'values', values, 'a Uint8Array or a Float32Array');
  }
  const lengths = offsets.length === rows + 1 && places.length === values.length && offsets[rows] === values.length;
  if (!lengths || offsets[0] !== 0) {
    const wanted = `\`offsets\` from 0 to the ${values.length} \`values\` for ${rows} rows, and as many \`places\``;
    const given = `${offsets.length} offsets that end at ${offsets.at(-1)}, ${places.length} places, ${values.length} values`;
    throw new WakesleepError('SHAPE_MISMATCH', `Sparse rows need ${wanted}; got ${given}.`, { given, wanted, where });
  }
  const falls = offsets.findIndex((offset, row) => offset > (offsets[row + 1] ?? offset));
  if (falls >= 0) throw invalid(where, `Row ${falls} ends before it begins`, 'offsets that do not fall');
  for (let row = 0; row < rows; row += 1) {
    for (let at = offsets[row]!, least = 0; at < offsets[row + 1]!; at += 1) {
      const place = places[at]!;
      if (place >= least && place < columns) {
        least = place + 1;
        continue;
      }
      const wanted = `columns that ascend, from 0 to ${columns - 1}`;
      throw invalid(where, `Row ${row} has a number at column ${place}`, wanted);
    }
  }
}

function wrongKind(where: string, name: string, given: unknown, wanted: string): WakesleepError {
  const message = `\`${name}\` of sparse rows must be ${wanted}; got ${describeValue(given)}.`;
  return new WakesleepError('OPTION_INVALID', message, { given, wanted, where: `${where}.${name}` });
}

function invalid(where: string, what: string, wanted: string): WakesleepError {
  return new WakesleepError('DATA_INVALID', `${what}; sparse rows need ${wanted}.`, { wanted, where });
}
