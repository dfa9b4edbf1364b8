/**
 * Reads a PNG picture as bytes, one whole plane of colour after another. `fast-png` decodes; what stands here decides beforehand
 * whether the file may be decoded at all:
 *
 *     8 bytes    signature
 *     chunks     4 bytes of length, 4 of name, the contents, 4 of checksum; IHDR first, IEND last
 *
 * (W3C, "Portable Network Graphics", third edition.) Checksums are compared, and the compressed pixels are inflated once in
 * pieces that are thrown away, so that no more is decoded than the header asks for. Chunks that do not change the pixels are
 * left out. Transparency is left out too, and of 16 bits the upper 8 are kept.
 */
import { type DecodedPng, decode } from 'fast-png';
import { corrupt } from '../data/corrupt.js';
import { CRC_START, crcOver } from '../data/crc.js';
import { MAX_DEFLATE_RATIO, unzlib } from '../data/gzip.js';
import { MAX_PICTURE_PIXELS } from './png.js';

/** One picture. */
export interface Picture {
  /** `[channels, height, width]`, 0 to 255: grey, or red, green and blue. */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

interface Chunk {
  readonly name: string;
  readonly begin: number;
  readonly contents: Uint8Array;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** By type of colour: numbers of a pixel, and how many bits each may have. */
const colourTypes: ReadonlyMap<number, readonly [number, readonly number[]]> = new Map([
  [0, [1, [1, 2, 4, 8, 16]]],
  [2, [3, [8, 16]]],
  [3, [1, [1, 2, 4, 8]]],
  [4, [2, [8, 16]]],
  [6, [4, [8, 16]]],
]);
const PALETTE = 3;

/** Reads a picture; `where` names the file in errors. Throws `DATA_CORRUPT`. */
export function readPng(bytes: Uint8Array, where: string): Picture {
  const chunks = chunksOf(bytes, where);
  const header = readHeader(chunks, where);
  const packed = joinedChunks(chunks.filter(({ name }) => name === 'IDAT'));
  checkPixels(packed, header, where);
  checkPalette(chunks, header, where);
  const kept = chunks.filter(({ name }) => ['IHDR', 'PLTE', 'IDAT', 'IEND'].includes(name));
  let decoded: DecodedPng;
  try {
    decoded = decode(joinedFile(bytes, kept));
  } catch (cause) {
    throw corrupt(where, 'is damaged: its pixels cannot be decoded', cause);
  }
  return planes(decoded, header, where);
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  /** Numbers of a pixel. */
  readonly samples: number;
  readonly isInterlaced: boolean;
}

function chunksOf(bytes: Uint8Array, where: string): Chunk[] {
  if (signature.some((byte, place) => bytes[place] !== byte)) throw corrupt(where, 'does not begin as a PNG picture');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = signature.length; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw corrupt(where, `is cut short within the chunk at byte ${at}`);
    const length = view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) {
      throw corrupt(
        where,
        `is cut short: the chunk at byte ${at} claims ${length} bytes, and ${bytes.length - at - 12} are there`,
      );
    }
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (~crcOver(bytes.subarray(at + 4, end), CRC_START) >>> 0 !== view.getUint32(end)) {
      throw corrupt(where, `is damaged: the checksum of the chunk at byte ${at} does not fit its contents`);
    }
    chunks.push({ name, begin: at, contents: bytes.subarray(at + 8, end) });
    if (name === 'IEND') return chunks;
    at = end + 4;
  }
  throw corrupt(where, 'is cut short: it has no IEND chunk');
}

function readHeader(chunks: readonly Chunk[], where: string): Header {
  const [first] = chunks;
  if (
    first?.name !== 'IHDR' ||
    first.contents.length !== 13 ||
    chunks.filter(({ name }) => name === 'IHDR').length > 1
  ) {
    throw corrupt(where, 'must have one IHDR chunk of 13 bytes at byte 8');
  }
  const view = new DataView(first.contents.buffer, first.contents.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, method, filter, interlace] = first.contents.subarray(8) as unknown as readonly number[];
  const [samples, depths] = colourTypes.get(colour!) ?? [0, []];
  if (!depths.includes(depth!) || method !== 0 || filter !== 0 || interlace! > 1) {
    const given = `depth ${depth}, colour ${colour}, compression ${method}, filter ${filter}, interlacing ${interlace}`;
    throw corrupt(where, `has a header that PNG does not know, from byte 24 on: ${given}`);
  }
  if (width === 0 || height === 0 || width * height > MAX_PICTURE_PIXELS) {
    throw corrupt(where, `claims ${width} × ${height} pixels at byte 16; 1 to ${MAX_PICTURE_PIXELS} are read`);
  }
  const isInterlaced = interlace === 1;
  if (isInterlaced && depth! < 8)
    throw corrupt(where, `is interlaced with ${depth} bits; those of 8 or 16 bits are read`);
  return { width, height, depth: depth!, colour: colour!, samples, isInterlaced };
}

/** Where Adam7 begins, and how far apart its pixels are. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** How many bytes the pixels are before compression, each line after a byte that says how it is filtered. */
function filteredBytes({ width, height, depth, samples, isInterlaced }: Header): number {
  const bytesOf = (across: number, down: number) =>
    across === 0 ? 0 : down * (1 + Math.ceil((across * samples * depth) / 8));
  if (!isInterlaced) return bytesOf(width, height);
  return passes.reduce((sum, [x, y, stepX, stepY]) => {
    return sum + bytesOf(Math.max(0, Math.ceil((width - x) / stepX)), Math.max(0, Math.ceil((height - y) / stepY)));
  }, 0);
}

function checkPixels(packed: Uint8Array, header: Header, where: string): void {
  const wanted = filteredBytes(header);
  const size = `${header.width} × ${header.height} pixels`;
  if (wanted > packed.length * MAX_DEFLATE_RATIO) {
    throw corrupt(where, `claims ${size} at byte 16, more than its ${packed.length} compressed bytes can hold`);
  }
  let found = 0;
  unzlib(packed, where, 'the zlib stream of its pixels', (piece) => {
    found += piece.length;
    if (found > wanted) throw corrupt(where, `has more pixels than the ${size} that its header claims at byte 16`);
  });
  if (found < wanted) throw corrupt(where, `is cut short: ${size} take ${wanted} bytes, and ${found} are there`);
}

function checkPalette(chunks: readonly Chunk[], { colour }: Header, where: string): void {
  const palettes = chunks.filter(({ name }) => name === 'PLTE');
  if (colour !== PALETTE && palettes.length === 0) return;
  const [palette] = palettes;
  const length = palette?.contents.length ?? 0;
  const comesFirst = chunks.findIndex(({ name }) => name === 'PLTE') < chunks.findIndex(({ name }) => name === 'IDAT');
  if (palettes.length === 1 && comesFirst && length > 0 && length <= 768 && length % 3 === 0) return;
  const place = palette === undefined ? 'no palette' : `a palette of ${length} bytes at byte ${palette.begin}`;
  throw corrupt(where, `has ${place}; one of 1 to 256 colours before the pixels is wanted`);
}

function joinedChunks(chunks: readonly Chunk[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { contents }) => sum + contents.length, 0));
  let at = 0;
  for (const { contents } of chunks) {
    whole.set(contents, at);
    at += contents.length;
  }
  return whole;
}

/** A file of some of the chunks. */
function joinedFile(bytes: Uint8Array, chunks: readonly Chunk[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { contents }) => sum + 12 + contents.length, signature.length));
  whole.set(signature);
  let at = signature.length;
  for (const { begin, contents } of chunks) {
    whole.set(bytes.subarray(begin, begin + 12 + contents.length), at);
    at += 12 + contents.length;
  }
  return whole;
}

/** The pixels in 8 bits, plane after plane; transparency is left out. */
function planes({ data, palette }: DecodedPng, header: Header, where: string): Picture {
  const { width, height, depth, samples, colour } = header;
  const size = width * height;
  const channels = colour === 0 || colour === 4 ? 1 : 3;
  const pixels = new Uint8Array(channels * size);
  const lineBytes = Math.ceil((width * samples * depth) / 8);
  const largest = 2 ** depth - 1;
  for (let pixel = 0; pixel < size; pixel += 1) {
    if (colour === PALETTE) {
      const index = sampleAt(data, pixel, width, lineBytes, depth);
      const found = palette?.[index];
      if (found === undefined) {
        throw corrupt(
          where,
          `has the colour ${index} in row ${Math.floor(pixel / width)}, column ${pixel % width}, beyond its palette`,
        );
      }
      for (let channel = 0; channel < 3; channel += 1) pixels[channel * size + pixel] = found[channel]!;
    } else if (depth < 8) {
      pixels[pixel] = Math.round((255 * sampleAt(data, pixel, width, lineBytes, depth)) / largest);
    } else {
      const shift = depth - 8;
      for (let channel = 0; channel < channels; channel += 1) {
        pixels[channel * size + pixel] = data[pixel * samples + channel]! >> shift;
      }
    }
  }
  return { pixels, height, width, channels };
}

/** A sample of at most 8 bits; lines begin at whole bytes, and the first pixel is in the highest bits. */
function sampleAt(data: ArrayLike<number>, pixel: number, width: number, lineBytes: number, depth: number): number {
  const bit = (pixel % width) * depth;
  const byte = data[Math.floor(pixel / width) * lineBytes + Math.floor(bit / 8)]!;
  return (byte >> (8 - depth - (bit % 8))) & (2 ** depth - 1);
}
