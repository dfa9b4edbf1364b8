/**
 * Samplers leave the model's distribution as it is: chains that start exactly from it are still there after 1, 4 and 16
 * sweeps, by χ² over states. Each kind of test has a twin with a planted fault, which must not pass.
 *
 * z < 5 has a false alarm rate of 1e-4 or less at the degrees of freedom here (`chiSquare` says more); seeds are fixed,
 * so that the outcome does not change from run to run.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, deepBeliefNet, type Engine, load, type Model, softmax } from 'wakesleep';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  inputsOfLower,
  jointDistribution,
  lowerDistribution,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
  stateCountOfSide,
  stateProbabilitiesOfSide,
  unitsOfSide,
} from '../reference/rbm.js';
import { chiSquare } from '../reference/statistics.js';
import { lowerTransition, secondEigenvalue } from '../reference/transition.js';
import { drawnRows, modelOf, pairCounts, stateCounts, weightsOf } from './counterpart.js';

const CHAINS = 40_000;
const LARGEST_Z = 5;
const SWEEPS = [1, 4, 16];

const MODELS: [string, ReferenceRbm][] = [
  ['bernoulli(6) × bernoulli(4)', randomRbm([bernoulliLayer(6)], [bernoulliLayer(4)], 1, 0.5, randomSource(1))],
  ['softmax(2, 3) × bernoulli(4)', randomRbm([softmaxLayer(2, 3)], [bernoulliLayer(4)], 1, 0.5, randomSource(2))],
  ['bernoulli(6) × softmax(2, 2)', randomRbm([bernoulliLayer(6)], [softmaxLayer(2, 2)], 1, 0.5, randomSource(3))],
  ['softmax(2, 3) × softmax(4)', randomRbm([softmaxLayer(2, 3)], [softmaxLayer(1, 4)], 1, 0.5, randomSource(4))],
].map(([name, reference]) => [name as string, roundedToF32(reference as ReferenceRbm)]);

/** Both sides of all chains, `[chains, units]`. */
interface Chains {
  v: Float32Array;
  h: Float32Array;
}

/** One sweep of all chains. */
type Sweep = (model: Model, chains: Chains, sweep: number) => Chains;

/** Chains whose pairs of states are drawn from the enumerated joint distribution. */
function exactChains(reference: ReferenceRbm, seed: number): Chains {
  const uppers = enumerateStates(reference.upper);
  const pairs = enumerateStates(reference.lower).flatMap((v) => uppers.map((h) => [...v, ...h]));
  const rows = drawnRows(pairs, jointDistribution(reference).flat(), CHAINS, randomSource(seed));
  const [below, above] = [unitsOfSide(reference.lower), unitsOfSide(reference.upper)];
  const chains = { v: new Float32Array(CHAINS * below), h: new Float32Array(CHAINS * above) };
  for (let row = 0; row < CHAINS; row++) {
    const pair = rows.subarray(row * (below + above), (row + 1) * (below + above));
    chains.v.set(pair.subarray(0, below), row * below);
    chains.h.set(pair.subarray(below), row * above);
  }
  return chains;
}

/** The right sweep: hidden units given visible ones, then visible ones given those. */
const alternating: Sweep = (model, { v }, sweep) => {
  const h = model.sampleHidden(v, { seed: 2 * sweep });
  return { v: model.sampleVisible(h, { seed: 2 * sweep + 1 }), h };
};

/** The fault of updating both sides at once, each given the old other side. */
const parallel: Sweep = (model, { v, h }, sweep) => ({
  v: model.sampleVisible(h, { seed: 2 * sweep + 1 }),
  h: model.sampleHidden(v, { seed: 2 * sweep }),
});

/** The fault of reading the hidden row of another chain. */
const shifted: Sweep = (model, { v }, sweep) => {
  const h = model.sampleHidden(v, { seed: 2 * sweep });
  const units = h.length / CHAINS;
  const neighbours = new Float32Array(h.length);
  neighbours.set(h.subarray(units));
  neighbours.set(h.subarray(0, units), h.length - units);
  return { v: model.sampleVisible(neighbours, { seed: 2 * sweep + 1 }), h };
};

/** z of the joint distribution of both sides after some sweeps from the exact start. */
function zAfter(model: Model, reference: ReferenceRbm, sweeps: number, sweepOnce: Sweep): number {
  let chains = exactChains(reference, 100 + sweeps);
  for (let sweep = 0; sweep < sweeps; sweep++) chains = sweepOnce(model, chains, sweep);
  return chiSquare(pairCounts(reference, chains.v, chains.h), jointDistribution(reference).flat(), CHAINS).z;
}

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

describe.each(MODELS)('chains of %s', (_, reference) => {
  it.each(SWEEPS)('stay in the joint distribution for %i sweeps', (sweeps) => {
    const model = modelOf(engine, reference);
    expect(zAfter(model, reference, sweeps, alternating)).toBeLessThan(LARGEST_Z);
    model.free();
  });
});

describe('planted faults', () => {
  const faults: [string, Sweep][] = [
    ['both sides updated at once', parallel],
    ['the hidden row of another chain', shifted],
  ];

  it.each(faults)('%s: caught after 1, 4 and 16 sweeps, binary and softmax', (_, fault) => {
    for (const [, reference] of [MODELS[0]!, MODELS[3]!]) {
      const model = modelOf(engine, reference);
      for (const sweeps of SWEEPS) expect(zAfter(model, reference, sweeps, fault)).toBeGreaterThan(LARGEST_Z);
      model.free();
    }
  });
});

describe('model.sample()', () => {
  const [, reference] = MODELS[0]!;

  it('reaches the distribution from its own start', () => {
    const model = modelOf(engine, reference);
    const distribution = lowerDistribution(reference);
    // What 64 sweeps still remember of the start is far below the Monte-Carlo error.
    expect(secondEigenvalue(lowerTransition(reference), distribution) ** 64).toBeLessThan(1e-6);
    const rows = model.sample({ rows: CHAINS, sweeps: 64, seed: 7, give: 'states' });
    expect(chiSquare(stateCounts(reference.lower, rows), distribution, CHAINS).z).toBeLessThan(LARGEST_Z);
    model.free();
  });

  it('is caught where one sweep is too few', () => {
    const model = modelOf(engine, reference);
    const rows = model.sample({ rows: CHAINS, sweeps: 1, seed: 7, give: 'states' });
    const { z } = chiSquare(stateCounts(reference.lower, rows), lowerDistribution(reference), CHAINS);
    expect(z).toBeGreaterThan(LARGEST_Z);
    model.free();
  });

  it('gives means whose average is the exact one', () => {
    const model = modelOf(engine, reference);
    const means = model.sample({ rows: CHAINS, sweeps: 64, seed: 8 });
    const units = unitsOfSide(reference.lower);
    const states = enumerateStates(reference.lower);
    const distribution = lowerDistribution(reference);
    for (let unit = 0; unit < units; unit++) {
      let sum = 0;
      for (let row = 0; row < CHAINS; row++) sum += means[row * units + unit]!;
      const exact = states.reduce((total, state, a) => total + distribution[a]! * state[unit]!, 0);
      // Means have less variance than states, of which the standard error is √(p(1 − p) / n).
      expect(Math.abs(sum / CHAINS - exact)).toBeLessThan(LARGEST_Z * Math.sqrt((exact * (1 - exact)) / CHAINS));
    }
    model.free();
  });
});

describe('a clamped label', () => {
  const VISIBLE = 5;
  const CLASSES = 3;
  const random = randomSource(21);
  const top = roundedToF32(
    randomRbm([bernoulliLayer(VISIBLE), softmaxLayer(1, CLASSES)], [bernoulliLayer(4)], 1, 0.5, random),
  );

  /** p(lower units beside the label | label) of a machine with labels. */
  function givenLabel(machine: ReferenceRbm, label: number): number[] {
    const joint = lowerDistribution(machine).filter((_, state) => state % CLASSES === label);
    const total = joint.reduce((sum, p) => sum + p, 0);
    return joint.map((p) => p / total);
  }

  it.each([0, 1, 2])('%i gives the exact conditional distribution, and not that of another label', (label) => {
    const model = modelOf(engine, top);
    const clamp = { label: new Array<number>(CHAINS).fill(label) };
    const rows = model.sample({ rows: CHAINS, sweeps: 64, seed: 30 + label, clamp, give: 'states' });
    const counts = stateCounts([bernoulliLayer(VISIBLE)], rows);
    expect(chiSquare(counts, givenLabel(top, label), CHAINS).z).toBeLessThan(LARGEST_Z);
    expect(chiSquare(counts, givenLabel(top, (label + 1) % CLASSES), CHAINS).z).toBeGreaterThan(LARGEST_Z);
    model.free();
  });

  it('is found again after annealing', () => {
    const model = modelOf(engine, top);
    const rows = model.sample({ rows: CHAINS, sweeps: 64, anneal: 32, seed: 33, clamp: { label: 2 }, give: 'states' });
    const counts = stateCounts([bernoulliLayer(VISIBLE)], rows);
    expect(chiSquare(counts, givenLabel(top, 2), CHAINS).z).toBeLessThan(LARGEST_Z);
    model.free();
  });

  it('has the distribution of all parameters times the share while it anneals', () => {
    const model = modelOf(engine, top);
    const [sweeps, label] = [400, 1];
    const options = { sweeps, anneal: sweeps, every: sweeps / 2, clamp: { label }, give: 'states' } as const;
    const rows = model.sample({ ...options, rows: CHAINS, seed: 34 });
    const half = (values: readonly number[]) => values.map((value) => value / 2);
    const halved = { ...top, b: half(top.b), c: half(top.c), W: top.W.map(half) };
    const bits = [bernoulliLayer(VISIBLE)];
    const halfway = rows.filter((_, place) => Math.floor(place / VISIBLE) % 2 === 0);
    const { z } = chiSquare(stateCounts(bits, halfway), givenLabel(halved, label), CHAINS);
    expect(z).toBeLessThan(LARGEST_Z);
    expect(chiSquare(stateCounts(bits, halfway), givenLabel(top, label), CHAINS).z).toBeGreaterThan(LARGEST_Z);
    model.free();
  });

  it('leads chains that do not mix to where most of its states are when they anneal', () => {
    // All visible units agree, on with one hidden unit or off with the other; the first draws favour off, the label on.
    const reference: ReferenceRbm = {
      lower: [bernoulliLayer(6), softmaxLayer(1, 2)],
      upper: [bernoulliLayer(2)],
      W: [...new Array<number[]>(6).fill([4, -4]), [1, -1], [-1, 1]],
      b: [...new Array<number>(6).fill(-1), 0, 0],
      c: [-9, 8],
    };
    const given = lowerDistribution(reference).filter((_, state) => state % 2 === 0);
    const states = enumerateStates([bernoulliLayer(6)]);
    const on = given.reduce((sum, p, state) => sum + p * states[state]!.reduce((a, b) => a + b), 0);
    const exact = on / 6 / given.reduce((sum, p) => sum + p);
    const model = modelOf(engine, reference);
    const shareOn = (anneal: number) => {
      const rows = model.sample({ rows: 4000, sweeps: 400, anneal, seed: 35, clamp: { label: 0 }, give: 'states' });
      return rows.reduce((sum, x) => sum + x, 0) / rows.length;
    };
    expect(exact - shareOn(0)).toBeGreaterThan(0.2);
    expect(Math.abs(exact - shareOn(200))).toBeLessThan(0.05);
    model.free();
  });

  it('that is free gives the mixture over labels', () => {
    const model = modelOf(engine, top);
    const rows = model.sample({ rows: CHAINS, sweeps: 64, seed: 40, give: 'states' });
    const mixture = new Array<number>(2 ** VISIBLE).fill(0);
    lowerDistribution(top).forEach((p, state) => {
      mixture[Math.floor(state / CLASSES)]! += p;
    });
    expect(chiSquare(stateCounts([bernoulliLayer(VISIBLE)], rows), mixture, CHAINS).z).toBeLessThan(LARGEST_Z);
    model.free();
  });

  it('passes down a deep belief net: the top machine, then the generative connection', () => {
    const data = [bernoulliLayer(6)];
    const below = roundedToF32(randomRbm(data, [bernoulliLayer(VISIBLE)], 1, 0.5, random));
    const hidden = [bernoulli(VISIBLE)];
    const graph = deepBeliefNet({ visible: bernoulli(6), hidden, label: softmax(CLASSES), top: bernoulli(4) });
    const model = engine.create(graph, { seed: 0 });
    model.parameter('visible.bias').set(below.b);
    model.parameter('visible-h1.weight').set(weightsOf(below));
    // Generation goes downward only and must not read what recognition uses.
    model.parameter('layers.h1.recognition_bias').set(below.c.map(() => 50));
    model.parameter('h1.bias').set(top.b.slice(0, VISIBLE));
    model.parameter('label.bias').set(top.b.slice(VISIBLE));
    model.parameter('h2.bias').set(top.c);
    model.parameter('h1-h2.weight').set(weightsOf(top, 0, VISIBLE));
    model.parameter('label-h2.weight').set(weightsOf(top, VISIBLE, CLASSES));
    const exact = new Array<number>(stateCountOfSide(data)).fill(0);
    const above = givenLabel(top, 1);
    enumerateStates(below.upper).forEach((h, k) => {
      stateProbabilitiesOfSide(data, inputsOfLower(below, h)).forEach((p, state) => {
        exact[state]! += above[k]! * p;
      });
    });
    const rows = model.sample({ rows: CHAINS, sweeps: 64, seed: 50, clamp: { label: 1 }, give: 'states' });
    expect(chiSquare(stateCounts(data, rows), exact, CHAINS).z).toBeLessThan(LARGEST_Z);
    // The twin: the visible layer as an RBM with the recognition bias removed would have it is another distribution.
    expect(chiSquare(stateCounts(data, rows), lowerDistribution(below), CHAINS).z).toBeGreaterThan(LARGEST_Z);
    model.free();
  });
});
