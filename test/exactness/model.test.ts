/** Energies, conditionals and log Z of the package against enumeration in f64, for every pair of unit types. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, deepBeliefNet, type Engine, load, softmax } from 'wakesleep';
import { logSumExp } from '../reference/logistic.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  freeEnergyOfLower,
  labelDistribution,
  logPartitionByPairs,
  lowerDistribution,
  meanLower,
  meanUpper,
  type ReferenceLayer,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
  stateCountOfSide,
  unitsOfSide,
} from '../reference/rbm.js';
import { modelOf, rowOf, weightsOf } from './counterpart.js';

/**
 * Inputs are f32 sums of at most 12 terms of ordinary size, each off by at most some units of 2^-24 of the largest
 * partial sum; energies add up to 6 log-partitions of them. A relative or absolute 1e-5 leaves room and finds any
 * mistake in a term.
 */
const TOLERANCE = 1e-5;

/** The sum of 64 or fewer probabilities, each within the tolerance of its own size. */
const SUM_TOLERANCE = 2e-5;

const LAYERS: Record<string, ReferenceLayer> = {
  'bernoulli(6)': bernoulliLayer(6),
  'softmax(5)': softmaxLayer(1, 5),
  'softmax(2, 3)': softmaxLayer(2, 3),
};

const PAIRS: [string, ReferenceRbm][] = Object.entries(LAYERS).flatMap(([below, lower], a) =>
  Object.entries(LAYERS).map(([above, upper], k): [string, ReferenceRbm] => [
    `${below} × ${above}`,
    roundedToF32(randomRbm([lower], [upper], 1, 0.5, randomSource(10 * a + k))),
  ]),
);

/** The largest of the errors that count: relative for numbers above 1, absolute below. */
function largestError(actual: ArrayLike<number>, exact: readonly number[]): number {
  expect(actual.length).toBe(exact.length);
  return Math.max(...exact.map((value, k) => Math.abs(actual[k]! - value) / Math.max(1, Math.abs(value))));
}

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

describe.each(PAIRS)('an RBM of %s', (_, reference) => {
  const states = enumerateStates(reference.lower);
  const uppers = enumerateStates(reference.upper);

  it('has the free energy of every state', () => {
    const model = modelOf(engine, reference);
    const exact = states.map((v) => freeEnergyOfLower(reference, v));
    expect(largestError(model.freeEnergy(states), exact)).toBeLessThan(TOLERANCE);
    model.free();
  });

  it('has log Z, and likelihoods that sum to 1', () => {
    const model = modelOf(engine, reference);
    const probabilities = Array.from(model.logLikelihood(states), Math.exp);
    expect(largestError([model.logPartition()], [logPartitionByPairs(reference)])).toBeLessThan(TOLERANCE);
    expect(largestError(probabilities, lowerDistribution(reference))).toBeLessThan(TOLERANCE);
    expect(Math.abs(probabilities.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThan(SUM_TOLERANCE);
    model.free();
  });

  it('has the means of each side given every state of the other', () => {
    const model = modelOf(engine, reference);
    const hidden = states.flatMap((v) => meanUpper(reference, v));
    const visible = uppers.flatMap((h) => meanLower(reference, h));
    expect(largestError(model.meanHidden(states), hidden)).toBeLessThan(TOLERANCE);
    expect(largestError(model.meanVisible(uppers), visible)).toBeLessThan(TOLERANCE);
    model.free();
  });

  it('has log Z in closed form where all weights are zero', () => {
    const apart = { ...reference, W: reference.W.map((row) => row.map(() => 0)) };
    const ofSide = (layer: ReferenceLayer, bias: readonly number[]): number => {
      const size = layer.type === 'bernoulli' ? 1 : layer.size;
      let sum = 0;
      for (let at = 0; at < bias.length; at += size) {
        sum += logSumExp(layer.type === 'bernoulli' ? [0, bias[at]!] : bias.slice(at, at + size));
      }
      return sum;
    };
    const closed = ofSide(apart.lower[0]!, apart.b) + ofSide(apart.upper[0]!, apart.c);
    const model = modelOf(engine, apart);
    expect(largestError([model.logPartition()], [closed])).toBeLessThan(TOLERANCE);
    model.parameter('visible.bias').set(apart.b.map(() => 0));
    model.parameter('hidden.bias').set(apart.c.map(() => 0));
    const count = stateCountOfSide(apart.lower) * stateCountOfSide(apart.upper);
    expect(largestError([model.logPartition()], [Math.log(count)])).toBeLessThan(TOLERANCE);
    model.free();
  });

  it('keeps all of this where the parameters are extreme', () => {
    // Inputs of some hundreds: e^x overflows in f32 and, in sums over states, in f64.
    const large = roundedToF32(randomRbm(reference.lower, reference.upper, 200, 100, randomSource(77)));
    const model = modelOf(engine, large);
    const exact = states.map((v) => freeEnergyOfLower(large, v));
    expect(largestError(model.freeEnergy(states), exact)).toBeLessThan(TOLERANCE);
    expect(largestError([model.logPartition()], [logPartitionByPairs(large)])).toBeLessThan(TOLERANCE);
    const hidden = states.flatMap((v) => meanUpper(large, v));
    // An input of hundreds is off by its own rounding, 2^-24 of it a term, and a mean by a quarter of that.
    expect(largestError(model.meanHidden(states), hidden)).toBeLessThan(10 * TOLERANCE);
    model.free();
  });
});

describe('a free energy that is off', () => {
  it('by one bias moved by 1e-3 is found', () => {
    const [, reference] = PAIRS[0]!;
    const model = modelOf(engine, reference);
    model.parameter('hidden.bias').set(reference.c.map((bias, j) => (j === 2 ? bias + 1e-3 : bias)));
    const states = enumerateStates(reference.lower);
    const exact = states.map((v) => freeEnergyOfLower(reference, v));
    expect(largestError(model.freeEnergy(states), exact)).toBeGreaterThan(TOLERANCE);
    expect(largestError([model.logPartition()], [logPartitionByPairs(reference)])).toBeGreaterThan(TOLERANCE);
    model.free();
  });

  it('by weights laid out [visible, hidden] is found', () => {
    const [, reference] = PAIRS[0]!;
    const model = modelOf(engine, reference);
    model.parameter('visible-hidden.weight').set(reference.W.flat());
    const states = enumerateStates(reference.lower);
    const exact = states.map((v) => freeEnergyOfLower(reference, v));
    expect(largestError(model.freeEnergy(states), exact)).toBeGreaterThan(TOLERANCE);
    model.free();
  });
});

describe('an RBM with labels', () => {
  const reference = roundedToF32(
    randomRbm([bernoulliLayer(4), softmaxLayer(1, 3)], [bernoulliLayer(5)], 1, 0.5, randomSource(31)),
  );

  it('has the joint free energy, and log Z over both lower layers', () => {
    const model = modelOf(engine, reference);
    const states = enumerateStates(reference.lower);
    const data = engine.dataset({
      rows: states.map((state) => state.slice(0, 4)),
      labels: states.map((state) => state.indexOf(1, 4) - 4),
      classes: 3,
    });
    const exact = states.map((v) => freeEnergyOfLower(reference, v));
    expect(largestError(model.freeEnergy(data), exact)).toBeLessThan(TOLERANCE);
    expect(largestError([model.logPartition()], [logPartitionByPairs(reference)])).toBeLessThan(TOLERANCE);
    data.free();
    model.free();
  });

  it('classifies by the exact distribution of the labels', () => {
    const model = modelOf(engine, reference);
    const rows = enumerateStates([bernoulliLayer(4)]);
    const { probabilities, labels, classes } = model.classify(rows);
    const exact = rows.map((row) => labelDistribution(reference, row));
    expect(classes).toBe(3);
    expect(largestError(probabilities, exact.flat())).toBeLessThan(TOLERANCE);
    expect(Array.from(labels)).toEqual(exact.map((p) => p.indexOf(Math.max(...p))));
    model.free();
  });
});

describe('a deep belief net with labels', () => {
  const random = randomSource(32);
  const first = roundedToF32(randomRbm([bernoulliLayer(4)], [bernoulliLayer(3)], 1, 0.5, random));
  const top = roundedToF32(randomRbm([bernoulliLayer(3), softmaxLayer(1, 3)], [bernoulliLayer(3)], 1, 0.5, random));
  const graph = deepBeliefNet({ visible: bernoulli(4), hidden: [bernoulli(3)], label: softmax(3), top: bernoulli(3) });

  it('classifies by the labels of its top machine, given the means of the layer below', () => {
    const model = engine.create(graph, { seed: 0 });
    model.parameter('visible.bias').set(first.b);
    model.parameter('visible-h1.weight').set(weightsOf(first));
    model.parameter('layers.h1.recognition_bias').set(first.c);
    model.parameter('h1.bias').set(top.b.slice(0, 3));
    model.parameter('label.bias').set(top.b.slice(3));
    model.parameter('h2.bias').set(top.c);
    model.parameter('h1-h2.weight').set(weightsOf(top, 0, 3));
    model.parameter('label-h2.weight').set(weightsOf(top, 3, 3));
    const rows = enumerateStates(first.lower);
    const means = rows.map((row) => meanUpper(first, row));
    const exact = means.flatMap((mean) => labelDistribution(top, mean));
    expect(largestError(model.classify(rows).probabilities, exact)).toBeLessThan(TOLERANCE);
    expect(largestError(model.meanHidden(rows, { layer: 'h1' }), means.flat())).toBeLessThan(TOLERANCE);
    // The twin: states of the layer below in place of its means give other probabilities.
    const hard = means.flatMap((mean) => labelDistribution(top, mean.map(Math.round)));
    expect(largestError(model.classify(rows).probabilities, hard)).toBeGreaterThan(TOLERANCE);
    model.free();
  });
});

describe('drawn rows', () => {
  it('are states of their side for every unit type', () => {
    for (const [, reference] of PAIRS) {
      const model = modelOf(engine, reference);
      const states = enumerateStates(reference.lower);
      const hidden = model.sampleHidden(states, { seed: 5 });
      const units = unitsOfSide(reference.upper);
      const known = new Set(enumerateStates(reference.upper).map((state) => state.join('')));
      states.forEach((_, row) => {
        expect(known).toContain(Array.from(rowOf(hidden, row, units)).join(''));
      });
      model.free();
    }
  });
});
