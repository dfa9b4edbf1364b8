/** The public door of ts/remote: an engine in a worker. */
import type { LoadOptions } from '../runtime/load.js';
import { openLink } from './link.js';
import type { RemoteEngine } from './types.js';

/**
 * Starts an engine in a worker of its own, so that this thread stays free: in a browser the only way to threads. It takes what
 * `load()` takes and has the same names; every method and property is a promise, runs are iterated with `for await`, and models,
 * data sets, runs and parameters are handles that can be passed back to it as arguments. `view()` of a parameter is live where
 * the memory is shared (artefact `mt`), a copy otherwise; its `live` says which.
 *
 * Every call settles: `close()` ends the worker at once and refuses what is under way with `ENGINE_CLOSED`, a worker that dies
 * with `ENGINE_FAILED`. The process can end while no call is under way. Throws what `load()` throws, and `THREADS_UNAVAILABLE`
 * where the host has no workers.
 */
export async function loadInWorker(options: LoadOptions = {}): Promise<RemoteEngine> {
  return (await openLink(options)) as RemoteEngine;
}
