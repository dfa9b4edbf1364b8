/**
 * Annealed importance sampling against the enumerated log Z.
 *
 * The estimate of one run has the standard error that it reports (from the spread of its weights), so that of 20 seeds at
 * least 19 must lie within 3 of these. The mean of log-weights is below log Z (forward) and above it (reverse, from exact
 * samples) in expectation: over 20 runs its mean may pass the wrong way by at most 4 standard errors of that mean.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnnealedEstimate,
  type AnnealedOptions,
  type AnnealedState,
  bernoulli,
  binomial,
  bracketOf,
  type Dataset,
  type Engine,
  gaussian,
  load,
  type Model,
  rbm,
  steppedSigmoid,
  truncatedNormal,
  type Units,
  type WakesleepError,
} from 'wakesleep';
import { LayerState } from '../../dist/infer/layer-state.js';
import { refusal, refusalOf } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  logPartitionByPairs,
  lowerDistribution,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
} from '../reference/rbm.js';
import { drawnRows, modelOf } from './counterpart.js';

const SEEDS = 20;
const CHAINS = 130;
const random = randomSource(301);

const MODELS: [string, ReferenceRbm][] = [
  ['bernoulli × bernoulli', roundedToF32(randomRbm([bernoulliLayer(8)], [bernoulliLayer(5)], 1.5, 0.7, random))],
  ['softmax × bernoulli', roundedToF32(randomRbm([softmaxLayer(3, 3)], [bernoulliLayer(4)], 1.5, 0.7, random))],
  ['bernoulli × softmax', roundedToF32(randomRbm([bernoulliLayer(7)], [softmaxLayer(2, 4)], 1.5, 0.7, random))],
  [
    'bernoulli and labels × bernoulli',
    roundedToF32(randomRbm([bernoulliLayer(5), softmaxLayer(1, 3)], [bernoulliLayer(5)], 1.5, 0.7, random)),
  ],
];

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** One estimate for each seed. */
function estimates(
  model: Model,
  options: Partial<AnnealedOptions> | ((seed: number) => Partial<AnnealedOptions>),
): AnnealedEstimate[] {
  return Array.from({ length: SEEDS }, (_, seed) => {
    const own = typeof options === 'function' ? options(seed) : options;
    return model.annealedLogPartition({ chains: CHAINS, temperatures: 60, ...own, seed });
  });
}

function meanAndError(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

/** How many estimates are within 3 of their own standard errors of a value. */
function within(found: readonly AnnealedEstimate[], logZ: number): number {
  return found.filter(({ logPartition, standardError }) => Math.abs(logPartition - logZ) <= 3 * standardError).length;
}

/** As many exact samples of the visible side as there are chains, of each seed its own. */
function exactSamples(reference: ReferenceRbm): Dataset[] {
  const source = randomSource(9);
  const [states, probabilities] = [enumerateStates(reference.lower), lowerDistribution(reference)];
  return Array.from({ length: SEEDS }, () => {
    const rows = drawnRows(states, probabilities, CHAINS, source);
    return engine.dataset({ rows, columns: reference.b.length });
  });
}

describe.each(MODELS)('%s', (_, reference) => {
  const exact = logPartitionByPairs(reference);

  it('forward: the estimate is log Z within its errors, the mean log-weight below it', () => {
    const model = modelOf(engine, reference);
    const found = estimates(model, {});
    expect(within(found, exact)).toBeGreaterThanOrEqual(19);
    const bound = meanAndError(found.map((estimate) => estimate.bound));
    expect(bound.mean).toBeLessThan(exact + 4 * bound.error);
    expect(found.every(({ low, high, logPartition }) => low < logPartition && logPartition < high)).toBe(true);
    model.free();
  });

  it('reverse from long chains brackets log Z together with forward, and says that it is a heuristic', () => {
    const model = modelOf(engine, reference);
    const forward = model.annealedLogPartition({ seed: 1, chains: 200, temperatures: 300 });
    const start = { sweeps: 200 };
    const reverse = model.annealedLogPartition({
      seed: 2,
      chains: 200,
      temperatures: 300,
      direction: 'reverse',
      start,
    });
    const bracket = bracketOf(forward, reverse);
    const slack = 4 * (forward.standardError + reverse.standardError);
    expect(bracket.low).toBeLessThan(exact + slack);
    expect(bracket.high).toBeGreaterThan(exact - slack);
    expect(bracket.width).toBeLessThan(1);
    expect(bracket.warnings).toContain(
      'The upper end comes from long chains in place of exact samples of the model: it is a heuristic, not a bound.',
    );
    model.free();
  });
});

describe.each(MODELS.filter(([, { lower }]) => lower.length === 1))('%s', (_, reference) => {
  const exact = logPartitionByPairs(reference);

  it('reverse from exact samples: the same, the mean log-weight above it', () => {
    const model = modelOf(engine, reference);
    const samples = exactSamples(reference);
    const found = estimates(model, (seed) => ({ direction: 'reverse', start: { rows: samples[seed]! } }));
    expect(within(found, exact)).toBeGreaterThanOrEqual(19);
    const bound = meanAndError(found.map((estimate) => estimate.bound));
    expect(bound.mean).toBeGreaterThan(exact - 4 * bound.error);
    expect(found.every(({ heuristic }) => !heuristic)).toBe(true);
    for (const owned of [...samples, model]) owned.free();
  });
});

describe('a fault planted in the estimator is caught', () => {
  const [, reference] = MODELS[0]!;
  const { addLogPartition, addTemperedDifference, settleTempered } = LayerState.prototype;
  const faults: [string, Partial<LayerState>][] = [
    [
      'the log Z of the base model without its hidden units',
      {
        addLogPartition(this: LayerState, ...given) {
          if (this.name !== 'hidden') addLogPartition.apply(this, given);
        },
      },
    ],
    [
      'chains that move as at β = 1 all the way',
      {
        settleTempered(this: LayerState, _scales, ...given) {
          settleTempered.call(this, Float32Array.of(1), ...given);
        },
      },
    ],
    [
      'weights of other temperatures than those of the chains',
      {
        addTemperedDifference(this: LayerState, from, to, out) {
          const squared = (betas: Float32Array) => betas.map((beta) => beta * beta);
          addTemperedDifference.call(this, squared(from), squared(to), out);
        },
      },
    ],
  ];

  it.each(faults)('%s', (_, fault) => {
    const model = modelOf(engine, reference);
    const right = { addLogPartition, addTemperedDifference, settleTempered };
    Object.assign(LayerState.prototype, fault);
    try {
      expect(within(estimates(model, {}), logPartitionByPairs(reference))).toBeLessThan(19);
    } finally {
      Object.assign(LayerState.prototype, right);
    }
    expect(within(estimates(model, {}), logPartitionByPairs(reference))).toBeGreaterThanOrEqual(19);
    model.free();
  });
});

/** Other units, against the exact log Z of the package (units.test.ts proves it). */
const OTHERS: [string, Units, Units][] = [
  ['gaussian × bernoulli', gaussian(6), bernoulli(5)],
  ['gaussian with learned variances × bernoulli', gaussian(5, { variance: 'learned' }), bernoulli(4)],
  ['binomial × bernoulli', binomial(5, 4), bernoulli(5)],
  ['bernoulli × gaussian', bernoulli(6), gaussian(3)],
  ['bernoulli × stepped sigmoid', bernoulli(6), steppedSigmoid(3, 3)],
  ['bernoulli × truncated normal', bernoulli(5), truncatedNormal(3)],
];

describe.each(OTHERS)('%s', (_, visible, hidden) => {
  it('has log Z within the errors of 20 seeds, and bounds on their sides', () => {
    const model = engine.create(rbm({ visible, hidden }), { seed: 8, weightScale: 0.5 });
    for (const { name, shape } of model.parameterSpecs) {
      if (shape.length > 1) continue;
      model.parameter(name).set(Array.from({ length: shape[0]! }, () => Math.fround(random.uniform() - 0.5)));
    }
    const exact = model.logPartition();
    const forward = estimates(model, {});
    expect(within(forward, exact)).toBeGreaterThanOrEqual(19);
    const below = meanAndError(forward.map((estimate) => estimate.bound));
    expect(below.mean).toBeLessThan(exact + 4 * below.error);
    const reverse = estimates(model, { direction: 'reverse', start: { sweeps: 100 } });
    const above = meanAndError(reverse.map((estimate) => estimate.bound));
    expect(above.mean).toBeGreaterThan(exact - 4 * above.error);
    model.free();
  });
});

it('a model that cannot be normalised has no estimate', () => {
  const model = engine.create(rbm({ visible: gaussian(2), hidden: gaussian(2) }), { seed: 1, weightScale: 3 });
  expect(refusal(() => model.annealedLogPartition({ seed: 1 }))).toMatch(
    /^GRAPH_UNSUITABLE: Annealed importance sampling needs a model with a finite log Z; /,
  );
  model.free();
});

describe('annealed importance sampling', () => {
  const [, reference] = MODELS[0]!;

  it('has log Z in closed form where there are no weights', () => {
    const model = engine.create(rbm({ visible: bernoulli(30), hidden: bernoulli(20) }), { seed: 1, weightScale: 0 });
    const bias = Array.from({ length: 30 }, (_, unit) => Math.fround((unit - 15) / 5));
    model.parameter('visible.bias').set(bias);
    const exact = bias.reduce((sum, b) => sum + Math.log1p(Math.exp(b)), 20 * Math.LN2);
    const { logPartition, standardError } = model.annealedLogPartition({ seed: 1, chains: 7, temperatures: 5 });
    expect(Math.abs(logPartition - exact)).toBeLessThan(1e-4);
    expect(standardError).toBeLessThan(1e-4);
    model.free();
  });

  it('takes the base model from the means of data', () => {
    const model = modelOf(engine, reference);
    const rows = drawnRows(enumerateStates(reference.lower), lowerDistribution(reference), 500, randomSource(4));
    const base = engine.dataset({ rows, columns: reference.b.length });
    const found = estimates(model, { base });
    expect(within(found, logPartitionByPairs(reference))).toBeGreaterThanOrEqual(19);
    expect(found[0]!.logWeights).not.toEqual(estimates(model, {})[0]!.logWeights);
    for (const owned of [base, model]) owned.free();
  });

  it('gives the same numbers for every number of threads, in both forms, and resumed', async () => {
    const options = { seed: 5, chains: 250, temperatures: 40 };
    const here = modelOf(engine, reference);
    const wanted = here.annealedLogPartition(options);
    const fewer = here.annealedLogPartition({ ...options, chains: 170 });
    expect(here.annealedLogPartition({ ...options, resume: fewer.state })).toEqual(wanted);
    expect(await here.annealedLogPartitionAsync(options)).toEqual(wanted);
    for (const threads of [2, 3]) {
      const other = await load({ threads });
      const there = modelOf(other, reference);
      expect(there.annealedLogPartition(options)).toEqual(wanted);
      other.close();
    }
    here.free();
  });

  it('tells how far it is, and hears a signal', async () => {
    const model = modelOf(engine, reference);
    const shares: number[] = [];
    const onProgress = ({ share }: { share: number }) => shares.push(share);
    model.annealedLogPartition({ seed: 1, chains: 150, temperatures: 100, onProgress });
    expect(shares.at(-1)).toBe(1);
    expect(shares.every((share, k) => k === 0 || share > shares[k - 1]!)).toBe(true);
    const controller = new AbortController();
    controller.abort();
    const aborted = model.annealedLogPartitionAsync({ seed: 1, signal: controller.signal });
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    model.free();
  });

  it('stopped, hands out the chains that are done, and goes on from them to the same numbers', async () => {
    const model = modelOf(engine, reference);
    const options = { seed: 4, chains: 350, temperatures: 200 };
    const wanted = model.annealedLogPartition(options);
    const controller = new AbortController();
    const stopAt = ({ chains }: { chains: number }) => chains === 200 && controller.abort();
    const stopped = model.annealedLogPartitionAsync({ ...options, signal: controller.signal, onProgress: stopAt });
    const error = await stopped.then(
      () => undefined,
      (thrown: unknown) => thrown as WakesleepError,
    );
    expect(error).toMatchObject({
      code: 'ABORTED',
      message: 'Annealed importance sampling was aborted with 200 of 350 chains done.',
    });
    const kept = JSON.parse(JSON.stringify(error!.partial)) as AnnealedState;
    expect(kept.logWeights).toEqual(wanted.logWeights.slice(0, 200));
    const begun: number[] = [];
    const onProgress = ({ chains }: { chains: number }) => begun.push(chains);
    expect(model.annealedLogPartition({ ...options, resume: kept, onProgress })).toEqual(wanted);
    expect(Math.min(...begun)).toBe(200);
    model.free();
  });

  it('goes on only from chains of the same model and options', async () => {
    const model = modelOf(engine, reference);
    const [states, probabilities] = [enumerateStates(reference.lower), lowerDistribution(reference)];
    const drawn = (seed: number) => {
      const rows = drawnRows(states, probabilities, 200, randomSource(seed));
      return engine.dataset({ rows, columns: reference.b.length });
    };
    const [one, other] = [drawn(1), drawn(2)];
    const given = { seed: 4, chains: 100, temperatures: 20, base: one };
    const { state: resume } = model.annealedLogPartition(given);
    const ask = (options: object, of = model) =>
      refusalOf(async () => of.annealedLogPartition({ ...given, chains: 200, resume, ...options }));
    expect(await ask({})).toBe('nothing was thrown');
    expect(await ask({ seed: 5 })).toBe(
      'RESUME_MISMATCH: The chains to go on from had another `seed`: 4 there, 5 here.',
    );
    expect(await ask({ temperatures: 21 })).toMatch(/another `temperatures`: 20 there, 21 here\.$/);
    expect(await ask({ temperatures: [0, 0.5, 1] })).toMatch(/another `temperatures`: 20 there, an array of 3 here\.$/);
    expect(await ask({ base: other })).toMatch(/another `base`: "[0-9a-f]{8}" there, "[0-9a-f]{8}" here\.$/);
    expect(await ask({ base: undefined })).toMatch(/another `base`: "[0-9a-f]{8}" there, null here\.$/);
    expect(await ask({ direction: 'reverse' })).toMatch(/another `direction`: "forward" there, "reverse" here\.$/);
    const changed = modelOf(engine, { ...reference, c: reference.c.map((c, j) => (j === 0 ? Math.fround(c + 1) : c)) });
    expect(await ask({}, changed)).toMatch(/^RESUME_MISMATCH: The chains to go on from had another `model`: /);
    const reverse = { ...given, direction: 'reverse', start: { rows: one.view(0, 100) } } as const;
    const { state } = model.annealedLogPartition(reverse);
    const again = { direction: 'reverse', resume: state };
    // Rows for more chains may follow those that were used.
    expect(await ask({ ...again, start: { rows: one } })).toBe('nothing was thrown');
    expect(await ask({ ...again, start: { rows: other } })).toMatch(/another `start\.rows`: /);
    expect(await ask({ ...again, start: { sweeps: 3 } })).toMatch(/another `start\.rows`: /);
    expect(await ask({ resume: { ...resume, logWeights: [Number.NaN] } })).toBe(
      'OPTION_INVALID: `logWeights.0` must be a finite number; got NaN.',
    );
    expect(await ask({ resume: { options: resume.options, logWeight: [] } })).toMatch(
      /^OPTION_INVALID: .* did you mean `logWeights`\?$/,
    );
    for (const owned of [one, other, model, changed]) owned.free();
  });

  it('warns of few effective chains and of a wide bracket', () => {
    const far = modelOf(engine, roundedToF32(randomRbm([bernoulliLayer(12)], [bernoulliLayer(9)], 6, 3, random)));
    const forward = far.annealedLogPartition({ seed: 1, chains: 400, temperatures: 2 });
    expect(forward.warnings[0]).toMatch(
      /^The effective sample size is \d+\.\d of 400 chains: the estimate hangs on a few of them\. Take more temperatures\.$/,
    );
    const start = { sweeps: 50 };
    const reverse = far.annealedLogPartition({ seed: 1, chains: 400, temperatures: 2, direction: 'reverse', start });
    expect(bracketOf(forward, reverse).warnings.join(' ')).toMatch(
      /The bracket of log Z is \d+\.\d\d nats wide, and more than 1 is too much to trust: take more temperatures\./,
    );
    far.free();
  });

  it('refuses what it cannot do, in words', () => {
    const model = modelOf(engine, reference);
    const ask = (options: object) => refusal(() => model.annealedLogPartition({ seed: 1, ...options } as never));
    expect(refusal(() => model.annealedLogPartition({} as never))).toBe(
      'OPTION_INVALID: `seed` must be an integer from 0 to 9007199254740991; got undefined.',
    );
    expect(ask({ chain: 5 })).toBe(
      'OPTION_INVALID: annealedImportanceSampling() has no option `chain`; did you mean `chains`?',
    );
    expect(ask({ chains: 0 })).toBe('OPTION_INVALID: `chains` must be an integer from 1 to 1000000; got 0.');
    expect(ask({ temperatures: [0, 0.5, 0.4, 1] })).toBe(
      'OPTION_INVALID: `temperatures` must be a number of steps, or at least two numbers that ascend from 0 to 1.',
    );
    expect(ask({ start: { sweeps: 5 } })).toBe(
      'OPTION_INVALID: `start` says where the reverse begins; forward chains begin at samples of the base model.',
    );
    expect(ask({ resume: [1, 2] })).toBe(
      'OPTION_INVALID: annealedImportanceSampling().resume takes an object of options; got an array of 2.',
    );
    const meanField = engine.create(rbm({ visible: bernoulli(2, { meanField: true }), hidden: bernoulli(2) }), {
      seed: 1,
    });
    expect(refusal(() => meanField.annealedLogPartition({ seed: 1 }))).toBe(
      'GRAPH_UNSUITABLE: Annealed importance sampling needs units with an energy; the layer `visible` has 2 mean-field logistic units.',
    );
    for (const owned of [model, meanField]) owned.free();
  });
});
