/**
 * What the browser tests let a page or its worker do; every answer is plain data. Served as it is, beside `/dist`.
 */
import { load } from '/dist/runtime/load.js';
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
async function digitsTiny(options) {
  const { bytes, info } = await trainDigitsTiny(new URL('/dist/', location.href), options);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
  return { info, sha256: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

const TASKS = { describe, digest, panic, reopen, digitsTiny };

/** Runs one task; its answer, or what it threw, as plain data. */
export async function perform({ task, options }) {
  try {
    return { value: await TASKS[task](options) };
  } catch (error) {
    return { error: { code: error.code, message: String(error.message ?? error) } };
  }
}
