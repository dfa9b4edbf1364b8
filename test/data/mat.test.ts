import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMat } from 'wakesleep';
import { mayBeSkipped, runPython } from '../files/python.js';
import { refusal } from '../files/refusal.js';

/** An element: type, length, bytes, padding. */
function element(type: number, bytes: ArrayLike<number>): number[] {
  const head = new Uint8Array(Uint32Array.of(type, bytes.length).buffer);
  return [...head, ...Array.from(bytes), ...new Array((8 - (bytes.length % 8)) % 8).fill(0)];
}

const bytesOf = (values: Int32Array | Uint32Array | Float64Array) => new Uint8Array(values.buffer);

/** An array of doubles. */
function matrix(name: string, shape: readonly number[], values: readonly number[], flags = 6): number[] {
  const parts = [
    ...element(6, bytesOf(Uint32Array.of(flags, 0))),
    ...element(5, bytesOf(Int32Array.from(shape))),
    ...element(1, new TextEncoder().encode(name)),
    ...element(9, bytesOf(Float64Array.from(values))),
  ];
  return element(14, parts);
}

function file(...elements: readonly number[][]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(128 + elements.flat().length).fill(32, 0, 116);
  bytes.set(new TextEncoder().encode('MATLAB 5.0 MAT-file, made by a test'));
  bytes.set([0, 1, 0x49, 0x4d], 124);
  bytes.set(elements.flat(), 128);
  return bytes;
}

const packed = (bytes: Uint8Array) => [...new Uint8Array(Uint32Array.of(15, bytes.length).buffer), ...bytes];
const table = matrix('table', [2, 3], [1, 4, 2, 5, 3, 6]);

describe('a MAT file', () => {
  it('holds arrays by name, row-major', () => {
    const arrays = readMat(file(table, matrix('one', [1, 1], [7])), 'f');
    expect([...arrays]).toEqual([
      ['table', { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['one', { shape: [1, 1], values: Float32Array.of(7) }],
    ]);
    expect(readMat(file(), 'f').size).toBe(0);
    expect(readMat(gzipSync(file(table)), 'f').size).toBe(1);
    expect(readMat(file(packed(deflateSync(Uint8Array.from(table)))), 'f').get('table')?.shape).toEqual([2, 3]);
  });

  it('may have the other order of bytes', () => {
    // The description's own example of the short form: type and length in one word, the number in the next.
    const big = Uint8Array.from(file());
    big.set([1, 0, 0x4d, 0x49], 124);
    const word = (value: number) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
    const parts = [
      ...[...word(6), ...word(8), ...word(9), ...word(0)],
      ...[...word(5), ...word(8), ...word(1), ...word(2)],
      ...[...word((1 << 16) | 1), 0x78, 0, 0, 0],
      ...[...word((2 << 16) | 2), 200, 7, 0, 0],
    ];
    const bytes = Uint8Array.from([...big, ...word(14), ...word(parts.length), ...parts]);
    expect([...readMat(bytes, 'f')]).toEqual([['x', { shape: [1, 2], values: Uint8Array.of(200, 7) }]]);
  });
});

describe.skipIf(mayBeSkipped)('what SciPy writes', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([true, false])('is read as it was saved, compressed: %s', (compressed) => {
    const program = `
import json, sys, numpy, scipy.io, scipy.sparse
random = numpy.random.default_rng(2)
arrays = {
    'double': random.normal(size=(5, 7)), 'single': random.normal(size=(4, 3)).astype('f4'),
    'bytes': random.integers(0, 256, (6, 28, 28), dtype='u1'), 'signed': random.integers(-128, 128, (2, 5), dtype='i1'),
    'short': random.integers(-9999, 9999, (3, 3), dtype='i2'), 'long': random.integers(-2**24, 2**24, (2, 3, 2, 2), dtype='i8'),
    'whole': numpy.arange(12.0).reshape(3, 4), 'mask': random.random((3, 5)) > 0.5, 'none': numpy.zeros((0, 3)), 'y': numpy.arange(5),
}
left_out = {'text': 'words', 'cells': numpy.array(['a', 2.0], dtype=object), 'structure': {'a': 1.0},
    'complex': numpy.array([1 + 2j]), 'sparse': scipy.sparse.eye(3, format='csc')}
scipy.io.savemat(sys.argv[1], {**left_out, **arrays}, do_compression=sys.argv[2] == 'true')
print(json.dumps({name: [numpy.atleast_2d(array).shape, array.astype('<f4').tobytes().hex()] for name, array in arrays.items()}))`;
    const path = join(folder, 'saved.mat');
    const saved = JSON.parse(runPython(program, path, String(compressed)));
    const found = [...readMat(readFileSync(path), path)].map(([name, { shape, values }]) => {
      return [name, [shape, Buffer.from(Float32Array.from(values).buffer).toString('hex')]];
    });
    expect(Object.fromEntries(found)).toEqual(saved);
    const kept = readMat(readFileSync(path), path);
    expect(
      [kept.get('bytes')?.values, kept.get('mask')?.values, kept.get('signed')?.values].map((v) => v?.constructor),
    ).toEqual([Uint8Array, Uint8Array, Float32Array]);
  });
});

describe('a MAT file that is bad is refused in words', () => {
  const changed = (at: number, ...bytes: number[]) => {
    const copy = file(table);
    copy.set(bytes, at);
    return copy;
  };
  const claim = Uint8Array.from([14, 0, 0, 0, 0xf8, 0xff, 0xff, 0xff]);
  const bomb = deflateSync(new Uint8Array([...Uint8Array.of(14, 0, 0, 0, 8, 0, 0, 0), ...new Uint8Array(2_000_000)]));
  const damaged = Uint8Array.from(deflateSync(Uint8Array.from(table)));
  damaged[damaged.length - 1]! ^= 1;
  const cut = deflateSync(Uint8Array.from(table)).subarray(0, 40);
  it.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(0), 'f is too short for a MAT file: its header takes 128 bytes, and 0 are there.'],
    ['another format', new Uint8Array(200), 'f is no MAT file of version 5: bytes 126 and 127 must be "IM" or "MI".'],
    [
      'version 7.3',
      Uint8Array.from([...new TextEncoder().encode('MATLAB 7.3 MAT-file'), ...new Uint8Array(600)]),
      'f is a MAT file of version 7.3, which is HDF5; save it with `-v7`.',
    ],
    ['version 4 in its header', changed(124, 0, 4), 'f has the MAT version 0x400 at byte 124; 0x100 is wanted.'],
    ['cut', file(table).subarray(0, 200), 'f is damaged at byte 128: an element claims 104 bytes, and 64 are there.'],
    [
      'cut within a tag',
      file(table).subarray(0, 131),
      'f is damaged at byte 128: an element takes at least 8 bytes, and 3 are there.',
    ],
    [
      'an element that claims too much',
      changed(156, 255, 255, 255, 127),
      'f is damaged at byte 152: an element claims 2147483647 bytes, and 80 are there.',
    ],
    [
      'a short element of 9 bytes',
      changed(154, 9, 0),
      'f is damaged at byte 152: an element of the short form claims 9 bytes, and 4 fit.',
    ],
    ['no flags', changed(136, 5), 'f is damaged at byte 136: an array begins with 8 bytes of flags.'],
    [
      'one dimension',
      file(matrix('x', [3], [1, 2, 3])),
      'f is damaged at byte 160: an array has 2 to 64 dimensions of 4 bytes each.',
    ],
    [
      'a side below 0',
      file(matrix('x', [-1, -3], [1, 2, 3])),
      'f is damaged at byte 160: an array has the shape -1 × -3.',
    ],
    [
      'a shape that does not fit',
      file(matrix('x', [2 ** 31 - 1, 2 ** 31 - 1], [1])),
      'f is damaged at byte 192: 2147483647 × 2147483647 numbers of 8 bytes are wanted, and 8 bytes are there.',
    ],
    ['numbers of no type', changed(184, 77), 'f is damaged at byte 192: numbers of the unknown type 77.'],
    ['a name twice', file(table, table), 'f is damaged at byte 288: a second array is called "table".'],
    [
      'a compressed array that claims too much',
      file(packed(deflateSync(claim))),
      'f claims 4294967296 bytes in the zlib stream at byte 136, more than its 16 bytes can hold.',
    ],
    ['a bomb', file(packed(bomb)), 'f holds more than the 16 bytes that the zlib stream at byte 136 declares.'],
    [
      'a checksum',
      file(packed(damaged)),
      'f is damaged: the checksum of the zlib stream at byte 136 does not fit its contents.',
    ],
    [
      'a stream cut short',
      file(packed(cut)),
      'f is damaged: the checksum of the zlib stream at byte 136 does not fit its contents.',
    ],
    [
      'no stream',
      file(packed(new Uint8Array(9))),
      'f is damaged: the zlib stream at byte 136 does not begin as a zlib stream.',
    ],
    [
      'damage inside a stream',
      file(packed(deflateSync(Uint8Array.from(matrix('x', [2, 2], [1]))))),
      'f is damaged at byte 64 of what the zlib stream at byte 136 holds: 2 × 2 numbers of 8 bytes are wanted, and 8 bytes are there.',
    ],
  ])('%s', (_, bytes, words) => {
    expect(refusal(() => readMat(bytes, 'f'))).toBe(`DATA_CORRUPT: ${words}`);
  });
});
