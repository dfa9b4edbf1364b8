/**
 * The launcher for Node, Deno and Bun (`node:worker_threads`), and what these systems tell of their cores; it is loaded on
 * those hosts only. It asks the process for `node:` modules instead of importing them, so that a bundler for browsers or edge
 * runtimes meets nothing here that those hosts lack.
 */
import { coresGranted } from './cores.js';
import { type Launcher, READY, type WorkerSetup, type Workers, withinStartLimit } from './launch.js';

const { readFileSync } = process.getBuiltinModule('node:fs');
const { readFile } = process.getBuiltinModule('node:fs/promises');
const { availableParallelism } = process.getBuiltinModule('node:os');
const { Worker } = process.getBuiltinModule('node:worker_threads');

export const launcher: Launcher = { compile, startWorkers };

/** Cores that this process is granted, and the sentence that says why not more. */
export function grantedCores(): { cores: number; reason: string } {
  const environment = { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: readVariable('AWS_LAMBDA_FUNCTION_MEMORY_SIZE') };
  return coresGranted({ parallelism: availableParallelism(), environment, readText: readTextIfThere });
}

/** A variable of the environment; undefined too where Deno may not look. */
function readVariable(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

function readTextIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  if (url.protocol === 'file:') return WebAssembly.compile(await readFile(url));
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${response.statusText}.`);
  return WebAssembly.compile(await response.arrayBuffer());
}

async function startWorkers(setup: WorkerSetup, count: number, onFailure: (cause: unknown) => void): Promise<Workers> {
  let closing = false;
  const url = new URL('./worker-node.js', import.meta.url);
  // Options of this process (loaders, inspectors) are not for the pool: they would cost start-up and could break it.
  const options = { workerData: setup, execArgv: [], name: 'wakesleep' };
  const workers = Array.from({ length: count }, () => new Worker(url, options));
  const close = () => {
    closing = true;
    for (const worker of workers) void worker.terminate();
  };
  const starts = workers.map((worker) =>
    withinStartLimit((ready, fail) => {
      const failure = (cause: unknown) => {
        if (closing) return;
        fail(cause);
        onFailure(cause);
      };
      worker.on('message', (message) => {
        if (message === READY) ready();
      });
      worker.on('error', failure);
      worker.on('exit', (code) => failure(new Error(`A worker ended with code ${code}.`)));
    }),
  );
  try {
    await Promise.all(starts);
  } catch (cause) {
    close();
    throw cause;
  }
  // Only now, and after the last `on('message')`: a worker that is not referenced could let the process end while it
  // starts, and listening for messages would reference it again.
  for (const worker of workers) worker.unref();
  return { close };
}
