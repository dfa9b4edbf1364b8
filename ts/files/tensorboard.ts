/**
 * Event files as TensorBoard reads them: numbers over steps, histograms and pictures.
 *
 * A file is a row of records (TensorFlow's TFRecord): the length of the message as u64, the masked CRC-32C of these eight bytes,
 * the message, its masked CRC-32C. A message is an `Event` of `event.proto`: a time, a step and a summary, whose values are those
 * of `summary.proto`. The first one says the version. All numbers are little-endian.
 */
import { PbfWriter } from 'pbf';
import { CASTAGNOLI_POLYNOMIAL, CRC_START, crcOver } from '../data/crc.js';

/** One value of a summary, called `tag`. */
export type SummaryValue =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly values: ArrayLike<number> }
  | { readonly tag: string; readonly png: Uint8Array };

/** What is known of one step. */
export interface SummaryEvent {
  /** Seconds since 1970. */
  readonly time: number;
  readonly step: number;
  readonly values: readonly SummaryValue[];
}

const VERSION = 'brain.Event:2';
const BUCKETS = 50;

/** The bytes that an event file begins with; `startedAt` is in seconds since 1970. */
export function eventFileStart(startedAt: number): Uint8Array<ArrayBuffer> {
  return recordOf((event) => {
    event.writeDoubleField(1, startedAt);
    event.writeStringField(3, VERSION);
  });
}

/** The bytes of an event, which go to the end of a file. Numbers that are not finite are written as such. */
export function eventBytes({ time, step, values }: SummaryEvent): Uint8Array<ArrayBuffer> {
  return recordOf((event) => {
    event.writeDoubleField(1, time);
    event.writeVarintField(2, step);
    event.writeMessage(5, writeSummary, values);
  });
}

function writeSummary(values: readonly SummaryValue[], to: PbfWriter): void {
  for (const value of values) to.writeMessage(1, writeValue, value);
}

function writeValue(value: SummaryValue, to: PbfWriter): void {
  to.writeStringField(1, value.tag);
  if ('scalar' in value) to.writeFloatField(2, value.scalar);
  else if ('png' in value) to.writeMessage(4, writeImage, value.png);
  else to.writeMessage(5, writeHistogram, value.values);
}

/** A greyscale picture; its size stands in the PNG's own header. */
function writeImage(png: Uint8Array, to: PbfWriter): void {
  const header = new DataView(png.buffer, png.byteOffset, png.byteLength);
  to.writeVarintField(1, header.getUint32(20));
  to.writeVarintField(2, header.getUint32(16));
  to.writeVarintField(3, 1);
  to.writeBytesField(4, png);
}

/** Counts in buckets of equal width from the smallest number to the largest, whose upper ends are given. */
function writeHistogram(values: ArrayLike<number>, to: PbfWriter): void {
  let [least, most, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let place = 0; place < values.length; place += 1) {
    const value = values[place]!;
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value;
    squares += value * value;
  }
  const width = (most - least) / BUCKETS;
  const counts: number[] = new Array(BUCKETS).fill(0);
  for (let place = 0; place < values.length; place += 1) {
    const bucket = width > 0 ? Math.floor((values[place]! - least) / width) : 0;
    counts[Math.min(bucket, BUCKETS - 1)]! += 1;
  }
  const ends = counts.map((_, bucket) => (bucket === BUCKETS - 1 ? most : least + (bucket + 1) * width));
  for (const [index, number] of [least, most, values.length, sum, squares].entries()) {
    to.writeDoubleField(index + 1, number);
  }
  to.writePackedDouble(6, ends);
  to.writePackedDouble(7, counts);
}

// ---- Records ----

function recordOf(write: (to: PbfWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new PbfWriter();
  write(writer);
  const message = writer.finish();
  const record = new Uint8Array(message.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(message, 12);
  view.setUint32(12 + message.length, maskedChecksum(message), true);
  return record;
}

/** The CRC-32C, turned by 15 bits and moved, so that the checksum of bytes that hold checksums is a good one too. */
function maskedChecksum(bytes: Uint8Array): number {
  const checksum = ~crcOver(bytes, CRC_START, CASTAGNOLI_POLYNOMIAL);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
