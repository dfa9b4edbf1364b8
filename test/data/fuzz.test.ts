/** A slice of `bench/fuzz.mjs`: whatever is in a file, a parser accepts it or refuses it in words, and soon. */
import { describe, expect, it } from 'vitest';
import { seededIntegers } from '../files/seeded-integers.mjs';
import { fuzz, largeSamples, mutated, REFUSALS, targets } from './fuzz-targets.mjs';

const BYTES = 50_000;

it('every parser of foreign bytes has a large sample too', () => {
  expect(Object.keys(largeSamples)).toEqual(Object.keys(targets));
});

it('the same seed gives the same inputs', () => {
  const sample = Uint8Array.from({ length: 100 }, (_, place) => place);
  const run = (seed: number) => {
    const below = seededIntegers(seed);
    return Array.from({ length: 200 }, () => [...mutated(sample, below, sample)]);
  };
  expect(run(5)).toEqual(run(5));
  expect(run(5)).not.toEqual(run(6));
});

describe.each(Object.keys(targets))('%s', (name) => {
  it('reads its samples', async () => {
    const { samples, read, wrap = (bytes: Uint8Array) => bytes } = targets[name]!;
    for (const sample of samples) await read(wrap(sample));
  });

  it('ends every mutated input with acceptance or a refusal', async () => {
    const endings = new Set<string>();
    await fuzz(name, 11, BYTES, ({ ending, error }) => {
      endings.add(ending);
      if (ending !== 'accepted' && !REFUSALS.includes(ending)) throw error;
    });
    expect([...endings].some((ending) => REFUSALS.includes(ending))).toBe(true);
  });
});
