/** Random numbers of the sets that are drawn by code: integers and division alone, the same on every host. */

/** A number between two ends, the first included. */
export type Uniform = (least: number, most: number) => number;

/** Marsaglia, "Xorshift RNGs", 2003: 32 bits of state, which are never all zero. */
export function uniformNumbers(seed: number): Uniform {
  let state = seed | 0;
  return (least, most) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return least + (most - least) * ((state >>> 0) / 2 ** 32);
  };
}
