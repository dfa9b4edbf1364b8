/**
 * Whether top-down effects help recognition in structured noise, the question that the tutorial leaves open: errors on noisy test
 * rows as they are, and on what the net would reconstruct of them while effects from above take the place of the rows.
 */
import type { Dataset } from '../data/dataset.js';
import { type StructuredNoiseKind, withStructuredNoise } from '../data/structured-noise.js';
import { WakesleepError } from '../errors.js';
import type { Model } from '../model.js';
import type { Pause } from './evaluate.js';

/** One line of the table: errors in percent, means over the seeds of the noise, with the standard deviation between them. */
export interface NoiseResult {
  readonly kind: StructuredNoiseKind;
  readonly level: number;
  readonly rows: number;
  readonly seeds: number;
  readonly noisyErrorPercent: number;
  /** After each step whose reconstruction was classified. */
  readonly cleaned: readonly { readonly step: number; readonly errorPercent: number; readonly spread: number }[];
}

const KINDS: readonly StructuredNoiseKind[] = ['lines', 'blobs', 'border'];
const LEVELS = [0.25, 0.5];
const SEEDS = [1, 2, 3];
/** Rows of each trial, the first test rows. */
const ROWS = 1000;
/** Steps from the bottom-up pass to effects from above alone, and those that are judged. */
export const STEPS = 10;
const JUDGED = [0, 3, 5, 7, 10];

/** Rows whose pictures are how high and wide. */
export interface NoisyRows {
  readonly test: Dataset;
  readonly height: number;
  readonly width: number;
}

/** The table; throws `GRAPH_UNSUITABLE` where the model is no deep belief net with labels. */
export async function noiseTable(
  model: Model,
  { test, height, width }: NoisyRows,
  pause: Pause,
): Promise<NoiseResult[]> {
  const clean = test.view(0, Math.min(ROWS, test.rows));
  const labels = clean.labels();
  const wrong = (rows: Dataset | Float32Array) => {
    const said = model.classify(rows).labels;
    return (100 * labels.filter((label, row) => label !== said[row]).length) / labels.length;
  };
  const table: NoiseResult[] = [];
  for (const kind of KINDS) {
    for (const level of LEVELS) {
      const trials: { noisy: number; cleaned: number[] }[] = [];
      for (const seed of SEEDS) {
        await pause();
        const noisy = withStructuredNoise(clean, { height, width, kind, level, seed });
        try {
          const size = clean.rows * clean.columns;
          const steps = model.denoise(noisy, { steps: STEPS });
          const cleaned = JUDGED.map((step) => wrong(steps.subarray(step * size, (step + 1) * size) as Float32Array));
          trials.push({ noisy: wrong(noisy), cleaned });
        } finally {
          noisy.free();
        }
      }
      table.push({
        kind,
        level,
        rows: clean.rows,
        seeds: SEEDS.length,
        noisyErrorPercent: meanOf(trials.map(({ noisy }) => noisy)),
        cleaned: JUDGED.map((step, place) => {
          const errors = trials.map(({ cleaned }) => cleaned[place]!);
          return { step, errorPercent: meanOf(errors), spread: deviationOf(errors) };
        }),
      });
    }
  }
  return table;
}

const meanOf = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, values.length - 1));
}

/** Pictures of one row of each kind of noise, twice: as it is, with noise, and after every step, line by line; with how many stand in a line. */
export function noiseStrip(model: Model, { test, height, width }: NoisyRows): { tiles: Float32Array; columns: number } {
  const level = LEVELS.at(-1)!;
  const columns = STEPS + 3;
  const size = height * width;
  const shown = KINDS.flatMap((kind) => [0, 1].map((place) => ({ kind, place })));
  if (test.rows < 2 * KINDS.length) {
    const message = `The picture of noise shows ${2 * KINDS.length} test rows, and there are ${test.rows}.`;
    throw new WakesleepError('DATA_MISSING', message, { given: test.rows, wanted: String(2 * KINDS.length) });
  }
  const tiles = new Float32Array(shown.length * columns * size);
  shown.forEach(({ kind }, line) => {
    const clean = test.view(line, 1);
    const noisy = withStructuredNoise(clean, { height, width, kind, level, seed: SEEDS[0]! });
    const strip = [clean.values(), noisy.values(), model.denoise(noisy, { steps: STEPS })];
    let place = line * columns * size;
    for (const values of strip) {
      tiles.set(values, place);
      place += values.length;
    }
    noisy.free();
  });
  return { tiles, columns };
}
