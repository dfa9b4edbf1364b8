/**
 * Pseudo-log-likelihoods against conditionals from free energies in f64, and their stochastic estimate against them; binary
 * rows drawn from intensities. Free energies are right to 1e-5 (model.test.ts), and a row sums a dozen of differences.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, type Engine, load, rbm, softmax } from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  freeEnergyOfLower,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
} from '../reference/rbm.js';
import { modelOf } from './counterpart.js';

const TOLERANCE = 1e-4;
const random = randomSource(77);
const MODELS: [string, ReferenceRbm, number][] = [
  ['bernoulli × bernoulli', roundedToF32(randomRbm([bernoulliLayer(7)], [bernoulliLayer(20)], 1, 0.5, random)), 1],
  ['softmax × bernoulli', roundedToF32(randomRbm([softmaxLayer(3, 3)], [bernoulliLayer(5)], 1, 0.5, random)), 3],
  ['bernoulli × softmax', roundedToF32(randomRbm([bernoulliLayer(6)], [softmaxLayer(2, 4)], 1, 0.5, random)), 1],
];

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** What a group's units may be. */
function valuesOf(size: number): number[][] {
  if (size === 1) return [[0], [1]];
  return Array.from({ length: size }, (_, on) => Array.from({ length: size }, (_unused, unit) => Number(unit === on)));
}

/** `log p(v_g | rest)` of every group of a row. */
function conditionals(reference: ReferenceRbm, row: readonly number[], size: number): number[] {
  return Array.from({ length: row.length / size }, (_, group) => {
    const energies = valuesOf(size).map((values) => {
      const other = [...row];
      other.splice(group * size, size, ...values);
      return -freeEnergyOfLower(reference, other);
    });
    const largest = Math.max(...energies);
    const total = largest + Math.log(energies.reduce((sum, x) => sum + Math.exp(x - largest), 0));
    return -freeEnergyOfLower(reference, row) - total;
  });
}

describe.each(MODELS)('%s', (_, reference, size) => {
  const states = enumerateStates(reference.lower);
  const exact = states.map((row) => conditionals(reference, row, size));
  const sums = exact.map((row) => row.reduce((sum, x) => sum + x, 0));

  it('has the sum of the conditionals of every row', () => {
    const model = modelOf(engine, reference);
    const found = model.pseudoLogLikelihood(states);
    expect(Math.max(...sums.map((sum, row) => Math.abs(sum - found[row]!)))).toBeLessThan(TOLERANCE);
    // The twin: the likelihood itself is something else.
    const nats = model.logLikelihood(states);
    expect(Math.max(...sums.map((sum, row) => Math.abs(sum - nats[row]!)))).toBeGreaterThan(0.1);
    model.free();
  });

  it('has an unbiased stochastic estimate: one conditional of each row times their number', () => {
    const model = modelOf(engine, reference);
    const groups = exact[0]!.length;
    const seeds = 400;
    const means = states.map(() => 0);
    for (let seed = 0; seed < seeds; seed++) {
      model.pseudoLogLikelihood(states, { stochastic: { seed } }).forEach((value, row) => {
        const nearest = Math.min(...exact[row]!.map((x) => Math.abs(groups * x - value)));
        expect(nearest).toBeLessThan(groups * TOLERANCE);
        means[row]! += value / seeds;
      });
    }
    exact.forEach((row, r) => {
      const mean = sums[r]! / groups;
      const deviation = groups * Math.sqrt(row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / groups / seeds);
      expect(Math.abs(means[r]! - sums[r]!)).toBeLessThan(5 * deviation + groups * TOLERANCE);
    });
    model.free();
  });
});

describe('refusals', () => {
  it('of graphs and options, in words', () => {
    const labelled = engine.create(rbm({ visible: bernoulli(2, { meanField: true }), hidden: softmax(2) }), {
      seed: 1,
    });
    expect(refusal(() => labelled.pseudoLogLikelihood([[0, 1]]))).toBe(
      'GRAPH_UNSUITABLE: A pseudo-likelihood needs units with an energy; the layer `visible` has 2 mean-field logistic units.',
    );
    labelled.free();
    const model = engine.create(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => model.pseudoLogLikelihood([[0, 1]], { stochastic: {} } as never))).toBe(
      'OPTION_INVALID: `seed` must be an integer from 0 to 9007199254740991; got undefined.',
    );
    model.free();
  });
});

describe('binarised rows', () => {
  const ROWS = 3000;
  const p = [0, 0.1, 0.5, 0.93, 1];

  it('are drawn once for a seed, each number with its own probability', () => {
    const data = engine.dataset({ rows: Array.from({ length: ROWS }, () => p) });
    const drawn = data.binarised({ method: 'sample', seed: 4 });
    expect(drawn.isBinary()).toBe(true);
    expect(data.isBinary()).toBe(false);
    drawn.columnMeans().forEach((mean, column) => {
      const deviation = Math.sqrt((p[column]! * (1 - p[column]!)) / ROWS);
      expect(Math.abs(mean - p[column]!)).toBeLessThanOrEqual(5 * deviation);
    });
    const again = data.binarised({ method: 'sample', seed: 4 });
    expect(again.values()).toEqual(drawn.values());
    expect(data.binarised({ method: 'sample', seed: 5 }).values()).not.toEqual(drawn.values());
    // A row keeps its draws in any view.
    const later = data.view(1000, 10).binarised({ method: 'sample', seed: 4 });
    expect(later.values()).toEqual(drawn.view(1000, 10).values());
    expect([...data.binarised({ method: 'threshold' }).view(0, 1).values()]).toEqual([0, 0, 1, 1, 1]);
    data.free();
  });

  it('need a seed to be drawn', () => {
    const data = engine.dataset({ rows: [[0.5]] });
    expect(refusal(() => data.binarised({ method: 'sample' } as never))).toBe(
      'OPTION_INVALID: `seed` must be an integer from 0 to 9007199254740991; got undefined.',
    );
    data.free();
  });
});
