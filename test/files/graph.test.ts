/** Graphs are checked when they are made, with an error that names what is at fault; their parameters survive a file. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  boltzmannMachine,
  deepBoltzmannMachine,
  type Engine,
  gaussian,
  load,
  rbm,
  readGraph,
  sigmoidBeliefNet,
  softmax,
} from 'wakesleep';
import { refusal } from './refusal.js';

const layer = (name: string, units: object = { type: 'bernoulli', units: 2 }) => ({ name, units });
const joined = (kind: string, lower: string, upper: string, more: object = {}) => ({ kind, lower, upper, ...more });
const graphOf = (connections: object[], layers = [layer('a'), layer('b'), layer('c')]) => ({ layers, connections });

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

describe('graphs are refused', () => {
  it.each<[string, object, string]>([
    [
      'whose directed connections go round',
      graphOf([joined('directed', 'a', 'b'), joined('directed', 'b', 'c'), joined('directed', 'c', 'a')]),
      'The directed connections go round in a circle, of which `b>a` is a part.',
    ],
    [
      'that join two layers twice',
      graphOf([joined('undirected', 'a', 'b'), joined('undirected', 'b', 'a')]),
      'The layers of `b-a` are connected twice.',
    ],
    [
      'that join two layers in two ways',
      graphOf([joined('undirected', 'a', 'b'), joined('directed', 'a', 'b')]),
      'The layers of `b>a` are connected twice.',
    ],
    [
      'in which a layer causes itself',
      graphOf([joined('directed', 'a', 'a')]),
      'The connection `a>a` joins a layer to itself, which only an undirected one may.',
    ],
    [
      'whose single units are not binary',
      graphOf([joined('undirected', 'a', 'a')], [layer('a', { type: 'gaussian', units: 2 })]),
      'The connection `a-a` joins single units, which must be binary; the layer `a` has 2 Gaussian units.',
    ],
    [
      'with directed edges',
      graphOf([joined('directed', 'a', 'b', { edges: { lower: [0], upper: [0] } })]),
      'The connection `b>a` is directed; only an undirected one may have `edges`.',
    ],
    [
      'with an edge of a unit that is not there',
      graphOf([joined('undirected', 'a', 'b', { edges: { lower: [0, 1], upper: [0, 2] } })]),
      'Edge 1 of `a-b` joins unit 1 to unit 2, and the layers have 2 and 2 units.',
    ],
    [
      'with an edge listed twice',
      graphOf([joined('undirected', 'a', 'b', { edges: { lower: [1, 1], upper: [0, 0] } })]),
      'Edge 1 of `a-b` joins unit 1 to unit 0, as an edge before it does.',
    ],
    [
      'with an edge of a unit to itself',
      graphOf([joined('undirected', 'a', 'a', { edges: { lower: [1], upper: [1] } })]),
      'Edge 0 of `a-a` joins unit 1 to unit 1; within a layer the first must be the smaller.',
    ],
  ])('%s', (_, graph, words) => {
    expect(refusal(() => readGraph('graph', graph))).toBe(`GRAPH_UNSUITABLE: ${words}`);
  });

  it('with more layers than draws have addresses for', () => {
    const layers = Array.from({ length: 257 }, (_, k) => layer(`l${k}`));
    expect(refusal(() => readGraph('graph', { layers, connections: [] }))).toBe(
      'GRAPH_UNSUITABLE: A graph has at most 256 layers and as many connections; got 257 and 0.',
    );
  });

  it('whose lists of edges differ in length', () => {
    const graph = graphOf([joined('undirected', 'a', 'b', { edges: { lower: [0], upper: [] } })]);
    expect(refusal(() => readGraph('graph', graph))).toBe(
      'OPTION_INVALID: `edges` must name as many lower units as upper ones; got 1 and 0.',
    );
  });

  it.each<[string, () => unknown, string]>([
    [
      'a belief net without hidden layers',
      () => sigmoidBeliefNet({ visible: bernoulli(2), hidden: [] }),
      '`hidden` must be a list of units that is not empty, lowest layer first; got an array of 0.',
    ],
    [
      'edges that are no pairs',
      () => boltzmannMachine({ visible: bernoulli(2), edges: [[0] as unknown as [number, number]] }),
      '`edges` must be a list of pairs of units, [0, 1] for example; got an array of 1.',
    ],
    [
      'an edge beyond the last unit',
      () => boltzmannMachine({ visible: bernoulli(2), hidden: bernoulli(1), edges: [[0, 3]] }),
      '`0.1` must be an integer from 0 to 2; got 3.',
    ],
  ])('%s', (_, make, words) => {
    expect(refusal(make)).toBe(`OPTION_INVALID: ${words}`);
  });
});

describe('constructors', () => {
  const names = (graph: Parameters<Engine['create']>[0]) => engine.create(graph, { seed: 1 }).parameterSpecs;

  it('name the parameters of a belief net by where connections lead', () => {
    const graph = sigmoidBeliefNet({ visible: bernoulli(4), hidden: [bernoulli(3), softmax(2)] });
    expect(names(graph)).toEqual([
      { name: 'layers.visible.bias', shape: [4] },
      { name: 'layers.h1.bias', shape: [3] },
      { name: 'layers.h1.recognition_bias', shape: [3] },
      { name: 'layers.h2.bias', shape: [2] },
      { name: 'layers.h2.recognition_bias', shape: [2] },
      { name: 'connections.h1>visible.weight', shape: [4, 3] },
      { name: 'connections.h2>h1.weight', shape: [3, 2] },
      { name: 'connections.visible>h1.weight', shape: [3, 4] },
      { name: 'connections.h1>h2.weight', shape: [2, 3] },
    ]);
  });

  it('sort the edges of a Boltzmann machine by the layers that they join', () => {
    const graph = boltzmannMachine({
      visible: bernoulli(3),
      hidden: bernoulli(2),
      edges: [
        [4, 0],
        [1, 2],
        [2, 3],
      ],
    });
    expect(graph.connections).toEqual([
      { kind: 'undirected', lower: 'visible', upper: 'visible', edges: { lower: [1], upper: [2] } },
      { kind: 'undirected', lower: 'visible', upper: 'hidden', edges: { lower: [0, 2], upper: [1, 0] } },
    ]);
  });
});

describe('parameters', () => {
  const graphs = {
    'a belief net': sigmoidBeliefNet({ visible: bernoulli(5), hidden: [bernoulli(3), bernoulli(18)] }),
    'a deep Boltzmann machine': deepBoltzmannMachine({ visible: gaussian(5), hidden: [bernoulli(3), softmax(4)] }),
    'a full Boltzmann machine': boltzmannMachine({ visible: bernoulli(17), hidden: bernoulli(3) }),
    'a sparse one': boltzmannMachine({
      visible: bernoulli(3),
      edges: [
        [0, 1],
        [1, 2],
      ],
    }),
  };

  it.each(Object.entries(graphs))('of %s are read, seen and saved as they were written', (_, graph) => {
    const model = engine.create(graph, { seed: 3, weightScale: 0.5 });
    const again = engine.open(model.toBytes());
    expect(again.graph).toEqual(graph);
    for (const { name, shape } of model.parameterSpecs) {
      const values = model.parameter(name).values();
      if (name.startsWith('connections')) expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0);
      expect(again.parameter(name).values()).toEqual(values);
      const view = again.parameter(name).view();
      const columns = shape[1] ?? 1;
      const seen = values.map((_, i) => view.values[view.at(Math.floor(i / columns), i % columns)]!);
      expect(seen).toEqual(values);
    }
    model.free();
    again.free();
  });

  it('within a layer are symmetric, with a diagonal of zero, and refused where they are not', () => {
    const model = engine.create(graphs['a full Boltzmann machine'], { seed: 3, weightScale: 0.5 });
    const weight = model.parameter('hidden-hidden.weight');
    const [, a, b] = weight.values() as unknown as [number, number, number];
    expect(weight.values()).toEqual(new Float32Array([0, a, b, a, 0, weight.values()[5]!, b, weight.values()[7]!, 0]));
    expect(refusal(() => weight.set([0, 1, 2, 1, 0, 3, 2, 4, 0]))).toBe(
      'OPTION_INVALID: `connections.hidden-hidden.weight` joins a layer to itself and must be symmetric, with a diagonal of zero; unit 2 to 1 is 4, and back 3.',
    );
    expect(refusal(() => weight.set([0, 0, 0, 0, 1, 0, 0, 0, 0]))).toMatch(/unit 1 to 1 is 1/);
    model.free();
  });

  it('keep the order of rows and columns of a directed connection', () => {
    const model = engine.create(graphs['a belief net'], { seed: 3 });
    const weight = model.parameter('h1>visible.weight');
    const values = Float32Array.from({ length: 15 }, (_, i) => i);
    weight.set(values);
    expect(weight.values()).toEqual(values);
    model.free();
  });
});

describe('what a restricted Boltzmann machine answers', () => {
  it('is refused for graphs that are none, naming the connection', () => {
    const model = engine.create(boltzmannMachine({ visible: bernoulli(2), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => model.sampleHidden([[0, 1]], { seed: 1 }))).toBe(
      'GRAPH_UNSUITABLE: A restricted Boltzmann machine joins every unit of one layer to every unit of another; `visible-visible` joins a layer to itself.',
    );
    model.free();
    expect(
      engine.create(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }), { seed: 1 }).freeEnergy([[0, 1]]).length,
    ).toBe(1);
  });
});
