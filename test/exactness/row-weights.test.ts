/** Rows that count twice are rows that stand there twice, for trainers that see all rows at once, and for learned variances. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  contrastiveDivergence,
  type Engine,
  exactGradient,
  expectationMaximisation,
  type Graph,
  gaussian,
  load,
  rbm,
  softmax,
} from 'wakesleep';
import { randomSource } from '../reference/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

function learned(
  graph: Graph,
  algorithm: Algorithm,
  rows: number[][],
  rowWeights?: number[],
): Map<string, Float32Array> {
  const data = engine.dataset({ rows, ...(rowWeights === undefined ? {} : { rowWeights }) });
  const model = engine.create(graph, { seed: 5, weightScale: 0.3 });
  for (const record of model.train(data, algorithm)) expect(record.updates).toBeGreaterThan(0);
  const found = new Map(model.parameterSpecs.map(({ name }) => [name, model.parameter(name).values()]));
  data.free();
  model.free();
  return found;
}

const [a, b] = [
  [1, 0, 1, 1],
  [0, 1, 0, 1],
];

it.each<[string, Graph, Algorithm]>([
  ['the exact gradient', rbm({ visible: bernoulli(4), hidden: bernoulli(3) }), exactGradient({ epochs: 20 })],
  [
    'expectation maximisation',
    rbm({ visible: bernoulli(4), hidden: softmax(2) }),
    expectationMaximisation({ epochs: 5 }),
  ],
])('%s', (_, graph, algorithm) => {
  // The rows are the same three throughout, since mixtures start near rows.
  const rows = [a!, a!, b!];
  const twice = learned(graph, algorithm, rows);
  const weighed = learned(graph, algorithm, rows, [2, 0, 1]);
  const alike = learned(graph, algorithm, rows, [1, 0, 3]);
  let apart = 0;
  for (const [name, values] of twice) {
    values.forEach((value, place) => {
      expect(Math.abs(weighed.get(name)![place]! - value)).toBeLessThan(1e-4);
      apart = Math.max(apart, Math.abs(alike.get(name)![place]! - value));
    });
  }
  expect(apart).toBeGreaterThan(0.01);
});

it('learned variances follow the rows that count', () => {
  // Narrow rows count, wide ones hardly; hidden units have nothing to explain.
  const random = randomSource(8);
  const rows = Array.from({ length: 4000 }, (_, row) => [(row % 2 === 0 ? 0.5 : 4) * random.normal()]);
  const graph = rbm({ visible: gaussian(1, { variance: 'learned', varianceRate: 1 }), hidden: bernoulli(1) });
  const algorithm = contrastiveDivergence({ epochs: 40, learningRate: 0.02 });
  const weights = rows.map((_, row) => (row % 2 === 0 ? 1 : 0));
  const variance = (found: Map<string, Float32Array>) => Math.exp(found.get('layers.visible.log_variance')![0]!);
  expect(variance(learned(graph, algorithm, rows, weights))).toBeLessThan(0.4);
  expect(variance(learned(graph, algorithm, rows))).toBeGreaterThan(1);
});
