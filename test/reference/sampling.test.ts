/** Transition matrices, expected contrastive divergence, and the χ² test that must catch a planted fault. */

import { describe, expect, it } from 'vitest';
import {
  type ChainChoices,
  expectedDirection,
  expectedPhases,
  expectedPhasesByTransition,
  type HandedOn,
} from './cd.js';
import { type RandomSource, randomSource } from './random.js';
import {
  addToStatistics,
  bernoulliLayer,
  enumerateStates,
  jointDistribution,
  logLikelihoodGradient,
  lowerDistribution,
  meanLower,
  meanUpper,
  modelExpectations,
  type ReferenceRbm,
  type ReferenceStatistics,
  randomRbm,
  relativeGradientError,
  softmaxLayer,
  stateIndex,
  upperDistribution,
  zeroStatistics,
} from './rbm.js';
import { chiSquare, meanAndStandardError, meanWithin } from './statistics.js';
import {
  advanced,
  l1Distance,
  lowerTransition,
  parallelTransition,
  secondEigenvalue,
  stationarityError,
  upperTransition,
} from './transition.js';

const mixed = randomRbm(
  [bernoulliLayer(3), softmaxLayer(1, 3)],
  [softmaxLayer(1, 2), bernoulliLayer(3)],
  1,
  0.5,
  randomSource(11),
);

function statisticsDistance(x: ReferenceStatistics, y: ReferenceStatistics): number {
  const flat = (s: ReferenceStatistics): number[] => [...s.vh.flat(), ...s.v, ...s.h];
  const flatY = flat(y);
  return Math.max(...flat(x).map((value, k) => Math.abs(value - flatY[k]!)));
}

describe('transition matrices', () => {
  it('leave the exact distribution of either side as it is, and have rows that sum to 1', () => {
    for (const row of [...lowerTransition(mixed), ...upperTransition(mixed)]) {
      expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 13);
    }
    expect(stationarityError(lowerDistribution(mixed), lowerTransition(mixed))).toBeLessThan(1e-12);
    expect(stationarityError(upperDistribution(mixed), upperTransition(mixed))).toBeLessThan(1e-12);
  });

  it('show that updating both sides at once does not leave the joint distribution as it is', () => {
    expect(stationarityError(jointDistribution(mixed).flat(), parallelTransition(mixed))).toBeGreaterThan(0.05);
  });

  it('have the second eigenvalue trace − 1 where there are two states', () => {
    const two = randomRbm([bernoulliLayer(1)], [bernoulliLayer(3)], 2, 0.5, randomSource(12));
    const transition = lowerTransition(two);
    const byTrace = transition[0]![0]! + transition[1]![1]! - 1;
    expect(byTrace).toBeGreaterThan(0.1);
    expect(secondEigenvalue(transition, lowerDistribution(two))).toBeCloseTo(byTrace, 12);
  });

  it('have the largest second eigenvalue of their parts where a model falls into pairs of units', () => {
    const couplings = [1, 4, -2.5];
    const pair = (weight: number): ReferenceRbm => ({
      lower: [bernoulliLayer(1)],
      upper: [bernoulliLayer(1)],
      W: [[weight]],
      b: [-weight / 2],
      c: [-weight / 2 + 0.3],
    });
    const pairs = couplings.map(pair);
    const whole: ReferenceRbm = {
      lower: [bernoulliLayer(3)],
      upper: [bernoulliLayer(3)],
      W: couplings.map((weight, i) => couplings.map((_, j) => (i === j ? weight : 0))),
      b: pairs.map(({ b }) => b[0]!),
      c: pairs.map(({ c }) => c[0]!),
    };
    const byTrace = pairs.map(lowerTransition).map((transition) => transition[0]![0]! + transition[1]![1]! - 1);
    expect(secondEigenvalue(lowerTransition(whole), lowerDistribution(whole))).toBeCloseTo(Math.max(...byTrace), 10);
  });

  it('have the same second eigenvalue from both sides, and 0 without weights', () => {
    for (const scale of [0, 1, 2, 3]) {
      const rbm = randomRbm([bernoulliLayer(6)], [bernoulliLayer(4)], scale, 0.5, randomSource(13));
      const lower = secondEigenvalue(lowerTransition(rbm), lowerDistribution(rbm));
      const upper = secondEigenvalue(upperTransition(rbm), upperDistribution(rbm));
      expect(Math.abs(lower - upper)).toBeLessThan(1e-9);
      expect(lower > 1e-12).toBe(scale > 0);
      expect(lower).toBeLessThan(1);
    }
  });

  it('forget the start at the rate of the second eigenvalue', () => {
    const slow = randomRbm([bernoulliLayer(6)], [bernoulliLayer(4)], 3, 0, randomSource(7));
    const transition = lowerTransition(slow);
    const stationary = lowerDistribution(slow);
    const start = stationary.map((_, a) => (a === 0 ? 1 : 0));
    const eigenvalue = secondEigenvalue(transition, stationary);
    const late = l1Distance(advanced(start, transition, 100), stationary);
    const later = l1Distance(advanced(start, transition, 101), stationary);
    // The distance must still stand far above rounding, or the quotient says nothing.
    expect(late).toBeGreaterThan(1e-9);
    expect(later / late).toBeCloseTo(eigenvalue, 6);
  });
});

describe('expected contrastive divergence', () => {
  const states = enumerateStates(mixed.lower);
  const rows = [states[0]!, states[7]!, states[13]!, states[23]!];
  const weights = [1, 2, 0.5, 3];

  it.each([1, 2, 5])('CD-%i with sampled states is the same by chain and by transition matrix', (gibbsSteps) => {
    const chain = expectedPhases(mixed, rows, weights, { gibbsSteps });
    const matrix = expectedPhasesByTransition(mixed, rows, weights, gibbsSteps);
    expect(statisticsDistance(chain.positive, matrix.positive)).toBeLessThan(1e-13);
    expect(statisticsDistance(chain.negative, matrix.negative)).toBeLessThan(1e-13);
  });

  it('tends to the exact statistics and the likelihood gradient with many steps', () => {
    const { negative } = expectedPhases(mixed, rows, weights, { gibbsSteps: 1000 });
    expect(statisticsDistance(negative, modelExpectations(mixed))).toBeLessThan(1e-12);
    const direction = expectedDirection(mixed, rows, weights, { gibbsSteps: 1000 });
    expect(relativeGradientError(direction, logLikelihoodGradient(mixed, rows, weights))).toBeLessThan(1e-11);
  });

  it('has no first-order direction on the model distribution itself', () => {
    const { positive, negative } = expectedPhases(mixed, states, lowerDistribution(mixed), { gibbsSteps: 1 });
    expect(statisticsDistance(positive, negative)).toBeLessThan(1e-13);
  });

  it('is a plain pass of means where all hand on probabilities', () => {
    const row = rows[1]!;
    const reconstruction = meanLower(mixed, meanUpper(mixed, row));
    const expected = zeroStatistics(mixed);
    addToStatistics(expected, 1, reconstruction, meanUpper(mixed, reconstruction));
    const means: ChainChoices = { gibbsSteps: 1, upper: 'probabilities', lowerLast: 'probabilities' };
    expect(statisticsDistance(expectedPhases(mixed, [row], undefined, means).negative, expected)).toBeLessThan(1e-14);
  });

  it('differs between reconstructions of states and of probabilities, but not in the mean of v', () => {
    const sampled = expectedPhases(mixed, rows, weights, { gibbsSteps: 1 }).negative;
    const meanField = expectedPhases(mixed, rows, weights, { gibbsSteps: 1, lowerLast: 'probabilities' }).negative;
    sampled.v.forEach((value, i) => {
      expect(meanField.v[i]).toBeCloseTo(value, 13);
    });
    expect(statisticsDistance(sampled, meanField)).toBeGreaterThan(0.01);
  });

  const choices: HandedOn[] = ['states', 'probabilities'];
  const combinations = choices.flatMap((upper) =>
    choices.flatMap((lowerWithin) => choices.map((lowerLast) => [upper, lowerWithin, lowerLast] as const)),
  );
  it.each(combinations)(
    'CD-2 with upper %s, lower %s, last %s is the mean of simulated chains',
    (upper, lowerWithin, lowerLast) => {
      const choice: ChainChoices = { gibbsSteps: 2, upper, lowerWithin, lowerLast };
      const exact = expectedPhases(mixed, [rows[2]!], undefined, choice).negative;
      const random = randomSource(21);
      const chains = Array.from({ length: 4000 }, () => simulatedStatistic(mixed, rows[2]!, choice, random));
      for (let i = 0; i < mixed.b.length; i++) {
        for (let j = 0; j < mixed.c.length; j++) {
          const { mean, standardError } = meanAndStandardError(chains.map((vh) => vh[i]![j]!));
          // Eight combinations of 30 numbers: 5 standard errors are passed by chance less than once in 5,000 suites. The
          // added crumb is for rounding where every chain is the same.
          expect(meanWithin(mean, exact.vh[i]![j]!, standardError + 1e-13, 5)).toBe(true);
        }
      }
    },
  );

  it('refuses chains without a step', () => {
    expect(() => expectedPhases(mixed, rows, weights, { gibbsSteps: 0 })).toThrow('at least 1 step');
  });
});

/** One simulated v h of the end of a chain, with the last upper units as means. */
function simulatedStatistic(rbm: ReferenceRbm, row: number[], choices: ChainChoices, random: RandomSource): number[][] {
  let v = row;
  for (let step = 1; step <= choices.gibbsSteps; step++) {
    const h = meanUpper(rbm, v);
    const drivers = choices.upper === 'states' ? drawUpper(h, random) : h;
    const reconstruction = meanLower(rbm, drivers);
    const choice = step === choices.gibbsSteps ? choices.lowerLast : choices.lowerWithin;
    v = choice === 'states' ? drawLower(reconstruction, random) : reconstruction;
  }
  const h = meanUpper(rbm, v);
  return v.map((value) => h.map((mean) => value * mean));
}

function oneOf(probabilities: number[], random: RandomSource): number[] {
  const on = random.categorical(probabilities);
  return probabilities.map((_, k) => (k === on ? 1 : 0));
}

/** Draws the lower side of `mixed`: three binary units, then a group of three. */
function drawLower(means: number[], random: RandomSource): number[] {
  return [...means.slice(0, 3).map((mean) => random.bernoulli(mean)), ...oneOf(means.slice(3), random)];
}

/** Draws the upper side of `mixed`: a group of two, then three binary units. */
function drawUpper(means: number[], random: RandomSource): number[] {
  return [...oneOf(means.slice(0, 2), random), ...means.slice(2).map((mean) => random.bernoulli(mean))];
}

describe('chi-square over the states of a model with 6 + 4 units', () => {
  const rbm = randomRbm([bernoulliLayer(6)], [bernoulliLayer(4)], 1, 0.5, randomSource(31));
  const joint = jointDistribution(rbm).flat();
  const lowers = enumerateStates(rbm.lower);
  const uppers = enumerateStates(rbm.upper);
  const meansOfUpper = lowers.map((v) => meanUpper(rbm, v));
  const meansOfLower = uppers.map((h) => meanLower(rbm, h));
  const CHAINS = 20_000;
  const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);
  const Z_BOUND = 5;

  const cumulated: number[] = [];
  joint.reduce((sum, p) => {
    cumulated.push(sum + p);
    return sum + p;
  }, 0);

  /** A pair of states from the exact joint distribution, by bisection of the cumulated probabilities. */
  function exactPair(random: RandomSource): number {
    const target = random.uniform();
    let low = 0;
    let high = joint.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulated[middle]! > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function draw(side: ReferenceRbm['lower'], means: number[], random: RandomSource): number {
    return stateIndex(
      side,
      means.map((mean) => random.bernoulli(mean)),
    );
  }

  /** z of chains that start exactly and make one sweep; the faulty sweep draws both sides from the old other one. */
  function zAfterSweep(faulty: boolean, seed: number): number {
    const random = randomSource(1000 + seed);
    const counts = new Array<number>(joint.length).fill(0);
    for (let chain = 0; chain < CHAINS; chain++) {
      const pair = exactPair(random);
      const oldLower = Math.floor(pair / uppers.length);
      const oldUpper = pair % uppers.length;
      const newLower = draw(rbm.lower, meansOfLower[oldUpper]!, random);
      const newUpper = draw(rbm.upper, meansOfUpper[faulty ? oldLower : newLower]!, random);
      counts[newLower * uppers.length + newUpper]!++;
    }
    return chiSquare(counts, joint, CHAINS).z;
  }

  it('never flags the right sampler', () => {
    const z = SEEDS.map((seed) => zAfterSweep(false, seed));
    expect(z.filter((value) => value >= Z_BOUND)).toEqual([]);
    // A test that is always far below 0 would be blind: the mean of 20 right ones is normal with deviation 1/√20.
    expect(meanWithin(z.reduce((sum, value) => sum + value, 0) / z.length, 0, 1 / Math.sqrt(z.length), 4)).toBe(true);
  });

  it('catches the sampler that updates both sides at once 20 times of 20', () => {
    const z = SEEDS.map((seed) => zAfterSweep(true, seed));
    expect(z.filter((value) => value < Z_BOUND)).toEqual([]);
  });
});
