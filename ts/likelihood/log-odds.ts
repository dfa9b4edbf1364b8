/** Biases of binary units that have given means. */
import { withScratch } from '../runtime/allocation.js';
import type { Runtime } from '../runtime/runtime.js';

/** Means closer to 0 or 1 than this are brought that far away. */
const CLOSEST = 1e-4;

/** `log p / (1 − p)` of each mean, by the kernels' logarithm. */
export function logOdds(runtime: Runtime, means: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return withScratch(runtime, means.length * 4, (scratch) => {
    const values = scratch.floats();
    for (let unit = 0; unit < means.length; unit += 1) {
      const p = Math.min(Math.max(means[unit]!, CLOSEST), 1 - CLOSEST);
      values[unit] = p / (1 - p);
    }
    runtime.kernels.elementwise(1, scratch.handle);
    return new Float32Array(scratch.floats());
  });
}
