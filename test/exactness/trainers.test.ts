/**
 * Persistent chains, and the options of every trainer.
 *
 * Options change the gradient of one and the same batch with the same draws, so the direction with an option is compared
 * with what its formula makes, in f64, of the direction without it. Parameters of size 1 to 4 are rounded to 2^-23 or so of
 * themselves, and statistics add up some dozen cases: 2e-5 is far above both and far below any term left out.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  type ContrastiveDivergenceOptions,
  contrastiveDivergence,
  type DatasetOptions,
  type Engine,
  exactGradient,
  fastPersistentContrastiveDivergence,
  gaussian,
  load,
  type PersistentOptions,
  parallelTempering,
  persistentContrastiveDivergence,
  rbm,
} from 'wakesleep';
import { barsAndStripesDraws, barsAndStripesOptimum, barsAndStripesUnits } from '../reference/bars-and-stripes.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  dataExpectations,
  modelExpectations,
  type ReferenceGradient,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
} from '../reference/rbm.js';
import { directionTaken, flat, modelOf, readParameters } from './counterpart.js';

const TOLERANCE = 2e-5;
const FIXED = { epochs: 1, learningRate: 1, momentum: 0, weightCost: 0, initialBias: 'keep' } as const;

const random = randomSource(83);
const RBM = roundedToF32(randomRbm([bernoulliLayer(6)], [bernoulliLayer(4)], 1, 0.5, random));
const ROWS = Array.from({ length: 12 }, () => RBM.b.map(() => random.bernoulli(0.4)));

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** The direction of one update over all rows. */
function directionOf(algorithm: Algorithm, rest: Partial<DatasetOptions> = {}, rows = ROWS): ReferenceGradient {
  const model = modelOf(engine, RBM, 3);
  const data = engine.dataset({ rows, ...rest });
  for (const record of model.train(data, algorithm)) expect(record.updates).toBe(1);
  const direction = directionTaken(model, RBM, 1);
  data.free();
  model.free();
  return direction;
}

function cd(options: ContrastiveDivergenceOptions = {}): Algorithm {
  return contrastiveDivergence({ ...FIXED, batchRows: ROWS.length, ...options });
}

function pcd(options: PersistentOptions = {}): Algorithm {
  return persistentContrastiveDivergence({ ...FIXED, batchRows: ROWS.length, ...options });
}

function largestDifference(a: ReferenceGradient, b: ReferenceGradient): number {
  const [x, y] = [flat(a), flat(b)];
  return Math.max(...x.map((value, entry) => Math.abs(value - y[entry]!)));
}

/** Means of the data and of the hidden units given it, in f64. */
const means = dataExpectations(RBM, ROWS);

describe('options of the gradient', () => {
  const trainers: [string, (options: PersistentOptions) => Algorithm][] = [
    ['contrastive divergence', cd],
    ['persistent chains, as many as rows', pcd],
    ['persistent chains, more than rows', (options) => pcd({ chains: 31, ...options })],
    ['persistent chains, fewer than rows', (options) => pcd({ chains: 5, ...options })],
  ];

  describe.each(trainers)('%s', (_, trainer) => {
    it('centring is the centred gradient in ordinary parameters', () => {
      const plain = directionOf(trainer({}));
      const centred = directionOf(trainer({ centring: true }));
      const [mu, lambda] = [means.v, means.h];
      const W = plain.W.map((row, i) => row.map((w, j) => w - mu[i]! * plain.c[j]! - plain.b[i]! * lambda[j]!));
      const b = plain.b.map((x, i) => x - W[i]!.reduce((sum, w, j) => sum + w * lambda[j]!, 0));
      const c = plain.c.map((x, j) => x - W.reduce((sum, row, i) => sum + row[j]! * mu[i]!, 0));
      expect(largestDifference(centred, { W, b, c })).toBeLessThan(TOLERANCE);
      expect(largestDifference(centred, plain)).toBeGreaterThan(0.01);
      // The twin: biases that do not feel the weights' gradient are seen.
      expect(largestDifference(centred, { W, b: plain.b, c: plain.c })).toBeGreaterThan(100 * TOLERANCE);
    });

    it('sparsity pushes the total inputs', () => {
      const sparsity = { target: 0.05, cost: 0.5 };
      const plain = directionOf(trainer({}));
      const sparse = directionOf(trainer({ sparsity }));
      const push = means.h.map((q) => sparsity.cost * (sparsity.target - q));
      const W = plain.W.map((row, i) => row.map((w, j) => w + means.v[i]! * push[j]!));
      const c = plain.c.map((x, j) => x + push[j]!);
      expect(largestDifference(sparse, { W, b: plain.b, c })).toBeLessThan(TOLERANCE);
    });

    it('weights of rows count each row as often', () => {
      const rowWeights = ROWS.map((_, row) => (row % 3) + 0.5);
      const total = rowWeights.reduce((sum, weight) => sum + weight, 0);
      const oneHot = (row: number) => ROWS.map((_, other) => Number(other === row));
      // The direction is linear in the weights while the draws are the same.
      const parts = ROWS.map((_, row) => flat(directionOf(trainer({}), { rowWeights: oneHot(row) })));
      const wanted = parts[0]!.map((_, entry) =>
        parts.reduce((sum, part, row) => sum + (rowWeights[row]! / total) * part[entry]!, 0),
      );
      const weighed = flat(directionOf(trainer({}), { rowWeights }));
      expect(Math.max(...weighed.map((x, entry) => Math.abs(x - wanted[entry]!)))).toBeLessThan(TOLERANCE);
      const alike = directionOf(trainer({}), { rowWeights: ROWS.map(() => 7) });
      expect(largestDifference(alike, directionOf(trainer({})))).toBeLessThan(TOLERANCE);
    });
  });

  it('an L1 and an L2 cost take their part of the weights', () => {
    const plain = directionOf(cd());
    const costly = directionOf(cd({ weightCost: 0.1, l1Cost: 0.05 }));
    const W = plain.W.map((row, i) => row.map((w, j) => w - 0.1 * RBM.W[i]![j]! - 0.05 * Math.sign(RBM.W[i]![j]!)));
    expect(largestDifference(costly, { ...plain, W })).toBeLessThan(TOLERANCE);
  });

  it('max-norm shortens what is too long and nothing else', () => {
    const model = modelOf(engine, RBM, 3);
    const data = engine.dataset({ rows: ROWS });
    const norm = (parameters: { W: number[][] }, j: number) => Math.hypot(...parameters.W.map((row) => row[j]!));
    for (const _ of model.train(data, cd({ learningRate: 1e-9, maxNorm: 2 }))) expect(_.updates).toBe(1);
    const after = readParameters(model, RBM);
    const before = RBM.c.map((_, j) => norm(RBM, j));
    expect(before.some((length) => length > 2) && before.some((length) => length < 2)).toBe(true);
    RBM.c.forEach((_, j) => {
      expect(norm(after, j)).toBeCloseTo(Math.min(2, before[j]!), 5);
    });
    data.free();
    model.free();
  });

  it('dropped hidden units learn nothing in that case, in either phase', () => {
    // One row and one batch: the units that are left out are those whose column did not move.
    const one = [ROWS[0]!];
    const moved = Array.from({ length: 40 }, (_, seed) => {
      const model = modelOf(engine, RBM, seed);
      const data = engine.dataset({ rows: one });
      for (const record of model.train(data, cd({ hiddenDropout: 0.3 }))) expect(record.updates).toBe(1);
      const { W, c } = directionTaken(model, RBM, 1);
      data.free();
      model.free();
      return c.map((x, j) => {
        const column = W.map((row) => row[j]!);
        if (x === 0) expect(column.every((w) => w === 0)).toBe(true);
        return x !== 0;
      });
    });
    const share = moved.flat().filter(Boolean).length / moved.flat().length;
    expect(Math.abs(share - 0.7)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / moved.flat().length));
  });

  it.each([
    ['early, all updates alike', 0.999],
    ['later, what decays', 0.5],
  ])('averages %s', (_, decay) => {
    const model = modelOf(engine, RBM, 3);
    const data = engine.dataset({ rows: ROWS });
    const epochs = 9;
    const options = { ...FIXED, epochs, learningRate: 0.5, batchRows: ROWS.length };
    const snapshots: number[][] = [];
    for (const _record of model.train(data, contrastiveDivergence(options))) {
      const { W, b, c } = readParameters(model, RBM);
      snapshots.push(flat({ W, b, c }));
    }
    const other = modelOf(engine, RBM, 3);
    const records = [...other.train(data, contrastiveDivergence({ ...options, averaging: decay }))];
    expect(records.length).toBe(epochs);
    let average = snapshots[0]!.map(() => 0);
    snapshots.forEach((values, index) => {
      const share = Math.max(1 - decay, 1 / (index + 1));
      average = average.map((mean, entry) => mean + share * (values[entry]! - mean));
    });
    const { W, b, c } = readParameters(other, RBM);
    const installed = flat({ W, b, c });
    expect(Math.max(...installed.map((x, entry) => Math.abs(x - average[entry]!)))).toBeLessThan(TOLERANCE);
    expect(Math.max(...installed.map((x, entry) => Math.abs(x - snapshots.at(-1)![entry]!)))).toBeGreaterThan(0.01);
    for (const owned of [model, other, data]) owned.free();
  });
});

it('averages what files hold of Gaussian units: biases in units of the data, and log-variances', () => {
  const graph = rbm({ visible: gaussian(3, { variance: 'learned', standardise: true }), hidden: bernoulli(2) });
  const draws = randomSource(12);
  const rows = Array.from({ length: 40 }, () => [3 + 2 * draws.uniform(), 5 * draws.uniform(), draws.uniform() - 9]);
  const data = engine.dataset({ rows });
  const epochs = 12;
  const options = { epochs, batchRows: rows.length, learningRate: 0.1, momentum: 0 };
  const plain = engine.create(graph, { seed: 2, weightScale: 0.3 });
  const names = plain.parameterSpecs.map(({ name }) => name).filter((name) => !name.includes('data_'));
  expect(names).toContain('layers.visible.log_variance');
  let count = 0;
  const averages = new Map<string, number[]>();
  for (const record of plain.train(data, contrastiveDivergence(options))) {
    count += 1;
    expect(record.epoch).toBe(count);
    for (const name of names) {
      const values = Array.from(plain.parameter(name).values());
      const before = averages.get(name) ?? values.map(() => 0);
      averages.set(
        name,
        before.map((mean, k) => mean + (values[k]! - mean) / count),
      );
    }
  }
  const averaged = engine.create(graph, { seed: 2, weightScale: 0.3 });
  expect([...averaged.train(data, contrastiveDivergence({ ...options, averaging: 0.9999 }))]).toHaveLength(epochs);
  for (const name of names) {
    const values = averaged.parameter(name).values();
    averages.get(name)!.forEach((mean, k) => {
      expect(Math.abs(values[k]! - mean)).toBeLessThan(TOLERANCE);
    });
  }
  const last = plain.parameter('layers.visible.log_variance').values();
  const mean = averages.get('layers.visible.log_variance')!;
  expect(Math.max(...mean.map((x, k) => Math.abs(x - last[k]!)))).toBeGreaterThan(10 * TOLERANCE);
  for (const owned of [plain, averaged, data]) owned.free();
});

describe('persistent chains', () => {
  /**
   * After 200 sweeps at unchanged parameters the chains are samples of the model, so the direction is the gradient of the
   * log-likelihood. A statistic of a chain is in [0, 1]; its variance is at most m(1 − m), and 20,000 chains are independent.
   */
  const CHAINS = 20_000;
  const exact = { positive: means, negative: modelExpectations(RBM) };

  function largestDeviation(direction: ReferenceGradient): number {
    const positive = flat({ W: exact.positive.vh, b: exact.positive.v, c: exact.positive.h });
    const negative = flat({ W: exact.negative.vh, b: exact.negative.v, c: exact.negative.h });
    const actual = flat(direction);
    return Math.max(
      ...actual.map((x, entry) => {
        const m = negative[entry]!;
        return Math.abs(x - (positive[entry]! - m)) / Math.sqrt((m * (1 - m)) / CHAINS);
      }),
    );
  }

  const trainers: [string, (options: PersistentOptions) => Algorithm][] = [
    ['plain', (options) => persistentContrastiveDivergence(options)],
    ['with fast weights, which are zero at first', (options) => fastPersistentContrastiveDivergence(options)],
  ];

  it.each(trainers)('%s, are samples of the model', (_, trainer) => {
    const options = { ...FIXED, batchRows: ROWS.length, chains: CHAINS, gibbsSteps: 200 };
    expect(largestDeviation(directionOf(trainer(options)))).toBeLessThan(5);
    // The twin: chains that have only just left the data are not.
    expect(largestDeviation(directionOf(trainer({ ...options, gibbsSteps: 1 })))).toBeGreaterThan(5);
  });

  it('go on where the last update left them', () => {
    // At a rate that changes nothing 200 updates of one sweep are as good as one update of 200.
    const model = modelOf(engine, RBM, 3);
    const data = engine.dataset({ rows: ROWS });
    const still = { ...FIXED, batchRows: ROWS.length, chains: CHAINS };
    const algorithm = persistentContrastiveDivergence({
      ...still,
      epochs: 201,
      learningRate: {
        steps: [
          [0, 1e-12],
          [200, 1],
        ],
      },
    });
    for (const record of model.train(data, algorithm)) expect(record.epoch).toBeLessThanOrEqual(201);
    expect(largestDeviation(directionTaken(model, RBM, 1))).toBeLessThan(5);
    data.free();
    model.free();
  });

  it('refuse hidden units that are not drawn', () => {
    const model = engine.create(rbm({ visible: bernoulli(6), hidden: bernoulli(4, { meanField: true }) }), { seed: 1 });
    const data = engine.dataset({ rows: ROWS });
    expect(() => [...model.train(data, pcd())]).toThrow(
      'Persistent chains need hidden units that are drawn; the layer `hidden` has mean-field units.',
    );
    data.free();
    model.free();
  });
});

describe('parallel tempering', () => {
  /** Two deep modes: everything on, or everything off, with a wall between them that single sweeps hardly pass. */
  const WALL: ReferenceRbm = roundedToF32({
    ...RBM,
    W: RBM.b.map(() => RBM.c.map(() => 3)),
    b: RBM.b.map((_, i) => -6 + 0.1 * i),
    c: RBM.c.map((_, j) => -9 + 0.1 * j),
  });
  const LADDERS = 3000;
  const exact = modelExpectations(WALL);
  // One row of zeros: the chains of the other trainers start on one side of the wall.
  const rows = [RBM.b.map(() => 0)];
  const given = dataExpectations(WALL, rows);

  /** The largest distance of the direction after 400 updates that change nothing from the gradient, in standard errors. */
  function largestDeviation(algorithm: Algorithm): { deviation: number; swapRates: readonly number[] } {
    const model = modelOf(engine, WALL, 3);
    const data = engine.dataset({ rows });
    let swapRates: readonly number[] = [];
    for (const record of model.train(data, algorithm)) {
      // An epoch is one update here, in which every second pair tries: the rates are whole every other time.
      if (record.swapRates?.every((rate) => rate > 0)) swapRates = record.swapRates;
    }
    const actual = flat(directionTaken(model, WALL, 1));
    const positive = flat({ W: given.vh, b: given.v, c: given.h });
    const negative = flat({ W: exact.vh, b: exact.v, c: exact.h });
    data.free();
    model.free();
    const errors = actual.map((x, entry) => {
      const m = negative[entry]!;
      return Math.abs(x - (positive[entry]! - m)) / Math.sqrt((m * (1 - m)) / LADDERS);
    });
    return { deviation: Math.max(...errors), swapRates };
  }

  const options: PersistentOptions = {
    ...FIXED,
    batchRows: 1,
    chains: LADDERS,
    epochs: 401,
    gibbsSteps: 2,
    learningRate: {
      steps: [
        [0, 1e-12],
        [400, 1],
      ],
    },
  };

  it.each([false, true])(
    'samples both sides of a wall (ladder adapted: %s), which plain chains do not',
    (adaptLadder) => {
      const tempered = largestDeviation(parallelTempering({ ...options, temperatures: 8, adaptLadder }));
      expect(tempered.deviation).toBeLessThan(5);
      expect(tempered.swapRates).toHaveLength(7);
      expect(tempered.swapRates.every((rate) => rate > 0 && rate <= 1)).toBe(true);
      expect(largestDeviation(persistentContrastiveDivergence(options)).deviation).toBeGreaterThan(20);
    },
  );

  it('adapts its ladder towards equal rates of swapping', () => {
    const spread = (rates: readonly number[]) => Math.max(...rates) - Math.min(...rates);
    const [even, adapted] = [false, true].map((adaptLadder) => {
      return largestDeviation(parallelTempering({ ...options, temperatures: 6, adaptLadder })).swapRates;
    });
    expect(spread(adapted!)).toBeLessThan(spread(even!));
  });

  it('is resumed to the same bits', () => {
    const graph = rbm({ visible: bernoulli(6), hidden: bernoulli(4) });
    const algorithm = parallelTempering({ epochs: 6, batchRows: 5, chains: 7, temperatures: 4, adaptLadder: true });
    const data = engine.dataset({ rows: ROWS });
    const whole = engine.create(graph, { seed: 9 });
    expect([...whole.train(data, algorithm)]).toHaveLength(6);
    const half = engine.create(graph, { seed: 9 });
    const run = half.train(data, algorithm);
    const records = run[Symbol.iterator]();
    for (let epoch = 0; epoch < 3; epoch++) records.next();
    const resumed = engine.resume(run.toBytes(), data);
    expect([...resumed]).toHaveLength(3);
    expect(resumed.model.toBytes()).toEqual(whole.toBytes());
    for (const owned of [whole, half, data]) owned.free();
  });
});

describe('bars and stripes', () => {
  const draws = barsAndStripesDraws();
  const UPDATES = 20_000;

  /** How far the trained model's mean log-likelihood is from the best there is, nats per row. */
  function gapAfter(algorithm: Algorithm, seed: number): number {
    const data = engine.dataset({ rows: draws });
    const graph = rbm({ visible: bernoulli(barsAndStripesUnits), hidden: bernoulli(16) });
    const model = engine.create(graph, { seed, weightScale: 0.1 });
    for (const record of model.train(data, algorithm)) expect(record.updates).toBeLessThanOrEqual(UPDATES);
    const likelihoods = model.logLikelihood(draws);
    model.free();
    data.free();
    return barsAndStripesOptimum() - likelihoods.reduce((sum, nats) => sum + nats / draws.length, 0);
  }

  const options: PersistentOptions = {
    epochs: UPDATES,
    batchRows: draws.length,
    chains: 256,
    learningRate: { from: 0.1, to: 0 },
    momentum: 0,
    weightCost: 0,
    initialBias: 'keep',
  };
  // Constant rates of 0.1 leave PCD-1 nats away: the weights grow, the chains no longer mix. Falling or averaged ones do not.
  const trainers: [string, Algorithm, number][] = [
    ['PCD-5, centred', persistentContrastiveDivergence({ ...options, gibbsSteps: 5, centring: true }), 0.05],
    ['PCD-1, averaged', persistentContrastiveDivergence({ ...options, learningRate: 0.04, averaging: 0.9995 }), 0.05],
    [
      'PCD-1 with fast weights',
      fastPersistentContrastiveDivergence({ ...options, learningRate: { from: 0.05, to: 0 }, fastLearningRate: 0.05 }),
      0.1,
    ],
    ['the exact gradient with Adam', exactGradient({ epochs: 3000, optimiser: 'adam', learningRate: 0.01 }), 0.05],
  ];

  it.each(trainers)('are learned by %s', { timeout: 120_000 }, (_, algorithm, bound) => {
    const gap = gapAfter(algorithm, 1);
    expect(gap).toBeGreaterThan(0);
    expect(gap).toBeLessThan(bound);
  });
});
