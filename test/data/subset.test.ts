/** Balanced subsets of labelled rows: as many of each class, the same ones for a seed on every host, and what is refused. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dataset, type Engine, load } from 'wakesleep';
import { resolveData } from '../../dist/data/named.js';
import { runOf, smallConfiguration, temporaryFolder, wakesleep } from '../cli/command.js';
import { refusal } from '../files/refusal.js';

let engine: Engine;
let digits: Dataset;
const held = async (on: Engine) => {
  const { images, columns, labels, classes, scale } = await resolveData('digits-tiny:train');
  return on.dataset({ rows: images, columns, scale, labels: labels!, classes: classes!, name: 'digits' });
};
beforeAll(async () => {
  engine = await load({ threads: 1 });
  digits = await held(engine);
});
afterAll(() => engine.close());

const sha256 = (data: Dataset) =>
  createHash('sha256').update(data.values()).update(data.labels()).digest('hex').slice(0, 16);
const DIGEST = '4ebb8b4613fcc203';

describe('a balanced subset', () => {
  it('has as many rows of each class, each once and in the order of the whole set', () => {
    const rows = Array.from({ length: 60 }, (_, row) => [row]);
    const labels = rows.map((_, row) => (row < 40 ? 0 : 1 + (row % 2)));
    const data = engine.dataset({ rows, labels, classes: 3 });
    const subset = data.balancedSubset({ rows: 24, seed: 1 });
    const numbers = [...subset.values()];
    expect(subset).toMatchObject({ rows: 24, columns: 1, classes: 3, firstRow: 0 });
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect([...subset.labels()]).toEqual(numbers.map((row) => labels[row]));
    for (const label of [0, 1, 2]) expect(subset.labels().filter((own) => own === label)).toHaveLength(8);
    const whole = data.balancedSubset({ rows: 30, seed: 1 });
    expect([...whole.values()].filter((row) => row >= 40)).toEqual(Array.from({ length: 20 }, (_, row) => 40 + row));
  });

  it('is the same for a seed, whatever the threads, and others for other seeds', async () => {
    const mine = digits.balancedSubset({ rows: 100, seed: 3 });
    expect(mine.identity()).toMatchObject({ name: 'digits (100 labelled, subset 3)', rows: 100 });
    expect(sha256(mine)).toBe(DIGEST);
    const other = await load({ threads: 2 });
    expect(sha256((await held(other)).balancedSubset({ rows: 100, seed: 3 }))).toBe(DIGEST);
    other.close();
    const seen = new Set(Array.from({ length: 20 }, (_, seed) => sha256(digits.balancedSubset({ rows: 100, seed }))));
    expect(seen.size).toBe(20);
  });

  it('holds every row about as often as every other', () => {
    const data = engine.dataset({
      rows: Array.from({ length: 10 }, (_, row) => [row]),
      labels: [0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
      classes: 2,
    });
    const draws = 2000;
    const counts = new Float64Array(10);
    for (let seed = 0; seed < draws; seed += 1) {
      const subset = data.balancedSubset({ rows: 4, seed });
      for (const row of subset.values()) counts[row]! += 1;
      subset.free();
    }
    counts.forEach((count, row) => {
      const share = row < 4 ? 2 / 4 : 2 / 6;
      expect(Math.abs(count - draws * share)).toBeLessThan(4 * Math.sqrt(draws * share * (1 - share)));
    });
  });

  it('is drawn from the rows of a view alone, with what is missing in them and what they weigh', () => {
    const rows = [
      [0, 1],
      [2, Number.NaN],
      [4, 5],
      [6, 7],
    ];
    const labels = [0, 1, 0, 1];
    const data = engine.dataset({ rows, labels, classes: 2, known: 'notNaN', rowWeights: [1, 2, 3, 4] });
    const [, last] = data.split({ last: 3 });
    const subset = last.balancedSubset({ rows: 2, seed: 0 });
    expect(subset.values()[0]! + subset.values()[2]!).toBeGreaterThanOrEqual(6);
    const all = data.balancedSubset({ rows: 4, seed: 0 });
    expect(all.values()).toEqual(data.values());
    expect({ ...all.identity(), name: '' }).toEqual(data.identity());
  });

  it('is refused where there are too few rows, and without labels', () => {
    const refused = (rows: unknown, seed: unknown = 1) =>
      refusal(() => digits.balancedSubset({ rows: rows as number, seed: seed as number }));
    expect(refused(55)).toBe('OPTION_INVALID: `rows` must be a multiple of the number of classes, 10; got 55.');
    expect(refused(0)).toBe('OPTION_INVALID: `rows` must be an integer of at least 1; got 0.');
    expect(refused(10, -1)).toMatch('OPTION_INVALID: `seed` must be an integer from 0 to');
    expect(refused(1010)).toBe('DATA_INVALID: A balanced subset needs 101 rows of each class, and class 0 has 100.');
    const bare = engine.dataset({ rows: [[1], [2]] });
    expect(refusal(() => bare.balancedSubset({ rows: 2, seed: 1 }))).toBe('DATA_MISSING: This data set has no labels.');
  });
});

describe('in a configuration', () => {
  const folder = temporaryFolder();

  it('only a subset is trained on, and held-out rows are others', async () => {
    const data = { name: 'digits-tiny', heldOut: 100, labelled: 50, subset: 3 };
    const path = smallConfiguration(folder, { data, evaluate: ['heldOutError', 'testError'] });
    const out = join(folder, 'run');
    const ended = await wakesleep(['train', path, '--out', out]);
    expect(ended).toMatchObject({ status: 0 });
    expect(ended.stderr).toContain(': 50 rows, ');
    expect(runOf(out)).toMatchObject({ configuration: { data }, evaluation: { testRows: 200 } });
    const other = await wakesleep(['train', path, '--out', out, '--resume', '--set', 'data.subset=4']);
    expect(other.stderr).toContain('`data.subset` is 4 here, but 3 in');
  });

  it('too many labels are refused before anything is trained', async () => {
    const path = smallConfiguration(folder, { data: { name: 'digits-tiny', heldOut: 500, labelled: 600 } });
    const ended = await wakesleep(['train', path, '--out', join(folder, 'refused')]);
    expect(ended).toMatchObject({
      status: 1,
      stderr: 'A balanced subset needs 60 rows of each class, and class 0 has 50.\n',
    });
  });
});
