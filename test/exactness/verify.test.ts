/** `verify`: right models pass every check, and each check fails where what it looks at is wrong. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  binomial,
  deepBeliefNet,
  type Engine,
  type Graph,
  gaussian,
  load,
  type Model,
  rbm,
  softmax,
  truncatedNormal,
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

const create = (graph: Graph): Model => engine.create(graph, { seed: 3, weightScale: 0.7 });

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

/** Lower units that are integrated, with deviations and biases of their own. */
const REAL: [string, Graph, Record<string, number[]>][] = [
  ['gaussian × bernoulli', rbm({ visible: gaussian(4), hidden: bernoulli(4) }), { 'visible.bias': [-1, 0, 1, 2] }],
  [
    'gaussian with learned variances × softmax',
    rbm({ visible: gaussian(4, { variance: 'learned' }), hidden: softmax(2, 3) }),
    { 'layers.visible.log_variance': [-3, -1, 0, 2], 'visible.bias': [3, 0, -1, 0.5] },
  ],
  [
    'standardised columns of very different scales × binomial',
    rbm({ visible: gaussian(4, { variance: 'learned', standardise: true }), hidden: binomial(2, 3) }),
    {
      'layers.visible.log_variance': [-2, -1, 0, 1],
      'layers.visible.data_mean': [1e3, -5, 0, 1e-4],
      'layers.visible.data_deviation': [100, 2, 1e-6, 1e-3],
    },
  ],
  [
    'truncated normal × bernoulli',
    rbm({ visible: truncatedNormal(4), hidden: bernoulli(3) }),
    { 'visible.bias': [-8, -1, 0, 2] },
  ],
  ['a large one of pixels', rbm({ visible: gaussian(300), hidden: bernoulli(200) }), {}],
  [
    'a net over real numbers',
    deepBeliefNet({ visible: gaussian(20, { variance: 'learned' }), hidden: [bernoulli(10), bernoulli(5)] }),
    {},
  ],
];

const createReal = (index: number): Model => {
  const [, graph, vectors] = REAL[index]!;
  const model = engine.create(graph, { seed: 3, weightScale: 0.7 });
  for (const [name, values] of Object.entries(vectors)) model.parameter(name).set(values);
  return model;
};

it.each(REAL.map(([name], index) => [name, index] as const))('%s passes', (_, index) => {
  const model = createReal(index);
  const before = model.toBytes();
  const { passed, checks, words } = verify(model, { chains: 20_000 });
  expect(words).not.toContain('FAILED');
  expect(passed).toBe(true);
  expect(checks.length).toBe(6 * model.graph.connections.length);
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

describe('a fault planted under real-valued units fails its check', () => {
  type Rows = Float32Array;
  const prototype = ModelClass.prototype;
  const right = {
    freeEnergy: prototype.freeEnergy,
    logPartition: prototype.logPartition,
    meanHidden: prototype.meanHidden,
    sampleHidden: prototype.sampleHidden,
    sampleVisible: prototype.sampleVisible,
    train: prototype.train,
  };
  const faults: [string, string, Partial<typeof right>][] = [
    [
      'energies',
      'the square of the state forgotten',
      {
        freeEnergy(this: Model, rows) {
          return right.freeEnergy.call(this, rows).map((x, row) => x - 0.001 * (rows as number[][])[row]![0]! ** 2);
        },
      },
    ],
    [
      'normalisation',
      'a log Z a little too large',
      {
        logPartition(this: Model, options) {
          return right.logPartition.call(this, options) + 1e-3;
        },
      },
    ],
    [
      'conditionals',
      'hidden means a little too large',
      {
        meanHidden(this: Model, rows, options) {
          return right.meanHidden.call(this, rows, options).map((x) => Math.min(1, x + 1e-3));
        },
      },
    ],
    [
      'stationarity',
      'noise that is a twentieth too strong',
      {
        sampleVisible(this: Model, hidden, options) {
          const means = this.meanVisible(hidden);
          const least = this.graph.layers[0]!.units.type === 'truncatedNormal' ? 0 : Number.NEGATIVE_INFINITY;
          return right.sampleVisible.call(this, hidden, options).map((x, place) => {
            return Math.max(least, means[place]! + 1.05 * (x - means[place]!));
          });
        },
      },
    ],
    [
      'stationarity',
      'the hidden states of another chain',
      {
        sampleVisible(this: Model, hidden, options) {
          const units = this.parameter('upper.bias').shape[0]!;
          const moved = (hidden as Rows).slice();
          moved.set((hidden as Rows).subarray(units));
          return right.sampleVisible.call(this, moved, options);
        },
      },
    ],
    [
      'stationarity',
      'hidden units that are too seldom on',
      {
        sampleHidden(this: Model, rows, options) {
          return right.sampleHidden.call(this, rows, options).map((x, place) => (place % 37 === 0 ? 0 : x));
        },
      },
    ],
    [
      'gradient',
      'a cost that nobody asked for',
      {
        train(this: Model, data, algorithm, options) {
          return right.train.call(this, data, { ...algorithm, weightCost: 0.01 } as typeof algorithm, options);
        },
      },
    ],
  ];

  it.each(faults.flatMap(([name, what, fault]) => [0, 3].map((of) => [name, what, REAL[of]![0], of, fault] as const)))(
    '%s: %s, %s',
    (name, _what, _of, index, fault) => {
      // Groups of softmax units must keep exactly one on.
      if ('sampleHidden' in fault && index === 1) return;
      const model = createReal(index);
      Object.assign(prototype, fault);
      try {
        const failed = verify(model, { chains: 20_000 }).checks.filter(({ passed }) => !passed);
        const names = failed.map((check) => check.name);
        expect(names).toContain(name);
        // Densities are made of free energies; nothing else hangs together.
        expect(names.filter((other) => other !== name && other !== 'normalisation')).toEqual([]);
      } finally {
        Object.assign(prototype, right);
        model.free();
      }
    },
  );
});

it('takes the largest seed', () => {
  const model = create(GRAPHS['bernoulli × bernoulli']);
  expect(verify(model, { seed: Number.MAX_SAFE_INTEGER }).passed).toBe(true);
  expect(verify(model, { seed: 0 }).passed).toBe(true);
  model.free();
});

it('refuses units whose states can be neither listed nor integrated', () => {
  const model = engine.create(rbm({ visible: bernoulli(3), hidden: gaussian(2) }), { seed: 1 });
  expect(refusal(() => verify(model))).toBe(
    'GRAPH_UNSUITABLE: `verify` lists all states, and the layer `hidden` has 2 Gaussian units, whose states it cannot list; it knows binary, softmax and binomial units, and real-valued ones below them.',
  );
  expect(refusal(() => verify(model, { chains: 10 }))).toMatch(/^OPTION_INVALID: /);
  expect(refusal(() => verify(model, { seeds: 1 } as never))).toMatch(/^OPTION_INVALID: /);
  model.free();
});
