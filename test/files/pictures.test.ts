import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeNpy } from '../../dist/files/npy.js';
import { type PngGrid, pngGrid } from '../../dist/files/png.js';
import { mayBeSkipped, runPython } from './python.js';
import { refusal } from './refusal.js';

const grid = (given: Partial<PngGrid>): PngGrid => ({
  tiles: Float32Array.of(0, 0.25, 0.5, 1),
  rows: 1,
  tileHeight: 2,
  tileWidth: 2,
  columns: 1,
  range: 'unit',
  ...given,
});

/** The picture's lines of greys. */
function greys(given: Partial<PngGrid>): number[][] {
  const { data, width, height, channels, depth } = decode(pngGrid(grid(given)));
  expect([channels, depth]).toEqual([1, 8]);
  return Array.from({ length: height }, (_, y) => [...data.subarray(y * width, (y + 1) * width)]);
}

describe('a picture of tiles', () => {
  it('shows 0 to 1 as black to white, and clips what is outside', () => {
    expect(greys({ gap: 0 })).toEqual([
      [0, 64],
      [128, 255],
    ]);
    expect(greys({ gap: 0, tiles: [-3, 0, 1, 9] })).toEqual([
      [0, 0],
      [255, 255],
    ]);
  });

  it('shows weights around mid-grey, each tile by its own largest magnitude', () => {
    expect(greys({ gap: 0, range: 'symmetric', tiles: [-2, 0, 1, 2, 0, 0.01, 0.02, 0], rows: 2, columns: 2 })).toEqual([
      [0, 128, 128, 191],
      [191, 255, 255, 128],
    ]);
  });

  it('shows each tile from its smallest to its largest number, and a constant one mid-grey', () => {
    const tiles = [1, 2, 3, 5, 7, 7, 7, 7, 0, 0, 0, 0];
    expect(greys({ gap: 0, range: 'perTile', tiles, rows: 3, columns: 3 })).toEqual([
      [0, 64, 128, 128, 128, 128],
      [128, 255, 128, 128, 128, 128],
    ]);
    expect(greys({ gap: 0, range: 'symmetric', tiles: [0, 0, 0, 0] }).flat()).toEqual([128, 128, 128, 128]);
  });

  it('puts gaps between tiles and around them, zooms, and leaves the last places empty', () => {
    const lines = greys({ tiles: [1, 0, 1], rows: 3, tileHeight: 1, tileWidth: 1, columns: 2, scale: 2, gap: 1 });
    expect(lines).toEqual([
      [128, 128, 128, 128, 128, 128, 128],
      [128, 255, 255, 128, 0, 0, 128],
      [128, 255, 255, 128, 0, 0, 128],
      [128, 128, 128, 128, 128, 128, 128],
      [128, 255, 255, 128, 128, 128, 128],
      [128, 255, 255, 128, 128, 128, 128],
      [128, 128, 128, 128, 128, 128, 128],
    ]);
  });

  it.each<[Partial<PngGrid>, string]>([
    [
      { tiles: [0, 0, 0, Number.NaN] },
      'NOT_FINITE: Tile 0 of the picture holds NaN at row 1, column 1; only finite numbers can be drawn.',
    ],
    [
      { tiles: [0, 0, Number.POSITIVE_INFINITY, 0] },
      'NOT_FINITE: Tile 0 of the picture holds Infinity at row 1, column 0;',
    ],
    [{ rows: 2 }, 'SHAPE_MISMATCH: 2 tiles of 2 × 2 are 8 numbers; got 4.'],
    [{ columns: 0 }, 'OPTION_INVALID: `columns` must be an integer from 1 to 16777216; got 0.'],
    [{ scale: 1.5 }, 'OPTION_INVALID: `scale` must be an integer from 1 to 1024; got 1.5.'],
    [{ range: 'perTiles' as never }, 'Did you mean "perTile"?'],
    [{ columns: 2 ** 24, scale: 1024 }, 'is too large; at most 268435456 are allowed.'],
  ])('is refused for %o', (given, words) => {
    expect(refusal(() => pngGrid(grid(given)))).toContain(words);
  });
});

describe('a .npy file', () => {
  it('has a header that ends at a multiple of 64, and refuses another number of values', () => {
    const file = writeNpy(Float32Array.of(1, 2), [2]);
    const header = new TextDecoder('latin1').decode(file.subarray(10, 128));
    expect(file.length).toBe(128 + 8);
    expect([...file.subarray(0, 10)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
    expect(header).toBe(`${"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117)}\n`);
    expect(refusal(() => writeNpy(Float32Array.of(1, 2), [3]))).toBe(
      'SHAPE_MISMATCH: There are 2 values, but the shape [3] wants 3.',
    );
  });

  it.skipIf(mayBeSkipped)('is opened by NumPy with its type, shape and numbers', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const arrays = [
      writeNpy(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
      writeNpy(Float64Array.of(0.1), []),
      writeNpy(Uint8Array.of(1, 255), [2]),
      writeNpy(Int32Array.of(-1, 1), [1, 2, 1]),
      writeNpy(Uint32Array.of(4294967295), [1]),
      writeNpy(new Float32Array(0), [0, 784]),
    ];
    const paths = arrays.map((bytes, index) => {
      const path = join(folder, `${index}.npy`);
      writeFileSync(path, bytes);
      return path;
    });
    const program = `
import json, numpy, sys
print(json.dumps([[str(a.dtype), list(a.shape), a.tolist()] for a in map(numpy.load, sys.argv[1:])]))`;
    expect(JSON.parse(runPython(program, ...paths))).toEqual([
      [
        'float32',
        [2, 3],
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
      ['float64', [], 0.1],
      ['uint8', [2], [1, 255]],
      ['int32', [1, 2, 1], [[[-1], [1]]]],
      ['uint32', [1], [4294967295]],
      ['float32', [0, 784], []],
    ]);
  });
});
