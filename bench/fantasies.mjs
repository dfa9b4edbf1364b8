/**
 * What the fantasies of a net that learned images and labels together are worth: digits of each clamped class, recognised by an
 * independent classifier, and used to train a network that is then tested on real digits.
 *
 *     node bench/fantasies.mjs MODEL JUDGE [--rows N] [--sweeps N] [--anneal N] [--seed N] [--threads N] [--dry]
 *
 * MODEL and JUDGE are model files: a deep belief net with labels, and whatever classifies (`mnist-pretrain-backprop` makes one). Of each
 * class N rows are drawn (default 1,000) by 3,000 sweeps, of which the first 1,000 anneal. The network is that of the recipe
 * `mnist-backprop`, learned as there; the same one that learned as many real digits stands beside it. Errors are of the 10,000
 * test digits. `--dry` records nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { load } from 'wakesleep';
import { readConfiguration } from '../dist/config.js';
import { mnistBackprop } from '../dist/recipes/mnist-networks.js';
import { imagesFile, readDigits } from './digits.mjs';
import { readOptions } from './options.mjs';
import { record, round3 } from './record.mjs';

const [PIXELS, CLASSES] = [784, 10];
const { words, dry, rows, sweeps, anneal, seed, threads } = readOptions(
  import.meta.url,
  { rows: 1000, sweeps: 3000, anneal: 1000, seed: 7, threads: 1 },
  existsSync,
);
if (words.length !== 2) {
  console.error('A model and a judge are needed; --help says more.');
  process.exit(2);
}
const engine = await load({ threads });
const files = words.map((file) => readFileSync(file));
const [model, judge] = files.map((bytes) => engine.open(bytes));

const digits = (split) => {
  const { images, labels } = readDigits(imagesFile(split));
  return engine.dataset({ rows: images, columns: PIXELS, scale: 1 / 255, labels, classes: CLASSES });
};
const [train, test] = [digits('train'), digits('t10k')];

/** Class after class, as many of each. */
function draw() {
  const values = new Float32Array(CLASSES * rows * PIXELS);
  for (let label = 0; label < CLASSES; label += 1) {
    const drawn = model.sample({ rows, sweeps, anneal, seed: seed + label, clamp: { label } });
    values.set(drawn, label * rows * PIXELS);
  }
  const labels = Uint8Array.from({ length: CLASSES * rows }, (_, row) => Math.floor(row / rows));
  return engine.dataset({ rows: values, columns: PIXELS, labels, classes: CLASSES });
}

/** The share of each class's rows of which the judge says that class, in percent. */
function recognised(fantasies) {
  const said = judge.classify(fantasies).labels;
  return Array.from({ length: CLASSES }, (_, label) => {
    const right = said.subarray(label * rows, (label + 1) * rows).filter((one) => one === label).length;
    return round3((100 * right) / rows);
  });
}

/** Test errors, in percent, of a network that learns from these rows alone. */
function errorsAfter(data) {
  const { graph, configuration } = readConfiguration(mnistBackprop.configuration);
  const net = engine.create(graph, { seed });
  for (const _ of net.train(data, configuration.train[0]));
  const said = net.classify(test).labels;
  const wrong = test.labels().filter((label, row) => label !== said[row]).length;
  net.free();
  return round3((100 * wrong) / test.rows);
}

const fantasies = draw();
const recognisedPercent = recognised(fantasies);
const mean = round3(recognisedPercent.reduce((sum, one) => sum + one, 0) / CLASSES);
console.log(`Recognised: ${mean} %, class by class ${recognisedPercent.join(' ')}`);
const [afterFantasies, afterDigits] = [fantasies, train.view(0, CLASSES * rows)].map(errorsAfter);
console.log(
  `Test errors of a network that learned ${CLASSES * rows} fantasies ${afterFantasies} %, digits ${afterDigits} %`,
);
const [modelSha256, judgeSha256] = files.map((bytes) => createHash('sha256').update(bytes).digest('hex'));
if (!dry) {
  record(`fantasies-${modelSha256.slice(0, 7)}-${sweeps}-sweeps`, {
    workload: 'digits of clamped classes, recognised by a classifier, and learned from',
    modelSha256,
    judgeSha256,
    rows,
    sweeps,
    anneal,
    seed,
    recognisedPercent,
    recognisedMeanPercent: mean,
    afterFantasies,
    afterDigits,
  });
}
engine.close();
