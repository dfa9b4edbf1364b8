/**
 * Feed-forward networks: gradients against differences in f64, what options do, networks made of stacks, the same bits over
 * threads and through a kill.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  autoencoder,
  backpropagation,
  bernoulli,
  classifier,
  conjugateGradient,
  contrastiveDivergence,
  type Dataset,
  deepBeliefNet,
  type Engine,
  type Graph,
  gaussian,
  greedy,
  load,
  type Model,
  network,
  relu,
  softmax,
  type TrainingRecord,
  tanh,
  type Units,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { differences, type Masks, type Means, meanLoss, outputsOf, type ReferenceLayer } from '../reference/network.js';
import { randomSource } from '../reference/random.js';

let engine: Engine;
let two: Engine;
let three: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  two = await load({ threads: 2 });
  three = await load({ threads: 3 });
});
afterAll(() => {
  for (const owned of [engine, two, three]) owned.close();
});

const rectified = (units: number) => relu(units, { noise: 'none' });
const MEANS: Record<string, Means> = {
  bernoulli: 'logistic',
  tanh: 'tanh',
  relu: 'rectified',
  gaussian: 'linear',
  softmax: 'softmax',
};

/** Rows in [0, 1], some numbers 0, with three classes. */
function rowsOf(count: number, width: number, seed = 5): { rows: number[][]; labels: number[] } {
  const source = randomSource(seed);
  return {
    rows: Array.from({ length: count }, () =>
      Array.from({ length: width }, () => (source.bernoulli(0.4) === 1 ? 0 : Math.fround(source.uniform()))),
    ),
    labels: Array.from({ length: count }, () => source.below(3)),
  };
}

function datasetOf(where: Engine, count: number, width: number, seed?: number): Dataset {
  const { rows, labels } = rowsOf(count, width, seed);
  return where.dataset({ rows, labels: Uint8Array.from(labels), classes: 3 });
}

/** A model's layers as the reference has them. */
function referenceOf(model: Model): ReferenceLayer[] {
  return model.graph.connections.map(({ lower, upper }) => {
    const width = model.graph.layers.find(({ name }) => name === lower)!.units as unknown as { units: number };
    const weights = Array.from(model.parameter(`connections.${lower}>${upper}.weight`).values());
    const bias = Array.from(model.parameter(`layers.${upper}.bias`).values());
    const { units } = model.graph.layers.find(({ name }) => name === upper)!;
    return {
      weights: bias.map((_, j) => weights.slice(j * width.units, (j + 1) * width.units)),
      bias,
      means: MEANS[units.type]!,
    };
  });
}

const targetsOf = (graph: Graph, rows: number[][], labels: number[]) =>
  graph.layers.at(-1)!.name === 'label' ? labels.map((label) => [0, 1, 2].map((k) => (k === label ? 1 : 0))) : rows;

/** What one update at a rate of 1 moves, by parameter. */
function moved(model: Model, data: Dataset, algorithm: Algorithm): Map<string, Float32Array> {
  const before = new Map(model.parameters.specs.map(({ name }) => [name, model.parameter(name).values()]));
  expect([...model.train(data, algorithm)].at(-1)!.updates).toBe(1);
  return new Map(
    [...before].map(([name, values]) => {
      const after = model.parameter(name).values();
      return [name, after.map((x, i) => x - values[i]!)];
    }),
  );
}

const once = { epochs: 1, batchRows: 1000, learningRate: 1, momentum: 0 };
const outputs: [string, (width: number) => { label?: Units; reconstruction?: Units }][] = [
  ['labels', () => ({ label: softmax(3) })],
  ['rows as probabilities', (width) => ({ reconstruction: bernoulli(width) })],
  ['rows as numbers', (width) => ({ reconstruction: gaussian(width) })],
];
const hidden: [string, (units: number) => Units][] = [
  ['logistic', bernoulli],
  ['tanh', tanh],
  ['rectified', rectified],
  ['linear', gaussian],
];

/** Sums in f32 over rows and layers, of numbers about 1. */
const TOLERANCE = 4e-6;

describe.each(hidden)('%s hidden units', (_, units) => {
  describe.each(outputs)('against %s', (_name, output) => {
    // Sizes on both sides of a panel of 16 units.
    it.each([
      [3, 5, 4, 9],
      [17, 16, 18, 7],
    ])('%i-%i-%i with %i rows: one update is the gradient by differences', (width, first, second, count) => {
      const visible = output(width).label === undefined ? bernoulli(width) : gaussian(width);
      const graph = network({ visible, hidden: [units(first), units(second)], ...output(width) });
      const { rows, labels } = rowsOf(count, width);
      const model = engine.create(graph, { seed: 3, weightScale: 0.5 });
      const layers = referenceOf(model);
      const targets = targetsOf(graph, rows, labels);
      const expected = differences(layers, rows, targets);
      const loss = meanLoss(layers, rows, targets);
      const data = datasetOf(engine, count, width);
      const means = model.meanHidden(data, { layer: 'h2' });
      rows.forEach((row, r) => {
        outputsOf(layers, row)[2]!.forEach((mean, j) => {
          expect(Math.abs(means[r * second + j]! - mean)).toBeLessThan(TOLERANCE * (1 + Math.abs(mean)));
        });
      });
      const copy = engine.open(model.toBytes());
      const [record] = copy.train(data, backpropagation(once));
      expect(record!.loss).toBeCloseTo(loss, 4);
      const steps = moved(model, data, backpropagation(once));
      graph.connections.forEach(({ lower, upper }, index) => {
        const weights = steps.get(`connections.${lower}>${upper}.weight`)!;
        expected[index]!.weights.flat().forEach((slope, i) => {
          expect(Math.abs(weights[i]! + slope)).toBeLessThan(TOLERANCE);
        });
        const bias = steps.get(`layers.${upper}.bias`)!;
        expected[index]!.bias.forEach((slope, j) => {
          expect(Math.abs(bias[j]! + slope)).toBeLessThan(TOLERANCE);
        });
      });
      for (const owned of [model, copy, data]) owned.free();
    });
  });
});

it.each(hidden)('a case in which %s units are left out learns by the slope of what is left', (_, units) => {
  const [width, first, second] = [6, 20, 19];
  const graph = network({ visible: gaussian(width), hidden: [units(first), units(second)], label: softmax(3) });
  const { rows, labels } = rowsOf(1, width);
  const data = engine.dataset({ rows, labels: Uint8Array.from(labels), classes: 3 });
  const model = engine.create(graph, { seed: 3, weightScale: 0.5 });
  model.parameter('layers.h1.bias').set(new Float32Array(first).fill(0.3));
  model.parameter('layers.h2.bias').set(new Float32Array(second).fill(0.3));
  const layers = referenceOf(model);
  const targets = targetsOf(graph, rows, labels);
  const steps = moved(model, data, backpropagation({ ...once, dropout: 0.5 }));
  // A unit that is left out feeds nothing, so the weights out of it do not move; nor do those out of rectified units at 0.
  const feeds = (lower: string, upper: string, count: number) => {
    const weights = steps.get(`connections.${lower}>${upper}.weight`)!;
    return Array.from({ length: count }, (_unit, i) => {
      for (let place = i; place < weights.length; place += count) if (weights[place] !== 0) return 2;
      return 0;
    });
  };
  const masks: Masks = [undefined, feeds('h1', 'h2', first), feeds('h2', 'label', second)];
  for (const mask of masks.slice(1)) {
    expect(mask).toContain(0);
    expect(mask).toContain(2);
  }
  const expected = differences(layers, rows, targets, [masks]);
  graph.connections.forEach(({ lower, upper }, index) => {
    const weights = steps.get(`connections.${lower}>${upper}.weight`)!;
    expected[index]!.weights.flat().forEach((slope, i) => {
      expect(Math.abs(weights[i]! + slope)).toBeLessThan(2 * TOLERANCE);
    });
  });
  for (const owned of [model, data]) owned.free();
});

const GRAPH = network({ visible: bernoulli(20), hidden: [bernoulli(18), rectified(17)], label: softmax(3) });

function trained(where: Engine, algorithm: Algorithm, graph: Graph = GRAPH): { bytes: Uint8Array; records: unknown[] } {
  const [data, heldOut] = [datasetOf(where, 43, 20), datasetOf(where, 30, 20, 8)];
  const model = where.create(graph, { seed: 9 });
  const records = withoutTimes(model.train(data, algorithm, { heldOut }));
  const bytes = model.toBytes();
  for (const owned of [model, data, heldOut]) owned.free();
  return { bytes, records };
}

function withoutTimes(run: Iterable<TrainingRecord>): unknown[] {
  return [...run].map(({ timing: _, ...record }) => record);
}

const autoencoding = network({
  visible: bernoulli(20),
  hidden: [tanh(12), gaussian(3), tanh(12)],
  reconstruction: bernoulli(20),
});
const algorithms: [string, Algorithm, Graph][] = [
  ['momentum', backpropagation({ epochs: 3, batchRows: 10, weightCost: 0.01, l1Cost: 1e-4, maxNorm: 2 }), GRAPH],
  [
    'Adam, dropout, averaging',
    backpropagation({
      epochs: 3,
      batchRows: 10,
      optimiser: 'adam',
      dropout: { visible: 0.2, hidden: 0.5 },
      averaging: 0.9,
    }),
    GRAPH,
  ],
  [
    'Nesterov, gentle, output alone',
    backpropagation({ epochs: 3, batchRows: 10, optimiser: 'nesterov', layerRates: [0.1, 0.3, 1], outputAlone: 1 }),
    GRAPH,
  ],
  ['patience', backpropagation({ epochs: 30, batchRows: 10, learningRate: 2, patience: 2 }), GRAPH],
  ['drawn rows', backpropagation({ epochs: 3, batchRows: 10, data: 'states' }), autoencoding],
  ['conjugate gradients', conjugateGradient({ epochs: 3, batchRows: 20, weightCost: 0.001, outputAlone: 1 }), GRAPH],
];

describe.each(algorithms)('%s', (_, algorithm, graph) => {
  it('gives the same bits with one thread, two and three', () => {
    const one = trained(engine, algorithm, graph);
    expect(trained(two, algorithm, graph)).toEqual(one);
    expect(trained(three, algorithm, graph)).toEqual(one);
    expect(one.records.length).toBeGreaterThan(2);
  });

  it('gives the same bits when a run is killed at any batch and goes on from its checkpoint', () => {
    const whole = trained(engine, algorithm, graph);
    const [data, heldOut] = [datasetOf(engine, 43, 20), datasetOf(engine, 30, 20, 8)];
    for (let kill = 0; kill <= 20; kill += 3) {
      const model = engine.create(graph, { seed: 9 });
      const run = model.train(data, algorithm, { heldOut });
      const stepwise = run as unknown as { step(): TrainingRecord | undefined | 'end' };
      const records: unknown[] = [];
      for (let step = 0; step < kill; step += 1) {
        const found = stepwise.step();
        if (found === 'end') break;
        if (found !== undefined) records.push(...withoutTimes([found]));
      }
      const bytes = run.toBytes();
      run.free();
      const resumed = engine.resume(bytes, data, { heldOut });
      records.push(...withoutTimes(resumed));
      expect(records).toEqual(whole.records);
      expect(resumed.model.toBytes()).toEqual(whole.bytes);
      for (const owned of [model, resumed.model]) owned.free();
    }
    for (const owned of [data, heldOut]) owned.free();
  });
});

it('patience stops early and takes the best parameters back', () => {
  const [data, heldOut] = [datasetOf(engine, 43, 20), datasetOf(engine, 30, 20, 8)];
  const model = engine.create(GRAPH, { seed: 9 });
  const algorithm = backpropagation({ epochs: 200, batchRows: 10, learningRate: 0.5, patience: 5 });
  const records = [...model.train(data, algorithm, { heldOut })];
  expect(records.length).toBeLessThan(200);
  const best = Math.min(...records.map(({ heldOutErrorPercent }) => heldOutErrorPercent!));
  const { labels } = model.classify(heldOut);
  const wrong = heldOut.labels().filter((label, row) => label !== labels[row]).length;
  expect((100 * wrong) / heldOut.rows).toBeCloseTo(best, 10);
  const first = records.findIndex(({ heldOutErrorPercent }) => heldOutErrorPercent === best);
  expect(records.length - 1 - first).toBeGreaterThanOrEqual(5);
  for (const owned of [model, data, heldOut]) owned.free();
});

it('layers at a rate of 0, and all but the output while it learns alone, keep their bits', () => {
  const data = datasetOf(engine, 43, 20);
  const names = ['connections.visible>h1.weight', 'layers.h1.bias', 'connections.h1>h2.weight', 'layers.h2.bias'];
  const read = (model: Model) => names.map((name) => model.parameter(name).values());
  for (const options of [{ layerRates: [0, 0, 1] }, { outputAlone: 2 }]) {
    const model = engine.create(GRAPH, { seed: 9 });
    const before = read(model);
    const output = model.parameter('connections.h2>label.weight').values();
    for (const _ of model.train(data, backpropagation({ epochs: 2, batchRows: 10, ...options })));
    expect(read(model)).toEqual(before);
    expect(model.parameter('connections.h2>label.weight').values()).not.toEqual(output);
    model.free();
  }
  data.free();
});

describe('conjugate gradients', () => {
  it('find the least squares that a linear network can reach', () => {
    const source = randomSource(2);
    // Two directions carry nearly all: a code of two linear units reaches what is left of the third and noise.
    const rows = Array.from({ length: 40 }, () => {
      const [a, b] = [source.normal(), source.normal()];
      return [a, b, a + b, a - b].map((x) => x + 0.1 * source.normal());
    });
    const data = engine.dataset({ rows });
    const graph = network({ visible: gaussian(4), hidden: [gaussian(2)], reconstruction: gaussian(4) });
    const model = engine.create(graph, { seed: 1 });
    const records = [...model.train(data, conjugateGradient({ epochs: 15, batchRows: 40, lineSearches: 10 }))];
    expect(records.at(-1)!.loss).toBeCloseTo(leastError(rows, 2) / 2, 4);
    for (const owned of [model, data]) owned.free();
  });

  it('never leave a batch with a greater loss than it was met with', () => {
    const data = datasetOf(engine, 43, 20);
    const model = engine.create(GRAPH, { seed: 9 });
    const losses = [...model.train(data, conjugateGradient({ epochs: 12, batchRows: 43 }))].map(({ loss }) => loss!);
    losses.slice(1).forEach((loss, index) => {
      expect(loss).toBeLessThanOrEqual(losses[index]!);
    });
    expect(losses.at(-1)!).toBeLessThan(0.2 * losses[0]!);
    for (const owned of [model, data]) owned.free();
  });
});

/** The mean squared error of rows about their mean that the best `kept` directions leave: by power iteration and deflation. */
function leastError(rows: number[][], kept: number): number {
  const width = rows[0]!.length;
  const mean = Array.from({ length: width }, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
  const covariance = Array.from({ length: width }, (_, i) =>
    Array.from(
      { length: width },
      (_other, j) => rows.reduce((sum, row) => sum + (row[i]! - mean[i]!) * (row[j]! - mean[j]!), 0) / rows.length,
    ),
  );
  let rest = covariance.reduce((sum, line, i) => sum + line[i]!, 0);
  for (let direction = 0; direction < kept; direction += 1) {
    let v = Array.from({ length: width }, (_, i) => 1 + i / 7);
    let value = 0;
    for (let round = 0; round < 5000; round += 1) {
      const next = covariance.map((line) => line.reduce((sum, c, j) => sum + c * v[j]!, 0));
      value = Math.hypot(...next);
      v = next.map((x) => x / value);
    }
    rest -= value;
    covariance.forEach((line, i) => {
      line.forEach((_c, j) => {
        line[j]! -= value * v[i]! * v[j]!;
      });
    });
  }
  return rest;
}

describe('networks made of stacks', () => {
  const stack = deepBeliefNet({ visible: bernoulli(20), hidden: [bernoulli(18), bernoulli(6)] });
  function stackTrained(graph = stack): Model {
    const data = datasetOf(engine, 43, 20);
    const model = engine.create(graph, { seed: 4, weightScale: 0.3 });
    const phase = contrastiveDivergence({ epochs: 3, batchRows: 10 });
    for (const _ of model.train(
      data,
      greedy(graph.connections.some(({ lower }) => lower === 'label') ? [phase, phase] : [phase, phase]),
    ));
    data.free();
    return model;
  }

  it('a classifier has the means of the stack in its hidden layers, and learns', () => {
    const model = stackTrained();
    const data = datasetOf(engine, 43, 20);
    const net = classifier(model, { label: softmax(3) });
    expect(net.meanHidden(data, { layer: 'h1' })).toEqual(model.meanHidden(data, { layer: 'h1' }));
    expect(net.meanHidden(data)).toEqual(model.meanHidden(data, { layer: 'h2' }));
    const records = [...net.train(data, backpropagation({ epochs: 200, batchRows: 10, learningRate: 0.3 }))];
    expect(records.at(-1)!.loss!).toBeLessThan(0.5 * records[0]!.loss!);
    for (const owned of [model, net, data]) owned.free();
  });

  it('a classifier of a stack with labels begins with its weights to them', () => {
    const graph = deepBeliefNet({
      visible: bernoulli(20),
      hidden: [bernoulli(18)],
      label: softmax(3),
      top: bernoulli(30),
    });
    const model = stackTrained(graph);
    const net = classifier(model);
    const [up, label] = ['connections.h2>label.weight', 'connections.label-h2.weight'].map((name, index) =>
      (index === 0 ? net : model).parameter(name).values(),
    ) as [Float32Array, Float32Array];
    for (let unit = 0; unit < 30; unit += 1) {
      for (let k = 0; k < 3; k += 1) expect(up[k * 30 + unit]).toBe(label[unit * 3 + k]);
    }
    for (const owned of [model, net]) owned.free();
  });

  it("an autoencoder gives the stack's reconstruction, has a code, and learns to do better", () => {
    const model = stackTrained();
    const data = datasetOf(engine, 43, 20);
    const net = autoencoder(model);
    expect(net.graph.layers.map(({ name }) => name)).toEqual(['visible', 'h1', 'code', 'd1', 'reconstruction']);
    expect(net.reconstruct(data)).toEqual(model.reconstruct(data));
    expect(net.meanHidden(data)).toEqual(model.meanHidden(data, { layer: 'h2' }));
    const linear = autoencoder(model, { code: 'linear' });
    const inputs = linear.meanHidden(data);
    net.meanHidden(data).forEach((mean, i) => {
      expect(1 / (1 + Math.exp(-inputs[i]!))).toBeCloseTo(mean, 6);
    });
    const records = [...net.train(data, backpropagation({ epochs: 100, batchRows: 10 }))];
    expect(records.at(-1)!.reconstructionError).toBeLessThan(0.7 * records[0]!.reconstructionError);
    for (const owned of [model, net, linear, data]) owned.free();
  });

  it('rectified units lose their noise, and a code may be larger than what it codes', () => {
    const model = engine.create(
      deepBeliefNet({ visible: gaussian(4, { standardise: true }), hidden: [relu(9), relu(30)] }),
      { seed: 1 },
    );
    const net = autoencoder(model);
    expect(net.graph.layers.map(({ units }) => units.type)).toEqual(['gaussian', 'relu', 'relu', 'relu', 'gaussian']);
    expect(net.graph.layers[1]!.units).toMatchObject({ noise: 'none' });
    const rows = rowsOf(5, 4).rows.map((row) => row.map((x) => 10 * x - 3));
    expect(net.reconstruct(rows)).toHaveLength(20);
    for (const owned of [model, net]) owned.free();
  });
});

describe('refusals', () => {
  const refused = (graph: Graph, algorithm: Algorithm, options: { data?: Dataset; heldOut?: Dataset } = {}) => {
    const data = options.data ?? datasetOf(engine, 12, 4);
    const model = engine.create(graph, { seed: 1 });
    try {
      const { heldOut } = options;
      return refusal(() => [...model.train(data, algorithm, heldOut === undefined ? {} : { heldOut })]);
    } finally {
      model.free();
    }
  };
  const small = network({ visible: bernoulli(4), hidden: [bernoulli(3)], label: softmax(3) });

  it('graphs without an upward path', () => {
    const graph = deepBeliefNet({ visible: bernoulli(4), hidden: [bernoulli(3)], label: softmax(3) });
    expect(refused(graph, backpropagation())).toBe(
      'GRAPH_UNSUITABLE: Backpropagation needs a feed-forward network, all connections forward; `visible-h1` is undirected.',
    );
    expect(refused(graph, conjugateGradient())).toBe(
      'GRAPH_UNSUITABLE: Training by conjugate gradients needs a feed-forward network, all connections forward; `visible-h1` is undirected.',
    );
    expect(refused(small, contrastiveDivergence())).toMatch(/^GRAPH_UNSUITABLE: .*forward/);
  });

  it('units without a slope or a loss', () => {
    const layers = (units: Units, label: Units = softmax(3)) =>
      refusal(() => network({ visible: bernoulli(4), hidden: [units], label }));
    expect(layers(relu(3))).toBe(
      'GRAPH_UNSUITABLE: The layer `h1` has 3 rectified units; a hidden layer of a network has bernoulli, tanh, gaussian or relu units (`noise: "none"`).',
    );
    expect(layers(softmax(3))).toMatch(/^GRAPH_UNSUITABLE: The layer `h1` has one of 3; a hidden layer/);
    expect(layers(bernoulli(3), tanh(3))).toBe(
      'GRAPH_UNSUITABLE: The layer `label` has 3 tanh units; the output of a network has softmax (one group), bernoulli or gaussian units.',
    );
    expect(refusal(() => network({ visible: bernoulli(4), hidden: [] } as never))).toBe(
      'OPTION_INVALID: `network()` takes one output, `label` or `reconstruction`.',
    );
    expect(refusal(() => network({ visible: bernoulli(4), hidden: [], reconstruction: bernoulli(3) }))).toBe(
      'GRAPH_UNSUITABLE: The layer `reconstruction` has 3 units for the 4 of `visible`.',
    );
  });

  it('labels that are missing or of other classes', () => {
    const { rows } = rowsOf(12, 4);
    expect(refused(small, backpropagation(), { data: engine.dataset({ rows }) })).toBe(
      'DATA_MISSING: The layer `label` needs a label for each row, and this data set has none.',
    );
    const other = engine.dataset({ rows, labels: new Uint8Array(12), classes: 4 });
    expect(refused(small, backpropagation(), { data: other })).toBe(
      'SHAPE_MISMATCH: The data has 4 classes; the layer `label` has 3 units.',
    );
  });

  it('held-out rows that are trained on', () => {
    const data = datasetOf(engine, 12, 4);
    const message =
      'OPTION_INVALID: The held-out rows are among the rows trained on; hold others out, with `split()` or `view()`.';
    expect(refused(small, backpropagation(), { data, heldOut: data.view(10, 2) })).toBe(message);
    expect(refused(small, conjugateGradient(), { data, heldOut: datasetOf(engine, 12, 4) })).toBe(message);
    expect(refused(small, backpropagation({ epochs: 1 }), { data: data.view(0, 10), heldOut: data.view(10, 2) })).toBe(
      'nothing was thrown',
    );
  });

  it('options that make no sense', () => {
    expect(refused(small, backpropagation({ layerRates: [1] }))).toBe(
      'OPTION_INVALID: `layerRates` has 1 numbers, and the network 2 layers above the data.',
    );
    expect(refused(small, backpropagation({ patience: 3 }))).toBe(
      'DATA_MISSING: `patience` watches held-out rows, and there are none; pass `heldOut`.',
    );
    expect(refusal(() => backpropagation({ patience: 3, averaging: 0.9 }))).toBe(
      'OPTION_INVALID: `patience` takes the best parameters back and `averaging` the averaged ones; a run has one of them.',
    );
    expect(refusal(() => backpropagation({ dropout: 1 }))).toMatch(/^OPTION_INVALID: .*hidden.*below 1/);
    expect(refusal(() => backpropagation({ dropout: { hiden: 0.5 } as never }))).toMatch(/did you mean `hidden`/);
    expect(refusal(() => conjugateGradient({ lineSearches: 0 }))).toMatch(/^OPTION_INVALID: `lineSearches`/);
    expect(refusal(() => backpropagation({ learningrate: 1 } as never))).toMatch(/did you mean `learningRate`/);
  });

  it('questions that a network cannot answer', () => {
    const [data, model] = [datasetOf(engine, 12, 4), engine.create(small, { seed: 1 })];
    expect(refusal(() => model.reconstruct(data))).toBe(
      'GRAPH_UNSUITABLE: A reconstruction needs a network that reproduces its rows; the output of this one is `label`.',
    );
    expect(refusal(() => model.sample({ seed: 1 }))).toMatch(/^GRAPH_UNSUITABLE: /);
    expect(refusal(() => model.freeEnergy(data))).toMatch(/^GRAPH_UNSUITABLE: /);
    expect(refusal(() => model.meanHidden(data, { layer: 'h9' }))).toBe(
      'OPTION_INVALID: `layer` must be one of h1, label; got "h9".',
    );
    for (const owned of [model, data]) owned.free();
  });

  it('a rate that loses a number names the tensor and keeps what was there', () => {
    const data = datasetOf(engine, 12, 4);
    const graph = network({ visible: bernoulli(4), hidden: [gaussian(3)], reconstruction: gaussian(4) });
    expect(refused(graph, backpropagation({ epochs: 100, learningRate: 1e30 }), { data })).toMatch(
      /^NOT_FINITE: Update \d left a number in `(connections|layers)\./,
    );
  });
});
