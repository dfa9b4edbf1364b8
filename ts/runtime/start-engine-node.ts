/** Starts a worker that holds an engine, on Node, Deno and Bun. */
import type { EngineWorker } from './launch.js';
import { endpointOf } from './node-endpoint.js';

// Asked for, not imported: see launch-node.ts.
const { Worker } = process.getBuiltinModule('node:worker_threads');

/** `onEnd` hears when it fails or ends, or could not be loaded. */
export function startEngine(onEnd: (cause: unknown) => void): EngineWorker {
  const url = new URL('./engine-node.js', import.meta.url);
  const worker = new Worker(url, { execArgv: [], name: 'wakesleep engine' });
  worker.on('error', onEnd);
  worker.on('exit', (code) => onEnd(new Error(`The worker ended with code ${code}.`)));
  worker.unref();
  return {
    endpoint: endpointOf(worker),
    hold: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
    async end() {
      await worker.terminate();
    },
  };
}
