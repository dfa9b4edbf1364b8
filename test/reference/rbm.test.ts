/** The exact model agrees with itself: each quantity by two routes that share as little as possible. */

import { describe, expect, it } from 'vitest';
import { logSumExp } from './logistic.js';
import { randomSource } from './random.js';
import {
  bernoulliLayer,
  energy,
  enumerateStates,
  freeEnergyOfLower,
  freeEnergyOfUpper,
  jointDistribution,
  labelDistribution,
  logLikelihood,
  logLikelihoodGradient,
  logLikelihoodGradientByDifferences,
  logPartitionByLower,
  logPartitionByPairs,
  logPartitionByUpper,
  lowerDistribution,
  meanLower,
  meanUpper,
  modelExpectations,
  type ReferenceRbm,
  type ReferenceSide,
  randomRbm,
  relativeGradientError,
  rowDistribution,
  softmaxLayer,
  stateCountOfSide,
  stateIndex,
  stateProbabilitiesOfSide,
  transposed,
  unitsOfSide,
  upperDistribution,
} from './rbm.js';

/** Rounding of sums of at most some thousand terms of ordinary size. */
const ROUNDING = 1e-12;

const SIDES: Record<string, ReferenceSide> = {
  'binary 5': [bernoulliLayer(5)],
  'softmax 2×3': [softmaxLayer(2, 3)],
  'binary 3 + softmax 1×4': [bernoulliLayer(3), softmaxLayer(1, 4)],
  'softmax 1×3 + binary 2 + binary 1': [softmaxLayer(1, 3), bernoulliLayer(2), bernoulliLayer(1)],
};

const MODELS: [string, ReferenceRbm][] = Object.entries(SIDES).flatMap(([lowerName, lower], a) =>
  Object.entries(SIDES).map(([upperName, upper], k): [string, ReferenceRbm] => [
    `${lowerName} × ${upperName}`,
    randomRbm(lower, upper, 1, 0.5, randomSource(100 + 10 * a + k)),
  ]),
);

function largestDifference(x: readonly number[], y: readonly number[]): number {
  expect(x.length).toBe(y.length);
  return Math.max(...x.map((value, k) => Math.abs(value - y[k]!)));
}

/** Weighted rows that are states of the lower side. */
function someRows(rbm: ReferenceRbm, seed: number): { rows: number[][]; weights: number[] } {
  const random = randomSource(seed);
  const states = enumerateStates(rbm.lower);
  const rows = Array.from({ length: 6 }, () => states[random.below(states.length)]!);
  return { rows, weights: rows.map(() => 0.1 + random.uniform()) };
}

describe('states of a side', () => {
  it.each(Object.entries(SIDES))('%s: every state is listed once, at its index', (_, side) => {
    const states = enumerateStates(side);
    expect(states.length).toBe(stateCountOfSide(side));
    expect(new Set(states.map((state) => state.join())).size).toBe(states.length);
    states.forEach((state, index) => {
      expect(state.length).toBe(unitsOfSide(side));
      expect(stateIndex(side, state)).toBe(index);
    });
  });

  it('has exactly one unit on in each softmax group', () => {
    for (const state of enumerateStates([bernoulliLayer(1), softmaxLayer(2, 3)])) {
      expect(state[1]! + state[2]! + state[3]!).toBe(1);
      expect(state[4]! + state[5]! + state[6]!).toBe(1);
    }
  });

  it('refuses rows that are not states', () => {
    expect(() => stateIndex([bernoulliLayer(2)], [0, 0.5])).toThrow('neither 0 nor 1');
    expect(() => stateIndex([softmaxLayer(1, 3)], [1, 1, 0])).toThrow('exactly one unit on');
    expect(() => stateIndex([softmaxLayer(1, 3)], [0, 0, 0])).toThrow('exactly one unit on');
  });
});

describe('a model small enough for pencil and paper', () => {
  // One binary unit on each side with all parameters in logarithms: weights of the four states are 1, 3, 2 and 30.
  const rbm: ReferenceRbm = {
    lower: [bernoulliLayer(1)],
    upper: [bernoulliLayer(1)],
    W: [[Math.log(5)]],
    b: [Math.log(2)],
    c: [Math.log(3)],
  };

  it('has the partition function 1 + 3 + 2 + 30 and the probabilities that follow', () => {
    expect(logPartitionByPairs(rbm)).toBeCloseTo(Math.log(36), 14);
    expect(jointDistribution(rbm).flat()).toEqual([1, 3, 2, 30].map((weight) => expect.closeTo(weight / 36, 14)));
    expect(lowerDistribution(rbm)[1]).toBeCloseTo(32 / 36, 14);
    expect(upperDistribution(rbm)[1]).toBeCloseTo(33 / 36, 14);
    expect(meanUpper(rbm, [1])[0]).toBeCloseTo(30 / 32, 14);
    expect(meanLower(rbm, [0])[0]).toBeCloseTo(2 / 3, 14);
    expect(freeEnergyOfLower(rbm, [1])).toBeCloseTo(-Math.log(32), 14);
    expect(freeEnergyOfUpper(rbm, [0])).toBeCloseTo(-Math.log(3), 14);
    expect(modelExpectations(rbm).vh[0]![0]).toBeCloseTo(30 / 36, 14);
  });

  it('with zero weights has log Z in closed form', () => {
    const lower = [bernoulliLayer(3), softmaxLayer(2, 4)];
    const free = randomRbm(lower, [bernoulliLayer(5)], 0, 0, randomSource(1));
    expect(logPartitionByPairs(free)).toBeCloseTo(8 * Math.log(2) + 2 * Math.log(4), 12);
  });
});

describe.each(MODELS)('%s', (_, rbm) => {
  const lowers = enumerateStates(rbm.lower);
  const uppers = enumerateStates(rbm.upper);
  const joint = jointDistribution(rbm);

  it('gives the same log Z by pairs, by the lower side and by the upper side', () => {
    const logZ = logPartitionByPairs(rbm);
    expect(Math.abs(logPartitionByLower(rbm) - logZ)).toBeLessThan(ROUNDING);
    expect(Math.abs(logPartitionByUpper(rbm) - logZ)).toBeLessThan(ROUNDING);
  });

  it('has free energies that sum the energies of the other side', () => {
    const byLower = lowers.map((v) => -logSumExp(uppers.map((h) => -energy(rbm, v, h))));
    const byUpper = uppers.map((h) => -logSumExp(lowers.map((v) => -energy(rbm, v, h))));
    expect(
      largestDifference(
        lowers.map((v) => freeEnergyOfLower(rbm, v)),
        byLower,
      ),
    ).toBeLessThan(ROUNDING);
    expect(
      largestDifference(
        uppers.map((h) => freeEnergyOfUpper(rbm, h)),
        byUpper,
      ),
    ).toBeLessThan(ROUNDING);
  });

  it('has marginals, conditionals and expectations of its joint distribution', () => {
    const p = lowerDistribution(rbm);
    const q = upperDistribution(rbm);
    const total = joint.flat().reduce((sum, value) => sum + value, 0);
    expect(Math.abs(total - 1)).toBeLessThan(ROUNDING);
    expect(
      largestDifference(
        p,
        joint.map((row) => row.reduce((sum, value) => sum + value, 0)),
      ),
    ).toBeLessThan(ROUNDING);
    expect(
      largestDifference(
        q,
        uppers.map((__, k) => joint.reduce((sum, row) => sum + row[k]!, 0)),
      ),
    ).toBeLessThan(ROUNDING);
    lowers.forEach((v, a) => {
      const given = joint[a]!.map((value) => value / p[a]!);
      const means = rbm.c.map((__, j) => uppers.reduce((sum, h, k) => sum + given[k]! * h[j]!, 0));
      expect(largestDifference(meanUpper(rbm, v), means)).toBeLessThan(ROUNDING);
    });
    uppers.forEach((h, k) => {
      const given = joint.map((row) => row[k]! / q[k]!);
      const means = rbm.b.map((__, i) => lowers.reduce((sum, v, a) => sum + given[a]! * v[i]!, 0));
      expect(largestDifference(meanLower(rbm, h), means)).toBeLessThan(ROUNDING);
    });
  });

  it('is the same model seen from above', () => {
    const above = transposed(rbm);
    expect(Math.abs(logPartitionByLower(above) - logPartitionByUpper(rbm))).toBeLessThan(ROUNDING);
    expect(largestDifference(lowerDistribution(above), upperDistribution(rbm))).toBeLessThan(ROUNDING);
  });

  it('has the gradient that central differences find', () => {
    const { rows, weights } = someRows(rbm, 7);
    const analytic = logLikelihoodGradient(rbm, rows, weights);
    const numeric = logLikelihoodGradientByDifferences(rbm, rows, weights);
    expect(relativeGradientError(numeric, analytic)).toBeLessThan(1e-6);
  });

  it('has a log-likelihood that is the weighted mean of log p(v), largest for its own distribution', () => {
    const { rows, weights } = someRows(rbm, 8);
    const p = lowerDistribution(rbm);
    const shares = rowDistribution(rbm, rows, weights);
    const direct = shares.reduce((sum, share, a) => sum + (share > 0 ? share * Math.log(p[a]!) : 0), 0);
    expect(Math.abs(logLikelihood(rbm, rows, weights) - direct)).toBeLessThan(ROUNDING);
    const gradient = logLikelihoodGradient(rbm, lowers, p);
    for (const slope of [...gradient.W.flat(), ...gradient.b, ...gradient.c]) {
      expect(Math.abs(slope)).toBeLessThan(ROUNDING);
    }
  });
});

describe('labels', () => {
  it('have the probabilities of the joint model, given the units before them', () => {
    const rbm = randomRbm([bernoulliLayer(3), softmaxLayer(1, 4)], [bernoulliLayer(4)], 1, 0.5, randomSource(3));
    const p = lowerDistribution(rbm);
    for (const given of enumerateStates([bernoulliLayer(3)])) {
      const masses = [0, 1, 2, 3].map((label) => {
        const row = [...given, ...[0, 1, 2, 3].map((k) => (k === label ? 1 : 0))];
        return p[stateIndex(rbm.lower, row)]!;
      });
      const total = masses.reduce((sum, mass) => sum + mass, 0);
      expect(
        largestDifference(
          labelDistribution(rbm, given),
          masses.map((mass) => mass / total),
        ),
      ).toBeLessThan(ROUNDING);
    }
  });

  it('are refused where the graph has none', () => {
    const rbm = randomRbm([bernoulliLayer(3)], [bernoulliLayer(2)], 1, 0, randomSource(4));
    expect(() => labelDistribution(rbm, [0, 1])).toThrow('must be a softmax layer');
  });
});

describe('state probabilities', () => {
  it('are the products of the units, in the order of the states', () => {
    const side = [bernoulliLayer(2), softmaxLayer(1, 3)];
    const inputs = [0.3, -1.2, 0.5, -0.5, 2];
    const weights = enumerateStates(side).map((state) =>
      Math.exp(state.reduce((sum, value, unit) => sum + value * inputs[unit]!, 0)),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    expect(
      largestDifference(
        stateProbabilitiesOfSide(side, inputs),
        weights.map((weight) => weight / total),
      ),
    ).toBeLessThan(ROUNDING);
  });
});
