/**
 * ONNX files, run by onnxruntime-web, against this package's own passes.
 *
 * Each side sums n = 12 products and a bias in f32, in an order of its own: both are within (n + 1)·2^-24·S of the exact sum,
 * S = |b| + Σ|w||v| (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1). Here S is at most 6, so the two
 * differ by at most 9.3e-6. What units make of a sum has slopes of at most `steepest`, and errors of a few units in the last
 * place of numbers up to `largest`.
 */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { PbfReader } from 'pbf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  autoencoder,
  bernoulli,
  binomial,
  boltzmannMachine,
  classifier,
  deepBeliefNet,
  deepBoltzmannMachine,
  type Engine,
  type Graph,
  gaussian,
  load,
  type Model,
  network,
  type OnnxOptions,
  rbm,
  relu,
  replicatedSoftmax,
  sigmoidBeliefNet,
  softmax,
  steppedSigmoid,
  tanh,
  truncatedNormal,
  type Units,
  untie,
  writeOnnx,
} from 'wakesleep';
import { refusal } from './refusal.js';
import { seededIntegers } from './seeded-integers.mjs';

const N = 12;
const ROWS = 9;
const SUM_ERROR = 2 * (N + 1) * 2 ** -24 * 6;
const unitsError = (largest: number) => 16 * 2 ** -24 * Math.max(1, largest);

let engine: Engine;
beforeAll(async () => {
  ort.env.wasm.numThreads = 1;
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const below = seededIntegers(11);
/** Uniform numbers. */
function numbers(count: number, least: number, most: number): Float32Array {
  return Float32Array.from({ length: count }, () => least + ((most - least) * below(2 ** 20)) / 2 ** 20);
}

/** What onnxruntime makes of rows, with the names and shape of what goes in and comes out. */
async function runOnnx(bytes: Uint8Array, values: Float32Array, units: number) {
  const session = await ort.InferenceSession.create(bytes);
  const [from, to] = [session.inputNames[0]!, session.outputNames[0]!];
  expect([session.inputNames.length, session.outputNames.length]).toEqual([1, 1]);
  const results = await session.run({ [from]: new ort.Tensor('float32', values, [values.length / units, units]) });
  const { data, dims } = results[to]!;
  const found = { from, to, dims: [...dims], values: Float32Array.from(data as Float32Array) };
  await session.release();
  return found;
}

/** The largest difference. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, x, place) => Math.max(most, Math.abs(x - b[place]!)), 0);
}

/** Sets biases within a half and weights within `scale`; what data are standardised by gets deviations of 1 to 2. */
function setParameters(model: Model, scale: (name: string) => number): void {
  for (const { name, shape } of model.parameterSpecs) {
    const count = shape.reduce((product, side) => product * side, 1);
    const most = name.endsWith('.weight') ? scale(name) : 0.5;
    model.parameter(name).set(name.endsWith('deviation') ? numbers(count, 1, 2) : numbers(count, -most, most));
  }
}

/** Units of a layer, what rows of it may be, and how its means follow from total inputs. */
interface Case {
  readonly units: Units;
  readonly rows: () => Float32Array;
  /** The largest number that weights meet. */
  readonly largest: number;
  readonly largestMean: number;
  readonly steepest: number;
}

const count = ROWS * N;
const whole = (most: number) => () => Float32Array.from({ length: count }, () => below(most + 1));
const oneOf = (size: number) => () => {
  const rows = new Float32Array(count);
  for (let place = 0; place < count; place += size) rows[place + below(size)] = 1;
  return rows;
};

const cases: Record<string, Case> = {
  bernoulli: {
    units: bernoulli(N),
    rows: () => numbers(count, 0, 1),
    largest: 1,
    largestMean: 1,
    steepest: 0.25,
  },
  meanField: {
    units: bernoulli(N, { meanField: true }),
    rows: () => numbers(count, 0, 1),
    largest: 1,
    largestMean: 1,
    steepest: 0.25,
  },
  softmax: { units: softmax(N), rows: oneOf(N), largest: 1, largestMean: 1, steepest: 0.5 },
  groups: { units: softmax(3, 4), rows: oneOf(4), largest: 1, largestMean: 1, steepest: 0.5 },
  binomial: { units: binomial(N, 3), rows: whole(3), largest: 3, largestMean: 3, steepest: 0.75 },
  steppedSigmoid: { units: steppedSigmoid(N, 5), rows: whole(5), largest: 5, largestMean: 5, steepest: 1.1 },
  rectified: {
    units: relu(N, { noise: 'none' }),
    rows: () => numbers(count, 0, 3),
    largest: 3,
    largestMean: 6,
    steepest: 1,
  },
  rectifiedUnitNoise: {
    units: relu(N, { noise: 'unit' }),
    rows: () => numbers(count, 0, 3),
    largest: 3,
    largestMean: 7,
    steepest: 1,
  },
  noisyRectified: { units: relu(N), rows: () => numbers(count, 0, 3), largest: 3, largestMean: 7, steepest: 1.2 },
  gaussian: { units: gaussian(N), rows: () => numbers(count, -2, 2), largest: 2, largestMean: 6, steepest: 1 },
};

/** Only for layers that hold data. */
const dataCases: Record<string, Case> = {
  ...cases,
  // Learned log-variances are within a half: deviations of 0.78 to 1.29, times 1 to 2 of the columns.
  scaledGaussian: {
    units: gaussian(N, { variance: 'learned', standardise: true }),
    rows: () => numbers(count, -2, 2),
    largest: 2.5 / 0.78,
    largestMean: 6 * 2.6 + 0.5,
    steepest: 2.6,
  },
  counts: { units: replicatedSoftmax(N), rows: whole(2), largest: 2, largestMean: 1, steepest: 0.5 },
};

async function machineWith(visible: Units, hidden: Units, largest: number): Promise<Model> {
  const model = engine.create(rbm({ visible, hidden }), { seed: 1 });
  setParameters(model, () => 5 / (N * largest));
  return model;
}

describe('restricted Boltzmann machines', () => {
  it.each(Object.entries(cases))('mean %s hidden units, given rows', async (_, { units, largestMean, steepest }) => {
    const model = await machineWith(bernoulli(N), units, 1);
    const rows = cases.bernoulli!.rows();
    const found = await runOnnx(writeOnnx(model), rows, N);
    expect(found).toMatchObject({ from: 'visible', to: 'hidden', dims: [ROWS, N] });
    const tolerance = steepest * SUM_ERROR + unitsError(largestMean);
    expect(difference(found.values, model.meanHidden(rows))).toBeLessThan(tolerance);
    model.free();
  });

  it.each(Object.entries(dataCases))('%s rows, up and down', async (name, given) => {
    const model = await machineWith(given.units, bernoulli(N), given.largest);
    const rows = given.rows();
    // Biases count as often as a row has draws, here up to 24 times.
    const up = await runOnnx(writeOnnx(model, { pass: 'up' }), rows, N);
    const sumError = name === 'counts' ? SUM_ERROR * 3 : SUM_ERROR;
    expect(difference(up.values, model.meanHidden(rows))).toBeLessThan(0.25 * sumError + unitsError(1));

    const hidden = cases.bernoulli!.rows();
    const down = await runOnnx(writeOnnx(model, { pass: 'down' }), hidden, N);
    expect(down).toMatchObject({ from: 'hidden', to: 'visible', dims: [ROWS, N] });
    const tolerance = given.steepest * SUM_ERROR + unitsError(given.largestMean);
    expect(difference(down.values, model.meanVisible(hidden))).toBeLessThan(tolerance);
    model.free();
  });

  it('any number of rows', async () => {
    const model = await machineWith(bernoulli(N), bernoulli(N), 1);
    const bytes = writeOnnx(model);
    for (const rows of [1, 700]) {
      const values = numbers(rows * N, 0, 1);
      const found = await runOnnx(bytes, values, N);
      expect(found.dims).toEqual([rows, N]);
      expect(difference(found.values, model.meanHidden(values))).toBeLessThan(SUM_ERROR / 4 + unitsError(1));
    }
    model.free();
  });
});

/**
 * Layers whose weights into a unit sum to at most 1.2 and whose slopes are at most 1 pass an error on 1.2 times as large, and
 * add one of their own.
 */
function toleranceOf(layers: number): number {
  let error = 0;
  for (let layer = 0; layer < layers; layer += 1) error = 1.2 * error + SUM_ERROR + unitsError(6);
  return error;
}

const gentle = 1.2 / N;
const stack = () => deepBeliefNet({ visible: bernoulli(N), hidden: [bernoulli(N), bernoulli(N)], top: bernoulli(N) });
const labelled = () =>
  deepBeliefNet({
    visible: bernoulli(N),
    hidden: [bernoulli(N), bernoulli(N)],
    label: softmax(4),
    top: bernoulli(N),
  });

function modelOf(graph: Graph): Model {
  const model = engine.create(graph, { seed: 1 });
  setParameters(model, () => gentle);
  return model;
}

/** The largest difference between a file's output and what the model itself says. */
async function differenceFrom(model: Model, own: (rows: Float32Array) => ArrayLike<number>, options?: OnnxOptions) {
  const rows = numbers(count, 0, 1);
  const found = await runOnnx(writeOnnx(model, options), rows, N);
  return { to: found.to, most: difference(found.values, own(rows)) };
}

describe('deep belief nets, upward', () => {
  it.each(['h1', 'h2', 'h3'])('to %s', async (layer) => {
    const model = modelOf(stack());
    const { to, most } = await differenceFrom(model, (rows) => model.meanHidden(rows, { layer }), { layer });
    expect(to).toBe(layer);
    expect(most).toBeLessThan(toleranceOf(3));
    model.free();
  });

  it('by default to the highest layer that the data alone determine, and by recognition weights where they differ', async () => {
    const model = modelOf(labelled());
    const untied = untie(model);
    setParameters(untied, () => gentle);
    for (const net of [model, untied]) {
      const { to, most } = await differenceFrom(net, (rows) => net.meanHidden(rows));
      expect(to).toBe('h2');
      expect(most).toBeLessThan(toleranceOf(2));
      net.free();
    }
  });
});

describe('networks', () => {
  it('classifiers of stacks give the probabilities of labels', async () => {
    const source = modelOf(stack());
    const model = classifier(source, { label: softmax(4) });
    setParameters(model, () => gentle);
    const { to, most } = await differenceFrom(model, (rows) => model.classify(rows).probabilities);
    expect(to).toBe('label');
    expect(most).toBeLessThan(toleranceOf(4));
    source.free();
    model.free();
  });

  it('autoencoders of stacks give rows, or codes', async () => {
    const source = modelOf(stack());
    const model = autoencoder(source);
    const rows = await differenceFrom(model, (given) => model.reconstruct(given));
    expect(rows.to).toBe('reconstruction');
    expect(rows.most).toBeLessThan(toleranceOf(6));
    const codes = await differenceFrom(model, (given) => model.meanHidden(given), { layer: 'code' });
    expect(codes.most).toBeLessThan(toleranceOf(3));
    source.free();
    model.free();
  });

  it('tanh, rectified and linear hidden units; logistic and linear outputs; standardised rows', async () => {
    const graphs = [
      network({
        visible: gaussian(N, { standardise: true }),
        hidden: [tanh(N), relu(N, { noise: 'none' }), gaussian(N), bernoulli(N)],
        reconstruction: gaussian(N),
      }),
      network({ visible: bernoulli(N), hidden: [tanh(N)], label: bernoulli(4) }),
    ];
    for (const graph of graphs) {
      const model = modelOf(graph);
      const rows = numbers(count, 0, 1);
      const layers = graph.layers.length - 1;
      for (const { name } of graph.layers.slice(1)) {
        const found = await runOnnx(writeOnnx(model, { layer: name }), rows, N);
        // Reconstructions are brought back to rows as given, deviations of up to 2.
        const isOutput = name === 'reconstruction';
        const own = isOutput ? model.reconstruct(rows) : model.meanHidden(rows, { layer: name });
        expect(difference(found.values, own)).toBeLessThan((isOutput ? 2 : 1) * toleranceOf(layers));
      }
      model.free();
    }
  });
});

/** The strings of `metadata_props`, field 14. */
function metadataOf(bytes: Uint8Array): Record<string, string> {
  return new PbfReader(bytes).readFields<Record<string, string>>((field, found, model) => {
    if (field !== 14) return;
    const [key, value] = model.readMessage<string[]>((_, entry, reader) => entry.push(reader.readString()), []);
    found[key!] = value!;
  }, {});
}

describe('the file', () => {
  it('says which package wrote it, and which model it is; equal models are equal bytes', async () => {
    const model = modelOf(stack());
    const bytes = writeOnnx(model);
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { format, version: written, model: described } = metadataOf(bytes);
    expect([format, written]).toEqual(['wakesleep', version]);
    expect(JSON.parse(described!)).toEqual({ graph: model.graph, seed: 1, updates: 0 });
    const again = engine.open(model.toBytes());
    expect(writeOnnx(again)).toEqual(bytes);
    model.free();
    again.free();
  });

  it('is refused where there is no such pass', () => {
    const refused = (graph: Graph, options?: OnnxOptions) => {
      const model = engine.create(graph, { seed: 1 });
      const words = refusal(() => writeOnnx(model, options));
      model.free();
      return words;
    };
    const truncated = rbm({ visible: truncatedNormal(3), hidden: truncatedNormal(2) });
    expect(refused(truncated)).toBe(
      'GRAPH_UNSUITABLE: The layer `hidden` has 2 truncated normal units, whose means the operators of ONNX lose in rounding.',
    );
    expect(refused(truncated, { pass: 'down' })).toMatch(/^GRAPH_UNSUITABLE: The layer `visible` has 3 truncated /);
    for (const graph of [
      sigmoidBeliefNet({ visible: bernoulli(3), hidden: [bernoulli(2)] }),
      boltzmannMachine({ visible: bernoulli(3), hidden: bernoulli(2) }),
      deepBoltzmannMachine({ visible: bernoulli(3), hidden: [bernoulli(2), bernoulli(2)] }),
    ]) {
      expect(refused(graph)).toMatch(/^GRAPH_UNSUITABLE: /);
    }
    expect(refused(stack(), { pass: 'down' })).toMatch(/^GRAPH_UNSUITABLE: A pass down as an ONNX file needs a restr/);
    expect(refused(network({ visible: bernoulli(3), hidden: [], label: softmax(2) }), { pass: 'down' })).toMatch(
      /^GRAPH_UNSUITABLE: /,
    );
    expect(refused(stack(), { layer: 'h4' })).toMatch(/^OPTION_INVALID: `layer` must be "h1", "h2" or "h3"; got "h4"/);
    expect(refused(stack(), { pass: 'sideways' as 'up' })).toMatch(/^OPTION_INVALID: `pass` must be "up" or "down"/);
    expect(refused(truncated, { pass: 'down', layer: 'visible' })).toBe(
      'OPTION_INVALID: `layer` is for the way up; the way down ends at the rows.',
    );
    expect(refused(stack(), { lair: 'h1' } as OnnxOptions)).toMatch(/^OPTION_INVALID: /);
  });
});
