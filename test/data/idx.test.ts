import { gzipSync as nodeGzip } from 'node:zlib';
import { gzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { readIdx, readIdxImages, readIdxLabels } from '../../dist/data/idx.js';
import { WakesleepError } from '../../dist/errors.js';
import { mutated } from '../files/mutated.js';
import { refusal } from '../files/refusal.js';
import { seededIntegers } from '../files/seeded-integers.mjs';

/** An idx file with those dimensions and bytes of data. */
function idx(type: number, shape: readonly number[], data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  bytes.set([0, 0, type, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((length, index) => {
    view.setUint32(4 + 4 * index, length);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

const images = idx(8, [2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
const labels = idx(8, [4], [3, 1, 4, 1]);

describe('an idx file', () => {
  it('gives images and labels, plain and compressed', () => {
    for (const pack of [(bytes: Uint8Array) => bytes, gzipSync, nodeGzip]) {
      expect(readIdxImages(pack(images), 'x')).toEqual({
        images: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255),
        rows: 2,
        columns: 6,
        height: 2,
        width: 3,
      });
      expect(readIdxLabels(pack(labels), 'x', 5)).toEqual(Uint8Array.of(3, 1, 4, 1));
    }
    const named = gzipSync(labels, { filename: 'labels', comment: 'c', extra: { 1: Uint8Array.of(1, 2, 3) } } as never);
    expect(readIdxLabels(named, 'x')).toHaveLength(4);
  });

  it('copies no bytes of a plain file', () => {
    const shifted = new Uint8Array(images.length + 5).subarray(5);
    shifted.set(images);
    expect(readIdxImages(shifted, 'x').images.buffer).toBe(shifted.buffer);
  });

  it.each([
    [0x08, 'u8', [7, 255], [7, 255]],
    [0x09, 'i8', [7, 255], [7, -1]],
    [0x0b, 'i16', [0xff, 0xfe, 1, 0], [-2, 256]],
    [0x0c, 'i32', [0xff, 0xff, 0xff, 0xfd, 0, 0, 1, 0], [-3, 256]],
    [0x0d, 'f32', [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], [1, -2]],
    [0x0e, 'f64', [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0], [1, -2]],
  ])('of type %i is read as %s', (code, type, data, values) => {
    const read = readIdx(idx(code, [1, 2], data), 'x');
    expect([read.type, read.shape, [...read.values]]).toEqual([type, [1, 2], values]);
  });

  it('larger than a piece of compressed bytes is read whole', () => {
    const below = seededIntegers(5);
    const noise = Uint8Array.from({ length: 200_000 }, () => below(256));
    const bytes = idx(8, [200_000], noise);
    expect(readIdx(nodeGzip(bytes), 'x').values).toEqual(noise);
    const zeros = idx(8, [3_000_000], new Uint8Array(3_000_000));
    expect(readIdx(nodeGzip(zeros), 'x').values).toHaveLength(3_000_000);
    const stored = nodeGzip(bytes, { level: 0 });
    expect(readIdx(stored, 'x').values).toEqual(noise);
  });
});

describe('an idx file that is bad is refused in words', () => {
  const flipped = nodeGzip(images);
  flipped[flipped.length - 6]! ^= 1;
  const method = nodeGzip(images);
  method[2] = 7;
  const block = nodeGzip(images);
  block[10]! |= 6;
  const manyDimensions = idx(8, new Array(255).fill(2 ** 31), []);
  const bomb = nodeGzip(idx(8, [10], new Uint8Array(50_000_000)));
  const claim = nodeGzip(idx(8, [2 ** 31, 2], [1]));
  const cases: readonly (readonly [string, () => unknown, string])[] = [
    ['empty', () => readIdx(new Uint8Array(0), 'f'), 'f is empty; an idx file is wanted.'],
    [
      'too short',
      () => readIdx(images.subarray(0, 3), 'f'),
      'f is too short for an idx file: 3 bytes, where the header takes at least 8.',
    ],
    [
      'another format',
      () => readIdx(new TextEncoder().encode('PK-zip'), 'f'),
      'f is not an idx file: it begins with the bytes 0x50 0x4b, where 0x00 0x00 is wanted.',
    ],
    [
      'an unknown type',
      () => readIdx(idx(0x0a, [1], [1]), 'f'),
      'f has the unknown element type 0x0a; the types are 0x08 (u8), 0x09 (i8), 0x0b (i16), 0x0c (i32), 0x0d (f32), 0x0e (f64).',
    ],
    ['no dimensions', () => readIdx(idx(8, [], [1]), 'f'), 'f has no dimensions; at least 1 is wanted.'],
    [
      'cut within the header',
      () => readIdx(images.subarray(0, 15), 'f'),
      'f is cut short within its header: 3 dimensions take 16 bytes, and 15 are there.',
    ],
    [
      'cut within the data',
      () => readIdx(images.subarray(0, 20), 'f'),
      'f is cut short: 28 bytes are wanted for 2 × 2 × 3, and 20 are there.',
    ],
    [
      'too long',
      () => readIdx(new Uint8Array([...images, 0]), 'f'),
      'f is too long: 1 bytes follow the 28 that its header asks for.',
    ],
    [
      'a dimension of 0',
      () => readIdx(idx(8, [2, 0, 3], []), 'f'),
      'f has the size 0 in dimension 2 of 3; it holds nothing.',
    ],
    [
      'dimensions beyond any file',
      () => readIdx(manyDimensions, 'f'),
      `f claims ${'2147483648 × '.repeat(6)}... elements, which is more than any file holds.`,
    ],
    [
      'dimensions beyond this file',
      () => readIdx(idx(8, [2 ** 31, 2 ** 10], [1]), 'f'),
      'f is cut short: 2199023255564 bytes are wanted for 2147483648 × 1024, and 13 are there.',
    ],
    [
      'labels for images',
      () => readIdxImages(labels, 'f'),
      'f holds labels (1 dimension: 4), but images (3 dimensions) are wanted.',
    ],
    [
      'images for labels',
      () => readIdxLabels(images, 'f'),
      'f holds images (3 dimensions: 2 × 2 × 3), but labels (1 dimension) are wanted.',
    ],
    [
      'a table for images',
      () => readIdxImages(idx(8, [1, 2], [1, 2]), 'f'),
      'f holds an array of 2 dimensions (1 × 2), but images (3 dimensions) are wanted.',
    ],
    [
      'images of floats',
      () => readIdxImages(idx(0x0d, [1, 1, 1], [0, 0, 0, 0]), 'f'),
      'f holds elements of type f32, but unsigned bytes (u8) are wanted.',
    ],
    [
      'labels that are signed',
      () => readIdxLabels(idx(0x09, [1], [1]), 'f'),
      'f holds elements of type i8, but unsigned bytes (u8) are wanted.',
    ],
    [
      'a label that is no class',
      () => readIdxLabels(labels, 'f', 4),
      'f holds the label 4 in row 2, but labels are from 0 to 3.',
    ],
    [
      'compressed, cut',
      () => readIdx(nodeGzip(images).subarray(0, -9), 'f'),
      'f is cut short: its gzip stream ends too early.',
    ],
    [
      'compressed, only begun',
      () => readIdx(Uint8Array.of(0x1f, 0x8b), 'f'),
      'f is cut short: its gzip stream ends too early.',
    ],
    [
      'compressed, of a file that is cut',
      () => readIdx(nodeGzip(images.subarray(0, 20)), 'f'),
      'f is cut short: 28 bytes are wanted for 2 × 2 × 3, and 20 are there.',
    ],
    [
      'compressed, of another format',
      () => readIdx(nodeGzip(new TextEncoder().encode('text')), 'f'),
      'f is not an idx file: it begins with the bytes 0x74 0x65, where 0x00 0x00 is wanted.',
    ],
    ['compressed twice', () => readIdx(nodeGzip(nodeGzip(images)), 'f'), 'it begins with the bytes 0x1f 0x8b'],
    [
      'compressed, with another checksum',
      () => readIdx(flipped, 'f'),
      'f is damaged: the checksum of its gzip stream does not fit what was decompressed.',
    ],
    [
      'compressed, in two members',
      () => readIdx(joined(nodeGzip(images), nodeGzip(labels)), 'f'),
      'f is damaged: the checksum',
    ],
    [
      'compressed by another method',
      () => readIdx(method, 'f'),
      "f is compressed by the unknown method 7; gzip's method 8 is wanted.",
    ],
    [
      'compressed, with a forged block',
      () => readIdx(block, 'f'),
      'f is damaged: its gzip stream cannot be decompressed.',
    ],
    [
      'a bomb: more than the header says',
      () => readIdx(bomb, 'f'),
      'f is too long: more bytes follow the 18 that its header asks for.',
    ],
    [
      'a bomb: a header that says more than there can be',
      () => readIdx(claim, 'f'),
      `f claims 4294967308 bytes, more than its ${claim.length} compressed bytes can hold.`,
    ],
  ];
  it.each(cases)('%s', (_, action, words) => {
    const said = refusal(action);
    expect(said.startsWith('DATA_CORRUPT: f ')).toBe(true);
    expect(said).toContain(words);
  });

  it('images of another size', () => {
    expect(refusal(() => readIdxImages(images, 'f', { height: 28, width: 28 }))).toBe(
      'SHAPE_MISMATCH: f holds images of 2 × 3 pixels, but 28 × 28 are wanted.',
    );
    expect(readIdxImages(images, 'f', { width: 3 }).rows).toBe(2);
  });

  it('when it is cut at any byte, plain and compressed', () => {
    for (const bytes of [images, labels, nodeGzip(images), gzipSync(labels)]) {
      for (let length = 0; length < bytes.length; length += 1) {
        expect(refusal(() => readIdx(bytes.subarray(0, length), 'f'))).toMatch(/^DATA_CORRUPT: f /);
      }
    }
  });

  it('with nothing but a WakesleepError, over 40,000 mutations', () => {
    const below = seededIntegers(99);
    const outcomes = { read: 0, refused: 0 };
    for (const bytes of [images, new Uint8Array(nodeGzip(images))]) {
      for (let round = 0; round < 20_000; round += 1) {
        try {
          readIdx(mutated(bytes, below), 'f');
          outcomes.read += 1;
        } catch (error) {
          if (!(error instanceof WakesleepError)) throw error;
          outcomes.refused += 1;
        }
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(10_000);
  });
});

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  return new Uint8Array([...a, ...b]);
}
