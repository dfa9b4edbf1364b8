/**
 * A mixture of Bernoullis by expectation maximisation: each iteration against the formulas in f64, and what EM promises,
 * that the posterior of the parameters never falls.
 *
 * Parameters are f32 logarithms of size up to 10, biases sums of some dozen of them: 2e-5 of the size of a number is
 * several times their rounding.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, type Engine, expectationMaximisation, load, type Model, rbm, softmax } from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';

const UNITS = 12;
const COMPONENTS = 3;
const ROWS = 90;
const SMOOTHING = 0.5;

const random = randomSource(404);
const prototypes = Array.from({ length: COMPONENTS }, () => Array.from({ length: UNITS }, () => random.uniform()));
const rows = Array.from({ length: ROWS }, (_, row) => prototypes[row % COMPONENTS]!.map((p) => random.bernoulli(p)));

interface Mixture {
  /** `[components][units]`. */
  readonly means: number[][];
  readonly shares: number[];
}

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const graph = rbm({ visible: bernoulli(UNITS), hidden: softmax(COMPONENTS) });

/** The mixture that a model's parameters say. */
function mixtureOf(model: Model): Mixture {
  const weights = model.parameter('visible-hidden.weight').values();
  const bias = model.parameter('hidden.bias').values();
  const means = Array.from({ length: COMPONENTS }, (_, k) =>
    Array.from({ length: UNITS }, (_, i) => 1 / (1 + Math.exp(-weights[k * UNITS + i]!))),
  );
  const shares = means.map((mu, k) => Math.exp(bias[k]! - mu.reduce((sum, p) => sum + Math.log1p(-p), 0)));
  return { means, shares };
}

/** Log-probabilities of a row together with each component. */
function joint({ means, shares }: Mixture, row: readonly number[]): number[] {
  return means.map((mu, k) =>
    mu.reduce((sum, p, i) => sum + (row[i] === 1 ? Math.log(p) : Math.log1p(-p)), Math.log(shares[k]!)),
  );
}

function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, x) => sum + Math.exp(x - largest), 0));
}

/** One iteration of EM. */
function iterated(mixture: Mixture): Mixture {
  const responsibilities = rows.map((row) => {
    const logs = joint(mixture, row);
    const total = logSumExp(logs);
    return logs.map((x) => Math.exp(x - total));
  });
  const counts = mixture.shares.map((_, k) => responsibilities.reduce((sum, r) => sum + r[k]!, 0));
  const means = counts.map((count, k) =>
    Array.from({ length: UNITS }, (_, i) => {
      const on = rows.reduce((sum, row, r) => sum + responsibilities[r]![k]! * row[i]!, 0);
      return (on + SMOOTHING) / (count + 2 * SMOOTHING);
    }),
  );
  return { means, shares: counts.map((count) => (count + SMOOTHING) / (ROWS + SMOOTHING * COMPONENTS)) };
}

/** Log-posterior of the parameters up to a constant: what EM with this smoothing climbs. */
function objective(mixture: Mixture): number {
  const prior = mixture.means.flat().reduce((sum, p) => sum + SMOOTHING * (Math.log(p) + Math.log1p(-p)), 0);
  const shares = mixture.shares.reduce((sum, share) => sum + SMOOTHING * Math.log(share), 0);
  return rows.reduce((sum, row) => sum + logSumExp(joint(mixture, row)), 0) + prior + shares;
}

function train(epochs: number, batchRows: number, on = engine): Mixture[] {
  const data = on.dataset({ rows });
  const model = on.create(graph, { seed: 5 });
  const found: Mixture[] = [];
  const options = { epochs, batchRows, smoothing: SMOOTHING, data: 'probabilities' } as const;
  for (const record of model.train(data, expectationMaximisation(options))) {
    expect(record.epoch).toBe(found.length + 1);
    found.push(mixtureOf(model));
  }
  data.free();
  model.free();
  return found;
}

function largestDifference(a: Mixture, b: Mixture): number {
  const flat = ({ means, shares }: Mixture) => [...means.flat(), ...shares];
  const [x, y] = [flat(a), flat(b)];
  return Math.max(...x.map((value, k) => Math.abs(value - y[k]!)));
}

describe('a mixture of Bernoullis', () => {
  it.each([ROWS, 7])('takes the steps of EM, %i rows together', (batchRows) => {
    const found = train(12, batchRows);
    for (const [t, mixture] of found.slice(1).entries()) {
      expect(largestDifference(mixture, iterated(found[t]!))).toBeLessThan(2e-5);
    }
    expect(largestDifference(found[0]!, found[1]!)).toBeGreaterThan(1e-3);
  });

  it('never loses posterior probability, and finds the components', () => {
    const found = train(60, 20);
    const objectives = found.map(objective);
    objectives.slice(1).forEach((value, t) => {
      expect(value).toBeGreaterThan(objectives[t]! - 1e-3);
    });
    expect(objectives.at(-1)! - objectives[0]!).toBeGreaterThan(10);
  });

  it('is normalised, and has the likelihoods of the mixture', () => {
    const data = engine.dataset({ rows });
    const model = engine.create(graph, { seed: 5 });
    const algorithm = expectationMaximisation({ epochs: 5, smoothing: SMOOTHING, data: 'probabilities' });
    expect([...model.train(data, algorithm)].length).toBe(5);
    expect(Math.abs(model.logPartition())).toBeLessThan(1e-4);
    const mixture = mixtureOf(model);
    const nats = model.logLikelihood(data);
    rows.forEach((row, r) => {
      expect(Math.abs(nats[r]! - logSumExp(joint(mixture, row)))).toBeLessThan(1e-4);
    });
    data.free();
    model.free();
  });

  it('is the same with every number of threads, and when it is resumed in the middle of an iteration', async () => {
    const wanted = train(4, 20).at(-1)!;
    for (const threads of [2, 3]) {
      const other = await load({ threads });
      expect(train(4, 20, other).at(-1)).toEqual(wanted);
      other.close();
    }
    const data = engine.dataset({ rows });
    const options = { epochs: 4, batchRows: 20, smoothing: SMOOTHING, data: 'probabilities' } as const;
    const controller = new AbortController();
    const model = engine.create(graph, { seed: 5 });
    const run = model.train(data, expectationMaximisation(options), { signal: controller.signal });
    const epochs = run[Symbol.iterator]();
    epochs.next();
    let bytes = run.toBytes();
    expect(run.progress).toMatchObject({ epoch: 1, batch: 0 });
    for (const record of engine.resume(bytes, data)) {
      expect(record.epoch).toBeGreaterThan(1);
    }
    // An aborted run stops at a batch boundary with what it had added up so far.
    const half = engine.create(graph, { seed: 5 });
    const halfRun = half.train(data, expectationMaximisation(options), { signal: controller.signal });
    setTimeout(() => controller.abort(), 0);
    await expect(
      (async () => {
        for await (const _ of halfRun) controller.abort();
      })(),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    bytes = halfRun.toBytes();
    const resumed = engine.resume(bytes, data);
    for (const record of resumed) expect(record.epoch).toBeLessThanOrEqual(4);
    expect(mixtureOf(resumed.model)).toEqual(wanted);
    for (const owned of [data, model, half]) owned.free();
  });

  it('refuses graphs that are no mixture, in words', () => {
    const data = engine.dataset({ rows });
    const ask = (other: ReturnType<typeof rbm>) =>
      refusal(() => engine.create(other, { seed: 1 }).train(data, expectationMaximisation()));
    expect(ask(rbm({ visible: bernoulli(UNITS), hidden: bernoulli(3) }))).toBe(
      'GRAPH_UNSUITABLE: Expectation maximisation needs one softmax group of hidden units, a unit for each component; the layer `hidden` has others.',
    );
    expect(ask(rbm({ visible: softmax(UNITS), hidden: softmax(3) }))).toBe(
      'GRAPH_UNSUITABLE: Expectation maximisation needs one layer of binary visible units.',
    );
    expect(refusal(() => expectationMaximisation({ smoothing: 0 }))).toBe(
      'OPTION_INVALID: `smoothing` must be a finite number above 0; got 0.',
    );
    data.free();
  });
});
