/**
 * Why greedy learning works, by enumeration in f64: the bound is what its formula says, equals the likelihood where the second
 * machine is the first transposed, and rises with every better model of the aggregated posterior.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  compose,
  contrastiveDivergence,
  decompose,
  deepBeliefNet,
  type Engine,
  exactGradient,
  greedy,
  greedyBound,
  load,
  type Model,
  rbm,
  softmax,
  tie,
  transposed,
  untie,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { aggregatedPosteriorOf, boundOfStack, logLikelihoodOfStack } from '../reference/chain.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  logLikelihood,
  type ReferenceRbm,
  type ReferenceSide,
  randomRbm,
  roundedToF32,
  softmaxLayer,
} from '../reference/rbm.js';
import { modelOf, readParameters } from './counterpart.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const machine = (lower: ReferenceSide, upper: ReferenceSide, seed: number, scale = 1) =>
  roundedToF32(randomRbm(lower, upper, scale, 0.5, randomSource(seed)));

/** The net untied, with recognition weights of their own. */
function untied(net: Model): Model {
  const other = untie(net);
  const weights = other.parameter('connections.visible>h1.weight');
  weights.set(weights.values().map((w, i) => w + (i % 3) * 0.2 - 0.2));
  return other;
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

describe('the greedy bound', () => {
  const binary = [bernoulliLayer(5), bernoulliLayer(4), bernoulliLayer(6)] as const;
  const mixed = [softmaxLayer(2, 3), bernoulliLayer(3), softmaxLayer(1, 4)] as const;
  const grouped = [bernoulliLayer(4), softmaxLayer(2, 3), bernoulliLayer(3)] as const;

  it.each([
    ['binary units', binary],
    ['softmax data and tops', mixed],
    ['softmax layers between', grouped],
  ])('is its formula, and below the likelihood: %s', (_, [lowest, middle, top]) => {
    const first = machine([lowest], [middle], 1);
    const second = machine([middle], [top], 2);
    const rows = enumerateStates(first.lower);
    const stack = compose([modelOf(engine, first), modelOf(engine, second)]);
    const [found, likelihoods] = [greedyBound(stack, rows), stack.logLikelihood(rows)];
    rows.forEach((row, r) => {
      expect(Math.abs(likelihoods[r]! - logLikelihoodOfStack(first, second, row))).toBeLessThan(1e-10);
      expect(Math.abs(found[r]! - boundOfStack(first, second, row))).toBeLessThan(1e-10);
      expect(found[r]).toBeLessThan(logLikelihoodOfStack(first, second, row) - 1e-4);
    });
  });

  it.each([3, 4, 5])('is the likelihood where the second machine is the first transposed (seed %i)', (seed) => {
    const first = machine([bernoulliLayer(5)], [bernoulliLayer(4)], seed, 2);
    const rows = enumerateStates(first.lower);
    const found = greedyBound(tie(modelOf(engine, first)), rows);
    rows.forEach((row, r) => {
      expect(Math.abs(found[r]! - logLikelihood(first, [row]))).toBeLessThan(1e-10);
    });
  });

  describe('by draws', () => {
    const [first, second] = [
      machine([bernoulliLayer(5)], [bernoulliLayer(4)], 1),
      machine([bernoulliLayer(4)], [bernoulliLayer(6)], 2),
    ];
    const logZ = (net: Model) => decompose(net).at(-1)!.logPartition();

    it.each([
      ['tied', (net: Model) => net],
      ['untied', untied],
    ])('is the exact one on average: %s', (_, change) => {
      const pair = compose([modelOf(engine, first), modelOf(engine, second)]);
      const logPartition = logZ(pair);
      const net = change(pair);
      for (const row of [
        [1, 0, 1, 1, 0],
        [0, 0, 0, 1, 1],
      ]) {
        const repeated = Array.from({ length: 4000 }, () => row);
        const draws = net.logLikelihoodBound(repeated, { logPartition, draws: 1, seed: 3 });
        const average = mean(draws);
        const variance = mean(draws.map((x) => (x - average) ** 2));
        expect(variance).toBeGreaterThan(1e-3);
        const [exact] = greedyBound(net, [row]);
        expect(Math.abs(average - exact!)).toBeLessThan(5 * Math.sqrt(variance / draws.length));
        // More draws of one row average what single ones give.
        const [many] = net.logLikelihoodBound([row], { logPartition, draws: 4000, seed: 4 });
        expect(Math.abs(many! - exact!)).toBeLessThan(5 * Math.sqrt(variance / 4000));
      }
    });

    it('is the likelihood for every draw where the second machine is the first transposed', () => {
      const model = modelOf(engine, first);
      const net = tie(model);
      const rows = enumerateStates(first.lower);
      const exact = model.logLikelihood(rows);
      net.logLikelihoodBound(rows, { logPartition: logZ(net), draws: 1, seed: 1 }).forEach((bound, row) => {
        expect(bound).toBeCloseTo(exact[row]!, 4);
      });
    });

    it('refuses what it cannot use', () => {
      const net = tie(modelOf(engine, first));
      const row = [[1, 0, 1, 1, 0]];
      expect(refusal(() => net.logLikelihoodBound(row, { seed: 1 }))).toBe(
        'OPTION_INVALID: `logPartition` must be the log Z of the topmost machine: `decompose(model).at(-1)` has it, exact or annealed.',
      );
      expect(refusal(() => net.logLikelihoodBound(row, { logPartition: 0 }))).toMatch(/^OPTION_INVALID: .*seed/);
      expect(refusal(() => net.logLikelihoodBound([[0.5, 0, 0, 0, 0]], { logPartition: 0, seed: 1 }))).toMatch(
        /^DATA_INVALID: The bound of a deep belief net needs rows of 0 and 1/,
      );
      const labelled = engine.create(
        deepBeliefNet({ visible: bernoulli(5), hidden: [bernoulli(4)], label: softmax(2), top: bernoulli(3) }),
        { seed: 1 },
      );
      expect(refusal(() => labelled.logLikelihoodBound(row, { logPartition: 0, seed: 1 }))).toBe(
        'GRAPH_UNSUITABLE: The bound of a deep belief net is of the data alone, and this graph has labels.',
      );
    });
  });

  it('takes 12 units on each layer', () => {
    const layer = bernoulliLayer(12);
    const first = machine([layer], [layer], 6, 0.5);
    const rows = enumerateStates([layer]).filter((__, state) => state % 400 === 0);
    const found = greedyBound(tie(modelOf(engine, first)), rows);
    const exact = rows.map((row) => logLikelihood(first, [row]));
    rows.forEach((_, r) => {
      expect(Math.abs(found[r]! - exact[r]!)).toBeLessThan(1e-9);
    });
  });

  it('is refused in words', () => {
    const model = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => greedyBound(model, [[0, 1, 0]]))).toBe(
      'GRAPH_UNSUITABLE: The greedy bound is of two machines, layers `visible`, `h1` and `h2`; this graph has 1.',
    );
    expect(refusal(() => greedyBound(tie(model), [[0, 0.5, 0]]))).toBe(
      'DATA_INVALID: The greedy bound needs rows that are states of the layer `visible`; in row 0, column 1 is 0.5. `binarised()` makes states of intensities.',
    );
    expect(refusal(() => greedyBound(tie(model), [[0, 1]]))).toMatch(/^SHAPE_MISMATCH: /);
    const wide = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(17) }), { seed: 1 });
    expect(refusal(() => greedyBound(tie(wide), [[0, 1, 0]]))).toBe(
      'GRAPH_UNSUITABLE: The greedy bound lists the states of the layer `h1`, at most 65,536 of them (16 binary units); it has 17 units.',
    );
    const units = { visible: bernoulli(3), hidden: [bernoulli(2)], label: softmax(2), top: bernoulli(2) };
    expect(refusal(() => greedyBound(engine.create(deepBeliefNet(units), { seed: 1 }), [[0, 1, 0]]))).toBe(
      'GRAPH_UNSUITABLE: The greedy bound is of the data alone, and this graph has labels.',
    );
  });
});

describe('greedy learning', () => {
  const [VISIBLE, HIDDEN] = [6, 4];
  const SEEDS = Array.from({ length: 20 }, (_, k) => k + 1);

  /** Distinct rows, and a first machine that has learned them for a while. */
  function problem(seed: number): { readonly rows: number[][]; readonly first: Model } {
    const random = randomSource(1000 + seed);
    const states = enumerateStates([bernoulliLayer(VISIBLE)]);
    const rows = Array.from({ length: 8 }, () => states[random.below(states.length)]!);
    const graph = rbm({ visible: bernoulli(VISIBLE), hidden: bernoulli(HIDDEN) });
    const first = engine.create(graph, { seed, weightScale: 0.5 });
    learn(first, rows, exactGradient({ epochs: 400, learningRate: 0.5 }));
    return { rows, first };
  }

  function learn(model: Model, rows: number[][], algorithm: Parameters<Model['train']>[1], rowWeights?: number[]) {
    const data = engine.dataset(rowWeights === undefined ? { rows } : { rows, rowWeights });
    for (const _ of model.train(data, algorithm));
    data.free();
  }

  const shape: ReferenceRbm = machine([bernoulliLayer(VISIBLE)], [bernoulliLayer(HIDDEN)], 1);

  it.each(SEEDS)(
    'by exact steps with backtracking from the transposed start never lowers the bound (seed %i)',
    (seed) => {
      const { rows, first } = problem(seed);
      const second = transposed(first);
      const bound = () => {
        const stack = compose([first, second]);
        const found = mean(greedyBound(stack, rows));
        stack.free();
        return found;
      };
      const hidden = enumerateStates([bernoulliLayer(HIDDEN)]);
      const aggregated = aggregatedPosteriorOf(readParameters(first, shape), rows);
      const start = mean(first.logLikelihood(rows));
      let now = bound();
      expect(Math.abs(now - start)).toBeLessThan(1e-5);
      let [rate, taken, refused] = [1, 0, 0];
      const parameters = second.parameterSpecs.map(({ name }) => second.parameter(name));
      while (taken < 12 && refused < 8) {
        const before = parameters.map((parameter) => parameter.values());
        learn(second, hidden, exactGradient({ epochs: 1, learningRate: rate }), aggregated);
        const next = bound();
        if (next >= now) {
          [now, taken] = [next, taken + 1];
          continue;
        }
        parameters.forEach((parameter, k) => {
          parameter.set(before[k]!);
        });
        [rate, refused] = [rate / 2, refused + 1];
      }
      // Steps are found before they are so small that rounding decides, and they lead somewhere.
      expect(taken).toBe(12);
      expect(now).toBeGreaterThan(start + 1e-4);
      // What the bound bounds is above it, so that the likelihood has risen too.
      const stack = [
        readParameters(first, shape),
        readParameters(second, machine(shape.upper, shape.lower, 1)),
      ] as const;
      expect(mean(rows.map((row) => logLikelihoodOfStack(...stack, row)))).toBeGreaterThan(now);
    },
  );

  it('by contrastive divergence may lower it', () => {
    const falls = SEEDS.slice(0, 5).map((seed) => {
      const { rows, first } = problem(seed);
      const second = transposed(first);
      const before = mean(greedyBound(compose([first, second]), rows));
      const data = engine.dataset({ rows: Array.from({ length: 50 }, () => rows).flat() });
      const states = first.aggregatedPosterior(data, { seed });
      const cd = { epochs: 20, batchRows: 50, learningRate: 0.1, momentum: 0, weightCost: 0 };
      for (const _ of second.train(states, contrastiveDivergence(cd)));
      return mean(greedyBound(compose([first, second]), rows)) < before;
    });
    expect(falls).toContain(true);
  });
});

it('a phase of null leaves its machine as it is, and the next learns from it', () => {
  const first = engine.create(rbm({ visible: bernoulli(5), hidden: bernoulli(4) }), { seed: 1, weightScale: 0.5 });
  const net = tie(first, { units: 7, bias: -1 });
  const names = ['connections.visible-h1.weight', 'layers.visible.bias', 'layers.h1.recognition_bias'];
  const read = () => names.map((name) => net.parameter(name).values());
  const before = read();
  const top = net.parameter('connections.h1-h2.weight').values();
  const data = engine.dataset({ rows: enumerateStates([bernoulliLayer(5)]).slice(3, 20) });
  const algorithm = greedy([null, contrastiveDivergence({ epochs: 3, initialBias: 'keep' })]);
  expect([...net.train(data, algorithm)].map(({ phase, layer }) => [phase, layer])).toEqual(
    Array.from({ length: 3 }, () => [1, 'h2']),
  );
  expect(read()).toEqual(before);
  expect(net.parameter('connections.h1-h2.weight').values()).not.toEqual(top);
  expect(refusal(() => greedy([contrastiveDivergence(), null]))).toMatch(/^OPTION_INVALID: `greedy\(\)` takes/);
  for (const owned of [first, net, data]) owned.free();
});
