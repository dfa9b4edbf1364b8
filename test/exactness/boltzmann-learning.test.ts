/**
 * The learning rule of Boltzmann machines: one exact update is the gradient of the log-likelihood, small machines learn a
 * distribution, and training gives the same bits however it is cut.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BoltzmannLearningOptions,
  bernoulli,
  boltzmannLearning,
  boltzmannMachine,
  type Engine,
  load,
  type Model,
  rbm,
  sigmoidBeliefNet,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { gradientOf, meanLogLikelihood, randomField, statesOf } from '../reference/field.js';
import { randomSource } from '../reference/random.js';
import { modelOfField, readField } from './field-models.js';
import { graphCount } from './random-graphs.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** One update over all rows, without anything but the gradient. */
const ONE_STEP = { epochs: 1, momentum: 0, weightCost: 0, initialBias: 'keep' } as const;

describe('the exact rule', () => {
  it('steps by the gradient of the log-likelihood on random graphs', () => {
    const random = randomSource(501);
    for (let seed = 0; seed < graphCount(100); seed++) {
      const units = 3 + random.below(7);
      const visible = 1 + random.below(units);
      const field = randomField(units, seed % 3 === 0 ? 1 : 0.6, 1, 0.5, random);
      if (!field.joined.flat().some(Boolean)) continue;
      const rows = Array.from({ length: 5 }, () => Array.from({ length: visible }, () => random.bernoulli(0.5)));
      const model = modelOfField(engine, field, visible);
      const data = engine.dataset({ rows, columns: visible });
      const learningRate = 0.5;
      const algorithm = boltzmannLearning({ ...ONE_STEP, learningRate, clamped: 'exact', free: 'exact', batchRows: 5 });
      for (const record of model.train(data, algorithm)) expect(record.updates).toBe(1);
      const after = readField(model, visible);
      const exact = gradientOf(field, rows);
      const [taken, wanted]: [number[], number[]] = [[], []];
      exact.units.forEach((slope, i) => {
        taken.push((after.units[i]! - field.bias[i]!) / learningRate);
        wanted.push(slope);
        exact.pairs[i]!.forEach((product, j) => {
          taken.push((after.pairs[i]![j]! - field.weights[i]![j]!) / learningRate);
          wanted.push(field.joined[i]![j] ? product : 0);
        });
      });
      const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      expect(norm(taken.map((slope, k) => slope - wanted[k]!))).toBeLessThan(1e-5 * Math.max(0.1, norm(wanted)));
      model.free();
      data.free();
    }
  });

  it('has a gradient that finite differences of the log-likelihood agree with', () => {
    const random = randomSource(502);
    for (let seed = 0; seed < graphCount(10); seed++) {
      const field = randomField(6, 0.7, 1, 0.5, random);
      const rows = Array.from({ length: 4 }, () => Array.from({ length: 4 }, () => random.bernoulli(0.5)));
      const exact = gradientOf(field, rows);
      const width = 1e-5;
      const slope = (change: (by: number) => typeof field) =>
        (meanLogLikelihood(change(width), rows) - meanLogLikelihood(change(-width), rows)) / (2 * width);
      for (let i = 0; i < 6; i++) {
        const bias = (by: number) => ({ ...field, bias: field.bias.map((b, k) => (k === i ? b + by : b)) });
        expect(Math.abs(slope(bias) - exact.units[i]!)).toBeLessThan(1e-8);
        for (let j = 0; j < i; j++) {
          const isPair = (k: number, l: number) => (k === i && l === j) || (k === j && l === i);
          const weights = (by: number) => ({
            ...field,
            weights: field.weights.map((row, k) => row.map((w, l) => (isPair(k, l) ? w + by : w))),
          });
          expect(Math.abs(slope(weights) - exact.pairs[i]![j]!)).toBeLessThan(1e-8);
        }
      }
    }
  });
});

describe('a full machine of 4 visible and 3 hidden units learns a distribution over 4 bits', () => {
  const random = randomSource(503);
  const raw = statesOf(4).map(() => random.normal() ** 2 + 0.1);
  const target = raw.map((p) => p / raw.reduce((sum, q) => sum + q, 0));

  /** KL(target ‖ model) after training on copies of the sixteen states that count as the target says. */
  function learned(copies: number, options: BoltzmannLearningOptions): number {
    const graph = boltzmannMachine({ visible: bernoulli(4), hidden: bernoulli(3) });
    const model = engine.create(graph, { seed: 4, weightScale: 0.3 });
    const rows = Array.from({ length: copies }, () => statesOf(4)).flat();
    const data = engine.dataset({ rows, rowWeights: rows.map((_, row) => target[row % 16]!) });
    const all = { batchRows: rows.length, weightCost: 0, momentum: 0.9 };
    for (const _ of model.train(data, boltzmannLearning({ ...all, ...options }))) {
      // Only the end counts.
    }
    const logs = model.logLikelihood(statesOf(4));
    model.free();
    data.free();
    return target.reduce((sum, p, a) => sum + p * (Math.log(p) - logs[a]!), 0);
  }

  it('to KL < 0.001 by exact averages', () => {
    const kl = learned(1, { epochs: 2500, learningRate: 0.5, clamped: 'exact', free: 'exact' });
    expect(kl).toBeLessThan(0.001);
  });

  const stochastic = { epochs: 2000, learningRate: { from: 0.5, to: 0 }, chains: 400, averaging: 0.99 };

  it('to KL < 0.01 by Gibbs sampling with the data clamped and persistent chains', () => {
    // Copies of each state make the noise of the clamped phase small.
    expect(learned(25, { ...stochastic, clamped: 'gibbs', clampedSweeps: 5 })).toBeLessThan(0.01);
  });

  it('to KL < 0.03 by mean field, whose clamped phase takes hidden units for independent', () => {
    expect(learned(1, stochastic)).toBeLessThan(0.03);
  });
});

/** Lateral weights among visible units, listed pairs to the hidden ones: a graph with both forms. */
const GRAPH = {
  layers: [
    { name: 'visible', units: bernoulli(9) },
    { name: 'hidden', units: bernoulli(5) },
  ],
  connections: [
    { kind: 'undirected', lower: 'visible', upper: 'visible' },
    {
      kind: 'undirected',
      lower: 'visible',
      upper: 'hidden',
      edges: { lower: [0, 3, 5, 8, 2, 1], upper: [0, 0, 1, 2, 3, 4] },
    },
  ],
} as const;

const OPTIONS: BoltzmannLearningOptions[] = [
  { epochs: 3, batchRows: 5, clamped: 'gibbs', data: 'states', averaging: 0.9, chains: 7 },
  { epochs: 3, batchRows: 5, clamped: 'meanField', optimiser: 'adam', chains: 4, gibbsSteps: 2 },
  { epochs: 3, batchRows: 5, clamped: 'exact', free: 'exact', l1Cost: 0.001 },
];

function rowsOf(count: number): number[][] {
  const random = randomSource(504);
  return Array.from({ length: count }, () => Array.from({ length: 9 }, () => random.uniform()));
}

/** A model's bytes after training. */
function trained(on: Engine, options: BoltzmannLearningOptions, stopAfter?: number): Uint8Array {
  const model: Model = on.create(GRAPH, { seed: 12, weightScale: 0.2 });
  const data = on.dataset({ rows: rowsOf(13) });
  const run = model.train(data, boltzmannLearning(options));
  let bytes: Uint8Array | undefined;
  for (const { epoch } of run) {
    if (epoch !== stopAfter) continue;
    bytes = run.toBytes();
    break;
  }
  if (bytes !== undefined) {
    run.free();
    const resumed = on.resume(bytes, data);
    for (const _ of resumed) {
      // To its end.
    }
    const end = resumed.model.toBytes();
    resumed.model.free();
    model.free();
    data.free();
    return end;
  }
  const end = model.toBytes();
  model.free();
  data.free();
  return end;
}

describe.each(OPTIONS)('training with $clamped', (options) => {
  it('gives the same bits through a checkpoint', () => {
    const whole = trained(engine, options);
    expect(trained(engine, options, 1)).toEqual(whole);
    expect(trained(engine, { ...options, epochs: 2 })).not.toEqual(whole);
  });

  it('gives the same bits on any number of threads', async () => {
    const whole = trained(engine, options);
    for (const threads of [1, 2, 3]) {
      const other = await load({ threads, artefact: 'mt' });
      expect(trained(other, options)).toEqual(whole);
      other.close();
    }
  });

  it('keeps weights within a layer symmetric, with a diagonal of zero', () => {
    const model = engine.open(trained(engine, options));
    const weights = model.parameter('visible-visible.weight').values();
    for (let i = 0; i < 9; i++) {
      expect(weights[i * 9 + i]).toBe(0);
      for (let j = 0; j < i; j++) expect(weights[i * 9 + j]).toBe(weights[j * 9 + i]);
    }
    expect(new Set(weights).size).toBe(37);
    expect(model.parameter('visible-hidden.weight').shape).toEqual([6]);
    model.free();
  });
});

describe('what cannot be trained', () => {
  it('stops with the name of what was lost', () => {
    const model = engine.create(GRAPH, { seed: 1 });
    const data = engine.dataset({ rows: rowsOf(13) });
    const run = model.train(data, boltzmannLearning({ learningRate: 1e38, epochs: 20, momentum: 0.9 }));
    expect(refusal(() => [...run])).toMatch(/^NOT_FINITE: Update \d+ left a number in `(layers|connections)\./);
    model.free();
    data.free();
  });

  it('is refused in words', () => {
    const data = engine.dataset({ rows: rowsOf(3) });
    const net = engine.create(sigmoidBeliefNet({ visible: bernoulli(9), hidden: [bernoulli(3)] }), { seed: 1 });
    expect(refusal(() => net.train(data, boltzmannLearning()))).toBe(
      'GRAPH_UNSUITABLE: Boltzmann learning needs a Boltzmann machine, binary units joined by undirected connections; `h1>visible` is directed.',
    );
    net.free();
    const large = engine.create(boltzmannMachine({ visible: bernoulli(9), hidden: bernoulli(30) }), { seed: 1 });
    expect(refusal(() => [...large.train(data, boltzmannLearning({ free: 'exact' }))])).toContain('39 together');
    expect(refusal(() => [...large.train(data, boltzmannLearning({ clamped: 'exact' }))])).toContain('30 together');
    large.free();
    expect(refusal(() => boltzmannLearning({ chains: 1 }))).toContain('`chains`');
    data.free();
  });

  it('does not include a restricted machine, which learns too', () => {
    const model = engine.create(rbm({ visible: bernoulli(9), hidden: bernoulli(3) }), { seed: 1 });
    const data = engine.dataset({ rows: rowsOf(13) });
    const before = model.toBytes();
    for (const { reconstructionError } of model.train(data, boltzmannLearning({ epochs: 2 }))) {
      expect(reconstructionError).toBeGreaterThan(0);
    }
    expect(model.toBytes()).not.toEqual(before);
    model.free();
    data.free();
  });
});
