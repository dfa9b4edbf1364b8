/**
 * What is measured on a trained model: the measurements that a configuration's `evaluate` names, and the digits that the
 * model generates, which are both judged and shown.
 */
import { decompose } from '../combine/compose.js';
import type { Evaluation } from '../config.js';
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { isBeliefNet } from '../graph/belief-net.js';
import { chainOf, isDeepBoltzmannMachine, sidesOf } from '../graph/deep-boltzmann.js';
import { layerOf, unitsOf, unsuitable, visibleLayerOf } from '../graph/graph.js';
import { isDeepBeliefNet, labelLayerOf, stackOf, visibleUnitsOf } from '../graph/machines.js';
import type { Classification } from '../infer/classify.js';
import { bracketOf } from '../likelihood/annealed.js';
import type { Model } from '../model.js';
import { type Units, unitType } from '../units/index.js';
import { type ConfusedRow, calibration, confusionMatrix, mostConfused, type ReliabilityBin } from './confusion.js';
import { shareOfEdgeFilters } from './edges.js';
import { gaussianBaselines } from './gaussian-baselines.js';
import { nearestNeighbourClasses } from './nearest-neighbours.js';
import { type NoiseResult, noiseTable } from './noise.js';
import { shareOfSmoothFilters } from './smoothness.js';

/** Rows to measure on, and how they are pictures. */
export interface EvaluationData {
  readonly train: Dataset;
  readonly heldOut: Dataset | undefined;
  readonly test: Dataset | undefined;
  readonly height: number;
  readonly width: number;
}

/** Generated rows, `[rows, visible units]`; with labels, as many of each class, class by class. */
export interface Generated {
  readonly values: Float32Array;
  readonly classes: number;
  readonly rowsPerClass: number;
}

/** What came out; percentages are of 100. */
export interface EvaluationResults {
  testErrorPercent?: number;
  testErrors?: number;
  testRows?: number;
  heldOutErrorPercent?: number;
  heldOutErrors?: number;
  heldOutRows?: number;
  /**
   * Nats a test row, binarised by sampling once where units are binary: exact where one side has few states, or else by
   * annealed importance sampling with the ends of its bracket; of a deep Boltzmann machine the variational lower bound. Of
   * a belief net by importance sampling with `testParticles`, on average below the truth, and the standard error of the mean
   * over rows.
   */
  testNats?: number;
  /** Of a deep Boltzmann machine: `testNats` is a lower bound, but for how far log Z is off. */
  testIsBound?: true;
  testParticles?: number;
  testNatsError?: number;
  testNatsLow?: number;
  testNatsHigh?: number;
  /** Nats a test row under the Gaussians of the training rows. */
  diagonalGaussianNats?: number;
  fullGaussianNats?: number;
  /** Errors on test rows with structured noise, as they are and while effects from above take their place. */
  noise?: NoiseResult[];
  /** Of reconstructed test rows: squared error summed over a row, mean over rows. */
  testSquaredError?: number;
  recognisedSamplesPercent?: number;
  smoothFiltersPercent?: number;
  edgeFiltersPercent?: number;
  classification?: ClassificationResults;
}

/** What is said of the test rows, beside what is right. */
export interface ClassificationResults {
  /** Counts, a line for each label and a column for each class that is said. */
  readonly confusion: readonly (readonly number[])[];
  /** Shares, 0 to 1. */
  readonly expectedCalibrationError: number;
  readonly bins: readonly ReliabilityBin[];
  /** The wrong rows of the highest confidence, up to 40, the surest first. */
  readonly mostConfused: readonly ConfusedRow[];
}

/** Wrong rows that are listed and shown. */
const MOST_CONFUSED = 40;

/** Samples drawn of each class to be judged, and how many of them are shown. */
export const SAMPLES_PER_CLASS = 100;
export const SHOWN_PER_CLASS = 10;

/** Sweeps of Gibbs sampling for a generated digit; of a clamped class half of them anneal. */
export const GENERATION_SWEEPS = 1000;

/** Lets events be heard between two pieces of work; it throws where the work is to stop. */
export type Pause = () => Promise<void>;

/** Measures what `names` say, in order; throws `DATA_MISSING` where there are no rows to measure on. */
export async function evaluate(
  model: Model,
  names: readonly Evaluation[],
  data: EvaluationData,
  generated: Generated,
  pause: Pause,
): Promise<EvaluationResults> {
  const results: EvaluationResults = {};
  let saidOfTest: Classification | undefined;
  for (const name of names) {
    await pause();
    if (name === 'testError') {
      const rows = present(data.test, name, 'test data');
      saidOfTest ??= await classified(model, rows, pause);
      results.testErrors = errorsIn(saidOfTest, rows);
      results.testRows = rows.rows;
      results.testErrorPercent = (100 * results.testErrors) / rows.rows;
    } else if (name === 'heldOutError') {
      const rows = present(data.heldOut, name, 'held-out rows');
      results.heldOutErrors = errorsIn(await classified(model, rows, pause), rows);
      results.heldOutRows = rows.rows;
      results.heldOutErrorPercent = (100 * results.heldOutErrors) / rows.rows;
    } else if (name === 'classification') {
      const rows = present(data.test, name, 'test data');
      saidOfTest ??= await classified(model, rows, pause);
      results.classification = classificationOf(saidOfTest, rows);
    } else if (name === 'structuredNoise') {
      const test = present(data.test, name, 'test data');
      results.noise = await noiseTable(model, { ...data, test }, pause);
    } else if (name === 'testReconstruction') {
      results.testSquaredError = await reconstructionError(model, present(data.test, name, 'test data'), pause);
    } else if (name === 'testLikelihood') {
      const rows = present(data.test, name, 'test data');
      Object.assign(results, await testLikelihood(model, rows, data.train, pause));
    } else if (name === 'gaussianBaselines') {
      const { diagonal, full } = gaussianBaselines(data.train, present(data.test, name, 'test data'));
      results.diagonalGaussianNats = diagonal;
      results.fullGaussianNats = full;
    } else if (name === 'recognisedSamples') {
      const classes = await nearestNeighbourClasses(data.train, generated.values, pause);
      const right = classes.filter((label, row) => label === Math.floor(row / generated.rowsPerClass)).length;
      results.recognisedSamplesPercent = (100 * right) / classes.length;
    } else if (name === 'edgeFilters') {
      results.edgeFiltersPercent = 100 * shareOfEdgeFilters(firstLayerFilters(model), data.height, data.width);
    } else {
      const filters = firstLayerFilters(model);
      results.smoothFiltersPercent = 100 * shareOfSmoothFilters(filters, data.height, data.width);
    }
  }
  return results;
}

/** Chains and steps of the annealing, and sweeps before its reverse. */
const CHAINS = 200;
const TEMPERATURES = 10_000;
const TEMPERATURES_DEEP = 20_000;
const SWEEPS = 5000;
/** Of a deep belief net: draws for each row, and training rows from whose hidden states the annealing of its topmost machine starts. */
const DRAWS = 10;
const BASE_ROWS = 10_000;
/** Draws for each row of a belief net. */
const PARTICLES = 1000;
/** Hidden units that are enumerated rather than annealed. */
const MOST_ENUMERATED = 20;

/**
 * What a model says of each row but for its log Z, nats: minus the free energy, or minus the variational one of a deep
 * Boltzmann machine, which makes a lower bound.
 */
export function unnormalised(model: Model, rows: Dataset): Float64Array {
  if (isDeepBoltzmannMachine(model.graph)) return model.logLikelihoodBound(rows, { logPartition: 0 });
  return model.freeEnergy(rows).map((energy) => -energy);
}

/** The log-likelihood of test rows, and where log Z lies between. */
async function testLikelihood(model: Model, test: Dataset, train: Dataset, pause: Pause) {
  const units = visibleUnitsOf(model.graph);
  const binary = unitType(units).binary(units);
  const whole = test.isBinary() || !binary;
  const rows = whole ? test : test.binarised({ method: 'sample', seed: model.seed });
  if (isBeliefNet(model.graph)) {
    const given = { seed: model.seed, particles: PARTICLES };
    const found = await model.importanceLogLikelihoodAsync(rows, given, pause);
    if (rows !== test) rows.free();
    return { testNats: found.mean, testParticles: found.particles, testNatsError: found.standardError };
  }
  if (isDeepBeliefNet(model.graph)) {
    const found = await boundOfNet(model, rows, train, pause);
    if (rows !== test) rows.free();
    return found;
  }
  const { uppers } = sidesOf(model.graph, 'The likelihood of test rows');
  const hidden = uppers.reduce((sum, layer) => sum + unitsOf(model.graph, layer), 0);
  const enumerable =
    hidden <= MOST_ENUMERATED || (uppers.length === 1 && isOneGroup(layerOf(model.graph, uppers[0]!).units));
  const deep = isDeepBoltzmannMachine(model.graph);
  const nats = enumerable && !deep ? model.logLikelihood(rows) : unnormalised(model, rows);
  const mean = nats.reduce((sum, x) => sum + x, 0) / rows.rows;
  if (rows !== test) rows.free();
  const bound = deep ? ({ testIsBound: true } as const) : {};
  if (enumerable) return { testNats: deep ? mean - model.logPartition() : mean, ...bound };
  const base = binary ? { base: train } : {};
  const temperatures = deep ? TEMPERATURES_DEEP : TEMPERATURES;
  const given = { seed: model.seed, chains: CHAINS, temperatures, ...base };
  await pause();
  const forward = await model.annealedLogPartitionAsync(given);
  await pause();
  const near = deep && binary ? chainsFromData(model, train) : undefined;
  const start = near === undefined ? { sweeps: SWEEPS } : { rows: near };
  const reverse = await model.annealedLogPartitionAsync({ ...given, direction: 'reverse', start });
  near?.free();
  const { low, high } = bracketOf(forward, reverse);
  return { testNats: mean - forward.logPartition, testNatsLow: mean - high, testNatsHigh: mean - low, ...bound };
}

/**
 * States of the layers of even index of a deep Boltzmann machine, side by side, after sweeps that begin at training rows and their
 * posterior. Chains from the biases may never come to where the data are: annealing there and back would then agree on a log Z
 * that leaves the data out, and the likelihood would come out far too large.
 */
function chainsFromData(model: Model, train: Dataset): Dataset {
  const { graph, seed } = model;
  const even = chainOf(graph, 'Chains from data').layers.filter((_, index) => index % 2 === 0);
  const given = train.view(0, Math.min(CHAINS, train.rows));
  const seen = given.isBinary() ? given : given.binarised({ method: 'sample', seed });
  const posterior = even.slice(1).map((layer) => [layer, model.meanHidden(seen, { layer })] as const);
  const start = Object.fromEntries([[even[0]!, seen.values()], ...posterior]);
  const rows = seen.rows;
  const drawn = even.map((layer) => model.sample({ rows, sweeps: SWEEPS, seed, start, layer, give: 'states' }));
  if (seen !== given) seen.free();
  const columns = drawn.reduce((sum, states) => sum + states.length / rows, 0);
  const together = new Float32Array(CHAINS * columns);
  for (let chain = 0; chain < CHAINS; chain += 1) {
    let place = chain * columns;
    for (const states of drawn) {
      const units = states.length / rows;
      together.set(states.subarray((chain % rows) * units, ((chain % rows) + 1) * units), place);
      place += units;
    }
  }
  return model.engine.dataset({ rows: together, columns });
}

/** A bound on the log-likelihood of rows under a deep belief net, with the log Z of its topmost machine annealed. */
async function boundOfNet(model: Model, rows: Dataset, train: Dataset, pause: Pause) {
  const { seed } = model;
  const parts = decompose(model);
  const top = parts.at(-1)!;
  const layer = stackOf(model.graph).machines.at(-2)!.upper;
  const base = model.aggregatedPosterior(train.view(0, Math.min(BASE_ROWS, train.rows)), { seed, layer });
  try {
    const bounds = model.logLikelihoodBound(rows, { logPartition: 0, draws: DRAWS, seed });
    const mean = bounds.reduce((sum, x) => sum + x, 0) / rows.rows;
    const given = { seed, chains: CHAINS, temperatures: TEMPERATURES, base };
    await pause();
    const forward = await top.annealedLogPartitionAsync(given);
    await pause();
    const reverse = await top.annealedLogPartitionAsync({ ...given, direction: 'reverse', start: { sweeps: SWEEPS } });
    const { low, high } = bracketOf(forward, reverse);
    const testNats = mean - forward.logPartition;
    return { testNats, testNatsLow: mean - high, testNatsHigh: mean - low, testIsBound: true } as const;
  } finally {
    for (const owned of [...parts, base]) owned.free();
  }
}

/** Whether exactly one unit of a layer is on, so that it has as few configurations as units: a mixture's components. */
function isOneGroup(units: Units): boolean {
  const type = unitType(units);
  return type.binary(units) && type.kernel(units).size === type.units(units);
}

/** Weights from the visible layer to the first layer that it is wholly joined to, `[hidden units, visible units]`; throws `GRAPH_UNSUITABLE`. */
export function firstLayerFilters({ graph, parameters }: Model): Float32Array {
  const visible = visibleLayerOf(graph);
  const connection = graph.connections.find(
    ({ kind, lower, upper, edges }) =>
      kind !== 'recognition' && lower === visible && upper !== visible && edges === undefined,
  );
  if (connection === undefined) {
    throw unsuitable(
      `No hidden layer is joined to every unit of the layer \`${visible}\`: there are no filters.`,
      visible,
    );
  }
  return parameters.weightsOf(connection);
}

/** Draws rows for each class with its label clamped, or unclamped rows from a model without labels. */
export async function generate(
  model: Model,
  options: { readonly seed: number; readonly rowsPerClass: number; readonly sweeps: number },
  pause: Pause,
): Promise<Generated> {
  const [visible, label] = [visibleLayerOf(model.graph), labelLayerOf(model.graph)];
  const { seed, rowsPerClass, sweeps } = options;
  const classes = label === undefined ? 1 : unitsOf(model.graph, label);
  const values = new Float32Array(classes * rowsPerClass * unitsOf(model.graph, visible));
  for (let group = 0; group < classes; group += 1) {
    await pause();
    const clamp = label === undefined ? {} : { clamp: { label: group }, anneal: Math.floor(sweeps / 2) };
    // Each class has chains of its own; a seed stays below its limit by going round.
    const rows = model.sample({ rows: rowsPerClass, sweeps, seed: (seed + group) % Number.MAX_SAFE_INTEGER, ...clamp });
    values.set(rows, group * rows.length);
  }
  return { values, classes, rowsPerClass };
}

/** Squared error of reconstructed rows, summed over a row, mean over rows; in f64, rows ascending. */
async function reconstructionError(model: Model, data: Dataset, pause: Pause): Promise<number> {
  let sum = 0;
  for (let first = 0; first < data.rows; first += BLOCK) {
    await pause();
    const rows = data.view(first, Math.min(BLOCK, data.rows - first));
    const given = rows.values();
    model.reconstruct(rows).forEach((mean, place) => {
      sum += (mean - given[place]!) ** 2;
    });
  }
  return sum / data.rows;
}

/** Rows classified or reconstructed at a time. */
const BLOCK = 1000;

/** Classes of all rows, a block at a time. */
async function classified(model: Model, data: Dataset, pause: Pause): Promise<Classification> {
  const blocks: Classification[] = [];
  for (let first = 0; first < data.rows; first += BLOCK) {
    await pause();
    blocks.push(model.classify(data.view(first, Math.min(BLOCK, data.rows - first))));
  }
  const { classes } = blocks[0]!;
  const labels = new Uint8Array(data.rows);
  const probabilities = new Float64Array(data.rows * classes);
  blocks.forEach((block, index) => {
    labels.set(block.labels, index * BLOCK);
    probabilities.set(block.probabilities, index * BLOCK * classes);
  });
  return { labels, probabilities, classes };
}

function errorsIn({ labels }: Classification, data: Dataset): number {
  const wanted = data.labels();
  return labels.filter((label, row) => label !== wanted[row]).length;
}

function classificationOf({ probabilities, classes }: Classification, data: Dataset): ClassificationResults {
  const judged = { labels: data.labels(), probabilities, classes };
  const { bins, expectedError } = calibration(judged);
  return {
    confusion: confusionMatrix(judged),
    expectedCalibrationError: expectedError,
    bins,
    mostConfused: mostConfused(judged, MOST_CONFUSED),
  };
}

function present(data: Dataset | undefined, name: string, what: string): Dataset {
  if (data !== undefined && data.rows > 0) return data;
  const message = `\`evaluate\` asks for ${name}, but the configuration gives no ${what}.`;
  throw new WakesleepError('DATA_MISSING', message, { given: name, wanted: what, where: 'evaluate' });
}
