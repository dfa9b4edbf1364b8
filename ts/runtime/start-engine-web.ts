/**
 * Starts a worker that holds an engine, in a browser. It stands apart from the launcher, which such a worker itself needs: a
 * worker whose modules lead to its own start is a circle that bundlers refuse.
 */
import { type EngineWorker, READY } from './launch.js';

/** `onEnd` hears when it fails or ends, or could not be loaded. */
export function startEngine(onEnd: (cause: unknown) => void): EngineWorker {
  const name = `wakesleep engine ${globalThis.crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
  const worker = new Worker(new URL('./engine-web.js', import.meta.url), { type: 'module', name });
  const watch = new AbortController();
  worker.addEventListener('error', (event) => onEnd(new Error(event.message || 'The worker could not be loaded.')));
  worker.addEventListener('message', ({ data }) => {
    if (data === READY) watchLock(name, watch.signal, () => onEnd(new Error('The worker ended.')));
  });
  return {
    endpoint: worker,
    hold() {},
    async end() {
      watch.abort();
      worker.terminate();
    },
  };
}

/** Hears when the worker that holds the lock is gone. */
function watchLock(name: string, signal: AbortSignal, onGone: () => void): void {
  // What rejects is that the watch was given up.
  navigator.locks.request(name, { signal }, onGone).catch(() => {});
}
