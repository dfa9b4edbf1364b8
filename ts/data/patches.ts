/**
 * Small grey pictures with the statistics of natural ones, drawn by seeded code. Discs that hide one another, of radii with a
 * density of r^-3, make edges at all scales (the dead leaves of Ruderman 1997 and Lee, Mumford and Huang 2001); each disc
 * has a texture whose amplitude falls as 1/f, a sum of smoothed noise in octaves.
 *
 * - `patches`: such pictures as they are.
 * - `patches-normalised`: larger discs with less texture, and what a retina would send of them: every pixel less the mean of
 *   the 9 × 9 pixels about it, then every patch divided by its own contrast (Jarrett et al. 2009 in kind).
 *
 * Geometry uses + − × ÷ and the square root alone, so that the sets are the same to the bit on every host.
 */
import { type Uniform, uniformNumbers } from './uniform.js';

/** Pixels of a patch in each direction. */
export const PATCH_SIDE = 16;
/** The rows of each split. */
export const PATCH_ROWS = { train: 10_000, test: 2000 } as const;

/** What is drawn. */
interface Scene {
  /** Pixels in each direction. */
  readonly side: number;
  readonly smallestRadius: number;
  readonly largestRadius: number;
  /** Texture beside the greys of discs. */
  readonly texture: number;
}

/** Pixels in each direction between a pixel and the farthest of those whose mean is taken from it. */
const SURROUND = 4;
/** Added to a patch's contrast before it divides, so that patches without an edge stay faint; edges have about 0.3. */
const CONTRAST_FLOOR = 0.1;

const plain: Scene = { side: PATCH_SIDE, smallestRadius: 1.5, largestRadius: 24, texture: 0.5 };
const bold: Scene = { side: PATCH_SIDE + 2 * SURROUND, smallestRadius: 4, largestRadius: 48, texture: 0.1 };

/** Discs behind which nothing is seen any more, nearly always; what is left has the last one's grey. */
const MOST_LEAVES = 60;
const seeds = { train: 20_081_201, test: 20_081_202 } as const;

/** `patches` of a split, `[rows, 256]`, grey about 0; the same bits at every call. */
export function drawPatches(split: keyof typeof PATCH_ROWS): Float32Array<ArrayBuffer> {
  return drawScenes(plain, split);
}

/** `patches-normalised` of a split, `[rows, 256]`; the same bits at every call. */
export function drawNormalisedPatches(split: keyof typeof PATCH_ROWS): Float32Array<ArrayBuffer> {
  const pixels = PATCH_SIDE * PATCH_SIDE;
  const drawn = drawScenes(bold, split);
  const patches = new Float32Array(PATCH_ROWS[split] * pixels);
  for (let row = 0; row < PATCH_ROWS[split]; row += 1) {
    const patch = patches.subarray(row * pixels, (row + 1) * pixels);
    takeSurround(drawn.subarray(row * bold.side ** 2, (row + 1) * bold.side ** 2), patch);
    divideByContrast(patch);
  }
  return patches;
}

// ---- Discs and textures ----

function drawScenes(scene: Scene, split: keyof typeof PATCH_ROWS): Float32Array<ArrayBuffer> {
  const between = uniformNumbers(seeds[split]);
  const pixels = scene.side * scene.side;
  const pictures = new Float32Array(PATCH_ROWS[split] * pixels);
  const lattices = latticesOf(scene.side);
  const room = { open: new Uint16Array(pixels), seen: new Uint16Array(pixels), lattices };
  for (let first = 0; first < pictures.length; first += pixels) {
    drawPicture(pictures.subarray(first, first + pixels), scene, between, room);
  }
  return pictures;
}

/** What one picture after another is drawn in. */
interface Room {
  /** Places that no disc covers yet, ascending. */
  readonly open: Uint16Array;
  /** Places that the disc in hand is the first to cover. */
  readonly seen: Uint16Array;
  /** Noise of the disc in hand. */
  readonly lattices: Lattices;
}

/** Noise in octaves. */
interface Lattices {
  readonly knots: Float64Array;
  /** Pixels between knots, knots in each direction (one more at either end than pixels need), and the first one's place. */
  readonly octaves: readonly { readonly spacing: number; readonly side: number; readonly first: number }[];
}

function latticesOf(pictureSide: number): Lattices {
  let knots = 0;
  const octaves = [8, 4, 2, 1].map((spacing) => {
    const side = pictureSide / spacing + 2;
    const first = knots;
    knots += side * side;
    return { spacing, side, first };
  });
  return { knots: new Float64Array(knots), octaves };
}

/** From the front to the back: a disc shows where nothing stands before it. */
function drawPicture(picture: Float32Array, scene: Scene, between: Uniform, { open, seen, lattices }: Room): void {
  const { side, smallestRadius, largestRadius, texture } = scene;
  const { knots } = lattices;
  let left = picture.length;
  for (let place = 0; place < left; place += 1) open[place] = place;
  for (let leaf = 0; left > 0; leaf += 1) {
    const radius = Math.min(smallestRadius / Math.sqrt(between(0.002, 1)), largestRadius);
    const x = between(-radius, side + radius);
    const y = between(-radius, side + radius);
    let [covered, kept] = [0, 0];
    for (let index = 0; index < left; index += 1) {
      const place = open[index]!;
      const right = (place % side) - x;
      const down = Math.floor(place / side) - y;
      if (right * right + down * down <= radius * radius || leaf === MOST_LEAVES) seen[covered++] = place;
      else open[kept++] = place;
    }
    left = kept;
    if (covered === 0) continue;
    const grey = between(-1, 1);
    for (let knot = 0; knot < knots.length; knot += 1) knots[knot] = between(-1, 1);
    for (let index = 0; index < covered; index += 1) {
      const place = seen[index]!;
      picture[place] = grey + texture * textureAt(lattices, place % side, Math.floor(place / side));
    }
  }
}

/** The sum of the octaves at a pixel, bilinear between knots, each with an amplitude in proportion to its spacing. */
function textureAt({ knots, octaves }: Lattices, column: number, line: number): number {
  let sum = 0;
  for (const { spacing, side, first } of octaves) {
    const x = Math.floor(column / spacing);
    const y = Math.floor(line / spacing);
    const right = column / spacing - x;
    const down = line / spacing - y;
    const at = first + y * side + x;
    const top = knots[at]! * (1 - right) + knots[at + 1]! * right;
    const bottom = knots[at + side]! * (1 - right) + knots[at + side + 1]! * right;
    sum += (spacing / 8) * (top * (1 - down) + bottom * down);
  }
  return sum;
}

// ---- What a retina sends ----

/** The middle of a picture, every pixel less the mean of the square about it. */
function takeSurround(picture: Float32Array, patch: Float32Array): void {
  const across = 2 * SURROUND + 1;
  for (let line = 0; line < PATCH_SIDE; line += 1) {
    for (let column = 0; column < PATCH_SIDE; column += 1) {
      let sum = 0;
      for (let y = line; y < line + across; y += 1) {
        for (let x = column; x < column + across; x += 1) sum += picture[y * bold.side + x]!;
      }
      const own = picture[(line + SURROUND) * bold.side + column + SURROUND]!;
      patch[line * PATCH_SIDE + column] = own - sum / (across * across);
    }
  }
}

/** Divides a patch by the root of its mean square, and a little more. */
function divideByContrast(patch: Float32Array): void {
  let squares = 0;
  for (const value of patch) squares += value * value;
  const contrast = Math.sqrt(squares / patch.length) + CONTRAST_FLOOR;
  for (let place = 0; place < patch.length; place += 1) patch[place] = patch[place]! / contrast;
}
