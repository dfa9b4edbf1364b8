/**
 * `patches`: small grey pictures with the statistics of natural ones, drawn by seeded code. Discs that hide one another, of
 * radii with a density of r^-3, make edges at all scales (the dead leaves of Ruderman 1997 and Lee, Mumford and Huang 2001);
 * each disc has a texture whose amplitude falls as 1/f, a sum of smoothed noise in octaves.
 *
 * Geometry uses + − × ÷ and the square root alone, so that the set is the same to the bit on every host.
 */
import { type Uniform, uniformNumbers } from './uniform.js';

/** Pixels of a patch in each direction. */
export const PATCH_SIDE = 16;
/** The rows of each split. */
export const PATCH_ROWS = { train: 10_000, test: 2000 } as const;

const SMALLEST_RADIUS = 1.5;
const LARGEST_RADIUS = 24;
/** Discs behind which nothing is seen any more, nearly always; what is left has the last one's grey. */
const MOST_LEAVES = 60;
/** Texture beside the greys of discs. */
const TEXTURE = 0.5;
const seeds = { train: 20_081_201, test: 20_081_202 } as const;

/** Patches of a split, `[rows, 256]`, grey about 0; the same bits at every call. */
export function drawPatches(split: keyof typeof PATCH_ROWS): Float32Array<ArrayBuffer> {
  const between = uniformNumbers(seeds[split]);
  const pixels = PATCH_SIDE * PATCH_SIDE;
  const rows = PATCH_ROWS[split];
  const patches = new Float32Array(rows * pixels);
  for (let row = 0; row < rows; row += 1) drawPatch(patches.subarray(row * pixels, (row + 1) * pixels), between);
  return patches;
}

/** From the front to the back: a disc shows where nothing stands before it. */
function drawPatch(patch: Float32Array, between: Uniform): void {
  const open = new Uint8Array(patch.length).fill(1);
  let left = patch.length;
  for (let leaf = 0; left > 0; leaf += 1) {
    const radius = Math.min(SMALLEST_RADIUS / Math.sqrt(between(0.002, 1)), LARGEST_RADIUS);
    const [x, y] = [between(-radius, PATCH_SIDE + radius), between(-radius, PATCH_SIDE + radius)];
    const seen: number[] = [];
    for (let place = 0; place < patch.length; place += 1) {
      if (open[place] === 0) continue;
      const [right, down] = [(place % PATCH_SIDE) - x, Math.floor(place / PATCH_SIDE) - y];
      if (right * right + down * down <= radius * radius || leaf === MOST_LEAVES) seen.push(place);
    }
    if (seen.length === 0) continue;
    const grey = between(-1, 1);
    const texture = octaves(between);
    for (const place of seen) {
      patch[place] = grey + TEXTURE * texture(place % PATCH_SIDE, Math.floor(place / PATCH_SIDE));
      open[place] = 0;
    }
    left -= seen.length;
  }
}

/** Noise on lattices of spacing 8, 4, 2 and 1, bilinear between, each with an amplitude in proportion to its spacing. */
function octaves(between: Uniform): (column: number, line: number) => number {
  const layers = [8, 4, 2, 1].map((spacing) => {
    const side = PATCH_SIDE / spacing + 2;
    return { spacing, side, values: Float64Array.from({ length: side * side }, () => between(-1, 1)) };
  });
  return (column, line) => {
    let sum = 0;
    for (const { spacing, side, values } of layers) {
      const [x, y] = [Math.floor(column / spacing), Math.floor(line / spacing)];
      const [right, down] = [column / spacing - x, line / spacing - y];
      const at = y * side + x;
      const top = values[at]! * (1 - right) + values[at + 1]! * right;
      const bottom = values[at + side]! * (1 - right) + values[at + side + 1]! * right;
      sum += (spacing / 8) * (top * (1 - down) + bottom * down);
    }
    return sum;
  };
}
