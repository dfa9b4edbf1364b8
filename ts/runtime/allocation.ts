/** Two ways to use an engine's memory that everything above the runtime shares. */
import type { EngineBuffer } from './memory.js';
import type { Runtime } from './runtime.js';

/** What a kernel made, or `OUT_OF_MEMORY` with its name where the kernel had no memory for it. */
export function created<T>(runtime: Runtime, what: string, handle: T | undefined): T {
  if (handle !== undefined) return handle;
  const { bytesInUse } = runtime.views;
  throw runtime.outOfMemory(bytesInUse, what);
}

/** Memory for the length of a call. */
export function withScratch<T>(runtime: Runtime, bytes: number, work: (scratch: EngineBuffer) => T): T {
  const scratch = runtime.allocate(bytes);
  try {
    return work(scratch);
  } finally {
    scratch.free();
  }
}
