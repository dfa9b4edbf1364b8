/** Data that do not fit, refused in words before anything is lost; the engine works on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  bernoulli,
  contrastiveDivergence,
  type DatasetOptions,
  deepBeliefNet,
  type Engine,
  load,
  rbm,
  softmax,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';

const MEBIBYTE = 2 ** 20;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1, maxMemoryBytes: 16 * MEBIBYTE });
});
afterAll(() => engine.close());

it.each<[string, DatasetOptions, string]>([
  [
    'NaN',
    {
      rows: [
        [0, 1],
        [Number.NaN, 1],
      ],
    },
    'DATA_INVALID: The number in row 1, column 0 must be finite; got NaN.',
  ],
  [
    'infinity in a Float32Array',
    { rows: Float32Array.of(0, 1, 1, Number.POSITIVE_INFINITY), columns: 2 },
    'DATA_INVALID: The number in row 1, column 1 must be finite; got Infinity.',
  ],
  [
    'numbers that make no whole row',
    { rows: new Uint8Array(5), columns: 2 },
    'SHAPE_MISMATCH: `rows` has 5 numbers, which is not a whole number of rows of 2 columns.',
  ],
  ['rows of different lengths', { rows: [[0, 1], [1]] }, 'SHAPE_MISMATCH: Row 1 has 1 numbers; every row must have 2.'],
  [
    'no columns',
    { rows: new Uint8Array(4) },
    'OPTION_INVALID: `columns` must be an integer from 1 to 65535; got undefined.',
  ],
  [
    'an empty list without columns',
    { rows: [] },
    'OPTION_INVALID: `columns` must be an integer from 1 to 65535; got undefined.',
  ],
  [
    'labels of another count',
    { rows: [[0], [1]], labels: [0], classes: 2 },
    'SHAPE_MISMATCH: There are 1 labels for 2 rows.',
  ],
  [
    'a label outside the classes',
    { rows: [[0], [1]], labels: [0, 2], classes: 2 },
    'DATA_INVALID: The label of row 1 must be an integer from 0 to 1; got 2.',
  ],
  [
    'an unknown option',
    { rows: [[0]], scales: 2 } as DatasetOptions,
    'OPTION_INVALID: dataset() has no option `scales`; did you mean `scale`?',
  ],
  ['a scale of 0', { rows: [[0]], scale: 0 }, 'OPTION_INVALID: `scale` must be a finite number above 0; got 0.'],
])('a data set with %s', (_, options, words) => {
  expect(refusal(() => engine.dataset(options))).toBe(words);
});

it('a data set for which there is no memory, which leaves the engine as it was', () => {
  const bytes = 64 * MEBIBYTE;
  expect(refusal(() => engine.dataset({ rows: new Uint8Array(bytes), columns: 1024 }))).toMatch(
    /^OUT_OF_MEMORY: There is no memory for a buffer of 67108864 bytes: the engine has \d+ bytes, and may have at most 16777216 \(`maxMemoryBytes`\)\.$/,
  );
  const data = engine.dataset({ rows: [[0, 1]] });
  expect([...data.values()]).toEqual([0, 1]);
  data.free();
});

it.each<[string, DatasetOptions, string]>([
  [
    'values outside [0, 1]',
    {
      rows: [
        [0, 1, 0],
        [0, 0, 1.5],
      ],
    },
    'DATA_INVALID: Data for 3 binary units must lie in [0, 1]; row 1, column 2 is 1.5. Pass `scale`, or bring the columns into that range.',
  ],
  [
    'bytes that are not scaled',
    { rows: Uint8Array.of(0, 255, 0), columns: 3 },
    'DATA_INVALID: Data for 3 binary units must lie in [0, 1]; row 0, column 1 is 255. Pass `scale`, or bring the columns into that range.',
  ],
  [
    'another number of columns',
    { rows: [[0, 1]] },
    'SHAPE_MISMATCH: The data has 2 columns; the layer `visible` has 3 units.',
  ],
  ['no rows', { rows: [], columns: 3 }, 'DATA_INVALID: There are no rows to train on.'],
])('training on data with %s', (_, options, words) => {
  const data = engine.dataset(options);
  const model = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 1 });
  const before = model.toBytes();
  expect(refusal(() => [...model.train(data, contrastiveDivergence({ epochs: 1 }))])).toBe(words);
  expect(model.toBytes()).toEqual(before);
  model.free();
  data.free();
});

it.each<[string, DatasetOptions, string]>([
  [
    'no labels',
    { rows: [[0, 1, 0]] },
    'DATA_MISSING: The layer `label` needs a label for each row, and this data set has none.',
  ],
  [
    'labels of other classes',
    { rows: [[0, 1, 0]], labels: [1], classes: 3 },
    'SHAPE_MISMATCH: The data has 3 classes; the layer `label` has 2 units.',
  ],
])('training a labelled net on data with %s', (_, options, words) => {
  const data = engine.dataset(options);
  const graph = deepBeliefNet({ visible: bernoulli(3), hidden: [], label: softmax(2), top: bernoulli(2) });
  const model = engine.create(graph, { seed: 1 });
  expect(refusal(() => [...model.train(data, contrastiveDivergence({ epochs: 1 }))])).toBe(words);
  model.free();
  data.free();
});

it('a single row trains a model', () => {
  const data = engine.dataset({ rows: [[0, 1, 0]] });
  const model = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 1 });
  const records = [...model.train(data, contrastiveDivergence({ epochs: 2 }))];
  expect(records.map((record) => Number.isFinite(record.reconstructionError))).toEqual([true, true]);
  model.free();
  data.free();
});

it('refuses what was freed, and frees twice without harm', () => {
  const data = engine.dataset({ rows: [[0, 1, 1, 0]] });
  const model = engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(3) }), { seed: 1 });
  const [first, second] = [data.split({ last: 1 })[1], model];
  for (const owner of [data, model, data, model]) owner.free();
  expect(refusal(() => first.values())).toMatch(/^OPTION_INVALID: What is asked for is gone: `free\(\)`/);
  expect(refusal(() => second.sample({ seed: 1 }))).toMatch(/^OPTION_INVALID: The parameters of this model are gone/);
  expect(refusal(() => model.parameter('hidden.bias').values())).toMatch(/are gone/);
  const other = engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(3) }), { seed: 1 });
  expect(other.meanHidden([[0, 1, 1, 0]])).toHaveLength(3);
  other.free();
});
