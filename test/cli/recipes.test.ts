/** Recipes on sets that are drawn by code, made small: they run to their end, and leave what a whole run leaves. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { deterministicMetrics, namesIn, RUN_FILES, runOf, sha256Of, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();

/** Two epochs, a few hundred rows (the rest is held out), and so few hidden units that log Z is enumerated. */
const small = ['train.0.epochs=2', 'model.hidden.units=8'];

const PNG = Buffer.of(137, 80, 78, 71, 13, 10, 26, 10);

it.each([
  ['patches', 9700, ['testNats', 'diagonalGaussianNats', 'fullGaussianNats', 'edgeFiltersPercent']],
  ['patches-relu', 9700, ['edgeFiltersPercent']],
  ['counts-tallies', 4700, ['testNats']],
  ['counts-topics', 4700, ['testNats']],
])('%s', async (name, heldOut, measured) => {
  const out = join(folder, name);
  const changes = [...small, `data.heldOut=${heldOut}`].flatMap((assignment) => ['--set', assignment]);
  expect(await wakesleep(['train', name, '--out', out, '--threads', '1', ...changes])).toMatchObject({ status: 0 });

  expect(namesIn(out)).toEqual(RUN_FILES);
  const { model, evaluation } = runOf(out) as { model: object; evaluation: Record<string, number> };
  // Three batches an epoch.
  expect(model).toMatchObject({ updates: 6, sha256: sha256Of(join(out, 'model.safetensors')) });
  expect(Object.keys(evaluation).sort()).toEqual([...measured].sort());
  expect(Object.values(evaluation).filter((value) => !Number.isFinite(value))).toEqual([]);
  if (measured.includes('testNats')) expect(evaluation.testNats).toBeLessThan(0);

  const metrics = deterministicMetrics(out) as { epoch: number }[];
  expect(metrics.map(({ epoch }) => epoch)).toEqual([1, 2]);
  // JSON has null for what is not finite; the free energies that noisy rectified units do not have are null too.
  const without = name === 'patches-relu' ? ['freeEnergy', 'freeEnergyGap', 'heldOutFreeEnergy'] : [];
  for (const line of metrics) {
    const missing = Object.entries(line).filter(([, value]) => value === null);
    expect(missing.map(([key]) => key).sort()).toEqual(without);
  }
  for (const picture of RUN_FILES.filter((file) => file.endsWith('.png'))) {
    const bytes = readFileSync(join(out, picture));
    expect(bytes.subarray(0, 8)).toEqual(PNG);
    expect(bytes.length).toBeGreaterThan(200);
  }
});
