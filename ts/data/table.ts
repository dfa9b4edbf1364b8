/**
 * Tables: what every reader of rows of numbers gives, and how it is gathered while nobody knows how many rows there will be.
 *
 * Labels are classes `0 … classes − 1`. Where all labels of a file are integers from 0 to 255 they are these numbers. Other
 * labels (`setosa`, −1 and 1) are counted off in ascending order, numbers by size and words by their code units, and
 * `classNames` keeps what each was called.
 */
import { WakesleepError } from '../errors.js';
import { describeValue } from '../options.js';
import { allocatedFloats, corrupt, MAX_ROW_BYTES, refuseTooLarge } from './corrupt.js';
import { numberOf } from './text.js';

/** Most numbers in a row: the engine's lists of units hold 16 bits. */
export const MAX_COLUMNS = 65_535;
/** Most classes: a label is a byte. */
export const MAX_CLASSES = 256;

/** What rows have beside their numbers. */
export interface Labels {
  /** `[rows]`, each from 0 to `classes - 1`; undefined where the file has none, or none were asked for. */
  readonly labels: Uint8Array | undefined;
  readonly classes: number | undefined;
  /** What the classes are called, in the order of their numbers; undefined where they are called by these numbers. */
  readonly classNames: readonly string[] | undefined;
}

/**
 * Rows of numbers. `engine.dataset({ rows: table.values, columns: table.columns, labels: table.labels, classes: table.classes,
 * known: 'notNaN' })` takes them.
 */
export interface Table extends Labels {
  /** `[rows, columns]`, row-major; NaN where a number is missing. */
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** What the columns are called, where the file says. */
  readonly names: readonly string[] | undefined;
  /** Whether any number is missing. */
  readonly hasMissing: boolean;
}

/** The labels of a table that has none. */
export const NO_LABELS: Labels = { labels: undefined, classes: undefined, classNames: undefined };

/** Numbers that come one at a time, kept in pieces that grow, so that twice their size is the most memory they ever take. */
export class GrowingFloats {
  private readonly full: Float32Array[] = [];
  private piece = new Float32Array(1024);
  private filled = 0;
  private before = 0;
  /** Whether a NaN was among them. */
  hasMissing = false;

  constructor(private readonly where: string) {}

  get length(): number {
    return this.before + this.filled;
  }

  add(value: number): void {
    if (this.filled === this.piece.length) {
      this.full.push(this.piece);
      this.before += this.filled;
      refuseTooLarge(4 * (this.before + 1), this.where);
      this.piece = allocatedFloats(Math.min(2 * this.piece.length, 2 ** 22), this.where);
      this.filled = 0;
    }
    this.piece[this.filled] = value;
    this.filled += 1;
    if (Number.isNaN(value)) this.hasMissing = true;
  }

  /** All of them in one array. */
  joined(): Float32Array<ArrayBuffer> {
    const whole = allocatedFloats(this.length, this.where);
    let at = 0;
    for (const part of this.full) {
      whole.set(part, at);
      at += part.length;
    }
    whole.set(this.piece.subarray(0, this.filled), at);
    return whole;
  }
}

/** Labels as a file writes them, one after another. */
export class GrowingLabels {
  private readonly numbers = new Map<string, number>();
  private bytes = new Uint8Array(256);
  private filled = 0;

  constructor(
    private readonly where: string,
    /** What the classes are called, where another set has said it; labels that are none of these are refused. */
    private readonly wanted?: readonly string[],
  ) {
    refuseClassNames(wanted);
    wanted?.forEach((name, place) => {
      this.numbers.set(name, place);
    });
  }

  /** `place` says where the label stands (`line 3`). Throws `DATA_CORRUPT`. */
  add(label: string, place: () => string): void {
    let number = this.numbers.get(label) ?? this.wantedNumber(label);
    if (number === undefined) {
      if (label === '') throw corrupt(this.where, `has no label in ${place()}`);
      if (this.wanted !== undefined) {
        const names = this.wanted.slice(0, 20).join(', ');
        throw corrupt(this.where, `has the label ${describeValue(label)} in ${place()}, and the classes are ${names}`);
      }
      number = this.numbers.size;
      if (number >= MAX_TEXTS) {
        throw corrupt(this.where, `has more than ${MAX_CLASSES} different labels; ${place()} has another`);
      }
      this.numbers.set(label, number);
    }
    if (this.filled === this.bytes.length) {
      const larger = new Uint8Array(Math.min(2 * this.filled, MAX_ROW_BYTES));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.filled] = number;
    this.filled += 1;
  }

  /** The class of a number that is written in another way than its name: +1 or 1.0 is 1. */
  private wantedNumber(label: string): number | undefined {
    const value = this.wanted === undefined ? Number.NaN : numberOf(label);
    return Number.isNaN(value) ? undefined : this.numbers.get(String(value));
  }

  /** Throws `DATA_CORRUPT` where there are too many classes. */
  finish(): Labels {
    const own = this.bytes.subarray(0, this.filled);
    if (this.wanted !== undefined) {
      return { labels: own.slice(), classes: this.wanted.length, classNames: this.wanted };
    }
    const texts = [...this.numbers.keys()];
    const values = texts.map(numberOf);
    if (values.every((value) => Number.isInteger(value) && value >= 0 && value < MAX_CLASSES)) {
      const classes = values.reduce((most, value) => Math.max(most, value + 1), 1);
      return { labels: own.map((number) => values[number]!), classes, classNames: undefined };
    }
    const areNumbers = values.every(Number.isFinite);
    const keyOf = (place: number) => (areNumbers ? String(values[place]) : texts[place]!);
    const names = [...new Set(texts.map((_, place) => keyOf(place)))].sort(areNumbers ? bySize : byCodeUnits);
    const classOf = texts.map((_, place) => names.indexOf(keyOf(place)));
    return { labels: own.map((number) => classOf[number]!), classes: names.length, classNames: names };
  }
}

/** Refuses names of classes that are no list of as many different words as a label can tell apart; throws `OPTION_INVALID`. */
export function refuseClassNames(given: unknown): void {
  if (given === undefined) return;
  const isList = Array.isArray(given) && given.length > 0 && given.length <= MAX_CLASSES;
  if (isList && given.every((name) => typeof name === 'string') && new Set(given).size === given.length) return;
  const wanted = `a list of 1 to ${MAX_CLASSES} different words`;
  const message = `\`classNames\` must be ${wanted}; got ${describeValue(given)}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given, wanted, where: 'classNames' });
}

/** How many texts are told apart; a class may be written in more than one way (3 and 3.0), which is rare. */
const MAX_TEXTS = MAX_CLASSES;

const bySize = (a: string, b: string) => Number(a) - Number(b);
const byCodeUnits = (a: string, b: string) => (a < b ? -1 : 1);

/** A column by its name or by its place, from 0, or from the end with −1 as the last; throws `OPTION_INVALID`. */
export function columnPlace(
  given: string | number,
  option: string,
  names: readonly string[] | undefined,
  columns: number,
  where: string,
): number {
  if (typeof given === 'number') {
    const place = given < 0 ? columns + given : given;
    if (Number.isInteger(given) && place >= 0 && place < columns) return place;
    const wanted = `a column from 0 to ${columns - 1}, or from ${-columns} to -1`;
    throw badColumn(given, `\`${option}\` must be ${wanted}; got ${given}.`, wanted, where);
  }
  const all = names?.slice(0, 20).join(', ');
  const count = names?.filter((name) => name === given).length ?? 0;
  if (count === 1) return names!.indexOf(given);
  const reason =
    names === undefined
      ? 'its columns have no names'
      : `${count === 0 ? 'its columns are' : `${count} columns have that name:`} ${all}${names.length > 20 ? ', ...' : ''}`;
  const message = `${where} has no column of its own called ${describeValue(given)}; ${reason}.`;
  throw badColumn(given, message, all ?? 'the number of a column', where);
}

function badColumn(given: string | number, message: string, wanted: string, where: string): WakesleepError {
  return new WakesleepError('OPTION_INVALID', message, { given, wanted, where });
}
