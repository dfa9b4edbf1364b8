/** Removing structured noise from above, against plain loops in f64: the same blend of what comes from below and from above. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  decompose,
  deepBeliefNet,
  type Engine,
  gaussian,
  load,
  type Model,
  rbm,
  relu,
  sigmoidBeliefNet,
  softmax,
  type Units,
  untie,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { logistic, softmax as shares } from '../reference/logistic.js';
import { randomSource } from '../reference/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const VISIBLE = 8;
/** f32 sums of a few numbers, through four layers and five steps. */
const TOLERANCE = 1e-5;

/** A net whose parameters are all random. */
function netOf(options: { untied: boolean; labelled?: boolean; on?: Engine; visible?: Units; lowest?: Units }): Model {
  const { untied, labelled = true, on = engine, visible = bernoulli(VISIBLE), lowest = bernoulli(6) } = options;
  const layers = { visible, hidden: [lowest, bernoulli(5)] };
  const tied = on.create(deepBeliefNet(labelled ? { ...layers, label: softmax(3), top: bernoulli(4) } : layers), {
    seed: 1,
  });
  const model = untied ? untie(tied) : tied;
  const random = randomSource(31);
  for (const { name, shape } of model.parameterSpecs) {
    if (!/bias|weight/.test(name)) continue;
    const count = shape.reduce((product, side) => product * side, 1);
    model.parameter(name).set(Array.from({ length: count }, () => 0.8 * random.normal()));
  }
  return model;
}

const rows = Array.from({ length: 3 }, (_, row) => {
  const random = randomSource(40 + row);
  return Array.from({ length: VISIBLE }, () => random.uniform());
});

/** The definition, for one row: a prediction of the visible units for the pass up and for each step. */
function denoised(model: Model, row: number[], steps: number): number[][] {
  const values = (name: string) => Array.from(model.parameter(name).values());
  const { layers, connections } = model.graph;
  const labelled = layers.some(({ name }) => name === 'label');
  const untied = connections.some(({ kind }) => kind === 'directed');
  const names = ['visible', ...layers.map(({ name }) => name).filter((name) => name.startsWith('h'))];
  const top = names.length - 1;
  /** W[upper][lower] of a pair of layers. */
  const matrix = (l: number, direction: 'up' | 'down') => {
    const [lower, upper] = [names[l - 1]!, names[l]!];
    const [below, above] = [values(`${lower}.bias`).length, values(`${upper}.bias`).length];
    const turned = untied && direction === 'down' && l < top;
    const arrow = direction === 'up' ? `${lower}>${upper}` : `${upper}>${lower}`;
    const weights = values(untied && l < top ? `${arrow}.weight` : `${lower}-${upper}.weight`);
    return Array.from({ length: above }, (_, j) =>
      Array.from({ length: below }, (_unused, i) => weights[turned ? i * above + j : j * below + i]!),
    );
  };
  const driven = (bias: number[], W: number[][], from: number[]) =>
    bias.map((b, j) => b + from.reduce((sum, s, i) => sum + s * W[j]![i]!, 0));
  const turned = (W: number[][]) => W[0]!.map((_, i) => W.map((line) => line[i]!));
  const upBias = (l: number) => values(l < top ? `layers.${names[l]}.recognition_bias` : `${names[l]}.bias`);
  const up = (l: number, states: number[][]) => driven(upBias(l), matrix(l, 'up'), states[l - 1]!);
  const down = (l: number, states: number[][]) =>
    driven(values(`${names[l]}.bias`), turned(matrix(l + 1, 'down')), states[l + 1]!);

  const states = [row];
  for (let l = 1; l <= top; l += 1) states[l] = up(l, states).map(logistic);
  const found = [down(0, states).map(logistic)];
  for (let step = 1; step <= steps; step += 1) {
    const share = step / steps;
    for (let l = 1; l < top; l += 1) {
      const [a, b] = [up(l, states), down(l, states)];
      states[l] = a.map((x, j) => logistic((1 - share) * x + share * b[j]!));
    }
    const inputs = up(top, states);
    if (labelled) {
      const weights = values(`label-${names[top]}.weight`);
      const U = inputs.map((_, j) => weights.slice(3 * j, 3 * j + 3));
      const label = shares(driven(values('label.bias'), turned(U), states[top]!));
      inputs.forEach((_, j) => {
        inputs[j]! += share * label.reduce((sum, s, i) => sum + s * U[j]![i]!, 0);
      });
    }
    states[top] = inputs.map(logistic);
    found.push(down(0, states).map(logistic));
  }
  return found;
}

describe.each([
  ['tied', false],
  ['untied', true],
] as const)('of a net that is %s', (_, untied) => {
  it.each([
    ['labels', true],
    ['no labels', false],
  ] as const)('is the definition, with %s', (_words, labelled) => {
    const model = netOf({ untied, labelled });
    const found = model.denoise(rows, { steps: 5 });
    expect(found.length).toBe(6 * rows.length * VISIBLE);
    rows.forEach((row, place) => {
      denoised(model, row, 5).forEach((wanted, step) => {
        wanted.forEach((x, unit) => {
          const at = (step * rows.length + place) * VISIBLE + unit;
          expect(Math.abs(found[at]! - x)).toBeLessThan(TOLERANCE);
        });
      });
    });
    // It is the effect from above that changes what is seen, and at last it alone.
    const flat = (values: ArrayLike<number>, step: number) =>
      Array.from(values).slice(step * rows.length * VISIBLE, (step + 1) * rows.length * VISIBLE);
    expect(flat(found, 1)).not.toEqual(flat(found, 0));
    model.free();
  });

  it('is the same for the same seed, block and any threads, and draws where there is a seed', async () => {
    const model = netOf({ untied });
    const means = model.denoise(rows, { steps: 4 });
    const drawn = model.denoise(rows, { steps: 4, seed: 7 });
    expect(model.denoise(rows, { steps: 4 })).toEqual(means);
    expect(model.denoise(rows, { steps: 4, seed: 7 })).toEqual(drawn);
    expect(model.denoise(rows, { steps: 4, seed: 8 })).not.toEqual(drawn);
    expect(drawn).not.toEqual(means);
    expect(model.denoise(rows).length).toBe(11 * rows.length * VISIBLE);
    const on = await load({ artefact: 'mt', threads: 2 });
    const other = netOf({ untied, on });
    expect(other.denoise(rows, { steps: 4 })).toEqual(means);
    expect(other.denoise(rows, { steps: 4, seed: 7 })).toEqual(drawn);
    on.close();
    // More rows than are worked on together.
    const many = Array.from({ length: 501 }, (_unused, row) => rows[row % 3]!);
    const of = (values: Float32Array, count: number, step: number, row: number) =>
      values.slice((step * count + row) * VISIBLE, (step * count + row + 1) * VISIBLE);
    const found = model.denoise(many, { steps: 4 });
    for (const step of [0, 4]) expect(of(found, 501, step, 500)).toEqual(of(means, 3, step, 500 % 3));
    model.free();
  });
});

it('begins with the plain reconstruction of the lowest machine', () => {
  for (const visible of [bernoulli(VISIBLE), gaussian(VISIBLE, { standardise: true, variance: 'learned' })]) {
    const model = netOf({ untied: false, visible });
    const [lowest] = decompose(model);
    // The machine on its own has one bias for its hidden units, the upward one, as the pass up does.
    expect(model.denoise(rows, { steps: 1 }).subarray(0, rows.length * VISIBLE)).toEqual(lowest!.reconstruct(rows));
    model.free();
  }
});

it('takes hidden units of other types', () => {
  for (const lowest of [relu(6), softmax(2, 3), bernoulli(6, { meanField: true })]) {
    const model = netOf({ untied: true, lowest });
    for (const seed of [undefined, 3]) {
      const found = model.denoise(rows, { steps: 3, ...(seed === undefined ? {} : { seed }) });
      expect(found.every((x) => x >= 0 && x <= 1)).toBe(true);
    }
    model.free();
  }
});

it('is refused in words', () => {
  const ask = (graph: Model['graph'], options = {}, given = [[0, 1]]) => {
    const model = engine.create(graph, { seed: 1 });
    const words = refusal(() => model.denoise(given, options));
    model.free();
    return words;
  };
  const net = deepBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(2), bernoulli(2)] });
  expect(ask(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }))).toBe(
    'GRAPH_UNSUITABLE: Removing noise needs a deep belief net, with a layer above the first hidden one; nothing is above `hidden`.',
  );
  expect(ask(sigmoidBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(2), bernoulli(2)] }))).toBe(
    'GRAPH_UNSUITABLE: The topmost connection `h2>h1` must be undirected; it is directed.',
  );
  expect(ask(net, { steps: 0 })).toBe('OPTION_INVALID: `steps` must be an integer from 1 to 10000; got 0.');
  expect(ask(net, { seed: -1 })).toMatch(/^OPTION_INVALID: `seed` must be/);
  expect(ask(net, { step: 1 })).toBe('OPTION_INVALID: denoise() has no option `step`; did you mean `steps`?');
  expect(ask(net, {}, [[0, 1, 1]])).toMatch(/^SHAPE_MISMATCH/);
});
