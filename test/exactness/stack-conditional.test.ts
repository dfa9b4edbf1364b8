/**
 * Part of a row drawn from a deep belief net given the rest, against enumeration in f64 by χ². What recognition thinks is
 * far from the posterior in these nets, so that chains which trust it are caught.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, deepBeliefNet, type Engine, gaussian, load, type Model, softmax, type Units } from 'wakesleep';
import { LayerState } from '../../dist/infer/layer-state.js';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';
import {
  bernoulliLayer,
  enumerateStates,
  type ReferenceLayer,
  type ReferenceRbm,
  randomRbm,
  roundedToF32,
  softmaxLayer,
} from '../reference/rbm.js';
import { type ReferenceStack, visibleDistribution } from '../reference/stack.js';
import { chiSquare } from '../reference/statistics.js';
import { stateCounts, weightsOf } from './counterpart.js';

const ROWS = 8000;
const SWEEPS = 60;
const LARGEST_Z = 5;
const random = randomSource(815);

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** A net of layers from the bottom up, labels beside the last but one where there are some. */
function randomStack(layers: readonly ReferenceLayer[], label?: ReferenceLayer, scale = 1.5): ReferenceRbm[] {
  return layers.slice(0, -1).map((layer, depth) => {
    const isTop = depth === layers.length - 2;
    const lower = isTop && label !== undefined ? [layer, label] : [layer];
    return roundedToF32(randomRbm(lower, [layers[depth + 1]!], scale, 0.7, random));
  });
}

const NETS: [string, ReferenceRbm[], number[], number[]][] = [
  ['binary', randomStack([5, 3, 3].map(bernoulliLayer)), [1, 0, 1, 0, 0], [1, 0, 1, 0, 0]],
  ['three hidden layers', randomStack([4, 3, 2, 2].map(bernoulliLayer)), [1, 0, 1, 1], [0, 1, 0, 1]],
  ['labels', randomStack([4, 3, 3].map(bernoulliLayer), softmaxLayer(1, 3)), [1, 0, 1, 1], [1, 1, 0, 0]],
  [
    'softmax groups',
    randomStack([softmaxLayer(2, 3), softmaxLayer(2, 2), bernoulliLayer(3)]),
    [0, 1, 0, 1, 0, 0],
    [1, 1, 1, 0, 0, 0],
  ],
  // Weights of 1.5 would need several hundred sweeps here.
  ['nothing known', randomStack([4, 3, 3].map(bernoulliLayer), undefined, 1), [0, 0, 0, 0], [0, 0, 0, 0]],
];

const unitsOf = (layer: ReferenceLayer): Units =>
  layer.type === 'bernoulli' ? bernoulli(layer.units) : softmax(layer.groups, layer.size);

/** The package's net; upward biases are what the machines have as `c`. */
function modelOf(machines: ReferenceStack): Model {
  const [lowest, top] = [machines[0]!, machines.at(-1)!];
  const label = top.lower[1];
  const graph = deepBeliefNet({
    visible: unitsOf(lowest.lower[0]!),
    hidden: machines.slice(0, -1).map(({ upper }) => unitsOf(upper[0]!)),
    top: unitsOf(top.upper[0]!),
    ...(label === undefined ? {} : { label: unitsOf(label) }),
  });
  const model = engine.create(graph, { seed: 0 });
  const names = ['visible', ...machines.map((_, depth) => `h${depth + 1}`)];
  machines.forEach((machine, depth) => {
    const [lower, upper] = [names[depth]!, names[depth + 1]!];
    const units = model.parameter(`${lower}.bias`).shape[0]!;
    model.parameter(`${lower}.bias`).set(machine.b.slice(0, units));
    model.parameter(`${lower}-${upper}.weight`).set(weightsOf(machine, 0, units));
    if (machine !== top) model.parameter(`layers.${upper}.recognition_bias`).set(machine.c);
    else model.parameter(`${upper}.bias`).set(machine.c);
    if (machine.lower.length === 1) return;
    model.parameter('label.bias').set(machine.b.slice(units));
    model.parameter(`label-${upper}.weight`).set(weightsOf(machine, units, machine.b.length - units));
  });
  return model;
}

/** `p(v | what is known of row)` over the visible states, f64. */
function posterior(machines: ReferenceStack, row: readonly number[], known: readonly number[]): number[] {
  const distribution = visibleDistribution(machines);
  const weights = enumerateStates(machines[0]!.lower).map((state, s) =>
    state.every((value, i) => known[i] === 0 || value === row[i]) ? distribution[s]! : 0,
  );
  const total = weights.reduce((sum, x) => sum + x, 0);
  return weights.map((weight) => weight / total);
}

/** z of the rows that `conditional` draws. */
function zOf(machines: ReferenceStack, row: number[], known: number[], unitsTogether: number): number {
  const model = modelOf(machines);
  const rows = Array.from({ length: ROWS }, () => row);
  const drawn = model.conditional(rows, known, { seed: 3, sweeps: SWEEPS, unitsTogether });
  model.free();
  return chiSquare(stateCounts(machines[0]!.lower, drawn), posterior(machines, row, known), ROWS).z;
}

describe.each(NETS)('%s', (_, machines, row, known) => {
  it.each([1, 2, 16])('draws what is not known from the conditional, %i units together', (unitsTogether) => {
    expect(zOf(machines, row, known, unitsTogether)).toBeLessThan(LARGEST_Z);
  });

  it('fills what is missing with its expectation', () => {
    const model = modelOf(machines);
    const count = 400;
    const given = Array.from({ length: count }, () => row.map((value, i) => (known[i] === 1 ? value : Number.NaN)));
    const data = engine.dataset({ rows: given, known: 'notNaN' });
    const filled = model.fillMissing(data, { seed: 5, sweeps: 200 });
    const exact = posterior(machines, row, known);
    const states = enumerateStates(machines[0]!.lower);
    row.forEach((value, i) => {
      const mean = given.reduce((sum, _unused, r) => sum + filled[r * row.length + i]!, 0) / count;
      const expected = states.reduce((sum, state, s) => sum + exact[s]! * state[i]!, 0);
      // A mean over independent chains, each of at least one independent sweep: a standard error of at most .5/20.
      if (known[i] === 1) expect(mean).toBe(value);
      else expect(Math.abs(mean - expected)).toBeLessThan(4 * (0.5 / Math.sqrt(count)));
    });
    data.free();
    model.free();
  });
});

describe('planted faults', () => {
  const [, machines, row, known] = NETS[0]!;
  interface Internals {
    readonly runtime: {
      readonly views: { floats(address: number, length: number): Float32Array };
      readonly kernels: {
        readonly Stream: {
          readonly prototype: { uniforms(row: number, out: { address: number }, count: number): void };
        };
      };
    };
  }

  it('every proposal of recognition taken over', () => {
    const { views, kernels } = (engine as unknown as Internals).runtime;
    const { prototype } = kernels.Stream;
    const right = prototype.uniforms;
    prototype.uniforms = (_row, out, count) => {
      views.floats(out.address, count).fill(1 - 2 ** -24);
    };
    try {
      expect(zOf(machines, row, known, 16)).toBeGreaterThan(LARGEST_Z);
    } finally {
      prototype.uniforms = right;
    }
  });

  it('no account of how well a proposal explains the layer below', () => {
    const right = LayerState.prototype.addLogPartition;
    LayerState.prototype.addLogPartition = () => {};
    try {
      expect(zOf(machines, row, known, 16)).toBeGreaterThan(LARGEST_Z);
    } finally {
      LayerState.prototype.addLogPartition = right;
    }
  });
});

it('draws real-valued rows, in the units of the rows', () => {
  // v | h1 has variance σ²; h1 and h2 are one binary unit each, so that all is a mixture of two normals.
  const visible = gaussian(2, { variance: 'learned' });
  const model = engine.create(deepBeliefNet({ visible, hidden: [bernoulli(1), bernoulli(1)] }), { seed: 1 });
  const [w, sigma, b] = [
    [2, -1.5],
    [2, 0.5],
    [1, -2],
  ] as const;
  model.parameter('visible-h1.weight').set(w);
  model.parameter('layers.visible.log_variance').set(sigma.map((x) => Math.log(x * x)));
  model.parameter('visible.bias').set(b);
  // Not far from what would make recognition right, or proposals would never be of both states.
  model.parameter('layers.h1.recognition_bias').set([-9]);
  model.parameter('h1.bias').set([0.3]);
  model.parameter('h2.bias').set([-0.4]);
  model.parameter('h1-h2.weight').set([0.8]);
  const v0 = 2.5;
  // Odds of h1 before v: those of the topmost machine with h2 summed out; then those of v0.
  const top = 0.3 + Math.log(1 + Math.exp(0.8 - 0.4)) - Math.log(1 + Math.exp(-0.4));
  const density = (mean: number) => -((v0 - mean) ** 2) / (2 * sigma[0] ** 2);
  const odds = top + density(b[0] + sigma[0] * w[0]) - density(b[0]);
  const on = 1 / (1 + Math.exp(-odds));
  const rows = Array.from({ length: ROWS }, () => [v0, 0]);
  const drawn = model.conditional(rows, [1, 0], { seed: 2, sweeps: 100 });
  const second = Array.from({ length: ROWS }, (_, r) => drawn[2 * r + 1]!);
  const mean = second.reduce((sum, x) => sum + x, 0) / ROWS;
  const variance = second.reduce((sum, x) => sum + (x - mean) ** 2, 0) / ROWS;
  const exactMean = b[1] + sigma[1] * w[1] * on;
  const exactVariance = sigma[1] ** 2 + (sigma[1] * w[1]) ** 2 * on * (1 - on);
  expect(drawn[0]).toBe(v0);
  expect(Math.abs(mean - exactMean)).toBeLessThan(5 * Math.sqrt(exactVariance / ROWS));
  expect(Math.abs(variance - exactVariance)).toBeLessThan(5 * exactVariance * Math.sqrt(3 / ROWS));
  model.free();
});

it('gives the same rows for the same seed and any number of threads', async () => {
  const [, machines, row, known] = NETS[2]!;
  const rows = Array.from({ length: 1200 }, () => row);
  const model = modelOf(machines);
  const drawn = model.conditional(rows, known, { seed: 9, sweeps: 5 });
  expect(model.conditional(rows, known, { seed: 9, sweeps: 5 })).toEqual(drawn);
  expect(model.conditional(rows, known, { seed: 8, sweeps: 5 })).not.toEqual(drawn);
  const other = await load({ threads: 2 });
  const there = other.open(model.toBytes());
  expect(there.conditional(rows, known, { seed: 9, sweeps: 5 })).toEqual(drawn);
  other.close();
  model.free();
});

it('refuses layers that are not drawn, by name', () => {
  const meanField = bernoulli(2, { meanField: true });
  const ask = (hidden: Units[]) => {
    const model = engine.create(deepBeliefNet({ visible: bernoulli(3), hidden }), { seed: 1 });
    return refusal(() => model.conditional([[1, 0, 0]], [1, 0, 1], { seed: 1 }));
  };
  expect(ask([meanField, bernoulli(2)])).toBe(
    'GRAPH_UNSUITABLE: Clamped sampling of a net needs units with an energy; the layer `h1` has 2 mean-field logistic units.',
  );
  expect(ask([bernoulli(2), meanField])).toBe(
    'GRAPH_UNSUITABLE: Clamped sampling needs units that are drawn; the layer `h2` has 2 mean-field logistic units.',
  );
  const model = engine.create(deepBeliefNet({ visible: bernoulli(3), hidden: [bernoulli(2), bernoulli(2)] }), {
    seed: 1,
  });
  expect(refusal(() => model.conditional([[1, 0, 0]], [1, 0, 1], { seed: 1, unitsTogether: 0 }))).toBe(
    'OPTION_INVALID: `unitsTogether` must be an integer from 1 to 65535; got 0.',
  );
});
