import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CsvOptions, load, readCsv } from 'wakesleep';
import { mayBeSkipped, runPython } from '../files/python.js';
import { refusal, refusalOf } from '../files/refusal.js';
import { inPieces, textBytes } from './streams.js';

const read = (text: string, options?: CsvOptions) => readCsv(textBytes(text), 't.csv', options);
const NaNs = (values: Float32Array) => Array.from(values, (value) => (Number.isNaN(value) ? 'missing' : value));

describe('a table of separated values', () => {
  it('gives rows, names and classes', () => {
    const table = read('width,digit,height\r\n1,3,2.5\r\n-4e1,0,.5\r\n');
    expect(table).toEqual({
      values: Float32Array.of(1, 3, 2.5, -40, 0, 0.5),
      rows: 2,
      columns: 3,
      names: ['width', 'digit', 'height'],
      hasMissing: false,
      labels: undefined,
      classes: undefined,
      classNames: undefined,
    });
    const labelled = read('width,digit,height\n1,3,2.5\n-4e1,0,.5', { labelColumn: 'digit' });
    expect(labelled).toMatchObject({ columns: 2, names: ['width', 'height'], labels: Uint8Array.of(3, 0), classes: 4 });
    expect(labelled.values).toEqual(Float32Array.of(1, 2.5, -40, 0.5));
  });

  it.each(['inf', '-Infinity', '?', 'None', 'n/a'])(
    'does not take a first row with %s for names, and lose it',
    (cell) => {
      expect(refusal(() => read(`1,${cell}\n2,3\n`))).toContain('line 1, column 1');
      expect(read(`1,${cell}\n2,3\n`, { header: true })).toMatchObject({ rows: 1, names: ['1', cell] });
    },
  );

  it('needs no header, nor a line feed at its end, and may be one row', () => {
    expect(read('1,2,3')).toMatchObject({ rows: 1, columns: 3, names: undefined });
    expect(read('\ufeff1,2,3\n\n4,5,6\n\n')).toMatchObject({ rows: 2, columns: 3, names: undefined });
    expect(read('5')).toMatchObject({ rows: 1, columns: 1 });
    expect(read('2001\n7\n', { header: true })).toMatchObject({ rows: 1, names: ['2001'] });
    expect(refusal(() => read('year\n7\n', { header: false }))).toBe(
      'DATA_CORRUPT: t.csv has "year" in line 1, column 0, where a number is wanted.',
    );
  });

  it('counts columns of labels from either end, and takes words for classes', () => {
    const iris = '5.1,3.5,setosa\n7,3.2,versicolor\n4.9,3,setosa\n';
    const labels = { labels: Uint8Array.of(0, 1, 0), classes: 2, classNames: ['setosa', 'versicolor'] };
    expect(read(iris, { labelColumn: 2 })).toMatchObject({ rows: 3, columns: 2, ...labels });
    expect(read(iris, { labelColumn: -1 })).toMatchObject({ rows: 3, columns: 2, ...labels });
    expect(read('1,9\n-1,8\n', { labelColumn: 0 })).toMatchObject({
      labels: Uint8Array.of(1, 0),
      classNames: ['-1', '1'],
    });
    expect(read('3.0,1\n3,1\n0,1', { labelColumn: 0 })).toMatchObject({ labels: Uint8Array.of(3, 3, 0), classes: 4 });
    const other = read('5,3,versicolor\n', { labelColumn: 2, classNames: ['setosa', 'versicolor', 'virginica'] });
    expect(other).toMatchObject({ labels: Uint8Array.of(1), classes: 3 });
    expect(refusal(() => read('5,3,rose\n', { labelColumn: 2, classNames: ['setosa', 'versicolor'] }))).toBe(
      'DATA_CORRUPT: t.csv has the label "rose" in line 1, and the classes are setosa, versicolor.',
    );
  });

  it('has missing numbers as NaN, which a data set takes for unknown', async () => {
    const table = read('a,b,c\n1,,3\nNA,nan,NaN\n"",0,1\n');
    expect(NaNs(table.values)).toEqual([1, 'missing', 3, 'missing', 'missing', 'missing', 'missing', 0, 1]);
    expect(table).toMatchObject({ rows: 3, hasMissing: true });
    expect(NaNs(read(',,\n').values)).toEqual(['missing', 'missing', 'missing']);
    const engine = await load({ threads: 1 });
    const { values, columns, labels, classes } = table;
    const data = engine.dataset({ rows: values, columns, labels, classes, known: 'notNaN' });
    expect(data.hasMissing).toBe(true);
    expect(NaNs(data.values())).toEqual(NaNs(values));
    engine.close();
  });

  it('may be quoted, with delimiters, quotes and line ends inside', () => {
    const table = read('"a, b","say ""hi""",kind\n"1","2","x\ny"\n3,4,""""\n', { labelColumn: 'kind' });
    expect(table).toMatchObject({ names: ['a, b', 'say "hi"'], rows: 2, classNames: ['"', 'x\ny'] });
    expect(table.values).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(read('"1","2"\n"3","4"\n')).toMatchObject({ rows: 2, names: undefined });
  });

  it('may have tabs or semicolons', () => {
    expect(read('a\tb\n1\t\n \t2\n', { delimiter: '\t' })).toMatchObject({ rows: 2, columns: 2, hasMissing: true });
    expect(read('1;2\n', { delimiter: ';' }).values).toEqual(Float32Array.of(1, 2));
  });

  it('is the same from a stream of any pieces, and from gzip', async () => {
    const bytes = textBytes('\ufeffa,b,"k ""q"\n1.25,-3,"x, y"\r\n"7",,"p\nq"\n44,5.5,"r\ns"\n\n.5,6,z');
    const whole = readCsv(bytes, 't.csv', { labelColumn: -1 });
    expect(whole.values).toEqual(Float32Array.of(1.25, -3, 7, Number.NaN, 44, 5.5, 0.5, 6));
    for (let size = 1; size <= bytes.length; size += 1) {
      expect(await readCsv(inPieces(bytes, size), 't.csv', { labelColumn: -1 })).toEqual(whole);
    }
    const packed = gzipSync(bytes);
    expect(readCsv(packed, 't.csv', { labelColumn: -1 })).toEqual(whole);
    for (let size = 1; size <= packed.length; size += 1) {
      expect(await readCsv(inPieces(packed, size), 't.csv', { labelColumn: -1 })).toEqual(whole);
    }
  });

  it('gives the nearest f32 of the nearest f64 for every way to write a number', () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, min: -3e38, max: 3e38 }).map(String),
      fc
        .tuple(fc.integer({ min: 0, max: 18 }), fc.double({ min: -1000, max: 1000, noNaN: true }))
        .map(([digits, value]) => value.toFixed(digits)),
      fc.integer().map((value) => `+${Math.abs(value)}.`),
    );
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (numbers) => {
        expect(read(numbers.join(',')).values).toEqual(Float32Array.from(numbers, Number));
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe.skipIf(mayBeSkipped)('what Python writes', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is read as numpy and the csv module wrote it', () => {
    const program = `
import csv, sys, numpy
folder = sys.argv[1]
rows = numpy.random.default_rng(5).normal(0, 100, (200, 30)).astype('f4')
numpy.save(folder + '/rows.npy', rows)
numpy.savetxt(folder + '/saved.csv', rows, delimiter=',', header=','.join(f'c{i}' for i in range(30)), comments='')
with open(folder + '/quoted.tsv', 'w', newline='') as file:
    writer = csv.writer(file, dialect='excel-tab', quoting=csv.QUOTE_ALL)
    writer.writerow(['the "kind"\\nof row'] + [f'c{i}' for i in range(30)])
    for place, row in enumerate(rows):
        writer.writerow([['tab\\there', 'quote"d', 'line\\nend'][place % 3]] + [repr(float(value)) for value in row])
print(rows.astype('<f4').tobytes().hex())`;
    const rows = new Float32Array(Uint8Array.from(Buffer.from(runPython(program, folder).trim(), 'hex')).buffer);
    const saved = readCsv(readFileSync(join(folder, 'saved.csv')), 'saved.csv');
    expect(saved).toMatchObject({ rows: 200, columns: 30, names: Array.from({ length: 30 }, (_, i) => `c${i}`) });
    expect(saved.values).toEqual(rows);
    const options = { delimiter: '\t', labelColumn: 'the "kind"\nof row' };
    const quoted = readCsv(readFileSync(join(folder, 'quoted.tsv')), 'quoted.tsv', options);
    expect(quoted.values).toEqual(rows);
    expect(quoted.classNames).toEqual(['line\nend', 'quote"d', 'tab\there']);
    expect([...quoted.labels!.subarray(0, 4)]).toEqual([2, 1, 0, 2]);
  });
});

describe('a table that is bad is refused in words', () => {
  it.each<[string, string, CsvOptions, string]>([
    ['empty', '', {}, 'DATA_CORRUPT: t.csv is empty; a table is wanted.'],
    ['blank', '\n  \n\n', {}, 'DATA_CORRUPT: t.csv is empty; a table is wanted.'],
    ['names alone', 'a,b\n', {}, 'DATA_CORRUPT: t.csv has a line of names and no rows.'],
    [
      'ragged',
      '1,2\n3,4\n\n5,6,7\n',
      {},
      'DATA_CORRUPT: t.csv has 3 cells in line 4, and 2 in line 1; all must be equally many.',
    ],
    ['a word', 'a,b\n1,two\n', {}, 'DATA_CORRUPT: t.csv has "two" in line 2, column 1 (b), where a number is wanted.'],
    [
      'hexadecimal',
      '1,0x10\n2,3',
      { header: false },
      'DATA_CORRUPT: t.csv has "0x10" in line 1, column 1, where a number is wanted.',
    ],
    ['an infinity', '1,2\n1,inf\n', {}, 'DATA_CORRUPT: t.csv has "inf" in line 2, column 1, where a number is wanted.'],
    [
      'beyond f32',
      '1,2\n1,4e38\n',
      {},
      'DATA_CORRUPT: t.csv has "4e38" in line 2, column 1, where a number within the range of 32-bit floats is wanted.',
    ],
    ['an open quote', 'a\n1\n"2\n3\n', {}, 'DATA_CORRUPT: t.csv has a quote in line 3 that is never closed.'],
    [
      'more after a quote',
      'a,b\n"1"2,3\n',
      {},
      'DATA_CORRUPT: t.csv has more after the closing quote of a cell in line 2.',
    ],
    [
      'a quote within',
      'a,b\n1"2,3\n',
      {},
      'DATA_CORRUPT: t.csv has a quote within a cell of line 2 that is not quoted.',
    ],
    ['a label that is missing', 'a,b\n1,\n', { labelColumn: 'b' }, 'DATA_CORRUPT: t.csv has no label in line 2.'],
    ['labels alone', 'a\n1\n', { labelColumn: 'a' }, 'DATA_CORRUPT: t.csv has no column beside the labels.'],
    [
      'no such column',
      'a,b\n1,2\n',
      { labelColumn: 'c' },
      'OPTION_INVALID: t.csv has no column of its own called "c"; its columns are a, b.',
    ],
    [
      'two such columns',
      'a,a\n1,2\n',
      { labelColumn: 'a' },
      'OPTION_INVALID: t.csv has no column of its own called "a"; 2 columns have that name: a, a.',
    ],
    [
      'no names',
      '1,2\n',
      { labelColumn: 'c' },
      'OPTION_INVALID: t.csv has no column of its own called "c"; its columns have no names.',
    ],
    [
      'a column too far',
      '1,2\n',
      { labelColumn: 2 },
      'OPTION_INVALID: `labelColumn` must be a column from 0 to 1, or from -2 to -1; got 2.',
    ],
    [
      'a delimiter of two',
      '1,2\n',
      { delimiter: '::' },
      'OPTION_INVALID: `delimiter` must be one ASCII character that is part of no number; got "::".',
    ],
    [
      'an unknown option',
      '1',
      { labelColum: 1 } as never,
      'OPTION_INVALID: readCsv() has no option `labelColum`; did you mean `labelColumn`?',
    ],
  ])('%s', (_, text, options, words) => {
    expect(refusal(() => read(text, options))).toBe(words);
  });

  it('too many columns, classes or characters', async () => {
    expect(read(`${'0,'.repeat(65_534)}0`)).toMatchObject({ columns: 65_535 });
    expect(read(`${'0,'.repeat(65_535)}0`, { labelColumn: 0 })).toMatchObject({ columns: 65_535 });
    expect(refusal(() => read(`${'0,'.repeat(65_535)}0`))).toBe(
      'DATA_CORRUPT: t.csv has 65536 cells in line 1; a row has at most 65535 numbers.',
    );
    expect(refusal(() => read(','.repeat(70_000)))).toBe(
      'DATA_CORRUPT: t.csv has more than 65536 cells in line 1, which are the most in a row.',
    );
    const classes = Array.from({ length: 257 }, (_, place) => `1,class ${place}`).join('\n');
    expect(refusal(() => read(classes, { labelColumn: 1 }))).toBe(
      'DATA_CORRUPT: t.csv has more than 256 different labels; line 257 has another.',
    );
    expect(refusal(() => read(`"${'\n'.repeat(70_000)}"`))).toBe(
      'DATA_CORRUPT: t.csv has a quote in line 1 that is not closed for 65536 characters.',
    );
    expect(await refusalOf(() => readCsv(inPieces(textBytes(' '.repeat(2 ** 26 + 1)), 2 ** 20), 't.csv'))).toBe(
      'DATA_CORRUPT: t.csv has more than 67108864 bytes in line 1.',
    );
  });

  it('gzip that is cut, damaged or more than its end', async () => {
    const packed = gzipSync(textBytes('1,2\n3,4\n'));
    expect(refusal(() => readCsv(packed.subarray(0, 20), 't.csv.gz'))).toBe(
      'DATA_CORRUPT: t.csv.gz is cut short: its gzip stream ends too early.',
    );
    const damaged = Uint8Array.from(packed);
    damaged[damaged.length - 8]! ^= 1;
    expect(await refusalOf(() => readCsv(inPieces(damaged, 3), 't.csv.gz'))).toBe(
      'DATA_CORRUPT: t.csv.gz is damaged: the checksum of its gzip stream does not fit what was decompressed.',
    );
    const followed = new Uint8Array(2_000_000);
    followed.set(packed);
    expect(refusal(() => readCsv(followed, 't.csv.gz'))).toBe(
      'DATA_CORRUPT: t.csv.gz is damaged: 81920 bytes of its gzip stream stand after the end of its contents.',
    );
  });
});
