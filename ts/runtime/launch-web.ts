/** The launcher for browsers: Web Workers, and wasm compiled while it is fetched. */
import { type Launcher, READY, type WorkerSetup, type Workers, withinStartLimit } from './launch.js';

export const launcher: Launcher = { compile, startWorkers };

async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${response.statusText}.`);
  // Streaming compilation insists on the media type, which small servers often do not send.
  const streams = response.headers.get('Content-Type')?.startsWith('application/wasm') === true;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
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
        const cause = new Error(event.message || 'A worker could not be loaded.');
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
