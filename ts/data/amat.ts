/**
 * Reads `.amat` tables: numbers with blanks between them, a row in each line, the last one its class, as the sets of variations of
 * MNIST of the University of Montreal have them (Larochelle and others, "An empirical evaluation of deep architectures",
 * 2007). Lines that begin with # are remarks; where one of them says `#size: ROWS NUMBERS`, as PLearn writes it, the file
 * must have as many. All at once or from a stream, gzip too.
 */
import { refuseUnknown } from '../options.js';
import { corrupt } from './corrupt.js';
import { fed, fedFrom, type Pieces, type Taker } from './gzip.js';
import { columnPlace, GrowingFloats, GrowingLabels, MAX_COLUMNS, NO_LABELS, type Table } from './table.js';
import { endOfWord, isBlank, Lines, readNumber, textOf, trimmed } from './text.js';

/** What `readAmat` takes. */
export interface AmatOptions {
  /** The number of the column of classes, from 0, or −1 for the last, the default; `null` where there is none. */
  readonly labelColumn?: number | null | undefined;
  /** What the classes are called, in the order of their numbers, as another part of the set has them. */
  readonly classNames?: readonly string[] | undefined;
}

const HASH = 35;

/**
 * Reads a table; `where` names the file in errors. From a stream it gives a promise. Throws `DATA_CORRUPT` with the line for
 * what is not in the format, and `OPTION_INVALID` for a column that is not there.
 */
export function readAmat(bytes: Uint8Array, where: string, options?: AmatOptions): Table;
export function readAmat(pieces: AsyncIterable<Uint8Array>, where: string, options?: AmatOptions): Promise<Table>;
export function readAmat(given: Pieces, where: string, options: AmatOptions = {}): Table | Promise<Table> {
  const reader = amatReader(where, options);
  return given instanceof Uint8Array ? fed(given, where, reader) : fedFrom(given, where, reader);
}

function amatReader(where: string, options: AmatOptions): Taker<Table> {
  const given: unknown = options;
  refuseUnknown('readAmat()', given, ['labelColumn', 'classNames']);
  const { labelColumn = -1, classNames } = options;
  const values = new GrowingFloats(where);
  const labels = new GrowingLabels(where, classNames);
  let [rows, width, firstLine, labelCell] = [0, 0, 0, -1];
  let size: readonly number[] | undefined;

  const takeLine = (bytes: Uint8Array, begin: number, end: number, line: number): void => {
    const [from, to] = trimmed(bytes, begin, end);
    if (from === to) return;
    if (bytes[from] === HASH) {
      size ??= sizeIn(textOf(bytes, from, Math.min(to, from + 200)));
      return;
    }
    if (rows === 0) {
      [width, firstLine] = [wordsIn(bytes, from, to), line];
      labelCell = labelColumn === null ? -1 : columnPlace(labelColumn, 'labelColumn', undefined, width, where);
      if (labelCell >= 0 && width === 1) throw corrupt(where, 'has no column beside the classes');
      if (width - Number(labelCell >= 0) > MAX_COLUMNS) {
        throw corrupt(where, `has ${width} numbers in line ${line}; a row has at most ${MAX_COLUMNS}`);
      }
    }
    let cell = 0;
    for (let at = from; at < to; cell += 1) {
      const wordEnd = endOfWord(bytes, at, to);
      const place = () => `line ${line}, number ${cell}`;
      const value = readNumber(bytes, at, wordEnd, where, place);
      if (cell === labelCell) labels.add(String(value), place);
      else if (cell < width) values.add(value);
      at = wordEnd;
      while (at < to && isBlank(bytes[at])) at += 1;
    }
    if (cell !== width) {
      throw corrupt(
        where,
        `has ${cell} numbers in line ${line}, and ${width} in line ${firstLine}; all must be equally many`,
      );
    }
    rows += 1;
  };

  const table = (): Table => {
    if (rows === 0) throw corrupt(where, 'holds no rows; lines of numbers are wanted');
    if (size !== undefined && (size[0] !== rows || size[1] !== width)) {
      throw corrupt(where, `says that it has ${size[0]} rows of ${size[1]} numbers, and has ${rows} of ${width}`);
    }
    const isLabelled = labelCell >= 0;
    return {
      values: values.joined(),
      rows,
      columns: width - Number(isLabelled),
      names: undefined,
      hasMissing: false,
      ...(isLabelled ? labels.finish() : NO_LABELS),
    };
  };
  return new Lines(where, takeLine, table);
}

/** Rows and numbers in a row, where a remark says them. */
function sizeIn(remark: string): readonly number[] | undefined {
  const found = /^#\s*size:\s*(\d{1,15})\s+(\d{1,15})\s*$/.exec(remark);
  return found === null ? undefined : [Number(found[1]), Number(found[2])];
}

function wordsIn(bytes: Uint8Array, from: number, to: number): number {
  let words = 0;
  for (let at = from; at < to; at += 1) if (!isBlank(bytes[at]) && (at === from || isBlank(bytes[at - 1]))) words += 1;
  return words;
}
