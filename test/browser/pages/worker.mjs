/** The test's own worker: runs the engine where blocking is allowed and posts what came out. */
import { digests } from '/test/digests/calls.mjs';
import { trainDigitsTiny } from '/test/hosts/digits-tiny.mjs';

const base = new URL('/dist/', self.location.href).href;

self.onmessage = async ({ data: options }) => {
  try {
    const { load } = await import('/dist/runtime/load.js');
    const runtime = await load(options);
    const found = digests(runtime);
    runtime.close();
    const { bytes, info } = await trainDigitsTiny(base, options);
    self.postMessage({ digests: found, bytes, info, isolated: self.crossOriginIsolated });
  } catch (error) {
    self.postMessage({ error: `${error.code ?? error.name}: ${error.message}` });
  }
};
