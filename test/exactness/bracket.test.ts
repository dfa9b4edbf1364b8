/**
 * The bracket of annealed importance sampling on a machine that has learned digits: forward less three of its standard
 * errors, and reverse from exact samples plus three of its own, hold the enumerated log Z in at least 19 of 20 seeds.
 * `bench/bracket.mjs` does the same with 20 hidden units on MNIST.
 *
 * An end lies on the wrong side of log Z with a chance of about 0.0013 where log-weights are normal, so that more than one of 20
 * brackets fails with a chance of 0.0013; the seeds are fixed.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type AnnealedEstimate,
  bernoulli,
  type Engine,
  load,
  type Model,
  persistentContrastiveDivergence,
  rbm,
} from 'wakesleep';
import { digitsTiny } from '../../dist/data/digits-tiny.js';
import { type RandomSource, randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  logPartitionByUpper,
  meanLower,
  type ReferenceRbm,
  randomRbm,
  upperDistribution,
} from '../reference/rbm.js';
import { readParameters } from './counterpart.js';

const SEEDS = 20;
const [PIXELS, HIDDEN] = [144, 10];
const CHAINS = 100;
const TEMPERATURES = 300;

let engine: Engine;
let model: Model;
let reference: ReferenceRbm;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  const data = engine.dataset({ rows: digitsTiny('train').images, columns: PIXELS, scale: 1 / 255 });
  model = engine.create(rbm({ visible: bernoulli(PIXELS), hidden: bernoulli(HIDDEN) }), { seed: 1 });
  const learning = { data: 'states', learningRate: { from: 0.1, to: 0 }, momentum: 0 } as const;
  for (const record of model.train(data, persistentContrastiveDivergence({ ...learning, epochs: 40, batchRows: 20 }))) {
    expect(record.updates).toBeGreaterThan(0);
  }
  data.free();
  const shape = randomRbm([bernoulliLayer(PIXELS)], [bernoulliLayer(HIDDEN)], 1, 1, randomSource(1));
  reference = readParameters(model, shape);
});
afterAll(() => engine.close());

/** Hidden states from their enumerated marginal, and visible ones given them. */
function exactSamples(random: RandomSource): number[][] {
  const states = enumerateStates(reference.upper);
  const chances = upperDistribution(reference);
  return Array.from({ length: CHAINS }, () => {
    const means = meanLower(reference, states[random.categorical(chances)]!);
    return means.map((mean) => random.bernoulli(mean));
  });
}

/** Three standard errors beyond an estimate, below the forward one and above the reverse one. */
function farEnd({ direction, logPartition, standardError }: AnnealedEstimate): number {
  return direction === 'forward' ? logPartition - 3 * standardError : logPartition + 3 * standardError;
}

const common = { chains: CHAINS, temperatures: TEMPERATURES };

/** The lower ends, one for each seed. */
function lowerEnds(): number[] {
  return Array.from({ length: SEEDS }, (_, seed) => farEnd(model.annealedLogPartition({ ...common, seed })));
}

/** The upper ends, from reverse chains that start at exact samples. */
function upperEnds(): number[] {
  return Array.from({ length: SEEDS }, (_, seed) => {
    const rows = engine.dataset({ rows: exactSamples(randomSource(1000 + seed)) });
    const reverse = { ...common, seed: 100 + seed, direction: 'reverse', start: { rows } } as const;
    const end = farEnd(model.annealedLogPartition(reverse));
    rows.free();
    return end;
  });
}

/** In how many seeds a number lies between the ends. */
function holding(lower: readonly number[], upper: readonly number[], logZ: number): number {
  return lower.filter((low, seed) => low <= logZ && logZ <= upper[seed]!).length;
}

it('holds the exact log Z in at least 19 of 20 seeds, and no number ln 2 away', () => {
  const exact = logPartitionByUpper(reference);
  expect(Math.abs(model.logPartition() - exact)).toBeLessThan(1e-3);
  const [lower, upper] = [lowerEnds(), upperEnds()];
  expect(holding(lower, upper, exact)).toBeGreaterThanOrEqual(19);
  // The twin: a base model that forgets one hidden unit.
  for (const wrong of [exact - Math.LN2, exact + Math.LN2]) expect(holding(lower, upper, wrong)).toBe(0);
});
