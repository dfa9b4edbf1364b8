/** Configurations: what is completed, and the sentence for everything that is refused. */
import { describe, expect, it } from 'vitest';
import { bernoulli, deepBeliefNet, softmax, type UpDownOptions, untiedGraph, upDown } from 'wakesleep';
import { withAssignments } from '../../dist/cli/set.js';
import {
  type ConfigurationInput,
  configurationJsonSchema,
  isStudy,
  parseConfiguration,
  readConfiguration,
  readStudy,
} from '../../dist/config.js';
import { recipes as all } from '../../dist/recipes/index.js';

/** Those that train a model. */
const recipes = all.flatMap((recipe) => ('configuration' in recipe ? [recipe] : []));

/** The configuration of a recipe that is a single run. */
const configurationOf = (name: string) =>
  recipes.find((recipe) => recipe.name === name)!.configuration as ConfigurationInput;

const tiny = configurationOf('digits-tiny');

/** The sentence for a recipe with an assignment. */
function refusal(...assignments: string[]): string {
  try {
    readConfiguration(withAssignments(tiny, assignments));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code}: ${message}`;
  }
  return 'accepted';
}

describe('every recipe', () => {
  it.each(recipes.map((recipe) => [recipe.name, recipe] as const))('%s is a whole configuration', (_, recipe) => {
    const given = recipe.configuration;
    const read = isStudy(given)
      ? readStudy(given, (configuration) => configuration).variants
      : [readConfiguration(given)];
    // What a stage starts from is an earlier variant, by its name.
    const graphs = new Map(read.flatMap((variant) => ('name' in variant ? [[variant.name, variant.graph]] : [])));
    for (const { configuration, graph } of read) {
      const again = readConfiguration(JSON.parse(JSON.stringify(configuration)), (from) => graphs.get(from)!);
      expect(again).toEqual({ configuration, graph });
      expect(configuration.checkpointSeconds).toBe(30);
    }
  });
});

it('fine-tunes an untied net, whose graph is spelt out', () => {
  const hidden = [bernoulli(30), bernoulli(30)];
  const net = deepBeliefNet({ visible: bernoulli(144), hidden, label: softmax(10), top: bernoulli(40) });
  const graph = untiedGraph(net);
  const steps: [number, number][] = [
    [0, 3],
    [100, 6],
  ];
  const options: UpDownOptions = { gibbsSteps: { steps }, topRate: { from: 0.01, to: 0 }, chains: 20 };
  const given = { ...tiny, model: { type: 'graph', ...graph }, train: [{ type: 'upDown', ...options }] };
  const read = readConfiguration(given);
  expect(read.graph).toEqual(graph);
  expect(read.configuration.train).toEqual([upDown(options)]);
  expect(readConfiguration(JSON.parse(JSON.stringify(read.configuration)))).toEqual(read);
  const tied = { ...given, model: { type: 'graph', ...net } };
  expect(() => readConfiguration(tied)).toThrow('`visible-h1` is tied; `untie()` makes such a net of this one.');
});

describe('--set', () => {
  it('takes JSON, and a bare word as a string', () => {
    const set = ['train.0.phases.1.learningRate=0.25', 'train.0.phases.0.data=probabilities', 'seed=9'];
    const { configuration } = readConfiguration(withAssignments(tiny, set));
    expect(configuration).toMatchObject({
      seed: 9,
      train: [{ phases: [{ data: 'probabilities' }, { learningRate: 0.25 }, {}] }],
    });
    expect(tiny.seed).not.toBe(9);
  });

  it('reaches what a recipe leaves out', () => {
    const set = ['train.0.phases.0.momentum=0.5', 'train.0.phases.0.weightCost=0', 'checkpointSeconds=1'];
    const { configuration } = readConfiguration(withAssignments(tiny, set));
    expect(configuration.train[0]).toMatchObject({ phases: [{ momentum: 0.5, weightCost: 0 }, {}, {}] });
    expect(configuration.checkpointSeconds).toBe(1);
  });

  it.each([
    [
      'train.0.phases.1.learningrate=1',
      '`train.0.phases.1` has no key `learningrate`; did you mean `train.0.phases.1.learningRate`?',
    ],
    ['modell.x=1', 'The configuration has no key `modell`; did you mean `model`?'],
    [
      '__proto__.x=1',
      'The configuration has no key `__proto__`; it takes `seed`, `weightScale`, `data`, `model`, `start`, `train`, `monitor`, `evaluate`, `checkpointSeconds`.',
    ],
    ['train.0.phases.7.epochs=1', '`train.0.phases` is a list of 3, counted from 0; it has no `7`.'],
    ['train.first.epochs=1', '`train` is a list of 1, counted from 0; it has no `first`.'],
    ['seed.low=1', '`seed` is 7, which has no `low`.'],
    ['seed', '`--set` takes path=value, such as train.0.epochs=5; got "seed".'],
    ['=1', '`--set` takes path=value, such as train.0.epochs=5; got "=1".'],
  ])('refuses %s', (assignment, words) => {
    expect(refusal(assignment)).toBe(`OPTION_INVALID: ${words}`);
  });
});

describe('values', () => {
  const phase = 'train.0.phases.1';
  it.each([
    [`${phase}.learningRate=-1`, `\`${phase}.learningRate\` must be a finite number above 0; got -1.`],
    [`${phase}.learningRate=0`, `\`${phase}.learningRate\` must be a finite number above 0; got 0.`],
    [
      `${phase}.learningRate=fast`,
      `\`${phase}.learningRate\` must be a finite number, { from, to } or { steps }; got "fast".`,
    ],
    [`${phase}.learningRate={"from":1}`, `\`${phase}.learningRate.to\` must be a finite number; it is missing.`],
    [
      `${phase}.learningRate={"form":1,"to":1}`,
      `\`${phase}.learningRate.from\` must be a finite number; it is missing.`,
    ],
    [`${phase}.momentum=1`, `\`${phase}.momentum\` must be a finite number below 1; got 1.`],
    [`${phase}.epochs=0`, `\`${phase}.epochs\` must be an integer of at least 1; got 0.`],
    [`${phase}.epochs=1.5`, `\`${phase}.epochs\` must be an integer; got 1.5.`],
    [
      `${phase}.data=state`,
      `\`${phase}.data\` must be "probabilities" or "states"; got "state". Did you mean "states"?`,
    ],
    [
      'train.0.type=greddy',
      '`train.0.type` must be "contrastiveDivergence", "persistentContrastiveDivergence", "fastPersistentContrastiveDivergence", "parallelTempering", "deepBoltzmannLearning", "exactGradient", "backpropagation", "conjugateGradient", "expectationMaximisation", "boltzmannLearning", "wakeSleep", "upDown", "reweightedWakeSleep", "monteCarloEM", "variationalEM" or "greedy"; got "greddy". Did you mean "greedy"?',
    ],
    ['train=[]', '`train` must be a list of at least 1; got an array of 0.'],
    [
      'data.name=mnits',
      '`data.name` must be "mnist", "digits-tiny", "patches", "patches-normalised", "tallies", "topics", "bars-and-stripes", "files" or "file"; got "mnits". Did you mean "mnist"?',
    ],
    ['data.heldOut=-5', '`data.heldOut` must be an integer of at least 0; got -5.'],
    ['data.labelled=0', '`data.labelled` must be an integer of at least 1; got 0.'],
    [
      'data.subset=3',
      '`data.subset` says which subset of `data.labelled` rows is trained on, and how many those are is missing.',
    ],
    ['data={"name":"patches","labelled":10}', '`data` has no key `labelled`; it takes `name`, `heldOut`.'],
    ['data.name=files', '`data.images` must be a string; it is missing.'],
    ['seed=-1', '`seed` must be an integer of at least 0; got -1.'],
    ['seed=12x', '`seed` must be an integer; got "12x".'],
    [
      'evaluate=["testEror"]',
      '`evaluate.0` must be "testError", "heldOutError", "classification", "testReconstruction", "structuredNoise", "testLikelihood", "gaussianBaselines", "recognisedSamples", "smoothFilters" or "edgeFilters"; got "testEror". Did you mean "testError"?',
    ],
    ['evaluate=["heldOutError"]', '`evaluate` asks for heldOutError, which needs rows in `data.heldOut`.'],
    [
      'model={"type":"rmb"}',
      '`model.type` must be "rbm", "deepBeliefNet", "sigmoidBeliefNet", "network", "deepBoltzmannMachine", "boltzmannMachine" or "graph"; got "rmb". Did you mean "rbm"?',
    ],
    ['model.top.unit=3', '`model.top` has no key `unit`; did you mean `model.top.units`?'],
    ['model.top.units=99999', '`model.top.units` must be an integer of at most 65535; got 99999.'],
  ])('refuses %s', (assignment, words) => {
    expect(refusal(assignment)).toBe(`OPTION_INVALID: ${words}`);
  });

  it('refuses several algorithms for now', () => {
    const two = withAssignments(tiny, []) as { train: unknown[] };
    two.train.push(two.train[0]);
    expect(() => readConfiguration(two)).toThrow(
      '`train` takes one algorithm for now; got 2. Give the others a run of their own.',
    );
  });

  it('refuses an algorithm that does not fit the graph', () => {
    expect(refusal('train.0.phases=[{"type":"contrastiveDivergence"}]')).toBe(
      'GRAPH_UNSUITABLE: greedy() has 1 phases for a graph of 3 layers above the data.',
    );
    const noLabels = {
      ...(withAssignments(tiny, []) as object),
      model: configurationOf('mnist-rbm').model,
      train: [{ type: 'contrastiveDivergence' }],
    };
    expect(() => readConfiguration(noLabels)).toThrow(
      '`evaluate` asks for testError, which needs a model with a layer of labels.',
    );
  });

  it('refuses what is no object, and names what is missing', () => {
    expect(() => readConfiguration([])).toThrow('The configuration must be an object; got an array of 0.');
    const { seed: _, ...rest } = tiny;
    expect(() => readConfiguration(rest)).toThrow('`seed` must be an integer; it is missing.');
    expect(() => readConfiguration({ ...tiny, sead: 1 })).toThrow(
      'The configuration has no key `sead`; did you mean `seed`?',
    );
  });

  it('refuses text that is not JSON, and keys that occur twice', () => {
    expect(() => parseConfiguration('{"seed": 1', 'a.json')).toThrow(/^a\.json is not JSON: .+\.$/);
    expect(() => parseConfiguration('{"seed": 1, "seed": 2}', 'a.json')).toThrow(
      'a.json has the key `seed` twice in one object.',
    );
  });
});

describe('start', () => {
  const { model: _, ...rest } = { ...tiny, model: undefined };
  const { graph } = readConfiguration(tiny);
  const started = (start: unknown, more: object = {}) => readConfiguration({ ...rest, ...more, start }, () => graph);

  it('stands in place of `model`, is completed, and keeps biases where it is not told otherwise', () => {
    const read = started({ from: 'a.safetensors' });
    expect(read.graph).toBe(graph);
    expect(read.configuration).toMatchObject({ start: { from: 'a.safetensors', as: 'same' } });
    expect(read.configuration).not.toHaveProperty('model');
    expect(read.configuration.train[0]).toMatchObject({ phases: Array(3).fill({ initialBias: 'keep' }) });
    const phase = { type: 'contrastiveDivergence', initialBias: 'data' };
    const told = started({ from: 'a' }, { train: [{ type: 'greedy', phases: [phase, phase, phase] }] });
    expect(told.configuration.train[0]).toMatchObject({ phases: Array(3).fill({ initialBias: 'data' }) });
  });

  it.each([
    [{ as: 'same' }, {}, '`start.from` must be a string; it is missing.'],
    [
      { from: 'a', as: 'sane' },
      {},
      '`start.as` must be "same", "classifier", "untied", "tied" or "autoencoder"; got "sane". Did you mean "same"?',
    ],
    [{ from: 'a', like: 1 }, {}, '`start` has no key `like`; it takes `from`, `as`.'],
    [
      { from: 'a' },
      { model: tiny.model },
      'A configuration has either `model` or `start`, not both: a run that starts from a model takes its graph.',
    ],
    [undefined, {}, '`model` must be an object; it is missing. A run may also `start` from another model.'],
    [
      { from: 'a' },
      { train: [{ type: 'contrastiveDivergence' }] },
      'Contrastive divergence needs a restricted Boltzmann machine, one layer of hidden units; this graph has layers above `h1`.',
    ],
  ])('%#', (start, more, words) => {
    expect(() => started(start, more)).toThrow(words);
  });

  it('is reached by `--set`', () => {
    const set = (...assignments: string[]) => withAssignments({ ...rest, start: { from: 'a' } }, assignments);
    expect(set('start.from=b', 'start.as=same')).toMatchObject({ start: { from: 'b', as: 'same' } });
    expect(() => set('start.form=b')).toThrow('`start` has no key `form`; did you mean `start.from`?');
  });
});

describe('a graph spelt out', () => {
  it('is accepted', () => {
    const model = {
      type: 'graph',
      layers: [
        { name: 'visible', units: { type: 'bernoulli', units: 144 } },
        { name: 'hidden', units: { type: 'bernoulli', units: 9 } },
      ],
      connections: [{ kind: 'undirected', lower: 'visible', upper: 'hidden' }],
    };
    const train = [
      {
        type: 'contrastiveDivergence',
        learningRate: {
          steps: [
            [0, 0.1],
            [3, 0.01],
          ],
        },
      },
    ];
    const { graph } = readConfiguration({ ...tiny, model, train, evaluate: [] });
    expect(graph.layers.map(({ name }) => name)).toEqual(['visible', 'hidden']);
  });
});

describe('the JSON Schema', () => {
  it('describes every part', () => {
    const text = JSON.stringify(configurationJsonSchema());
    for (const name of ['"seed"', '"deepBeliefNet"', '"contrastiveDivergence"', '"heldOut"'])
      expect(text).toContain(name);
  });

  it('says that a configuration has a model or a start', () => {
    type Part = { properties: object; oneOf?: object[] };
    const { anyOf, $defs } = configurationJsonSchema() as { anyOf: { $ref: string }[]; $defs: Record<string, Part> };
    const { oneOf, properties } = $defs[anyOf[0]!.$ref.replace('#/$defs/', '')]!;
    expect(oneOf).toEqual([{ required: ['model'] }, { required: ['start'] }]);
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(['model', 'start']));
  });
});
