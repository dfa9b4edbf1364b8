/**
 * Addresses of random draws. A stream's key is a seed; what a draw is for, its layer, the update and the sweep make up
 * the rest of its address, so that a draw does not depend on threads, batches or what was drawn before.
 */
import type { Runtime } from './runtime/runtime.js';
import type { Stream } from './wasm/st.js';

/** What draws are for; the numbers are part of the stream's definition (`streamVersion`). */
export const purposes = {
  initial: 1,
  order: 2,
  binarise: 3,
  train: 4,
  sample: 5,
  anneal: 7,
  score: 8,
  dropout: 10,
  swap: 11,
  missing: 12,
  accept: 13,
  posterior: 20,
} as const;

/** The two words of a seed, an integer from 0 to 2^53 − 1. */
export function seedWords(seed: number): [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32)];
}

/** A stream for one purpose and layer; `at(update, sweep)` moves it. */
export function noiseStream(runtime: Runtime, seed: number, purpose: keyof typeof purposes, layer: number): Stream {
  const [low, high] = seedWords(seed);
  return new runtime.kernels.Stream(low, high, purposes[purpose], layer);
}
