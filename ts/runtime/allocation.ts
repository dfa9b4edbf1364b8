/** Ways to use an engine's memory that everything above the runtime shares. */
import type { EngineBuffer } from './memory.js';
import type { Runtime } from './runtime.js';

/** What a kernel made, or `OUT_OF_MEMORY` with its name where the kernel had no memory for it. */
export function created<T>(runtime: Runtime, what: string, handle: T | undefined): T {
  if (handle !== undefined) return handle;
  const { bytesInUse } = runtime.views;
  throw runtime.outOfMemory(bytesInUse, what);
}

/** What `make` makes; where it throws, everything that it passed through `own` is freed first. */
export function allOrNothing<T>(make: (own: <B extends { free(): void }>(thing: B) => B) => T): T {
  const made: { free(): void }[] = [];
  try {
    return make((thing) => {
      made.push(thing);
      return thing;
    });
  } catch (error) {
    for (const thing of made) thing.free();
    throw error;
  }
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

/** Memory that holds these floats, for the length of a call. */
export function withFloats<T>(runtime: Runtime, values: ArrayLike<number>, work: (held: EngineBuffer) => T): T {
  return withScratch(runtime, values.length * 4, (scratch) => {
    scratch.floats().set(values);
    return work(scratch);
  });
}

/** A copy of `count` floats that a kernel writes. */
export function readFloats(
  runtime: Runtime,
  count: number,
  fill: (out: EngineBuffer) => void,
): Float32Array<ArrayBuffer> {
  return withScratch(runtime, count * 4, (scratch) => {
    fill(scratch);
    return new Float32Array(scratch.floats().subarray(0, count));
  });
}

/** What the kernels' function (0 exp, 1 log) makes of each number: the same bits on every host. */
function elementwise(runtime: Runtime, code: number, values: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return withFloats(runtime, values, (held) => {
    runtime.kernels.elementwise(code, held.handle);
    return new Float32Array(held.floats().subarray(0, values.length));
  });
}

/** `e^x` of each number. */
export function exponentials(runtime: Runtime, values: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return elementwise(runtime, 0, values);
}

/** The natural logarithm of each number, which is positive. */
export function logarithms(runtime: Runtime, values: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return elementwise(runtime, 1, values);
}

/** What the kernels' function (0 exp, 1 log) makes of each f64: the same bits on every host. */
function elementwiseDoubles(runtime: Runtime, code: number, values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return withScratch(runtime, values.length * 8, (held) => {
    held.doubles().set(values);
    runtime.kernels.elementwiseDoubles(code, held.handle);
    return new Float64Array(held.doubles().subarray(0, values.length));
  });
}

/** `e^x` of each number, in f64. */
export function doubleExponentials(runtime: Runtime, values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return elementwiseDoubles(runtime, 0, values);
}

/** The natural logarithm of each number, in f64; −∞ of 0. */
export function doubleLogarithms(runtime: Runtime, values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return elementwiseDoubles(runtime, 1, values);
}

/** `log Σ e^x` of each row of `[rows, columns]`, in f64, terms ascending; −∞ where all terms are. */
export function logSumExps(runtime: Runtime, values: Float64Array, columns: number): Float64Array<ArrayBuffer> {
  const rows = values.length / columns;
  const largest = Float64Array.from({ length: rows }, (_, row) => {
    const most = values.subarray(row * columns, (row + 1) * columns).reduce((a, b) => Math.max(a, b), -Infinity);
    return most === -Infinity ? 0 : most;
  });
  const shares = doubleExponentials(
    runtime,
    values.map((x, place) => x - largest[Math.floor(place / columns)]!),
  );
  const sums = Float64Array.from({ length: rows }, (_, row) => {
    return shares.subarray(row * columns, (row + 1) * columns).reduce((sum, share) => sum + share, 0);
  });
  return doubleLogarithms(runtime, sums).map((log, row) => log + largest[row]!);
}
