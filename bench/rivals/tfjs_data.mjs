/** TensorFlow.js on its wasm backend, from $WAKESLEEP_BENCH_NODE or the user's cache folder, and MNIST as its tensors. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

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
export function digitsAsTensors(tf, file, rows) {
  const pixels = readFileSync(file).subarray(16, 16 + rows * 784);
  const images = tf.tensor2d(
    Float32Array.from(pixels, (x) => x / 255),
    [rows, 784],
  );
  const labels = readFileSync(file.replace('images-idx3', 'labels-idx1')).subarray(8, 8 + rows);
  const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), 10).toFloat();
  return { images, targets };
}
