/**
 * The exact gradient of units other than binary and softmax ones, learned variances and counts of several lengths among
 * them, against central differences of log-likelihoods by sums and integrals in f64 (`test/reference/units.ts`).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  type Engine,
  exactGradient,
  gaussian,
  load,
  rbm,
  replicatedSoftmax,
  truncatedNormal,
  type Units,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';
import {
  logLikelihoodByPoints,
  logLikelihoodGradientByPoints,
  type PointGradient,
  type PointLayer,
  type PointRbm,
} from '../reference/units.js';
import { pointModelOf } from './counterpart.js';

/**
 * ‖difference‖ / ‖gradient‖: parameters of size 1 to 8 are rounded to f32 before and after a step of the gradient's size, and
 * differences of width 2e-4 are off by some 1e-8.
 */
const TOLERANCE = 1e-5;
const ROWS = 12;

const LOWER: Record<string, PointLayer> = {
  'gaussian, learned variances': { type: 'gaussian', units: 2, sigma: [0.5, 3] },
  gaussian: { type: 'gaussian', units: 2, sigma: [1, 1] },
  counts: { type: 'replicatedSoftmax', units: 3, length: 0 },
  binomial: { type: 'binomial', units: 2, copies: 3 },
  steppedSigmoid: { type: 'steppedSigmoid', units: 2, copies: 4 },
  truncatedNormal: { type: 'truncatedNormal', units: 2 },
};
const UPPER: Record<string, PointLayer> = {
  bernoulli: { type: 'bernoulli', units: 3 },
  softmax: { type: 'softmax', units: 4 },
  binomial: { type: 'binomial', units: 2, copies: 3 },
};
const PAIRS: [string, PointLayer, PointLayer][] = [
  ...Object.entries(LOWER).flatMap(([below, lower]) =>
    Object.entries(UPPER).map(([above, upper]): [string, PointLayer, PointLayer] => [
      `${below} × ${above}`,
      lower,
      upper,
    ]),
  ),
  // Integrals over one unit of either side, which the package has in closed form.
  [
    'gaussian, learned variance × gaussian',
    { type: 'gaussian', units: 1, sigma: [0.5] },
    { type: 'gaussian', units: 1, sigma: [1] },
  ],
];

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

function exampleOf(lower: PointLayer, upper: PointLayer, seed: number) {
  const random = randomSource(seed);
  const draws = (count: number, size: number) =>
    Array.from({ length: count }, () => Math.fround(size * random.normal()));
  const W = Array.from({ length: lower.units }, () => draws(upper.units, upper.type === 'gaussian' ? 0.4 : 0.6));
  const reference: PointRbm = { lower, upper, W, b: draws(lower.units, 0.5), c: draws(upper.units, 0.5) };
  // Counts make rows of 0 to 9 words, of which two have none.
  const values: Record<string, () => number> = {
    gaussian: () => Math.fround(2 * random.normal()),
    truncatedNormal: () => Math.fround(Math.abs(random.normal())),
  };
  const value = values[lower.type] ?? (() => random.below(4));
  const rows = Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: lower.units }, () => (lower.type === 'replicatedSoftmax' && row % 6 === 5 ? 0 : value())),
  );
  return { reference, rows };
}

/** Updates by the exact gradient; gives the slopes that the first one took, by the parameters as they are kept. */
function taken(reference: PointRbm, rows: number[][], rowWeights?: number[]): PointGradient {
  const data = engine.dataset({ rows, ...(rowWeights && { rowWeights }) });
  const model = pointModelOf(engine, reference);
  for (const record of model.train(data, exactGradient({ epochs: 1, learningRate: 1 }))) expect(record.updates).toBe(1);
  const slope = (name: string, before: readonly number[]) =>
    Array.from(model.parameter(name).values(), (value, k) => value - before[k]!);
  const { lower, W, b, c } = reference;
  const weights = slope(
    'visible-hidden.weight',
    c.flatMap((_, j) => W.map((row) => row[j]!)),
  );
  const gradient: PointGradient = {
    W: b.map((_, i) => c.map((__, j) => weights[j * b.length + i]!)),
    b: slope('visible.bias', b),
    c: slope('hidden.bias', c),
    zeta: [],
  };
  if (lower.type === 'gaussian' && lower.sigma.some((sigma) => sigma !== 1)) {
    const zeta = lower.sigma.map((sigma) => 2 * Math.log(sigma));
    const after = model.parameter('layers.visible.log_variance').values();
    // Log-variances have a tenth of the rate, and biases are learned in deviations, of which the new one counts.
    gradient.zeta = slope('layers.visible.log_variance', zeta).map((step) => step / 0.1);
    gradient.b = gradient.b.map((step, i) => step / (lower.sigma[i]! * Math.exp(after[i]! / 2)));
  }
  data.free();
  model.free();
  return gradient;
}

function relativeError(x: PointGradient, y: PointGradient): number {
  const flat = ({ W, b, c, zeta }: PointGradient) => [...W.flat(), ...b, ...c, ...zeta];
  const [a, exact] = [flat(x), flat(y)];
  expect(a.length).toBe(exact.length);
  return Math.hypot(...exact.map((value, k) => a[k]! - value)) / Math.hypot(...exact);
}

/** Without the slopes by variances, which are 1 and stay so. */
const ofLearned = (reference: PointRbm, gradient: PointGradient): PointGradient =>
  reference.lower.type === 'gaussian' && reference.lower.sigma.every((sigma) => sigma === 1)
    ? { ...gradient, zeta: [] }
    : gradient;

describe.each(PAIRS)('the exact gradient of %s', (name, lower, upper) => {
  const { reference, rows } = exampleOf(lower, upper, 30 + name.length);
  const weights = rows.map((_, row) => (row % 3) + 0.5);

  const differences = (of: number[][], rowWeights?: number[]) =>
    ofLearned(reference, logLikelihoodGradientByPoints(reference, of, rowWeights));
  const exact = differences(rows);

  it('is that of finite differences, rows weighted or not', () => {
    expect(relativeError(taken(reference, rows), exact)).toBeLessThan(TOLERANCE);
    expect(relativeError(taken(reference, rows, weights), differences(rows, weights))).toBeLessThan(TOLERANCE);
  });

  it('is told from gradients with a planted fault', () => {
    const direction = taken(reference, rows);
    const faults: PointGradient[] = [
      differences(rows.slice(1)),
      { ...exact, W: exact.W.map((row) => row.map((g) => g * (1 + 1e-3))) },
      { ...exact, c: exact.c.map((g) => g + 1e-3) },
    ];
    if (exact.zeta.length > 0) faults.push({ ...exact, zeta: exact.zeta.map((g) => g + 1e-3) });
    for (const fault of faults) expect(relativeError(direction, fault)).toBeGreaterThan(TOLERANCE);
  });

  it('raises the log-likelihood, record after record', () => {
    const data = engine.dataset({ rows });
    const model = pointModelOf(engine, reference);
    const mean = () =>
      model.logLikelihood(rows.filter((row) => lower.type !== 'replicatedSoftmax' || row.some(Boolean)));
    const nats = () => mean().reduce((sum, value) => sum + value, 0) / ROWS;
    expect(Math.abs(nats() - logLikelihoodByPoints(reference, rows))).toBeLessThan(1e-4);
    let last = nats();
    const start = last;
    for (const record of model.train(data, exactGradient({ epochs: 200, recordEvery: 20, learningRate: 0.005 }))) {
      expect(record.epoch % 20).toBe(0);
      // Where it has converged, by no more than f32 free energies are rounded.
      expect(nats()).toBeGreaterThan(last - 1e-6);
      last = nats();
    }
    expect(last).toBeGreaterThan(start + 0.01);
    data.free();
    model.free();
  });
});

it.each<[Units, Units, string]>([
  [
    replicatedSoftmax(3),
    gaussian(2),
    'The exact gradient enumerates one side of the model, and both have more than 2^25 configurations, or no finite number of them.',
  ],
  [
    gaussian(3, { variance: 'learned' }),
    truncatedNormal(2),
    'The exact gradient enumerates one side of the model, and both have more than 2^25 configurations, or no finite number of them.',
  ],
])('%o with %o cannot be enumerated, in words', (visible, hidden, words) => {
  const data = engine.dataset({ rows: [[1, 0, 2]] });
  const model = engine.create(rbm({ visible, hidden }), { seed: 1 });
  expect(refusal(() => [...model.train(data, exactGradient({ epochs: 1 }))])).toBe(`GRAPH_UNSUITABLE: ${words}`);
  data.free();
  model.free();
});

it('starts from the data on request', () => {
  const random = randomSource(3);
  const rows = Array.from({ length: 200 }, () => [100 + 20 * random.normal(), -3 + 0.1 * random.normal()]);
  const data = engine.dataset({ rows });
  const graph = rbm({ visible: gaussian(2, { variance: 'learned' }), hidden: bernoulli(2) });
  const model = engine.create(graph, { seed: 1, weightScale: 0.001 });
  for (const _ of model.train(data, exactGradient({ epochs: 1, initialBias: 'data', learningRate: 1e-6 })));
  const [means, deviations] = [data.columnMeans(), data.columnDeviations()];
  const logVariances = model.parameter('layers.visible.log_variance').values();
  for (const unit of [0, 1]) {
    expect(Math.abs(model.parameter('visible.bias').values()[unit]! / means[unit]! - 1)).toBeLessThan(1e-5);
    expect(Math.abs(Math.exp(logVariances[unit]! / 2) / deviations[unit]! - 1)).toBeLessThan(1e-5);
  }
  data.free();
  model.free();
});
