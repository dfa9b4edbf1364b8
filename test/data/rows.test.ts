import { describe, expect, it } from 'vitest';
import { load, type Row, type RowsOptions, readRows } from 'wakesleep';
import { refusal, refusalOf } from '../files/refusal.js';

async function* later(rows: readonly Row[]): AsyncGenerator<Row> {
  for (const row of rows) yield await Promise.resolve(row);
}

describe('rows that come one after another', () => {
  it('are a table, whether they are there or come later', async () => {
    const rows = [
      { row: [1, 2], label: 'on' },
      { row: Float32Array.of(3, Number.NaN), label: 'off' },
      { row: [null, 6], label: 'on' },
    ];
    const table = readRows(new Set(rows));
    expect(table).toEqual({
      values: Float32Array.of(1, 2, 3, Number.NaN, Number.NaN, 6),
      rows: 3,
      columns: 2,
      names: undefined,
      hasMissing: true,
      labels: Uint8Array.of(1, 0, 1),
      classes: 2,
      classNames: ['off', 'on'],
    });
    expect(await readRows(later(rows))).toEqual(table);
    expect(readRows([[1, 2, 3]])).toMatchObject({ rows: 1, columns: 3, labels: undefined, hasMissing: false });
  });

  it('become a data set of any number of rows', async () => {
    const many = function* () {
      for (let row = 0; row < 20_000; row += 1) yield { row: [row / 20_000, 1, 0], label: row % 10 };
    };
    const { values, rows, columns, labels, classes } = readRows(many());
    const engine = await load({ threads: 1 });
    const data = engine.dataset({ rows: values, columns, labels, classes });
    expect([data.rows, data.columns, data.classes]).toEqual([rows, 3, 10]);
    expect(data.values()[3 * 12_345]).toBe(Math.fround(12_345 / 20_000));
    engine.close();
  });

  it('that are bad are refused in words', async () => {
    const words = (rows: unknown, options?: RowsOptions) => refusal(() => readRows(rows as Iterable<Row>, options));
    const labelled = { row: [1], label: 0 };
    expect([
      words([]),
      words([[1, 2], [3]]),
      words([[]]),
      words([[1]], { columns: 2 }),
      words([[1], ['2']]),
      words([[1, Number.POSITIVE_INFINITY]]),
      words([7]),
      words([labelled, [1]]),
      words([[1], labelled]),
      words([{ row: [1], label: {} }]),
      words(7),
      words('rows'),
      words([[1]], { colums: 1 } as never),
      words([{ row: [1], label: 'c' }], { classNames: ['a', 'b'] }),
      words([{ row: [1], label: Number.NaN }]),
      words([[1]], { columns: -1 }),
      words([[1]], { classNames: ['a', 'b', 'a'] }),
      words([[1]], { classNames: Array.from({ length: 257 }, (_, place) => `class ${place}`) }),
      words([[1]], { classNames: 'ab' } as never),
    ]).toEqual([
      'DATA_CORRUPT: The source of rows gives no rows.',
      'SHAPE_MISMATCH: Row 1 has 1 numbers; every row must have 2.',
      'SHAPE_MISMATCH: Row 0 has 0 numbers; every row must have 1 to 65535.',
      'SHAPE_MISMATCH: Row 0 has 1 numbers; every row must have 2.',
      'DATA_CORRUPT: The source of rows gives "2" in row 1, column 0, where a finite 32-bit float is wanted.',
      'DATA_CORRUPT: The source of rows gives Infinity in row 0, column 1, where a finite 32-bit float is wanted.',
      'DATA_CORRUPT: The source of rows gives 7 for row 0, where a list of numbers is wanted.',
      'DATA_CORRUPT: The source of rows gives row 1 no label, and row 0 one.',
      'DATA_CORRUPT: The source of rows gives row 1 a label, and row 0 none.',
      'DATA_CORRUPT: The source of rows gives an object for the label of row 0, where a number or a name is wanted.',
      'OPTION_INVALID: `readRows()` takes something that can be iterated; got 7.',
      'OPTION_INVALID: `readRows()` takes something that can be iterated; got "rows".',
      'OPTION_INVALID: readRows() has no option `colums`; did you mean `columns`?',
      'DATA_CORRUPT: The source of rows has the label "c" in row 0, and the classes are a, b.',
      'DATA_CORRUPT: The source of rows gives NaN for the label of row 0, where a number or a name is wanted.',
      'OPTION_INVALID: `columns` must be an integer from 1 to 65535; got -1.',
      'OPTION_INVALID: `classNames` must be a list of 1 to 256 different words; got an array of 3.',
      'OPTION_INVALID: `classNames` must be a list of 1 to 256 different words; got an array of 257.',
      'OPTION_INVALID: `classNames` must be a list of 1 to 256 different words; got "ab".',
    ]);
    expect(await refusalOf(() => readRows(later([])))).toBe('DATA_CORRUPT: The source of rows gives no rows.');
  });
});
