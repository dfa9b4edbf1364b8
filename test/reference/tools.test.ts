/** The remaining oracles: known answers, hand-made cases, and the accuracy that the others rely on. */

import { describe, expect, it } from 'vitest';
import {
  barsAndStripesDistribution,
  barsAndStripesDraws,
  barsAndStripesOptimum,
  barsAndStripesUnits,
} from './bars-and-stripes.js';
import { errorUlpsF32, exp, log, logistic, logSumExp, softmax, softplus, ulpDistanceF32, ulpF32 } from './logistic.js';
import { philox4x32, philoxKnownAnswers } from './philox.js';
import { nextXoshiroWord, randomSource, type XoshiroState } from './random.js';
import {
  chiSquare,
  meanAndStandardError,
  meanWithin,
  nearestNeighbourLabel,
  neighbourCorrelation,
} from './statistics.js';

describe('Philox4x32-10', () => {
  it.each(philoxKnownAnswers)('gives the known answer for counter $counter', ({ counter, key, words }) => {
    expect(philox4x32(counter, key)).toEqual(words);
  });
});

describe('the generator of tests', () => {
  it('is xoshiro128** 1.1', () => {
    const state: XoshiroState = [1, 2, 3, 4];
    const words = Array.from({ length: 10 }, () => nextXoshiroWord(state));
    expect(words).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('repeats for a seed, differs between neighbouring ones, and refuses other seeds', () => {
    const draws = (seed: number): number[] => {
      const random = randomSource(seed);
      return Array.from({ length: 4 }, () => random.word());
    };
    expect(draws(5)).toEqual(draws(5));
    expect(new Set([...draws(0), ...draws(1), ...draws(2)]).size).toBe(12);
    expect(() => randomSource(-1)).toThrow('integer from 0 to 2^32 - 1');
    expect(() => randomSource(0.5)).toThrow('integer from 0 to 2^32 - 1');
  });

  it('draws uniform and normal numbers with the right moments', () => {
    const random = randomSource(6);
    const n = 200_000;
    const uniform = Array.from({ length: n }, () => random.uniform());
    const normal = Array.from({ length: n }, () => random.normal());
    expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(meanWithin(meanAndStandardError(uniform).mean, 1 / 2, Math.sqrt(1 / 12 / n), 5)).toBe(true);
    // Standard errors of the moments of a standard normal: variances of x, x² and x⁴ are 1, 2 and 96.
    for (const [power, moment, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [4, 3, 96],
    ] as const) {
      const { mean } = meanAndStandardError(normal.map((x) => x ** power));
      expect(meanWithin(mean, moment, Math.sqrt(variance / n), 5)).toBe(true);
    }
    const products = normal.slice(1).map((x, k) => x * normal[k]!);
    expect(meanWithin(meanAndStandardError(products).mean, 0, 1 / Math.sqrt(n), 5)).toBe(true);
  });

  it('draws categories and integers with the right frequencies, and never a category of probability 0', () => {
    const random = randomSource(7);
    const probabilities = [0.1, 0, 0.25, 0.05, 0.6, 0];
    const counts = probabilities.map(() => 0);
    const dice = [0, 0, 0, 0, 0, 0];
    for (let k = 0; k < 60_000; k++) {
      counts[random.categorical(probabilities.map((p) => 3 * p))]!++;
      dice[random.below(6)]!++;
    }
    expect(counts[1]! + counts[5]!).toBe(0);
    expect(chiSquare(counts, probabilities, 60_000).z).toBeLessThan(5);
    const fair = dice.map(() => 1 / 6);
    expect(chiSquare(dice, fair, 60_000).z).toBeLessThan(5);
    expect(() => random.categorical([0, 0])).toThrow('at least one probability above 0');
  });
});

describe('scalar functions', () => {
  it('obey their identities from tail to tail', () => {
    for (let x = -700; x <= 700; x += 0.37) {
      expect(Math.abs(logistic(x) + logistic(-x) - 1)).toBeLessThan(1e-15);
      expect(Math.abs(softplus(x) - softplus(-x) - x)).toBeLessThan(1e-12);
      expect(Math.abs(log(exp(x)) - x)).toBeLessThan(1e-12);
      // log σ(x) = −softplus(−x): a relative error of σ in its tail would show here.
      expect(Math.abs(log(logistic(x)) + softplus(-x))).toBeLessThan(1e-12);
    }
  });

  it('keep the digits of small results and reach their limits', () => {
    expect(softplus(-40)).toBe(Math.exp(-40));
    expect(softplus(0)).toBeCloseTo(Math.LN2, 15);
    expect(softplus(1e4)).toBe(1e4);
    expect([logistic(-Infinity), logistic(Infinity), softplus(-Infinity), softplus(Infinity)]).toEqual([
      0,
      1,
      0,
      Infinity,
    ]);
  });

  it('sum exponentials without overflow', () => {
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12);
    expect(logSumExp([])).toBe(-Infinity);
    expect(logSumExp([-Infinity, -Infinity])).toBe(-Infinity);
    expect(softmax([-1000, 0, 0])).toEqual([0, expect.closeTo(0.5, 15), expect.closeTo(0.5, 15)]);
  });
});

describe('f32 distances', () => {
  const smallest = 2 ** -149;

  it('count the steps between f32 numbers', () => {
    expect(ulpDistanceF32(1, 1)).toBe(0);
    expect(ulpDistanceF32(1, 1 + 2 ** -23)).toBe(1);
    expect(ulpDistanceF32(1, 1 - 2 ** -24)).toBe(1);
    expect(ulpDistanceF32(0, -0)).toBe(0);
    expect(ulpDistanceF32(-smallest, smallest)).toBe(2);
    expect(ulpDistanceF32(1, 2)).toBe(2 ** 23);
    expect(ulpDistanceF32(Math.fround(3.4028234663852886e38), Infinity)).toBe(1);
    expect(ulpDistanceF32(Number.NaN, Number.NaN)).toBe(0);
    expect(ulpDistanceF32(Number.NaN, 1)).toBe(Infinity);
  });

  it('measure errors in units of the last place of the exact value', () => {
    expect([ulpF32(1), ulpF32(-1.99), ulpF32(2), ulpF32(0)]).toEqual([2 ** -23, 2 ** -23, 2 ** -22, smallest]);
    expect(ulpF32(2 ** -126)).toBe(smallest);
    expect(ulpF32(3.4e38)).toBe(2 ** 104);
    const random = randomSource(8);
    for (let k = 0; k < 1000; k++) {
      const exact = Math.exp(100 * (random.uniform() - 0.5));
      expect(errorUlpsF32(Math.fround(exact), exact)).toBeLessThanOrEqual(0.5);
    }
    expect(errorUlpsF32(1 + 2 ** -23, 1)).toBe(1);
    expect(errorUlpsF32(Infinity, 1e300)).toBe(0);
    expect(errorUlpsF32(1, 1e300)).toBe(Infinity);
    expect(errorUlpsF32(Number.NaN, 1)).toBe(Infinity);
  });
});

describe('bars and stripes', () => {
  it('has 16 draws of 14 patterns, the two uniform ones twice as likely', () => {
    const { patterns, probabilities } = barsAndStripesDistribution();
    expect(barsAndStripesDraws().length).toBe(16);
    expect(patterns.length).toBe(14);
    expect(new Set(patterns.map((pattern) => pattern.join(''))).size).toBe(14);
    patterns.forEach((pattern, k) => {
      expect(pattern.length).toBe(barsAndStripesUnits);
      const on = pattern.reduce((sum, pixel) => sum + pixel, 0);
      expect(probabilities[k]).toBe(on === 0 || on === 9 ? 1 / 8 : 1 / 16);
      const line = (pixels: number[]): boolean => pixels.every((pixel) => pixel === pixels[0]);
      const rows = [0, 1, 2].every((y) => line(pattern.slice(3 * y, 3 * y + 3)));
      const columns = [0, 1, 2].every((x) => line([pattern[x]!, pattern[x + 3]!, pattern[x + 6]!]));
      expect(rows || columns).toBe(true);
    });
  });

  it('has the optimum −(15/4) log 2', () => {
    expect(barsAndStripesOptimum()).toBeCloseTo(-3.75 * Math.LN2, 14);
  });
});

describe('chi-square', () => {
  it('is Pearson’s sum over cells, with rare states pooled', () => {
    // Expected 50, 30, 12, 4, 4: the last two are pooled to 8, which is below 10 and so joins the cell of 12.
    const result = chiSquare([45, 33, 14, 5, 3], [0.5, 0.3, 0.12, 0.04, 0.04], 100);
    expect(result.degrees).toBe(2);
    expect(result.chiSquare).toBeCloseTo(25 / 50 + 9 / 30 + 4 / 20, 12);
    expect(result.z).toBeCloseTo((1 - 2) / 2, 12);
    // Expected 50, 30, 8, 8, 4: the pool of 20 is a cell of its own.
    expect(chiSquare([50, 30, 8, 8, 4], [0.5, 0.3, 0.08, 0.08, 0.04], 100)).toEqual({
      chiSquare: 0,
      degrees: 2,
      z: -1,
    });
  });

  it('has z of mean 0 and deviation 1 for right draws, none of 200 above 5', () => {
    const random = randomSource(9);
    const probabilities = softmax(Array.from({ length: 60 }, () => random.normal()));
    const z = Array.from({ length: 200 }, () => {
      const counts = probabilities.map(() => 0);
      for (let k = 0; k < 3000; k++) counts[random.categorical(probabilities)]!++;
      return chiSquare(counts, probabilities, 3000).z;
    });
    expect(Math.max(...z)).toBeLessThan(5);
    const { mean, standardError } = meanAndStandardError(z);
    expect(meanWithin(mean, 0, standardError, 4)).toBe(true);
    // The relative error of a deviation from 200 draws is about 1/√400.
    expect(meanWithin(standardError * Math.sqrt(200), 1, 1 / Math.sqrt(400), 4)).toBe(true);
  });

  it('is infinite where an impossible state was seen', () => {
    expect(chiSquare([50, 49, 1], [0.5, 0.5, 0], 100).z).toBe(Infinity);
  });

  it('refuses counts and probabilities that cannot belong together', () => {
    expect(() => chiSquare([1, 2], [1], 3)).toThrow('same states');
    expect(() => chiSquare([10, 20], [0.5, 0.5], 31)).toThrow('must sum to n = 31');
    expect(() => chiSquare([10, 20], [0.5, 0.6], 30)).toThrow('must sum to 1');
    expect(() => chiSquare([10, 20], [Number.NaN, 0.5], 30)).toThrow('at least 0');
    expect(() => chiSquare([5, 5], [0.5, 0.5], 10)).toThrow('needs two cells');
  });
});

describe('means', () => {
  it('lie within their bars or not, and never when they are NaN', () => {
    expect(meanWithin(1.4, 1, 0.1, 5)).toBe(true);
    expect(meanWithin(1.6, 1, 0.1, 5)).toBe(false);
    expect(meanWithin(1, 1, 0, 5)).toBe(true);
    expect(meanWithin(Number.NaN, 1, 0.1, 5)).toBe(false);
    expect(() => meanWithin(1, 1, Number.NaN, 5)).toThrow('standard error');
    const { mean, standardError } = meanAndStandardError([1, 2, 3, 4]);
    expect(mean).toBe(2.5);
    expect(standardError).toBeCloseTo(Math.sqrt(5 / 3 / 4), 14);
  });
});

describe('nearest neighbours', () => {
  const rows = [
    [0, 0],
    [1, 0],
    [0, 1],
    [10, 10],
    [11, 10],
    [10, 11],
  ];
  const labels = [4, 4, 7, 7, 7, 4];

  it('vote by majority', () => {
    expect(nearestNeighbourLabel(rows, labels, [0.2, 0.2])).toBe(4);
    expect(nearestNeighbourLabel(rows, labels, [10.2, 10.2])).toBe(7);
    expect(nearestNeighbourLabel(rows, labels, [10, 11], 1)).toBe(4);
  });

  it('let the nearest decide among equals, and the earlier row among equally near ones', () => {
    const line = [[1], [2], [3], [-1]];
    expect(nearestNeighbourLabel(line, [5, 6, 7, 8], [0.9])).toBe(5);
    expect(nearestNeighbourLabel(line, [5, 6, 7, 8], [2.9])).toBe(7);
    expect(nearestNeighbourLabel(line, [5, 6, 7, 8], [0], 1)).toBe(5);
  });

  it('agree with a full sort of all distances', () => {
    const random = randomSource(10);
    const train = Array.from({ length: 200 }, () => Array.from({ length: 5 }, () => random.normal()));
    const classes = train.map(() => random.below(4));
    for (let query = 0; query < 50; query++) {
      const point = Array.from({ length: 5 }, () => random.normal());
      const sorted = train
        .map((row, r) => ({ label: classes[r]!, distance: row.reduce((sum, x, i) => sum + (x - point[i]!) ** 2, 0) }))
        .sort((a, b) => a.distance - b.distance);
      const [a, b, c] = sorted.map(({ label }) => label);
      expect(nearestNeighbourLabel(train, classes, point)).toBe(b === c ? b : a);
    }
  });

  it('refuse rows without labels and rows of another length', () => {
    expect(() => nearestNeighbourLabel(rows, [1], [0, 0])).toThrow('label per row');
    expect(() => nearestNeighbourLabel(rows, labels, [0, 0, 0])).toThrow("query's length 3");
  });
});

describe('neighbour correlation', () => {
  const image = (pixel: (x: number, y: number) => number): number[] =>
    Array.from({ length: 28 * 28 }, (_, k) => pixel(k % 28, Math.floor(k / 28)));

  it('is 1 for a ramp, −1 for a chequerboard, near 0 for noise and high for a smooth blob', () => {
    const random = randomSource(14);
    expect(
      neighbourCorrelation(
        image((x, y) => x + 2 * y),
        28,
        28,
      ),
    ).toBeCloseTo(1, 12);
    expect(
      neighbourCorrelation(
        image((x, y) => (x + y) % 2),
        28,
        28,
      ),
    ).toBeCloseTo(-1, 2);
    // About 756 pairs each way: the standard error of each correlation is near 1/√756.
    expect(
      Math.abs(
        neighbourCorrelation(
          image(() => random.normal()),
          28,
          28,
        ),
      ),
    ).toBeLessThan(4 / Math.sqrt(756));
    expect(
      neighbourCorrelation(
        image((x, y) => Math.exp(-((x - 14) ** 2 + (y - 10) ** 2) / 18)),
        28,
        28,
      ),
    ).toBeGreaterThan(0.9);
  });

  it('counts both directions equally and a direction without variance as 0', () => {
    // Rows alternate: along a row nothing changes, so neighbours agree; down a column they oppose.
    expect(
      neighbourCorrelation(
        image((_, y) => y % 2),
        28,
        28,
      ),
    ).toBeCloseTo(0, 2);
    expect(
      neighbourCorrelation(
        image(() => 0.1),
        28,
        28,
      ),
    ).toBe(0);
    expect(() => neighbourCorrelation([1, 2, 3], 2, 2)).toThrow('2 x 2');
  });
});
