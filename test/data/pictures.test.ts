import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readCifar, readNorb } from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { seededIntegers } from '../files/seeded-integers.mjs';

/** Records of pictures of noise after their labels. */
function cifar(...labels: readonly (readonly number[])[]) {
  const below = seededIntegers(3);
  const pictures = labels.map(() => Uint8Array.from({ length: 3072 }, () => below(256)));
  const bytes = Uint8Array.from(labels.flatMap((own, row) => [...own, ...pictures[row]!]));
  return { bytes, images: Uint8Array.from(pictures.flatMap((picture) => [...picture])) };
}

describe('a binary file of CIFAR', () => {
  it('of 10 or 100 classes is told by its length', () => {
    const ten = cifar([3], [9]);
    const size = { rows: 2, columns: 3072, height: 32, width: 32, channels: 3, classNames: undefined };
    for (const bytes of [ten.bytes, gzipSync(ten.bytes)]) {
      expect(readCifar(bytes, 'f')).toEqual({ images: ten.images, ...size, labels: Uint8Array.of(3, 9), classes: 10 });
    }
    const hundred = cifar([11, 99], [19, 0]);
    const fine = { images: hundred.images, ...size, labels: Uint8Array.of(99, 0), classes: 100 };
    expect(readCifar(hundred.bytes, 'f')).toEqual(fine);
    expect(readCifar(hundred.bytes, 'f', { classes: 100, labels: 'coarse' })).toEqual({
      ...fine,
      labels: Uint8Array.of(11, 19),
      classes: 20,
    });
    expect(readCifar(cifar([0]).bytes, 'f')).toMatchObject({ rows: 1 });
  });

  it('is refused in words', () => {
    const words = (bytes: Uint8Array, options = {}) => refusal(() => readCifar(bytes, 'f', options));
    expect(words(new Uint8Array(0))).toBe('DATA_CORRUPT: f is empty; a file of CIFAR is wanted.');
    expect(words(new Uint8Array(3072))).toBe(
      'DATA_CORRUPT: f has 3072 bytes, which are no whole number of records of 3073 (CIFAR-10) or 3074 (CIFAR-100) bytes.',
    );
    expect(words(new Uint8Array(3073), { classes: 100 })).toBe(
      'DATA_CORRUPT: f has 3073 bytes, which are no whole number of records of 3074 bytes.',
    );
    expect(words(cifar([1], [10]).bytes)).toBe(
      'DATA_CORRUPT: f has the class 10 at byte 3073, in row 1; classes are from 0 to 9.',
    );
    expect(words(cifar([20, 5]).bytes, { labels: 'coarse' })).toBe(
      'DATA_CORRUPT: f has the class 20 at byte 0, in row 0; classes are from 0 to 19.',
    );
    expect(words(new Uint8Array(3073 * 3074))).toBe(
      'OPTION_INVALID: f may be of CIFAR-10 or of CIFAR-100 by its length; say `classes`.',
    );
    expect(words(new Uint8Array(3073), { labels: 'coarse' })).toBe(
      'OPTION_INVALID: `labels` is for CIFAR-100, and this is a file of CIFAR-10.',
    );
    expect(words(new Uint8Array(3073), { classes: 20 })).toBe('OPTION_INVALID: `classes` must be 10 or 100; got 20.');
    const packed = gzipSync(new Uint8Array(3073));
    packed.set([0xff, 0xff, 0xff, 0xff], packed.length - 4);
    expect(words(packed)).toBe(
      `DATA_CORRUPT: f claims 4294967295 bytes, more than its ${packed.length} compressed bytes can hold.`,
    );
    packed.set([5, 0, 0, 0], packed.length - 4);
    expect(words(packed)).toBe('DATA_CORRUPT: f holds more than the 5 bytes that the end of its gzip stream declares.');
  });
});

/** A matrix of NORB as the set's page describes it. */
function norb(magic: number, shape: readonly number[], data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const sides = [...shape, ...new Array(Math.max(0, 3 - shape.length)).fill(1)];
  const head = new Uint8Array(Int32Array.of(magic, shape.length, ...sides).buffer);
  const bytes = new Uint8Array(head.length + data.length);
  bytes.set(head);
  bytes.set(data, head.length);
  return bytes;
}

const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer as ArrayBuffer);

describe('a matrix of NORB', () => {
  it('has pictures of two eyes, classes or particulars', () => {
    const dat = norb(
      0x1e3d4c55,
      [2, 2, 2, 3],
      Uint8Array.from({ length: 24 }, (_, place) => place),
    );
    const read = readNorb(dat, 'f');
    expect(read).toEqual({ type: 'u8', shape: [2, 2, 2, 3], values: Uint8Array.from({ length: 24 }, (_, i) => i) });
    expect(read.values.buffer).toBe(dat.buffer);
    expect(readNorb(gzipSync(dat), 'f')).toEqual(read);
    const cat = norb(0x1e3d4c54, [3], bytesOf(Int32Array.of(0, 4, 2)));
    expect(readNorb(cat, 'f')).toEqual({ type: 'i32', shape: [3], values: Int32Array.of(0, 4, 2) });
  });

  it.each([
    [0x1e3d4c51, 'f32', Float32Array.of(0.5, -1)],
    [0x1e3d4c53, 'f64', Float64Array.of(0.5, -1)],
    [0x1e3d4c54, 'i32', Int32Array.of(7, -1)],
    [0x1e3d4c56, 'i16', Int16Array.of(7, -1)],
  ])('of magic %i has elements of %s', (magic, type, values) => {
    expect(readNorb(norb(magic, [2, 1], bytesOf(values)), 'f')).toEqual({ type, shape: [2, 1], values });
  });

  it.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(0), 'f is too short for a matrix of NORB: it has 0 bytes, and a header at least 20.'],
    [
      'another format',
      norb(0x03080000, [1], [1]),
      'f begins with the magic number 0x3080000; those of NORB that are read are 0x1e3d4c51 (f32), 0x1e3d4c53 (f64), 0x1e3d4c54 (i32), 0x1e3d4c55 (u8), 0x1e3d4c56 (i16).',
    ],
    [
      'many dimensions',
      norb(0x1e3d4c55, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1]),
      'f claims 9 dimensions at byte 4; 1 to 8 are wanted.',
    ],
    [
      'cut in its header',
      norb(0x1e3d4c55, [1, 1, 1, 1], []).subarray(0, 20),
      'f is cut short within its header, which takes 24 bytes, and 20 are there.',
    ],
    ['a size of 0', norb(0x1e3d4c55, [1, 0], []), 'f has the size 0 at byte 12; it holds nothing.'],
    ['cut', norb(0x1e3d4c55, [3, 2], [1, 2]), 'f has 22 bytes, and its header asks for 26: 3 × 2 elements of 1.'],
    ['too long', norb(0x1e3d4c55, [1], [1, 2]), 'f has 22 bytes, and its header asks for 21: 1 elements of 1.'],
    [
      'sizes beyond any file',
      norb(0x1e3d4c55, [-1, -1, -1], []),
      'f has 20 bytes, and its header asks for 7.9228162458924105e+28: 4294967295 × 4294967295 × 4294967295 elements of 1.',
    ],
  ])('that is %s is refused in words', (_, bytes, words) => {
    expect(refusal(() => readNorb(bytes, 'f'))).toBe(`DATA_CORRUPT: ${words}`);
  });
});
