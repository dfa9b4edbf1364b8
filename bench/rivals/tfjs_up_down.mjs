/**
 * Up-down with 3 Gibbs steps of 784-500-500 with 10 labels under 2000 on MNIST as a TensorFlow.js user writes it, on its wasm
 * backend: the work of up_down.py, from small random weights. Arguments: the idx file of images (its labels lie beside it),
 * threads, the name of the workload.
 */
import { createInterface } from 'node:readline';
import { digitsAsTensors, ROWS, startTensorFlow, TIMES, versionOf } from './tfjs_data.mjs';

const [file, threads] = process.argv.slice(2);
const [BATCH, STEPS] = [100, 3];
const { tf, wasm } = await startTensorFlow(Number(threads));
const { images, targets } = digitsAsTensors(tf, file);

/** Weights and the bias of what they lead to, with their velocities. */
class Layer {
  constructor(weights, units) {
    this.weights = tf.variable(weights);
    this.bias = tf.variable(tf.zeros([units]));
    this.weightStep = tf.variable(tf.zerosLike(weights));
    this.biasStep = tf.variable(tf.zeros([units]));
  }

  means(x) {
    return x.matMul(this.weights).add(this.bias).sigmoid();
  }

  /** Delta rule: cause times (effect less prediction). */
  learn(cause, slope) {
    this.move(cause.matMul(slope, true).div(BATCH), slope.mean(0), 0);
  }

  move(gradient, biasGradient, cost) {
    this.weightStep.assign(this.weightStep.mul(0.5).add(gradient.sub(this.weights.mul(cost)).mul(0.01)));
    this.weights.assign(this.weights.add(this.weightStep));
    this.biasStep.assign(this.biasStep.mul(0.5).add(biasGradient.mul(0.01)));
    this.bias.assign(this.bias.add(this.biasStep));
  }
}

const layer = (lower, upper) => new Layer(tf.randomNormal([lower, upper], 0, 0.01), upper);
const recognition = [layer(784, 500), layer(500, 500)];
const generation = [layer(500, 784), layer(500, 500)];
const top = layer(510, 2000);
const below = new Layer(tf.zeros([1, 1]), 510);
const draw = (means) => tf.randomUniform(means.shape).less(means).toFloat();

function lowerGiven(states) {
  const x = states.matMul(top.weights, false, true).add(below.bias);
  const binary = draw(x.slice([0, 0], [-1, 500]).sigmoid());
  const classes = tf.multinomial(x.slice([0, 500], [-1, 10]).logSoftmax(), 1).flatten();
  return tf.concat([binary, tf.oneHot(classes, 10).toFloat()], 1);
}

/** One batch; gives the mean activity of the topmost layer. */
function update(rows) {
  const [v, labels] = [images.gather(rows), targets.gather(rows)];
  const h1 = draw(recognition[0].means(v));
  const h2 = draw(recognition[1].means(h1));
  const lower = tf.concat([h2, labels], 1);
  const h3 = top.means(lower);
  let states = draw(h3);
  let [dream, means] = [lower, h3];
  for (let step = 0; step < STEPS; step += 1) {
    dream = lowerGiven(states);
    means = top.means(dream);
    states = draw(means);
  }
  const h2Dream = dream.slice([0, 0], [-1, 500]);
  const h1Dream = draw(generation[1].means(h2Dream));
  const vDream = generation[0].means(h1Dream);
  generation[0].learn(h1, v.sub(generation[0].means(h1)));
  generation[1].learn(h2, h1.sub(generation[1].means(h2)));
  const gradient = lower.matMul(h3, true).sub(dream.matMul(means, true)).div(BATCH);
  const predicted = [recognition[0].means(vDream), recognition[1].means(h1Dream)];
  top.move(gradient, h3.sub(means).mean(0), 2e-4);
  below.move(tf.zeros([1, 1]), lower.sub(dream).mean(0), 0);
  recognition[0].learn(vDream, h1Dream.sub(predicted[0]));
  recognition[1].learn(h1Dream, h2Dream.sub(predicted[1]));
  return h3.mean().dataSync()[0];
}

console.log(JSON.stringify({ version: versionOf(tf, wasm) }));
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const order = tf.util.createShuffledIndices(ROWS);
  let activity = 0;
  for (let first = 0; first < ROWS; first += BATCH) {
    const rows = Int32Array.from(order.subarray(first, first + BATCH));
    activity += tf.tidy(() => update(tf.tensor1d(rows, 'int32')));
  }
  const seconds = (TIMES * (performance.now() - start)) / 1000;
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ seconds, activity: activity / (ROWS / BATCH), megabytes }));
}
