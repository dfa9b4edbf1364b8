/**
 * A model that cannot be normalised, or is not known to be, has no log Z on any path: neither a number nor an estimate, nor
 * what is made of one.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnnealedOptions,
  bernoulli,
  bracketOf,
  type Dataset,
  type Engine,
  exactGradient,
  gaussian,
  load,
  type Model,
  rbm,
  truncatedNormal,
  type Units,
  verify,
} from 'wakesleep';
import { temporaryFolder, wakesleep } from '../cli/command.js';
import { refusal, refusalOf } from '../files/refusal.js';

const NONE = 'the weights between its real-valued units are so large that it has none. Smaller weights have one.';
const UNKNOWN =
  'the weights between its real-valued units are so large that it is not known to have one. Smaller weights have one.';

/** Both sides with two units, weights `[upper, lower]`, and what is said of log Z; undefined where it is finite. */
const MODELS: [string, Units, Units, number[], string | undefined][] = [
  ['gaussian × gaussian', gaussian(2), gaussian(2), [1, 0, 0, 0.1], NONE],
  ['gaussian × gaussian, every weight below 1', gaussian(2), gaussian(2), [0.6, 0.6, 0.6, 0.6], NONE],
  ['gaussian × gaussian, negative weights', gaussian(2), gaussian(2), [-1.5, 0, 0, 0], NONE],
  ['gaussian × gaussian, huge weights', gaussian(2), gaussian(2), [1e30, -1e30, 1e30, 1e30], NONE],
  ['gaussian × gaussian, small weights', gaussian(2), gaussian(2), [0.4, 0.4, 0.4, 0.4], undefined],
  ['learned variances × gaussian', gaussian(2, { variance: 'learned' }), gaussian(2), [1, 0, 0, 0.1], NONE],
  ['standardised × gaussian', gaussian(2, { standardise: true }), gaussian(2), [1, 0, 0, 0.1], NONE],
  ['truncated × truncated', truncatedNormal(2), truncatedNormal(2), [1, 0, 0, 0.1], NONE],
  ['truncated × truncated, undecided', truncatedNormal(2), truncatedNormal(2), [0.6, 0.6, 0.6, 0.6], UNKNOWN],
  ['gaussian × truncated', gaussian(2), truncatedNormal(2), [0.8, 0.7, 0, 0], NONE],
  ['gaussian × truncated, undecided', gaussian(2), truncatedNormal(2), [0.7, 0.6, 0.6, 0.7], UNKNOWN],
  ['truncated × gaussian', truncatedNormal(2), gaussian(2), [0.8, 0, 0.7, 0], NONE],
  ['truncated × gaussian, undecided', truncatedNormal(2), gaussian(2), [0.7, 0.6, 0.6, 0.7], UNKNOWN],
  ['learned variances × truncated', gaussian(2, { variance: 'learned' }), truncatedNormal(2), [1, 0, 0, 0], NONE],
];

let engine: Engine;
let rows: Dataset;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  rows = engine.dataset({
    rows: [
      [0.5, 1],
      [0, 2],
    ],
  });
});
afterAll(() => engine.close());

const annealed = (options: Partial<AnnealedOptions>) => (model: Model) =>
  model.annealedLogPartition({ seed: 1, chains: 2, temperatures: 3, ...options });

/** Ways to a log Z, and what each calls itself. */
const PATHS: [string, string, (model: Model) => unknown][] = [
  ['logPartition', 'The exact log Z', (model) => model.logPartition()],
  ['logLikelihood', 'The exact log Z', (model) => model.logLikelihood(rows)],
  ['the exact gradient', 'The exact gradient', (model) => [...model.train(rows, exactGradient({ epochs: 1 }))]],
  ['annealing forward', 'Annealed importance sampling', annealed({})],
  [
    'annealing back from chains',
    'Annealed importance sampling',
    annealed({ direction: 'reverse', start: { sweeps: 3 } }),
  ],
  [
    'annealing back from rows',
    'Annealed importance sampling',
    (model) => annealed({ direction: 'reverse', start: { rows } })(model),
  ],
  [
    'a bracket',
    'Annealed importance sampling',
    (model) => bracketOf(annealed({})(model), annealed({ direction: 'reverse', start: { sweeps: 3 } })(model)),
  ],
];

describe.each(MODELS)('%s', (_, visible, hidden, weights, said) => {
  const create = () => {
    const model = engine.create(rbm({ visible, hidden }), { seed: 1 });
    model.parameter('visible-hidden.weight').set(weights);
    return model;
  };

  it.each(PATHS)('has no %s where it is improper', (path, what, ask) => {
    const model = create();
    // The exact gradient refuses learned variances before all else.
    const learned = visible.type === 'gaussian' && visible.variance === 'learned' && path === 'the exact gradient';
    if (learned) expect(refusal(() => ask(model))).toMatch(/^GRAPH_UNSUITABLE: The exact gradient /);
    else {
      expect(refusal(() => ask(model))).toBe(
        said === undefined
          ? 'nothing was thrown'
          : `GRAPH_UNSUITABLE: ${what} needs a model with a finite log Z; ${said}`,
      );
    }
    model.free();
  });

  it('has none in a promise either, and nothing to verify', async () => {
    const model = create();
    const asked = await refusalOf(() => model.annealedLogPartitionAsync({ seed: 1, chains: 2, temperatures: 3 }));
    expect(asked === 'nothing was thrown').toBe(said === undefined);
    // Two layers of which no states can be listed.
    expect(refusal(() => verify(model))).toMatch(/^GRAPH_UNSUITABLE: /);
    model.free();
  });
});

describe('the command', () => {
  const path = join(temporaryFolder(), 'improper.safetensors');
  it.each(['exact', 'ais'])('score --method %s says why there is none', async (method) => {
    const model = engine.create(rbm({ visible: gaussian(144), hidden: gaussian(3) }), { seed: 1, weightScale: 1 });
    writeFileSync(path, model.toBytes());
    model.free();
    const args = ['score', path, 'digits-tiny:test', '--threads', '1', '--method', method];
    const { status, stdout, stderr } = await wakesleep(args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr.trimEnd()).toMatch(new RegExp(`needs a model with a finite log Z; ${NONE.replaceAll('.', '\\.')}$`));
  });

  it('a proper model has one', async () => {
    const model = engine.create(rbm({ visible: gaussian(144), hidden: bernoulli(3) }), { seed: 1 });
    writeFileSync(path, model.toBytes());
    model.free();
    const { status, stdout } = await wakesleep(['score', path, 'digits-tiny:test', '--threads', '1']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^-\d+\.\d\d nats a row/);
  });
});
