/**
 * One epoch of 784-500-10 on all of MNIST by SGD with momentum, here and in PyTorch from the same weights and in the same order
 * of rows: how far the parameters end apart. It takes a Python with PyTorch, as `run.mjs`; `--dry` records nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { backpropagation, bernoulli, load, network, readNpy, softmax, writeNpy } from 'wakesleep';
import { seedWords } from '../dist/noise.js';
import { imagesFile, readDigits } from './digits.mjs';
import { readOptions } from './options.mjs';
import { PYTHON } from './participant.mjs';
import { record } from './record.mjs';

const { dry } = readOptions(import.meta.url);
const HERE = dirname(fileURLToPath(import.meta.url));
const [BATCH, RATE, MOMENTUM, SEED] = [100, 0.1, 0.9, 7];
/** Files of the parameters, by their names here. */
const PARAMETERS = {
  w1: 'connections.visible>h1.weight',
  b1: 'layers.h1.bias',
  w2: 'connections.h1>label.weight',
  b2: 'layers.label.bias',
};

const engine = await load();
const { images, labels } = readDigits(imagesFile());
const data = engine.dataset({ rows: images, columns: 784, scale: 1 / 255, labels, classes: 10 });
const graph = network({ visible: bernoulli(784), hidden: [bernoulli(500)], label: softmax(10) });
const model = engine.create(graph, { seed: SEED });

/** The order of rows that the first epoch has. */
function firstOrder() {
  const order = engine.runtime.allocate(data.rows * 4);
  engine.runtime.kernels.permutation(...seedWords(SEED), 0, 0, order.handle);
  return Float32Array.from(order.words());
}

const folder = mkdtempSync(join(tmpdir(), 'wakesleep-epoch-'));
try {
  const save = (name, values, shape) => writeFileSync(join(folder, `${name}.npy`), writeNpy(values, shape));
  save('images', data.values(), [data.rows, 784]);
  save('labels', Float32Array.from(labels), [data.rows]);
  save('order', firstOrder(), [data.rows]);
  for (const [file, name] of Object.entries(PARAMETERS)) {
    const { shape } = model.parameter(name);
    save(file, model.parameter(name).values(), shape);
  }
  for (const { loss } of model.train(
    data,
    backpropagation({ epochs: 1, batchRows: BATCH, learningRate: RATE, momentum: MOMENTUM }),
  ))
    console.log(`loss ${loss.toFixed(5)}`);
  const script = join(HERE, 'rivals', 'epoch.py');
  const version = execFileSync(PYTHON, [script, folder, BATCH, RATE, MOMENTUM].map(String), {
    encoding: 'utf8',
  }).trim();
  const rows = Object.entries(PARAMETERS).map(([file, name]) => {
    const theirs = readNpy(readFileSync(join(folder, `after-${file}.npy`))).values;
    const ours = model.parameter(name).values();
    const apart = ours.reduce((most, x, i) => Math.max(most, Math.abs(x - theirs[i])), 0);
    const largest = ours.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    console.log(`${name}: at most ${apart.toExponential(2)} apart, largest ${largest.toFixed(3)}`);
    return { name, largest, apart };
  });
  const workload = 'One epoch of 784-500-10, 60,000 rows, batch 100, rate 0.1, momentum 0.9, against PyTorch';
  if (!dry) record('epoch', { workload, version: `PyTorch ${version}`, rows });
} finally {
  rmSync(folder, { recursive: true, force: true });
  engine.close();
}
