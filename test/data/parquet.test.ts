import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ParquetOptions, readParquet } from 'wakesleep';
import { refusalOf } from '../files/refusal.js';

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
const expected: Record<string, (number | boolean | string | null)[]> = JSON.parse(
  readFileSync(new URL('fixtures/expected.json', import.meta.url), 'utf8'),
);
const numbers = ['width', 'height', 'count', 'small', 'on'];
const words = (name: string, options?: ParquetOptions) => refusalOf(() => readParquet(fixture(name), 'f', options));

describe('a Parquet file of pyarrow', () => {
  it.each(['plain', 'snappy', 'gzip'])('is read: %s', async (name) => {
    const table = await readParquet(fixture(`${name}.parquet`), 'f', { labelColumn: 'kind' });
    const rows = Array.from({ length: 40 }, (_, row) => numbers.map((column) => expected[column]![row] ?? Number.NaN));
    expect(table).toEqual({
      values: Float32Array.from(rows.flat(), Number),
      rows: 40,
      columns: 5,
      names: numbers,
      hasMissing: true,
      labels: Uint8Array.from(expected.kind!, (kind) => ['iris', 'lily', 'rose'].indexOf(kind as string)),
      classes: 3,
      classNames: ['iris', 'lily', 'rose'],
    });
  });

  it('may be read in part', async () => {
    const table = await readParquet(fixture('snappy.parquet'), 'f', { columns: ['on', 'small'], labelColumn: -1 });
    expect(table).toMatchObject({ columns: 1, names: ['on'], classes: 5, hasMissing: false });
    expect([...table.values.subarray(0, 4)]).toEqual([1, 0, 0, 1]);
  });

  it('that is bad is refused in words', async () => {
    const cut = fixture('plain.parquet').subarray(0, 1000);
    const flipped = fixture('plain.parquet');
    flipped.fill(0xff, 4, 60);
    expect([
      await words('plain.parquet'),
      await words('zstd.parquet'),
      await words('lists.parquet'),
      await words('plain.parquet', { labelColumn: 'sort' }),
      await words('plain.parquet', { columns: ['height', 'weight'] }),
      await words('plain.parquet', { columns: ['kind'], labelColumn: 0 }),
      await refusalOf(() => readParquet(cut, 'f')),
      await refusalOf(() => readParquet(new Uint8Array(0), 'f')),
    ]).toEqual([
      'DATA_CORRUPT: f has "rose" in row 0 of column kind, where a number within the range of 32-bit floats is wanted.',
      'DATA_CORRUPT: f is no sound Parquet file: the column width is compressed by ZSTD; SNAPPY and GZIP are read.',
      'DATA_CORRUPT: f has columns of lists or structures; columns of numbers are read.',
      'OPTION_INVALID: f has no column of its own called "sort"; its columns are width, height, count, small, on, kind.',
      'OPTION_INVALID: f has no column of its own called "weight"; its columns are width, height, count, small, on, kind.',
      'DATA_CORRUPT: f has 0 columns of numbers; a row has 1 to 65535.',
      'DATA_CORRUPT: f is no sound Parquet file: parquet file invalid (footer != PAR1).',
      'DATA_CORRUPT: f is no sound Parquet file: Offset is outside the bounds of the DataView.',
    ]);
    expect(await refusalOf(() => readParquet(flipped, 'f', { labelColumn: 'kind' }))).toMatch(
      /^DATA_CORRUPT: f is no sound/,
    );
  });

  it('whose pages say more than the rows is refused at once', async () => {
    const changed = (name: string, at: number, ...bytes: number[]) => {
      const file = fixture(name);
      file.set(bytes, at);
      return refusalOf(() => readParquet(file, 'f', { labelColumn: 'kind' }));
    };
    const oftenest = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    const claims = 'DATA_CORRUPT: f is no sound Parquet file: a page claims ';
    expect([
      // Which rows have a value, as `height` of the plain file and `width` of the gzip file have it, and numbers of a dictionary.
      await changed('plain.parquet', 400, 6, 0, 0, 0, ...oftenest),
      await changed('gzip.parquet', 189, ...oftenest),
      await changed('gzip.parquet', 196, ...oftenest),
      await changed('plain.parquet', 400, 0xff, 0xff, 0xff, 0xff),
      // The header's own numbers: bytes, values, and both kinds of nothing.
      await changed('plain.parquet', 354, 0xce, 0x02),
      await changed('plain.parquet', 357, 0xfe, 0x7f),
      await changed('plain.parquet', 361, 0x52),
      await changed('plain.parquet', 361, 0x51),
      await changed('plain.parquet', 361, 0x00),
    ]).toEqual([
      `${claims}2147483647 times one value, where there can be 40.`,
      `${claims}2147483647 times one value, where there can be 40.`,
      `${claims}2147483647 times one value, where there can be 34.`,
      `${claims}4294967295 bytes of runs, where there can be 162.`,
      `${claims}167 bytes, more than its 166 bytes can hold.`,
      `${claims}8191 bytes, and 166 are there.`,
      `${claims}41 values, where there can be 40.`,
      "DATA_CORRUPT: f is no sound Parquet file: field 1 of a page's header must be a count; it is -41.",
      'DATA_CORRUPT: f is no sound Parquet file: its pages hold 0 values of 40.',
    ]);
  });
});
