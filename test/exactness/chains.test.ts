/** Chains over time: what `every` gives after n sweeps is what `sweeps: n` gives, for every kind of layer that holds data. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  boltzmannMachine,
  deepBeliefNet,
  deepBoltzmannMachine,
  type Engine,
  type Graph,
  gaussian,
  load,
  type Model,
  rbm,
  replicatedSoftmax,
  type SampleOptions,
  sigmoidBeliefNet,
  softmax,
} from 'wakesleep';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const stack = deepBeliefNet({
  visible: bernoulli(20),
  hidden: [bernoulli(17), bernoulli(9)],
  label: softmax(4),
  top: bernoulli(12),
});
const deep = deepBoltzmannMachine({ visible: bernoulli(6), hidden: [bernoulli(5), bernoulli(4), bernoulli(3)] });
const free = Number.NaN;
const clamp = { visible: [1, free, 0, free, free, free], h2: [free, 1, null, free] };
const graphs: [string, Graph, Partial<SampleOptions>][] = [
  ['binary units', rbm({ visible: bernoulli(20), hidden: bernoulli(17) }), {}],
  ['real numbers', rbm({ visible: gaussian(5, { variance: 'learned' }), hidden: bernoulli(9) }), {}],
  ['counts', rbm({ visible: replicatedSoftmax(6), hidden: bernoulli(5) }), { length: 12 }],
  ['a stack with a clamped label', stack, { clamp: { label: [0, 3, 1] } }],
  ['a stack with a free label', stack, {}],
  ['a deep Boltzmann machine', deep, {}],
  ['a deep Boltzmann machine with units clamped', deep, { clamp }],
  ['a hidden layer with units clamped', deep, { clamp, layer: 'h2' }],
  ['deep real numbers', deepBoltzmannMachine({ visible: gaussian(5), hidden: [bernoulli(4), bernoulli(3)] }), {}],
  ['a general Boltzmann machine', boltzmannMachine({ visible: bernoulli(6), hidden: bernoulli(4) }), {}],
];
const ROWS = 3;

/** Rows and columns of one snapshot out of `[rows, snapshots, units]`. */
function snapshotOf(values: Float32Array, snapshots: number, snapshot: number): number[] {
  const units = values.length / ROWS / snapshots;
  return Array.from({ length: ROWS }, (_, row) => {
    const first = (row * snapshots + snapshot) * units;
    return [...values.subarray(first, first + units)];
  }).flat();
}

describe.each(graphs)('chains of %s', (_, graph, more) => {
  let model: Model;
  beforeAll(() => {
    // Weights of this size make a draw depend on the one before it.
    model = engine.create(graph, { seed: 2, weightScale: 0.7 });
  });

  it.each(['means', 'states'] as const)('give %s at each of their places', (give) => {
    const options = { rows: ROWS, seed: 4, give, ...more };
    const over = model.sample({ ...options, sweeps: 12, every: 3 });
    const alone = [3, 6, 9, 12].map((sweeps) => [...model.sample({ ...options, sweeps })]);
    expect(alone.map((__, snapshot) => snapshotOf(over, 4, snapshot))).toEqual(alone);
    // Chains that stood still would pass too.
    expect(new Set(alone.map(String)).size).toBeGreaterThan(1);
    expect([...model.sample({ ...options, sweeps: 12, every: 12 })]).toEqual(alone[3]);
  });
});

it('a belief net has no chains to look at', () => {
  const model = engine.create(sigmoidBeliefNet({ visible: bernoulli(3), hidden: [bernoulli(2)] }), { seed: 1 });
  expect(() => model.sample({ seed: 1, sweeps: 10, every: 5 })).toThrow('sample() has no option `every`');
  model.free();
});

it('`every` must divide `sweeps`', () => {
  const model = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 1 });
  expect(() => model.sample({ seed: 1, sweeps: 10, every: 4 })).toThrow(
    '`every` must be a divisor of `sweeps`, which is 10; got 4.',
  );
  expect(() => model.sample({ seed: 1, every: 0 })).toThrow('`every` must be an integer of at least 1; got 0.');
  model.free();
});

it('`anneal` is a part of `sweeps`, of machines alone', () => {
  const model = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 1 });
  expect(() => model.sample({ seed: 1, sweeps: 10, anneal: 11 })).toThrow(
    '`anneal` must be an integer from 0 to 10; got 11.',
  );
  expect(() => model.sample({ seed: 1, sweeps: 10, anneal: -1 })).toThrow(
    '`anneal` must be an integer from 0 to 10; got -1.',
  );
  expect([...model.sample({ seed: 1, rows: 20, anneal: 0 })]).toEqual([...model.sample({ seed: 1, rows: 20 })]);
  model.free();
  const net = engine.create(sigmoidBeliefNet({ visible: bernoulli(3), hidden: [bernoulli(2)] }), { seed: 1 });
  expect(() => net.sample({ seed: 1, anneal: 5 })).toThrow('sample() has no option `anneal`');
  net.free();
});
