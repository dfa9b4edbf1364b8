/** Sparse rows are the rows with all their numbers, to the bit, wherever a data set is asked or learned from. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  contrastiveDivergence,
  type Dataset,
  type DatasetOptions,
  deepBeliefNet,
  denseRows,
  type Engine,
  type Graph,
  gaussian,
  greedy,
  load,
  persistentContrastiveDivergence,
  rbm,
  replicatedSoftmax,
  type SparseRows,
  softmax,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';

const ROWS = 90;
const COLUMNS = 70;
const CLASSES = 3;

/** Rows of which a tenth is not zero; the first and last column occur, and rows without a number where that is allowed. */
function sparseRows(value: (random: () => number) => number, asBytes: boolean, mayBeEmpty = true): SparseRows {
  const random = randomSource(11).uniform;
  const offsets = [0];
  const places: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < ROWS; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1) {
      const isCorner = row === 5 && (column === 0 || column === COLUMNS - 1);
      const isForced = !mayBeEmpty && column === row % COLUMNS;
      const isKept = isCorner || isForced || (row % 9 > 0 && random() < 0.1);
      if (!isKept) continue;
      places.push(column);
      values.push(value(random));
    }
    offsets.push(places.length);
  }
  return {
    rows: ROWS,
    columns: COLUMNS,
    offsets: Uint32Array.from(offsets),
    places: Uint32Array.from(places),
    values: asBytes ? Uint8Array.from(values) : Float32Array.from(values),
  };
}

const kinds = {
  bytes: { sparse: sparseRows((random) => 1 + Math.floor(random() * 255), true), scale: 1 / 255 },
  floats: { sparse: sparseRows((random) => random(), false), scale: 1 },
  counts: { sparse: sparseRows((random) => 1 + Math.floor(random() * 4), true, false), scale: 1 },
  reals: { sparse: sparseRows((random) => 4 * random() - 2, false), scale: 0.5 },
} as const;
type KindOfRows = keyof typeof kinds;

const labelled = { labels: Array.from({ length: ROWS }, (_, row) => row % CLASSES), classes: CLASSES };
const engines: Engine[] = [];
afterAll(() => {
  for (const engine of engines) engine.close();
});

async function engineOf(threads: number): Promise<Engine> {
  const engine = await load({ threads });
  engines.push(engine);
  return engine;
}

/** The same rows twice: sparse, and with all their numbers, both labelled. */
function bothWays(engine: Engine, kind: KindOfRows): [Dataset, Dataset] {
  const { sparse, scale } = kinds[kind];
  const all = denseRows(sparse);
  const rows = sparse.values instanceof Uint8Array ? all : Float32Array.from(all);
  return [
    engine.dataset({ rows: sparse, scale, ...labelled, name: 'rows' }),
    engine.dataset({ rows, columns: COLUMNS, scale, ...labelled, name: 'rows' }),
  ];
}

const answers = (data: Dataset) => ({
  values: data.values(),
  means: data.columnMeans(),
  deviations: data.columnDeviations(),
  sums: data.rowSums(),
  labels: data.labels(),
  isBinary: data.isBinary(),
});

describe.each(Object.keys(kinds) as KindOfRows[])('a data set of sparse %s', (kind) => {
  it('answers as one of the same rows with all their numbers', async () => {
    const engine = await engineOf(1);
    const [sparse, dense] = bothWays(engine, kind);
    expect(answers(sparse)).toEqual(answers(dense));
    const [rest, last] = sparse.split({ last: 17 });
    const [denseRest, denseLast] = dense.split({ last: 17 });
    expect(answers(rest)).toEqual(answers(denseRest));
    expect(answers(last)).toEqual(answers(denseLast));
    const chosen = { rows: 12, seed: 4 };
    expect(answers(last.balancedSubset(chosen))).toEqual(answers(denseLast.balancedSubset(chosen)));
    expect(rest.identity()).toEqual({ ...denseRest.identity(), digest: expect.any(String) });
    expect(rest.identity().digest).not.toBe(last.identity().digest);
  });
});

describe.each(['bytes', 'floats'] as const)('a data set of sparse %s from 0 to 1', (kind) => {
  it('is made binary by the same draws', async () => {
    const engine = await engineOf(1);
    const [sparse, dense] = bothWays(engine, kind).map((data) => data.split({ last: 30 })[1]) as [Dataset, Dataset];
    for (const options of [{ method: 'threshold' }, { method: 'sample', seed: 9 }] as const) {
      const [states, wanted] = [sparse.binarised(options), dense.binarised(options)];
      expect(answers(states)).toEqual(answers(wanted));
      expect(states.isBinary()).toBe(true);
    }
  });
});

const short = { epochs: 2, batchRows: 20, learningRate: 0.05 } as const;
const binary = rbm({ visible: bernoulli(COLUMNS), hidden: bernoulli(20) });
const labels = deepBeliefNet({
  visible: bernoulli(COLUMNS),
  hidden: [bernoulli(12)],
  label: softmax(CLASSES),
  top: bernoulli(15),
});

describe.each([1, 2])('learning from sparse rows with %i threads', (threads) => {
  it.each<[string, KindOfRows, Graph, Algorithm]>([
    ['states of bytes', 'bytes', binary, contrastiveDivergence({ ...short, data: 'states' })],
    ['states of floats', 'floats', binary, persistentContrastiveDivergence({ ...short, chains: 10, data: 'states' })],
    ['probabilities', 'bytes', binary, contrastiveDivergence({ ...short, data: 'probabilities' })],
    ['a stack with labels', 'floats', labels, greedy([contrastiveDivergence(short), contrastiveDivergence(short)])],
    [
      'real numbers',
      'reals',
      rbm({ visible: gaussian(COLUMNS, { variance: 'learned', standardise: true }), hidden: bernoulli(8) }),
      contrastiveDivergence({ ...short, learningRate: 0.001 }),
    ],
    [
      'documents',
      'counts',
      rbm({ visible: replicatedSoftmax(COLUMNS), hidden: bernoulli(8) }),
      contrastiveDivergence(short),
    ],
  ])('%s ends in the bits of the same rows with all their numbers', async (_, kind, graph, algorithm) => {
    const engine = await engineOf(threads);
    const [learned, wanted] = bothWays(engine, kind).map((data) => {
      const [train, heldOut] = data.split({ last: 10 });
      const model = engine.create(graph, { seed: 3 });
      const records = [...model.train(train, algorithm, { heldOut })].map(({ timing: _timing, ...record }) => record);
      return { records, bytes: model.toBytes() };
    });
    expect(learned).toEqual(wanted);
  });
});

describe('sparse rows', () => {
  it('take the memory of what is kept', async () => {
    // With all their zeros they would take 3.9 GB.
    const [rows, columns] = [60_000, 65_535];
    const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => 2 * row);
    const places = Uint32Array.from({ length: 2 * rows }, (_, at) => (at % 2 === 0 ? at % 1000 : 1000 + (at % 64_000)));
    const values = new Uint8Array(2 * rows).fill(1);
    const engine = await load({ threads: 1, maxMemoryBytes: 64 * 2 ** 20 });
    engines.push(engine);
    const data = engine.dataset({ rows: { rows, columns, offsets, places, values } });
    const model = engine.create(rbm({ visible: bernoulli(columns), hidden: bernoulli(16) }), { seed: 1 });
    const [record] = model.train(
      data.view(0, 1000),
      contrastiveDivergence({ epochs: 1, batchRows: 10, data: 'states' }),
    );
    expect(record!.updates).toBe(100);
  });

  it('may have zeros among what is kept, which are left out', async () => {
    const engine = await engineOf(1);
    const rows = (offsets: number[], places: number[], values: number[]): Dataset => {
      const lists = { offsets: Uint32Array.from(offsets), places: Uint32Array.from(places) };
      return engine.dataset({ rows: { rows: 2, columns: 4, ...lists, values: Float32Array.from(values) } });
    };
    const [given, wanted] = [rows([0, 2, 4], [0, 1, 2, 3], [0, 1, 0.5, 0]), rows([0, 1, 2], [1, 2], [1, 0.5])];
    expect(given.identity()).toEqual(wanted.identity());
    expect(given.values()).toEqual(wanted.values());
  });

  it.each([0.003921569, 0.00392157])('take a scale that brings 255 a little above 1 as bytes do: %s', async (scale) => {
    const engine = await engineOf(1);
    const { sparse } = kinds.bytes;
    const values = sparse.values.map(() => 255);
    const model = engine.create(binary, { seed: 1 });
    const [sum, wanted] = [
      engine.dataset({ rows: { ...sparse, values }, scale }),
      engine.dataset({ rows: denseRows({ ...sparse, values }), columns: COLUMNS, scale }),
    ].map((data) => model.freeEnergy(data));
    expect(sum).toEqual(wanted);
  });

  it('leave nothing behind where there is no room for them', async () => {
    const engine = await load({ threads: 1, maxMemoryBytes: 32 * 2 ** 20 });
    engines.push(engine);
    const count = 3 * 2 ** 20;
    const large = {
      rows: count,
      columns: 1,
      offsets: Uint32Array.from({ length: count + 1 }, (_, row) => row),
      places: new Uint32Array(count),
      values: new Float32Array(count).fill(1),
    };
    const half = count / 2;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(refusal(() => engine.dataset({ rows: large }))).toMatch(/^OUT_OF_MEMORY: /);
      const offsets = large.offsets.subarray(0, half + 1);
      const parts = { places: large.places.subarray(0, half), values: large.values.subarray(0, half) };
      engine.dataset({ rows: { rows: half, columns: 1, offsets, ...parts } }).free();
    }
  });

  it('leave nothing behind where there is no room for their labels, as rows with all their numbers do', async () => {
    const engine = await load({ threads: 1, maxMemoryBytes: 32 * 2 ** 20 });
    engines.push(engine);
    const rows = new Uint8Array(20 * 2 ** 20);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(refusal(() => engine.dataset({ rows, columns: 1, labels: rows, classes: 1 }))).toMatch(/^OUT_OF_MEMORY: /);
      engine.dataset({ rows, columns: 1 }).free();
    }
  });

  it('go on from a checkpoint, and tell other rows from these', async () => {
    const engine = await engineOf(1);
    const { sparse, scale } = kinds.floats;
    const data = engine.dataset({ rows: sparse, scale });
    const algorithm = contrastiveDivergence({ ...short, epochs: 4 });
    const run = engine.create(binary, { seed: 2 }).train(data, algorithm);
    for (const { epoch } of run) if (epoch === 2) break;
    const checkpoint = run.toBytes();
    for (const _ of run) {
      // To its end.
    }
    const resumed = engine.resume(checkpoint, engine.dataset({ rows: sparse, scale }));
    for (const _ of resumed) {
      // To its end.
    }
    expect(resumed.model.toBytes()).toEqual(run.model.toBytes());
    const places = sparse.places.slice();
    places[0]! += 1;
    expect(refusal(() => engine.resume(checkpoint, engine.dataset({ rows: { ...sparse, places }, scale })))).toMatch(
      /^RESUME_MISMATCH: /,
    );
  });

  it('that are bad are refused in words', async () => {
    const engine = await engineOf(1);
    const good: SparseRows = {
      rows: 2,
      columns: 4,
      offsets: Uint32Array.of(0, 1, 3),
      places: Uint32Array.of(3, 0, 2),
      values: Float32Array.of(1, 0.5, 1),
    };
    const said = (changes: Partial<SparseRows>, options: Partial<DatasetOptions> = {}) =>
      refusal(() => engine.dataset({ rows: { ...good, ...changes }, ...options }));
    expect(said({})).toBe('nothing was thrown');
    expect(said({ rows: true as never })).toMatch(/^OPTION_INVALID: `rows` must be an integer/);
    expect(said({ offsets: Float64Array.of(0, Number.NaN, 3) as never })).toBe(
      'OPTION_INVALID: `offsets` of sparse rows must be a Uint32Array; got a Float64Array.',
    );
    expect(said({ places: BigUint64Array.of(1n, 2n, 3n) as never })).toMatch(
      /^OPTION_INVALID: `places` of sparse rows/,
    );
    expect(said({ values: Int8Array.of(1, 2, 3) as never })).toMatch(/^OPTION_INVALID: `values` of sparse rows/);
    expect(said({ rows: 3 })).toBe(
      'SHAPE_MISMATCH: Sparse rows need `offsets` from 0 to the 3 `values` for 3 rows, and as many `places`; got 3 offsets that end at 3, 3 places, 3 values.',
    );
    expect(said({ offsets: Uint32Array.of(1, 1, 3) })).toMatch(/^SHAPE_MISMATCH: /);
    expect(said({ values: Float32Array.of(1) })).toMatch(/^SHAPE_MISMATCH: /);
    expect(said({ offsets: Uint32Array.of(0, 4, 3) })).toBe(
      'DATA_INVALID: Row 1 ends before it begins; sparse rows need offsets that do not fall.',
    );
    for (const places of [Uint32Array.of(3, 2, 2), Uint32Array.of(3, 2, 1), Uint32Array.of(4, 0, 2)]) {
      expect(said({ places })).toMatch(
        /^DATA_INVALID: Row [01] has a number at column \d; sparse rows need columns that ascend, from 0 to 3\.$/,
      );
    }
    expect(said({ values: Float32Array.of(1, Number.NaN, 1) })).toBe(
      'DATA_INVALID: The number in row 1, column 0 must be finite; got NaN.',
    );
    expect(said({}, { columns: 3 })).toMatch(/^DATA_INVALID: Row 0 has a number at column 3/);
    expect(said({}, { known: 'notNaN' })).toBe(
      'OPTION_INVALID: Of sparse rows every number is known; `known` is for rows with all their numbers.',
    );
    const data = engine.dataset({ rows: { ...good, values: Float32Array.of(1, 2, 1) } });
    const model = engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => [...model.train(data, contrastiveDivergence())])).toMatch(/row 1, column 0 is 2/);
  });
});
