/** What a classifier says, against cases that are small enough to be counted by hand; and what a run tells and draws of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { matrixPlot } from '../../dist/cli/plots.js';
import { calibration, confusionMatrix, mostConfused } from '../../dist/evaluate/confusion.js';
import { runOf, smallConfiguration, temporaryFolder, wakesleep } from '../cli/command.js';
import { refusal } from '../files/refusal.js';

// Said: 0, 0, 2, 1, 2, and 0 of two that are equal; right are rows 0, 3 and 4.
const judged = {
  labels: [0, 1, 1, 1, 2, 2],
  probabilities: [
    [0.95, 0.05, 0],
    [0.9, 0.05, 0.05],
    [0, 0.1, 0.9],
    [0.3, 0.45, 0.25],
    [0, 0, 1],
    [0.4, 0.2, 0.4],
  ].flat(),
  classes: 3,
};

describe('pure functions', () => {
  it('the confusion matrix has a line for each label and a column for what is said', () => {
    expect(confusionMatrix(judged)).toEqual([
      [1, 0, 0],
      [1, 1, 1],
      [1, 0, 1],
    ]);
    expect(confusionMatrix({ labels: [], probabilities: [], classes: 2 })).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('calibration compares confidence with what is right, bin by bin', () => {
    const { bins, expectedError } = calibration(judged, 2);
    expect(bins).toEqual([
      { from: 0, to: 0.5, rows: 2, confidence: expect.closeTo(0.425, 12), right: 0.5 },
      { from: 0.5, to: 1, rows: 4, confidence: expect.closeTo(0.9375, 12), right: 0.5 },
    ]);
    expect(expectedError).toBeCloseTo((2 * 0.075 + 4 * 0.4375) / 6, 12);
    // 0.9 ends the ninth of ten bins, 1 the last; 0.45 and 0.4 share none.
    expect(calibration(judged).bins.map(({ to, rows }) => [to, rows])).toEqual([
      [0.4, 1],
      [0.5, 1],
      [0.9, 2],
      [1, 2],
    ]);
    expect(calibration({ labels: [], probabilities: [], classes: 3 })).toEqual({ bins: [], expectedError: 0 });
  });

  it('is right about a classifier whose confidence is its share of right answers', () => {
    const rows = 1000;
    const labels = Array.from({ length: rows }, (_, row) => Number(row % 10 < 3));
    const sure = { labels, probabilities: labels.flatMap(() => [0.7, 0.3]), classes: 2 };
    expect(calibration(sure).expectedError).toBeCloseTo(0, 12);
  });

  it('the most confused rows are wrong and the surest first', () => {
    expect(mostConfused(judged, 10)).toEqual([
      { row: 1, label: 1, said: 0, confidence: 0.9 },
      { row: 2, label: 1, said: 2, confidence: 0.9 },
      { row: 5, label: 2, said: 0, confidence: 0.4 },
    ]);
    expect(mostConfused(judged, 1)).toHaveLength(1);
  });

  it('refuse shapes and labels that do not fit', () => {
    expect(refusal(() => confusionMatrix({ ...judged, classes: 4 }))).toBe(
      'SHAPE_MISMATCH: There are 18 probabilities; 6 rows of 4 classes have 6 × 4.',
    );
    expect(refusal(() => confusionMatrix({ ...judged, labels: [0, 1, 3, 1, 2, 2] }))).toBe(
      'DATA_INVALID: The label of row 2 must be an integer from 0 to 2; got 3.',
    );
    expect(refusal(() => calibration(judged, 0))).toBe(
      'OPTION_INVALID: `bins` must be an integer of at least 1; got 0.',
    );
  });
});

it('a plot of counts has a cell for each pair and a number for each that is not 0', async () => {
  const panel = {
    x: { label: 'said' },
    y: { label: 'right' },
    names: ['a', 'b', 'c'],
    counts: confusionMatrix(judged),
  };
  const svg = await matrixPlot('t', panel);
  const cells = /<g[^>]*aria-label="cell"[^>]*>(.*?)<\/g>/s.exec(svg)![1]!;
  expect(cells.match(/<rect /g)).toHaveLength(9);
  expect(/<g[^>]*aria-label="text"[^>]*>(.*?)<\/g>/s.exec(svg)![1]!.match(/<text /g)).toHaveLength(6);
  expect(await matrixPlot('t', panel)).toBe(svg);
});

describe('a run', () => {
  const folder = temporaryFolder();

  it('that asks for it ends with its pictures, and the numbers in run.json', async () => {
    const configuration = smallConfiguration(folder, { evaluate: ['testError', 'classification'] });
    const out = join(folder, 'run');
    const ended = await wakesleep(['train', configuration, '--out', out]);
    expect(ended).toMatchObject({ status: 0 });
    expect(ended.stdout).toMatch(
      /^Classification {9}expected calibration error [\d.]+ %; most often wrong: \d taken for \d, \d+ times?$/m,
    );
    const run = runOf(out) as { pictures: string[]; evaluation: { testErrors: number; classification: Found } };
    expect(run.pictures).toEqual(expect.arrayContaining(['confusion.svg', 'calibration.svg', 'confused.png']));
    const { confusion, bins, mostConfused: wrong } = run.evaluation.classification;
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    expect(confusion.map(sum)).toEqual(Array(10).fill(20));
    expect(200 - sum(confusion.map((line, label) => line[label]!))).toBe(run.evaluation.testErrors);
    expect(sum(bins.map(({ rows }) => rows))).toBe(200);
    expect(wrong).toHaveLength(Math.min(40, run.evaluation.testErrors));
    expect(readFileSync(join(out, 'confusion.svg'), 'utf8')).toContain('what the model says');
    expect(readFileSync(join(out, 'calibration.svg'), 'utf8')).toContain('share of test rows that are right');
  });

  it('without labels refuses', async () => {
    const configuration = smallConfiguration(folder, {
      model: { type: 'rbm', visible: { type: 'bernoulli', units: 144 }, hidden: { type: 'bernoulli', units: 4 } },
      train: [{ type: 'contrastiveDivergence', epochs: 1 }],
      evaluate: ['classification'],
    });
    expect(await wakesleep(['train', configuration, '--out', join(folder, 'no')])).toMatchObject({
      status: 2,
      stderr: '`evaluate` asks for classification, which needs a model with a layer of labels.\n',
    });
  });
});

interface Found {
  readonly confusion: number[][];
  readonly bins: { readonly rows: number }[];
  readonly mostConfused: unknown[];
}
