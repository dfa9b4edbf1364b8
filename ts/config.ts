/**
 * Configurations: everything that decides a training run's bits, as plain data. A recipe is one, a CONFIG.json file is one,
 * and every run's folder keeps one.
 *
 *     { "seed": 7,
 *       "data": { "name": "mnist", "heldOut": 10000 },
 *       "model": { "type": "rbm", "visible": { "type": "bernoulli", "units": 784 }, "hidden": { ... } },
 *       "train": [{ "type": "contrastiveDivergence", "epochs": 10 }],
 *       "evaluate": ["smoothFilters"] }
 *
 * In place of `model` there may be `start: { from, as }`: the model of another run, and what is made of it.
 *
 * The shape is checked here, closed and in sentences; what the values mean (does the algorithm fit the graph) is checked by
 * those who know, through `readConfiguration`.
 */
import * as z from 'zod';
import { type Maker, makers, type StartOptions } from './combine/start.js';
import { WakesleepError } from './errors.js';
import { duplicateKey, valueAt } from './files/json.js';
import { isBeliefNet } from './graph/belief-net.js';
import {
  boltzmannMachine,
  deepBeliefNet,
  deepBoltzmannMachine,
  network,
  rbm,
  sigmoidBeliefNet,
} from './graph/constructors.js';
import { sidesOf } from './graph/deep-boltzmann.js';
import { type Graph, readGraph } from './graph/graph.js';
import { isDeepBeliefNet, labelLayerOf } from './graph/machines.js';
import { isNetwork } from './graph/network.js';
import { type Algorithm, checkAlgorithm, readAlgorithm } from './learn/algorithm.js';
import type { Backpropagation } from './learn/backpropagation.js';
import type { BoltzmannLearning } from './learn/boltzmann-learning.js';
import type { ConjugateGradient } from './learn/conjugate-gradient.js';
import type { ContrastiveDivergence } from './learn/contrastive-divergence.js';
import type { DeepBoltzmannLearning } from './learn/deep-boltzmann.js';
import type { ExactGradient } from './learn/exact-gradient.js';
import type { ExpectationMaximisation } from './learn/expectation-maximisation.js';
import type { FastWeights } from './learn/fast-persistent.js';
import type { MonteCarloEM } from './learn/monte-carlo-em.js';
import type { ParallelTempering } from './learn/parallel-tempering.js';
import type { PersistentContrastiveDivergence } from './learn/persistent.js';
import type { ReweightedWakeSleep } from './learn/reweighted-wake-sleep.js';
import { monitors } from './learn/run.js';
import type { CompleteTrainerOptions } from './learn/trainer-options.js';
import type { UpDown } from './learn/up-down.js';
import type { VariationalEM } from './learn/variational-em.js';
import type { WakeSleep } from './learn/wake-sleep.js';
import { describeValue, isPlainObject, nearestName, oneOf, refuseUnknown } from './options.js';

// ---- The schema ----

const count = (least = 1, most = Number.MAX_SAFE_INTEGER) => z.int().min(least).max(most);

const units = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('bernoulli'),
    units: count(1, 65_535),
    meanField: z.boolean().optional().describe('The mean stands in for the state; default false.'),
  }),
  z.strictObject({ type: z.literal('softmax'), size: count(1, 65_535), groups: count(1, 65_535).optional() }),
  z.strictObject({ type: z.literal('binomial'), units: count(1, 65_535), copies: count(2, 1000) }),
  z.strictObject({ type: z.literal('steppedSigmoid'), units: count(1, 65_535), copies: count(1, 1000).default(100) }),
  z.strictObject({
    type: z.literal('relu'),
    units: count(1, 65_535),
    noise: z.enum(['none', 'unit', 'sigmoid']).default('sigmoid').describe('Of variance 1 or σ(x), or none.'),
  }),
  z.strictObject({ type: z.literal('truncatedNormal'), units: count(1, 65_535) }),
  z.strictObject({
    type: z.literal('gaussian'),
    units: count(1, 65_535),
    variance: z.literal([1, 'learned']).optional(),
    standardise: z.boolean().optional().describe('By the training rows; default false.'),
    floor: z.number().gt(0).optional().describe('The least variance that is learned; default 0.001.'),
    varianceRate: z.number().gt(0).optional().describe('A share of the learning rate; default 0.1.'),
  }),
  z.strictObject({ type: z.literal('replicatedSoftmax'), units: count(2, 65_535) }),
  z.strictObject({ type: z.literal('tanh'), units: count(1, 65_535) }),
]);

const model = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('rbm'), visible: units, hidden: units }),
    z.strictObject({
      type: z.literal('deepBeliefNet'),
      visible: units,
      hidden: z.array(units).describe('Lowest layer first.'),
      label: units.optional().describe('Labels, joined to the topmost layer.'),
      top: units.optional().describe('One more layer above the hidden ones.'),
    }),
    z.strictObject({
      type: z.literal('sigmoidBeliefNet'),
      visible: units,
      hidden: z.array(units).min(1).describe('Lowest layer first.'),
      recognition: z.boolean().optional().describe('Whether there are recognition connections; default true.'),
    }),
    z.strictObject({
      type: z.literal('network'),
      visible: units,
      hidden: z.array(units).describe('Lowest layer first.'),
      label: units.optional().describe('The output, compared with the labels of the rows.'),
      reconstruction: units.optional().describe('The output, compared with the rows; in place of `label`.'),
    }),
    z.strictObject({
      type: z.literal('deepBoltzmannMachine'),
      visible: units,
      hidden: z.array(units).min(1).describe('Lowest layer first.'),
    }),
    z.strictObject({
      type: z.literal('boltzmannMachine'),
      visible: units,
      hidden: units.optional(),
      edges: z
        .array(z.tuple([count(0), count(0)]))
        .optional()
        .describe('Pairs of units; all, where left out.'),
    }),
    z.strictObject({
      type: z.literal('graph'),
      layers: z.array(z.strictObject({ name: z.string(), units })),
      connections: z.array(
        z.strictObject({
          kind: z.enum(['undirected', 'tied', 'directed', 'recognition', 'forward']),
          lower: z.string(),
          upper: z.string(),
          edges: z.strictObject({ lower: z.array(count(0)), upper: z.array(count(0)) }).optional(),
        }),
      ),
    }),
  ])
  .describe('The arguments of the constructor of that name, or a graph spelt out.');

const startFrom = z
  .string()
  .min(1)
  .describe('A model.safetensors or the folder of a finished run; in a study also the name of an earlier variant.');

/** One form for each maker of `combine/start.ts`: its name, and its options beside it. */
const start = z
  .discriminatedUnion('as', [
    z.strictObject({ from: startFrom, as: z.literal('same').default('same') }),
    z.strictObject({
      from: startFrom,
      as: z.literal('classifier'),
      label: units.optional().describe('The output; by default the labels that the stack has.'),
    }),
    z.strictObject({ from: startFrom, as: z.literal('untied') }),
    z.strictObject({
      from: startFrom,
      as: z.literal('tied'),
      units: count(1, 65_535).optional().describe('Of the new topmost layer; default those of the layer two below.'),
      bias: z.number().optional().describe('Of those units that the transpose does not give; default 0.'),
    }),
    z.strictObject({ from: startFrom, as: z.literal('autoencoder'), code: z.enum(['means', 'linear']).optional() }),
  ])
  .describe('In place of `model`: whose model a run starts from, and what is made of it. Biases are kept by default.');

/** A number that may change over training; each value is `value`, and `end` what a straight line approaches. */
const schedule = (value: z.ZodNumber | z.ZodInt, end = value) =>
  z.union([
    value,
    z.strictObject({ from: value, to: end }).describe('Straight from one to the other over all updates.'),
    z.strictObject({ steps: z.array(z.tuple([count(0), value])).min(1) }).describe('Each value from its epoch on.'),
  ]);

const passing = z.enum(['probabilities', 'states']);
const rate = schedule(z.number().gt(0), z.number().min(0)).optional();
const share = schedule(z.number().min(0).lt(1)).optional();

const cost = z.number().min(0).optional();
const leftOut = z.number().min(0).lt(1);
const optimiser = z
  .union([
    z.enum(['momentum', 'nesterov', 'adam']),
    z.strictObject({ type: z.literal('momentum'), nesterov: z.boolean().optional() }),
    z.strictObject({
      type: z.literal('adam'),
      firstDecay: z.number().min(0).lt(1).optional(),
      secondDecay: z.number().min(0).lt(1).optional(),
      epsilon: z.number().gt(0).optional(),
    }),
  ])
  .optional();

// The compiler sees to it that no option of an algorithm is missing here.
const trainer = {
  epochs: count().nullish(),
  batchRows: count(1, 21_845).optional(),
  learningRate: rate.nullable(),
  optimiser,
  momentum: share,
  weightCost: cost,
  l1Cost: cost,
  maxNorm: z.number().gt(0).nullish(),
  data: passing.optional(),
  statistics: passing.optional(),
  initialBias: z.enum(['data', 'keep']).optional(),
  centring: z.union([z.boolean(), z.strictObject({ rate: z.number().gt(0).max(1).optional() })]).nullish(),
  sparsity: z
    .strictObject({
      target: z.number().gt(0).lt(1),
      cost: z.number().gt(0),
      decay: z.number().min(0).lt(1).optional(),
    })
    .nullish(),
  hiddenDropout: z.number().min(0).lt(1).optional(),
  missingSweeps: count(1, 65_000).optional(),
  averaging: z.union([z.number(), z.strictObject({ decay: z.number().gt(0).lt(1) })]).nullish(),
  recordEvery: count().optional(),
} satisfies Record<keyof CompleteTrainerOptions, z.ZodType>;

const gibbsSteps = schedule(count(1, 65_000)).optional();
const chains = { gibbsSteps, chains: count(1, 21_845).optional(), ...trainer };

// Options of trainers of belief nets that the other stochastic trainers have too.
const { epochs, batchRows, learningRate, momentum, weightCost, l1Cost, initialBias, averaging } = trainer;
const drawn = { epochs, batchRows, learningRate, optimiser, momentum, weightCost, l1Cost, initialBias, averaging };
const moves = z.enum(['units', 'layers']).optional();

const machineTrainers = [
  z.strictObject({
    type: z.literal('contrastiveDivergence'),
    gibbsSteps,
    ...trainer,
    reconstruction: passing.nullish(),
  } satisfies Record<keyof ContrastiveDivergence, z.ZodType>),
  z.strictObject({
    type: z.literal('persistentContrastiveDivergence'),
    ...chains,
  } satisfies Record<keyof PersistentContrastiveDivergence, z.ZodType>),
  z.strictObject({
    type: z.literal('fastPersistentContrastiveDivergence'),
    ...chains,
    fastLearningRate: rate.nullable(),
  } satisfies Record<keyof FastWeights, z.ZodType>),
  z.strictObject({
    type: z.literal('parallelTempering'),
    ...chains,
    temperatures: count(2, 100).optional(),
    adaptLadder: z.boolean().optional(),
  } satisfies Record<keyof ParallelTempering, z.ZodType>),
] as const;

const deepBoltzmannLearning = z.strictObject({
  type: z.literal('deepBoltzmannLearning'),
  epochs: trainer.epochs,
  batchRows: trainer.batchRows,
  learningRate: rate,
  optimiser,
  momentum: share,
  weightCost: cost,
  l1Cost: cost,
  maxNorm: trainer.maxNorm,
  data: trainer.data,
  initialBias: trainer.initialBias,
  centring: trainer.centring,
  sparsity: trainer.sparsity,
  averaging: trainer.averaging,
  meanFieldPasses: count(0, 10_000).optional(),
  damping: z.number().min(0).lt(1).optional(),
  gibbsSteps,
  chains: count(1, 21_845).optional(),
  chainStart: z.enum(['data', 'biases']).optional(),
} satisfies Record<keyof DeepBoltzmannLearning, z.ZodType>);

const algorithm = z.discriminatedUnion('type', [
  ...machineTrainers,
  deepBoltzmannLearning,
  z.strictObject({
    type: z.literal('exactGradient'),
    epochs: count().optional(),
    learningRate: rate,
    momentum: share,
    optimiser,
    weightCost: cost,
    l1Cost: cost,
    initialBias: z.enum(['data', 'keep']).optional(),
    recordEvery: count().optional(),
  } satisfies Record<keyof ExactGradient, z.ZodType>),
  z.strictObject({
    type: z.literal('backpropagation'),
    epochs: trainer.epochs,
    batchRows: trainer.batchRows,
    learningRate: rate,
    optimiser,
    momentum: share,
    weightCost: cost,
    l1Cost: cost,
    maxNorm: trainer.maxNorm,
    data: trainer.data,
    averaging: trainer.averaging,
    recordEvery: trainer.recordEvery,
    dropout: z.union([leftOut, z.strictObject({ visible: leftOut.optional(), hidden: leftOut.optional() })]).optional(),
    layerRates: z.array(z.number().min(0)).min(1).nullish(),
    outputAlone: count(0).optional(),
    patience: count().nullish(),
  } satisfies Record<keyof Backpropagation, z.ZodType>),
  z.strictObject({
    type: z.literal('conjugateGradient'),
    epochs: count().optional(),
    batchRows: count(1, 21_845).optional(),
    lineSearches: count(1, 1000).optional(),
    evaluations: count(2, 1000).optional(),
    weightCost: cost,
    outputAlone: count(0).optional(),
  } satisfies Record<keyof ConjugateGradient, z.ZodType>),
  z.strictObject({
    type: z.literal('expectationMaximisation'),
    epochs: count().optional(),
    smoothing: z.number().gt(0).optional(),
    data: passing.optional(),
    batchRows: count(1, 21_845).optional(),
  } satisfies Record<keyof ExpectationMaximisation, z.ZodType>),
  z.strictObject({
    type: z.literal('boltzmannLearning'),
    epochs: trainer.epochs,
    batchRows: trainer.batchRows,
    learningRate: trainer.learningRate,
    optimiser,
    momentum: share,
    weightCost: cost,
    l1Cost: cost,
    data: trainer.data,
    initialBias: trainer.initialBias,
    averaging: trainer.averaging,
    clamped: z.enum(['meanField', 'gibbs', 'exact']).optional(),
    clampedSweeps: gibbsSteps,
    free: z.enum(['chains', 'exact']).optional(),
    gibbsSteps,
    chains: count(2, 21_845).optional(),
  } satisfies Record<keyof BoltzmannLearning, z.ZodType>),
  z.strictObject({
    type: z.literal('wakeSleep'),
    ...drawn,
    data: passing.optional(),
  } satisfies Record<keyof WakeSleep, z.ZodType>),
  z.strictObject({
    type: z.literal('upDown'),
    epochs,
    batchRows,
    learningRate,
    generativeRate: learningRate,
    recognitionRate: learningRate,
    topRate: learningRate,
    optimiser,
    momentum,
    topCost: cost,
    generativeCost: cost,
    recognitionCost: cost,
    gibbsSteps,
    chains: count(1, 21_845).nullish(),
    data: passing.optional(),
    averaging,
  } satisfies Record<keyof UpDown, z.ZodType>),
  z.strictObject({
    type: z.literal('reweightedWakeSleep'),
    ...drawn,
    data: passing.optional(),
    particles: count(1, 21_845).optional(),
    recognition: z.enum(['both', 'wake', 'sleep']).optional(),
  } satisfies Record<keyof ReweightedWakeSleep, z.ZodType>),
  z.strictObject({
    type: z.literal('monteCarloEM'),
    ...drawn,
    gibbsSweeps: count(1, 65_000).optional(),
    moves,
  } satisfies Record<keyof MonteCarloEM, z.ZodType>),
  z.strictObject({
    type: z.literal('variationalEM'),
    ...drawn,
    sweeps: count(1, 65_000).optional(),
  } satisfies Record<keyof VariationalEM, z.ZodType>),
  z.strictObject({
    type: z.literal('greedy'),
    phases: z
      .array(z.discriminatedUnion('type', [...machineTrainers, deepBoltzmannLearning]).nullable())
      .min(1)
      .describe(
        'One for each layer above the data, lowest first, `null` to leave it as it is; for a deep Boltzmann machine one more for all layers.',
      ),
  }),
]);

const heldOut = count(0).default(0).describe('The last so many training rows are not trained on, but compared with.');

// Of sets with labels.
const subsets = {
  labelled: count().optional().describe('So many of the other training rows are trained on, as many of each class.'),
  subset: count(0).optional().describe('Which of the many subsets of `labelled` rows it is; default 0.'),
};

const data = z
  .discriminatedUnion('name', [
    z.strictObject({ name: z.literal('mnist'), heldOut, ...subsets }),
    z.strictObject({ name: z.literal('digits-tiny'), heldOut, ...subsets }),
    z.strictObject({ name: z.literal('patches'), heldOut }),
    z.strictObject({ name: z.literal('patches-normalised'), heldOut }),
    z.strictObject({ name: z.literal('tallies'), heldOut }),
    z.strictObject({ name: z.literal('topics'), heldOut }),
    z.strictObject({ name: z.literal('bars-and-stripes'), heldOut }),
    z.strictObject({
      name: z.literal('files'),
      images: z.string().describe('The path of an idx file, `.gz` too.'),
      labels: z.string().optional(),
      classes: count(1, 256).optional(),
      testImages: z.string().optional(),
      testLabels: z.string().optional(),
      heldOut,
      ...subsets,
    }),
    z.strictObject({
      name: z.literal('file').default('file'),
      file: z
        .string()
        .describe('The path of a file that a loader knows by its ending, `.gz` too, or of a folder of pictures.'),
      testFile: z.string().optional(),
      labelColumn: z
        .union([z.string(), z.int()])
        .optional()
        .describe('The column of classes by name or number (-1 is the last), or the array that holds them.'),
      array: z.string().optional().describe('The array that holds the rows, in a file of several.'),
      scale: z
        .number()
        .gt(0)
        .optional()
        .describe('What numbers are multiplied by; default 1/255 for pictures, else 1.'),
      classes: count(1, 256).optional(),
      heldOut,
      ...subsets,
    }),
  ])
  .describe('A named set, `files` with the paths of idx files, or the `file` of a path.');

const evaluation = z.enum([
  'testError',
  'heldOutError',
  'classification',
  'testReconstruction',
  'structuredNoise',
  'testLikelihood',
  'gaussianBaselines',
  'recognisedSamples',
  'smoothFilters',
  'edgeFilters',
]);

const configurationShape = z.strictObject({
  seed: count(0).describe('Of the initial weights and of all noise in training.'),
  weightScale: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe('The standard deviation of the initial weights; by default what suits each connection.'),
  data,
  model: model.optional(),
  start: start.optional(),
  train: z.array(algorithm).min(1).max(1).describe('The training algorithm; one, for now.'),
  monitor: z.array(z.enum(monitors)).default([]).describe('What is measured at every record beside what always is.'),
  evaluate: z.array(evaluation).default([]).describe('What is measured when training is over.'),
  checkpointSeconds: z
    .number()
    .gt(0)
    .max(86_400)
    .default(30)
    .describe('The longest time between two checkpoints; there is one after each epoch anyway.'),
});

/** What JSON Schema says too of a configuration: it has either `model` or `start`. */
const ORIGIN = { oneOf: [{ required: ['model'] }, { required: ['start'] }] };

/** The shape of a configuration. */
export const configurationSchema = configurationShape.meta(ORIGIN);

// ---- Studies ----

/** What a study may compare its variants by. */
export const comparisons = [
  'gapToOptimum',
  'logLikelihood',
  'reconstructionError',
  'testNats',
  'testErrorPercent',
  'heldOutErrorPercent',
  'testSquaredError',
] as const;
export type Comparison = (typeof comparisons)[number];

/** A variant's name is that of its folder. */
const VARIANT_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Several configurations that are trained one after another and compared. */
export const studySchema = z.strictObject({
  base: configurationSchema.partial().optional().describe('What variants have unless they say otherwise.'),
  variants: z
    .record(z.string().regex(VARIANT_NAME), configurationSchema.partial())
    .describe(
      "By name, which is also that of its folder: each key stands in place of the base's, `start` of its `model` too.",
    ),
  compare: z.enum(comparisons).describe('What the summary and its plot show.'),
});

/** What a recipe or a file may leave out is left out here too. */
export type ConfigurationInput = z.input<typeof configurationSchema>;

/** A study as a recipe or a file gives it. */
export type StudyInput = z.input<typeof studySchema>;

/** One of the measurements that `evaluate` names. */
export type Evaluation = z.infer<typeof evaluation>;

/** A complete configuration. */
export type Configuration = Omit<z.output<typeof configurationSchema>, 'train'> & {
  readonly train: readonly [Algorithm];
};

/** Paths in which the configurations of a run and of its continuation may differ. */
export const FREE_ON_RESUME = ['checkpointSeconds'] as const;

/**
 * The JSON Schema of a CONFIG.json: of a configuration, or of a study of several. The build puts it into the package as
 * `wakesleep/configuration.schema.json`; a file may name it as its `$schema`.
 */
export function configurationJsonSchema(): object {
  const named = {
    $schema: z.string().optional().describe('Where this schema is, for editors; not a part of the run.'),
  };
  const file = z.union([configurationShape.extend(named).meta(ORIGIN), studySchema.extend(named)]);
  return z.toJSONSchema(file.meta({ title: 'Configuration of wakesleep' }), { io: 'input', reused: 'ref' });
}

// ---- Reading ----

/** A checked configuration with its graph. */
export interface ReadConfiguration {
  readonly configuration: Configuration;
  readonly graph: Graph;
}

/** A checked study: its variants in order, each a whole configuration. */
export interface ReadStudy {
  readonly compare: Comparison;
  readonly variants: readonly (ReadConfiguration & { readonly name: string })[];
}

/** The graph of the model that a configuration's `start.from` means. */
export type SourceGraph = (from: string) => Graph;

/** Whether `from` in a study is the name of a variant, and not a path. */
export function isVariantName(from: string): boolean {
  return VARIANT_NAME.test(from);
}

/** Whether what was given means to be a study: it has variants. */
export function isStudy(given: unknown): given is { readonly variants: unknown } {
  return isPlainObject(given) && Object.hasOwn(given, 'variants');
}

/**
 * Checks a study and completes its variants; `change` is made to each before it is checked, and `fileGraph` knows the graphs
 * of models that a variant starts from by their path. Throws `OPTION_INVALID`, `GRAPH_UNSUITABLE` and what `fileGraph` throws,
 * naming the variant.
 */
export function readStudy(
  given: unknown,
  change: (configuration: unknown, variant: string) => unknown,
  fileGraph: SourceGraph = noSource,
): ReadStudy {
  refuseUnknown('The study', given, ['base', 'variants', 'compare']);
  const { base = {}, variants } = given;
  const compare = oneOf('study', 'compare', given.compare, comparisons);
  for (const [where, value] of [
    ['base', base],
    ['variants', variants],
  ] as const) {
    if (!isPlainObject(value)) throw wrongValue([where], given, 'an object');
  }
  refuseTwoOrigins(base as object, 'The base of a study');
  const named = Object.entries(variants as Record<string, unknown>);
  if (named.length === 0) throw wrongValue(['variants'], given, 'an object of at least one configuration by its name');
  const names = named.map(([name]) => name);
  const graphs = new Map<string, Graph>();
  const read = named.map(([name, own]) => {
    if (!isVariantName(name)) {
      const wanted = 'letters, digits, `-` and `_`';
      const message = `The name of a variant is that of its folder and must be of ${wanted}; got ${describeValue(name)}.`;
      throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted, where: 'variants' });
    }
    if (!isPlainObject(own)) throw wrongValue(['variants', name], given, 'an object');
    const graphIn = (from: string) => (isVariantName(from) ? earlierGraph(from, name, names, graphs) : fileGraph(from));
    const whole = inherited(base as Record<string, unknown>, own);
    const variant = inVariant(name, () => readConfiguration(change(whole, name), graphIn));
    graphs.set(name, variant.graph);
    return { name, ...variant };
  });
  return { compare, variants: read };
}

/** A variant's keys over those of the base; what it has of `model` and `start` stands in place of both. */
function inherited(base: Record<string, unknown>, own: Record<string, unknown>): object {
  if (!('model' in own || 'start' in own)) return { ...base, ...own };
  const { model: _model, start: _start, ...rest } = base;
  return { ...rest, ...own };
}

/** The graph of a variant that comes before another; throws `OPTION_INVALID` for every other name. */
function earlierGraph(
  from: string,
  variant: string,
  names: readonly string[],
  graphs: ReadonlyMap<string, Graph>,
): Graph {
  const where = 'start.from';
  refuseUnknownVariant(from, names, where, ' A path has a slash or a dot in it.');
  const found = graphs.get(from);
  if (found !== undefined) return found;
  const place = from === variant ? 'names the variant itself' : `names ${from}, which comes later`;
  const message = `\`${where}\` ${place}; a variant starts from an earlier one.`;
  const wanted = graphs.size === 0 ? 'a path' : [...graphs.keys()].join(', ');
  throw new WakesleepError('OPTION_INVALID', message, { given: from, wanted, where });
}

/** Where there are no files to start from. */
function noSource(from: string): never {
  const message = `\`start.from\` is ${describeValue(from)}, whose graph is not known here.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: from, where: 'start.from' });
}

/** Refuses a name that no variant has; throws `OPTION_INVALID` with the nearest one. */
export function refuseUnknownVariant(name: string, names: readonly string[], where: string, remark = ''): void {
  if (names.includes(name)) return;
  const nearest = nearestName(name, names);
  const advice = nearest === undefined ? `there are ${names.join(', ')}.` : `did you mean ${nearest}?`;
  const message = `The study has no variant called ${describeValue(name)}; ${advice}${remark}`;
  throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted: nearest ?? names.join(', '), where });
}

/** Does something for a variant; an error names it. */
function inVariant<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw ofVariant(name, error);
  }
}

/** An error, saying in which variant of a study it was met. */
export function ofVariant(name: string, error: unknown): unknown {
  if (!(error instanceof WakesleepError)) return error;
  const { code, message, given, wanted, where } = error;
  const details = {
    given,
    cause: error,
    ...(wanted !== undefined && { wanted }),
    ...(where !== undefined && { where }),
  };
  return new WakesleepError(code, `Variant ${name}: ${message}`, details);
}

/**
 * Checks and completes a configuration; `sourceGraph` knows the graph that it starts from. Throws `OPTION_INVALID` naming the
 * path, `GRAPH_UNSUITABLE`, and what `sourceGraph` throws.
 */
export function readConfiguration(given: unknown, sourceGraph: SourceGraph = noSource): ReadConfiguration {
  if (isPlainObject(given) && Array.isArray(given.train) && given.train.length > 1) {
    const message = `\`train\` takes one algorithm for now; got ${given.train.length}. Give the others a run of their own.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: given.train.length, wanted: '1', where: 'train' });
  }
  const { success, data: parsed, error } = configurationSchema.safeParse(given);
  if (!success) throw sentence(error.issues[0]!, given);
  refuseTwoOrigins(parsed, 'A configuration');
  refuseSubsetOfAll(parsed.data);
  const { train, ...rest } = parsed;
  const complete = readAlgorithm(parsed.start === undefined ? train[0] : keepingBiases(train[0]!));
  const graph = originGraph(parsed, sourceGraph);
  checkAlgorithm(graph, complete);
  checkEvaluations(graph, parsed);
  return { configuration: { ...rest, train: [complete] }, graph };
}

/** Refuses the number of a subset where all rows are trained on; throws `OPTION_INVALID`. */
function refuseSubsetOfAll(data: Configuration['data']): void {
  if (!('subset' in data) || data.subset === undefined || data.labelled !== undefined) return;
  const wanted = '`data.labelled`';
  const message = `\`data.subset\` says which subset of ${wanted} rows is trained on, and how many those are is missing.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: data.subset, wanted, where: 'data.subset' });
}

/** Refuses a model beside what one is made of; throws `OPTION_INVALID`. */
function refuseTwoOrigins(given: { readonly model?: unknown; readonly start?: unknown }, what: string): void {
  if (given.model === undefined || given.start === undefined) return;
  const message = `${what} has either \`model\` or \`start\`, not both: a run that starts from a model takes its graph.`;
  throw new WakesleepError('OPTION_INVALID', message, { wanted: '`model` or `start`', where: 'start' });
}

/** The graph that is trained: that of `model`, or what `start` makes of another. */
function originGraph(parsed: z.output<typeof configurationSchema>, sourceGraph: SourceGraph): Graph {
  const { model, start, weightScale } = parsed;
  if (model !== undefined) return graphOf(model);
  if (start === undefined)
    throw wrongValue(['model'], parsed, 'an object', ' A run may also `start` from another model.');
  const { maker, options } = makerOf(start, weightScale);
  return maker.graphOf(sourceGraph(start.from), options);
}

/** What makes a model of the one that a run starts from, and with which options. */
export function makerOf(
  { from: _, as, ...own }: NonNullable<Configuration['start']>,
  weightScale: number | null,
): { readonly maker: Maker; readonly options: StartOptions } {
  return { maker: makers[as], options: { ...own, weightScale } };
}

type ParsedAlgorithm = z.output<typeof algorithm>;

/** An algorithm that keeps biases where it does not say: what was learned of them would be undone by setting them from data. */
function keepingBiases(given: ParsedAlgorithm): object {
  const own = 'phases' in given ? { phases: given.phases.map((phase) => phase && keepingBiases(phase)) } : {};
  return { ...(namesAt(algorithm, [], given).includes('initialBias') && { initialBias: 'keep' }), ...given, ...own };
}

/**
 * A configuration from the text of a file, without the `$schema` that editors read; throws `OPTION_INVALID` for what is not
 * JSON.
 */
export function parseConfiguration(text: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new WakesleepError('OPTION_INVALID', `${path} is not JSON: ${reason}.`, { where: path, cause });
  }
  const twice = duplicateKey(text);
  if (twice === undefined) return withoutSchemaName(value);
  throw new WakesleepError('OPTION_INVALID', `${path} has the key \`${twice}\` twice in one object.`, { where: path });
}

function withoutSchemaName(value: unknown): unknown {
  if (!isPlainObject(value) || typeof value.$schema !== 'string') return value;
  const { $schema: _, ...configuration } = value;
  return configuration;
}

const constructors = { network, rbm, deepBeliefNet, sigmoidBeliefNet, deepBoltzmannMachine, boltzmannMachine };

function graphOf(given: z.output<typeof model>): Graph {
  const { type, ...parts } = given;
  if (type === 'graph') return readGraph('model', parts);
  // The schema has checked that the parts are those of the constructor, which the compiler cannot see through the union.
  return (constructors[type] as (parts: object) => Graph)(parts);
}

/** What only models with labels have. */
const NEED_LABELS: readonly Evaluation[] = [
  'testError',
  'heldOutError',
  'classification',
  'structuredNoise',
  'recognisedSamples',
];

function checkEvaluations(
  graph: Graph,
  { evaluate, data: { heldOut: rows } }: z.output<typeof configurationSchema>,
): void {
  const refuse = (name: string, lack: string) => {
    const message = `\`evaluate\` asks for ${name}, which needs ${lack}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted: lack, where: 'evaluate' });
  };
  for (const name of evaluate) {
    if (NEED_LABELS.includes(name) && labelLayerOf(graph) === undefined) refuse(name, 'a model with a layer of labels');
    if (name === 'structuredNoise' && !isDeepBeliefNet(graph)) refuse(name, 'a deep belief net');
    if (name === 'recognisedSamples' && isNetwork(graph)) refuse(name, 'a model that generates');
    if (name === 'testReconstruction' && isNetwork(graph) && labelLayerOf(graph) !== undefined)
      refuse(name, 'a model that gives its rows back');
    const isNet = isBeliefNet(graph) || (isDeepBeliefNet(graph) && labelLayerOf(graph) === undefined);
    if (name === 'testLikelihood' && !isNet) sidesOf(graph, 'The likelihood of test rows');
    if (name === 'heldOutError' && rows === 0) refuse(name, 'rows in `data.heldOut`');
  }
}

// ---- Errors ----

type Issue = z.core.$ZodIssue;

/** The error of one issue, as a sentence that names the path. */
function sentence(issue: Issue, given: unknown): WakesleepError {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') return unknownKey(issue.keys[0]!, path, given);
  if (issue.code === 'invalid_union') return wrongUnion(issue, path, given);
  if (issue.code === 'invalid_value') return wrongChoice(path, given, issue.values.map(String));
  return wrongValue(path, given, wantedIn(issue, wantsInteger(path, given)));
}

function wantsInteger(path: readonly string[], given: unknown): boolean {
  const found = schemaAt(configurationSchema, path, given);
  return found instanceof z.ZodNumber && found.isInt;
}

function wrongChoice(path: readonly string[], given: unknown, choices: readonly string[]): WakesleepError {
  const value = valueAt(given, path.join('.'));
  const nearest = typeof value === 'string' ? nearestName(value, choices) : undefined;
  const suggestion = nearest === undefined ? '' : ` Did you mean ${JSON.stringify(nearest)}?`;
  return wrongValue(path, given, inWords(choices), suggestion);
}

function wrongValue(path: readonly string[], given: unknown, wanted: string, suggestion = ''): WakesleepError {
  const where = path.join('.');
  const value = valueAt(given, where);
  const subject = where === '' ? 'The configuration' : `\`${where}\``;
  const got = value === undefined ? 'it is missing' : `got ${describeValue(value)}`;
  const message = `${subject} must be ${wanted}; ${got}.${suggestion}`;
  return new WakesleepError('OPTION_INVALID', message, { given: value, wanted, where });
}

function unknownKey(key: string, path: readonly string[], given: unknown): WakesleepError {
  return noSuchPath([...path, key], namesAt(configurationSchema, path, given));
}

/** The error for a path that leads nowhere; `names` are those that would have. */
export function noSuchPath(path: readonly string[], names: readonly string[]): WakesleepError {
  const key = path.at(-1)!;
  const nearest = nearestName(key, names);
  const parent = path.length === 1 ? 'The configuration' : `\`${path.slice(0, -1).join('.')}\``;
  const all = names.length === 0 ? 'it takes none.' : `it takes ${names.map((name) => `\`${name}\``).join(', ')}.`;
  const advice = nearest === undefined ? all : `did you mean \`${[...path.slice(0, -1), nearest].join('.')}\`?`;
  const wanted = nearest ?? names.join(', ');
  return new WakesleepError('OPTION_INVALID', `${parent} has no key \`${key}\`; ${advice}`, {
    given: key,
    wanted,
    where: path.join('.'),
  });
}

function wrongUnion(issue: z.core.$ZodIssueInvalidUnion, path: readonly string[], given: unknown): WakesleepError {
  if (issue.discriminator !== undefined) return wrongChoice(path, given, choicesAt(path, given));
  const value = valueAt(given, path.join('.'));
  // A schedule: an object is taken for the form whose keys it has, all else for a number.
  const branch = isPlainObject(value) ? ('steps' in value ? 2 : 1) : 0;
  const inner = issue.errors[branch]?.[0];
  if (path.at(-1) === 'labelColumn') return wrongValue(path, given, 'a string or an integer');
  if (inner === undefined) return wrongValue(path, given, 'a number or a schedule');
  if (branch > 0) return sentence({ ...inner, path: [...issue.path, ...inner.path] } as Issue, given);
  return wrongValue(path, given, `${wantedIn(inner, false)}, { from, to } or { steps }`);
}

function wantedIn(issue: Issue, integer: boolean): string {
  const number = integer ? 'an integer' : 'a finite number';
  if (issue.code === 'too_small' || issue.code === 'too_big') return boundInWords(issue, number);
  if (issue.code === 'invalid_type' && issue.expected === 'number') return number;
  if (issue.code === 'invalid_type') return typesInWords[issue.expected] ?? `of type ${issue.expected}`;
  return issue.message;
}

const typesInWords: Readonly<Record<string, string>> = {
  int: 'an integer',
  string: 'a string',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a pair [epoch, value]',
  object: 'an object',
};

function boundInWords(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, number: string): string {
  const [end, word] =
    issue.code === 'too_small'
      ? [issue.minimum, issue.inclusive === false ? 'above' : 'of at least']
      : [issue.maximum, issue.inclusive === false ? 'below' : 'of at most'];
  return `${issue.origin === 'array' ? 'a list' : number} ${word} ${end}`;
}

function inWords(choices: readonly string[]): string {
  const quoted = choices.map((choice) => JSON.stringify(choice));
  const last = quoted.pop() ?? 'nothing';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}

// ---- Walking the schema ----

/** The keys that an object at a path may have, given the values that choose between its forms. */
export function namesAt(schema: z.core.$ZodType, path: readonly string[], given: unknown): string[] {
  const found = schemaAt(schema, path, given);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

/** The keys that the configuration's schema allows at a path. */
export function configurationNamesAt(path: readonly string[], given: unknown): string[] {
  return namesAt(configurationSchema, path, given);
}

/** The values that the discriminator at a path may have. */
function choicesAt(path: readonly string[], given: unknown): string[] {
  const key = path.at(-1)!;
  const union = schemaAt(configurationSchema, path.slice(0, -1), given, false);
  if (!(union instanceof z.ZodDiscriminatedUnion)) return [];
  return union.options.flatMap((option) => {
    const literal = option instanceof z.ZodObject ? withoutDefault(option.shape[key]) : undefined;
    return literal instanceof z.ZodLiteral ? [...literal.values].map(String) : [];
  });
}

/** The schema of a key that may be left out, and of any other. */
function withoutDefault(schema: unknown): unknown {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? withoutDefault(schema.unwrap()) : schema;
}

/** The schema at a path; with `resolve`, the form that the values there choose instead of a union of forms. */
function schemaAt(
  schema: z.core.$ZodType,
  path: readonly string[],
  value: unknown,
  resolve = true,
): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return schemaAt(schema.unwrap() as z.core.$ZodType, path, value, resolve);
  }
  if (path.length === 0 && !resolve) return schema;
  if (schema instanceof z.ZodDiscriminatedUnion || schema instanceof z.ZodUnion) {
    const chosen = chosenForm(schema.options as readonly z.core.$ZodType[], value);
    return chosen === undefined ? undefined : schemaAt(chosen, path, value, resolve);
  }
  const [key, ...rest] = path;
  if (key === undefined) return schema;
  const inner = isPlainObject(value) || Array.isArray(value) ? (value as Record<string, unknown>)[key] : undefined;
  if (schema instanceof z.ZodArray) return schemaAt(schema.element as z.core.$ZodType, rest, inner, resolve);
  if (!(schema instanceof z.ZodObject) || !Object.hasOwn(schema.shape, key)) return undefined;
  return schemaAt(schema.shape[key] as z.core.$ZodType, rest, inner, resolve);
}

/** Of a union's object forms, the one whose literals the value has, else the one that shares most keys with it. */
function chosenForm(options: readonly z.core.$ZodType[], value: unknown): z.ZodObject | undefined {
  if (!isPlainObject(value)) return undefined;
  const objects = options.filter((option): option is z.ZodObject => option instanceof z.ZodObject);
  const fits = ({ shape }: z.ZodObject) =>
    Object.entries(shape).every(([key, part]) => {
      const literal = withoutDefault(part);
      const isLeftOut = value[key] === undefined && literal !== part;
      return !(literal instanceof z.ZodLiteral) || isLeftOut || literal.values.has(value[key] as never);
    });
  const shared = ({ shape }: z.ZodObject) => Object.keys(value).filter((key) => Object.hasOwn(shape, key)).length;
  return objects.filter(fits).sort((a, b) => shared(b) - shared(a))[0];
}
