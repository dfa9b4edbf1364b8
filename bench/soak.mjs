/**
 * Engines in workers come and go: do memory or threads of the process grow? Each cycle opens one (of 1 to 3 threads), trains
 * a small machine, asks it, and closes it; every other one in the middle of a run.
 *
 *     node bench/soak.mjs [--cycles N] [--dry]      N defaults to 1,000; --dry records nothing
 *
 * The last line is JSON: threads of the process before and after, and its memory in MB after every tenth of the cycles, rubbish
 * collected: all that is resident, which the allocator may keep, and what JavaScript still holds. Threads are counted on Linux only. Recorded in `bench/results/`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bernoulli, contrastiveDivergence, loadInWorker, rbm } from 'wakesleep';
import { readOptions } from './options.mjs';
import { record } from './record.mjs';

const { cycles, dry } = readOptions(import.meta.url, { cycles: 1000 });
const COLUMNS = 64;
const rows = Array.from({ length: 300 }, (_, row) =>
  Array.from({ length: COLUMNS }, (_, unit) => Number((row * unit) % 7 < 3)),
);
const graph = rbm({ visible: bernoulli(COLUMNS), hidden: bernoulli(48) });

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/** Threads of this process, those of workers of workers included. */
function countThreads() {
  if (!existsSync('/proc/self/status')) return undefined;
  return Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

/** The count once threads that are ending have ended, or after two seconds. */
async function settledThreads(atMost) {
  for (let round = 0; round < 40 && countThreads() > atMost; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return countThreads();
}

async function cycle(index) {
  const engine = await loadInWorker({ threads: 1 + (index % 3) });
  const data = await engine.dataset({ rows });
  const model = await engine.create(graph, { seed: index });
  const view = await (await model.parameter('visible-hidden.weight')).view();
  const epochs = index % 2 === 0 ? 2 : 1_000_000;
  const run = await model.train(data, contrastiveDivergence({ epochs, batchRows: 50, learningRate: 0.05 }));
  let records = 0;
  for await (const _record of run) {
    records += 1;
    if (records === 2) break;
  }
  if (epochs > 2) {
    // Left under way: closing settles it.
    const iteration = run[Symbol.asyncIterator]();
    const unheard = Array.from({ length: 3 }, () => iteration.next().catch(({ code }) => code));
    await engine.close();
    const last = (await Promise.all(unheard)).at(-1);
    if (last?.done !== true && last !== 'ENGINE_CLOSED') throw new Error(`The run gave ${JSON.stringify(last)}.`);
    return;
  }
  const hidden = await model.meanHidden(data);
  if (hidden.length !== 300 * 48 || view.values.length !== 48 * COLUMNS) throw new Error('An answer has a wrong size.');
  await engine.close();
}

/** Resident memory, and of it what JavaScript holds (objects, buffers), in MB, with what is not used any more given back. */
async function memory() {
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const inMegabytes = (bytes) => Math.round((bytes / 2 ** 20) * 10) / 10;
  return { resident: inMegabytes(rss), held: inMegabytes(heapUsed + external) };
}

for (let index = 0; index < 3; index += 1) await cycle(index);
const threadsBefore = await settledThreads(0);
const megabytes = [];
const start = performance.now();
for (let index = 0; index < cycles; index += 1) {
  await cycle(index);
  if ((index + 1) % Math.ceil(cycles / 10) === 0) megabytes.push(await memory());
}
const seconds = Math.round((performance.now() - start) / 100) / 10;
const [resident, held] = ['resident', 'held'].map((name) => megabytes.map((measured) => measured[name]));
const threadsAfter = await settledThreads(threadsBefore);
const result = { cycles, seconds, threadsBefore, threadsAfter, megabytes: { resident, held } };
console.log(JSON.stringify(result));
if (!dry) {
  record('soak', {
    workload: 'engines in workers, opened, trained and closed',
    node: process.versions.node,
    ...result,
  });
}
