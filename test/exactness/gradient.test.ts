/** The exact gradient: one update is the analytic gradient of the log-likelihood, and goes uphill by its square. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, exactGradient, load } from 'wakesleep';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  logLikelihood,
  logLikelihoodGradient,
  logLikelihoodGradientByDifferences,
  type ReferenceGradient,
  type ReferenceRbm,
  type ReferenceSide,
  randomRbm,
  relativeGradientError,
  roundedToF32,
  softmaxLayer,
  unitsOfSide,
} from '../reference/rbm.js';
import { directionTaken, flat, modelOf } from './counterpart.js';

/** f32 means and updates against f64: ‖difference‖ / ‖gradient‖. */
const ANALYTIC_TOLERANCE = 1e-5;
/** Analytic against central differences of width 2e-5, both in f64. */
const DIFFERENCE_TOLERANCE = 1e-6;

const ROWS = 12;
const MODELS: [string, ReferenceSide, ReferenceSide][] = [
  ['bernoulli(6) × bernoulli(5)', [bernoulliLayer(6)], [bernoulliLayer(5)]],
  ['bernoulli(3) × bernoulli(8)', [bernoulliLayer(3)], [bernoulliLayer(8)]],
  ['softmax(2, 3) × bernoulli(5)', [softmaxLayer(2, 3)], [bernoulliLayer(5)]],
  ['bernoulli(6) × softmax(2, 3)', [bernoulliLayer(6)], [softmaxLayer(2, 3)]],
  ['softmax(2, 3) × softmax(5)', [softmaxLayer(2, 3)], [softmaxLayer(1, 5)]],
  ['bernoulli(4) + softmax(3) × bernoulli(5)', [bernoulliLayer(4), softmaxLayer(1, 3)], [bernoulliLayer(5)]],
];

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** Updates by the exact gradient on rows of states; gives the direction taken and the likelihoods around it. */
function climbed(reference: ReferenceRbm, rows: readonly number[][], learningRate: number) {
  const columns = unitsOfSide([reference.lower[0]!]);
  const labels = reference.lower.length === 2 ? rows.map((row) => row.indexOf(1, columns) - columns) : undefined;
  const main = rows.map((row) => row.slice(0, columns));
  const data = engine.dataset({ rows: main, ...(labels && { labels, classes: unitsOfSide([reference.lower[1]!]) }) });
  const model = modelOf(engine, reference);
  const mean = (): number => model.logLikelihood(data).reduce((sum, nats) => sum + nats / rows.length, 0);
  const before = mean();
  for (const record of model.train(data, exactGradient({ epochs: 1, learningRate }))) expect(record.updates).toBe(1);
  const after = mean();
  const direction = directionTaken(model, reference, learningRate);
  model.free();
  data.free();
  return { direction, before, after };
}

describe.each(MODELS)('the exact gradient of %s', (name, lower, upper) => {
  const random = randomSource(60 + name.length);
  const reference = roundedToF32(randomRbm(lower, upper, 1, 0.5, random));
  const states = enumerateStates(lower);
  const rows = Array.from({ length: ROWS }, () => states[random.below(states.length)]!);
  const analytic = logLikelihoodGradient(reference, rows);

  it('is the analytic one', () => {
    expect(relativeGradientError(climbed(reference, rows, 1).direction, analytic)).toBeLessThan(ANALYTIC_TOLERANCE);
  });

  it('is that of finite differences', () => {
    const differences = logLikelihoodGradientByDifferences(reference, rows);
    expect(relativeGradientError(analytic, differences)).toBeLessThan(DIFFERENCE_TOLERANCE);
    const taken = climbed(reference, rows, 1).direction;
    expect(relativeGradientError(taken, differences)).toBeLessThan(ANALYTIC_TOLERANCE + DIFFERENCE_TOLERANCE);
  });

  it('raises the log-likelihood by rate times its square', () => {
    const learningRate = 1e-2;
    const { before, after } = climbed(reference, rows, learningRate);
    expect(Math.abs(before - logLikelihood(reference, rows))).toBeLessThan(1e-5);
    const slope = flat(analytic).reduce((sum, g) => sum + g * g, 0);
    // At this rate the second order of the step is below a tenth of the first.
    expect((after - before) / (learningRate * slope)).toBeGreaterThan(0.9);
    expect((after - before) / (learningRate * slope)).toBeLessThan(1.1);
  });

  it('is told from gradients with a planted fault', () => {
    const { direction } = climbed(reference, rows, 1);
    const faults: ReferenceGradient[] = [
      { ...analytic, W: analytic.W.map((row) => row.map((g) => -g)) },
      { ...analytic, b: analytic.b.map(() => 0) },
      { ...analytic, c: analytic.c.map((g) => g * (1 + 1e-3)) },
      logLikelihoodGradient(reference, rows.slice(1)),
    ];
    for (const fault of faults) {
      expect(relativeGradientError(direction, fault)).toBeGreaterThan(ANALYTIC_TOLERANCE);
    }
  });
});
