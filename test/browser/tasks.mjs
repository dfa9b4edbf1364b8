/**
 * What the browser tests let a page or its worker do; every answer is plain data. Served as it is, beside `/dist`.
 */
import { rbm } from '/dist/graph/constructors.js';
import { contrastiveDivergence } from '/dist/learn/contrastive-divergence.js';
import { loadInWorker } from '/dist/remote/load-in-worker.js';
import { load } from '/dist/runtime/load.js';
import { bernoulli } from '/dist/units/bernoulli.js';
import { digests } from '/test/digests/calls.mjs';
import { trainDigitsTiny } from '/test/hosts/digits-tiny.mjs';

/** Loads, lets every thread work, and says what was loaded. */
async function describe(options) {
  const runtime = await load(options);
  const selfTest = runtime.kernels.poolSelfTest();
  runtime.close();
  return { info: runtime.info, selfTest };
}

/** The digests of all kernels. */
async function digest(options) {
  const runtime = await load(options);
  const found = digests(runtime);
  runtime.close();
  return found;
}

/** Panics on one thread, then tries to go on. */
async function panic({ index, ...options }) {
  const runtime = await load(options);
  const attempt = (work) => {
    try {
      return work();
    } catch ({ code, message }) {
      return { code, message };
    }
  };
  const start = performance.now();
  const first = attempt(() => runtime.kernels.panicOnThread(index));
  const milliseconds = performance.now() - start;
  return { first, later: attempt(() => runtime.kernels.poolSelfTest()), milliseconds };
}

/** Opens and closes engines in turn. */
async function reopen({ times, ...options }) {
  for (let round = 0; round < times; round += 1) {
    const { selfTest } = await describe(options);
    if (selfTest !== 3) throw new Error(`The self-test gave ${selfTest}.`);
  }
  return times;
}

/** The SHA-256 of the model that the recipe `digits-tiny` trains. */
async function digitsTiny({ door, ...options }) {
  const { bytes, info } = await trainDigitsTiny(new URL('/dist/', location.href), options, door);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
  return { info, sha256: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

/** A small machine in a worker, and a run of it that does not end by itself. */
async function openRun(options) {
  const engine = await loadInWorker(options);
  const rows = Array.from({ length: 100 }, (_, row) => Array.from({ length: 30 }, (_, unit) => (row * unit) % 2));
  const data = await engine.dataset({ rows });
  const model = await engine.create(rbm({ visible: bernoulli(30), hidden: bernoulli(20) }), { seed: 1 });
  const algorithm = contrastiveDivergence({ epochs: 1_000_000, batchRows: 10, learningRate: 0.01 });
  const start = (trainOptions) => model.train(data, algorithm, trainOptions);
  return { engine, model, start };
}

/** What the page sees while the worker trains: frames go on, and weights change where they are live. */
async function watch(options) {
  const { engine, model, start } = await openRun(options);
  const view = await (await model.parameter('visible-hidden.weight')).view();
  const abort = new AbortController();
  const run = await start({ signal: abort.signal });
  const seen = new Set();
  let frames = 0;
  const frame = () => {
    frames += 1;
    seen.add(view.values[0]);
    if (seen.size > 5 || frames > 200) abort.abort();
    else setTimeout(frame, 5);
  };
  frame();
  let code;
  try {
    for await (const _record of run) {
      // Only the view counts.
    }
  } catch (error) {
    code = error.code;
  }
  const info = await engine.info;
  await engine.close();
  return {
    code,
    live: view.live,
    shared: view.values.buffer.constructor.name,
    values: seen.size,
    threads: info.threads,
  };
}

/** Codes of calls under way, and of one after, when the engine is closed or, from outside, its worker is ended. */
async function end({ close, ...options }) {
  const { engine, model, start } = await openRun(options);
  const iteration = (await start())[Symbol.asyncIterator]();
  const drain = async () => {
    for (;;) await iteration.next();
  };
  const refused = (promise) =>
    promise.then(
      () => 'answered',
      ({ code, message }) => `${code}: ${message}`,
    );
  const running = refused(drain());
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (close) await engine.close();
  else globalThis.isRunning = true;
  return [await running, await refused(model.updates)];
}

const TASKS = { describe, digest, panic, reopen, digitsTiny, watch, end };

/** Runs one task; its answer, or what it threw, as plain data. */
export async function perform({ task, options }) {
  try {
    return { value: await TASKS[task](options) };
  } catch (error) {
    return { error: { code: error.code, message: String(error.message ?? error) } };
  }
}
