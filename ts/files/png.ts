/**
 * Pictures of many small tiles in a grid, as a greyscale PNG: receptive fields, reconstructions, generated digits.
 */
import { encode } from 'fast-png';
import { WakesleepError } from '../errors.js';
import { integer, oneOf } from '../options.js';

/**
 * How a tile's numbers become greys.
 * - `unit`: 0 is black and 1 is white; numbers outside are clipped. For probabilities and pixels.
 * - `symmetric`: 0 is mid-grey, the tile's largest magnitude is black or white. For weights.
 * - `perTile`: the tile's smallest number is black and its largest white.
 */
export type GreyRange = 'unit' | 'symmetric' | 'perTile';

/** A grid of pictures; tiles go from left to right, then down. */
export interface PngGrid {
  /** `[rows, tileHeight * tileWidth]`, row-major. */
  readonly tiles: ArrayLike<number>;
  /** How many tiles there are. */
  readonly rows: number;
  readonly tileHeight: number;
  readonly tileWidth: number;
  /** How many tiles stand beside one another. */
  readonly columns: number;
  readonly range: GreyRange;
  /** Pixels of the picture for each pixel of a tile, in both directions; 1 by default. */
  readonly scale?: number;
  /** Pixels of the picture between two tiles and around the grid; 1 by default. */
  readonly gap?: number;
}

/** The most pixels that a picture may have; 16,384 squared. */
export const MAX_PICTURE_PIXELS = 2 ** 28;

const midGrey = 128;
const black = 0;

/**
 * The bytes of the picture, 8 bits a pixel. Throws `OPTION_INVALID` for a grid that cannot be drawn, `SHAPE_MISMATCH` where
 * `tiles` has another length than the shapes say, and `NOT_FINITE` where a tile holds NaN or an infinity.
 */
export function pngGrid(grid: PngGrid): Uint8Array {
  const { tiles, rows, tileHeight, tileWidth, columns, range, scale, gap } = checkedGrid(grid);
  const down = Math.ceil(rows / columns);
  const width = columns * tileWidth * scale + (columns + 1) * gap;
  const height = down * tileHeight * scale + (down + 1) * gap;
  if (width * height > MAX_PICTURE_PIXELS) {
    const message = `A picture of ${width} × ${height} pixels is too large; at most ${MAX_PICTURE_PIXELS} are allowed.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: width * height, where: 'pngGrid' });
  }
  // The gaps must differ from the tiles' background, which is black for pixels and mid-grey for weights.
  const data = new Uint8Array(width * height).fill(range === 'unit' ? midGrey : black);
  const tileSize = tileHeight * tileWidth;
  for (let tile = 0; tile < rows; tile += 1) {
    const greys = greysOfTile(tiles, tile * tileSize, tileSize, range, tile, tileWidth);
    const left = gap + (tile % columns) * (tileWidth * scale + gap);
    const top = gap + Math.floor(tile / columns) * (tileHeight * scale + gap);
    for (let y = 0; y < tileHeight * scale; y += 1) {
      const line = Math.floor(y / scale) * tileWidth;
      for (let x = 0; x < tileWidth * scale; x += 1) {
        data[(top + y) * width + left + x] = greys[line + Math.floor(x / scale)]!;
      }
    }
  }
  return encode({ width, height, data, depth: 8, channels: 1 });
}

function checkedGrid(grid: PngGrid): Required<PngGrid> {
  const count = (name: 'rows' | 'tileHeight' | 'tileWidth' | 'columns') =>
    integer('pngGrid', name, grid[name], { atLeast: 1, atMost: 2 ** 24 });
  const rows = count('rows');
  const tileHeight = count('tileHeight');
  const tileWidth = count('tileWidth');
  const columns = count('columns');
  const range = oneOf('pngGrid', 'range', grid.range, ['unit', 'symmetric', 'perTile']);
  const scale = integer('pngGrid', 'scale', grid.scale ?? 1, { atLeast: 1, atMost: 1024 });
  const gap = integer('pngGrid', 'gap', grid.gap ?? 1, { atLeast: 0, atMost: 1024 });
  const wanted = rows * tileHeight * tileWidth;
  if (grid.tiles.length !== wanted) {
    const message = `${rows} tiles of ${tileHeight} × ${tileWidth} are ${wanted} numbers; got ${grid.tiles.length}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: grid.tiles.length, wanted: String(wanted) });
  }
  return { tiles: grid.tiles, rows, tileHeight, tileWidth, columns, range, scale, gap };
}

function greysOfTile(
  tiles: ArrayLike<number>,
  begin: number,
  size: number,
  range: GreyRange,
  tile: number,
  tileWidth: number,
): Uint8Array {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (let pixel = 0; pixel < size; pixel += 1) {
    const value = tiles[begin + pixel]!;
    if (!Number.isFinite(value)) {
      const place = `row ${Math.floor(pixel / tileWidth)}, column ${pixel % tileWidth}`;
      const message = `Tile ${tile} of the picture holds ${value} at ${place}; only finite numbers can be drawn.`;
      throw new WakesleepError('NOT_FINITE', message, { given: value, where: `tile ${tile}` });
    }
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
  }
  const [dark, light] = endsOfRange(range, smallest, largest);
  const greys = new Uint8Array(size).fill(midGrey);
  if (light === dark) return greys; // A constant tile has no scale of its own.
  for (let pixel = 0; pixel < size; pixel += 1) {
    const share = (tiles[begin + pixel]! - dark) / (light - dark);
    greys[pixel] = Math.round(255 * Math.min(1, Math.max(0, share)));
  }
  return greys;
}

/** The numbers that become black and white. */
function endsOfRange(range: GreyRange, smallest: number, largest: number): readonly [number, number] {
  if (range === 'unit') return [0, 1];
  if (range === 'perTile') return [smallest, largest];
  const magnitude = Math.max(Math.abs(smallest), Math.abs(largest));
  return [-magnitude, magnitude];
}
