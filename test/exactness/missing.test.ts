/**
 * Part of a row drawn given the rest, against enumeration in f64; and learning from rows with missing numbers, against the
 * exact gradient of the likelihood of what is known.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  contrastiveDivergence,
  type Engine,
  exactGradient,
  expectationMaximisation,
  gaussian,
  load,
  type Model,
  persistentContrastiveDivergence,
  rbm,
  replicatedSoftmax,
  softmax,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  freeEnergyOfLower,
  meanUpper,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
  stateIndex,
} from '../reference/rbm.js';
import { chiSquare } from '../reference/statistics.js';
import { modelOf } from './counterpart.js';

const random = randomSource(4711);
const ROWS = 20_000;
const SWEEPS = 100;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** `p(v | v agrees with row where known)` of every state of the lower side, f64. */
function posterior(reference: ReferenceRbm, row: readonly number[], known: readonly number[]): number[] {
  const states = enumerateStates(reference.lower);
  const weights = states.map((state) =>
    state.every((value, i) => known[i] === 0 || value === row[i]) ? Math.exp(-freeEnergyOfLower(reference, state)) : 0,
  );
  const total = weights.reduce((sum, x) => sum + x, 0);
  return weights.map((weight) => weight / total);
}

const MODELS: [string, ReferenceRbm, number[], number[]][] = [
  [
    'bernoulli × bernoulli',
    roundedToF32(randomRbm([bernoulliLayer(7)], [bernoulliLayer(4)], 1.5, 0.5, random)),
    [1, 0, 1, 0, 0, 1, 1],
    [1, 0, 0, 1, 0, 0, 1],
  ],
  [
    'softmax × bernoulli',
    roundedToF32(randomRbm([softmaxLayer(3, 3)], [bernoulliLayer(4)], 1.5, 0.5, random)),
    [0, 1, 0, 1, 0, 0, 0, 0, 1],
    [1, 1, 1, 0, 0, 0, 0, 0, 0],
  ],
  [
    'bernoulli × softmax',
    roundedToF32(randomRbm([bernoulliLayer(6)], [softmaxLayer(2, 3)], 1.5, 0.5, random)),
    [1, 1, 0, 0, 1, 0],
    [0, 1, 0, 0, 1, 0],
  ],
];

describe.each(MODELS)('%s', (_, reference, row, known) => {
  const exact = posterior(reference, row, known);
  const states = enumerateStates(reference.lower);
  const means = row.map((_unused, i) => states.reduce((sum, state, s) => sum + exact[s]! * state[i]!, 0));

  it('draws what is not known from the conditional, each row by a chain of its own', () => {
    const model = modelOf(engine, reference);
    const rows = Array.from({ length: ROWS }, () => row);
    const drawn = model.conditional(rows, known, { seed: 3, sweeps: SWEEPS });
    const counts = new Array<number>(states.length).fill(0);
    for (let r = 0; r < ROWS; r += 1) {
      counts[stateIndex(reference.lower, drawn.subarray(r * row.length, (r + 1) * row.length))]! += 1;
    }
    expect(chiSquare(counts, exact, ROWS).z).toBeLessThan(5);
    model.free();
  });

  it('fills what is missing with its expectation', () => {
    const model = modelOf(engine, reference);
    const given = Array.from({ length: 400 }, () => row.map((value, i) => (known[i] === 1 ? value : Number.NaN)));
    const data = engine.dataset({ rows: given, known: 'notNaN' });
    const filled = model.fillMissing(data, { seed: 5, sweeps: 200 });
    row.forEach((value, i) => {
      const mean = given.reduce((sum, _unused, r) => sum + filled[r * row.length + i]!, 0) / given.length;
      // A mean over 400 independent chains, each of at least one independent sweep: a standard error of at most .5/20.
      if (known[i] === 1) expect(mean).toBe(value);
      else expect(Math.abs(mean - means[i]!)).toBeLessThan(4 * (0.5 / Math.sqrt(given.length)));
    });
    data.free();
    model.free();
  });

  it('takes the gradient of the likelihood of what is known', () => {
    const model = modelOf(engine, reference);
    const { visible, hidden } = { visible: 'visible.bias', hidden: 'hidden.bias' };
    const [b, c] = [model.parameter(visible).values(), model.parameter(hidden).values()];
    const free = posterior(
      reference,
      row,
      row.map(() => 0),
    );
    const rows = Array.from({ length: ROWS }, () => row);
    const data = engine.dataset({ rows, known: rows.flatMap(() => known) });
    const algorithm = contrastiveDivergence({
      epochs: 1,
      batchRows: ROWS,
      learningRate: 1,
      momentum: 0,
      weightCost: 0,
      initialBias: 'keep',
      gibbsSteps: 200,
      missingSweeps: 100,
      reconstruction: 'states',
    });
    for (const record of model.train(data, algorithm)) expect(record.updates).toBe(1);
    const expected = (of: (state: number[]) => number[], place: number) =>
      states.reduce((sum, state, s) => sum + (exact[s]! - free[s]!) * of(state)[place]!, 0);
    const bound = 5 * Math.sqrt(0.5 / ROWS);
    model
      .parameter(visible)
      .values()
      .forEach((value, i) => {
        expect(Math.abs(value - b[i]! - expected((state) => state, i))).toBeLessThan(bound);
      });
    model
      .parameter(hidden)
      .values()
      .forEach((value, j) => {
        expect(Math.abs(value - c[j]! - expected((state) => meanUpper(reference, state), j))).toBeLessThan(bound);
      });
    data.free();
    model.free();
  });
});

it('draws Gaussian units given the others, in the units of the rows', () => {
  // One hidden unit: p(h = 1 | v₀) has a closed form, and v₁ is Gaussian given h.
  const model = engine.create(rbm({ visible: gaussian(2, { variance: 'learned' }), hidden: bernoulli(1) }), {
    seed: 1,
  });
  const [w, logVariance] = [
    [2, -1.5],
    [Math.log(4), Math.log(0.25)],
  ] as const;
  model.parameter('visible-hidden.weight').set(w);
  model.parameter('layers.visible.log_variance').set(logVariance);
  model.parameter('visible.bias').set([1, -2]);
  model.parameter('hidden.bias').set([0.3]);
  const v0 = 2.5;
  // Marginally over v₁, h has the extra log-odds of (b₁/σ₁ + w₁)²/2 − (b₁/σ₁)²/2.
  const beta = -2 / 0.5;
  const odds = 0.3 + (v0 / 2) * w[0] + ((beta + w[1]) ** 2 - beta ** 2) / 2;
  const on = 1 / (1 + Math.exp(-odds));
  const rows = Array.from({ length: ROWS }, () => [v0, 0]);
  const drawn = model.conditional(rows, [1, 0], { seed: 2, sweeps: 60 });
  const second = Array.from({ length: ROWS }, (_, r) => drawn[2 * r + 1]!);
  const mean = second.reduce((sum, x) => sum + x, 0) / ROWS;
  const variance = second.reduce((sum, x) => sum + (x - mean) ** 2, 0) / ROWS;
  const exactMean = -2 + 0.5 * w[1] * on;
  const exactVariance = 0.25 + (0.5 * w[1]) ** 2 * on * (1 - on);
  expect(drawn[0]).toBe(v0);
  expect(Math.abs(mean - exactMean)).toBeLessThan(5 * Math.sqrt(exactVariance / ROWS));
  expect(Math.abs(variance - exactVariance)).toBeLessThan(5 * exactVariance * Math.sqrt(3 / ROWS));
  model.free();
});

it('learns from rows of which a third is missing nearly what whole rows teach', () => {
  // Six noisy copies of a bit.
  const source = randomSource(12);
  const whole = Array.from({ length: 4000 }, () => {
    const bit = source.bernoulli(0.7);
    return Array.from({ length: 6 }, () => bit ^ source.bernoulli(0.15));
  });
  const holes = whole.map((row) => row.map((value) => (source.uniform() < 1 / 3 ? Number.NaN : value)));
  const algorithm = persistentContrastiveDivergence({
    epochs: 50,
    learningRate: { from: 0.4, to: 0.001 },
    weightCost: 0,
    momentum: 0,
  });
  const learned = (rows: number[][]) => {
    const data = engine.dataset({ rows, known: 'notNaN' });
    const model = engine.create(rbm({ visible: bernoulli(6), hidden: bernoulli(4) }), { seed: 4 });
    for (const record of model.train(data, algorithm)) expect(record.updates).toBeGreaterThan(0);
    data.free();
    return model;
  };
  const nats = (model: Model) => model.logLikelihood(whole).reduce((sum, x) => sum + x, 0) / whole.length;
  const [fromWhole, fromHoles] = [learned(whole), learned(holes)];
  const zeros = learned(holes.map((row) => row.map((value) => (Number.isNaN(value) ? 0 : value))));
  expect(nats(fromWhole) - nats(fromHoles)).toBeLessThan(0.05);
  expect(nats(fromWhole) - nats(zeros)).toBeGreaterThan(0.3);
  for (const model of [fromWhole, fromHoles, zeros]) model.free();
});

describe('bad input', () => {
  const graph = rbm({ visible: bernoulli(3), hidden: bernoulli(2) });
  const holed = () => engine.dataset({ rows: [[1, Number.NaN, 0]], known: 'notNaN' });

  it('refuses masks and rows that do not fit', () => {
    const model = engine.create(graph, { seed: 1 });
    expect(refusal(() => model.conditional([[1, 0, 1]], [1, 0], { seed: 1 }))).toBe(
      'SHAPE_MISMATCH: The mask has 2 numbers; it must have 3, one for each unit, or 3, one for each number.',
    );
    expect(refusal(() => model.conditional([[1, 0]], [1, 0, 1], { seed: 1 }))).toBe(
      'SHAPE_MISMATCH: Row 0 has 2 numbers; every row must have 3.',
    );
    expect(refusal(() => model.conditional([[Number.NaN, 0, 0]], [1, 0, 1], { seed: 1 }))).toMatch(/^DATA_INVALID: /);
    expect(refusal(() => model.conditional([[0, 0, 0]], [1, 0, 1], {} as never))).toMatch(/^OPTION_INVALID: /);
    // What stands at an unknown place is not read.
    expect(model.conditional([[0, Number.NaN, 0]], [1, 0, 1], { seed: 1, sweeps: 2 })[0]).toBe(0);
  });

  it('refuses missing numbers where nothing can draw them', () => {
    const data = holed();
    const model = engine.create(graph, { seed: 1 });
    const message = (what: string) =>
      `DATA_INVALID: ${what} needs whole rows, and numbers are missing in this data set; \`fillMissing()\` and \`conditional()\` fill them.`;
    expect(refusal(() => model.freeEnergy(data))).toBe(message('This'));
    expect(refusal(() => [...model.train(data, exactGradient())])).toBe(message('The exact gradient'));
    const mixture = engine.create(rbm({ visible: bernoulli(3), hidden: softmax(2) }), { seed: 1 });
    expect(refusal(() => [...mixture.train(data, expectationMaximisation())])).toBe(
      message('Expectation maximisation'),
    );
    const counts = engine.create(rbm({ visible: replicatedSoftmax(3), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => [...counts.train(data, contrastiveDivergence())])).toBe(
      "GRAPH_UNSUITABLE: Clamped sampling cannot draw missing counts of the layer `visible`: a document's length would not be known.",
    );
    expect(refusal(() => engine.dataset({ rows: [[1]], known: 'nan' as never }))).toMatch(/^OPTION_INVALID: /);
    expect(refusal(() => engine.dataset({ rows: [[1]], known: [1, 0] }))).toBe(
      'SHAPE_MISMATCH: `known` has 2 numbers; the rows have 1.',
    );
    expect(refusal(() => engine.dataset({ rows: [[Number.NaN]] }))).toMatch(/^DATA_INVALID: /);
  });

  it('gives NaN back where a number is missing, and means of what is known', () => {
    const data = engine.dataset({
      rows: [
        [1, Number.NaN],
        [0, 3],
      ],
      known: 'notNaN',
    });
    expect([...data.values()]).toEqual([1, Number.NaN, 0, 3]);
    expect([...data.columnMeans()]).toEqual([0.5, 3]);
    expect([...data.columnDeviations()]).toEqual([0.5, 0]);
  });
});
