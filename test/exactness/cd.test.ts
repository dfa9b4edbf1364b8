/**
 * The direction of contrastive divergence is the exact expectation of CD-k, for every choice of states and
 * probabilities; with a long chain it is the gradient of the log-likelihood.
 *
 * One update at rate 1, without momentum and weight cost, on many copies of a few rows: what the parameters changed by
 * is the mean of N independent cases' statistics. A statistic x of a case lies in [0, 1], so that with mean m its
 * variance is at most m(1 − m) (Bhatia & Davis 2000), and the difference of the two phases has at most the sum of their
 * two deviations. A phase that draws nothing has none. So
 *
 *     standard error ≤ (√(m₀(1 − m₀)), where the positive phase draws, + √(mₖ(1 − mₖ))) / √N
 *
 * with exact m from the enumeration, and 5 of these are allowed (6e-7 an entry were the bound attained; some hundred
 * entries are compared), plus rounding to f32.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, type ContrastiveDivergenceOptions, contrastiveDivergence, type Engine, load, rbm } from 'wakesleep';
import { type ChainChoices, type ExpectedPhases, expectedPhases } from '../reference/cd.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  dataExpectations,
  enumerateStates,
  gradientOfPhases,
  lowerDistribution,
  modelExpectations,
  type ReferenceGradient,
  type ReferenceRbm,
  type ReferenceStatistics,
  randomRbm,
  roundedToF32,
  softmaxLayer,
  zeroStatistics,
} from '../reference/rbm.js';
import { lowerTransition, secondEigenvalue } from '../reference/transition.js';
import { directionTaken, flat, modelOf } from './counterpart.js';

const COPIES = 1000;
const BARS = 5;
/** Parameters of size 1 to 4 after the update are rounded to 2^-23 or so of themselves. */
const ROUNDING = 1e-6;
const LONG_CHAIN = 200;

const random = randomSource(51);
const BINARY = roundedToF32(randomRbm([bernoulliLayer(6)], [bernoulliLayer(4)], 1, 0.5, random));
const GROUPS = roundedToF32(randomRbm([softmaxLayer(2, 3)], [softmaxLayer(2, 2)], 1, 0.5, random));

const PATTERNS = 16;
const binaryRows = Array.from({ length: PATTERNS }, () => BINARY.b.map(() => random.bernoulli(0.4)));
const groupRows = Array.from({ length: PATTERNS }, () => enumerateStates(GROUPS.lower)[random.below(9)]!);
/** Intensities between 0 and 1, some of them 0 and 1. */
const greyRows = binaryRows.map((row) => row.map((x) => Math.fround(random.bernoulli(0.3) ? x : random.uniform())));
const CASES = PATTERNS * COPIES;

const FIXED = { epochs: 1, learningRate: 1, momentum: 0, weightCost: 0, initialBias: 'keep' } as const;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** The direction of one update on `COPIES` of each row. */
function directionOf(
  reference: ReferenceRbm,
  rows: readonly (readonly number[])[],
  options: ContrastiveDivergenceOptions,
  meanField: 'visible' | 'hidden' | undefined = undefined,
  seed = 3,
): ReferenceGradient {
  const units = (side: 'visible' | 'hidden', count: number) => bernoulli(count, { meanField: meanField === side });
  const graph =
    meanField && rbm({ visible: units('visible', reference.b.length), hidden: units('hidden', reference.c.length) });
  const model = modelOf(engine, reference, seed, graph);
  const data = engine.dataset({ rows: Array.from({ length: COPIES }, () => rows).flat() });
  const run = model.train(data, contrastiveDivergence({ ...FIXED, batchRows: CASES, ...options }));
  for (const record of run) expect(record.updates).toBe(1);
  const direction = directionTaken(model, reference, FIXED.learningRate);
  data.free();
  model.free();
  return direction;
}

/** The statistics in the order of `flat`. */
function flatStatistics({ vh, v, h }: ReferenceStatistics): number[] {
  return flat({ W: vh, b: v, c: h });
}

/** The largest distance from the expected direction, in the standard errors that the opening derives. */
function largestDeviation(direction: ReferenceGradient, phases: ExpectedPhases, positiveDraws: boolean): number {
  const deviation = (mean: number): number => Math.sqrt(Math.max(0, mean * (1 - mean)));
  const positive = flatStatistics(phases.positive);
  const negative = flatStatistics(phases.negative);
  const actual = flat(direction);
  const errors = positive.map((m0, entry) => {
    const bound = ((positiveDraws ? deviation(m0) : 0) + deviation(negative[entry]!)) / Math.sqrt(CASES);
    return Math.max(0, Math.abs(actual[entry]! - (m0 - negative[entry]!)) - ROUNDING) / bound;
  });
  return Math.max(...errors);
}

/** All states, and the probability of each under rows of independent intensities. */
function binarised(rows: readonly (readonly number[])[]): { states: number[][]; weights: number[] } {
  const states = enumerateStates([bernoulliLayer(rows[0]!.length)]);
  const weights = states.map((state) =>
    rows.reduce((sum, row) => sum + row.reduce((p, x, i) => p * (state[i] === 1 ? x : 1 - x), 1) / rows.length, 0),
  );
  return { states, weights };
}

const choices = ['probabilities', 'states'] as const;
const COMBINATIONS = choices.flatMap((reconstruction) =>
  choices.flatMap((statistics) => [1, 2].map((gibbsSteps) => ({ gibbsSteps, reconstruction, statistics }))),
);

describe('the direction of one update is the expectation of CD-k', () => {
  it.each(COMBINATIONS)(
    'binary: k = $gibbsSteps, reconstruction $reconstruction, statistics $statistics',
    (options) => {
      const { gibbsSteps, reconstruction, statistics } = options;
      const phases = expectedPhases(BINARY, binaryRows, undefined, { gibbsSteps, lowerLast: reconstruction });
      const direction = directionOf(BINARY, binaryRows, options);
      expect(largestDeviation(direction, phases, statistics === 'states')).toBeLessThan(BARS);
    },
  );

  it.each(COMBINATIONS)(
    'softmax: k = $gibbsSteps, reconstruction $reconstruction, statistics $statistics',
    (options) => {
      const { gibbsSteps, reconstruction, statistics } = options;
      const phases = expectedPhases(GROUPS, groupRows, undefined, { gibbsSteps, lowerLast: reconstruction });
      const direction = directionOf(GROUPS, groupRows, options);
      expect(largestDeviation(direction, phases, statistics === 'states')).toBeLessThan(BARS);
    },
  );

  it.each([1, 2])('intensities as probabilities, k = %i', (gibbsSteps) => {
    const phases = expectedPhases(BINARY, greyRows, undefined, { gibbsSteps, lowerLast: 'probabilities' });
    expect(largestDeviation(directionOf(BINARY, greyRows, { gibbsSteps }), phases, false)).toBeLessThan(BARS);
  });

  it.each([1, 2])('intensities drawn to states, k = %i', (gibbsSteps) => {
    const { states, weights } = binarised(greyRows);
    const phases = expectedPhases(BINARY, states, weights, { gibbsSteps, lowerLast: 'probabilities' });
    const direction = directionOf(BINARY, greyRows, { gibbsSteps, data: 'states' });
    expect(largestDeviation(direction, phases, true)).toBeLessThan(BARS);
    // The twin: drawn rows have other statistics than intensities have, and the test can tell.
    const undrawn = expectedPhases(BINARY, greyRows, undefined, { gibbsSteps, lowerLast: 'probabilities' });
    expect(largestDeviation(direction, undrawn, true)).toBeGreaterThan(BARS);
  });

  const meanField: ['visible' | 'hidden', Omit<ChainChoices, 'gibbsSteps'>][] = [
    ['hidden', { upper: 'probabilities', lowerLast: 'states' }],
    ['visible', { lowerWithin: 'probabilities', lowerLast: 'probabilities' }],
  ];
  it.each(meanField)('mean-field %s units pass on their means, k = 2', (side, handedOn) => {
    const phases = expectedPhases(BINARY, binaryRows, undefined, { gibbsSteps: 2, ...handedOn });
    const options = { gibbsSteps: 2, reconstruction: handedOn.lowerLast! };
    expect(largestDeviation(directionOf(BINARY, binaryRows, options, side), phases, false)).toBeLessThan(BARS);
  });
});

describe('a long chain', () => {
  const positive = dataExpectations(BINARY, binaryRows);
  const exact: ExpectedPhases = { positive, negative: modelExpectations(BINARY) };

  it(`of ${LONG_CHAIN} steps gives the gradient of the log-likelihood`, () => {
    const distribution = lowerDistribution(BINARY);
    expect(secondEigenvalue(lowerTransition(BINARY), distribution) ** LONG_CHAIN).toBeLessThan(1e-9);
    const direction = directionOf(BINARY, binaryRows, { gibbsSteps: LONG_CHAIN, reconstruction: 'states' });
    expect(largestDeviation(direction, exact, false)).toBeLessThan(BARS);
  });

  it('is needed: the direction of CD-1 is not that gradient', () => {
    const direction = directionOf(BINARY, binaryRows, { gibbsSteps: 1, reconstruction: 'states' });
    expect(largestDeviation(direction, exact, false)).toBeGreaterThan(BARS);
  });
});

describe('planted faults', () => {
  const phases = expectedPhases(BINARY, binaryRows, undefined, { gibbsSteps: 1, lowerLast: 'states' });
  const twoSteps = expectedPhases(BINARY, binaryRows, undefined, { gibbsSteps: 2, lowerLast: 'states' });
  const right = gradientOfPhases(phases.positive, phases.negative);
  const none = zeroStatistics(BINARY);
  const faults: [string, ReferenceGradient][] = [
    ['the wrong sign', gradientOfPhases(phases.negative, phases.positive)],
    ['a dropped negative phase', gradientOfPhases(phases.positive, none)],
    ['a dropped positive phase', gradientOfPhases(none, phases.negative)],
    ['a step too many', gradientOfPhases(twoSteps.positive, twoSteps.negative)],
    ['half the rate', { W: right.W.map((row) => row.map((x) => x / 2)), b: right.b, c: right.c }],
    ['exchanged weights', { ...right, W: right.W.map((row) => [...row].reverse()) }],
  ];

  it.each(faults)('%s is caught', (_, direction) => {
    expect(largestDeviation(right, phases, false)).toBeLessThan(BARS);
    expect(largestDeviation(direction, phases, false)).toBeGreaterThan(BARS);
  });

  it('copies of a row that share their draws are caught', () => {
    // If the copies of a row shared their draws, their mean would be that of a single copy: so one copy each stands for it.
    const model = modelOf(engine, BINARY, 3);
    const data = engine.dataset({ rows: binaryRows });
    const options = { ...FIXED, batchRows: PATTERNS, reconstruction: 'states', statistics: 'states' } as const;
    for (const record of model.train(data, contrastiveDivergence(options))) expect(record.updates).toBe(1);
    const direction = directionTaken(model, BINARY, FIXED.learningRate);
    expect(largestDeviation(direction, phases, true)).toBeGreaterThan(BARS);
    data.free();
    model.free();
  });
});

describe('other seeds', () => {
  it('give other directions around the same expectation', () => {
    const phases = expectedPhases(BINARY, binaryRows, undefined, { gibbsSteps: 1, lowerLast: 'probabilities' });
    const [first, second] = [1, 2].map((seed) => directionOf(BINARY, binaryRows, {}, undefined, seed));
    expect(flat(first!)).not.toEqual(flat(second!));
    for (const direction of [first!, second!]) expect(largestDeviation(direction, phases, false)).toBeLessThan(BARS);
  });
});
