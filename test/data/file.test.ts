import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pngGrid, writeNpy, writeSafetensors } from 'wakesleep';
import { type DataRequest, resolveData } from '../../dist/data/named.js';
import { mayBeSkipped, runPython } from '../files/python.js';
import { refusalOf } from '../files/refusal.js';
import { textBytes } from './streams.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  const given = typeof bytes === 'string' ? textBytes(bytes) : bytes;
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(given) : given);
  return path;
}

/** Two rows of four numbers, of the classes 1 and 0. */
const values = [0, 1, 0.5, 0, 1, 0, 0, 0.25];
const rows = {
  images: Float32Array.from(values),
  rows: 2,
  columns: 4,
  height: 2,
  width: 2,
  scale: 1,
  hasMissing: false,
};
const labelled = { ...rows, labels: Uint8Array.of(1, 0), classes: 2, classNames: undefined };
const unlabelled = { ...rows, labels: undefined, classes: undefined, classNames: undefined };
const sparse = {
  rows: 2,
  columns: 4,
  offsets: Uint32Array.of(0, 2, 4),
  places: Uint32Array.of(1, 2, 0, 3),
  values: Float32Array.of(1, 0.5, 1, 0.25),
};
const npy = writeNpy(Float32Array.from(values), [2, 4]);
const withClasses = writeNpy(Float64Array.of(0, 1, 0.5, 0, 1, 1, 0, 0, 0.25, 0), [2, 5]);
const tensors = new Map([
  ['x', { shape: [2, 4], values: Float32Array.from(values) }],
  ['y', { shape: [2], values: BigInt64Array.of(1n, 0n) }],
]);

describe('the ending of a path says how it is read', () => {
  it.each<[string, Uint8Array | string, DataRequest, object]>([
    ['a.csv', 'a,b,c,d,digit\n0,1,.5,0,1\n1,0,0,.25,0', { labelColumn: 'digit' }, labelled],
    ['a.CSV.gz', '0,1,.5,0,1\n1,0,0,.25,0', { labelColumn: -1 }, labelled],
    ['b.csv', '0,1,.5,0\n1,0,0,.25', {}, unlabelled],
    ['a.tsv', '1\t0\t1\t.5\t0\n0\t1\t0\t0\t.25', { labelColumn: 0 }, labelled],
    ['a.amat', '0 1 .5 0 1\n1 0 0 .25 0', {}, labelled],
    ['a.amat.gz', '1 0 1 .5 0\n0 1 0 0 .25', { labelColumn: 0 }, labelled],
    ['a.libsvm', '1 2:1 3:.5\n0 1:1 4:.25', {}, { ...labelled, images: sparse, firstIndex: 1 }],
    ['a.svm.gz', '1 1:1 2:.5\n0 0:1 3:.25', { columns: 4 }, { ...labelled, images: sparse, firstIndex: 0 }],
    ['a.npy', npy, {}, unlabelled],
    ['a.npy.gz', withClasses, { labelColumn: 4 }, labelled],
    ['a.npz', zipSync({ 'x.npy': npy, 'y.npy': writeNpy(Int32Array.of(1, 0), [2]) }), {}, labelled],
    [
      'b.npz',
      zipSync({ 'y.npy': npy, 'z.npy': writeNpy(Int32Array.of(1, 0), [2]) }),
      { array: 'y', labelColumn: 'z' },
      labelled,
    ],
    ['a.safetensors', writeSafetensors(tensors, {}), {}, labelled],
  ])('%s', async (name, bytes, request, wanted) => {
    expect(await resolveData(write(name, bytes), request)).toEqual(wanted);
  });

  it('a folder of pictures, and CIFAR', async () => {
    for (const digit of ['one', 'two']) {
      mkdirSync(join(folder, 'pictures', digit), { recursive: true });
      const tiles = { tiles: [0, 1, 1, 0], rows: 1, tileHeight: 2, tileWidth: 2, columns: 1, gap: 0 };
      write(`pictures/${digit}/a.png`, pngGrid({ ...tiles, range: 'unit' }));
    }
    const pictures = { images: Uint8Array.of(0, 255, 255, 0, 0, 255, 255, 0), rows: 2, columns: 4, scale: 1 / 255 };
    expect(await resolveData(join(folder, 'pictures'))).toMatchObject({ ...pictures, classNames: ['one', 'two'] });
    const record = new Uint8Array(3073);
    record[0] = 9;
    const cifar = { rows: 1, columns: 3072, height: 96, width: 32, labels: Uint8Array.of(9), classes: 10 };
    expect(await resolveData(write('batch.bin.gz', record))).toMatchObject(cifar);
  });

  it('pictures of NORB, with their classes in a file of their own', async () => {
    const head = (magic: number, ...sides: number[]) => new Uint8Array(Int32Array.of(magic, ...sides).buffer);
    const dat = write('x-dat.mat', Uint8Array.from([...head(0x1e3d4c55, 4, 1, 2, 1, 2), 0, 255, 3, 4]));
    const cat = write('x-cat.mat', Uint8Array.from([...head(0x1e3d4c54, 1, 1, 1, 1), 4, 0, 0, 0]));
    expect(await resolveData(dat, { labels: cat, classes: 5 })).toMatchObject({
      images: Uint8Array.of(0, 255, 3, 4),
      columns: 4,
      height: 2,
      width: 2,
      scale: 1 / 255,
      labels: Uint8Array.of(4),
      classes: 5,
    });
  });

  it('rows with a scale, with numbers missing, and with labels of other files', async () => {
    const path = write('gaps.csv', 'a,b\n1,\n2,4\n');
    expect(await resolveData(path, { scale: 0.25 })).toMatchObject({
      scale: 0.25,
      hasMissing: true,
      height: 1,
      width: 2,
    });
    const labels = { labels: Uint8Array.of(3, 1), classes: 4 };
    for (const file of [
      write('l.npy', writeNpy(Uint8Array.of(3, 1), [2])),
      write('l.csv', '3\n1'),
      write('l-idx', Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 3, 1)),
    ]) {
      expect(await resolveData(path, { labels: file })).toMatchObject(labels);
    }
  });

  it.skipIf(mayBeSkipped)('what SciPy and NumPy write', async () => {
    const program = `
import sys, numpy, scipy.io
x = numpy.array(${JSON.stringify(values)}, dtype='f4').reshape(2, 4)
scipy.io.savemat(sys.argv[1] + '/a.mat', {'X': x, 'y': numpy.array([1, 0], dtype='u1'), 'about': 'two rows'}, do_compression=True)
numpy.savez_compressed(sys.argv[1] + '/c.npz', data=numpy.asfortranarray(x), labels=numpy.array([1, 0], dtype='i8'))`;
    runPython(program, folder);
    expect(await resolveData(join(folder, 'a.mat'))).toEqual(labelled);
    expect(await resolveData(join(folder, 'c.npz'))).toEqual(labelled);
  });
});

describe('a file that cannot be used is refused in words', () => {
  it.each<[string, Uint8Array | string, DataRequest, string]>([
    [
      'two.npz',
      zipSync({ 'a.npy': npy, 'b.npy': npy }),
      {},
      'OPTION_INVALID: FILE holds the arrays a, b; say with `array` which has the rows.',
    ],
    [
      'none.npz',
      zipSync({ 'a.npy': npy }),
      { array: 'c' },
      'OPTION_INVALID: FILE holds no array called c; its arrays are a.',
    ],
    [
      'flat.npy',
      writeNpy(Float32Array.of(1, 2), [2]),
      {},
      'DATA_CORRUPT: FILE holds array of shape 2, where rows of 1 to 65535 numbers are wanted.',
    ],
    [
      'bare.npy',
      writeNpy(new Float32Array(0), [0, 4]),
      {},
      'DATA_CORRUPT: FILE holds array of shape 0 × 4, where rows of 1 to 65535 numbers are wanted.',
    ],
    [
      'few.npz',
      zipSync({ 'x.npy': npy, 'y.npy': writeNpy(Int32Array.of(1), [1]) }),
      {},
      'DATA_CORRUPT: FILE holds 1 labels in y for 2 rows in x.',
    ],
    ['wide.csv', '1,2,3', { columns: 4 }, 'SHAPE_MISMATCH: FILE has rows of 3 numbers, but 4 are wanted.'],
    [
      'large.csv',
      '1,7\n',
      { labelColumn: 1, classes: 5 },
      'DATA_CORRUPT: FILE has the class 7 in row 0, but classes are from 0 to 4.',
    ],
    [
      'named.amat',
      '1 2\n',
      { labelColumn: 'digit' },
      'OPTION_INVALID: The columns of FILE have no names; `labelColumn` must be a number.',
    ],
    [
      'other.bin',
      new Uint8Array(3074),
      { labelColumn: 'digit' },
      'OPTION_INVALID: `labels` must be "fine" or "coarse"; got "digit".',
    ],
  ])('%s', async (name, bytes, request, words) => {
    const path = write(name, bytes);
    expect((await refusalOf(() => resolveData(path, request))).replaceAll(path, 'FILE')).toBe(words);
  });

  it('labels that are none', async () => {
    const path = write('rows.csv', '1,2\n3,4\n');
    const labels = write('odd.csv', '1\n2.5\n');
    expect(await refusalOf(() => resolveData(path, { labels }))).toBe(
      `DATA_CORRUPT: ${labels} holds the label 2.5 in row 1, but labels are from 0 to 255.`,
    );
    expect(await refusalOf(() => resolveData(path, { labels: write('three.csv', '1\n2\n3\n') }))).toBe(
      `DATA_INVALID: ${path} holds 2 rows, but ${join(folder, 'three.csv')} holds 3 labels; there must be one label for each row.`,
    );
  });
});
