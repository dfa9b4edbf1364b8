/**
 * Where the time of a workload goes (default `cd1`): inside each kernel, with 1 and 2 threads (or those given), beside the
 * rest (TypeScript). `node bench/profile.mjs [workload] [threads...] [--dry]`; a call's key carries its shape, so the two
 * directions of a connection are apart. It is recorded unless `--dry` is there.
 */
import { load } from 'wakesleep';
import { imagesFile, readDigits } from './digits.mjs';
import { readOptions } from './options.mjs';
import { record, round3 } from './record.mjs';
import { workloads } from './workload.mjs';

const { words, dry } = readOptions(import.meta.url, {}, (word) => Object.hasOwn(workloads, word) || Number(word) > 0);
const workload = words.find((word) => Object.hasOwn(workloads, word)) ?? 'cd1';
const threadCounts = words.map(Number).filter((count) => count > 0);
const PIECES = 3;

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
  for (const [name, exported] of Object.entries(kernels)) {
    if (exported?.prototype?.free !== undefined) time(name, exported, spent);
  }
  const { images, labels } = readDigits(imagesFile());
  const pieces = workloads[workload].begin(engine, images, labels)[Symbol.iterator]();
  pieces.next();
  spent.clear();
  const start = performance.now();
  for (let piece = 0; piece < PIECES; piece += 1) pieces.next();
  spent.set('all', performance.now() - start);
  engine.close();
  return spent;
}

const counts = threadCounts.length > 0 ? threadCounts : [1, 2];
const all = new Map();
for (const threads of counts) all.set(threads, await profile(threads));
const labels = [...all.get(counts[0]).keys()].sort((a, b) => all.get(counts[0]).get(b) - all.get(counts[0]).get(a));
console.log(
  `${workloads[workload].title}\nmilliseconds for each, ${counts.map((threads) => `${threads} thread(s)`).join(', ')}, first / last`,
);
for (const label of labels) {
  const times = counts.map((threads) => (all.get(threads).get(label) ?? 0) / PIECES);
  if (times[0] < 1) continue;
  console.log(
    label.padEnd(28),
    times.map((ms) => ms.toFixed(0).padStart(7)).join(''),
    (times[0] / times.at(-1)).toFixed(2).padStart(7),
  );
}
if (!dry) {
  const rows = labels.map((label) => ({
    label,
    milliseconds: Object.fromEntries(
      counts.map((threads) => [`${threads} threads`, round3((all.get(threads).get(label) ?? 0) / PIECES)]),
    ),
  }));
  record(`profile-${workload}`, { workload: workloads[workload].title, rows });
}
