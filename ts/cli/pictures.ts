/** The pictures that the command makes of a model, as PNG. */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { firstLayerFilters, type Generated, SHOWN_PER_CLASS } from '../evaluate/evaluate.js';
import { type NoisyRows, noiseStrip } from '../evaluate/noise.js';
import { type GreyRange, pngGrid } from '../files/png.js';
import { isBeliefNet } from '../graph/belief-net.js';
import { unitsOf, unsuitable } from '../graph/graph.js';
import { labelLayerOf, visibleUnitsOf } from '../graph/machines.js';
import type { Model } from '../model.js';
import { unitType } from '../units/index.js';

/** The size of a picture of the visible layer, in pixels. */
export interface PictureSize {
  readonly height: number;
  readonly width: number;
}

/** What `draw` draws, or undefined where the graph has no such picture; `say` then hears why. */
export async function drawnIfSuitable(
  draw: () => Uint8Array | Promise<Uint8Array>,
  say: (why: string) => void = () => undefined,
): Promise<Uint8Array | undefined> {
  try {
    return await draw();
  } catch (error) {
    if (!(error instanceof WakesleepError) || error.code !== 'GRAPH_UNSUITABLE') throw error;
    say(error.message);
    return undefined;
  }
}

const MOST_FILTERS = 400;
const COLUMNS = 20;

/** Receptive fields: the weights of up to 400 first-layer units, each on its own scale, zero mid-grey. Throws `GRAPH_UNSUITABLE`. */
export function filtersPicture(model: Model, { height, width }: PictureSize): Uint8Array {
  const filters = firstLayerFilters(model);
  const size = height * width;
  const rows = Math.min(MOST_FILTERS, filters.length / size);
  const tiles = filters.subarray(0, rows * size);
  const columns = Math.min(COLUMNS, rows);
  return pngGrid({ tiles, rows, tileHeight: height, tileWidth: width, columns, range: 'symmetric', scale: 2 });
}

/** Twenty rows of data, and below each its reconstruction after a pass of means to the top and back. */
export function reconstructionsPicture(model: Model, data: Dataset, { height, width }: PictureSize): Uint8Array {
  const rows = data.view(0, Math.min(COLUMNS, data.rows));
  const tiles = new Float32Array(2 * rows.rows * height * width);
  tiles.set(rows.values());
  tiles.set(model.reconstruct(rows), rows.rows * height * width);
  const grid = { rows: 2 * rows.rows, tileHeight: height, tileWidth: width, columns: rows.rows };
  return pngGrid({ tiles, ...grid, range: greysOf(model), scale: 2 });
}

/** Generated rows: with labels a line for each class, ten of each; without, up to a hundred. */
export function generatedPicture(model: Model, generated: Generated, size: PictureSize): Uint8Array {
  const { values, classes, rowsPerClass } = generated;
  const pixels = size.height * size.width;
  const perClass = classes === 1 ? Math.min(100, rowsPerClass) : Math.min(SHOWN_PER_CLASS, rowsPerClass);
  const tiles = new Float32Array(classes * perClass * pixels);
  for (let group = 0; group < classes; group += 1) {
    const first = group * rowsPerClass * pixels;
    tiles.set(values.subarray(first, first + perClass * pixels), group * perClass * pixels);
  }
  return samplesPicture(model, tiles, classes * perClass, size);
}

/** Sweeps from one picture of a chain to the next, and how many of them stand beside one another. */
const CHAIN_SWEEPS = 50;
const CHAIN_SNAPSHOTS = 20;

/**
 * Chains over time, one a line, from left to right: of each class one with its label clamped, or ten free ones. Throws
 * `GRAPH_UNSUITABLE` for belief nets, which are drawn in one pass.
 */
export function chainsPicture(model: Model, seed: number, size: PictureSize): Uint8Array {
  if (isBeliefNet(model.graph)) throw unsuitable('A belief net is drawn in one pass: there are no chains.', '');
  const label = labelLayerOf(model.graph);
  const rows = label === undefined ? SHOWN_PER_CLASS : unitsOf(model.graph, label);
  const clamp = label === undefined ? {} : { clamp: { label: Array.from({ length: rows }, (_, row) => row) } };
  const sweeps = CHAIN_SWEEPS * CHAIN_SNAPSHOTS;
  const values = model.sample({ rows, sweeps, every: CHAIN_SWEEPS, seed, ...clamp });
  return samplesPicture(model, values, rows * CHAIN_SNAPSHOTS, size, CHAIN_SNAPSHOTS);
}

/** Test rows as they are, with noise, and as the first hidden layer would reconstruct them after each step, a row a line. */
export function noisePicture(model: Model, rows: NoisyRows): Uint8Array {
  const { tiles, columns } = noiseStrip(model, rows);
  return samplesPicture(model, tiles, tiles.length / (rows.height * rows.width), rows, columns);
}

/** Rows of the visible layer, `columns` (default ten) beside one another. */
export function samplesPicture(
  model: Model,
  tiles: Float32Array,
  rows: number,
  { height, width }: PictureSize,
  columns = Math.min(SHOWN_PER_CLASS, rows),
): Uint8Array {
  return pngGrid({ tiles, rows, tileHeight: height, tileWidth: width, columns, range: greysOf(model), scale: 2 });
}

/** How numbers of the visible layer become greys: as they are where they lie from 0 to 1, and else by each tile's own ends. */
function greysOf({ graph }: Model): GreyRange {
  const units = visibleUnitsOf(graph);
  return unitType(units).range(units).most === 1 ? 'unit' : 'perTile';
}
