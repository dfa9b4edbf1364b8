/**
 * `digits-tiny`: small digits drawn by seeded code, for tests and for trying things out without any files.
 *
 * 1. Every class has a few strokes, polylines on a lattice 4 wide and 6 high.
 * 2. A row moves each point a little, then scales, slants and shifts the whole digit.
 * 3. A pixel's intensity falls with its distance from the nearest stroke; noise is added, and a few pixels are lit.
 *
 * The set is the same on every host: its generator works on integers, and its geometry uses + − × ÷ and the square root
 * alone, which IEEE 754 defines to the bit.
 */

import { type Uniform, uniformNumbers } from './uniform.js';

/** Pixels of a picture in each direction. */
export const DIGITS_TINY_SIDE = 12;
export const DIGITS_TINY_CLASSES = 10;
/** The rows of each split; classes take turns, so every run of ten rows has one of each. */
export const DIGITS_TINY_ROWS = { train: 1000, test: 200 } as const;

/** `train` or `test`. */
export type DigitsTinySplit = keyof typeof DIGITS_TINY_ROWS;

/** Pictures and labels of one split. */
export interface DigitsTiny {
  /** `[rows, 144]`, 0 to 255. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `[rows]`, 0 to 9. */
  readonly labels: Uint8Array<ArrayBuffer>;
  readonly rows: number;
  /** Pixels of a picture: 144. */
  readonly columns: number;
  readonly classes: number;
}

type Point = readonly [x: number, y: number];

/** One stroke a digit: its points on the lattice, y downward. */
// biome-ignore format: a stroke is a line.
const strokes: readonly (readonly Point[])[] = [
  [[1, 0], [3, 0], [4, 1.5], [4, 4.5], [3, 6], [1, 6], [0, 4.5], [0, 1.5], [1, 0]],
  [[1, 1.2], [2.2, 0], [2.2, 6]],
  [[0, 1.2], [1, 0], [3, 0], [4, 1.2], [3.6, 2.6], [0, 6], [4, 6]],
  [[0, 0.6], [1.2, 0], [3, 0], [4, 1.2], [3, 2.8], [1.6, 3], [3, 3.1], [4, 4.6], [3, 6], [1, 6], [0, 5.3]],
  [[3, 6], [3, 0], [0, 4], [4, 4]],
  [[4, 0], [0.6, 0], [0.3, 2.7], [2.5, 2.4], [4, 3.6], [3.8, 5.2], [2.5, 6], [0, 5.6]],
  [[3.4, 0], [1.2, 1.4], [0, 3.8], [0.6, 5.6], [2, 6], [3.6, 5.4], [3.9, 4], [2.6, 3], [1, 3.2], [0.1, 4.2]],
  [[0, 0], [4, 0], [1.6, 6]],
  [[2, 2.9], [0.5, 1.6], [1, 0.2], [3, 0.2], [3.5, 1.6], [2, 2.9], [0.2, 4.4], [1, 6], [3, 6], [3.8, 4.4], [2, 2.9]],
  [[3.8, 2], [2.8, 3], [1.2, 2.9], [0.2, 1.6], [1, 0.2], [2.8, 0], [3.8, 1.2], [3.8, 2], [3.4, 4.2], [2, 6]],
];

/** Pixels for each unit of the lattice, before a row's own scale. */
const PIXELS_PER_UNIT = 1.5;
/** A pixel is full up to the first distance from the stroke, in pixels, and empty from the second on. */
const [FULL_WITHIN, EMPTY_FROM] = [0.45, 1.2];
const NOISE = 0.08;
const SHARE_OF_LIT_PIXELS = 0.005;
/** Seeds of the two splits; any other number would do as well. */
const seeds: Readonly<Record<DigitsTinySplit, number>> = { train: 20_060_701, test: 20_060_702 };

/** Draws a split; the same bytes at every call. */
export function digitsTiny(split: DigitsTinySplit): DigitsTiny {
  const rows = DIGITS_TINY_ROWS[split];
  const pixels = DIGITS_TINY_SIDE * DIGITS_TINY_SIDE;
  const images = new Uint8Array(rows * pixels);
  const labels = new Uint8Array(rows);
  const between = uniformNumbers(seeds[split]);
  for (let row = 0; row < rows; row += 1) {
    labels[row] = row % DIGITS_TINY_CLASSES;
    drawDigit(
      images.subarray(row * pixels, (row + 1) * pixels),
      placedStroke(strokes[labels[row]!]!, between),
      between,
    );
  }
  return { images, labels, rows, columns: pixels, classes: DIGITS_TINY_CLASSES };
}

/** A stroke's points in pixels of the picture, jittered, scaled, slanted and shifted. */
function placedStroke(stroke: readonly Point[], between: Uniform): Point[] {
  const scaleX = PIXELS_PER_UNIT * between(0.8, 1.1);
  const scaleY = PIXELS_PER_UNIT * between(0.85, 1.1);
  const slant = between(-0.2, 0.2);
  const middle = (DIGITS_TINY_SIDE - 1) / 2;
  const [shiftX, shiftY] = [middle + between(-1, 1), middle + between(-1, 1)];
  return stroke.map(([x, y]) => {
    const [right, down] = [x - 2 + between(-0.3, 0.3), y - 3 + between(-0.3, 0.3)];
    return [shiftX + scaleX * (right - slant * down), shiftY + scaleY * down];
  });
}

function drawDigit(picture: Uint8Array, stroke: readonly Point[], between: Uniform): void {
  for (let pixel = 0; pixel < picture.length; pixel += 1) {
    const [x, y] = [pixel % DIGITS_TINY_SIDE, Math.floor(pixel / DIGITS_TINY_SIDE)];
    let nearest = EMPTY_FROM * EMPTY_FROM;
    for (let i = 1; i < stroke.length; i += 1) {
      const squared = squaredDistance(x, y, stroke[i - 1]!, stroke[i]!);
      if (squared < nearest) nearest = squared;
    }
    const ink = (EMPTY_FROM - Math.sqrt(nearest)) / (EMPTY_FROM - FULL_WITHIN);
    const lit = between(0, 1) < SHARE_OF_LIT_PIXELS;
    const intensity = lit ? 1 : clipped(ink) + between(-NOISE, NOISE);
    picture[pixel] = Math.floor(clipped(intensity) * 255 + 0.5);
  }
}

/** From a point to the nearest point of a segment. */
function squaredDistance(x: number, y: number, from: Point, to: Point): number {
  const alongX = to[0] - from[0];
  const alongY = to[1] - from[1];
  const length = alongX * alongX + alongY * alongY;
  const share = length === 0 ? 0 : clipped(((x - from[0]) * alongX + (y - from[1]) * alongY) / length);
  const awayX = x - from[0] - share * alongX;
  const awayY = y - from[1] - share * alongY;
  return awayX * awayX + awayY * awayY;
}

function clipped(value: number): number {
  if (value < 0) return 0;
  return Math.min(value, 1);
}
