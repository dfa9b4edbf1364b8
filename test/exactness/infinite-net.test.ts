/**
 * Tied nets by enumeration in f64: an RBM is a directed net with tied weights, its posterior is factorial, purely directed
 * nets approach it at the rate of Gibbs sampling, and contrastive divergence is its learning rule cut short.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  compose,
  decompose,
  deepBeliefNet,
  type Engine,
  gaussian,
  load,
  type Model,
  rbm,
  softmax,
  tie,
  transposed,
  unroll,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import {
  type Chain,
  fromBiases,
  layerDistribution,
  logLikelihoodOfStack,
  posteriorOfFirst,
} from '../reference/chain.js';
import { logistic } from '../reference/logistic.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  inputsOfUpper,
  lowerDistribution,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  transposed as turned,
  upperDistribution,
} from '../reference/rbm.js';
import { chiSquare } from '../reference/statistics.js';
import { l1Distance, secondEigenvalue, upperGivenLower, upperTransition } from '../reference/transition.js';
import { modelOf, stateCounts } from './counterpart.js';

const [VISIBLE, HIDDEN] = [5, 4];
const SAMPLES = 20_000;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const machine = (seed: number, scale: number) =>
  roundedToF32(randomRbm([bernoulliLayer(VISIBLE)], [bernoulliLayer(HIDDEN)], scale, 0.5, randomSource(seed)));

/** A net of the package as the chain that its own parameters say, its top as given. */
function chainOf(net: Model, layers: number, top: (bias: number[]) => number[], name: (k: number) => string): Chain {
  const bias = (k: number) => [...net.parameter(`${k === 0 ? 'visible' : `h${k}`}.bias`).values()];
  const steps = Array.from({ length: layers }, (_, k): ReferenceRbm => {
    const [b, c] = [bias(k), bias(k + 1)];
    const parameter = net.parameter(name(k));
    const { shape } = parameter;
    const weights = parameter.values();
    const at = (i: number, j: number) =>
      shape[0] === b.length ? weights[i * c.length + j]! : weights[j * b.length + i]!;
    const W = b.map((_bias, i) => c.map((_c, j) => at(i, j)));
    return { lower: [bernoulliLayer(b.length)], upper: [bernoulliLayer(c.length)], W, b, c };
  });
  return { steps, top: top(bias(layers)) };
}

const below = (k: number) => (k === 0 ? 'visible' : `h${k}`);

/** A directed net as a chain. */
const directedChain = (net: Model, layers: number) =>
  chainOf(net, layers, fromBiases, (k) => `h${k + 1}>${below(k)}.weight`);

/** The largest difference of two tables. */
function difference(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  return Math.max(...a.flatMap((row, i) => row.map((p, j) => Math.abs(p - b[i]![j]!))));
}

describe('unroll', () => {
  it('names layers, turns the weights over at every step and repeats the biases', () => {
    const reference = machine(1, 1);
    const net = unroll(modelOf(engine, reference, 7), 3);
    expect(net.seed).toBe(7);
    expect(net.graph.layers.map(({ name }) => name)).toEqual(['visible', 'h1', 'h2', 'h3']);
    expect(net.graph.connections.map(({ kind }) => kind)).toEqual(['directed', 'directed', 'directed']);
    const { steps } = directedChain(net, 3);
    expect(steps).toEqual([reference, turned(reference), reference]);
  });

  it.each([1, 2, 3, 4])('%i tied layers topped by the machine have the factorial posterior σ(c + vW)', (layers) => {
    const reference = machine(10 + layers, 2);
    const net = unroll(modelOf(engine, reference), layers + 1, { top: 'rbm' });
    const kinds = [...Array(layers).fill('tied'), 'undirected'];
    expect(net.graph.connections.map(({ kind }) => kind)).toEqual(kinds);
    // The two topmost layers are one machine, which gives the distribution of the lower of them.
    const all = chainOf(net, layers + 1, fromBiases, (k) => `${below(k)}-h${k + 1}.weight`);
    const chain: Chain = { steps: all.steps.slice(0, layers), top: lowerDistribution(all.steps[layers]!) };
    const factorial = enumerateStates(reference.lower).map((v) => {
      const means = inputsOfUpper(reference, v).map(logistic);
      return enumerateStates(reference.upper).map((h) =>
        h.reduce((product, on, j) => product * (on === 1 ? means[j]! : 1 - means[j]!), 1),
      );
    });
    expect(difference(posteriorOfFirst(chain), factorial)).toBeLessThan(1e-10);
    expect(l1Distance(layerDistribution(chain, -1), lowerDistribution(reference))).toBeLessThan(1e-10);
    // A prior that is not complementary makes the hidden units dependent: the check can fail.
    const other: Chain = { steps: [all.steps[0]!], top: fromBiases(reference.c) };
    expect(difference(posteriorOfFirst(other), factorial)).toBeGreaterThan(0.01);
  });

  it('purely directed nets approach the machine as λ₂^(layers / 2)', () => {
    const reference = machine(21, 1.5);
    const model = modelOf(engine, reference);
    const second = secondEigenvalue(upperTransition(reference), upperDistribution(reference));
    const errors = [61, 63].map((layers) => {
      const net = unroll(model, layers);
      const error = difference(posteriorOfFirst(directedChain(net, layers)), upperGivenLower(reference));
      net.free();
      return error;
    });
    // Rounding, about 1e-16, must not count.
    expect(errors.at(-1)).toBeGreaterThan(1e-10);
    const rates = errors.slice(1).map((error, k) => error / errors[k]!);
    // What is left of the share of smaller eigenvalues after so many sweeps.
    for (const rate of rates) expect(Math.abs(rate / second - 1)).toBeLessThan(0.005);
  });

  it.each([0.5, 1])(
    'samples of 50 layers match the machine by χ² at weight scale %s, and those of 2 do not',
    (scale) => {
      const reference = machine(31, scale);
      const model = modelOf(engine, reference);
      const z = (layers: number) => {
        const rows = ancestral(directedChain(unroll(model, layers), layers), 5);
        return chiSquare(stateCounts(reference.lower, rows), lowerDistribution(reference), SAMPLES).z;
      };
      expect(z(50)).toBeLessThan(5);
      if (scale === 1) expect(z(2)).toBeGreaterThan(5);
    },
  );

  it('topped by the machine, is sampled by the engine as the machine is', () => {
    const reference = machine(41, 1);
    const net = unroll(modelOf(engine, reference), 4, { top: 'rbm' });
    const rows = net.sample({ rows: SAMPLES, sweeps: 60, seed: 3, give: 'states' });
    const { z } = chiSquare(stateCounts(reference.lower, rows), lowerDistribution(reference), SAMPLES);
    expect(z).toBeLessThan(5);
  });

  it('is refused in words', () => {
    const model = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => unroll(model, 0))).toBe('OPTION_INVALID: `layers` must be an integer from 1 to 255; got 0.');
    expect(unroll(model, 255).graph.layers).toHaveLength(256);
    expect(refusal(() => unroll(model, 2, { top: 'machine' as never }))).toMatch(
      /^OPTION_INVALID: `top` must be "bias" or "rbm"/,
    );
    expect(refusal(() => unroll(7 as never, 2))).toBe('OPTION_INVALID: unroll() takes a model; got 7.');
    const deep = engine.create(deepBeliefNet({ visible: bernoulli(3), hidden: [bernoulli(2), bernoulli(2)] }), {
      seed: 1,
    });
    expect(refusal(() => unroll(deep, 2))).toBe(
      'GRAPH_UNSUITABLE: unroll() needs a restricted Boltzmann machine of two layers; this graph has layers above `h1`.',
    );
    const learned = rbm({ visible: gaussian(3, { variance: 'learned' }), hidden: bernoulli(2) });
    expect(refusal(() => unroll(engine.create(learned, { seed: 1 }), 2))).toBe(
      'GRAPH_UNSUITABLE: The layer `h2` has learned variances, which only a layer that holds data may have.',
    );
  });
});

/** Rows of the lowest layer, each layer drawn in turn from the top down by the test's own generator. */
function ancestral({ steps, top }: Chain, seed: number): Float32Array {
  const random = randomSource(seed);
  const tops = enumerateStates(steps.at(-1)!.upper);
  const rows = new Float32Array(SAMPLES * VISIBLE);
  for (let row = 0; row < SAMPLES; row++) {
    let state = tops[random.categorical(top)]!;
    for (let k = steps.length - 1; k >= 0; k--) {
      const { W, b } = steps[k]!;
      state = b.map((bias, i) => random.bernoulli(logistic(state.reduce((sum, on, j) => sum + on * W[i]![j]!, bias))));
    }
    rows.set(state, row * VISIBLE);
  }
  return rows;
}

describe('learning in the tied net', () => {
  it('cut short after its first two terms is contrastive divergence', () => {
    const reference = machine(51, 1);
    const [lowers, uppers] = [enumerateStates(reference.lower), enumerateStates(reference.upper)];
    const random = randomSource(52);
    const weights = lowers.map(() => random.uniform());
    const total = weights.reduce((sum, p) => sum + p, 0);
    const up = upperGivenLower(reference);
    const down = upperGivenLower(turned(reference));
    // Every path v⁰ → h⁰ → v¹ → h¹ with its probability.
    const [first, second, cd] = [0, 1, 2].map(() => reference.b.map(() => reference.c.map(() => 0))) as [
      number[][],
      number[][],
      number[][],
    ];
    lowers.forEach((v0, a) => {
      uppers.forEach((h0, k) => {
        lowers.forEach((v1, b) => {
          uppers.forEach((h1, m) => {
            const p = (weights[a]! / total) * up[a]![k]! * down[k]![b]! * up[b]![m]!;
            for (let i = 0; i < VISIBLE; i++) {
              for (let j = 0; j < HIDDEN; j++) {
                first[i]![j]! += p * h0[j]! * (v0[i]! - v1[i]!);
                second[i]![j]! += p * v1[i]! * (h0[j]! - h1[j]!);
                cd[i]![j]! += p * (v0[i]! * h0[j]! - v1[i]! * h1[j]!);
              }
            }
          });
        });
      });
    });
    const sum = first.map((row, i) => row.map((x, j) => x + second[i]![j]!));
    expect(difference(sum, cd)).toBeLessThan(1e-12);
    expect(difference(first, cd)).toBeGreaterThan(0.01);
    // The first term is the delta rule: the expectation over v¹ is the prediction `σ(b + Wh⁰)`.
    const delta = reference.b.map((bias, i) =>
      reference.c.map((_, j) =>
        lowers.reduce((all, v0, a) => {
          return uppers.reduce((inner, h0, k) => {
            const predicted = logistic(h0.reduce((x, on, l) => x + on * reference.W[i]![l]!, bias));
            return inner + (weights[a]! / total) * up[a]![k]! * h0[j]! * (v0[i]! - predicted);
          }, all);
        }, 0),
      ),
    );
    expect(difference(delta, first)).toBeLessThan(1e-12);
  });
});

describe('stacks of machines', () => {
  const reference = machine(61, 1);
  const rows = enumerateStates(reference.lower);
  const stackOf = (model: Model) => {
    const { steps } = chainOf(model, 2, fromBiases, (k) => `${below(k)}-h${k + 1}.weight`);
    return steps as [ReferenceRbm, ReferenceRbm];
  };
  const logLikelihoods = (model: Model) => {
    const [first, second] = stackOf(model);
    return rows.map((row) => logLikelihoodOfStack(first, second, row));
  };

  it('tied, is the same distribution with one more layer', () => {
    const model = modelOf(engine, reference);
    const exact = lowerDistribution(reference).map(Math.log);
    expect(difference([logLikelihoods(tie(model))], [exact])).toBeLessThan(1e-10);
    const wide = tie(model, { units: VISIBLE + 3, weightScale: 0, bias: -2 });
    expect(wide.parameter('h2.bias').shape).toEqual([VISIBLE + 3]);
    expect([...wide.parameter('h2.bias').values().slice(VISIBLE)]).toEqual([-2, -2, -2]);
    expect(difference([logLikelihoods(wide)], [exact])).toBeLessThan(1e-10);
    const nearly = tie(model, { units: VISIBLE + 3 });
    const added = nearly
      .parameter('h1-h2.weight')
      .values()
      .slice(VISIBLE * HIDDEN);
    expect(new Set(added).size).toBe(3 * HIDDEN);
    expect(difference([logLikelihoods(nearly)], [exact])).toBeLessThan(0.05);
    expect(tie(tie(model)).graph.layers.map(({ name }) => name)).toEqual(['visible', 'h1', 'h2', 'h3']);
  });

  it('composed, keep the parameters of each, and labels of the last', () => {
    const bottom = modelOf(engine, reference, 5);
    const labelled = deepBeliefNet({ visible: bernoulli(HIDDEN), hidden: [], label: softmax(3), top: bernoulli(6) });
    const top = engine.create(labelled, { seed: 9, weightScale: 1 });
    const net = compose([bottom, top]);
    expect(net.seed).toBe(5);
    expect(net.graph).toEqual(
      deepBeliefNet({ visible: bernoulli(VISIBLE), hidden: [bernoulli(HIDDEN)], label: softmax(3), top: bernoulli(6) }),
    );
    const same = [
      ['visible-h1.weight', bottom, 'visible-hidden.weight'],
      ['layers.h1.recognition_bias', bottom, 'hidden.bias'],
      ['h1.bias', top, 'visible.bias'],
      ['h1-h2.weight', top, 'visible-h1.weight'],
      ['label-h2.weight', top, 'label-h1.weight'],
      ['label.bias', top, 'label.bias'],
    ] as const;
    for (const [name, from, there] of same)
      expect(net.parameter(name).values()).toEqual(from.parameter(there).values());
    const [first, second] = decompose(net) as [Model, Model];
    expect([first.graph, second.graph]).toEqual([bottom.graph, labelled]);
    for (const [found, wanted] of [
      [first, bottom],
      [second, top],
    ] as const) {
      for (const { name } of wanted.parameterSpecs) {
        expect(found.parameter(name).values()).toEqual(wanted.parameter(name).values());
      }
    }
    expect(refusal(() => compose([net, bottom]))).toBe(
      'GRAPH_UNSUITABLE: Only the last model of `compose()` may join labels.',
    );
    expect(refusal(() => compose([bottom, bottom]))).toBe(
      'GRAPH_UNSUITABLE: Each machine must stand on the layer before: machine 1 has 5 binary units below, and there are 4 binary units.',
    );
    expect(refusal(() => compose([]))).toBe(
      'OPTION_INVALID: compose() takes a list of at least 1 models; got an array of 0.',
    );
    expect(refusal(() => tie(net))).toMatch(/^GRAPH_UNSUITABLE: `tie\(\)` adds a layer above the topmost one/);
  });

  it('keep what a learned variance is', () => {
    const graph = rbm({ visible: gaussian(3, { variance: 'learned' }), hidden: bernoulli(4) });
    const bottom = engine.create(graph, { seed: 2, weightScale: 0.5 });
    bottom.parameter('layers.visible.log_variance').set([-1, 0.5, 1]);
    bottom.parameter('visible.bias').set([1, -2, 3]);
    const net = compose([bottom, engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(2) }), { seed: 1 })]);
    const data = [[0.5, -1, 2]];
    expect(net.meanHidden(data, { layer: 'h1' })).toEqual(bottom.meanHidden(data));
    expect([...net.parameter('visible.bias').values()]).toEqual([1, -2, 3]);
  });

  it('seen from above, have their sides exchanged', () => {
    const model = transposed(modelOf(engine, reference));
    const states = enumerateStates(reference.upper);
    const found = model.logLikelihood(states);
    upperDistribution(reference).forEach((p, h) => {
      expect(Math.abs(found[h]! - Math.log(p))).toBeLessThan(1e-5);
    });
  });
});
