/** TensorFlow.js on its wasm backend, from $WAKESLEEP_BENCH_NODE or the user's cache folder, and MNIST as its tensors. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Rows of a piece of its work, and how many times as many the others do: its time is multiplied, since a whole piece would take
 * minutes.
 */
export const [ROWS, TIMES] = [2000, 10];

export async function startTensorFlow(threads) {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = process.env.WAKESLEEP_BENCH_NODE ?? join(cache, 'wakesleep', 'bench-node');
  const require = createRequire(join(folder, 'x.js'));
  const tf = require('@tensorflow/tfjs');
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(threads);
  await tf.setBackend('wasm');
  return { tf, wasm };
}

export function versionOf(tf, wasm) {
  return `TensorFlow.js ${tf.version.tfjs}, ${tf.getBackend()}, ${wasm.getThreadsCount()} threads`;
}

/** The first rows of the idx file and the labels that lie beside it. */
export function digitsAsTensors(tf, file) {
  const pixels = readFileSync(file).subarray(16, 16 + ROWS * 784);
  const images = tf.tensor2d(
    Float32Array.from(pixels, (x) => x / 255),
    [ROWS, 784],
  );
  const labels = readFileSync(file.replace('images-idx3', 'labels-idx1')).subarray(8, 8 + ROWS);
  const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), 10).toFloat();
  return { images, targets };
}
