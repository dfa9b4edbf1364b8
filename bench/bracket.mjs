/**
 * Annealed importance sampling against the enumerated log Z of machines with 20 hidden units on MNIST, binarised by
 * sampling: for each machine 20 seeds of forward and reverse chains, and three with more chains.
 *
 *     node bench/bracket.mjs [NAME...] [--dry]     all machines, or those that are named; each is recorded after each series
 *
 * Reverse chains start at exact samples: hidden states drawn from their enumerated marginal, visible ones given them. That
 * marginal comes from the machine turned over (20 visible units, 784 hidden ones), whose free energies of all 2^20 states
 * give log Z a second time.
 */
import { bernoulli, contrastiveDivergence, load, persistentContrastiveDivergence, rbm } from 'wakesleep';
import { uniformNumbers } from '../dist/data/uniform.js';
import { imagesFile, readDigits } from './digits.mjs';
import { readOptions } from './options.mjs';
import { record, round3 } from './record.mjs';

const PIXELS = 784;
const HIDDEN = 20;
/** The two series of a machine: many seeds, and few with more chains; 8 and 6 minutes of one core. */
const SERIES = [
  { chains: 200, temperatures: 10_000, seeds: 20 },
  { chains: 1000, temperatures: 10_000, seeds: 3 },
];

const engine = await load({ threads: 1 });
const rows = (split) => engine.dataset({ rows: readDigits(imagesFile(split)).images, columns: PIXELS, scale: 1 / 255 });
const train = rows('train');
const test = rows('t10k').binarised({ method: 'sample', seed: 1 });

const common = { batchRows: 100, data: 'states', momentum: 0, weightCost: 0 };
const persistent = persistentContrastiveDivergence({
  ...common,
  epochs: 10,
  learningRate: { from: 0.1, to: 0 },
  averaging: 0.9995,
});
const machines = {
  'PCD, seed 7': { seed: 7, algorithm: persistent },
  'PCD, seed 8': { seed: 8, algorithm: persistent },
  'CD-1, seed 7': {
    seed: 7,
    algorithm: contrastiveDivergence({ ...common, reconstruction: 'states', epochs: 10, learningRate: 0.05 }),
  },
};
const { words, dry } = readOptions(import.meta.url, {}, (word) => Object.hasOwn(machines, word));

/** Draws exact samples of a machine with few hidden units. */
function exactSampler(model) {
  const states = 2 ** HIDDEN;
  const bits = new Uint8Array(states * HIDDEN);
  for (let place = 0; place < bits.length; place += 1)
    bits[place] = (Math.floor(place / HIDDEN) >> (place % HIDDEN)) & 1;
  const turned = turnedOver(model);
  const all = engine.dataset({ rows: bits, columns: HIDDEN });
  const energies = turned.freeEnergy(all);
  const least = energies.reduce((least, energy) => Math.min(least, energy), Number.POSITIVE_INFINITY);
  const sums = new Float64Array(states);
  let sum = 0;
  energies.forEach((energy, state) => {
    sum += Math.exp(least - energy);
    sums[state] = sum;
  });
  all.free();
  turned.free();
  const draw = (count, seed) => {
    const between = uniformNumbers(seed);
    for (let k = 0; k < 16; k += 1) between(0, 1); // small seeds begin with small numbers
    const hidden = Array.from({ length: count }, () => {
      const state = firstAbove(sums, between(0, sum));
      return bits.subarray(state * HIDDEN, (state + 1) * HIDDEN);
    });
    return engine.dataset({ rows: model.sampleVisible(hidden, { seed }), columns: PIXELS });
  };
  return { logZ: Math.log(sum) - least, draw };
}

/** The same machine with its sides exchanged. */
function turnedOver(model) {
  const turned = engine.create(rbm({ visible: bernoulli(HIDDEN), hidden: bernoulli(PIXELS) }), { seed: 1 });
  const weights = model.parameter('visible-hidden.weight').values();
  const across = Float32Array.from(weights, (_, place) => {
    return weights[(place % HIDDEN) * PIXELS + Math.floor(place / HIDDEN)];
  });
  turned.parameter('visible-hidden.weight').set(across);
  turned.parameter('visible.bias').set(model.parameter('hidden.bias').values());
  turned.parameter('hidden.bias').set(model.parameter('visible.bias').values());
  return turned;
}

/** The first place of an ascending list that is above a value. */
function firstAbove(sums, value) {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** One seed: how far both estimates are from the exact log Z, and whether it lies between their far ends. */
function bracketed(model, sampler, exact, { chains, temperatures }, seed) {
  const start = performance.now();
  const given = { base: train, chains, temperatures };
  const up = model.annealedLogPartition({ ...given, seed });
  const samples = sampler.draw(chains, 1000 + seed);
  const down = model.annealedLogPartition({
    ...given,
    seed: 100 + seed,
    direction: 'reverse',
    start: { rows: samples },
  });
  samples.free();
  const low = up.logPartition - 3 * up.standardError;
  const high = down.logPartition + 3 * down.standardError;
  console.log(`seed ${seed} of ${chains} × ${temperatures} is done`);
  return {
    seed,
    forward: round3(up.logPartition - exact),
    forwardError: round3(up.standardError),
    forwardBound: round3(up.bound - exact),
    forwardEffective: round3(up.effectiveSampleSize),
    reverse: round3(down.logPartition - exact),
    reverseError: round3(down.standardError),
    reverseBound: round3(down.bound - exact),
    reverseEffective: round3(down.effectiveSampleSize),
    inside: low <= exact && exact <= high,
    seconds: round3((performance.now() - start) / 1000),
  };
}

/** A series of seeds, and the two promises. */
function series(model, sampler, exact, one) {
  const { chains, temperatures, seeds } = one;
  const found = Array.from({ length: seeds }, (_, index) => bracketed(model, sampler, exact, one, index + 1));
  const worst = found.reduce((most, { forward }) => Math.max(most, Math.abs(forward)), 0);
  const inside = found.filter((one) => one.inside).length;
  console.log(`${chains} × ${temperatures}: at most ${worst} nats from exact, inside in ${inside} of ${seeds} seeds`);
  return { chains, temperatures, seeds, worstForward: worst, inside, found };
}

for (const [name, { seed, algorithm }] of Object.entries(machines)) {
  if (words.length > 0 && !words.includes(name)) continue;
  const model = engine.create(rbm({ visible: bernoulli(PIXELS), hidden: bernoulli(HIDDEN) }), { seed });
  for (const { epoch, epochs } of model.train(train, algorithm)) {
    if (epoch === epochs) console.log(`${name}: trained`);
  }
  const exact = model.logPartition();
  const sampler = exactSampler(model);
  const energies = model.freeEnergy(test);
  const mean = energies.reduce((sum, energy) => sum - energy, 0) / energies.length;
  const done = [];
  for (const one of SERIES) {
    done.push(series(model, sampler, exact, one));
    if (dry) continue;
    record(`bracket-RBM-20-${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}`, {
      workload: `Annealed log Z of an RBM with ${HIDDEN} hidden units on MNIST, ${name}, against enumeration`,
      seed,
      threads: engine.info.threads,
      algorithm,
      exactLogZ: round3(exact),
      exactLogZTurnedOver: round3(sampler.logZ),
      testNats: round3(mean - exact),
      unit: 'nats; forward, reverse and bounds are less the exact log Z',
      series: done,
    });
  }
  model.free();
}
engine.close();
