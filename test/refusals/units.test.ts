/** Options of unit types, and data that do not fit them, refused in words. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  bernoulli,
  binomial,
  contrastiveDivergence,
  type DatasetOptions,
  type Engine,
  gaussian,
  load,
  persistentContrastiveDivergence,
  rbm,
  readGraph,
  relu,
  replicatedSoftmax,
  steppedSigmoid,
  truncatedNormal,
  type Units,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

it.each<[() => unknown, string]>([
  [() => binomial(3, 1), '`copies` must be an integer from 2 to 1000; got 1.'],
  [() => binomial(3, 1001), '`copies` must be an integer from 2 to 1000; got 1001.'],
  [() => binomial(0, 2), '`units` must be an integer from 1 to 65535; got 0.'],
  [() => steppedSigmoid(3, 0), '`copies` must be an integer from 1 to 1000; got 0.'],
  [
    () => relu(3, { noise: 'sigmod' as never }),
    '`noise` must be "none", "unit" or "sigmoid"; got "sigmod". Did you mean "sigmoid"?',
  ],
  [() => relu(3, { nose: 'unit' } as never), 'relu() has no option `nose`; did you mean `noise`?'],
  [() => truncatedNormal(1.5), '`units` must be an integer from 1 to 65535; got 1.5.'],
  [() => replicatedSoftmax(1), '`units` must be an integer from 2 to 65535; got 1.'],
  [() => gaussian(3, { variance: 2 as never }), '`variance` must be 1 or "learned"; got 2.'],
  [() => gaussian(3, { floor: 0 }), '`floor` must be a finite number above 0; got 0.'],
  [() => gaussian(3, { varianceRate: 0 }), '`varianceRate` must be a finite number above 0; got 0.'],
  [() => gaussian(3, { standardise: 1 as never }), '`standardise` must be true or false; got 1.'],
  [
    () => gaussian(3, { standardize: true } as never),
    'gaussian() has no option `standardize`; did you mean `standardise`?',
  ],
  [
    () => readGraph('g', { layers: [{ name: 'a', units: { type: 'gausian', units: 3 } }], connections: [] }),
    'g.layers.0 has no unit type `gausian`; did you mean `gaussian`?',
  ],
])('the units of %o', (make, words) => {
  expect(refusal(make)).toBe(`OPTION_INVALID: ${words}`);
});

it.each<[Units, string]>([
  [replicatedSoftmax(3), 'counts of 3 words'],
  [gaussian(3, { variance: 'learned' }), 'learned variances'],
  [gaussian(3, { standardise: true }), 'standardised units'],
])('a hidden layer of what only data can be: %o', (hidden, what) => {
  expect(refusal(() => rbm({ visible: bernoulli(2), hidden }))).toBe(
    `GRAPH_UNSUITABLE: The layer \`hidden\` has ${what}, which only a layer that holds data may have.`,
  );
});

const remedy = 'Pass `scale`, or bring the columns into that range.';
const third = (value: number): DatasetOptions => ({
  rows: [
    [0, 1, 2],
    [0, value, 1],
  ],
});

it.each<[Units, DatasetOptions, string]>([
  [
    binomial(3, 4),
    third(5),
    `Data for 3 binomial units of 4 copies must be whole numbers from 0 to 4; row 1, column 1 is 5. ${remedy}`,
  ],
  [
    binomial(3, 4),
    third(0.5),
    `Data for 3 binomial units of 4 copies must be whole numbers from 0 to 4; row 1, column 1 is 0.5. ${remedy}`,
  ],
  [
    steppedSigmoid(3, 9),
    { rows: Uint8Array.of(0, 9, 10), columns: 3 },
    `Data for 3 stepped sigmoid units of 9 copies must be whole numbers from 0 to 9; row 0, column 2 is 10. ${remedy}`,
  ],
  [relu(3), third(-1), `Data for 3 rectified units must be at least 0; row 1, column 1 is -1. ${remedy}`],
  [
    truncatedNormal(3),
    third(-1),
    `Data for 3 truncated normal units must be at least 0; row 1, column 1 is -1. ${remedy}`,
  ],
  [
    replicatedSoftmax(3),
    third(1.5),
    `Data for counts of 3 words must be whole numbers of at least 0; row 1, column 1 is 1.5. ${remedy}`,
  ],
  [bernoulli(3), third(1), `Data for 3 binary units must lie in [0, 1]; row 0, column 2 is 2. ${remedy}`],
])('data for %o', (visible, options, words) => {
  const data = engine.dataset(options);
  const model = engine.create(rbm({ visible, hidden: bernoulli(2) }), { seed: 1 });
  expect(refusal(() => model.train(data, contrastiveDivergence()))).toBe(`DATA_INVALID: ${words}`);
  expect(refusal(() => model.meanHidden(data))).toBe(`DATA_INVALID: ${words}`);
  model.free();
  data.free();
});

it('data of any size and sign fit Gaussian units, and bytes of any size binomial ones', () => {
  const data = engine.dataset({ rows: [[-1e6, 0.5, 1e6]] });
  const model = engine.create(rbm({ visible: gaussian(3), hidden: bernoulli(2) }), { seed: 1 });
  expect(model.meanHidden(data).every(Number.isFinite)).toBe(true);
  data.free();
  model.free();
  const bytes = engine.dataset({ rows: Uint8Array.of(0, 255, 7), columns: 3 });
  const counts = engine.create(rbm({ visible: binomial(3, 255), hidden: bernoulli(2) }), { seed: 1 });
  expect(counts.meanHidden(bytes).every(Number.isFinite)).toBe(true);
  bytes.free();
  counts.free();
});

it('algorithms say what units they cannot train', () => {
  const data = engine.dataset({ rows: [[1, 0, 2]] });
  const counts = engine.create(rbm({ visible: replicatedSoftmax(3), hidden: bernoulli(2) }), { seed: 1 });
  expect(refusal(() => [...counts.train(data, persistentContrastiveDivergence({ epochs: 1 }))])).toBe(
    'GRAPH_UNSUITABLE: Persistent chains have no document lengths; the layer `visible` has counts of 3 words.',
  );
  counts.free();
  data.free();
});
