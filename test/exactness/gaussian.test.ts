/**
 * Real-valued data that break Gaussian-Bernoulli machines elsewhere, with default options of the trainer: each ends in a
 * model that beats the diagonal Gaussian of its rows, or stops with a sentence that says what to do.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  contrastiveDivergence,
  deepBeliefNet,
  type Engine,
  exactGradient,
  fastPersistentContrastiveDivergence,
  gaussian,
  greedy,
  load,
  parallelTempering,
  persistentContrastiveDivergence,
  rbm,
  relu,
  truncatedNormal,
  type Units,
  type WakesleepError,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';

const WIDTH = 8;
const ROWS = 5000;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** Two hidden signs, four noisy columns each. */
function clusters(rows: number): number[][] {
  const source = randomSource(31);
  return Array.from({ length: rows }, () => {
    const signs = [source.bernoulli(0.5), source.bernoulli(0.5)].map((bit) => (bit === 1 ? 1.2 : -1.2));
    return Array.from({ length: WIDTH }, (_, i) => signs[i < WIDTH / 2 ? 0 : 1]! + 0.7 * source.normal());
  });
}

const map = (rows: number[][], change: (x: number, column: number, row: number) => number) =>
  rows.map((values, row) => values.map((x, column) => change(x, column, row)));

const TORTURE: Record<string, () => number[][]> = {
  'nothing special': () => clusters(ROWS),
  'constant columns': () => map(clusters(ROWS), (x, column) => (column === 2 ? 3.5 : column === 5 ? 0 : x)),
  'columns of scale 1e-6 and 1e6': () => map(clusters(ROWS), (x, column) => x * (column % 2 === 0 ? 1e6 : 1e-6)),
  'outliers of 1,000 σ': () =>
    map(clusters(ROWS), (x, column, row) => (column === 3 && row % 500 === 7 ? x + 1000 : x)),
  '10 rows': () => clusters(10),
  'duplicated rows': () => Array.from({ length: ROWS }, (_, row) => clusters(50)[row % 50]!),
};

/** Mean log-density of rows under normal columns with their own means and variances (at least the floor's), nats. */
function diagonal(rows: number[][], constantVariance: number): number {
  return Array.from({ length: WIDTH }, (_, i) => {
    const column = rows.map((row) => row[i]!);
    const mean = column.reduce((sum, x) => sum + x, 0) / rows.length;
    const variance = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rows.length;
    // A constant column has no density of its own: it counts with the variance that the layer gives it.
    const used = variance > 1e-20 ? variance : constantVariance;
    return -0.5 * (Math.log(2 * Math.PI * used) + variance / used);
  }).reduce((sum, x) => sum + x, 0);
}

const sound = gaussian(WIDTH, { variance: 'learned', standardise: true });

function trained(rows: number[][], units = sound, algorithm: Algorithm = contrastiveDivergence(), hidden = 10): number {
  const data = engine.dataset({ rows });
  const model = engine.create(rbm({ visible: units, hidden: bernoulli(hidden) }), { seed: 1 });
  try {
    for (const record of model.train(data, algorithm)) expect(record.updates).toBeGreaterThan(0);
    return model.logLikelihood(rows).reduce((sum, x) => sum + x, 0) / rows.length;
  } finally {
    data.free();
    model.free();
  }
}

/** The rate that machines with Gaussian units have when none is given. */
const DEFAULT_RATE = 0.005;

describe.each(Object.entries(TORTURE))('%s', (_, make) => {
  const rows = make();

  it('beats the diagonal Gaussian', () => {
    const nats = trained(rows, sound, contrastiveDivergence());
    expect(nats).toBeGreaterThan(diagonal(rows, sound.floor));
    expect(nats).toBe(trained(rows, sound, contrastiveDivergence({ learningRate: DEFAULT_RATE })));
  });
});

// Ten rows are left out: at that rate they end 1.6 nats below the diagonal Gaussian, finite but without a word.
it.each(Object.entries(TORTURE).filter(([name]) => name !== '10 rows'))(
  '%s, at a rate 100 times too large: beats the diagonal Gaussian',
  (_, make) => {
    const rows = make();
    expect(trained(rows, sound, contrastiveDivergence({ learningRate: 100 * DEFAULT_RATE }))).toBeGreaterThan(
      diagonal(rows, sound.floor),
    );
  },
);

it('a layer of variance 1 beats the diagonal Gaussian at a rate 100 times too large', () => {
  const rows = clusters(ROWS);
  expect(trained(rows, gaussian(WIDTH), contrastiveDivergence({ learningRate: 100 * DEFAULT_RATE }))).toBeGreaterThan(
    diagonal(rows, 1),
  );
});

it('10 rows, and ten updates only: stays at the diagonal Gaussian', () => {
  const rows = clusters(10);
  const nats = trained(rows, sound, contrastiveDivergence({ epochs: 10 }));
  expect(Math.abs(nats - diagonal(rows, sound.floor))).toBeLessThan(0.05);
});

it.each([
  [1, 1000],
  [10, 1000],
  [1000, 100],
  [1050, 91],
  [ROWS, 20],
  [20_000, 10],
])('%i rows are seen in %i epochs where nothing is said: at least 10, and 1,000 updates', (count, epochs) => {
  const data = engine.dataset({ rows: new Float32Array(count * 2), columns: 2 });
  const model = engine.create(rbm({ visible: bernoulli(2), hidden: bernoulli(1) }), { seed: 1 });
  const [record] = model.train(data, contrastiveDivergence());
  expect(record!.epochs).toBe(epochs);
  model.free();
  data.free();
});

/** Mean log-density of rows of clusters under the mixture that made them, nats. */
function truthOf(rows: number[][]): number {
  const density = (x: number, mean: number) =>
    Math.exp(-0.5 * ((x - mean) / 0.7) ** 2) / (0.7 * Math.sqrt(2 * Math.PI));
  const half = (values: number[]) =>
    Math.log([1.2, -1.2].reduce((sum, sign) => sum + 0.5 * values.reduce((p, x) => p * density(x, sign), 1), 0));
  return rows.reduce((sum, row) => sum + half(row.slice(0, 4)) + half(row.slice(4)), 0) / rows.length;
}

// Two hidden units can represent the mixture; ten could do no better. Chains that persist do not get from one cluster to
// another by themselves, so at a constant rate the weights sweep them round and end nats below the truth.
const falling = { epochs: 150, learningRate: { from: 0.005, to: 0 } };
it.each<[string, Algorithm, number, number]>([
  ['contrastive divergence, 2 hidden units', contrastiveDivergence(falling), 2, 0.05],
  ['contrastive divergence, 10', contrastiveDivergence(falling), 10, 0.08],
  ['persistent chains, 10', persistentContrastiveDivergence(falling), 10, 0.15],
])('comes near the density of the mixture that made the rows: %s', (_, algorithm, hidden, bound) => {
  const rows = clusters(ROWS);
  expect(Math.abs(truthOf(rows) - trained(rows, sound, algorithm, hidden))).toBeLessThan(bound);
});

describe('stops with the right sentence', () => {
  const remedy = "Make the layer `gaussian(8, { standardise: true, variance: 'learned' })`, or scale the columns";
  it.each([
    [
      'columns of scale 1e-6 and 1e6',
      /^DATA_INVALID: Column \d has the largest standard deviation, 1[34]\d{5}, and the Gaussian units of `visible` have 1\. /,
    ],
    [
      'outliers of 1,000 σ',
      /^DATA_INVALID: Column 3 has the largest standard deviation, 44\.\d, and the Gaussian units of `visible` have 1\. /,
    ],
  ])('%s in a layer of variance 1', (name, words) => {
    const said = refusal(() => trained(TORTURE[name]!(), gaussian(WIDTH)));
    expect(said).toMatch(words);
    expect(said).toContain(remedy);
  });

  it('columns that are all much narrower than 1', () => {
    const narrow = map(clusters(100), (x) => x / 100);
    expect(refusal(() => trained(narrow, gaussian(WIDTH)))).toMatch(
      /^DATA_INVALID: Column \d has the largest standard/,
    );
    // One column of a usable width is enough.
    const mixed = map(clusters(100), (x, column) => (column === 0 ? x : x / 100));
    expect(trained(mixed, gaussian(WIDTH))).toBeLessThan(0);
  });

  it.each(Object.entries(TORTURE))('a rate 10,000 times too large: %s', (_, make) => {
    const said = refusal(() => trained(make(), sound, contrastiveDivergence({ learningRate: 10_000 * DEFAULT_RATE })));
    expect(said).toMatch(/^(DIVERGED|NOT_FINITE): /);
    expect(said).toContain('A smaller `learningRate` is the likeliest remedy');
    expect(said).toContain('last checkpoint before it is good');
  });

  it('a rate 1,000 times too large, variance 1', () => {
    expect(
      refusal(() =>
        trained(clusters(ROWS), gaussian(WIDTH), contrastiveDivergence({ learningRate: 1000 * DEFAULT_RATE })),
      ),
    ).toMatch(
      /^DIVERGED: Training diverges: at update \d+ reconstructions of `visible` miss the data by \S+ times its own squared deviations\. /,
    );
  });
});

it('chains of rectified units that nothing holds back are an error, not NaN', () => {
  const model = engine.create(rbm({ visible: gaussian(2), hidden: relu(2) }), { seed: 1 });
  model.parameter('visible-hidden.weight').set([2, 0, 0, 2]);
  model.parameter('hidden.bias').set([1, 1]);
  expect(refusal(() => model.sample({ seed: 1, sweeps: 1000 }))).toBe(
    'DIVERGED: Chains of 1000 sweeps grew beyond all numbers: nothing holds the units of this model back. Fewer `sweeps` show where they go.',
  );
  expect(model.sample({ seed: 1, sweeps: 3 }).every(Number.isFinite)).toBe(true);
  model.free();
});

it('learns variances alike from reconstructions that are drawn and from their means', () => {
  const rows = clusters(20_000);
  const variances = (reconstruction: 'states' | 'probabilities') => {
    const data = engine.dataset({ rows });
    const model = engine.create(rbm({ visible: gaussian(WIDTH, { variance: 'learned' }), hidden: bernoulli(4) }), {
      seed: 2,
    });
    for (const record of model.train(data, contrastiveDivergence({ epochs: 10, reconstruction, learningRate: 0.01 }))) {
      expect(record.updates).toBeGreaterThan(0);
    }
    const logs = model.parameter('layers.visible.log_variance').values();
    data.free();
    model.free();
    return Array.from(logs, Math.exp);
  };
  const [drawn, means] = [variances('states'), variances('probabilities')];
  drawn.forEach((variance, i) => {
    expect(Math.abs(means[i]! / variance - 1)).toBeLessThan(0.1);
  });
});

describe('weights that leave no distribution behind', () => {
  /** Deviation 8 along one direction and 0.5 across: more than a pair of Gaussian units whose weights are 0.9 expects. */
  const random = randomSource(37);
  const stretched = Array.from({ length: 200 }, () => {
    const [along, across] = [8 * random.normal(), 0.5 * random.normal()];
    return [(along + across) / Math.SQRT2, (along - across) / Math.SQRT2];
  });
  const positive = stretched.map((row) => row.map(Math.abs));
  const options = { epochs: 50, batchRows: 100, learningRate: 0.01, initialBias: 'keep' } as const;

  /** How a run ends that starts at these weights: what it was refused with, or its updates. */
  function end(
    where: Engine,
    [visible, hidden]: readonly [Units, Units],
    algorithm: Algorithm,
    weights: number[],
    rows = stretched,
  ): string {
    const data = where.dataset({ rows });
    const model = where.create(rbm({ visible, hidden }), { seed: 1 });
    model.parameter('visible-hidden.weight').set(weights);
    const run = model.train(data, algorithm);
    try {
      for (const record of run) expect(record.weightNorm).toBeLessThan(10);
      return `${model.updates} updates`;
    } catch (error) {
      return `${(error as WakesleepError).code}: ${(error as WakesleepError).message}`;
    } finally {
      run.free();
      data.free();
      model.free();
    }
  }

  const sentence = (updates: number | string) =>
    `DIVERGED: Training diverges: after ${updates} updates the weights between the real-valued units of \`visible\` and \`hidden\` are so large that no distribution is left, log Z is infinite. A smaller \`learningRate\` is the likeliest remedy; a larger \`weightCost\`, or a \`maxNorm\` well below 1, holds weights back. Go on from an earlier checkpoint.`;

  it.each<[string, Algorithm]>([
    ['contrastive divergence', contrastiveDivergence(options)],
    ['persistent chains', persistentContrastiveDivergence(options)],
    ['persistent chains with fast weights', fastPersistentContrastiveDivergence(options)],
    ['parallel tempering', parallelTempering({ ...options, temperatures: 3 })],
    ['the exact gradient', exactGradient({ epochs: 50, learningRate: 0.01 })],
  ])('stop %s with a remedy, at the same update for any threads', async (_, algorithm) => {
    const pair = [gaussian(2), gaussian(2)] as const;
    const words = end(engine, pair, algorithm, [0.9, 0, 0, 0.9]);
    const [updates] = /\d+/.exec(words)!;
    expect(Number(updates)).toBeGreaterThan(0);
    expect(words).toBe(sentence(updates));
    const threaded = await load({ threads: 2 });
    expect(end(threaded, pair, algorithm, [0.9, 0, 0, 0.9])).toBe(words);
    threaded.close();
  });

  const still = contrastiveDivergence({ ...options, epochs: 2, learningRate: 1e-9 });
  it.each<[string, Units, Units, number[], string]>([
    ['a Gaussian pair just inside', gaussian(2), gaussian(2), [0.999, 0, 0, 0.999], '4 updates'],
    ['a Gaussian pair just outside', gaussian(2), gaussian(2), [1.001, 0, 0, 0], sentence(2)],
    ['truncated units with a weight of 1', truncatedNormal(2), truncatedNormal(2), [-3, 1, 0, 0], sentence(2)],
    ['a truncated unit of norm 1', gaussian(2), truncatedNormal(2), [0.81, 0.6, 0, 0], sentence(2)],
    ['truncated pairs in between', truncatedNormal(2), truncatedNormal(2), [0.9, 0.9, 0.9, 0.9], '4 updates'],
    ['Gaussian and truncated in between', gaussian(2), truncatedNormal(2), [0.8, 0, 0.8, 0], '4 updates'],
    ['samplers without an energy', gaussian(2), relu(2), [2, 0, 0, 2], '4 updates'],
    ['binary units', gaussian(2), bernoulli(2), [2, 0, 0, 2], '4 updates'],
  ])('%s', (_, visible, hidden, weights, words) => {
    expect(end(engine, [visible, hidden], still, weights, positive)).toBe(words);
  });

  it('are looked for now and then where an epoch has few rows, and after the last one', () => {
    const few = stretched.slice(0, 50);
    const at = (epochs: number) =>
      end(
        engine,
        [gaussian(2), gaussian(2)],
        contrastiveDivergence({ ...options, epochs, learningRate: 1e-9 }),
        [2, 0, 0, 0],
        few,
      );
    // 64 rows for each of two hidden units: three epochs of 50.
    expect(at(9)).toBe(sentence(3));
    expect(at(2)).toBe(sentence(2));
  });

  it('are found in a higher machine of a stack', () => {
    const data = engine.dataset({ rows: stretched });
    const graph = deepBeliefNet({ visible: gaussian(2), hidden: [gaussian(2)], top: gaussian(2) });
    const model = engine.create(graph, { seed: 1 });
    model.parameter('h1-h2.weight').set([1.5, 0, 0, 0]);
    const phase = contrastiveDivergence({ ...options, epochs: 1, learningRate: 1e-9 });
    expect(refusal(() => [...model.train(data, greedy([phase, phase]))])).toContain(
      'after 4 updates the weights between the real-valued units of `h1` and `h2` are so large',
    );
    data.free();
    model.free();
  });
});
