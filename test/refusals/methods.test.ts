/** Every question to a model, on every kind of graph: it is answered, or refused in words that name the layer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  type Dataset,
  deepBeliefNet,
  type Engine,
  load,
  type Model,
  rbm,
  replicatedSoftmax,
  softmax,
  untiedGraph,
  verify,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';

const NET = deepBeliefNet({ visible: bernoulli(4), hidden: [bernoulli(3), bernoulli(2)] });
const LABELLED = deepBeliefNet({
  visible: bernoulli(4),
  hidden: [bernoulli(3)],
  label: softmax(2),
  top: bernoulli(2),
});
const GRAPHS = {
  rbm: rbm({ visible: bernoulli(4), hidden: bernoulli(3) }),
  'rbm with labels': deepBeliefNet({ visible: bernoulli(4), hidden: [], label: softmax(2), top: bernoulli(3) }),
  'rbm of counts': rbm({ visible: replicatedSoftmax(4), hidden: bernoulli(3) }),
  net: NET,
  'net with labels': LABELLED,
  'untied net': untiedGraph(NET),
  'untied net with labels': untiedGraph(LABELLED),
};
type Kind = keyof typeof GRAPHS;

let engine: Engine;
let rows: Dataset;
let holed: Dataset;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  const labelled = { labels: [1, 0], classes: 2 };
  rows = engine.dataset({ rows: [ROW, [0, 1, 0, 0]], ...labelled });
  holed = engine.dataset({ rows: [ROW, [0, Number.NaN, 0, 0]], known: 'notNaN', ...labelled });
});
afterAll(() => engine.close());

const ROW = [1, 0, 1, 1];
const hidden = [
  [1, 0, 1],
  [0, 1, 1],
];

/** Numbers that a question gives. */
type Ask = (model: Model) => ArrayLike<number>;

const deep = (what: string) =>
  `${what} needs a restricted Boltzmann machine, one layer of hidden units; this graph has layers above \`h1\`.`;
const labelled = (words: string) => ({ 'net with labels': words, 'untied net with labels': words });
const nets = (what: string) => ({ net: deep(what), 'untied net': deep(what), ...labelled(deep(what)) });
const untied = (what: string) => {
  const words = `${what} needs the same weights upward and downward; \`h1>visible\` is directed, with recognition weights of its own.`;
  return { 'untied net': words, 'untied net with labels': words };
};
const noLabel = 'A label can only be clamped where the graph has a layer of labels.';
const noClasses = 'Classification needs a layer of labels, and this graph has none.';
const noCounts =
  "Clamped sampling cannot draw missing counts of the layer `visible`: a document's length would not be known.";
const pseudo = 'A pseudo-likelihood needs one visible layer of binary units or softmax groups; the layer ';
const pseudoRefusals = {
  'rbm with labels': `${pseudo}\`label\` stands beside \`visible\`.`,
  'rbm of counts': `${pseudo}\`visible\` has counts of 4 words.`,
  ...nets('A pseudo-likelihood'),
};

/** A question, how many numbers answer it, and the graphs that refuse it. */
const QUESTIONS: [string, Ask, number | ((kind: Kind) => number), Partial<Record<Kind, string>>][] = [
  ['meanHidden', (model) => model.meanHidden(rows), (kind) => (kind.endsWith('net') ? 4 : 6), {}],
  [
    'meanHidden of h1',
    (model) => model.meanHidden(rows, { layer: 'h1' }),
    6,
    {
      rbm: '`layer` must be one of hidden; got "h1".',
      'rbm of counts': '`layer` must be one of hidden; got "h1".',
    },
  ],
  ['sampleHidden', (model) => model.sampleHidden(rows, { seed: 1 }), 6, nets('`sampleHidden()`')],
  ['meanVisible', (model) => model.meanVisible(hidden), 8, nets('`meanVisible()`')],
  ['sampleVisible', (model) => model.sampleVisible(hidden, { seed: 1 }), 8, nets('`sampleVisible()`')],
  ['reconstruct', (model) => model.reconstruct(rows), 8, {}],
  ['freeEnergy', (model) => model.freeEnergy(rows), 2, nets('A free energy')],
  ['logPartition', (model) => [model.logPartition()], 1, nets('The exact log Z')],
  ['logLikelihood', (model) => model.logLikelihood(rows), 2, labelled(deep('The exact log Z'))],
  [
    'annealedLogPartition',
    (model) => [model.annealedLogPartition({ seed: 1, chains: 5, temperatures: 5 }).logPartition],
    1,
    {
      'rbm of counts':
        'Annealed importance sampling needs rows of one length; the layer `visible` has counts of 4 words.',
      ...nets('Annealed importance sampling'),
    },
  ],
  ['pseudoLogLikelihood', (model) => model.pseudoLogLikelihood(rows), 2, pseudoRefusals],
  [
    'pseudoLogLikelihood of one unit',
    (model) => model.pseudoLogLikelihood(rows, { stochastic: { seed: 1 } }),
    2,
    pseudoRefusals,
  ],
  ['sample', (model) => model.sample({ seed: 1, rows: 2, sweeps: 3 }), 8, {}],
  [
    'sample of a class',
    (model) => model.sample({ seed: 1, rows: 2, sweeps: 3, clamp: { label: 1 } }),
    8,
    { rbm: noLabel, 'rbm of counts': noLabel, net: noLabel, 'untied net': noLabel },
  ],
  [
    'conditional',
    (model) => model.conditional([ROW, ROW], [1, 1, 0, 1], { seed: 1, sweeps: 3 }),
    8,
    { 'rbm of counts': noCounts, ...untied('Clamped sampling of a net') },
  ],
  [
    'fillMissing',
    (model) => model.fillMissing(holed, { seed: 1, sweeps: 3 }),
    8,
    { 'rbm of counts': noCounts, ...untied('Clamped sampling of a net') },
  ],
  [
    'classify',
    (model) => model.classify(rows).probabilities,
    4,
    { rbm: noClasses, 'rbm of counts': noClasses, net: noClasses, 'untied net': noClasses },
  ],
  [
    'verify',
    (model) => [Number(verify(model, { chains: 1000 }).passed)],
    1,
    {
      'rbm of counts':
        '`verify` lists all states, and the layer `visible` has counts of 4 words, whose states it cannot list; it knows binary, softmax and binomial units, and real-valued ones below them.',
      ...untied('verify()'),
    },
  ],
];

describe.each(QUESTIONS)('%s', (_, ask, counts, refusals) => {
  it.each(Object.keys(GRAPHS) as Kind[])('of an %s', (kind) => {
    const model = engine.create(GRAPHS[kind], { seed: 1, weightScale: 0.5 });
    const wanted = refusals[kind];
    if (wanted === undefined) {
      const given = Array.from(ask(model));
      expect(given).toHaveLength(typeof counts === 'number' ? counts : counts(kind));
      expect(given.every(Number.isFinite)).toBe(true);
    } else {
      expect(refusal(() => ask(model)).replace(/^(GRAPH_UNSUITABLE|OPTION_INVALID): /, '')).toBe(wanted);
    }
    model.free();
  });
});
