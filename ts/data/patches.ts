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
/** Knots of the lattices of noise, all octaves together. */
let knots = 0;
/** The octaves of a texture, and where the lattice of each begins; a lattice has one knot more on each side than cells. */
const OCTAVES = [8, 4, 2, 1].map((spacing) => {
  const side = PATCH_SIDE / spacing + 2;
  const first = knots;
  knots += side * side;
  return { spacing, side, first };
});
const seeds = { train: 20_081_201, test: 20_081_202 } as const;

/** Patches of a split, `[rows, 256]`, grey about 0; the same bits at every call. */
export function drawPatches(split: keyof typeof PATCH_ROWS): Float32Array<ArrayBuffer> {
  const between = uniformNumbers(seeds[split]);
  const pixels = PATCH_SIDE * PATCH_SIDE;
  const rows = PATCH_ROWS[split];
  const patches = new Float32Array(rows * pixels);
  const room = { open: new Uint8Array(pixels), seen: new Uint8Array(pixels), lattices: new Float64Array(knots) };
  for (let row = 0; row < rows; row += 1) drawPatch(patches.subarray(row * pixels, (row + 1) * pixels), between, room);
  return patches;
}

/** From the front to the back: a disc shows where nothing stands before it. */
function drawPatch(patch: Float32Array, between: Uniform, room: Room): void {
  const { open, seen, lattices } = room;
  let left = patch.length;
  for (let place = 0; place < left; place += 1) open[place] = place;
  for (let leaf = 0; left > 0; leaf += 1) {
    const radius = Math.min(SMALLEST_RADIUS / Math.sqrt(between(0.002, 1)), LARGEST_RADIUS);
    const x = between(-radius, PATCH_SIDE + radius);
    const y = between(-radius, PATCH_SIDE + radius);
    let [covered, kept] = [0, 0];
    for (let index = 0; index < left; index += 1) {
      const place = open[index]!;
      const right = (place % PATCH_SIDE) - x;
      const down = Math.floor(place / PATCH_SIDE) - y;
      if (right * right + down * down <= radius * radius || leaf === MOST_LEAVES) seen[covered++] = place;
      else open[kept++] = place;
    }
    left = kept;
    if (covered === 0) continue;
    const grey = between(-1, 1);
    for (let knot = 0; knot < lattices.length; knot += 1) lattices[knot] = between(-1, 1);
    for (let index = 0; index < covered; index += 1) {
      const place = seen[index]!;
      patch[place] = grey + TEXTURE * textureAt(lattices, place);
    }
  }
}

/** What one patch after another is drawn in. */
interface Room {
  /** Places that no disc covers yet, ascending. */
  readonly open: Uint8Array;
  /** Places that the disc in hand is the first to cover. */
  readonly seen: Uint8Array;
  /** Noise of the disc in hand, octave after octave. */
  readonly lattices: Float64Array;
}

/** The sum of the octaves at a place, bilinear between knots, each with an amplitude in proportion to its spacing. */
function textureAt(lattices: Float64Array, place: number): number {
  const column = place % PATCH_SIDE;
  const line = Math.floor(place / PATCH_SIDE);
  let sum = 0;
  for (const { spacing, side, first } of OCTAVES) {
    const x = Math.floor(column / spacing);
    const y = Math.floor(line / spacing);
    const right = column / spacing - x;
    const down = line / spacing - y;
    const at = first + y * side + x;
    const top = lattices[at]! * (1 - right) + lattices[at + 1]! * right;
    const bottom = lattices[at + side]! * (1 - right) + lattices[at + side + 1]! * right;
    sum += (spacing / 8) * (top * (1 - down) + bottom * down);
  }
  return sum;
}
