/** Every normalisable pair of unit types against sums and integrals over states in f64 (`test/reference/units.ts`). */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  binomial,
  contrastiveDivergence,
  type Engine,
  exactGradient,
  type Graph,
  gaussian,
  load,
  type Model,
  rbm,
  relu,
  replicatedSoftmax,
  steppedSigmoid,
  truncatedNormal,
  type Units,
} from 'wakesleep';
import { stackOf } from '../../dist/graph/machines.js';
import { LayerState } from '../../dist/infer/layer-state.js';
import { VarianceUpdates } from '../../dist/learn/variance.js';
import { refusal } from '../files/refusal.js';
import { type RandomSource, randomSource } from '../reference/random.js';
import { chiSquare } from '../reference/statistics.js';
import {
  freeEnergyByPoints,
  hasFinitelyManyStates,
  jointByPoints,
  logPartitionByPoints,
  meanLowerByPoints,
  meanUpperByPoints,
  type PointLayer,
  type PointRbm,
  statesOf,
} from '../reference/units.js';
import { pointModelOf } from './counterpart.js';

/** As in model.test.ts: inputs are f32 sums of a few terms, and means of up to some units are rounded to f32. */
const TOLERANCE = 1e-5;
/** Densities summed over a grid: the grid's own error and some thousand f32 terms. */
const INTEGRAL_TOLERANCE = 1e-4;

const VISIBLE: Record<string, PointLayer> = {
  bernoulli: { type: 'bernoulli', units: 3 },
  softmax: { type: 'softmax', units: 4 },
  binomial: { type: 'binomial', units: 2, copies: 3 },
  steppedSigmoid: { type: 'steppedSigmoid', units: 2, copies: 4 },
  truncatedNormal: { type: 'truncatedNormal', units: 2 },
  gaussian: { type: 'gaussian', units: 2, sigma: [1, 1] },
  'gaussian, other variances': { type: 'gaussian', units: 2, sigma: [0.5, 3] },
  replicatedSoftmax: { type: 'replicatedSoftmax', units: 3, length: 4 },
};
const { bernoulli: binary, softmax: groups, binomial: counts, steppedSigmoid: steps } = VISIBLE;
const HIDDEN: Record<string, PointLayer> = {
  bernoulli: binary!,
  softmax: groups!,
  binomial: counts!,
  steppedSigmoid: steps!,
  truncatedNormal: VISIBLE.truncatedNormal!,
  gaussian: VISIBLE.gaussian!,
};

function randomRbm(lower: PointLayer, upper: PointLayer, random: RandomSource): PointRbm {
  // Small enough for real-valued pairs to be normalisable.
  const scale = hasFinitelyManyStates(lower) || hasFinitelyManyStates(upper) ? 0.6 : 0.25;
  const draws = (count: number, size: number) =>
    Array.from({ length: count }, () => Math.fround(size * random.normal()));
  const W = Array.from({ length: lower.units }, () => draws(upper.units, scale));
  return { lower, upper, W, b: draws(lower.units, 0.5), c: draws(upper.units, 0.5) };
}

const PAIRS = Object.entries(VISIBLE).flatMap(([below, lower], a) =>
  Object.entries(HIDDEN).map(([above, upper], k): [string, PointRbm] => [
    `${below} × ${above}`,
    randomRbm(lower, upper, randomSource(100 + 10 * a + k)),
  ]),
);

const modelOf = (reference: PointRbm): Model => pointModelOf(engine, reference);

/** All states of a finite layer, some of another. */
function someStates(layer: PointLayer, random: RandomSource): number[][] {
  if (hasFinitelyManyStates(layer)) return statesOf(layer);
  const draw = () => Math.fround(3 * random.normal());
  return Array.from({ length: 20 }, () =>
    Array.from({ length: layer.units }, () => (layer.type === 'gaussian' ? draw() : Math.abs(draw()))),
  );
}

function largestError(actual: ArrayLike<number>, exact: readonly number[]): number {
  expect(actual.length).toBe(exact.length);
  return Math.max(...exact.map((value, k) => Math.abs(actual[k]! - value) / Math.max(1, Math.abs(value))));
}

const lengthOf = (layer: PointLayer) => (layer.type === 'replicatedSoftmax' ? { length: layer.length } : {});

/** Whether the package enumerates one side, or has a closed form; counts of words are not enumerated. */
function hasExactLogZ({ lower, upper }: PointRbm): boolean {
  if (lower.type === 'gaussian' && upper.type === 'gaussian') return true;
  const lowerIsListed = hasFinitelyManyStates(lower) && lower.type !== 'replicatedSoftmax';
  return hasFinitelyManyStates(upper) || lowerIsListed;
}

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

describe.each(PAIRS)('an RBM of %s', (_, reference) => {
  const { lower, upper } = reference;
  const random = randomSource(7);
  const [below, above] = [someStates(lower, random), someStates(upper, random)];

  it('has the free energies and means of sums over states', () => {
    const model = modelOf(reference);
    const energies = below.map((v) => freeEnergyByPoints(reference, v));
    expect(largestError(model.freeEnergy(below), energies)).toBeLessThan(TOLERANCE);
    const hidden = below.flatMap((v) => meanUpperByPoints(reference, v));
    expect(largestError(model.meanHidden(below), hidden)).toBeLessThan(TOLERANCE);
    const visible = above.flatMap((h) => meanLowerByPoints(reference, h));
    expect(largestError(model.meanVisible(above, lengthOf(lower)), visible)).toBeLessThan(TOLERANCE);
    model.free();
  });
});

describe.each(PAIRS.filter(([, reference]) => hasExactLogZ(reference)))('an RBM of %s', (_, reference) => {
  const { lower } = reference;

  it('has log Z, and likelihoods that add up to 1', () => {
    const model = modelOf(reference);
    const logZ = logPartitionByPoints(reference);
    expect(largestError([model.logPartition(lengthOf(lower))], [logZ])).toBeLessThan(TOLERANCE);
    const rows = hasFinitelyManyStates(lower) ? statesOf(lower) : undefined;
    if (rows !== undefined) {
      const sum = model.logLikelihood(rows).reduce((total, nats) => total + Math.exp(nats), 0);
      expect(Math.abs(sum - 1)).toBeLessThan(2 * TOLERANCE);
    } else {
      const { points, weights } = plane(lower);
      const sum = model.logLikelihood(points).reduce((total, nats, k) => total + Math.exp(nats) * weights[k]!, 0);
      expect(Math.abs(sum - 1)).toBeLessThan(INTEGRAL_TOLERANCE);
    }
    model.free();
  });
});

describe.each(PAIRS.filter(([, reference]) => !hasExactLogZ(reference)))('an RBM of %s', (_, reference) => {
  it('has no log Z by enumeration', () => {
    const model = modelOf(reference);
    expect(refusal(() => model.logPartition(lengthOf(reference.lower)))).toBe(
      'GRAPH_UNSUITABLE: The exact log Z enumerates one side of the model, and both have more than 2^25 configurations, or no finite number of them.',
    );
    model.free();
  });
});

/** A grid over two real-valued units, with weights: trapezoids, or Simpson's rule from 0 on. */
function plane(layer: PointLayer): { points: number[][]; weights: number[] } {
  const axis = (unit: number): [number, number][] => {
    if (layer.type === 'gaussian') {
      const step = layer.sigma[unit]! / 4;
      return Array.from({ length: 121 }, (_, i) => [(i - 60) * step, step]);
    }
    const step = 0.125;
    return Array.from({ length: 129 }, (_, i) => [i * step, ((i === 0 || i === 128 ? 1 : i % 2 ? 4 : 2) * step) / 3]);
  };
  const all = axis(0).flatMap(([x, p]) => axis(1).map(([y, q]) => ({ point: [x, y], weight: p * q })));
  return { points: all.map(({ point }) => point), weights: all.map(({ weight }) => weight) };
}

describe('planted faults of the comparison', () => {
  it('a bias, a deviation or a weight that is off by 1e-3 is found', () => {
    const [, reference] = PAIRS.find(([name]) => name === 'gaussian, other variances × binomial')!;
    const rows = someStates(reference.lower, randomSource(7));
    const exact = rows.map((v) => freeEnergyByPoints(reference, v));
    for (const name of ['visible.bias', 'hidden.bias', 'layers.visible.log_variance', 'visible-hidden.weight']) {
      const model = modelOf(reference);
      const parameter = model.parameter(name);
      parameter.set(parameter.values().map((value, k) => (k === 1 ? value + 1e-3 : value)));
      expect(largestError(model.freeEnergy(rows), exact)).toBeGreaterThan(TOLERANCE);
      model.free();
    }
  });
});

describe('models without an energy or a log Z', () => {
  const create = (visible: Units, hidden: Units) => engine.create(rbm({ visible, hidden }), { seed: 1 });

  it('rectified and mean-field units have no free energy, likelihood or exact gradient', () => {
    const layers: [Units, string][] = [
      [relu(2), '2 rectified units'],
      [bernoulli(2, { meanField: true }), '2 mean-field logistic units'],
    ];
    for (const [hidden, words] of layers) {
      const model = create(gaussian(2), hidden);
      const lack = `needs units with an energy; the layer \`hidden\` has ${words}.`;
      expect(refusal(() => model.freeEnergy([[0, 0]]))).toBe(`GRAPH_UNSUITABLE: A free energy ${lack}`);
      expect(refusal(() => model.logPartition())).toBe(`GRAPH_UNSUITABLE: The exact log Z ${lack}`);
      const data = engine.dataset({ rows: [[0, 0]] });
      expect(refusal(() => [...model.train(data, exactGradient({ epochs: 1 }))])).toBe(
        `GRAPH_UNSUITABLE: The exact gradient ${lack}`,
      );
      data.free();
      model.free();
    }
  });

  it.each<[string, Units, Units, number[], string]>([
    ['Gaussian pairs of norm 1', gaussian(2), gaussian(2), [1, 0, 0, 0], 'none'],
    ['truncated pairs with a weight of 1', truncatedNormal(2), truncatedNormal(2), [-3, 1, 0, 0], 'none'],
    ['truncated pairs in between', truncatedNormal(2), truncatedNormal(2), [0.9, 0.9, 0.9, 0.9], 'not known'],
    ['a truncated unit of norm 1', gaussian(2), truncatedNormal(2), [0.8, 0.6, 0, 0], 'none'],
    ['Gaussian and truncated in between', gaussian(2), truncatedNormal(2), [0.8, 0, 0.8, 0], 'not known'],
  ])('%s never have a finite log Z', (_, visible, hidden, weights, verdict) => {
    const model = create(visible, hidden);
    model.parameter('visible-hidden.weight').set(weights);
    const lack = verdict === 'none' ? 'it has none' : 'it is not known to have one';
    expect(refusal(() => model.logPartition())).toBe(
      `GRAPH_UNSUITABLE: The exact log Z needs a model with a finite log Z; the weights between its real-valued units are so large that ${lack}. Smaller weights have one.`,
    );
    model.free();
  });
});

describe('chains of units that are not binary', () => {
  const CHAINS = 40_000;
  const pairs: [string, PointLayer, PointLayer][] = [
    ['binomial × bernoulli', counts!, { type: 'bernoulli', units: 2 }],
    ['steppedSigmoid × binomial', { ...steps!, units: 1 } as PointLayer, { ...counts!, units: 1 } as PointLayer],
    ['replicatedSoftmax × bernoulli', VISIBLE.replicatedSoftmax!, { type: 'bernoulli', units: 2 }],
  ];

  it.each(pairs)('%s stay in the joint distribution, and a fault is seen', (_, lower, upper) => {
    const reference = randomRbm(lower, upper, randomSource(41));
    const model = modelOf(reference);
    const [below, above] = [statesOf(lower), statesOf(upper)];
    const joint = jointByPoints(reference).flat();
    const random = randomSource(42);
    const places = Array.from({ length: CHAINS }, () => random.categorical(joint));
    const start = Float32Array.from(places.flatMap((place) => below[Math.floor(place / above.length)]!));
    const indexOf = (states: readonly number[][]) => new Map(states.map((state, k) => [state.join(), k]));
    const [lowers, uppers] = [indexOf(below), indexOf(above)];
    const z = (v: Float32Array, h: Float32Array, distribution: readonly number[]) => {
      const tally = new Array<number>(joint.length).fill(0);
      for (let row = 0; row < CHAINS; row++) {
        const at = (values: Float32Array, units: number) => values.subarray(row * units, (row + 1) * units).join();
        tally[lowers.get(at(v, lower.units))! * above.length + uppers.get(at(h, upper.units))!]!++;
      }
      return chiSquare(tally, distribution, CHAINS).z;
    };
    let v: Float32Array = start;
    let h = new Float32Array();
    for (let sweep = 0; sweep < 4; sweep++) {
      h = model.sampleHidden(v, { seed: 2 * sweep });
      v = model.sampleVisible(h, { seed: 2 * sweep + 1, ...lengthOf(lower) });
      expect(z(v, h, joint)).toBeLessThan(5);
    }
    const moved = { ...reference, b: reference.b.map((bias, i) => (i === 0 ? bias + 0.2 : bias)) };
    expect(z(v, h, jointByPoints(moved).flat())).toBeGreaterThan(5);
    model.free();
  });

  it('Gaussian × bernoulli keep the hidden distribution, and the visible means and variances', () => {
    const reference = randomRbm(VISIBLE['gaussian, other variances']!, binary!, randomSource(43));
    const model = modelOf(reference);
    const logZ = model.logPartition();
    // p(h), with v integrated out by hand.
    const states = statesOf(binary!);
    const weights = states.map((h) => hiddenChance(reference, h, logZ));
    const total = weights.reduce((sum, p) => sum + p, 0);
    expect(Math.abs(total - 1)).toBeLessThan(TOLERANCE);
    const chances = weights.map((p) => p / total);
    const random = randomSource(44);
    const starts = Array.from({ length: CHAINS }, () => states[random.categorical(chances)]!);
    let h = Float32Array.from(starts.flat());
    for (let sweep = 0; sweep < 4; sweep++) {
      const v = model.sampleVisible(h, { seed: 2 * sweep });
      h = model.sampleHidden(v, { seed: 2 * sweep + 1 });
      const tally = states.map(() => 0);
      for (let row = 0; row < CHAINS; row++) tally[parseInt(h.subarray(3 * row, 3 * row + 3).join(''), 2)]!++;
      expect(chiSquare(tally, chances, CHAINS).z).toBeLessThan(5);
      for (const unit of [0, 1]) {
        const { sigma } = reference.lower as { sigma: readonly number[] };
        const given = states.map((state) => meanLowerByPoints(reference, state)[unit]!);
        const mean = chances.reduce((sum, p, k) => sum + p * given[k]!, 0);
        const variance = sigma[unit]! ** 2 + chances.reduce((sum, p, k) => sum + p * (given[k]! - mean) ** 2, 0);
        const column = Array.from({ length: CHAINS }, (_, row) => v[2 * row + unit]!);
        const found = column.reduce((sum, x) => sum + x, 0) / CHAINS;
        const spread = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / CHAINS;
        expect(Math.abs(found - mean)).toBeLessThan(5 * Math.sqrt(variance / CHAINS));
        // A mixture of normals of one deviation has no more than a normal's kurtosis here; 6 standard errors cover it.
        expect(Math.abs(spread / variance - 1)).toBeLessThan(6 * Math.sqrt(2 / CHAINS));
      }
    }
    model.free();
  });

  function hiddenChance({ lower, W, b, c }: PointRbm, h: readonly number[], logZ: number): number {
    const { sigma } = lower as { sigma: readonly number[] };
    let log = h.reduce((sum, s, j) => sum + s * c[j]!, -logZ);
    W.forEach((row, i) => {
      const x = row.reduce((sum, w, j) => sum + w * h[j]!, 0);
      log += (b[i]! * x) / sigma[i]! + x ** 2 / 2 + Math.log(sigma[i]!) + Math.log(2 * Math.PI) / 2;
    });
    return Math.exp(log);
  }
});

describe('learned variances', () => {
  it('are stepped along the slope of the free energy', () => {
    const [, reference] = PAIRS.find(([name]) => name === 'gaussian, other variances × bernoulli')!;
    const model = modelOf(reference);
    const { parameters, graph } = model as unknown as { parameters: never; graph: Graph };
    const { runtime } = engine as unknown as { runtime: never };
    const machine = stackOf(graph).machines[0]!;
    const phase = (rows: number[][]) => {
      const v = new LayerState(runtime, graph, 'visible', rows.length, 0, 'train');
      const h = new LayerState(runtime, graph, 'hidden', rows.length, 0, 'train');
      v.write(runtime, Float32Array.from(rows.flat()));
      (parameters as { scaledLayer(name: string): { takeIn(layer: LayerState): void } })
        .scaledLayer('visible')
        .takeIn(v);
      h.write(runtime, model.meanHidden(rows));
      return { lowers: [v], states: true, upper: h };
    };
    const [data, fantasies] = [
      [
        [1, 2],
        [-0.5, 4],
      ],
      [
        [0.3, -2],
        [0.1, 1],
      ],
    ];
    const name = 'layers.visible.log_variance';
    const before = model.parameter(name).values();
    const mean = (rows: number[][]) => model.freeEnergy(rows).reduce((sum, f) => sum + f, 0) / rows.length;
    const slopes = [0, 1].map((unit) => {
      const at = (change: number) => {
        model.parameter(name).set(before.map((zeta, k) => (k === unit ? zeta + change : zeta)));
        return mean(fantasies!) - mean(data!);
      };
      return (at(0.01) - at(-0.01)) / 0.02;
    });
    model.parameter(name).set(before);
    const bias = model.parameter('visible.bias').values();
    const updates = new VarianceUpdates(parameters, machine, 2);
    updates.apply(phase(data!), phase(fantasies!), { learningRate: 0.01, momentum: 0, weightCost: 0 }, 0);
    const taken = Array.from(model.parameter(name).values(), (zeta, k) => (zeta - before[k]!) / (0.01 * 0.1));
    // Differences of width 0.02 in f32 parameters, and steps of some 1e-3 read off numbers of size 1.
    expect(largestError(taken, slopes)).toBeLessThan(1e-3);
    expect(model.parameter('visible.bias').values()).toEqual(bias);
    updates.free();
    model.free();
  });

  /**
   * Each hidden unit moves the means of two columns of its own by so many deviations, on with its chance: the units of the
   * model are independent. (Columns that are not correlated at all would leave weights near 0, where training begins.)
   */
  const CAUSES = [
    { off: [1, -2], sigma: [0.5, 3], shift: [2, 3], chance: 0.4 },
    { off: [0, 5], sigma: [1, 2], shift: [3, -2], chance: 0.3 },
  ];

  it.each([1, 2])('recover a mixture that %i hidden units can represent, from 100,000 rows', (hidden) => {
    const random = randomSource(5);
    const causes = CAUSES.slice(0, hidden);
    const sigmas = causes.flatMap(({ sigma }) => sigma);
    const meansOf = (on: readonly number[]) =>
      causes.flatMap(({ off, sigma, shift }, j) => off.map((x, k) => x + on[j]! * sigma[k]! * shift[k]!));
    const rows = Float32Array.from(
      Array.from({ length: 100_000 }, () => {
        const means = meansOf(causes.map(({ chance }) => random.bernoulli(chance)));
        return means.map((mean, unit) => mean + sigmas[unit]! * random.normal());
      }).flat(),
    );
    const columns = sigmas.length;
    const data = engine.dataset({ rows, columns });
    const visible = gaussian(columns, { variance: 'learned', varianceRate: 0.5 });
    const graph = rbm({ visible, hidden: bernoulli(hidden) });
    const algorithm = contrastiveDivergence({
      gibbsSteps: 5,
      epochs: 6,
      learningRate: { from: 0.05, to: 0 },
      weightCost: 0,
      momentum: 0.9,
    });
    const model = engine.create(graph, { seed: 2 });
    const run = model.train(data, algorithm);
    const steps = run[Symbol.iterator]();
    for (let epoch = 0; epoch < 5; epoch++) steps.next();
    const checkpoint = run.toBytes();
    while (!steps.next().done);
    const states = statesOf({ type: 'bernoulli', units: hidden });
    const learned = states.map((h) => Array.from(model.meanVisible([h])));
    // A hidden unit may stand for a cause or for its absence: every component has one learned mean near it.
    for (const state of states) {
      const mean = meansOf(state);
      const near = learned.filter((found) => found.every((x, k) => Math.abs(x - mean[k]!) < 0.1 * sigmas[k]!));
      expect(near).toHaveLength(1);
    }
    const variances = model.parameter('layers.visible.log_variance').values();
    sigmas.forEach((sigma, unit) => {
      expect(Math.abs(Math.exp(variances[unit]!) / sigma ** 2 - 1)).toBeLessThan(0.1);
    });
    const again = engine.resume(checkpoint, data);
    for (const _ of again);
    expect(again.model.toBytes()).toEqual(model.toBytes());
    expect(engine.open(model.toBytes()).toBytes()).toEqual(model.toBytes());
    again.model.free();
    data.free();
    model.free();
  });
});

describe('standardised data', () => {
  it('are scaled by the training rows, in and out, and likelihoods are densities of the rows as given', () => {
    const random = randomSource(8);
    const rows = Float32Array.from({ length: 400 }, (_, place) =>
      place % 2 === 0 ? 5 + 1e-6 * random.normal() : 1e6 * random.normal() - 3e6,
    );
    const data = engine.dataset({ rows, columns: 2 });
    const graph = rbm({ visible: gaussian(2, { standardise: true }), hidden: bernoulli(2) });
    const model = engine.create(graph, { seed: 1 });
    const records = [
      ...model.train(data, contrastiveDivergence({ epochs: 5, learningRate: 0.005 }), { heldOut: data }),
    ];
    expect(records.every(({ reconstructionError }) => Number.isFinite(reconstructionError))).toBe(true);
    const [mean, deviation] = ['data_mean', 'data_deviation'].map((name) =>
      model.parameter(`layers.visible.${name}`).values(),
    );
    for (const unit of [0, 1]) {
      const column = Array.from({ length: 200 }, (_, row) => rows[2 * row + unit]!);
      const exact = column.reduce((sum, x) => sum + x, 0) / 200;
      const spread = Math.sqrt(column.reduce((sum, x) => sum + (x - exact) ** 2, 0) / 200);
      expect(Math.abs(mean![unit]! - exact)).toBeLessThan(1e-6 * Math.abs(exact));
      expect(Math.abs(deviation![unit]! / spread - 1)).toBeLessThan(1e-6);
    }
    const samples = model.sample({ rows: 500, sweeps: 5, seed: 1, give: 'states' });
    const large = Array.from({ length: 500 }, (_, row) => samples[2 * row + 1]!);
    const average = large.reduce((sum, x) => sum + x, 0) / 500;
    expect(Math.abs(average - mean![1]!)).toBeLessThan(0.5 * deviation![1]!);
    const standard = engine.create(rbm({ visible: gaussian(2), hidden: bernoulli(2) }), { seed: 1 });
    for (const name of ['visible.bias', 'hidden.bias', 'visible-hidden.weight']) {
      standard.parameter(name).set(model.parameter(name).values());
    }
    const given = [mean!.map((m, k) => Math.fround(m + (k === 1 ? deviation![k]! : 0)))];
    const scaled = [given[0]!.map((x, k) => (x - mean![k]!) / deviation![k]!)];
    const jacobian = Math.log(deviation![0]!) + Math.log(deviation![1]!);
    const difference = standard.logLikelihood(scaled)[0]! - jacobian - model.logLikelihood(given)[0]!;
    expect(Math.abs(difference)).toBeLessThan(1e-4);
    data.free();
  });

  it('with a constant column have deviation 1 there', () => {
    const data = engine.dataset({
      rows: [
        [7, 1],
        [7, 3],
      ],
    });
    const model = engine.create(rbm({ visible: gaussian(2, { standardise: true }), hidden: bernoulli(2) }), {
      seed: 1,
    });
    for (const _ of model.train(data, contrastiveDivergence({ epochs: 1 })));
    expect(Array.from(model.parameter('layers.visible.data_deviation').values())).toEqual([1, 1]);
    expect(Array.from(model.parameter('layers.visible.data_mean').values())).toEqual([7, 2]);
    data.free();
  });
});

describe('training of every pair', () => {
  const layers: [string, Units, () => number][] = [
    ['binomial', binomial(20, 3), () => 2],
    ['steppedSigmoid', steppedSigmoid(20, 5), () => 1],
    ['relu', relu(20), () => 0.5],
    ['relu, no noise', relu(20, { noise: 'none' }), () => 0.5],
    ['truncatedNormal', truncatedNormal(20), () => 0.5],
    ['gaussian', gaussian(20), () => 0.5],
    ['gaussian, learned', gaussian(20, { variance: 'learned', standardise: true }), () => 0.5],
    ['replicatedSoftmax', replicatedSoftmax(20), () => 3],
    ['bernoulli', bernoulli(20), () => 1],
  ];
  const uppers: [string, Units][] = [
    ['bernoulli', bernoulli(33)],
    ['binomial', binomial(33, 4)],
    ['relu', relu(33)],
    ['gaussian', gaussian(33)],
    ['truncatedNormal', truncatedNormal(33)],
    ['steppedSigmoid', steppedSigmoid(33, 10)],
  ];

  it('gives the same bits with one thread and three, sampled or not', async () => {
    const threaded = await load({ threads: 3 });
    for (const [, visible, value] of layers) {
      for (const [, hidden] of uppers) {
        const random = randomSource(3);
        const rows = Float32Array.from({ length: 50 * 20 }, () => (random.uniform() < 0.5 ? value() : 0));
        const algorithm = contrastiveDivergence({
          epochs: 2,
          batchRows: 20,
          learningRate: 0.001,
          reconstruction: 'states',
          statistics: 'states',
        });
        const [one, three] = [engine, threaded].map((where) => {
          const data = where.dataset({ rows, columns: 20 });
          const model = where.create(rbm({ visible, hidden }), { seed: 4 });
          for (const _ of model.train(data, algorithm));
          const bytes = model.toBytes();
          const samples = model.sample({ rows: 5, sweeps: 3, seed: 1, length: 7, give: 'states' });
          data.free();
          model.free();
          return { bytes, samples };
        });
        expect(three).toEqual(one);
        expect(one!.samples.every(Number.isFinite)).toBe(true);
      }
    }
    threaded.close();
  });
});
