/** The summation contract itself: its order, its roundings, and what a kernel may skip. */

import { describe, expect, it } from 'vitest';
import { propagate, SMALLEST_NORMAL_F32, type StatisticPhase, statistic, update } from './propagation.js';
import { type RandomSource, randomSource } from './random.js';

const f32 = Math.fround;
const HUGE = 2 ** 24; // From here on f32 has no odd numbers: adding 1 is lost, adding 2 is not.

/** Numbers of which most are 0, of either sign. */
function sparse(count: number, random: RandomSource): Float32Array {
  return Float32Array.from({ length: count }, () =>
    random.bernoulli(0.3) ? random.normal() : random.bernoulli(0.5) * -0,
  );
}

function normals(count: number, random: RandomSource): Float32Array {
  return Float32Array.from({ length: count }, () => random.normal());
}

function bits(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}

/** The number `mantissa` · 2^`exponent`, without any rounding. */
interface Exact {
  mantissa: bigint;
  exponent: number;
}

/** The exact value of an f32 number, read from its bits. */
function exact(x: number): Exact {
  const word = new Uint32Array(Float32Array.of(x).buffer)[0]!;
  const biased = (word >>> 23) & 0xff;
  const fraction = (word & 0x7fffff) + (biased > 0 ? 0x800000 : 0);
  return { mantissa: BigInt(word >>> 31 ? -fraction : fraction), exponent: Math.max(biased, 1) - 150 };
}

/** The f32 number nearest to an exact value, of two equally near ones the even one; zeros come out as +0. */
function nearest({ mantissa, exponent }: Exact): number {
  const size = mantissa < 0n ? -mantissa : mantissa;
  const lastPlace = Math.max(size.toString(2).length + exponent - 24, -149);
  const dropped = lastPlace - exponent;
  if (dropped <= 0) return Number(mantissa) * 2 ** exponent + 0;
  let kept = size >> BigInt(dropped);
  const rest = size - (kept << BigInt(dropped));
  const half = 1n << BigInt(dropped - 1);
  if (rest > half || (rest === half && kept % 2n === 1n)) kept++;
  return Number(mantissa < 0n ? -kept : kept) * 2 ** lastPlace + 0;
}

/** The three operations of the contract in integer arithmetic: nothing of f64, and nothing of `Math.fround`. */
function times(x: number, y: number): number {
  const [a, b] = [exact(x), exact(y)];
  return nearest({ mantissa: a.mantissa * b.mantissa, exponent: a.exponent + b.exponent });
}

function plus(x: number, y: number): number {
  const [a, b] = [exact(x), exact(y)];
  const exponent = Math.min(a.exponent, b.exponent);
  const scaled = (value: Exact): bigint => value.mantissa << BigInt(value.exponent - exponent);
  return nearest({ mantissa: scaled(a) + scaled(b), exponent });
}

function inverse(count: number): number {
  // 200 binary places, and a last one that is set so that the quotient is never taken for a tie.
  return nearest({ mantissa: ((1n << 200n) / BigInt(count)) * 2n + 1n, exponent: -201 });
}

/** Normal numbers over many orders of magnitude, so that roundings, cancellations and subnormals all occur. */
function wide(count: number, random: RandomSource): Float32Array {
  return Float32Array.from({ length: count }, () => random.normal() * 2 ** -random.below(140));
}

const KINDS = [
  { name: 'ordinary', numbers: normals },
  { name: 'tiny and large', numbers: wide },
];

describe('one rounding per operation', () => {
  it.each(KINDS)('holds for propagate on $name numbers against integer arithmetic', ({ numbers }) => {
    const random = randomSource(51);
    const [units, targets] = [40, 25];
    const [values, weights, bias] = [
      numbers(units, random),
      numbers(units * targets, random),
      numbers(targets, random),
    ];
    const expected = bias.map((start, j) => {
      let acc = start;
      for (let k = 0; k < units; k++) acc = plus(acc, times(values[k]!, weights[k * targets + j]!));
      return acc;
    });
    expect(bits(propagate(1, targets, bias, [{ units, values, weights }]))).toEqual(bits(expected));
  });

  it.each(KINDS)('holds for statistic on $name numbers against integer arithmetic', ({ numbers }) => {
    const random = randomSource(52);
    const [rows, units] = [30, 5];
    const phase = () => ({ rows, lower: numbers(rows * units, random), upper: numbers(rows * units, random) });
    const positive = phase();
    const negative = phase();
    const expected = new Float32Array(units * units).map((_, place) => {
      const [i, j] = [Math.floor(place / units), place % units];
      let acc = 0;
      for (let r = 0; r < rows; r++) {
        const [lower, upper] = [r * units + i, r * units + j];
        const minus = times(negative.lower[lower]!, negative.upper[upper]!);
        acc = plus(acc, plus(times(positive.lower[lower]!, positive.upper[upper]!), -minus));
      }
      return acc;
    });
    expect(bits(statistic(units, units, positive, negative))).toEqual(bits(expected));
  });

  it.each(KINDS)('holds for update on $name numbers against integer arithmetic', ({ numbers }) => {
    const random = randomSource(53);
    const count = 1000;
    const [w, velocity, sums] = [numbers(count, random), numbers(count, random), numbers(count, random)];
    const settings = { rows: 97, rate: 0.07, momentum: 0.9, cost: 0.3 };
    const [rate, momentum, cost] = [f32(settings.rate), f32(settings.momentum), f32(settings.cost)];
    const expectedVelocity = w.map((x, i) => {
      const gradient = plus(times(sums[i]!, inverse(settings.rows)), -times(cost, x));
      const step = plus(times(momentum, velocity[i]!), times(rate, gradient));
      return Math.abs(step) < SMALLEST_NORMAL_F32 ? 0 : step;
    });
    const updated = update(w, velocity, sums, settings);
    expect(bits(updated.velocity)).toEqual(bits(expectedVelocity));
    expect(bits(updated.weights)).toEqual(bits(w.map((x, i) => plus(x, expectedVelocity[i]!))));
  });
});

describe('propagate', () => {
  it('adds one unit at a time, in order, from the bias on', () => {
    const one = (bias: number, weights: number[]): number =>
      propagate(1, 1, [bias], [{ units: weights.length, values: weights.map(() => 1), weights }])[0]!;
    expect(one(0, [1, 1, HUGE])).toBe(HUGE + 2);
    expect(one(0, [HUGE, 1, 1])).toBe(HUGE);
    expect(one(HUGE, [1, 1])).toBe(HUGE);
    expect(one(1, [1, HUGE])).toBe(HUGE + 2);
  });

  it('takes the sources in the order given', () => {
    const large = { units: 1, values: [1], weights: [HUGE] };
    const small = { units: 2, values: [1, 1], weights: [1, 1] };
    expect(propagate(1, 1, [0], [large, small])[0]).toBe(HUGE);
    expect(propagate(1, 1, [0], [small, large])[0]).toBe(HUGE + 2);
  });

  it('rounds the product before it is added', () => {
    const x = 1 + 2 ** -12;
    // x² = 1 + 2^-11 + 2^-24 ends between two f32 numbers; rounded first, the difference from the bias is exact.
    expect(propagate(1, 1, [-1], [{ units: 1, values: [x], weights: [x] }])[0]).toBe(2 ** -11);
  });

  it('turns a bias of −0 into +0', () => {
    expect(Object.is(propagate(1, 1, [-0], [])[0], 0)).toBe(true);
  });

  it('reads matrices row by row', () => {
    const inputs = propagate(2, 2, [100, 200], [{ units: 3, values: [1, 0, 2, 0, 3, 0], weights: [1, 2, 3, 4, 5, 6] }]);
    expect([...inputs]).toEqual([111, 214, 109, 212]);
  });

  it('does not change by a bit when zeros are skipped, whatever their sign', () => {
    const random = randomSource(41);
    for (const [rows, units, targets] of [
      [1, 1, 1],
      [3, 17, 5],
      [2, 129, 16],
    ] as const) {
      const values = sparse(rows * units, random);
      const weights = normals(units * targets, random);
      const bias = sparse(targets, random);
      const skipping = new Float32Array(rows * targets);
      for (let r = 0; r < rows; r++) {
        for (let j = 0; j < targets; j++) {
          let acc = f32(bias[j]! + 0);
          for (let k = 0; k < units; k++) {
            const x = values[r * units + k]!;
            if (x !== 0) acc = f32(acc + f32(x * weights[k * targets + j]!));
          }
          skipping[r * targets + j] = acc;
        }
      }
      expect(bits(skipping)).toEqual(bits(propagate(rows, targets, bias, [{ units, values, weights }])));
    }
  });

  it('refuses lengths that do not fit', () => {
    expect(() => propagate(1, 2, [0], [])).toThrow('`bias` must hold 2 numbers; got 1.');
    expect(() => propagate(1, 1, [0], [{ units: 2, values: [1], weights: [1, 1] }])).toThrow('`values` must hold 2');
    expect(() => propagate(1, 1, [0], [{ units: 2, values: [1, 1], weights: [1] }])).toThrow('`weights` must hold 2');
  });
});

describe('statistic', () => {
  const column = (lower: number[]): StatisticPhase => ({
    rows: lower.length,
    lower,
    upper: lower.map(() => 1),
  });

  it('adds the difference of a case, not first all positive and then all negative ones', () => {
    // Case by case: 2^24 + (1 − 1) + (1 − 1) = 2^24. All positive first: 2^24 + 1 + 1 − 1 − 1 = 2^24 − 2.
    expect(statistic(1, 1, column([HUGE, 1, 1]), column([0, 1, 1]))[0]).toBe(HUGE);
    // Cases ascend.
    expect(statistic(1, 1, column([1, 1, HUGE]), column([0, 0, 0]))[0]).toBe(HUGE + 2);
    expect(statistic(1, 1, column([HUGE, 1, 1]), column([0, 0, 0]))[0]).toBe(HUGE);
  });

  it('counts a missing row of either phase as zeros', () => {
    expect(statistic(1, 1, column([3, 4]), column([1]))[0]).toBe(6);
    expect(statistic(1, 1, column([3]), column([1, 5]))[0]).toBe(-3);
    expect(Object.is(statistic(1, 1, column([]), column([]))[0], 0)).toBe(true);
  });

  it('reads matrices row by row', () => {
    const positive = { rows: 2, lower: [1, 2, 3, 4], upper: [1, 0, 2, 0, 1, 0] };
    const none = { rows: 0, lower: [], upper: [] };
    expect([...statistic(2, 3, positive, none)]).toEqual([1, 3, 2, 2, 4, 4]);
  });

  it('does not change by a bit when cases are skipped whose lower unit is 0 in both phases', () => {
    const random = randomSource(42);
    const [rows, lowerUnits, upperUnits] = [33, 7, 5];
    const phase = (): StatisticPhase => ({
      rows,
      lower: sparse(rows * lowerUnits, random),
      upper: normals(rows * upperUnits, random),
    });
    const positive = phase();
    const negative = phase();
    const skipping = new Float32Array(lowerUnits * upperUnits);
    for (let i = 0; i < lowerUnits; i++) {
      for (let j = 0; j < upperUnits; j++) {
        let acc = 0;
        for (let r = 0; r < rows; r++) {
          const v0 = positive.lower[r * lowerUnits + i]!;
          const v1 = negative.lower[r * lowerUnits + i]!;
          if (v0 === 0 && v1 === 0) continue;
          const h0 = positive.upper[r * upperUnits + j]!;
          const h1 = negative.upper[r * upperUnits + j]!;
          acc = f32(acc + f32(f32(v0 * h0) - f32(v1 * h1)));
        }
        skipping[i * upperUnits + j] = acc;
      }
    }
    expect(bits(skipping)).toEqual(bits(statistic(lowerUnits, upperUnits, positive, negative)));
  });

  it('refuses lengths that do not fit', () => {
    expect(() => statistic(2, 1, column([1]), column([1]))).toThrow('`lower` must hold 2 numbers; got 1.');
    expect(() => statistic(1, 2, column([1]), column([1]))).toThrow('`upper` must hold 2 numbers; got 1.');
  });
});

describe('update', () => {
  const plain = { rows: 1, rate: 1, momentum: 0, cost: 0 };

  it('is the rule in exact numbers where every one is a dyadic fraction', () => {
    const result = update([2, -1], [0.5, 4], [8, -4], { rows: 4, rate: 0.5, momentum: 0.25, cost: 0.125 });
    // gradients 2 − 0.25 and −1 + 0.125, velocities 0.125 + 0.875 and 1 − 0.4375.
    expect([...result.velocity]).toEqual([1, 0.5625]);
    expect([...result.weights]).toEqual([3, -0.4375]);
    expect(result.finite).toBe(true);
  });

  it('flushes subnormal velocities to +0 and keeps the smallest normal one', () => {
    const below = SMALLEST_NORMAL_F32 * (1 - 2 ** -23);
    const { velocity, weights } = update([0, 0, 0, 0], [below, -below, SMALLEST_NORMAL_F32, -0], [0, 0, 0, 0], {
      ...plain,
      momentum: 1,
    });
    expect(bits(velocity)).toEqual(bits(Float32Array.of(0, 0, SMALLEST_NORMAL_F32, 0)));
    expect(bits(weights)).toEqual(bits(velocity));
  });

  it('reports a weight that is not finite', () => {
    expect(update([1], [0], [Number.NaN], plain).finite).toBe(false);
    expect(update([3e38], [0], [3e38], plain).finite).toBe(false);
    expect(update([3e38], [0], [-3e38], plain).finite).toBe(true);
  });

  it('leaves its arguments alone and refuses lengths that do not fit', () => {
    const weights = Float32Array.of(1);
    const velocity = Float32Array.of(1);
    update(weights, velocity, [1], { ...plain, momentum: 1 });
    expect([weights[0], velocity[0]]).toEqual([1, 1]);
    expect(() => update([1], [], [1], plain)).toThrow('`velocity` must hold 1');
    expect(() => update([1], [1], [], plain)).toThrow('`statisticSums` must hold 1');
  });
});
