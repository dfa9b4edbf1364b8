/** Mixtures and products of machines against enumeration in f64, and the aggregated posterior of a layer as data. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  binomial,
  deepBeliefNet,
  type Engine,
  exactGradient,
  expectationMaximisation,
  gaussian,
  load,
  type Mixture,
  mixture,
  product,
  rbm,
  softmax,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { aggregatedPosteriorOf, entropy } from '../reference/chain.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  lowerDistribution,
  type ReferenceLayer,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
  upperDistribution,
} from '../reference/rbm.js';
import { chiSquare } from '../reference/statistics.js';
import { drawnRows, modelOf, stateCounts } from './counterpart.js';

const VISIBLE = 5;
const lower = [bernoulliLayer(VISIBLE)];
const states = enumerateStates(lower);
/** f32 total inputs, of free energies of size 10. */
const TOLERANCE = 2e-5;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const machine = (seed: number, hidden: ReferenceLayer = bernoulliLayer(3), scale = 1.5) =>
  roundedToF32(randomRbm(lower, [hidden], scale, 0.5, randomSource(seed)));

const models = (references: readonly ReferenceRbm[]) => references.map((reference) => modelOf(engine, reference));

const mixed = (references: readonly ReferenceRbm[], weights: readonly number[]) => {
  const all = references.map(lowerDistribution);
  return states.map((_, v) => weights.reduce((sum, weight, k) => sum + weight * all[k]![v]!, 0));
};

function multiplied(references: readonly ReferenceRbm[]): number[] {
  const all = references.map(lowerDistribution);
  const raw = states.map((_, v) => all.reduce((value, p) => value * p[v]!, 1));
  const total = raw.reduce((sum, p) => sum + p, 0);
  return raw.map((p) => p / total);
}

function largestError(found: ArrayLike<number>, exact: readonly number[]): number {
  return Math.max(...exact.map((x, k) => Math.abs(found[k]! - x)));
}

describe('a mixture', () => {
  const references = [1, 2, 3].map((seed) => machine(seed));
  const weights = [0.5, 0.2, 0.3];

  it('has the likelihoods and responsibilities of its formula', () => {
    const model = mixture(models(references), [5, 2, 3]);
    expect(largestError(model.weights, weights)).toBeLessThan(1e-15);
    const exact = mixed(references, weights);
    expect(largestError(model.logLikelihood(states), exact.map(Math.log))).toBeLessThan(TOLERANCE);
    const responsibilities = model.responsibilities(states);
    const all = references.map(lowerDistribution);
    const wanted = states.flatMap((_, v) => weights.map((weight, k) => (weight * all[k]![v]!) / exact[v]!));
    expect(largestError(responsibilities, wanted)).toBeLessThan(TOLERANCE);
  });

  it('leaves out a component of weight 0', () => {
    const model = mixture(models(references), [1, 0, 0]);
    const exact = lowerDistribution(references[0]!).map(Math.log);
    expect(largestError(model.logLikelihood(states), exact)).toBeLessThan(TOLERANCE);
  });

  it('is sampled as it is distributed', () => {
    const rows = 20_000;
    const model = mixture(models(references), weights);
    const drawn = model.sample({ rows, sweeps: 100, seed: 4, give: 'states' });
    expect(chiSquare(stateCounts(lower, drawn), mixed(references, weights), rows).z).toBeLessThan(5);
    // The test can fail: another mixture of the same components.
    expect(chiSquare(stateCounts(lower, drawn), mixed(references, [0.4, 0.3, 0.3]), rows).z).toBeGreaterThan(5);
    expect(model.sample({ rows: 7, sweeps: 3, seed: 4 })).toEqual(model.sample({ rows: 7, sweeps: 3, seed: 4 }));
  });

  const fitted = (model: Mixture, data: number[][], options: Parameters<Mixture['fit']>[1], rowWeights?: number[]) => {
    const set = engine.dataset(rowWeights === undefined ? { rows: data } : { rows: data, rowWeights });
    const records = [...model.fit(set, options)];
    set.free();
    return records;
  };

  it('is fitted by expectation maximisation, which never lowers the likelihood', () => {
    // Two clusters that one hidden unit each cannot hold both.
    const truth = [machine(8, bernoulliLayer(3), 3), machine(9, bernoulliLayer(3), 3)];
    const random = randomSource(10);
    const data = truth.flatMap((reference) => {
      const rows = drawnRows(states, lowerDistribution(reference), 100, random);
      return Array.from({ length: 100 }, (_, r) => [...rows.subarray(r * VISIBLE, (r + 1) * VISIBLE)]);
    });
    const start = () =>
      mixture(
        [11, 12].map((seed) => modelOf(engine, machine(seed, bernoulliLayer(2), 0.5))),
        [0.7, 0.3],
      );
    const algorithm = exactGradient({ epochs: 5, learningRate: 0.2 });
    const records = fitted(start(), data, { epochs: 25, algorithm });
    expect(records.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 25 }, (_, k) => k + 1));
    records.slice(1).forEach(({ logLikelihood }, k) => {
      expect(logLikelihood).toBeGreaterThan(records[k]!.logLikelihood - TOLERANCE);
    });
    expect(records.at(-1)!.logLikelihood).toBeGreaterThan(records[0]!.logLikelihood + 0.1);
    for (const record of records) expect(record.weights.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 12);
    // Rows that count twice are rows that are there twice.
    const counted = fitted(
      start(),
      data,
      { epochs: 2, algorithm },
      data.map((_, r) => (r < 50 ? 2 : 1)),
    );
    const repeated = fitted(start(), [...data.slice(0, 50), ...data], { epochs: 2, algorithm });
    expect(counted[1]!.logLikelihood).toBeCloseTo(repeated[1]!.logLikelihood, 5);
    expect(Math.abs(counted[1]!.logLikelihood - records[1]!.logLikelihood)).toBeGreaterThan(1e-3);
  });

  it('takes the mean responsibilities as proportions', () => {
    const model = mixture(models(references), weights);
    const data = states.filter((_, v) => v % 3 === 0);
    const before = model.responsibilities(data);
    fitted(model, data, { epochs: 1, algorithm: exactGradient({ epochs: 1, learningRate: 1e-6 }) });
    const wanted = weights.map((_, k) => data.reduce((sum, _row, r) => sum + before[r * 3 + k]! / data.length, 0));
    expect(largestError(model.weights, wanted)).toBeLessThan(1e-12);
  });

  it('is refused in words', () => {
    const [a] = models(references);
    const other = engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => mixture([a!, other]))).toBe(
      'GRAPH_UNSUITABLE: The models of a mixture must share their visible units; model 0 has 5 binary units, and model 1 4 binary units.',
    );
    expect(refusal(() => mixture([a!], [1, 2]))).toBe(
      'OPTION_INVALID: `weights` must be a list of 1 weights, one for each model; got an array of 2.',
    );
    expect(refusal(() => mixture([a!], [0]))).toBe(
      'OPTION_INVALID: The weights of a mixture must have a finite sum above 0; it is 0.',
    );
    expect(refusal(() => mixture([a!], [-1]))).toMatch(/^OPTION_INVALID: `0` must be a finite number of at least 0/);
    expect(refusal(() => mixture([a!]).fit(engine.dataset({ rows: [], columns: VISIBLE })))).toMatch(
      /^DATA_INVALID: There are no rows/,
    );
    const em = expectationMaximisation({ epochs: 1 });
    const data = engine.dataset({ rows: states });
    expect(refusal(() => [...mixture([a!]).fit(data, { algorithm: em })])).toMatch(
      /^GRAPH_UNSUITABLE: Expectation maximisation needs/,
    );
  });
});

describe('a product', () => {
  it('is the product of its experts, normalised anew', () => {
    const references = [machine(21), machine(22, bernoulliLayer(2)), machine(23, bernoulliLayer(1))];
    const model = product(models(references));
    expect(model.graph).toEqual(rbm({ visible: bernoulli(VISIBLE), hidden: bernoulli(6) }));
    expect(largestError(model.logLikelihood(states), multiplied(references).map(Math.log))).toBeLessThan(TOLERANCE);
  });

  it('may join softmax groups', () => {
    const references = [machine(24, softmaxLayer(1, 3)), machine(25, softmaxLayer(2, 3))];
    const model = product(models(references));
    expect(model.graph.layers[1]!.units).toEqual(softmax(3, 3));
    expect(largestError(model.logLikelihood(states), multiplied(references).map(Math.log))).toBeLessThan(TOLERANCE);
  });

  it('is refused in words', () => {
    const create = (graph: ReturnType<typeof rbm>) => engine.create(graph, { seed: 1 });
    const binary = create(rbm({ visible: bernoulli(4), hidden: bernoulli(2) }));
    expect(refusal(() => product([binary, create(rbm({ visible: bernoulli(4), hidden: softmax(2) }))]))).toBe(
      'GRAPH_UNSUITABLE: The hidden layers of a product stand side by side as one, of binary, softmax or binomial units; model 0 has 2 binary units, and model 1 one of 2.',
    );
    expect(refusal(() => product([binary, create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }))]))).toBe(
      'GRAPH_UNSUITABLE: The models of a product must share their visible units; model 0 has 4 binary units, and model 1 3 binary units.',
    );
    for (const visible of [gaussian(4), binomial(4, 3)]) {
      expect(refusal(() => product([create(rbm({ visible, hidden: bernoulli(2) }))]))).toMatch(
        /^GRAPH_UNSUITABLE: `product\(\)` needs binary or softmax visible units/,
      );
    }
  });
});

describe('sharpness', () => {
  // Each expert makes two of the units alike, and says nothing of the others.
  const experts = Array.from({ length: VISIBLE - 1 }, (_, pair): ReferenceRbm => {
    const W = states[0]!.map((_, i) => [i === pair || i === pair + 1 ? 8 : 0]);
    return { lower, upper: [bernoulliLayer(1)], W, b: W.map(([w]) => -w! / 2), c: [-8] };
  });

  it('a product is sharper than each of its experts where they agree', () => {
    const model = product(models(experts));
    const found = Array.from(model.logLikelihood(states), Math.exp);
    const sharpest = Math.min(...experts.map((expert) => entropy(lowerDistribution(expert))));
    // Each expert takes away nearly a bit, the product nearly one for each.
    expect(sharpest).toBeGreaterThan(2.8);
    expect(entropy(found)).toBeLessThan(1.5);
    expect(Math.max(...found)).toBeGreaterThan(4 * Math.max(...experts.flatMap(lowerDistribution)));
  });

  it('a mixture never is: neither than the sharpest component nor, on average, than its components', () => {
    const random = randomSource(31);
    for (let trial = 0; trial < 20; trial++) {
      const references = [1, 2, 3].map((k) => machine(100 * trial + k, bernoulliLayer(2), 2));
      const raw = references.map(() => random.uniform() + 0.01);
      const weights = raw.map((x) => x / raw.reduce((sum, y) => sum + y, 0));
      const model = mixture(models(references), weights);
      const found = Array.from(model.logLikelihood(states), Math.exp);
      const entropies = references.map((reference) => entropy(lowerDistribution(reference)));
      expect(entropy(found)).toBeGreaterThan(weights.reduce((sum, weight, k) => sum + weight * entropies[k]!, 0));
      expect(Math.max(...found)).toBeLessThan(Math.max(...references.flatMap(lowerDistribution)));
      for (const component of model.models) component.free();
    }
  });
});

describe('the aggregated posterior', () => {
  const reference = machine(41);

  it('has states as the average of p(h | v) has them', () => {
    const rows = states.filter((_, v) => v % 2 === 0);
    const copies = 1250;
    const data = engine.dataset({ rows: Array.from({ length: copies }, () => rows).flat() });
    const set = modelOf(engine, reference).aggregatedPosterior(data, { seed: 6 });
    const count = rows.length * copies;
    expect([set.rows, set.columns, set.isBinary()]).toEqual([count, 3, true]);
    const exact = aggregatedPosteriorOf(reference, rows);
    // Rows are stratified, which makes χ² smaller than that of independent draws, never larger.
    expect(chiSquare(stateCounts(reference.upper, set.values()), exact, count).z).toBeLessThan(5);
    const one = aggregatedPosteriorOf(reference, rows.slice(0, 8));
    expect(chiSquare(stateCounts(reference.upper, set.values()), one, count).z).toBeGreaterThan(5);
  });

  it('is not factorial, even of the rows that the machine itself generates', () => {
    const rows = 20_000;
    const model = modelOf(engine, reference);
    const drawn = model.sample({ rows, sweeps: 60, seed: 8, give: 'states' });
    const set = model.aggregatedPosterior(drawn, { seed: 9 });
    const exact = upperDistribution(reference);
    const uppers = enumerateStates(reference.upper);
    const means = uppers[0]!.map((_, j) => exact.reduce((sum, p, h) => sum + p * uppers[h]![j]!, 0));
    const factorial = uppers.map((h) => h.reduce((p, on, j) => p * (on === 1 ? means[j]! : 1 - means[j]!), 1));
    const counts = stateCounts(reference.upper, set.values());
    expect(chiSquare(counts, exact, rows).z).toBeLessThan(5);
    expect(chiSquare(counts, factorial, rows).z).toBeGreaterThan(10);
  });

  it('draws every row anew, the same for the same seed', () => {
    const model = modelOf(engine, reference);
    // More than one block of rows, all alike.
    const rows = Array.from({ length: 1100 }, () => [1, 0, 1, 0, 1]);
    const drawn = model.aggregatedPosterior(rows, { seed: 6 }).values();
    expect(model.aggregatedPosterior(rows, { seed: 6 }).values()).toEqual(drawn);
    expect(model.aggregatedPosterior(rows, { seed: 7 }).values()).not.toEqual(drawn);
    const block = (k: number) => drawn.slice(k * 1500, k * 1500 + 300);
    expect(block(0)).not.toEqual(block(1));
  });

  it('has means, labels, weights and any layer of a stack', () => {
    const units = {
      visible: bernoulli(VISIBLE),
      hidden: [bernoulli(4), bernoulli(3)],
      label: softmax(2),
      top: bernoulli(6),
    };
    const net = engine.create(deepBeliefNet(units), { seed: 3, weightScale: 1 });
    const labels = states.map((_, v) => v % 2);
    const data = engine.dataset({ rows: states, labels, classes: 2, rowWeights: states.map((_, v) => 1 + (v % 3)) });
    const [, part] = data.split({ last: 10 });
    const set = net.aggregatedPosterior(part, { passing: 'probabilities' });
    expect(set.values()).toEqual(net.meanHidden(part, { layer: 'h2' }));
    expect([...set.labels()]).toEqual(labels.slice(-10));
    const given = data.storage.rowWeights!.slice(-10);
    const ratio = given[0]! / set.storage.rowWeights![0]!;
    expect(
      largestError(
        set.storage.rowWeights!,
        Array.from(given, (x) => x / ratio),
      ),
    ).toBeLessThan(1e-6);
    expect(net.aggregatedPosterior(data, { layer: 'h1', seed: 1 }).columns).toBe(4);
  });

  it('is refused in words', () => {
    const model = modelOf(engine, reference);
    expect(refusal(() => model.aggregatedPosterior(states, {}))).toBe(
      'OPTION_INVALID: `seed` must be an integer from 0 to 9007199254740991; got undefined.',
    );
    expect(refusal(() => model.aggregatedPosterior(states, { layer: 'hiden', seed: 1 }))).toBe(
      'OPTION_INVALID: `layer` must be "hidden"; got "hiden". Did you mean "hidden"?',
    );
    const data = engine.dataset({ rows: [[1, 0, 1, 0, Number.NaN]], known: 'notNaN' });
    expect(refusal(() => model.aggregatedPosterior(data, { seed: 1 }))).toMatch(/^DATA_INVALID: .* needs whole rows/);
  });
});
