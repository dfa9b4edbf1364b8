/**
 * Decompresses gzip files of one member (RFC 1952) piece by piece, and hands on what comes out.
 *
 * Nothing is allocated because a file asks for it: a piece of 16 KiB inflates to 17 MB at most, and whoever takes the pieces
 * decides how many are too many. The checksum and the length at the end are compared with what came out.
 */
import { Inflate } from 'fflate';
import { WakesleepError } from '../errors.js';
import { allocatedBytes, corrupt } from './corrupt.js';
import { CRC_START, crcOver } from './crc.js';

/** Takes the bytes of a file in pieces, and says at the end what they were. */
export interface Taker<T> {
  take(piece: Uint8Array): void;
  finish(): T;
}

/** Bytes of a file: all of it, or pieces of any size, as streams give them. */
export type Pieces = Uint8Array | AsyncIterable<Uint8Array>;

/** Deflate cannot shrink anything by more; what claims to be larger is not in the file. (RFC 1951: 258 bytes in 2 bits.) */
export const MAX_DEFLATE_RATIO = 1032;

const pieceBytes = 16_384;
const trailerBytes = 8;
const headerBytes = 10;
/** With names and comments longer than anybody's; a stream that has not begun by then is none. */
const LONGEST_HEADER = 2 ** 17;
/** Compressed bytes that give nothing: after so many the stream is over, and what follows does not belong to it. */
const MOST_IDLE_BYTES = 4 * pieceBytes;

/** Whether bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Feeds a whole file to a taker, decompressed where it is a gzip file. */
export function fed<T>(bytes: Uint8Array, where: string, taker: Taker<T>): T {
  if (isGzip(bytes)) gunzip(bytes, where, (piece) => taker.take(piece));
  else taker.take(bytes);
  return taker.finish();
}

/** Feeds what a stream gives to a taker, decompressed where it is a gzip file. */
export async function fedFrom<T>(pieces: AsyncIterable<Uint8Array>, where: string, taker: Taker<T>): Promise<T> {
  let begin: Uint8Array = new Uint8Array(0);
  let gzip: Gunzip | undefined;
  let isOpen = false;
  const pass = (piece: Uint8Array) => (gzip === undefined ? taker.take(piece) : gzip.take(piece));
  for await (const piece of pieces) {
    if (isOpen) {
      pass(piece);
      continue;
    }
    begin = joined(begin, piece);
    if (begin.length < 2) continue;
    isOpen = true;
    if (isGzip(begin)) gzip = new Gunzip(where, (out) => taker.take(out));
    pass(begin);
  }
  if (!isOpen) taker.take(begin);
  gzip?.finish();
  return taker.finish();
}

/** Decompresses a whole file, in pieces. Throws `DATA_CORRUPT` and what `take` throws. */
export function gunzip(bytes: Uint8Array, where: string, take: (piece: Uint8Array) => void): void {
  const stream = new Gunzip(where, take);
  stream.take(bytes);
  stream.finish();
}

/**
 * The bytes inside a gzip file, or the bytes themselves. The size that the file's end declares is allocated, if the
 * compressed bytes can hold as much, and not a byte more comes out.
 */
export function unpacked(bytes: Uint8Array, where: string): Uint8Array {
  if (!isGzip(bytes)) return bytes;
  if (bytes.length < headerBytes + trailerBytes) throw cutShort(where);
  const declared = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
  if (declared > bytes.length * MAX_DEFLATE_RATIO) {
    throw corrupt(where, `claims ${declared} bytes, more than its ${bytes.length} compressed bytes can hold`);
  }
  const whole = allocatedBytes(declared, where);
  let filled = 0;
  gunzip(bytes, where, (piece) => {
    if (filled + piece.length > declared) {
      throw corrupt(where, `holds more than the ${declared} bytes that the end of its gzip stream declares`);
    }
    whole.set(piece, filled);
    filled += piece.length;
  });
  return whole;
}

/** A gzip stream: a header, deflated bytes that are passed on at once, and eight bytes of trailer that are held back. */
class Gunzip {
  private held: Uint8Array = new Uint8Array(0);
  private isPastHeader = false;
  private length = 0;
  private crc = CRC_START;
  private readonly contents: Deflated;

  constructor(
    private readonly where: string,
    pass: (piece: Uint8Array) => void,
  ) {
    this.contents = new Deflated(where, 'its gzip stream', (piece) => {
      this.length += piece.length;
      this.crc = crcOver(piece, this.crc);
      pass(piece);
    });
  }

  take(piece: Uint8Array): void {
    let rest = piece;
    if (!this.isPastHeader) {
      this.held = this.held.length === 0 ? piece : joined(this.held, piece);
      const end = headerLength(this.held, this.where);
      if (end === undefined && this.held.length > LONGEST_HEADER) throw cutShort(this.where);
      if (end === undefined) return;
      this.isPastHeader = true;
      rest = this.held.subarray(end);
      this.held = new Uint8Array(0);
    }
    const ready = this.held.length + rest.length - trailerBytes;
    if (ready <= 0) {
      this.held = joined(this.held, rest);
      return;
    }
    const fromHeld = Math.min(ready, this.held.length);
    const fromRest = ready - fromHeld;
    this.contents.take(this.held.subarray(0, fromHeld));
    this.contents.take(rest.subarray(0, fromRest));
    this.held = joined(this.held.subarray(fromHeld), rest.subarray(fromRest));
  }

  /** Throws `DATA_CORRUPT` for a stream that is cut short, or another than its trailer says. */
  finish(): void {
    const { where, held } = this;
    if (!this.isPastHeader || held.length < trailerBytes) throw cutShort(where);
    this.contents.finish();
    const trailer = new DataView(held.buffer, held.byteOffset, trailerBytes);
    if (trailer.getUint32(4, true) !== this.length % 2 ** 32 || trailer.getUint32(0, true) !== ~this.crc >>> 0) {
      throw corrupt(where, 'is damaged: the checksum of its gzip stream does not fit what was decompressed');
    }
  }
}

/** Deflated bytes (RFC 1951), whatever stands around them. */
export class Deflated {
  private idle = 0;
  private compressed = 0;
  private readonly inflate: Inflate;

  constructor(
    private readonly where: string,
    /** What the bytes are, in words. */
    private readonly stream: string,
    pass: (piece: Uint8Array) => void,
  ) {
    this.inflate = new Inflate((piece) => {
      if (piece.length === 0) return;
      this.idle = 0;
      pass(piece);
    });
  }

  take(bytes: Uint8Array): void {
    this.guarded(() => {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes);
        this.idle += piece.length;
        this.compressed += piece.length;
        this.inflate.push(piece, false);
        if (this.idle <= MOST_IDLE_BYTES) continue;
        throw corrupt(
          this.where,
          `is damaged: ${this.idle} bytes of ${this.stream} stand after the end of its contents`,
        );
      }
    });
  }

  /** Throws `DATA_CORRUPT` where the last block has not come to its end. */
  finish(): void {
    if (this.compressed === 0) throw this.cut();
    this.guarded(() => this.inflate.push(new Uint8Array(0), true));
  }

  private cut(): WakesleepError {
    return corrupt(this.where, `is cut short: ${this.stream} ends too early`);
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof WakesleepError) throw error;
      if (isUnexpectedEnd(error)) throw this.cut();
      throw corrupt(this.where, `is damaged: ${this.stream} cannot be decompressed`, error);
    }
  }
}

/** The bytes of a zlib stream (RFC 1950) go to `take`; `stream` says in words which it is. Throws `DATA_CORRUPT`. */
export function unzlib(bytes: Uint8Array, where: string, stream: string, take: (piece: Uint8Array) => void): void {
  const [method = 0, flags = 0] = bytes;
  if (bytes.length < 6) throw corrupt(where, `is cut short: ${stream} ends too early`);
  if ((method & 15) !== 8 || (method * 256 + flags) % 31 !== 0 || flags & 32) {
    throw corrupt(where, `is damaged: ${stream} does not begin as a zlib stream`);
  }
  let [low, high] = [1, 0];
  const contents = new Deflated(where, stream, (piece) => {
    for (let at = 0; at < piece.length; ) {
      // So many sums stay below 2^53 without a remainder.
      const end = Math.min(piece.length, at + 4096);
      for (; at < end; at += 1) {
        low += piece[at]!;
        high += low;
      }
      low %= ADLER_BASE;
      high %= ADLER_BASE;
    }
    take(piece);
  });
  contents.take(bytes.subarray(2, -4));
  contents.finish();
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4);
  if (checksum !== high * 65_536 + low)
    throw corrupt(where, `is damaged: the checksum of ${stream} does not fit its contents`);
}

const ADLER_BASE = 65_521;

/** How many bytes come before the deflate stream: ten, and the optional fields that a flag announces; undefined where cut. */
function headerLength(bytes: Uint8Array, where: string): number | undefined {
  if (bytes.length < headerBytes) return undefined;
  if (bytes[2] !== 8) {
    throw corrupt(where, `is compressed by the unknown method ${bytes[2]}; gzip's method 8 is wanted`);
  }
  const flags = bytes[3]!;
  let at = headerBytes;
  if (flags & 4) at += 2 + (bytes[at]! | (bytes[at + 1]! << 8));
  for (const textFlag of [8, 16]) {
    if (!(flags & textFlag)) continue;
    const terminator = bytes.indexOf(0, at);
    if (terminator < 0) return undefined;
    at = terminator + 1;
  }
  const end = flags & 2 ? at + 2 : at;
  return end <= bytes.length ? end : undefined;
}

function cutShort(where: string): WakesleepError {
  return corrupt(where, 'is cut short: its gzip stream ends too early');
}

/** fflate's code for a stream that ends before its last block does. */
function isUnexpectedEnd(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 0;
}

/** Two pieces as one. */
export function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
