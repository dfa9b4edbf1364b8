/**
 * Sigmoid belief nets against plain loops over all their states in f64 (test/reference/belief-net.ts): draws, posteriors,
 * bounds and likelihoods. z < 5 has a false alarm rate of 1e-4 or less; seeds are fixed, so nothing changes from run to run.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, type Engine, gaussian, load, type Model, rbm, sigmoidBeliefNet } from 'wakesleep';
import { beliefNetOf } from '../../dist/graph/belief-net.js';
import { RowNet } from '../../dist/infer/row-net.js';
import { noiseStream } from '../../dist/noise.js';
import { explainingAway } from '../../dist/recipes/explaining-away.js';
import { refusal } from '../files/refusal.js';
import {
  bitsOf,
  factorialBound,
  inputsOf,
  jointProbabilities,
  logJoint,
  merged,
  posteriorOf,
  type ReferenceNet,
  randomDag,
  randomNet,
  sides,
} from '../reference/belief-net.js';

import { logistic } from '../reference/logistic.js';
import { type RandomSource, randomSource } from '../reference/random.js';
import { chiSquare, meanAndStandardError } from '../reference/statistics.js';
import { beliefModelOf, netGraphOf } from './belief-counterpart.js';
import { graphCount, largestZ } from './random-graphs.js';

const LARGEST_Z = 5;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** Two layers of causes, the upper one of which also causes the visible one directly. */
const SKIPPING = randomNet(
  [
    { name: 'h2', units: 2 },
    { name: 'h1', units: 3 },
    { name: 'visible', units: 4 },
  ],
  [
    [0, 1],
    [0, 2],
    [1, 2],
  ],
  1.5,
  randomSource(11),
);

/** States of all units of rows that were drawn layer by layer with one seed, causes first. */
function drawnStates(model: Model, net: ReferenceNet, rows: number, options: object): number[] {
  const layers = net.layers.map(({ name, units }) => {
    return { units, values: model.sample({ rows, seed: 3, layer: name, give: 'states', ...options }) };
  });
  return Array.from({ length: rows }, (_, row) => {
    let [state, bit] = [0, 0];
    for (const { units, values } of layers) {
      for (let unit = 0; unit < units; unit += 1) state += values[row * units + unit]! << bit++;
    }
    return state;
  });
}

function countsOf(states: readonly number[], count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const state of states) counts[state]! += 1;
  return counts;
}

describe('ancestral sampling', () => {
  it('draws the joint distribution of all layers', () => {
    const model = beliefModelOf(engine, SKIPPING);
    const rows = 40_000;
    const joint = jointProbabilities(SKIPPING);
    expect(joint.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
    const counts = countsOf(drawnStates(model, SKIPPING, rows, {}), joint.length);
    expect(chiSquare(counts, joint, rows).z).toBeLessThan(LARGEST_Z);
    // The twin: a net whose skipping connection is forgotten is another distribution.
    const without = { ...SKIPPING, weights: SKIPPING.weights.filter(([j, i]) => j >= 2 || i < 5) };
    expect(chiSquare(counts, jointProbabilities(without), rows).z).toBeGreaterThan(LARGEST_Z);
    model.free();
  });

  it('gives means of the visible units given the causes that were drawn, and no others for more sweeps', () => {
    const model = beliefModelOf(engine, SKIPPING);
    const means = model.sample({ rows: 50, seed: 3 });
    expect(model.sample({ rows: 50, seed: 3, sweeps: 7 })).toEqual(means);
    const states = drawnStates(model, SKIPPING, 50, {});
    states.forEach((state, row) => {
      const inputs = inputsOf(SKIPPING, bitsOf(state, 9));
      for (let unit = 0; unit < 4; unit += 1) expect(means[row * 4 + unit]).toBeCloseTo(logistic(inputs[5 + unit]!), 5);
    });
    model.free();
  });

  it.each(['units', 'layers'] as const)('draws what is not clamped given the rest, by %s', (moves) => {
    const model = beliefModelOf(engine, SKIPPING);
    const rows = 20_000;
    // One unit of each layer is held.
    const clamp = { h2: [null, 1], h1: [0, null, null], visible: [null, null, 1, null] };
    const heldUnits = [null, 1, 0, null, null, null, null, 1, null];
    const held = (state: number) => heldUnits.every((bit, unit) => bit === null || bit === ((state >> unit) & 1));
    const joint = jointProbabilities(SKIPPING).map((p, state) => (held(state) ? p : 0));
    const total = joint.reduce((sum, p) => sum + p, 0);
    const conditional = joint.map((p) => p / total);
    const states = drawnStates(model, SKIPPING, rows, { clamp, sweeps: 30, moves });
    expect(states.every(held)).toBe(true);
    const kept = conditional.flatMap((p, state) => (held(state) ? [[p, state] as const] : []));
    const counts = countsOf(states, joint.length);
    const z = chiSquare(
      kept.map(([, state]) => counts[state]!),
      kept.map(([p]) => p),
      rows,
    ).z;
    expect(z).toBeLessThan(LARGEST_Z);
    model.free();
  });
});

describe('Gibbs sampling from exact starts', () => {
  const CHAINS = 20_000;
  const ROW = [1, 0, 1, 1];
  const { visible, hidden } = sides(SKIPPING);
  const { probabilities } = posteriorOf(SKIPPING, ROW);

  function exactStarts(random: RandomSource): number[][] {
    return Array.from({ length: CHAINS }, () => {
      const bits = bitsOf(random.categorical(probabilities), hidden.length);
      return merged(9, [
        [visible, ROW],
        [hidden, bits],
      ]);
    });
  }

  const zOf = (states: readonly ArrayLike<number>[]) => {
    const numbers = states.map((state) => hidden.reduce((sum, unit, bit) => sum + (state[unit]! << bit), 0));
    return chiSquare(countsOf(numbers, probabilities.length), probabilities, CHAINS).z;
  };

  it.each([
    ['units', 1],
    ['units', 4],
    ['layers', 1],
    ['layers', 4],
  ] as const)('stays in the posterior: %s, %i sweeps', (moves, count) => {
    const model = beliefModelOf(engine, SKIPPING);
    const net = new RowNet(model.parameters, beliefNetOf(model.graph, 'A test'));
    const stream = noiseStream(engine.runtime, 5, 'posterior', 0);
    const states = Float32Array.from(exactStarts(randomSource(20 + count)).flat());
    net.gibbs(states, { moves, stream, update: 0, first: 0, count });
    expect(zOf(Array.from({ length: CHAINS }, (_, row) => states.subarray(row * 9, row * 9 + 9)))).toBeLessThan(
      LARGEST_Z,
    );
    stream.free();
    net.free();
    model.free();
  });

  it('would not, were all units drawn at once given the old ones', () => {
    const random = randomSource(31);
    const drawn = exactStarts(random).map((state) => {
      const next = [...state];
      for (const unit of hidden) {
        const [on, off] = [1, 0].map((bit) =>
          logJoint(
            SKIPPING,
            state.map((s, i) => (i === unit ? bit : s)),
          ),
        );
        next[unit] = random.bernoulli(logistic(on! - off!));
      }
      return next;
    });
    expect(zOf(drawn)).toBeGreaterThan(LARGEST_Z);
  });
});

describe('explaining away', () => {
  const NET: ReferenceNet = {
    layers: [
      { name: 'h1', units: 2 },
      { name: 'visible', units: 1 },
    ],
    joined: [[0, 1]],
    biases: [-10, -10, -20],
    weights: [
      [0, 2, 20],
      [1, 2, 20],
    ],
  };

  it('has the posterior of the book, and the oracle agrees', () => {
    const model = beliefModelOf(engine, NET);
    const { table, logLikelihoods, means } = model.posterior([[1]], { method: 'exact', table: true });
    expect(table!.units).toEqual([
      { layer: 'h1', unit: 0 },
      { layer: 'h1', unit: 1 },
    ]);
    const [neither, first, second, both] = table!.probabilities;
    for (const p of [first, second]) expect(Math.abs(p! - 0.4999546)).toBeLessThan(1e-7);
    for (const p of [neither, both]) expect(Math.abs(p! - 0.0000454)).toBeLessThan(1e-7);
    const wanted = posteriorOf(NET, [1]);
    table!.probabilities.forEach((p, state) => {
      expect(Math.abs(p - wanted.probabilities[state]!)).toBeLessThan(1e-12);
    });
    expect(logLikelihoods[0]).toBeCloseTo(wanted.logLikelihood, 12);
    expect(means.h1![0]).toBeCloseTo(0.5, 12);
    model.free();
  });

  it('costs a factorial distribution 0.69 nats at best, which a search over all of them finds too', () => {
    const model = beliefModelOf(engine, NET);
    const { logLikelihood } = posteriorOf(NET, [1]);
    // A grid of logits from −16 to 16 in both means.
    const grid = Array.from({ length: 129 }, (_, k) => logistic(-16 + k / 4));
    const best = Math.max(...grid.flatMap((a) => grid.map((b) => factorialBound(NET, [1], [a, b]))));
    const found = model.posterior([[1]], { method: 'meanField', seed: 1 });
    expect(found.bounds[0]).toBeCloseTo(factorialBound(NET, [1], found.means.h1!), 9);
    const gap = logLikelihood - found.bounds[0]!;
    expect(gap).toBeCloseTo(Math.LN2, 3);
    expect(gap).toBeLessThanOrEqual(logLikelihood - best + 1e-9);
    expect(logLikelihood - best).toBeLessThan(gap + 0.001);
    const means = Array.from(found.means.h1!).sort((a, b) => a - b);
    expect(means[0]).toBeLessThan(1e-3);
    expect(means[1]).toBeGreaterThan(0.999);
    model.free();
  });

  it('is never found from a symmetric start, nor with all units at once', () => {
    const model = beliefModelOf(engine, NET);
    const { logLikelihood } = posteriorOf(NET, [1]);
    for (const sweeps of [1, 2, 50, 200]) {
      const symmetric = model.posterior([[1]], { method: 'meanField', seed: 1, start: 0.5, sweeps });
      for (const mean of symmetric.means.h1!) expect(mean).toBeCloseTo(0.5, 6);
    }
    // From where both means are on one side of a half; from the two sides it happens to find one.
    const after = (sweeps: number) => {
      return model.posterior([[1]], { method: 'meanField', seed: 1, start: 0.1, order: 'atOnce', sweeps });
    };
    for (const sweeps of [100, 101, 1000, 1001]) {
      const { means, bounds } = after(sweeps);
      const [a, b] = means.h1!;
      expect(Math.abs(a! - b!)).toBeLessThan(1e-3);
      expect(logLikelihood - bounds[0]!).toBeGreaterThan(3);
    }
    expect(after(1000).means.h1![0]! + after(1001).means.h1![0]!).toBeCloseTo(1, 3);
    model.free();
  });

  it('is forgotten in thousands of single sweeps, which the standard error knows, and at once by layers', () => {
    const model = beliefModelOf(engine, NET);
    const options = { method: 'gibbs', seed: 9, chains: 32, sweeps: 2000, burnIn: 50 } as const;
    const single = model.posterior([[1]], options);
    const together = model.posterior([[1]], { ...options, moves: 'layers' });
    for (const { means, standardErrors } of [single, together]) {
      expect(Math.abs(means.h1![0]! - 0.5)).toBeLessThan(LARGEST_Z * standardErrors.h1![0]!);
    }
    // 64,000 states: those of single moves are worth a few draws a chain, those of moves together nearly all.
    expect(single.effectiveSampleSizes.h1![0]).toBeLessThan(500);
    expect(together.effectiveSampleSizes.h1![0]).toBeGreaterThan(20_000);
    expect(together.standardErrors.h1![0]).toBeLessThan(2 * Math.sqrt(0.25 / 64_000));
    model.free();
  });

  it('is what the recipe prints', () => {
    const { lines, results, pictures } = explainingAway.demonstrate(engine, 7);
    expect(lines[1]).toMatch(/^exact +0\.0000454 {2}0\.4999546 {2}0\.4999546 {2}0\.0000454 {2}gap 0\.0000 nats$/);
    expect(lines[2]).toMatch(/gap 0\.693\d nats$/);
    const { approximations } = results as { approximations: { gapNats: number | null }[] };
    const gaps = approximations.map(({ gapNats }) => gapNats);
    for (const gap of gaps.slice(2, 6)) expect(gap).toBeGreaterThan(3);
    expect(pictures['posterior.svg']!.match(/<rect /g)).toHaveLength(1 + 4 * approximations.length);
  });
});

describe('random nets of up to 12 units, with connections that skip layers', () => {
  const SEEDS = Array.from({ length: graphCount(120) }, (_, seed) => seed);
  const DRAWN = graphCount(25);

  it('have exact posteriors, likelihoods and bounds as the oracle, and bounds that only rise', () => {
    for (const seed of SEEDS) {
      const random = randomSource(1000 + seed);
      const net = randomDag(random, 12);
      const { visible, hidden } = sides(net);
      const row = visible.map(() => random.bernoulli(0.5));
      const wanted = posteriorOf(net, row);
      const model = beliefModelOf(engine, net);
      const exact = model.posterior([row], { method: 'exact' });
      const means = hidden.map((_, bit) =>
        wanted.probabilities.reduce((sum, p, state) => sum + ((state >> bit) & 1) * p, 0),
      );
      const named = net.layers.filter(({ name }) => name !== 'visible').map(({ name }) => name);
      const found = named.flatMap((name) => Array.from(exact.means[name]!));
      found.forEach((mean, place) => {
        expect(Math.abs(mean - means[place]!)).toBeLessThan(1e-10);
      });
      expect(Math.abs(exact.logLikelihoods[0]! - wanted.logLikelihood)).toBeLessThan(1e-10);
      expect(model.logLikelihood([row])[0]).toBe(exact.logLikelihoods[0]);
      let previous = Number.NEGATIVE_INFINITY;
      for (const sweeps of [1, 2, 4, 100]) {
        const { bounds, means: factorial } = model.posterior([row], { method: 'meanField', seed, sweeps });
        const values = named.flatMap((name) => Array.from(factorial[name]!));
        expect(Math.abs(bounds[0]! - factorialBound(net, row, values))).toBeLessThan(1e-9);
        expect(bounds[0]).toBeGreaterThan(previous - 1e-10);
        expect(bounds[0]).toBeLessThan(wanted.logLikelihood + 1e-10);
        previous = bounds[0]!;
      }
      model.free();
    }
  });

  it('are drawn as the oracle says, and Gibbs sampling leaves their posteriors alone', () => {
    const rows = 4000;
    for (const seed of SEEDS.slice(0, DRAWN)) {
      const random = randomSource(2000 + seed);
      const net = randomDag(random, 9);
      const model = beliefModelOf(engine, net);
      const joint = jointProbabilities(net);
      const drawn = countsOf(drawnStates(model, net, rows, {}), joint.length);
      expect(chiSquare(drawn, joint, rows).z).toBeLessThan(largestZ(2 * DRAWN));

      const { visible, hidden } = sides(net);
      const row = visible.map(() => random.bernoulli(0.5));
      const { probabilities } = posteriorOf(net, row);
      const units = net.biases.length;
      const starts = Array.from({ length: rows }, () => {
        const bits = bitsOf(random.categorical(probabilities), hidden.length);
        return merged(units, [
          [visible, row],
          [hidden, bits],
        ]);
      });
      const states = Float32Array.from(starts.flat());
      const rowNet = new RowNet(model.parameters, beliefNetOf(model.graph, 'A test'));
      const stream = noiseStream(engine.runtime, seed, 'posterior', 0);
      const moves = seed % 2 === 0 ? 'units' : 'layers';
      rowNet.gibbs(states, { moves, stream, update: 0, first: 0, count: 2 });
      const numbers = starts.map((_, place) =>
        hidden.reduce((sum, unit, bit) => sum + (states[place * units + unit]! << bit), 0),
      );
      expect(chiSquare(countsOf(numbers, probabilities.length), probabilities, rows).z).toBeLessThan(
        largestZ(2 * DRAWN),
      );
      stream.free();
      rowNet.free();
      model.free();
    }
  });

  it('are saved and opened bit for bit', () => {
    for (const seed of SEEDS) {
      const net = randomDag(randomSource(1000 + seed), 12);
      const model = beliefModelOf(engine, net);
      const bytes = model.toBytes();
      const opened = engine.open(bytes);
      expect(opened.graph).toEqual(netGraphOf(net));
      expect(opened.toBytes()).toEqual(bytes);
      opened.free();
      model.free();
    }
  });
});

describe('importance sampling', () => {
  it('is exact to rounding where the recognition net is the posterior', () => {
    // With one hidden unit the posterior is logistic in the visible ones.
    const net = randomNet(
      [
        { name: 'h1', units: 1 },
        { name: 'visible', units: 5 },
      ],
      [[0, 1]],
      1,
      randomSource(41),
    );
    const model = beliefModelOf(engine, net, true);
    const odds = (row: number[]) => logJoint(net, [1, ...row]) - logJoint(net, [0, ...row]);
    const zeros = [0, 0, 0, 0, 0];
    model.parameter('layers.h1.recognition_bias').set([odds(zeros)]);
    model.parameter('visible>h1.weight').set(net.weights.map(([, , w]) => w));
    const rows = Array.from({ length: 32 }, (_, state) => bitsOf(state, 5));
    const exact = model.logLikelihood(rows);
    const { logLikelihoods, effectiveSampleSizes, particles } = model.importanceLogLikelihood(rows, {
      particles: 7,
      seed: 1,
    });
    expect(particles).toBe(7);
    logLikelihoods.forEach((value, row) => {
      expect(Math.abs(value - exact[row]!)).toBeLessThan(1e-5);
      expect(effectiveSampleSizes[row]).toBeCloseTo(7, 5);
    });
    model.free();
  });

  it('is unbiased in the likelihood, and so on average below it in its logarithm', () => {
    const model = beliefModelOf(engine, SKIPPING, true);
    const random = randomSource(43);
    for (const { name, shape } of model.parameterSpecs) {
      const recognition = name.includes('recognition') || name.includes('visible>') || name.includes('h1>h2');
      if (!recognition) continue;
      model.parameter(name).set(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.5 * random.normal()));
    }
    const row = [1, 0, 0, 1];
    const exact = model.logLikelihood([row])[0]!;
    const rows = Array.from({ length: 4000 }, () => row);
    const few = model.importanceLogLikelihood(rows, { particles: 5, seed: 2 });
    const ratios = Array.from(few.logLikelihoods, (log) => Math.exp(log - exact));
    const { mean, standardError } = meanAndStandardError(ratios);
    expect(Math.abs(mean - 1)).toBeLessThan(LARGEST_Z * standardError);
    expect(few.mean).toBeLessThan(exact - LARGEST_Z * few.standardError);
    const many = model.importanceLogLikelihood(rows.slice(0, 200), { particles: 300, seed: 3 });
    expect(many.mean).toBeGreaterThan(few.mean);
    expect(Math.abs(many.mean - exact)).toBeLessThan(0.02);
    // More particles than are worked on together are the same estimate of the same numbers.
    const most = model.importanceLogLikelihood(rows.slice(0, 2), { particles: 2500, seed: 4 });
    for (const value of most.logLikelihoods) expect(Math.abs(value - exact)).toBeLessThan(0.1);
    model.free();
  });

  it('gives up the thread to the same numbers', async () => {
    const model = beliefModelOf(engine, SKIPPING, true);
    const data = engine.dataset({
      rows: [
        [1, 0, 0, 1],
        [0, 0, 1, 1],
      ],
    });
    const options = { particles: 20, seed: 5 };
    expect(await model.importanceLogLikelihoodAsync(data, options)).toEqual(
      model.importanceLogLikelihood(data, options),
    );
    data.free();
    model.free();
  });
});

describe('what does not fit is refused in a sentence', () => {
  it.each<[string, (model: Model) => unknown, string]>([
    [
      'a posterior of no method',
      (model) => model.posterior([[0, 0]], { method: 'gibs' } as never),
      'OPTION_INVALID: `method` must be "exact", "gibbs", "meanField" or "recognition"; got "gibs". Did you mean "gibbs"?',
    ],
    [
      'an option of another method',
      (model) => model.posterior([[0, 0]], { method: 'exact', sweeps: 3 } as never),
      'OPTION_INVALID: posterior() has no option `sweeps`; it takes `method`, `table`.',
    ],
    [
      'intensities',
      (model) => model.posterior([[0.5, 0]], { method: 'exact' }),
      'DATA_INVALID: An exact posterior needs rows of 0 and 1, and there are intensities; `binarised()` makes states of them.',
    ],
    [
      'many units to enumerate',
      (model) => model.logLikelihood([[0, 0]]),
      'GRAPH_UNSUITABLE: An exact likelihood enumerates the states of at most 20 hidden units; this net has 21.',
    ],
    [
      'many units to draw together',
      (model) => model.posterior([[0, 0]], { method: 'gibbs', seed: 1, moves: 'layers' }),
      "GRAPH_UNSUITABLE: `moves: 'layers'` draws at most 12 units together; the layer `h1` has 21.",
    ],
    [
      'no recognition net',
      (model) => model.importanceLogLikelihood([[0, 0]], { seed: 1 }),
      'GRAPH_UNSUITABLE: Importance sampling needs recognition connections, and this graph has none.',
    ],
    [
      'a clamp of another layer',
      (model) => model.sample({ seed: 1, clamp: { h7: [1] } }),
      'GRAPH_UNSUITABLE: `clamp` names the layer `h7`, which the graph does not have.',
    ],
    [
      'a clamp of too few units',
      (model) => model.sample({ seed: 1, clamp: { visible: [1] } }),
      'SHAPE_MISMATCH: `clamp.visible` has 1 states; the layer has 2 units (`null` leaves one free).',
    ],
    [
      'a clamp at no state',
      (model) => model.sample({ seed: 1, clamp: { visible: [1, 0.5] } }),
      'OPTION_INVALID: `clamp` must be layers with a state for each unit, 0, 1 or null: { visible: [1, null, 0] }; got 0.5.',
    ],
  ])('%s', (_, ask, sentence) => {
    const graph = sigmoidBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(21)], recognition: false });
    const model = engine.create(graph, { seed: 1 });
    expect(refusal(() => ask(model))).toBe(sentence);
    model.free();
  });

  it('other units and other graphs', () => {
    const real = engine.create(sigmoidBeliefNet({ visible: gaussian(2), hidden: [bernoulli(2)] }), { seed: 1 });
    expect(refusal(() => real.posterior([[0, 0]], { method: 'exact' }))).toBe(
      'GRAPH_UNSUITABLE: A posterior needs a sigmoid belief net of binary units; the layer `visible` has 2 Gaussian units.',
    );
    const machine = engine.create(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => machine.posterior([[0, 0]], { method: 'exact' }))).toBe(
      'GRAPH_UNSUITABLE: A posterior needs a sigmoid belief net, whose connections are directed; `visible-hidden` is undirected.',
    );
    expect(refusal(() => machine.sample({ seed: 1, layer: 'hidden' }))).toContain('no option `layer`');
    real.free();
    machine.free();
  });
});
