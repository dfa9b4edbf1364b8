/**
 * A seeded generator for tests: xoshiro128** 1.1 of Blackman and Vigna, seeded by splitmix32.
 *
 * It shares nothing with the Philox streams of the package, so that a fault there cannot hide by being in the test too.
 */

/** The state of xoshiro128**: four 32-bit words, not all zero. */
export type XoshiroState = [number, number, number, number];

/** Independent random draws, the same for the same seed. */
export interface RandomSource {
  /** A 32-bit word, 0 to 2^32 − 1. */
  word(): number;
  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number;
  /** An integer from 0 to `limit` − 1, each as likely as the others to within 2^-53. */
  below(limit: number): number;
  /** Standard normal (Box and Muller). */
  normal(): number;
  /** 1 with the given probability, else 0. */
  bernoulli(probability: number): 0 | 1;
  /** An index, drawn with the given probabilities; these need not be normalised. */
  categorical(probabilities: ArrayLike<number>): number;
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** Advances `state` by one step and returns the 32-bit word of that step. */
export function nextXoshiroWord(state: XoshiroState): number {
  const result = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
  const shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotateLeft(state[3], 11);
  return result;
}

/** Four words that are well mixed however small the seed: four steps of splitmix32. */
function stateOfSeed(seed: number): XoshiroState {
  let counter = seed >>> 0;
  const next = (): number => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let word = counter;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return (word ^ (word >>> 16)) >>> 0;
  };
  return [next(), next(), next(), next()];
}

/** A source of draws for a seed, an integer from 0 to 2^32 − 1. */
export function randomSource(seed: number): RandomSource {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new Error(`The seed of a test must be an integer from 0 to 2^32 - 1; got ${seed}.`);
  }
  const state = stateOfSeed(seed);
  let spareNormal: number | undefined;
  const word = (): number => nextXoshiroWord(state);
  const uniform = (): number => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) * 2 ** -53;

  function normal(): number {
    if (spareNormal !== undefined) {
      const value = spareNormal;
      spareNormal = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  function categorical(probabilities: ArrayLike<number>): number {
    let total = 0;
    let last = -1;
    for (let i = 0; i < probabilities.length; i++) {
      total += probabilities[i]!;
      if (probabilities[i]! > 0) last = i;
    }
    if (last < 0) throw new Error('A categorical draw needs at least one probability above 0.');
    let remaining = uniform() * total;
    for (let i = 0; i < last; i++) {
      remaining -= probabilities[i]!;
      if (remaining < 0) return i;
    }
    // Rounding may leave a crumb at the end; it belongs to the last index that can occur at all.
    return last;
  }

  return {
    word,
    uniform,
    below: (limit) => Math.floor(uniform() * limit),
    normal,
    bernoulli: (probability) => (uniform() < probability ? 1 : 0),
    categorical,
  };
}
