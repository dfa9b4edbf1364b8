/** A worker's part in an engine, the same on every host: join the instance, take the pool's job, mark a failure. */
import { bind } from '../wasm/mt.js';
import type { WorkerSetup } from './launch.js';

/** `pool::FAILED`: the mark in the signal word that makes the owner give up instead of waiting. */
const FAILED = 0x8000_0000 | 0;

/** Kernels keep little on the stack; wasm-bindgen would reserve twice as much for each thread. */
const STACK_BYTES = 1 << 20;

/**
 * Runs the worker until it is terminated. Calls `ready` once it can take its job. If anything throws, the owner, which may
 * be blocked and deaf to events, learns it through the shared memory; then the error goes on to the host.
 */
export function serve({ module, memory, receiver, signalAddress }: WorkerSetup, ready: () => void): void {
  try {
    const bound = bind({ startWorkers: refuseToStartWorkers });
    bound.startSync(module, memory, STACK_BYTES);
    ready();
    bound.wbg_rayon_start_worker(receiver);
    throw new Error("The worker's job ended.");
  } catch (error) {
    markFailure(memory, signalAddress);
    throw error;
  }
}

function markFailure(memory: WebAssembly.Memory, signalAddress: number): void {
  const words = new Int32Array(memory.buffer);
  Atomics.or(words, signalAddress / 4, FAILED);
  Atomics.notify(words, signalAddress / 4);
}

function refuseToStartWorkers(): Promise<void> {
  return Promise.reject(new Error('Only the owner of an engine starts workers.'));
}
