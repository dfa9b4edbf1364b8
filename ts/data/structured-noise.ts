/**
 * Pictures with noise that has a structure of its own, as in trials of recognition in the presence of noise (Tang and
 * Eliasmith, "Deep networks for robust visual recognition", 2010, in kind):
 *
 * - `lines`: bright straight lines through the whole picture, up to 6 of them;
 * - `blobs`: bright discs, up to 8;
 * - `border`: a bright frame, each of its sides up to a fifth of the picture;
 * - `pixels`: pixels in the place of which stands a random grey, up to all: noise without structure, to compare with.
 *
 * A row's draws are addressed by the seed and its number in the whole set, and geometry is + − × alone: the same bits on every
 * host and for every view. Of one row the noise of a lower level is part of that of a higher one.
 */
import { WakesleepError } from '../errors.js';
import { noiseStream } from '../noise.js';
import { finiteNumber, integer, oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import { withScratch } from '../runtime/allocation.js';
import type { Dataset } from './dataset.js';

const kinds = ['lines', 'blobs', 'border', 'pixels'] as const;
/** What is put over a picture: lines, blobs, a border, or stray pixels. */
export type StructuredNoiseKind = (typeof kinds)[number];

/** What `withStructuredNoise()` takes. */
export interface StructuredNoiseOptions {
  /** Pixels of a picture down and across: `height * width` columns. */
  readonly height: number;
  readonly width: number;
  readonly kind: StructuredNoiseKind;
  /** How much noise there is, 0 (none) to 1. */
  readonly level: number;
  readonly seed: number;
}

/** One picture that is being drawn on, its numbers as they are stored. */
interface Canvas {
  readonly pixels: Uint8Array | Float32Array;
  readonly height: number;
  readonly width: number;
  /** What is stored for white. */
  readonly white: number;
}

/** Draws the noise of a level on a picture with a row's uniform numbers. */
type Draw = (canvas: Canvas, level: number, uniforms: Float32Array) => void;

const [MOST_LINES, MOST_BLOBS] = [6, 8];
/** Shares of the picture's shorter side: half a line's breadth, a blob's radius, and a side of the frame. */
const HALF_LINE = 1 / 28;
const [SMALLEST_BLOB, LARGEST_BLOB] = [1 / 20, 1 / 7];
const MOST_BORDER = 1 / 5;

/** By kind: how many uniform numbers a row needs, and what is drawn with them. */
const noises: Readonly<Record<StructuredNoiseKind, { uniforms(pixels: number): number; readonly draw: Draw }>> = {
  lines: { uniforms: () => 1 + 4 * MOST_LINES, draw: drawLines },
  blobs: { uniforms: () => 1 + 3 * MOST_BLOBS, draw: drawBlobs },
  border: { uniforms: () => 4, draw: drawBorder },
  pixels: { uniforms: (pixels) => 2 * pixels, draw: drawPixels },
};

/** The layer of the first kind's draws: no model has so many that its own have these addresses. */
const FIRST_LAYER = 250;

/**
 * A new data set, yours to free, of noisy copies of pictures, with the labels, weights and missing numbers of the rows. Numbers
 * stay from 0 to 1 and as they are stored: bytes stay bytes. Throws `OPTION_INVALID`, `SHAPE_MISMATCH` where the rows are not of
 * that size, and `DATA_INVALID` for numbers outside 0 to 1.
 */
export function withStructuredNoise(data: Dataset, options: StructuredNoiseOptions): Dataset {
  const where = 'withStructuredNoise()';
  refuseUnknown(where, options, ['height', 'width', 'kind', 'level', 'seed']);
  const height = integer(where, 'height', options.height, { atLeast: 1 });
  const width = integer(where, 'width', options.width, { atLeast: 1 });
  const kind = oneOf(where, 'kind', options.kind, kinds);
  const level = finiteNumber(where, 'level', options.level, { atLeast: 0, atMost: 1 });
  const seed = readSeed(where, options.seed);
  const size = height * width;
  refuseOtherRows(where, data, height, width);
  const { runtime, name } = data.storage;
  const { uniforms, draw } = noises[kind];
  const count = uniforms(size);
  return data.changed(`${name} (${kind} ${level}, seed ${seed})`, (stored, white) => {
    const stream = noiseStream(runtime, seed, 'score', FIRST_LAYER + kinds.indexOf(kind));
    withScratch(runtime, count * 4, (scratch) => {
      for (let row = 0; row < data.rows; row += 1) {
        stream.uniforms(data.firstRow + row, scratch.handle, count);
        const pixels = stored.subarray(row * size, (row + 1) * size);
        draw({ pixels, height, width, white }, level, scratch.floats());
      }
    });
    stream.free();
  });
}

function refuseOtherRows(where: string, data: Dataset, height: number, width: number): void {
  if (data.columns !== height * width) {
    const message = `Rows of ${data.columns} numbers are no pictures of ${height} × ${width} pixels.`;
    const wanted = String(height * width);
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: data.columns, wanted, where });
  }
  const found = data.outside({ least: 0, most: 1, integers: false });
  if (found === undefined) return;
  const { row, column, value } = found;
  const message = `Pictures with noise are of numbers from 0 to 1; row ${row}, column ${column} has ${value}.`;
  throw new WakesleepError('DATA_INVALID', message, { given: value, wanted: 'numbers from 0 to 1', where });
}

// ---- The kinds ----

/** A share of `most`, whole: rounded up or down by a uniform number, so that it is that share on average. */
function shareOf(most: number, level: number, uniform: number): number {
  return Math.floor(level * most + uniform);
}

function drawLines({ pixels, height, width, white }: Canvas, level: number, uniforms: Float32Array): void {
  const reach = HALF_LINE * Math.min(height, width);
  const lines = shareOf(MOST_LINES, level, uniforms[0]!);
  for (let line = 0; line < lines; line += 1) {
    const [x, y, right, down] = uniforms.subarray(1 + 4 * line, 5 + 4 * line) as unknown as Four;
    const [throughX, throughY] = [x * width, y * height];
    const [alongX, alongY] = [2 * right - 1, 2 * down - 1];
    const squared = alongX * alongX + alongY * alongY;
    if (squared === 0) continue;
    for (let pixel = 0; pixel < pixels.length; pixel += 1) {
      // The area that a pixel's middle spans with the direction is its distance times the direction's length.
      const area =
        (middle(pixel % width) - throughX) * alongY - (middle(Math.floor(pixel / width)) - throughY) * alongX;
      if (area * area <= reach * reach * squared) pixels[pixel] = white;
    }
  }
}

function drawBlobs({ pixels, height, width, white }: Canvas, level: number, uniforms: Float32Array): void {
  const side = Math.min(height, width);
  const blobs = shareOf(MOST_BLOBS, level, uniforms[0]!);
  for (let blob = 0; blob < blobs; blob += 1) {
    const [x, y, size] = uniforms.subarray(1 + 3 * blob, 4 + 3 * blob) as unknown as Three;
    const radius = side * (SMALLEST_BLOB + size * (LARGEST_BLOB - SMALLEST_BLOB));
    for (let pixel = 0; pixel < pixels.length; pixel += 1) {
      const right = middle(pixel % width) - x * width;
      const down = middle(Math.floor(pixel / width)) - y * height;
      if (right * right + down * down <= radius * radius) pixels[pixel] = white;
    }
  }
}

function drawBorder({ pixels, height, width, white }: Canvas, level: number, uniforms: Float32Array): void {
  const most = MOST_BORDER * Math.min(height, width);
  const [top, right, bottom, left] = Array.from(uniforms, (uniform) =>
    shareOf(most, level, uniform),
  ) as unknown as Four;
  for (let pixel = 0; pixel < pixels.length; pixel += 1) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    if (x < left || y < top || x >= width - right || y >= height - bottom) pixels[pixel] = white;
  }
}

function drawPixels({ pixels, white }: Canvas, level: number, uniforms: Float32Array): void {
  const bytes = pixels instanceof Uint8Array;
  for (let pixel = 0; pixel < pixels.length; pixel += 1) {
    if (uniforms[2 * pixel]! >= level) continue;
    const grey = uniforms[2 * pixel + 1]!;
    pixels[pixel] = bytes ? Math.floor(grey * (white + 1)) : grey * white;
  }
}

type Three = readonly [number, number, number];
type Four = readonly [number, number, number, number];

/** The middle of a pixel along an axis. */
function middle(place: number): number {
  return place + 0.5;
}
