import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { denseRows, type LibsvmOptions, readLibsvm } from 'wakesleep';
import { mayBeSkipped, runPython } from '../files/python.js';
import { refusal } from '../files/refusal.js';
import { inPieces, textBytes } from './streams.js';

const read = (text: string, options?: LibsvmOptions) => readLibsvm(textBytes(text), 't.svm', options);

describe('sparse rows of libsvm', () => {
  it('stay sparse, and become dense when they are asked to', () => {
    const sparse = read('# made by hand\n+1 1:0.5 3:-2 # the first\n-1\n1 4:1e0\n');
    expect(sparse).toEqual({
      rows: 3,
      columns: 4,
      offsets: Uint32Array.of(0, 2, 2, 3),
      places: Uint32Array.of(0, 2, 3),
      values: Float32Array.of(0.5, -2, 1),
      labels: Uint8Array.of(1, 0, 1),
      classes: 2,
      classNames: ['-1', '1'],
      firstIndex: 1,
    });
    const other = read('+1 1:1\n-1.0 4:1\n', { classNames: sparse.classNames });
    expect(other).toMatchObject({ labels: Uint8Array.of(1, 0), classNames: ['-1', '1'] });
    expect(denseRows(sparse)).toEqual(Float32Array.of(0.5, 0, -2, 0, 0, 0, 0, 0, 0, 0, 0, 1));
    expect(denseRows(read('3 1:255 2:1\n0 2:0'))).toEqual(Uint8Array.of(255, 1, 0, 0));
  });

  it('begin with 1, or with 0 where there is one, or as is said', () => {
    expect(read('0 2:1')).toMatchObject({ columns: 2, places: Uint32Array.of(1) });
    expect(read('0 2:1\n1 0:1')).toMatchObject({ columns: 3, places: Uint32Array.of(2, 0) });
    expect(read('0 2:1', { firstIndex: 0, columns: 9 })).toMatchObject({ columns: 9, places: Uint32Array.of(2) });
    expect(read('7')).toMatchObject({ rows: 1, columns: 1, classes: 8 });
  });

  it('are the same from a stream and from gzip', async () => {
    const bytes = textBytes('1 1:0.5 3:-2\r\n0\n2 2:7');
    const whole = readLibsvm(bytes, 't.svm');
    for (const given of [bytes, gzipSync(bytes)]) {
      for (let size = 1; size <= given.length; size += 1) {
        expect(await readLibsvm(inPieces(given, size), 't.svm')).toEqual(whole);
      }
    }
  });

  it('are refused as dense rows where no memory holds them', () => {
    const rows = 2 ** 20;
    const sparse = { rows, columns: 65_535, offsets: new Uint32Array(rows + 1), places: new Uint32Array(1) };
    expect(refusal(() => denseRows({ ...sparse, values: Float32Array.of(0.5) }, 't.svm'))).toBe(
      `OUT_OF_MEMORY: t.svm holds ${4 * rows * 65_535} bytes of rows, and one data set takes 2147418112 at most.`,
    );
  });
});

describe.skipIf(mayBeSkipped)('what scikit-learn writes', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([true, false])('is read as it was dumped, from index 0: %s', (zeroBased) => {
    const program = `
import sys, numpy, scipy.sparse
from sklearn.datasets import dump_svmlight_file
rows = scipy.sparse.random(300, 40, 0.1, format='csr', dtype='f4', random_state=3)
labels = numpy.arange(300) % 7
dump_svmlight_file(rows, labels, sys.argv[1], zero_based=sys.argv[2] == 'true', comment='by scikit-learn')
print(rows.toarray().astype('<f4').tobytes().hex())`;
    const path = join(folder, 'dumped.svm');
    const dense = runPython(program, path, String(zeroBased)).trim();
    const sparse = readLibsvm(readFileSync(path), path, { columns: 40 });
    expect(Buffer.from(denseRows(sparse).buffer).toString('hex')).toBe(dense);
    expect([...sparse.labels!]).toEqual(Array.from({ length: 300 }, (_, row) => row % 7));
  });
});

describe('sparse rows that are bad are refused in words', () => {
  it.each<[string, string, LibsvmOptions, string]>([
    ['empty', '', {}, 'DATA_CORRUPT: t.svm holds no rows; lines of LABEL INDEX:VALUE are wanted.'],
    [
      'a word',
      '1 1:2\nx 1:2',
      {},
      'DATA_CORRUPT: t.svm begins line 2 with "x", where the number of a class is wanted.',
    ],
    ['no label', '1:2', {}, 'DATA_CORRUPT: t.svm begins line 1 with "1:2", where the number of a class is wanted.'],
    ['no colon', '1 5', {}, 'DATA_CORRUPT: t.svm has "5" in line 1, where INDEX:VALUE is wanted.'],
    ['a query', '1 qid:3 1:1', {}, 'DATA_CORRUPT: t.svm has "qid:3" in line 1, where INDEX:VALUE is wanted.'],
    ['no value', '1 5:', {}, 'DATA_CORRUPT: t.svm has "" in line 1, index 5, where a number is wanted.'],
    ['NaN', '1 5:nan', {}, 'DATA_CORRUPT: t.svm has "nan" in line 1, index 5, where a number is wanted.'],
    ['an index twice', '1 5:1 5:2', {}, 'DATA_CORRUPT: t.svm has the index 5 after 5 in line 1; indices must ascend.'],
    [
      'a large index',
      '1 4e9:1',
      {},
      'DATA_CORRUPT: t.svm has the index 4000000000 in line 1; a row has at most 65535 numbers.',
    ],
    ['an index 0', '1 0:1', { firstIndex: 1 }, 'DATA_CORRUPT: t.svm has an index 0, and its indices begin with 1.'],
    [
      'too few columns',
      '1 1:1\n1 9:1',
      { columns: 5 },
      'SHAPE_MISMATCH: t.svm has the index 9 in line 2, beyond the 5 columns that are wanted.',
    ],
  ])('%s', (_, text, options, words) => {
    expect(refusal(() => read(text, options))).toBe(words);
  });
});
