/**
 * Learning of sigmoid belief nets: one update is on average the gradient that the oracle enumerates, training raises the exact
 * log-likelihood, and the bits do not depend on threads or on where a run was cut.
 *
 * An update of one batch with rate 1 is a mean over its rows, so each entry is held to 5 standard errors of that mean, which the
 * oracle's own enumeration gives; the f32 of the update adds 1e-5.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  type Engine,
  load,
  type Model,
  monteCarloEM,
  rbm,
  reweightedWakeSleep,
  sigmoidBeliefNet,
  variationalEM,
  wakeSleep,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import {
  bitsOf,
  factorialBound,
  gradientOf,
  inputsOf,
  jointProbabilities,
  merged,
  posteriorOf,
  type ReferenceNet,
  randomDag,
  randomNet,
  sides,
} from '../reference/belief-net.js';
import { logistic } from '../reference/logistic.js';
import { randomSource } from '../reference/random.js';
import { beliefModelOf, readNet } from './belief-counterpart.js';

const BARS = 5;
const ROUNDING = 1e-5;

const NET = randomNet(
  [
    { name: 'h1', units: 3 },
    { name: 'visible', units: 4 },
  ],
  [[0, 1]],
  1,
  randomSource(51),
);
const DEEP = randomNet(
  [
    { name: 'h2', units: 2 },
    { name: 'h1', units: 2 },
    { name: 'visible', units: 3 },
  ],
  [
    [0, 1],
    [1, 2],
    [0, 2],
  ],
  1,
  randomSource(52),
);

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const FIXED = { epochs: 1, learningRate: 1, optimiser: 'momentum', momentum: 0, initialBias: 'keep' } as const;

/** What one update over `rows` copies of a row adds to the parameters. */
function directionOf(model: Model, net: ReferenceNet, row: number[], rows: number, algorithm: Algorithm): number[] {
  const before = readNet(model, net);
  const data = engine.dataset({ rows: Array.from({ length: rows }, () => row) });
  for (const record of model.train(data, algorithm)) expect(record.updates).toBe(1);
  data.free();
  const after = readNet(model, net);
  const difference = (a: number[], b: number[]) => a.map((x, k) => x - b[k]!);
  return [...difference(after.biases, before.biases), ...difference(after.weights, before.weights)];
}

/** Mean and variance under the posterior of every entry of the rule. */
function ruleOf(net: ReferenceNet, row: number[], shares = posteriorOf(net, row).probabilities) {
  const { visible, hidden } = sides(net);
  const size = net.biases.length + net.weights.length;
  const [mean, square] = [new Array<number>(size).fill(0), new Array<number>(size).fill(0)];
  shares.forEach((share, number) => {
    const state = merged(net.biases.length, [
      [visible, row],
      [hidden, bitsOf(number, hidden.length)],
    ]);
    const rest = inputsOf(net, state).map((x, i) => state[i]! - logistic(x));
    [...rest, ...net.weights.map(([j, i]) => state[j]! * rest[i]!)].forEach((x, k) => {
      mean[k]! += share * x;
      square[k]! += share * x * x;
    });
  });
  return { mean, variance: square.map((x, k) => Math.max(0, x - mean[k]! ** 2)) };
}

function expectWithin(found: readonly number[], mean: readonly number[], variance: readonly number[], rows: number) {
  found.forEach((x, k) => {
    expect(Math.abs(x - mean[k]!)).toBeLessThan(BARS * Math.sqrt(variance[k]! / rows) + ROUNDING);
  });
}

/** The largest number of standard errors between what was found and a mean. */
function worst(found: readonly number[], mean: readonly number[], variance: readonly number[], rows: number): number {
  return Math.max(...found.map((x, k) => Math.abs(x - mean[k]!) / (Math.sqrt(variance[k]! / rows) + ROUNDING)));
}

describe('the rule given the posterior is the gradient of the log-likelihood', () => {
  const RANDOM = Array.from({ length: 10 }, (_, seed) => {
    const random = randomSource(3000 + seed);
    const net = randomDag(random, 9);
    return [`random net ${seed}`, net, sides(net).visible.map(() => random.bernoulli(0.5))] as const;
  });

  it.each([
    ['one layer of causes', NET, [1, 0, 1, 1]],
    ['a net that skips a layer', DEEP, [0, 1, 1]],
    ...RANDOM,
  ] as const)('in the oracle, by finite differences: %s', (_, net, row) => {
    const gradient = gradientOf(net, row);
    const h = 1e-5;
    const slope = (changed: (by: number) => ReferenceNet) =>
      (posteriorOf(changed(h), row).logLikelihood - posteriorOf(changed(-h), row).logLikelihood) / (2 * h);
    gradient.biases.forEach((g, unit) => {
      const changed = (by: number) => ({ ...net, biases: net.biases.map((b, i) => (i === unit ? b + by : b)) });
      expect(Math.abs(g - slope(changed))).toBeLessThan(1e-8);
    });
    gradient.weights.forEach((g, place) => {
      const changed = (by: number) => ({
        ...net,
        weights: net.weights.map(([j, i, w], k) => [j, i, k === place ? w + by : w] as const),
      });
      expect(Math.abs(g - slope(changed))).toBeLessThan(1e-8);
    });
  });

  it('by chains of Gibbs sampling', () => {
    const rows = 20_000;
    for (const [net, row, options] of [
      [NET, [1, 0, 1, 1], { moves: 'layers', gibbsSweeps: 1 }],
      [DEEP, [0, 1, 1], { gibbsSweeps: 25 }],
    ] as const) {
      const model = beliefModelOf(engine, net);
      const algorithm = monteCarloEM({ ...FIXED, batchRows: rows, ...options });
      const found = directionOf(model, net, [...row], rows, algorithm);
      const { mean, variance } = ruleOf(net, [...row]);
      const gradient = gradientOf(net, row);
      [...gradient.biases, ...gradient.weights].forEach((g, k) => {
        expect(mean[k]).toBeCloseTo(g, 12);
      });
      expectWithin(found, mean, variance, rows);
      // The twin: states drawn from the prior would teach nothing of the data.
      const uniform = new Array<number>(2 ** sides(net).hidden.length).fill(2 ** -sides(net).hidden.length);
      expect(worst(found, ruleOf(net, [...row], uniform).mean, variance, rows)).toBeGreaterThan(BARS);
      model.free();
    }
  });

  it('by mean field: the gradient of its bound', () => {
    const rows = 20_000;
    const row = [1, 0, 1, 1];
    const model = beliefModelOf(engine, NET);
    const { means } = model.posterior([row], { method: 'meanField', seed: 1 });
    const q = Array.from(means.h1!);
    const shares = Array.from({ length: 8 }, (_, number) =>
      bitsOf(number, 3).reduce((product, bit, k) => product * (bit === 1 ? q[k]! : 1 - q[k]!), 1),
    );
    const found = directionOf(model, NET, row, rows, variationalEM({ ...FIXED, batchRows: rows, sweeps: 500 }));
    const { mean, variance } = ruleOf(NET, row, shares);
    expectWithin(found, mean, variance, rows);
    // And it is: the bound's own slope in one weight.
    const [j, i, w] = NET.weights[0]!;
    const bound = (by: number) =>
      factorialBound({ ...NET, weights: [[j, i, w + by], ...NET.weights.slice(1)] }, row, q);
    expect(mean[NET.biases.length]).toBeCloseTo((bound(1e-5) - bound(-1e-5)) / 2e-5, 7);
    model.free();
  });

  it('by weighted particles, where there are many', () => {
    const [rows, particles] = [100, 200];
    const row = [1, 0, 1, 1];
    const model = beliefModelOf(engine, NET, true);
    const algorithm = reweightedWakeSleep({ ...FIXED, batchRows: rows, particles });
    const found = directionOf(model, NET, row, rows, algorithm);
    const { mean, variance } = ruleOf(NET, row);
    // The proposal is uniform: 20,000 particles are worth as many draws as their weights' effective sample size says; the
    // bias of normalised weights is of the order of the variance over one row's effective size.
    const { probabilities } = posteriorOf(NET, row);
    const share = 1 / probabilities.reduce((sum, p) => sum + p * p, 0) / probabilities.length;
    const effective = share * particles;
    found.forEach((x, k) => {
      const bar =
        BARS * Math.sqrt(variance[k]! / (rows * effective)) + (2 * Math.sqrt(variance[k]!)) / effective + ROUNDING;
      expect(Math.abs(x - mean[k]!)).toBeLessThan(bar);
    });
    // The twin: unweighted particles, uniform as the proposal is.
    const uniform = ruleOf(NET, row, new Array<number>(8).fill(1 / 8));
    expect(worst(found, uniform.mean, variance, rows * effective)).toBeGreaterThan(2 * BARS);
    model.free();
  });
});

describe('the recognition net learns', () => {
  /** What one update adds to the recognition parameters of NET: biases, then weights `[h1, visible]`. */
  function recognitionDirection(algorithm: Algorithm, rows: number, row: number[]): number[] {
    const model = beliefModelOf(engine, NET, true);
    model.parameter('layers.h1.recognition_bias').set(BIAS);
    model.parameter('visible>h1.weight').set(WEIGHTS);
    const data = engine.dataset({ rows: Array.from({ length: rows }, () => row) });
    for (const record of model.train(data, algorithm)) expect(record.updates).toBe(1);
    data.free();
    const bias = Array.from(model.parameter('layers.h1.recognition_bias').values(), (x, k) => x - BIAS[k]!);
    const weights = Array.from(model.parameter('visible>h1.weight').values(), (x, k) => x - WEIGHTS[k]!);
    model.free();
    return [...bias, ...weights];
  }

  const random = randomSource(61);
  const BIAS = Array.from({ length: 3 }, () => Math.fround(0.5 * random.normal()));
  const WEIGHTS = Array.from({ length: 12 }, () => Math.fround(0.5 * random.normal()));
  const recognised = (v: ArrayLike<number>) =>
    BIAS.map((b, j) => logistic(b + Array.from(v).reduce((sum, x, i) => sum + x * WEIGHTS[j * 4 + i]!, 0)));

  /** Mean and variance of `(s_j − q_j)` and `v_i (s_j − q_j)` under probabilities of whole states. */
  function momentsOf(joint: readonly number[]) {
    const [mean, square] = [new Array<number>(15).fill(0), new Array<number>(15).fill(0)];
    joint.forEach((share, number) => {
      const state = bitsOf(number, 7);
      const [h, v] = [state.slice(0, 3), state.slice(3)];
      const rest = recognised(v).map((q, j) => h[j]! - q);
      [...rest, ...rest.flatMap((r) => v.map((x) => x * r))].forEach((x, k) => {
        mean[k]! += share * x;
        square[k]! += share * x * x;
      });
    });
    return { mean, variance: square.map((x, k) => Math.max(0, x - mean[k]! ** 2)) };
  }

  const DREAMS = momentsOf(jointProbabilities(NET));
  const ROW = [1, 0, 1, 1];
  const POSTERIOR = momentsOf(
    Array.from({ length: 128 }, (_, state) => {
      const v = bitsOf(state, 7).slice(3);
      return v.every((x, i) => x === ROW[i]) ? posteriorOf(NET, ROW).probabilities[state & 7]! : 0;
    }),
  );

  it('from dreams, the gradient of E log q under the net', () => {
    const rows = 20_000;
    const found = recognitionDirection(wakeSleep({ ...FIXED, batchRows: rows }), rows, ROW);
    expectWithin(found, DREAMS.mean, DREAMS.variance, rows);
    expect(worst(found, POSTERIOR.mean, DREAMS.variance, rows)).toBeGreaterThan(BARS);
  });

  it('from weighted particles, the gradient of E log q under the posterior, and half from each', () => {
    const [rows, particles] = [200, 100];
    const options = { ...FIXED, batchRows: rows, particles };
    const wake = recognitionDirection(reweightedWakeSleep({ ...options, recognition: 'wake' }), rows, ROW);
    const sleep = recognitionDirection(reweightedWakeSleep({ ...options, recognition: 'sleep' }), rows, ROW);
    const both = recognitionDirection(reweightedWakeSleep({ ...options, recognition: 'both' }), rows, ROW);
    const effective = 20;
    wake.forEach((x, k) => {
      const bar = BARS * Math.sqrt(POSTERIOR.variance[k]! / (rows * effective)) + 1 / effective;
      expect(Math.abs(x - POSTERIOR.mean[k]!)).toBeLessThan(bar);
    });
    expectWithin(sleep, DREAMS.mean, DREAMS.variance, rows);
    both.forEach((x, k) => {
      expect(Math.abs(x - (wake[k]! + sleep[k]!) / 2)).toBeLessThan(ROUNDING);
    });
  });

  it('from one particle and dreams, as wake-sleep does to the bit', () => {
    const options = { epochs: 2, batchRows: 7, learningRate: 0.1 };
    const bytes = [wakeSleep(options), reweightedWakeSleep({ ...options, particles: 1, recognition: 'sleep' })].map(
      (algorithm) => {
        const model = beliefModelOf(engine, NET, true);
        const data = engine.dataset({ rows: patterns(4) });
        for (const _ of model.train(data, algorithm)) expect(_.boundNats).toBeLessThan(0);
        data.free();
        const written = model.toBytes();
        model.free();
        return written;
      },
    );
    expect(bytes[1]).toEqual(bytes[0]);
  });

  it('from probabilities and rows that count differently', () => {
    const rows = [
      [0.2, 1, 0, 0.7],
      [1, 0.5, 0.5, 0],
      [0, 0, 1, 1],
    ];
    for (const algorithm of [
      wakeSleep({ epochs: 3, data: 'probabilities' }),
      reweightedWakeSleep({ epochs: 3, data: 'probabilities' }),
    ]) {
      const trained = [undefined, [1, 1, 1], [2, 0.5, 0.5]].map((rowWeights) => {
        const model = beliefModelOf(engine, NET, true);
        const data = engine.dataset({ rows, ...(rowWeights && { rowWeights }) });
        for (const _ of model.train(data, algorithm)) expect(_.reconstructionError).toBeGreaterThan(0);
        data.free();
        const { biases, weights } = readNet(model, NET);
        model.free();
        return [...biases, ...weights];
      });
      expect(trained[1]).toEqual(trained[0]);
      expect(trained[2]).not.toEqual(trained[0]);
      expect(trained.flat().every(Number.isFinite)).toBe(true);
    }
  });
});

/** Rows of two patterns that exclude each other, with a little noise. */
function patterns(units: number, rows = 40): number[][] {
  const random = randomSource(71);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: units }, (_, unit) => random.bernoulli((unit + row) % 2 === 0 ? 0.9 : 0.1)),
  );
}

const TRAINERS: [string, Algorithm][] = [
  ['wakeSleep', wakeSleep({ epochs: 150, batchRows: 10, learningRate: 0.02 })],
  ['reweightedWakeSleep', reweightedWakeSleep({ epochs: 150, batchRows: 10, learningRate: 0.02 })],
  ['monteCarloEM', monteCarloEM({ epochs: 150, batchRows: 10, learningRate: 0.02, gibbsSweeps: 5 })],
  ['variationalEM', variationalEM({ epochs: 150, batchRows: 10, learningRate: 0.02, sweeps: 10 })],
];

describe.each(TRAINERS)('%s', (_, algorithm) => {
  const graph = sigmoidBeliefNet({ visible: bernoulli(6), hidden: [bernoulli(3), bernoulli(2)] });
  const shortened = { ...algorithm, epochs: 3, averaging: { decay: 0.9 } } as Algorithm;

  it('raises the exact log-likelihood towards what the rows have', () => {
    const rows = patterns(6);
    const model = engine.create(graph, { seed: 3, weightScale: 0.1 });
    const data = engine.dataset({ rows });
    const mean = () => model.logLikelihood(data).reduce((sum, x) => sum + x, 0) / rows.length;
    const before = mean();
    const records = [...model.train(data, algorithm)];
    // Independent units have 6 log 2 = 4.16 nats; the two patterns with their noise have log 2 + 6 · 0.325 = 2.64.
    expect(before).toBeLessThan(-4.1);
    expect(mean()).toBeGreaterThan(-3.2);
    const bounds = records.map(({ boundNats }) => boundNats);
    if (algorithm.type === 'monteCarloEM') expect(bounds.every((bound) => bound === undefined)).toBe(true);
    else expect(bounds.at(-1)).toBeGreaterThan(bounds[0]! + 0.5);
    data.free();
    model.free();
  });

  it('gives the same bits for any threads, and from a checkpoint', async () => {
    const rows = patterns(6, 37);
    const trained = (on: Engine) => {
      const model = on.create(graph, { seed: 3, weightScale: 0.1 });
      const data = on.dataset({ rows });
      const records = [...model.train(data, shortened)];
      expect(records.length).toBe(3);
      return model.toBytes();
    };
    const whole = trained(engine);
    const other = await load({ artefact: 'mt', threads: 2 });
    expect(trained(other)).toEqual(whole);
    other.close();
    // Cut after every number of updates of the second epoch.
    const data = engine.dataset({ rows });
    for (const updates of [1, 5, 8]) {
      const model = engine.create(graph, { seed: 3, weightScale: 0.1 });
      const controller = new AbortController();
      const run = model.train(data, shortened, { signal: controller.signal });
      let asked = 0;
      controller.signal.throwIfAborted = () => {
        if (asked++ === updates) {
          controller.abort();
          throw controller.signal.reason;
        }
      };
      expect(refusal(() => [...run])).toContain('ABORTED');
      expect(model.updates).toBe(updates);
      const resumed = engine.resume(run.toBytes(), data);
      for (const record of resumed) expect(record.epoch).toBeGreaterThan(0);
      expect(resumed.model.toBytes()).toEqual(whole);
      run.free();
      model.free();
    }
    data.free();
  });

  it('stops where a number is lost', () => {
    const model = engine.create(graph, { seed: 3, weightScale: 0.1 });
    const data = engine.dataset({ rows: patterns(6) });
    const wild = { ...algorithm, learningRate: 1e38, weightCost: 10, optimiser: { type: 'momentum', nesterov: false } };
    expect(refusal(() => [...model.train(data, wild as Algorithm)])).toMatch(
      /^NOT_FINITE: Update \d+ left a number in/,
    );
    data.free();
    model.free();
  });

  it('refuses an RBM', () => {
    const model = engine.create(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }), { seed: 1 });
    const data = engine.dataset({ rows: [[0, 1]] });
    expect(refusal(() => model.train(data, algorithm))).toMatch(
      /^GRAPH_UNSUITABLE: .+ needs a sigmoid belief net, whose connections are directed; `visible-hidden` is undirected\.$/,
    );
    data.free();
    model.free();
  });
});

it('trainers of recognition nets refuse a net without one, and options that do not fit', () => {
  const graph = sigmoidBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(2)], recognition: false });
  const model = engine.create(graph, { seed: 1 });
  const data = engine.dataset({ rows: [[0, 1]] });
  expect(refusal(() => model.train(data, wakeSleep()))).toBe(
    'GRAPH_UNSUITABLE: Wake-sleep needs recognition connections, and this graph has none.',
  );
  expect(refusal(() => model.train(data, reweightedWakeSleep()))).toBe(
    'GRAPH_UNSUITABLE: Reweighted wake-sleep needs recognition connections, and this graph has none.',
  );
  expect(refusal(() => reweightedWakeSleep({ batchRows: 1000, particles: 21 }))).toBe(
    'OPTION_INVALID: 1000 rows of a batch with 21 particles each make 22000 rows of statistics; wanted is `batchRows` times `particles` plus 1 of at most 21845.',
  );
  expect(refusal(() => wakeSleep({ sparsity: null } as never))).toContain('wakeSleep() has no option `sparsity`');
  expect(refusal(() => monteCarloEM({ data: 'states' } as never))).toContain('monteCarloEM() has no option `data`');
  data.free();
  model.free();
});
