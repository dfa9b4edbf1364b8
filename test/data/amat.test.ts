import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AmatOptions, readAmat } from 'wakesleep';
import { mayBeSkipped, runPython } from '../files/python.js';
import { refusal } from '../files/refusal.js';
import { inPieces, textBytes } from './streams.js';

const read = (text: string, options?: AmatOptions) => readAmat(textBytes(text), 't.amat', options);

describe('a table of the Montreal sets', () => {
  it('has the class last', () => {
    const table = read(' 0.5   0.25 3.000e+00\n\n1e-3\t0 9\r\n');
    expect(table).toEqual({
      values: Float32Array.of(0.5, 0.25, 1e-3, 0),
      rows: 2,
      columns: 2,
      names: undefined,
      hasMissing: false,
      labels: Uint8Array.of(3, 9),
      classes: 10,
      classNames: undefined,
    });
    expect(read('1 2 3', { labelColumn: null })).toMatchObject({ rows: 1, columns: 3, labels: undefined });
    expect(read('1 2 3', { labelColumn: 0 })).toMatchObject({ columns: 2, labels: Uint8Array.of(1) });
  });

  it('may say its size', () => {
    expect(read('#size: 2 3\n#sizes: 2 1 0 0\n1 2 3\n4 5 6\n')).toMatchObject({ rows: 2, columns: 2 });
    expect(refusal(() => read('#size: 3 3\n1 2 3\n4 5 6\n'))).toBe(
      'DATA_CORRUPT: t.amat says that it has 3 rows of 3 numbers, and has 2 of 3.',
    );
  });

  it('is the same from a stream and from gzip', async () => {
    const bytes = textBytes('# a remark\n0.5 0.25 3\n1 2 0');
    const whole = readAmat(bytes, 't.amat');
    for (const given of [bytes, gzipSync(bytes)]) {
      for (let size = 1; size <= given.length; size += 1) {
        expect(await readAmat(inPieces(given, size), 't.amat')).toEqual(whole);
      }
    }
  });
});

describe.skipIf(mayBeSkipped)('what numpy writes', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('with blanks between, as the sets are, is read as it was saved', () => {
    const program = `
import sys, numpy
rows = numpy.random.default_rng(5).random((100, 20)).astype('f4')
labels = (numpy.arange(100) % 10).reshape(100, 1)
numpy.savetxt(sys.argv[1], numpy.hstack([rows, labels]), fmt='%.16e', delimiter='   ')
print(rows.astype('<f4').tobytes().hex())`;
    const path = join(folder, 'saved.amat');
    const rows = runPython(program, path).trim();
    const table = readAmat(readFileSync(path), path);
    expect(Buffer.from(table.values.buffer).toString('hex')).toBe(rows);
    expect([...table.labels!]).toEqual(Array.from({ length: 100 }, (_, row) => row % 10));
  });
});

describe('a table that is bad is refused in words', () => {
  it.each<[string, string, AmatOptions, string]>([
    ['empty', '# nothing\n', {}, 'DATA_CORRUPT: t.amat holds no rows; lines of numbers are wanted.'],
    [
      'ragged',
      '1 2 3\n4 5\n',
      {},
      'DATA_CORRUPT: t.amat has 2 numbers in line 2, and 3 in line 1; all must be equally many.',
    ],
    [
      'longer',
      '1 2\n4 5 6\n',
      {},
      'DATA_CORRUPT: t.amat has 3 numbers in line 2, and 2 in line 1; all must be equally many.',
    ],
    ['a word', '1 2 x\n', {}, 'DATA_CORRUPT: t.amat has "x" in line 1, number 2, where a number is wanted.'],
    ['NaN', '1 nan 1\n', {}, 'DATA_CORRUPT: t.amat has "nan" in line 1, number 1, where a number is wanted.'],
    ['classes alone', '1\n2\n', {}, 'DATA_CORRUPT: t.amat has no column beside the classes.'],
    [
      'no such column',
      '1 2\n',
      { labelColumn: 4 },
      'OPTION_INVALID: `labelColumn` must be a column from 0 to 1, or from -2 to -1; got 4.',
    ],
  ])('%s', (_, text, options, words) => {
    expect(refusal(() => read(text, options))).toBe(words);
  });
});
