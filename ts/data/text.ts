/**
 * Files of text as bytes: lines whatever pieces they come in, and numbers without a string for each.
 *
 * A number is read in f64, rounded to the nearest, and kept in f32. Up to 15 digits are an exact integer over an exact power
 * of ten, so that one division gives the nearest; longer ones are left to the host's own `Number`.
 */
import { describeValue } from '../options.js';
import { corrupt } from './corrupt.js';
import { joined, type Taker } from './gzip.js';

const LINE_FEED = 10;
const RETURN = 13;
const [PLUS, MINUS, POINT, ZERO, NINE] = [43, 45, 46, 48, 57];

/** What is done with a line: `bytes` from `from` to `to` without its end, and its number, from 1. */
export type TakeLine = (bytes: Uint8Array, from: number, to: number, line: number) => void;

/** The longest line that is read, in bytes; 65,535 numbers of any usual length fit. */
export const MAX_LINE_BYTES = 2 ** 26;

/** Cuts pieces of text into lines, which end in LF or CR LF; a byte order mark is left out. */
export class Lines<T> implements Taker<T> {
  private begun: Uint8Array[] = [];
  private begunBytes = 0;
  private line = 1;

  constructor(
    private readonly where: string,
    private readonly takeLine: TakeLine,
    private readonly end: () => T,
  ) {}

  take(piece: Uint8Array): void {
    let from = 0;
    for (;;) {
      const end = piece.indexOf(LINE_FEED, from);
      if (end < 0) break;
      if (this.begunBytes === 0) this.pass(piece, from, end);
      else {
        this.keep(piece.subarray(from, end));
        this.passKept();
      }
      from = end + 1;
    }
    if (from < piece.length) this.keep(piece.slice(from));
  }

  finish(): T {
    if (this.begunBytes > 0) this.passKept();
    return this.end();
  }

  private keep(part: Uint8Array): void {
    this.begunBytes += part.length;
    if (this.begunBytes > MAX_LINE_BYTES) {
      throw corrupt(this.where, `has more than ${MAX_LINE_BYTES} bytes in line ${this.line}`);
    }
    this.begun.push(part);
  }

  private passKept(): void {
    const whole = this.begun.length === 1 ? this.begun[0]! : joinedParts(this.begun, this.begunBytes);
    this.begun = [];
    this.begunBytes = 0;
    this.pass(whole, 0, whole.length);
  }

  private pass(bytes: Uint8Array, from: number, to: number): void {
    const begin = this.line === 1 && isMarked(bytes, from) ? from + 3 : from;
    const end = to > begin && bytes[to - 1] === RETURN ? to - 1 : to;
    this.takeLine(bytes, begin, end, this.line);
    this.line += 1;
  }
}

function joinedParts(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 2) return joined(parts[0]!, parts[1]!);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** UTF-8's byte order mark, which some spreadsheets write. */
function isMarked(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}

/** Whether a byte is a space or a tab. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 9;
}

/** The ends of a part of a line without the blanks around it. */
export function trimmed(bytes: Uint8Array, from: number, to: number): [number, number] {
  let [begin, end] = [from, to];
  while (begin < end && isBlank(bytes[begin])) begin += 1;
  while (end > begin && isBlank(bytes[end - 1])) end -= 1;
  return [begin, end];
}

/** Where the word that begins at `from` ends. */
export function endOfWord(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && !isBlank(bytes[at])) at += 1;
  return at;
}

/** Part of a line as text. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  return decoder.decode(bytes.subarray(from, to));
}

const decoder = new TextDecoder();
const powersOfTen = Float64Array.from({ length: 16 }, (_, power) => Number(`1e${power}`));
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** No number needs more characters, and the longest that are read are short work. */
const LONGEST_NUMBER = 400;

/** The decimal number that a part of a line is, without blanks; NaN where it is none. */
export function numberIn(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  const sign = bytes[at];
  if (sign === MINUS || sign === PLUS) at += 1;
  let [value, digits, afterPoint] = [0, 0, -1];
  for (; at < to; at += 1) {
    const byte = bytes[at]!;
    if (byte >= ZERO && byte <= NINE) {
      value = 10 * value + (byte - ZERO);
      digits += 1;
      if (afterPoint >= 0) afterPoint += 1;
    } else if (byte === POINT && afterPoint < 0) afterPoint = 0;
    else return slowNumber(bytes, from, to);
  }
  if (digits === 0) return Number.NaN;
  if (digits > 15) return slowNumber(bytes, from, to);
  if (afterPoint > 0) value /= powersOfTen[afterPoint]!;
  return sign === MINUS ? -value : value;
}

function slowNumber(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > LONGEST_NUMBER) return Number.NaN;
  return numberOf(textOf(bytes, from, to));
}

/** The decimal number that a text is; NaN where it is none. */
export function numberOf(text: string): number {
  return decimal.test(text) ? Number(text) : Number.NaN;
}

/** A number of a line; `place` says where it stands (`line 3, column 2`). Throws `DATA_CORRUPT`. */
export function readNumber(bytes: Uint8Array, from: number, to: number, where: string, place: () => string): number {
  const value = numberIn(bytes, from, to);
  if (Number.isFinite(Math.fround(value))) return value;
  const text = describeValue(textOf(bytes, from, Math.min(to, from + 200)));
  const wanted = Number.isNaN(value) ? 'a number is wanted' : 'a number within the range of 32-bit floats is wanted';
  throw corrupt(where, `has ${text} in ${place()}, where ${wanted}`);
}
