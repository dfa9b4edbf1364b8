/** Sets that are drawn by code: the same bytes everywhere, and what they promise to look like. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, load } from 'wakesleep';
import { drawTallies, drawTopics, TALLY_TRIALS } from '../../dist/data/counts.js';
import { resolveData } from '../../dist/data/named.js';
import { drawNormalisedPatches, drawPatches, PATCH_SIDE } from '../../dist/data/patches.js';
import { gaussianBaselines } from '../../dist/evaluate/gaussian-baselines.js';
import { barsAndStripesDraws } from '../reference/bars-and-stripes.js';
import { randomSource } from '../reference/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const sha256 = (values: Float32Array) => createHash('sha256').update(values).digest('hex').slice(0, 16);

it.each([
  ['patches:train', 10_000, '3aca705e70f28ac6'],
  ['patches:test', 2000, '75f222ff85b01210'],
  ['patches-normalised:train', 10_000, '028025fe8d64a537'],
  ['patches-normalised:test', 2000, '79d6fc782a38751a'],
  ['topics:train', 5000, 'a55b86a950a09988'],
  ['tallies:test', 1000, '942790fd36f84da2'],
])('%s has the same bytes on every host', async (name, rows, digest) => {
  const found = await resolveData(name);
  expect(found).toMatchObject({ rows, scale: 1, labels: undefined });
  expect(sha256(found.images as Float32Array)).toBe(digest);
});

describe('patches', () => {
  const patches = drawPatches('test');
  const pixels = PATCH_SIDE * PATCH_SIDE;

  /** Correlation of pixels a distance apart along a line, over all patches. */
  function correlation(distance: number): number {
    let [products, squares, sums, count] = [0, 0, 0, 0];
    for (let place = 0; place < patches.length; place += 1) {
      if ((place % PATCH_SIDE) + distance >= PATCH_SIDE) continue;
      products += patches[place]! * patches[place + distance]!;
      squares += patches[place]! ** 2;
      sums += patches[place]!;
      count += 1;
    }
    const mean = sums / count;
    return (products / count - mean * mean) / (squares / count - mean * mean);
  }

  it('are correlated over long distances, less and less', () => {
    const found = [1, 2, 4, 8].map(correlation);
    expect(found[0]).toBeGreaterThan(0.6);
    for (const [index, value] of found.entries()) if (index > 0) expect(value).toBeLessThan(found[index - 1]!);
    expect(found[3]).toBeGreaterThan(0.05);
  });

  it('have edges: differences of neighbours have heavy tails', () => {
    const differences = Array.from(patches.subarray(0, 500 * pixels), (x, place) =>
      place % PATCH_SIDE === 0 ? Number.NaN : x - patches[place - 1]!,
    ).filter((x) => !Number.isNaN(x));
    const mean = (power: number) => differences.reduce((sum, x) => sum + x ** power, 0) / differences.length;
    expect(mean(4) / mean(2) ** 2).toBeGreaterThan(4); // 3 for a Gaussian
  });
});

it('normalised patches have about one contrast, and pixels that go with near neighbours but not with far ones', () => {
  const patches = drawNormalisedPatches('test');
  const pixels = PATCH_SIDE * PATCH_SIDE;
  /** Mean product of pixels a distance apart along a line. */
  const product = (distance: number) => {
    let [sum, count] = [0, 0];
    for (let place = 0; place < patches.length; place += 1) {
      if ((place % PATCH_SIDE) + distance >= PATCH_SIDE) continue;
      sum += patches[place]! * patches[place + distance]!;
      count += 1;
    }
    return sum / count;
  };
  expect(product(1) / product(0)).toBeGreaterThan(0.5);
  expect(Math.abs(product(6) / product(0))).toBeLessThan(0.2);
  const contrasts = Array.from({ length: patches.length / pixels }, (_, row) =>
    Math.sqrt(patches.subarray(row * pixels, (row + 1) * pixels).reduce((sum, x) => sum + x * x, 0) / pixels),
  );
  // c / (c + 0.1) is below 1, and above a half where the contrast c is above 0.1.
  expect(Math.max(...contrasts)).toBeLessThan(1);
  expect(contrasts.filter((contrast) => contrast > 0.5).length / contrasts.length).toBeGreaterThan(0.9);
});

it('documents have 60 to 140 words of at most three lines, tallies up to 8', () => {
  const topics = drawTopics('test');
  for (let row = 0; row < 100; row += 1) {
    const words = topics.subarray(row * 100, (row + 1) * 100).reduce((sum, count) => sum + count, 0);
    expect(words).toBeGreaterThanOrEqual(60);
    expect(words).toBeLessThanOrEqual(140);
  }
  expect(Math.max(...drawTallies('test'))).toBe(TALLY_TRIALS);
});

it('bars and stripes are every draw once, as the oracle has them, for training and test', async () => {
  const wanted = barsAndStripesDraws()
    .map((row) => row.join(''))
    .sort();
  for (const split of ['train', 'test']) {
    const { images, rows, width, height } = await resolveData(`bars-and-stripes:${split}`);
    expect([rows, width, height]).toEqual([16, 3, 3]);
    const drawn = Array.from({ length: rows }, (_, row) =>
      [...(images as Uint8Array).subarray(9 * row, 9 * row + 9)].join(''),
    );
    expect(drawn.sort()).toEqual(wanted);
  }
});

it('Gaussian baselines are the densities of the Gaussians that fit', () => {
  const random = randomSource(3);
  const rows = Array.from({ length: 20_000 }, () => {
    const x = random.normal();
    return [1 + 2 * x, -1 + x + 0.5 * random.normal(), 3];
  });
  const data = engine.dataset({ rows });
  const { diagonal, full } = gaussianBaselines(data, data);
  // Entropies: ½ log((2πe)^d |Σ|), with |Σ| = 4 · 0.25 for the first two columns and 4 · 1.25 without their covariance.
  const constant = -0.5 * Math.log(2 * Math.PI * 1e-6); // the third column, at its mean
  const entropy = (determinant: number) => 0.5 * Math.log((2 * Math.PI * Math.E) ** 2 * determinant);
  const error = 5 / Math.sqrt(rows.length);
  expect(Math.abs(full - constant + entropy(1))).toBeLessThan(error);
  expect(Math.abs(diagonal - constant + entropy(5))).toBeLessThan(error);
  data.free();
});
