/**
 * Untied deep belief nets: untying changes no answer to the bit; with weights of its own each direction is that of the oracle;
 * files hold both; what needs tied weights is refused by the name of the connection.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  compose,
  contrastiveDivergence,
  decompose,
  deepBeliefNet,
  type Engine,
  gaussian,
  greedy,
  greedyBound,
  load,
  type Model,
  rbm,
  readGraph,
  sigmoidBeliefNet,
  softmax,
  tie,
  type Units,
  untie,
  untiedGraph,
  verify,
} from 'wakesleep';
import { firstLayerFilters } from '../../dist/evaluate/evaluate.js';
import { labelLayerOf } from '../../dist/graph/machines.js';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const VISIBLE = 8;

/** A tied net with random biases, whose upward and downward ones differ. */
function tiedNet(visible: Units = bernoulli(VISIBLE), labelled = true): Model {
  const layers = { visible, hidden: [bernoulli(6), bernoulli(5)] };
  const graph = deepBeliefNet(labelled ? { ...layers, label: softmax(3), top: bernoulli(7) } : layers);
  const model = engine.create(graph, { seed: 11, weightScale: 0.7 });
  const random = randomSource(12);
  for (const { name, shape } of model.parameterSpecs) {
    if (!name.endsWith('bias')) continue;
    model.parameter(name).set(Array.from({ length: shape[0]! }, () => 0.5 * random.normal()));
  }
  return model;
}

function rows(count = 20): number[][] {
  const random = randomSource(13);
  return Array.from({ length: count }, () => Array.from({ length: VISIBLE }, () => random.uniform()));
}

describe('untie()', () => {
  it('keeps every parameter, and the seed', () => {
    const tied = tiedNet();
    const model = untie(tied);
    expect(model.graph).toEqual(untiedGraph(tied.graph));
    expect([model.seed, model.updates]).toEqual([tied.seed, 0]);
    const values = (of: Model, name: string) => Array.from(of.parameter(name).values());
    for (const name of [
      'visible.bias',
      'h1.bias',
      'layers.h1.recognition_bias',
      'h2-h3.weight',
      'label-h3.weight',
      'h3.bias',
    ]) {
      expect(values(model, name)).toEqual(values(tied, name));
    }
    expect(values(model, 'visible>h1.weight')).toEqual(values(tied, 'visible-h1.weight'));
    const up = values(tied, 'h1-h2.weight');
    expect(values(model, 'h2>h1.weight')).toEqual(up.map((_, k) => up[(k % 5) * 6 + Math.floor(k / 5)]!));
    expect(model.parameter('h2>h1.weight').shape).toEqual([6, 5]);
    expect(labelLayerOf(model.graph)).toBe('label');
    expect(firstLayerFilters(model)).toEqual(firstLayerFilters(tied));
  });

  it.each([
    ['binary', bernoulli(VISIBLE)],
    ['standardised Gaussian', gaussian(VISIBLE, { standardise: true, variance: 'learned' })],
  ] as [string, Units][])('answers every question with the same bits: %s rows', (_, visible) => {
    const tied = tiedNet(visible);
    const model = untie(tied);
    const given = rows();
    const asked = (of: Model) => ({
      samples: of.sample({ rows: 10, sweeps: 20, seed: 1 }),
      chains: of.sample({ rows: 4, sweeps: 20, every: 5, seed: 2, give: 'states', clamp: { label: 1 } }),
      classes: of.classify(given),
      lowest: of.meanHidden(given, { layer: 'h1' }),
      middle: of.meanHidden(given),
      highest: of.meanHidden(given, { layer: 'h3' }),
      reconstructed: of.reconstruct(given),
      aggregated: of.aggregatedPosterior(given, { seed: 3 }).values(),
    });
    expect(asked(model)).toEqual(asked(tied));
    expect(engine.open(model.toBytes()).toBytes()).toEqual(model.toBytes());
  });

  it('keeps the exact likelihood, and the bound', () => {
    const tied = tiedNet(bernoulli(VISIBLE), false);
    const model = untie(tied);
    const given = rows().map((row) => row.map(Math.round));
    expect(model.logLikelihood(given)).toEqual(tied.logLikelihood(given));
    expect(greedyBound(model, given)).toEqual(greedyBound(tied, given));
  });

  it('refuses what has nothing to untie', () => {
    const model = engine.create(rbm({ visible: bernoulli(2), hidden: bernoulli(2) }), { seed: 1 });
    expect(refusal(() => untie(model))).toBe(
      'GRAPH_UNSUITABLE: Only a deep belief net with tied connections can be untied; `visible-hidden` is undirected.',
    );
    expect(refusal(() => untie(untie(tiedNet())))).toBe(
      'GRAPH_UNSUITABLE: Only a deep belief net with tied connections can be untied; `h1>visible` is directed.',
    );
    expect(refusal(() => untie({} as Model))).toBe('OPTION_INVALID: untie() takes a model; got an object.');
    expect(refusal(() => untiedGraph(sigmoidBeliefNet({ visible: bernoulli(2), hidden: [bernoulli(2)] })))).toBe(
      'GRAPH_UNSUITABLE: The topmost connection `h1>visible` must be undirected; it is directed.',
    );
  });
});

describe('with weights of its own, each direction leads its own way', () => {
  /** The untied net whose weights one way are zero. */
  function half(gone: string[]): Model {
    const model = untie(tiedNet());
    for (const name of gone) {
      const parameter = model.parameter(name);
      parameter.set(new Float32Array(parameter.values().length));
    }
    return model;
  }

  it('samples come from the directed weights, classes from recognition', () => {
    const whole = untie(tiedNet());
    const [deaf, dumb] = [half(['visible>h1.weight', 'h1>h2.weight']), half(['h1>visible.weight', 'h2>h1.weight'])];
    const sampled = (model: Model) => model.sample({ rows: 10, sweeps: 20, seed: 1 });
    const classified = (model: Model) => model.classify(rows()).probabilities;
    expect(sampled(deaf)).toEqual(sampled(whole));
    expect(sampled(dumb)).not.toEqual(sampled(whole));
    expect(classified(dumb)).toEqual(classified(whole));
    expect(classified(deaf)).not.toEqual(classified(whole));
    // Of rows that nothing tells apart the classes are the same.
    expect(classified(deaf).subarray(0, 3)).toEqual(classified(deaf).subarray(3, 6));
    expect(firstLayerFilters(dumb).every((x) => x === 0)).toBe(true);
  });

  it('the bound is below the likelihood whatever recognition thinks', () => {
    const tied = tiedNet(bernoulli(VISIBLE), false);
    const model = untie(tied);
    const given = rows().map((row) => row.map(Math.round));
    model.parameter('visible>h1.weight').set(new Float32Array(VISIBLE * 6));
    const bounds = greedyBound(model, given);
    expect(model.logLikelihood(given)).toEqual(tied.logLikelihood(given));
    tied.logLikelihood(given).forEach((exact, row) => {
      expect(bounds[row]).toBeLessThan(exact);
    });
    expect(bounds).not.toEqual(greedyBound(tied, given));
  });
});

describe('refused by the name of the connection', () => {
  const words = (what: string) =>
    `GRAPH_UNSUITABLE: ${what} needs the same weights upward and downward; \`h1>visible\` is directed, with recognition weights of its own.`;

  it('what needs tied weights', () => {
    const model = untie(tiedNet());
    const unlabelled = untie(tiedNet(bernoulli(VISIBLE), false));
    const data = engine.dataset({ rows: rows(), labels: rows().map(() => 1), classes: 3 });
    const mask = Array.from({ length: VISIBLE }, (_, unit) => unit % 2);
    expect(refusal(() => model.conditional(rows(), mask, { seed: 1 }))).toBe(words('Clamped sampling of a net'));
    const phase = contrastiveDivergence({ epochs: 1 });
    expect(refusal(() => model.train(data, greedy([phase, phase, phase])))).toBe(words('Greedy learning'));
    expect(refusal(() => verify(model))).toBe(words('verify()'));
    expect(refusal(() => decompose(model))).toBe(words('decompose()'));
    expect(refusal(() => compose([model]))).toBe(words('compose()'));
    expect(refusal(() => tie(unlabelled))).toBe(words('tie()'));
  });

  it('graphs that are neither', () => {
    const { layers, connections } = untiedGraph(tiedNet().graph);
    const ask = (given: readonly unknown[]) => {
      const model = engine.create(readGraph('test', { layers, connections: given }), { seed: 1 });
      return refusal(() => model.classify(rows()));
    };
    expect(ask(connections.filter(({ kind, lower }) => kind !== 'recognition' || lower !== 'h1'))).toBe(
      'GRAPH_UNSUITABLE: No recognition connection leads up beside the directed connection `h2>h1`.',
    );
    expect(ask([...connections, { kind: 'recognition', lower: 'h2', upper: 'h3' }])).toBe(
      'GRAPH_UNSUITABLE: The recognition connection `h2>h3` must be beside a directed one, and is not.',
    );
    const retied = connections.map((c) => (c.kind === 'directed' && c.lower === 'h1' ? { ...c, kind: 'tied' } : c));
    expect(ask(retied)).toBe(
      'GRAPH_UNSUITABLE: The recognition connection `h1>h2` must be beside a directed one, and is not.',
    );
  });
});
