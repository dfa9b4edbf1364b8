/** The launcher for browsers: Web Workers, and wasm compiled while it is fetched. */
import { type EngineWorker, type Launcher, READY, type WorkerSetup, type Workers, withinStartLimit } from './launch.js';

export const launcher: Launcher = { compile, startEngine, startWorkers };

async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${response.statusText}.`);
  // Streaming compilation insists on the media type, which small servers often do not send.
  const streams = response.headers.get('Content-Type')?.startsWith('application/wasm') === true;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

function startEngine(onEnd: (cause: unknown) => void): EngineWorker {
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

async function startWorkers(setup: WorkerSetup, count: number, onFailure: (cause: unknown) => void): Promise<Workers> {
  const workers = Array.from(
    { length: count },
    // Written out here, because bundlers look for exactly this form.
    () => new Worker(new URL('./worker-web.js', import.meta.url), { type: 'module', name: 'wakesleep' }),
  );
  const close = () => {
    for (const worker of workers) worker.terminate();
  };
  const starts = workers.map((worker) =>
    withinStartLimit((ready, fail) => {
      worker.onmessage = ({ data }) => {
        if (data === READY) ready();
      };
      worker.onerror = (event) => {
        const cause = new Error(event.message || `The worker ${worker} could not be loaded.`);
        fail(cause);
        onFailure(cause);
      };
      worker.postMessage(setup);
    }),
  );
  try {
    await Promise.all(starts);
  } catch (cause) {
    close();
    throw cause;
  }
  return { close };
}
