/**
 * Backpropagation through 784-500-500-2000-10 on MNIST as a TensorFlow.js user writes it, on its wasm backend. Arguments: the idx
 * file of images (its labels lie beside it), threads, the name of a workload of ../workload.mjs.
 */
import { createInterface } from 'node:readline';
import { digitsAsTensors, startTensorFlow, TIMES, versionOf } from './tfjs_data.mjs';

const [file, threads, name] = process.argv.slice(2);
const BATCH = 100;
const { tf, wasm } = await startTensorFlow(Number(threads));
const { images, targets } = digitsAsTensors(tf, file);
const activation = name === 'backprop-relu' ? 'relu' : 'sigmoid';
/** Initial weights of the size of PyTorch's. (The first 60 updates of a tenth of a piece have losses up to 10 in both.) */
const kernelInitializer = tf.initializers.varianceScaling({ scale: 1 / 3, mode: 'fanIn', distribution: 'uniform' });
const model = tf.sequential();
const drop = (rate, more) => name === 'backprop-dropout' && model.add(tf.layers.dropout({ rate, ...more }));
const first = { inputShape: [784] };
drop(0.2, first);
for (const [index, units] of [500, 500, 2000].entries()) {
  model.add(tf.layers.dense({ units, activation, kernelInitializer, ...(index === 0 && first) }));
  drop(0.5);
}
model.add(tf.layers.dense({ units: 10, activation: 'softmax', kernelInitializer }));
model.compile({ optimizer: tf.train.momentum(0.05, 0.9), loss: 'categoricalCrossentropy' });

console.log(JSON.stringify({ version: versionOf(tf, wasm) }));
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const { history } = await model.fit(images, targets, { batchSize: BATCH, epochs: 1, shuffle: true, verbose: 0 });
  const seconds = (TIMES * (performance.now() - start)) / 1000;
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ seconds, activity: history.loss[0], megabytes }));
}
