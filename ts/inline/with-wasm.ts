/** The doors to an engine for those who bring the wasm of one thread along. */
import { type Engine, load as loadHere } from '../engine.js';
import { loadInWorker as loadThere } from '../remote/load-in-worker.js';
import type { RemoteEngine } from '../remote/types.js';
import type { LoadOptions, WasmSource } from '../runtime/load.js';

export interface Doors {
  load(options?: LoadOptions): Promise<Engine>;
  loadInWorker(options?: LoadOptions): Promise<RemoteEngine>;
}

/** `load()` and `loadInWorker()` with one thread and this wasm, unless options say otherwise. `st` is made once, when needed. */
export function doorsWith(st: () => WasmSource): Doors {
  const complete = (options: LoadOptions = {}): LoadOptions => ({
    ...options,
    artefact: options.artefact ?? 'st',
    wasm: { ...options.wasm, st: options.wasm?.st ?? st() },
  });
  return {
    load: async (options) => loadHere(complete(options)),
    loadInWorker: async (options) => loadThere(complete(options)),
  };
}
