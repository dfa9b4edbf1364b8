/**
 * Contrastive wake-sleep: one update is on average what the oracle lists (wake, topmost machine and sleep apart, at rates that let
 * only one of them learn and at all three), training improves a net, and the bits depend on neither threads nor where a run was cut.
 *
 * An update of one batch with rate 1 is a mean over its rows, so each entry is held to 5 standard errors of that mean, which the
 * oracle's own enumeration gives; the f32 of the update adds 1e-5.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  contrastiveDivergence,
  deepBeliefNet,
  deepBoltzmannMachine,
  type Engine,
  type Graph,
  gaussian,
  greedy,
  load,
  type Model,
  rbm,
  readGraph,
  relu,
  replicatedSoftmax,
  sigmoidBeliefNet,
  softmax,
  type Units,
  type UpDownOptions,
  untie,
  untiedGraph,
  upDown,
} from 'wakesleep';
import { digitsTiny } from '../../dist/data/digits-tiny.js';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';
import { bernoulliLayer, type ReferenceLayer, randomRbm, roundedToF32, softmaxLayer } from '../reference/rbm.js';
import { type Moments, sleepMoments, topMoments, type UntiedStack, wakeMoments } from '../reference/up-down.js';
import { weightsOf } from './counterpart.js';

const BARS = 5;
const ROUNDING = 1e-5;
const ROWS = 20_000;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const random = randomSource(906);

/** A net of layers from the bottom up, labels beside the last but one where there are some. */
function randomNet(layers: readonly ReferenceLayer[], label?: ReferenceLayer): UntiedStack {
  const machine = (lower: readonly ReferenceLayer[], upper: ReferenceLayer) =>
    roundedToF32(randomRbm(lower, [upper], 1.3, 0.7, random));
  const pairs = layers.slice(0, -2).map((layer, depth) => [layer, layers[depth + 1]!] as const);
  const topLower = [layers.at(-2)!, ...(label === undefined ? [] : [label])];
  return {
    recognition: pairs.map(([lower, upper]) => machine([lower], upper)),
    generation: pairs.map(([lower, upper]) => machine([lower], upper)),
    top: machine(topLower, layers.at(-1)!),
  };
}

const unitsOf = (layer: ReferenceLayer): Units =>
  layer.type === 'bernoulli' ? bernoulli(layer.units) : softmax(layer.groups, layer.size);

/** Layers of a net by name, the visible one first. */
const namesOf = ({ recognition }: UntiedStack) => [
  'visible',
  ...Array.from({ length: recognition.length + 1 }, (_, i) => `h${i + 1}`),
];

/** Parameters by name: of the wake phase, of the topmost machine and of the sleep phase, in the order of the oracle's entries. */
function valuesOf(net: UntiedStack): Record<'wake' | 'top' | 'sleep', [name: string, values: number[]][]> {
  const names = namesOf(net);
  const { top, generation, recognition } = net;
  const [under, upper] = names.slice(-2) as [string, string];
  const main = generation.at(-1)!.c.length;
  const labelled = top.lower.length === 2;
  return {
    wake: generation.flatMap((machine, l): [string, number[]][] => [
      [`${names[l]}.bias`, machine.b],
      [`${names[l + 1]}>${names[l]}.weight`, machine.W.flat()],
    ]),
    sleep: recognition.flatMap((machine, l): [string, number[]][] => [
      [`layers.${names[l + 1]}.recognition_bias`, machine.c],
      [`${names[l]}>${names[l + 1]}.weight`, weightsOf(machine)],
    ]),
    top: [
      [`${under}.bias`, top.b.slice(0, main)],
      ...(labelled ? ([['label.bias', top.b.slice(main)]] as [string, number[]][]) : []),
      [`${under}-${upper}.weight`, weightsOf(top, 0, main)],
      ...(labelled
        ? ([[`label-${upper}.weight`, weightsOf(top, main, top.b.length - main)]] as [string, number[]][])
        : []),
      [`${upper}.bias`, top.c],
    ],
  };
}

function graphOf({ generation, top }: UntiedStack): Graph {
  const [, label] = top.lower;
  return untiedGraph(
    deepBeliefNet({
      visible: unitsOf(generation[0]!.lower[0]!),
      hidden: generation.map(({ upper }) => unitsOf(upper[0]!)),
      top: unitsOf(top.upper[0]!),
      ...(label === undefined ? {} : { label: unitsOf(label) }),
    }),
  );
}

function modelOf(net: UntiedStack): Model {
  const model = engine.create(graphOf(net), { seed: 5 });
  for (const [name, values] of Object.values(valuesOf(net)).flat()) model.parameter(name).set(values);
  return model;
}

interface Case {
  readonly net: UntiedStack;
  readonly row: number[];
  /** One-hot; empty without labels. */
  readonly label: number[];
}

const CASES: [string, Case][] = [
  [
    'labels',
    { net: randomNet([4, 3, 3].map(bernoulliLayer), softmaxLayer(1, 2)), row: [0.3, 1, 0, 0.8], label: [0, 1] },
  ],
  ['three hidden layers', { net: randomNet([3, 2, 2, 2].map(bernoulliLayer)), row: [1, 0.5, 0], label: [] }],
  [
    'softmax groups',
    { net: randomNet([bernoulliLayer(3), softmaxLayer(1, 3), bernoulliLayer(2)]), row: [0.5, 0, 1], label: [] },
  ],
];

const STILL = { epochs: 1, batchRows: ROWS, momentum: 0, topCost: 0 } as const;

/** What one update over copies of a row adds to the parameters, each part in the order of the oracle's entries. */
function directionOf({ net, row, label }: Case, options: UpDownOptions) {
  const model = modelOf(net);
  const labels =
    label.length === 0 ? {} : { labels: Array.from({ length: ROWS }, () => label.indexOf(1)), classes: label.length };
  const data = engine.dataset({ rows: Array.from({ length: ROWS }, () => row), ...labels });
  for (const record of model.train(data, upDown({ ...STILL, ...options }))) expect(record.updates).toBe(1);
  data.free();
  const added = Object.fromEntries(
    Object.entries(valuesOf(net)).map(([part, tensors]) => [
      part,
      tensors.flatMap(([name, before]) => Array.from(model.parameter(name).values(), (x, k) => x - before[k]!)),
    ]),
  ) as Record<'wake' | 'top' | 'sleep', number[]>;
  model.free();
  return added;
}

/** The oracle's entries of the topmost machine, in the order of its tensors. */
function inOrderOfTensors({ net: { top, generation } }: Case, { mean, variance }: Moments): Moments {
  const [lower, upper, main] = [top.b.length, top.c.length, generation.at(-1)!.c.length];
  const weights = (first: number, end: number) =>
    Array.from({ length: upper }, (_, j) =>
      Array.from({ length: end - first }, (_unused, i) => lower + (first + i) * upper + j),
    ).flat();
  const range = (first: number, end: number) => Array.from({ length: end - first }, (_, k) => first + k);
  const order = [
    ...range(0, lower),
    ...weights(0, main),
    ...weights(main, lower),
    ...range(lower + lower * upper, lower + lower * upper + upper),
  ];
  return { mean: order.map((k) => mean[k]!), variance: order.map((k) => variance[k]!) };
}

/** The largest number of standard errors, and of roundings, between what was found and a mean. */
function worst(found: readonly number[], { mean, variance }: Moments): number {
  expect(found.length).toBe(mean.length);
  return Math.max(...found.map((x, k) => Math.abs(x - mean[k]!) / (Math.sqrt(variance[k]! / ROWS) + ROUNDING)));
}

describe.each(CASES)('an update of a net with %s is on average what the oracle lists', (_, given) => {
  const { net, row, label } = given;
  const start = { row, label };
  const states = { row: row.map(Math.round), label };

  it('from intensities, with dreams of means', () => {
    const found = directionOf(given, { learningRate: 1, gibbsSteps: 2 });
    expect(worst(found.wake, wakeMoments(net, row))).toBeLessThan(BARS);
    expect(worst(found.top, inOrderOfTensors(given, topMoments(net, start, 2)))).toBeLessThan(BARS);
    expect(worst(found.sleep, sleepMoments(net, start, 2, 'means'))).toBeLessThan(BARS);
    // The twins: what the tolerance must tell apart.
    expect(worst(found.top, inOrderOfTensors(given, topMoments(net, start, 1)))).toBeGreaterThan(BARS);
    expect(worst(found.sleep, sleepMoments(net, start, 2, 'states'))).toBeGreaterThan(BARS);
  });

  it('from states, with drawn dreams, and long chains that are the net’s own distribution', () => {
    const found = directionOf({ ...given, ...states }, { learningRate: 1, gibbsSteps: 60, data: 'states' });
    expect(worst(found.wake, wakeMoments(net, states.row))).toBeLessThan(BARS);
    const own = Number.POSITIVE_INFINITY;
    expect(worst(found.top, inOrderOfTensors(given, topMoments(net, states, own)))).toBeLessThan(BARS);
    expect(worst(found.sleep, sleepMoments(net, states, own, 'states'))).toBeLessThan(BARS);
    expect(worst(found.sleep, sleepMoments(net, states, 1, 'states'))).toBeGreaterThan(BARS);
  });

  it('with a rate and a cost of each part', () => {
    const costs = { generativeCost: 0.1, topCost: 0.2, recognitionCost: 0.3 };
    const rates = { generativeRate: 0.5, recognitionRate: 0.25, topRate: 0.125 };
    const whole = directionOf(given, { learningRate: 1 });
    const found = directionOf(given, { ...rates, ...costs });
    const values = valuesOf(net);
    const parts = [
      ['wake', 0.5, 0.1],
      ['top', 0.125, 0.2],
      ['sleep', 0.25, 0.3],
    ] as const;
    for (const [part, rate, cost] of parts) {
      const before = values[part].flatMap(([name, all]) => all.map((x) => (name.endsWith('weight') ? x : 0)));
      found[part].forEach((x, k) => {
        expect(Math.abs(x - rate * (whole[part][k]! - cost * before[k]!))).toBeLessThan(ROUNDING);
      });
    }
  });
});

/** Rows of two patterns that exclude each other, with a little noise; the labels say which. */
function patterns(units: number, count: number) {
  const source = randomSource(71);
  const rows = Array.from({ length: count }, (_, row) =>
    Array.from({ length: units }, (_unused, unit) => source.bernoulli((unit + row) % 2 === 0 ? 0.9 : 0.1)),
  );
  return { rows, labels: rows.map((_, row) => row % 2), classes: 2 };
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

describe('training', () => {
  it('raises the exact log-likelihood of a net that greedy learning has left', () => {
    const data = engine.dataset({ rows: patterns(6, 40).rows });
    const tied = engine.create(deepBeliefNet({ visible: bernoulli(6), hidden: [bernoulli(3), bernoulli(4)] }), {
      seed: 3,
    });
    const phase = contrastiveDivergence({ epochs: 20, batchRows: 10, data: 'states' });
    for (const _ of tied.train(data, greedy([phase, phase]))) expect(_.epoch).toBeGreaterThan(0);
    for (const chains of [null, 30]) {
      const model = untie(tied);
      const before = mean(model.logLikelihood(data));
      const algorithm = upDown({
        epochs: 500,
        batchRows: 10,
        learningRate: { from: 0.1, to: 0 },
        data: 'states',
        chains,
      });
      const records = [...model.train(data, algorithm)];
      // The two patterns with their noise have log 2 + 6 · 0.325 = 2.64 nats, independent units 4.16.
      expect(mean(model.logLikelihood(data))).toBeGreaterThan(before + 0.3);
      expect(mean(model.logLikelihood(data))).toBeGreaterThan(-3.1);
      const [first, last] = [records[0]!, records.at(-1)!];
      expect(last.reconstructionError).toBeLessThan(first.reconstructionError);
      expect(last.sleepError).toBeGreaterThan(0);
      expect(last.meanActivity).toBeGreaterThan(0);
      expect(last).toMatchObject({ layer: 'h2', epoch: 500, epochs: 500, updates: 2000, phase: 0 });
      model.free();
    }
    tied.free();
    data.free();
  });

  it('makes a net classify its digits better', () => {
    const [train, test] = (['train', 'test'] as const).map((split) => {
      const { images, labels } = digitsTiny(split);
      return engine.dataset({ rows: images, columns: 144, scale: 1 / 255, labels, classes: 10 });
    }) as [ReturnType<Engine['dataset']>, ReturnType<Engine['dataset']>];
    const graph = deepBeliefNet({
      visible: bernoulli(144),
      hidden: [bernoulli(60), bernoulli(60)],
      label: softmax(10),
      top: bernoulli(120),
    });
    const tied = engine.create(graph, { seed: 3 });
    const phase = contrastiveDivergence({ epochs: 10 });
    for (const _ of tied.train(train, greedy([phase, phase, phase]))) expect(_.epoch).toBeGreaterThan(0);
    const model = untie(tied);
    const errors = (data: typeof train) => {
      const wanted = data.labels();
      return model.classify(data).labels.filter((label, row) => label !== wanted[row]).length;
    };
    const before = [errors(train), errors(test)] as const;
    const steps = [
      [0, 3],
      [20, 6],
      [30, 10],
    ] as [number, number][];
    const options = { epochs: 40, batchRows: 20, gibbsSteps: { steps }, averaging: 0.99 };
    const records = [...model.train(train, upDown(options), { heldOut: test })];
    // 47 % and 45 % of the rows before.
    expect(errors(train)).toBeLessThan(before[0] - 30);
    expect(errors(test)).toBeLessThan(before[1]);
    expect(records.at(-1)!.reconstructionError).toBeLessThan(records[0]!.reconstructionError);
    expect(records.at(-1)!.freeEnergyGap).toBeTypeOf('number');
    for (const thing of [tied, model, train, test]) thing.free();
  });

  const UNITS: [string, Units, Units][] = [
    ['gaussian(6)', gaussian(6), bernoulli(3)],
    ['learned variances', gaussian(6, { variance: 'learned', standardise: true }), bernoulli(3)],
    ['relu(3)', bernoulli(6), relu(3)],
    ['softmax(2, 2)', bernoulli(6), softmax(2, 2)],
    ['mean-field units', bernoulli(6), bernoulli(3, { meanField: true })],
  ];

  it.each(UNITS)('lowers the wake error of nets of %s', (_, visible, hidden) => {
    const data = engine.dataset({ rows: patterns(6, 40).rows });
    const model = engine.create(untiedGraph(deepBeliefNet({ visible, hidden: [hidden, bernoulli(2), bernoulli(3)] })), {
      seed: 4,
      weightScale: 0.3,
    });
    const records = [...model.train(data, upDown({ epochs: 300, batchRows: 10, learningRate: 0.05 }))];
    expect(records.at(-1)!.reconstructionError).toBeLessThan(0.9 * records[0]!.reconstructionError);
    for (const { name } of model.parameterSpecs)
      expect(model.parameter(name).values().every(Number.isFinite)).toBe(true);
    model.free();
    data.free();
  });

  it('lets rows count by their weights, and few rows are seen often', () => {
    const { rows, labels, classes } = patterns(6, 2);
    const trained = (given: object, algorithm: Algorithm) => {
      const model = labelledNet(engine);
      const data = engine.dataset({ rows, labels, classes, ...given });
      const records = [...model.train(data, algorithm)];
      const bytes = model.toBytes();
      for (const thing of [model, data]) thing.free();
      return { bytes, epochs: records.length };
    };
    const few = upDown({ epochs: 2 });
    const plain = trained({}, few);
    expect(trained({ rowWeights: [1, 1] }, few)).toEqual(plain);
    expect(trained({ rowWeights: [0.5, 1.5] }, few)).not.toEqual(plain);
    expect(trained({}, upDown()).epochs).toBe(1000);
  });
});

/** A net with labels and a layer between data and the topmost machine. */
function labelledNet(on: Engine): Model {
  const graph = deepBeliefNet({
    visible: bernoulli(6),
    hidden: [bernoulli(5), bernoulli(4)],
    label: softmax(2),
    top: bernoulli(7),
  });
  return on.create(untiedGraph(graph), { seed: 2 ** 40 + 5, weightScale: 0.1 });
}

const KINDS: [string, Algorithm][] = [
  ['chains from the data', upDown({ epochs: 3, batchRows: 10, gibbsSteps: 2, averaging: 0.9 })],
  [
    'persistent chains',
    upDown({ epochs: 3, batchRows: 10, chains: 7, data: 'states', optimiser: 'adam', momentum: 0 }),
  ],
];

describe.each(KINDS)('with %s', (_, algorithm) => {
  const given = patterns(6, 37);

  it('gives the same bits for any threads and artefact, and from a checkpoint', async () => {
    const trained = (on: Engine) => {
      const model = labelledNet(on);
      const data = on.dataset(given);
      const records = [...model.train(data, algorithm)];
      expect(records.length).toBe(3);
      return {
        bytes: model.toBytes(),
        errors: records.map(({ sleepError, reconstructionError }) => [sleepError, reconstructionError]),
      };
    };
    const whole = trained(engine);
    for (const threads of [1, 2, 3]) {
      const other = await load({ artefact: 'mt', threads });
      expect(trained(other)).toEqual(whole);
      other.close();
    }
    const data = engine.dataset(given);
    for (const updates of [0, 1, 5, 8]) {
      const model = labelledNet(engine);
      const controller = new AbortController();
      const run = model.train(data, algorithm, { signal: controller.signal });
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
      const errors = [...resumed].map(({ sleepError, reconstructionError }) => [sleepError, reconstructionError]);
      expect(resumed.model.toBytes()).toEqual(whole.bytes);
      expect(errors).toEqual(whole.errors.slice(-errors.length));
      run.free();
      model.free();
    }
    data.free();
  });

  it('stops where a number is lost', () => {
    const model = labelledNet(engine);
    const data = engine.dataset(given);
    const wild = { ...algorithm, learningRate: 1e38, topCost: 10, optimiser: { type: 'momentum', nesterov: false } };
    expect(refusal(() => [...model.train(data, wild as Algorithm)])).toMatch(
      /^NOT_FINITE: Update \d+ left a number in/,
    );
    data.free();
    model.free();
  });
});

describe('refuses', () => {
  const ask = (graph: Graph, options: UpDownOptions = {}) => {
    const model = engine.create(graph, { seed: 1 });
    try {
      const data = engine.dataset({ rows: [[0, 1]] });
      return refusal(() => [...model.train(data, upDown(options))]);
    } finally {
      model.free();
    }
  };
  const wanted =
    'GRAPH_UNSUITABLE: Up-down needs a deep belief net with directed and recognition connections below the topmost machine;';
  const tied = deepBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(2), bernoulli(2)] });

  it('graphs that it cannot train, naming the connection', () => {
    expect(ask(tied)).toBe(`${wanted} \`visible-h1\` is tied; \`untie()\` makes such a net of this one.`);
    expect(ask(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }))).toBe(
      `${wanted} \`visible-hidden\` is undirected, and none is below it.`,
    );
    expect(ask(sigmoidBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(2), bernoulli(2)] }))).toBe(
      'GRAPH_UNSUITABLE: The topmost connection `h2>h1` must be undirected; it is directed.',
    );
    expect(ask(deepBoltzmannMachine({ visible: bernoulli(2), hidden: [bernoulli(2), bernoulli(2)] }))).toBe(
      'GRAPH_UNSUITABLE: The connection `visible-h1` below the top must be tied, or directed with a recognition connection beside it; it is undirected.',
    );
    const { layers, connections } = untiedGraph(tied);
    const without = (kind: string) =>
      readGraph('test', { layers, connections: connections.filter((c) => c.kind !== kind) });
    expect(ask(without('recognition'))).toBe(
      'GRAPH_UNSUITABLE: No recognition connection leads up beside the directed connection `h1>visible`.',
    );
    const counts = untiedGraph(deepBeliefNet({ visible: replicatedSoftmax(2), hidden: [bernoulli(2), bernoulli(2)] }));
    expect(ask(counts)).toBe(
      'GRAPH_UNSUITABLE: Up-down does not know how long the documents of dreams are; the layer `visible` has counts of 2 words.',
    );
    const meanField = deepBeliefNet({
      visible: bernoulli(2),
      hidden: [bernoulli(2), bernoulli(2, { meanField: true })],
    });
    expect(ask(untiedGraph(meanField), { chains: 3 })).toBe(
      'GRAPH_UNSUITABLE: Persistent chains need hidden units that are drawn; the layer `h2` has mean-field units.',
    );
    expect(ask(untiedGraph(meanField), { epochs: 1 })).toBe('nothing was thrown');
  });

  it('rows without labels, and rows in which numbers are missing', () => {
    const model = labelledNet(engine);
    const algorithm = upDown({ epochs: 1 });
    const unlabelled = engine.dataset({ rows: [[0, 1, 0, 1, 0, 1]] });
    expect(refusal(() => [...model.train(unlabelled, algorithm)])).toBe(
      'DATA_MISSING: The layer `label` needs a label for each row, and this data set has none.',
    );
    const holed = engine.dataset({ rows: [[0, Number.NaN, 0, 1, 0, 1]], known: 'notNaN', labels: [0], classes: 2 });
    expect(refusal(() => [...model.train(holed, algorithm)])).toMatch(/^DATA_INVALID: Up-down needs whole rows/);
    for (const thing of [model, unlabelled, holed]) thing.free();
  });

  it('options that are not known', () => {
    expect(refusal(() => upDown({ weightCost: 0.1 } as UpDownOptions))).toMatch(/^OPTION_INVALID: .*`weightCost`/);
    expect(refusal(() => upDown({ topRat: 0.1 } as UpDownOptions))).toContain('did you mean `topRate`?');
  });
});
