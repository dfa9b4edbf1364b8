/** `verify`: right models pass every check, and each check fails where what it looks at is wrong. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  binomial,
  deepBeliefNet,
  type Engine,
  gaussian,
  load,
  type Model,
  rbm,
  softmax,
  verify,
} from 'wakesleep';
import { Model as ModelClass } from '../../dist/model.js';
import { refusal } from '../files/refusal.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const GRAPHS = {
  'bernoulli × bernoulli': rbm({ visible: bernoulli(5), hidden: bernoulli(4) }),
  'softmax × binomial': rbm({ visible: softmax(2, 3), hidden: binomial(3, 4) }),
  'binomial × softmax': rbm({ visible: binomial(3, 5), hidden: softmax(2, 3) }),
  'a large one': rbm({ visible: bernoulli(300), hidden: bernoulli(200) }),
  'a net': deepBeliefNet({
    visible: bernoulli(30),
    hidden: [bernoulli(20), bernoulli(10)],
    label: softmax(4),
    top: bernoulli(12),
  }),
};

const create = (graph: (typeof GRAPHS)[keyof typeof GRAPHS]): Model =>
  engine.create(graph, { seed: 3, weightScale: 0.7 });

it.each(Object.entries(GRAPHS))('%s passes', (_, graph) => {
  const model = create(graph);
  const before = model.toBytes();
  const { passed, checks, words } = verify(model);
  expect(words).not.toContain('FAILED');
  expect(passed).toBe(true);
  expect(checks.length).toBe(6 * Math.max(1, graph.connections.length - (graph.layers.length > 3 ? 1 : 0)));
  // The model itself stays as it is.
  expect(model.toBytes()).toEqual(before);
  model.free();
});

it('is the same for the same seed', () => {
  const model = create(GRAPHS['a large one']);
  expect(verify(model, { seed: 8 })).toEqual(verify(model, { seed: 8 }));
  expect(verify(model, { seed: 8 }).words).not.toBe(verify(model, { seed: 9 }).words);
  expect(verify(model).words).toMatch(/^visible-hidden: 7 of 300 and 7 of 200 units, drawn/);
  model.free();
});

describe('a fault planted in the engine fails its check', () => {
  type Method =
    | 'freeEnergy'
    | 'logPartition'
    | 'meanHidden'
    | 'meanVisible'
    | 'sampleHidden'
    | 'sampleVisible'
    | 'train';
  const faults: [
    string,
    Method,
    (right: (...given: never[]) => unknown) => (this: Model, ...given: never[]) => unknown,
  ][] = [
    [
      'energies',
      'freeEnergy',
      (right) =>
        function (...given) {
          return (right.apply(this, given) as Float64Array).map((x) => x + 1e-3);
        },
    ],
    [
      'normalisation',
      'logPartition',
      (right) =>
        function (...given) {
          return (right.apply(this, given) as number) + 1e-3;
        },
    ],
    [
      'conditionals',
      'meanVisible',
      (right) =>
        function (...given) {
          return (right.apply(this, given) as Float32Array).map((x) => x * 1.001);
        },
    ],
    // Hidden states of the row before: chains whose two sides no longer belong together.
    [
      'stationarity',
      'sampleHidden',
      (right) =>
        function (...given) {
          const h = right.apply(this, given) as Float32Array;
          for (let place = 0; place < h.length; place += 4) h[place] = 1 - h[place]!;
          return h;
        },
    ],
    [
      'gradient',
      'train',
      (right) =>
        function (...given) {
          const [data, algorithm] = given as unknown as [unknown, object];
          return right.call(this, data as never, { ...algorithm, weightCost: 0.01 } as never);
        },
    ],
  ];
  it.each(faults)('%s', (name, method, fault) => {
    const model = create(GRAPHS['bernoulli × bernoulli']);
    const prototype = ModelClass.prototype as unknown as Record<string, (...given: never[]) => unknown>;
    const right = prototype[method]!;
    prototype[method] = fault(right);
    try {
      const failed = verify(model).checks.filter(({ passed }) => !passed);
      expect(failed.map((check) => check.name)).toContain(name);
    } finally {
      prototype[method] = right;
      model.free();
    }
  });
});

it('takes the largest seed', () => {
  const model = create(GRAPHS['bernoulli × bernoulli']);
  expect(verify(model, { seed: Number.MAX_SAFE_INTEGER }).passed).toBe(true);
  expect(verify(model, { seed: 0 }).passed).toBe(true);
  model.free();
});

it('refuses units whose states cannot be listed', () => {
  const model = engine.create(rbm({ visible: gaussian(3), hidden: bernoulli(2) }), { seed: 1 });
  expect(refusal(() => verify(model))).toBe(
    'GRAPH_UNSUITABLE: `verify` lists all states, and the layer `visible` has 3 Gaussian units, whose states it cannot list; it knows binary, softmax and binomial units.',
  );
  expect(refusal(() => verify(model, { chains: 10 }))).toMatch(/^OPTION_INVALID: /);
  expect(refusal(() => verify(model, { seeds: 1 } as never))).toMatch(/^OPTION_INVALID: /);
  model.free();
});
