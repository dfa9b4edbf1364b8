/**
 * What the bench of trainers measures, by name: MNIST, 784 × 500, batch 100. Each is a function of an engine and images that
 * gives an iterator; one `next()` is one piece of work and gives something by which to tell that it is the same work.
 */
import {
  backpropagation,
  bernoulli,
  contrastiveDivergence,
  deepBeliefNet,
  gaussian,
  greedy,
  network,
  parallelTempering,
  persistentContrastiveDivergence,
  rbm,
  relu,
  softmax,
  untie,
  upDown,
} from 'wakesleep';

const [VISIBLE, HIDDEN] = [784, 500];
const BATCH = 100;
/** Rows of the trainers that take longer than CD-1. */
const ROWS = 20_000;
/** Real-valued rows: pixels with the mean and deviation of all of them brought to 0 and 1. */
const PIXELS = { mean: 0.1307, deviation: 0.3081 };

const common = {
  epochs: 1000,
  batchRows: BATCH,
  learningRate: 0.05,
  momentum: 0.5,
  weightCost: 2e-4,
  initialBias: 'keep',
};
const binary = { ...common, data: 'states' };
const real = { ...common, learningRate: 1e-4, weightCost: 0 };

function pixels(engine, images, rows) {
  return engine.dataset({ rows: images.subarray(0, rows * VISIBLE), columns: VISIBLE, scale: 1 / 255 });
}

function trained(engine, data, units, algorithm) {
  const model = engine.create(rbm(units), { seed: 7 });
  return model.train(data, algorithm);
}

function* activities(run) {
  for (const { meanActivity } of run) yield meanActivity;
}

const binaryUnits = { visible: bernoulli(VISIBLE), hidden: bernoulli(HIDDEN) };

/** A run of CD-1 over `images`, an epoch for each record. */
export function cd1(engine, images) {
  const algorithm = contrastiveDivergence({ ...binary, reconstruction: 'states' });
  return trained(engine, pixels(engine, images, images.length / VISIBLE), binaryUnits, algorithm);
}

function onBinary(algorithm) {
  return (engine, images) => activities(trained(engine, pixels(engine, images, ROWS), binaryUnits, algorithm));
}

function onReal(hidden) {
  return (engine, images) => {
    const { mean, deviation } = PIXELS;
    const rows = Float32Array.from(images.subarray(0, ROWS * VISIBLE), (x) => (x / 255 - mean) / deviation);
    const data = engine.dataset({ rows, columns: VISIBLE });
    const algorithm = contrastiveDivergence({ ...real, reconstruction: 'states' });
    return activities(trained(engine, data, { visible: gaussian(VISIBLE), hidden }, algorithm));
  };
}

/** 1,000 chains of 1,000 full sweeps from a model that one epoch of CD-1 made. */
function* sampling(engine, images) {
  const run = cd1(engine, images);
  for (const _ of run) break;
  for (let seed = 1; ; seed += 1) {
    const rows = run.model.sample({ rows: 1000, sweeps: 1000, seed });
    yield rows.reduce((sum, x) => sum + x, 0) / rows.length;
  }
}

/** Annealed importance sampling, 100 chains of 1,000 temperatures, of a model that one epoch of CD-1 made. */
function* annealing(engine, images) {
  const run = cd1(engine, images);
  for (const _ of run) break;
  const base = pixels(engine, images, ROWS);
  for (let seed = 1; ; seed += 1) {
    yield run.model.annealedLogPartition({ chains: 100, temperatures: 1000, base, seed }).logPartition;
  }
}

function labelledPixels(engine, images, labels) {
  const rows = images.subarray(0, ROWS * VISIBLE);
  return engine.dataset({ rows, columns: VISIBLE, scale: 1 / 255, labels: labels.subarray(0, ROWS), classes: 10 });
}

/** Up-down with 3 Gibbs steps, after one epoch of CD-1 for each machine. */
function* upDownEpochs(engine, images, labels) {
  const data = labelledPixels(engine, images, labels);
  const hidden = [bernoulli(500), bernoulli(500)];
  const graph = deepBeliefNet({ visible: bernoulli(VISIBLE), hidden, label: softmax(10), top: bernoulli(2000) });
  const tied = engine.create(graph, { seed: 7 });
  const phase = contrastiveDivergence({ epochs: 1, batchRows: BATCH, learningRate: 0.1 });
  for (const _ of tied.train(data, greedy([phase, phase, phase]))) {
    // Only the model counts.
  }
  const algorithm = upDown({ epochs: 1000, batchRows: BATCH, learningRate: 0.01, gibbsSteps: 3 });
  yield* activities(untie(tied).train(data, algorithm));
}

/** Backpropagation through four layers of weights, with hidden units of a kind. */
function backprop(units, dropout = 0) {
  return function* (engine, images, labels) {
    const data = labelledPixels(engine, images, labels);
    const hidden = [500, 500, 2000].map(units);
    const model = engine.create(network({ visible: bernoulli(VISIBLE), hidden, label: softmax(10) }), { seed: 7 });
    const algorithm = backpropagation({ epochs: 1000, batchRows: BATCH, learningRate: 0.05, momentum: 0.9, dropout });
    for (const { loss } of model.train(data, algorithm)) yield loss;
  };
}

export const workloads = {
  cd1: {
    title: 'CD-1 epoch, MNIST 60,000 rows, 784 x 500, batch 100, binarised at every presentation',
    begin: (engine, images) => activities(cd1(engine, images)),
  },
  cd10: {
    title: 'CD-10 epoch, 20,000 rows of MNIST, 784 x 500, batch 100, binarised at every presentation',
    begin: onBinary(contrastiveDivergence({ ...binary, gibbsSteps: 10, reconstruction: 'states' })),
  },
  pcd: {
    title: 'PCD-1 epoch, 100 chains, 20,000 rows of MNIST, 784 x 500, batch 100, binarised at every presentation',
    begin: onBinary(persistentContrastiveDivergence({ ...binary, chains: 100 })),
  },
  tempering: {
    title: 'Parallel tempering epoch, 20 chains of 5 temperatures, 20,000 rows of MNIST, 784 x 500, batch 100',
    begin: onBinary(parallelTempering({ ...binary, chains: 20, temperatures: 5 })),
  },
  gaussian: {
    title: 'CD-1 epoch, Gaussian-binary, 20,000 rows of MNIST as real numbers, 784 x 500, batch 100',
    begin: onReal(bernoulli(HIDDEN)),
  },
  relu: {
    title: 'CD-1 epoch, Gaussian-noisy ReLU, 20,000 rows of MNIST as real numbers, 784 x 500, batch 100',
    begin: onReal(relu(HIDDEN)),
  },
  backprop: {
    title: 'Backpropagation epoch, 20,000 rows of MNIST, 784-500-500-2000-10, logistic units, batch 100',
    begin: backprop((units) => bernoulli(units)),
  },
  'backprop-relu': {
    title: 'Backpropagation epoch, 20,000 rows of MNIST, 784-500-500-2000-10, rectified units, batch 100',
    begin: backprop((units) => relu(units, { noise: 'none' })),
  },
  'backprop-dropout': {
    title:
      'Backpropagation epoch, 20,000 rows of MNIST, 784-500-500-2000-10, logistic units, dropout of .2 and .5, batch 100',
    begin: backprop((units) => bernoulli(units), { visible: 0.2, hidden: 0.5 }),
  },
  'up-down': {
    title: 'Up-down epoch, 3 Gibbs steps, 20,000 rows of MNIST, 784-500-500 with 10 labels under 2000, batch 100',
    begin: upDownEpochs,
  },
  sampling: {
    title: '1,000 chains x 1,000 full Gibbs sweeps, binary 784 x 500 after one epoch of CD-1',
    begin: sampling,
  },
  annealing: {
    title: 'AIS, 100 chains x 1,000 temperatures, binary 784 x 500 after one epoch of CD-1 (ais.mjs has the rival)',
    begin: annealing,
  },
};
