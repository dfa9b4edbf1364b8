/**
 * The entry of a worker that holds an engine, in a browser. Nothing tells a page of a worker that is gone without an error; but
 * its locks are released. So it holds one of its own name, says so, and the page waits for it.
 */
import type { Endpoint } from 'comlink';
import { serve } from '../remote/serve.js';
import { READY } from './launch.js';

serve(globalThis as unknown as Endpoint);

void navigator.locks?.request(self.name, () => {
  postMessage(READY);
  return new Promise(() => {});
});
