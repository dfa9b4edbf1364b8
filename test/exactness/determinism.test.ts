/** The same bits however training is cut: by threads, artefacts, checkpoints, pauses and aborts, batches and views. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  binomial,
  type ContrastiveDivergenceOptions,
  contrastiveDivergence,
  type Dataset,
  deepBeliefNet,
  type Engine,
  exactGradient,
  expectationMaximisation,
  fastPersistentContrastiveDivergence,
  type Greedy,
  gaussian,
  greedy,
  load,
  type Model,
  parallelTempering,
  persistentContrastiveDivergence,
  rbm,
  relu,
  replicatedSoftmax,
  softmax,
  steppedSigmoid,
  truncatedNormal,
  type Units,
  WakesleepError,
} from 'wakesleep';
import { randomSource } from '../reference/random.js';

const PIXELS = 20;
const CLASSES = 3;
const ROWS = 37;
const SEED = 2 ** 40 + 5;

const random = randomSource(71);
const labels = Array.from({ length: ROWS }, () => random.below(CLASSES));
/** Intensities, brighter in the third of the pixels that belongs to the class. */
const rows = labels.map((label) =>
  Array.from({ length: PIXELS }, (_, pixel) => (pixel % CLASSES === label ? 0.9 : 0.2) * random.uniform()),
);

/** 37 rows in batches of 10: the last one is short. */
const PHASE: ContrastiveDivergenceOptions = { epochs: 3, batchRows: 10, learningRate: 0.1 };
const ALGORITHM: Greedy = greedy([
  contrastiveDivergence({ ...PHASE, data: 'states' }),
  contrastiveDivergence({ ...PHASE, gibbsSteps: 2, reconstruction: 'states', statistics: 'states' }),
  contrastiveDivergence({ ...PHASE, weightCost: 0.001 }),
]);
const RECORDS = 9;
const BATCHES = 4;

function datasetOf(engine: Engine): Dataset {
  return engine.dataset({ rows, labels, classes: CLASSES });
}

function netOf(engine: Engine, seed = SEED): Model {
  const hidden = [bernoulli(18), bernoulli(9)];
  const graph = deepBeliefNet({ visible: bernoulli(PIXELS), hidden, label: softmax(CLASSES), top: bernoulli(33) });
  return engine.create(graph, { seed, weightScale: 0.1 });
}

/** The model's bytes after an uninterrupted run. */
function trainedBytes(engine: Engine, seed = SEED): Uint8Array {
  const model = netOf(engine, seed);
  const data = datasetOf(engine);
  const records = [...model.train(data, ALGORITHM)];
  expect(records.length).toBe(RECORDS);
  const bytes = model.toBytes();
  model.free();
  data.free();
  return bytes;
}

/** A signal that is aborted at the batch boundary after so many updates: a run asks it once before each. */
function abortedAfter(updates: number): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  let asked = 0;
  signal.throwIfAborted = () => {
    if (asked === updates) controller.abort();
    asked += 1;
    AbortSignal.prototype.throwIfAborted.call(signal);
  };
  return signal;
}

/** What a call throws. */
async function thrownBy(call: () => unknown): Promise<WakesleepError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(WakesleepError);
    return error as WakesleepError;
  }
  throw new Error('Nothing was thrown.');
}

let engine: Engine;
let whole: Uint8Array;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  whole = trainedBytes(engine);
});
afterAll(() => engine.close());

describe('threads and artefacts', () => {
  const engines = [
    { artefact: 'st', threads: 1 },
    { artefact: 'mt', threads: 1 },
    { artefact: 'mt', threads: 2 },
    { artefact: 'mt', threads: 3 },
  ] as const;

  it.each(engines)('$artefact with $threads give the same bytes', async (options) => {
    const other = await load(options);
    try {
      expect(other.info).toMatchObject(options);
      expect(trainedBytes(other)).toEqual(whole);
    } finally {
      other.close();
    }
  });

  it('do, but another seed gives others', () => {
    expect(trainedBytes(engine, SEED + 1)).not.toEqual(whole);
    expect(trainedBytes(engine, SEED - 2 ** 40)).not.toEqual(whole);
  });
});

describe('a checkpoint', () => {
  it('from the end of any epoch goes on to the same bytes and the same records', () => {
    const data = datasetOf(engine);
    const model = netOf(engine);
    const run = model.train(data, ALGORITHM);
    const checkpoints = [run.toBytes()];
    const records: unknown[] = [];
    for (const { timing: _, ...record } of run) {
      records.push(record);
      checkpoints.push(run.toBytes());
    }
    checkpoints.forEach((bytes, done) => {
      const resumed = engine.resume(bytes, data);
      const rest = Array.from(resumed, ({ timing: _, ...record }) => record);
      expect(rest).toEqual(records.slice(done));
      expect(resumed.model.toBytes()).toEqual(whole);
      resumed.model.free();
    });
    model.free();
    data.free();
  });

  it('from any batch, on another engine, goes on to the same bytes', async () => {
    const data = datasetOf(engine);
    const other = await load({ threads: 2 });
    const sameRows = datasetOf(other);
    for (const updates of [1, 2, 3, 6, 13, 18, 26, 35]) {
      const model = netOf(engine);
      const run = model.train(data, ALGORITHM, { signal: abortedAfter(updates) });
      expect((await thrownBy(() => [...run])).code).toBe('ABORTED');
      expect(run.progress).toMatchObject({ updates, batch: updates % BATCHES });
      const resumed = other.resume(run.toBytes(), sameRows);
      expect(resumed.progress).toEqual(run.progress);
      for (const record of resumed) expect(record.updates).toBeGreaterThan(updates);
      expect(resumed.model.toBytes()).toEqual(whole);
      run.free();
      model.free();
    }
    other.close();
    data.free();
  });

  it('of the exact gradient holds its velocities', () => {
    const data = engine.dataset({ rows: rows.map((row) => row.slice(0, 6).map(Math.round)) });
    const graph = rbm({ visible: bernoulli(6), hidden: bernoulli(4) });
    const algorithm = exactGradient({ epochs: 6, momentum: 0.9, recordEvery: 2 });
    const model = engine.create(graph, { seed: 1 });
    const run = model.train(data, algorithm);
    const checkpoints: Uint8Array[] = [];
    for (const _ of run) checkpoints.push(run.toBytes());
    const resumed = engine.resume(checkpoints[0]!, data);
    expect([...resumed].length).toBe(2);
    expect(resumed.model.toBytes()).toEqual(model.toBytes());
    resumed.model.free();
    model.free();
    data.free();
  });

  it('does not go on with other rows', async () => {
    const data = datasetOf(engine);
    const model = netOf(engine);
    const bytes = model.train(data, ALGORITHM).toBytes();
    const others = engine.dataset({ rows: [...rows].reverse(), labels, classes: CLASSES });
    expect((await thrownBy(() => engine.resume(bytes, others))).code).toBe('RESUME_MISMATCH');
    others.free();
    model.free();
    data.free();
  });
});

describe('a run that was left', () => {
  it('with break goes on to the same bytes, again and again', async () => {
    const data = datasetOf(engine);
    const model = netOf(engine);
    const run = model.train(data, ALGORITHM);
    let records = 0;
    while (!run.done && records < RECORDS) {
      for await (const record of run) {
        records += 1;
        expect(record.updates).toBe(model.updates);
        break;
      }
    }
    expect(records).toBe(RECORDS);
    for await (const record of run) expect.unreachable(`A record after the end: ${record.epoch}.`);
    expect(run.done).toBe(true);
    expect(model.toBytes()).toEqual(whole);
    model.free();
    data.free();
  });

  it('by an abort throws ABORTED and leaves a valid model', async () => {
    const data = datasetOf(engine);
    const model = netOf(engine);
    const stop = new AbortController();
    const run = model.train(data, ALGORITHM, { signal: stop.signal });
    const error = await thrownBy(async () => {
      for await (const record of run) if (record.epoch === 2) stop.abort();
    });
    expect(error.code).toBe('ABORTED');
    expect(model.updates).toBe(8);
    for (const { name } of model.parameterSpecs)
      expect(model.parameter(name).values().every(Number.isFinite)).toBe(true);
    expect(model.classify(data).labels.length).toBe(ROWS);
    const resumed = engine.resume(run.toBytes(), data);
    for (const record of resumed) expect(record.updates).toBeGreaterThan(8);
    expect(resumed.model.toBytes()).toEqual(whole);
    run.free();
    resumed.model.free();
    model.free();
    data.free();
  });

  it('before it began does nothing', async () => {
    const data = datasetOf(engine);
    const model = netOf(engine);
    const before = model.toBytes();
    const run = model.train(data, ALGORITHM, { signal: AbortSignal.abort() });
    expect((await thrownBy(() => [...run])).code).toBe('ABORTED');
    expect(model.updates).toBe(0);
    expect(model.toBytes()).toEqual(before);
    model.free();
    data.free();
  });
});

describe('every trainer, with every unit type on either side', () => {
  /** 37 rows in batches of 15: six updates, the last one of an epoch short. */
  const shared = { epochs: 2, batchRows: 15, learningRate: 0.002, momentum: 0.5, averaging: 0.9 } as const;
  const UPDATES = 6;
  const trainers: [string, Algorithm][] = [
    [
      'contrastiveDivergence',
      contrastiveDivergence({ ...shared, gibbsSteps: 2, sparsity: { target: 0.1, cost: 0.1 } }),
    ],
    ['centred divergence', contrastiveDivergence({ ...shared, gibbsSteps: 2, statistics: 'states', centring: true })],
    ['persistentContrastiveDivergence', persistentContrastiveDivergence({ ...shared, chains: 7, optimiser: 'adam' })],
    ['fastPersistentContrastiveDivergence', fastPersistentContrastiveDivergence({ ...shared, chains: 21 })],
    ['parallelTempering', parallelTempering({ ...shared, chains: 5, temperatures: 3, adaptLadder: true })],
    ['exactGradient', exactGradient({ epochs: UPDATES, momentum: 0.9, learningRate: 0.01, initialBias: 'data' })],
    ['expectationMaximisation', expectationMaximisation({ epochs: UPDATES })],
  ];

  /** Each visible type below binary units, each other hidden type above binary and above Gaussian ones. */
  function pairsOf(columns: number, above: number): [string, Units, Units, number[][]][] {
    const draw = randomSource(73);
    const filled = (value: () => number) => Array.from({ length: ROWS }, () => Array.from({ length: columns }, value));
    const learned = gaussian(columns, { variance: 'learned', standardise: true });
    const visible: Record<string, [Units, number[][]]> = {
      bernoulli: [bernoulli(columns), filled(() => draw.uniform())],
      'mean field': [bernoulli(columns, { meanField: true }), filled(() => draw.uniform())],
      softmax: [softmax(columns), filled(() => 0).map((row, k) => row.with(k % columns, 1))],
      binomial: [binomial(columns, 3), filled(() => draw.below(4))],
      steppedSigmoid: [steppedSigmoid(columns, 5), filled(() => draw.below(6))],
      relu: [relu(columns), filled(() => Math.abs(draw.normal()))],
      truncatedNormal: [truncatedNormal(columns), filled(() => Math.abs(draw.normal()))],
      'gaussian, variance 1': [gaussian(columns), filled(() => draw.normal())],
      gaussian: [learned, filled(() => 5 + 9 * draw.normal())],
      counts: [replicatedSoftmax(columns), filled(() => draw.below(2))],
    };
    const hidden: Record<string, Units> = {
      'mean field': bernoulli(above, { meanField: true }),
      softmax: softmax(above),
      binomial: binomial(above, 2),
      steppedSigmoid: steppedSigmoid(above, 3),
      relu: relu(above),
      truncatedNormal: truncatedNormal(above),
      gaussian: gaussian(above),
    };
    const of = (below: string, name: string, units: Units): [string, Units, Units, number[][]] => [
      `${below} × ${name}`,
      visible[below]![0],
      units,
      visible[below]![1],
    ];
    return [
      ...Object.keys(visible).map((below) => of(below, 'bernoulli', bernoulli(above))),
      ...['bernoulli', 'gaussian'].flatMap((below) =>
        Object.entries(hidden).map(([name, units]) => of(below, name, units)),
      ),
    ];
  }

  /** What a trainer cannot do, by the code that it refuses it with; all others train. */
  const refused: Record<string, RegExp> = {
    'centred divergence': /counts/,
    persistentContrastiveDivergence: /counts|× mean field/,
    fastPersistentContrastiveDivergence: /counts|× mean field/,
    parallelTempering: /counts|mean field|relu/,
    exactGradient: /mean field|relu|gaussian × truncatedNormal/,
    expectationMaximisation: /^(?!bernoulli × softmax$)/,
  };

  let engines: Engine[];
  beforeAll(async () => {
    engines = [engine, await load({ threads: 2 }), await load({ threads: 3 })];
  });
  afterAll(() => {
    for (const other of engines.slice(1)) other.close();
  });

  describe.each(trainers)('%s', (name, algorithm) => {
    // What is enumerated is smaller; others straddle a panel of 16 units.
    const pairs = name === 'exactGradient' ? pairsOf(10, 6) : pairsOf(20, 18);
    it.each(pairs)('%s', (pair, lower, upper, values) => {
      const graph = rbm({ visible: lower, hidden: upper });
      const finals = engines.map((where) => {
        const data = where.dataset({ rows: values });
        const model = where.create(graph, { seed: SEED, weightScale: 0.1 });
        try {
          expect([...model.train(data, algorithm)].at(-1)!.updates).toBe(UPDATES);
          return model.toBytes();
        } catch (error) {
          return (error as WakesleepError).code;
        } finally {
          data.free();
          model.free();
        }
      });
      const [whole] = finals;
      if (refused[name]?.test(pair)) {
        expect(finals).toEqual(engines.map(() => 'GRAPH_UNSUITABLE'));
        return;
      }
      expect(whole).toBeInstanceOf(Uint8Array);
      for (const other of finals) expect(other).toEqual(whole);
      // Stopped in the middle of an epoch with one thread, gone on with in three.
      const model = engine.create(graph, { seed: SEED, weightScale: 0.1 });
      const data = engine.dataset({ rows: values });
      const run = model.train(data, algorithm, { signal: abortedAfter(4) });
      expect(() => [...run]).toThrow('The run was aborted');
      const sameRows = engines[2]!.dataset({ rows: values });
      const resumed = engines[2]!.resume(run.toBytes(), sameRows);
      expect(resumed.progress.updates).toBe(4);
      expect([...resumed].at(-1)!.updates).toBe(UPDATES);
      expect(resumed.model.toBytes()).toEqual(whole);
      run.free();
      for (const owned of [resumed.model, model, data, sameRows]) owned.free();
    });
  });
});

describe('a number that is lost', () => {
  it('stops the run and names the tensor', async () => {
    const data = datasetOf(engine);
    const model = engine.create(rbm({ visible: bernoulli(PIXELS), hidden: bernoulli(5) }), { seed: 1 });
    const algorithm = contrastiveDivergence({ ...PHASE, learningRate: 1e38, momentum: 0.9, epochs: 50, weightCost: 1 });
    const run = model.train(data, algorithm);
    const error = await thrownBy(() => [...run]);
    expect(error.code).toBe('NOT_FINITE');
    expect(error.where).toBe('connections.visible-hidden.weight');
    expect(error.message).toContain('connections.visible-hidden.weight');
    expect(error.message).toContain('learningRate');
    // There is no going on after it, and it is not over as a run is that came to its end.
    expect(await thrownBy(() => [...run])).toBe(error);
    expect(run.done).toBe(false);
    model.free();
    data.free();
  });

  const lost = { ...PHASE, learningRate: 1e38, momentum: 0.9, epochs: 50, weightCost: 1 };
  it.each<[Algorithm['type'], Algorithm]>([
    ['persistentContrastiveDivergence', persistentContrastiveDivergence(lost)],
    ['fastPersistentContrastiveDivergence', fastPersistentContrastiveDivergence(lost)],
    ['parallelTempering', parallelTempering({ ...lost, temperatures: 3 })],
    ['exactGradient', exactGradient({ learningRate: 1e38, momentum: 0.9, epochs: 50, weightCost: 1 })],
  ])('stops %s too, of binary and of real-valued units', async (_, algorithm) => {
    for (const visible of [bernoulli(PIXELS), gaussian(PIXELS, { variance: 'learned', standardise: true })]) {
      const data = datasetOf(engine);
      const model = engine.create(rbm({ visible, hidden: bernoulli(5) }), { seed: 1 });
      const error = await thrownBy(() => [...model.train(data, algorithm)]);
      expect(['NOT_FINITE', 'DIVERGED']).toContain(error.code);
      expect(error.message).toContain('learningRate');
      model.free();
      data.free();
    }
  });
});

describe('rows', () => {
  const graph = rbm({ visible: bernoulli(PIXELS), hidden: bernoulli(7) });

  /** The bytes of a small model after training on a data set. */
  function bytesAfter(data: Dataset, options: ContrastiveDivergenceOptions): Uint8Array {
    const model = engine.create(graph, { seed: 4 });
    for (const record of model.train(data, contrastiveDivergence(options))) expect(record.epoch).toBeGreaterThan(0);
    const bytes = model.toBytes();
    model.free();
    return bytes;
  }

  it('of a view are the rows that a set of its own would have', () => {
    const all = engine.dataset({ rows });
    const [rest, last] = all.split({ last: 12 });
    const ownRest = engine.dataset({ rows: rows.slice(0, ROWS - 12) });
    const ownLast = engine.dataset({ rows: rows.slice(ROWS - 12) });
    expect(bytesAfter(rest, PHASE)).toEqual(bytesAfter(ownRest, PHASE));
    expect(bytesAfter(last, PHASE)).toEqual(bytesAfter(ownLast, PHASE));
    expect(bytesAfter(last, PHASE)).not.toEqual(bytesAfter(all.view(0, 12), PHASE));
    for (const data of [all, ownRest, ownLast]) data.free();
  });

  it('may be a single one, and batches larger than the data are the data', () => {
    const one = engine.dataset({ rows: rows.slice(0, 1) });
    expect(bytesAfter(one, { ...PHASE, batchRows: 1 })).toEqual(bytesAfter(one, { ...PHASE, batchRows: 100 }));
    one.free();
  });

  it('make a last batch that is short: each case of it counts by the rows that it has', () => {
    // 11 copies of a row in batches of 10: without noise, the last batch of one is the same step as the first of ten.
    const copies = engine.dataset({ rows: new Array(11).fill(rows[0]) });
    const two = engine.dataset({ rows: new Array(2).fill(rows[0]) });
    const meanField = { visible: bernoulli(PIXELS, { meanField: true }), hidden: bernoulli(7, { meanField: true }) };
    const after = (data: Dataset, batchRows: number): Float32Array => {
      const model = engine.create(rbm(meanField), { seed: 4, weightScale: 0.5 });
      const algorithm = contrastiveDivergence({ epochs: 1, batchRows, learningRate: 0.5, initialBias: 'keep' });
      expect([...model.train(data, algorithm)].map(({ updates }) => updates)).toEqual([2]);
      const values = model.parameter('visible-hidden.weight').values();
      model.free();
      return values;
    };
    const [short, single] = [after(copies, 10), after(two, 1)];
    // The sums of ten equal f32 numbers are rounded some units of 2^-24 apart from ten times one.
    short.forEach((value, k) => {
      expect(Math.abs(value - single[k]!)).toBeLessThan(1e-6);
    });
    copies.free();
    two.free();
  });
});
