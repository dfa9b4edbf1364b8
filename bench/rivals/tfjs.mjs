/**
 * Backpropagation through 784-500-500-2000-10 on MNIST as a TensorFlow.js user writes it, on its wasm backend. Arguments: the idx
 * file of images (its labels lie beside it), threads, the name of a workload of ../workload.mjs.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const require = createRequire(join(process.env.WAKESLEEP_BENCH_NODE ?? join(cache, 'wakesleep', 'bench-node'), 'x.js'));
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');

const [file, threads, name] = process.argv.slice(2);
const [ROWS, BATCH] = [20_000, 100];
wasm.setThreadsCount(Number(threads));
await tf.setBackend('wasm');
const pixels = readFileSync(file).subarray(16, 16 + ROWS * 784);
const images = tf.tensor2d(
  Float32Array.from(pixels, (x) => x / 255),
  [ROWS, 784],
);
const labels = readFileSync(file.replace('images-idx3', 'labels-idx1')).subarray(8, 8 + ROWS);
const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), 10).toFloat();
const activation = name === 'backprop-relu' ? 'relu' : 'sigmoid';
const model = tf.sequential();
for (const [index, units] of [500, 500, 2000].entries())
  model.add(tf.layers.dense({ units, activation, ...(index === 0 && { inputShape: [784] }) }));
model.add(tf.layers.dense({ units: 10, activation: 'softmax' }));
model.compile({ optimizer: tf.train.momentum(0.05, 0.9), loss: 'categoricalCrossentropy' });

console.log(
  JSON.stringify({
    version: `TensorFlow.js ${tf.version.tfjs}, ${tf.getBackend()}, ${wasm.getThreadsCount()} threads`,
  }),
);
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const { history } = await model.fit(images, targets, { batchSize: BATCH, epochs: 1, shuffle: true, verbose: 0 });
  const seconds = (performance.now() - start) / 1000;
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ seconds, activity: history.loss[0], megabytes }));
}
