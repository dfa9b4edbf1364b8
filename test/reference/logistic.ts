/**
 * The scalar functions of the models in f64, and the measures of f32 accuracy.
 *
 * These are the definitions that the f32 kernels are held against. Each is written in the form that loses no digits:
 * no large exponential is ever taken, and small terms go through log1p. Their own error is a few f64 units in the last
 * place, which is about 2^-29 of an f32 unit and so counts as exact there.
 */

/** e^x. */
export function exp(x: number): number {
  return Math.exp(x);
}

/** Natural logarithm of x. */
export function log(x: number): number {
  return Math.log(x);
}

/** 1 / (1 + e^-x), without overflow and with full relative accuracy in the lower tail. */
export function logistic(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** log(1 + e^x): the log-partition of a binary unit with total input x. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** log Σ e^x over the values; −Infinity where there are none. */
export function logSumExp(values: ArrayLike<number>): number {
  let largest = -Infinity;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i]!);
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - largest);
  return largest + Math.log(sum);
}

/** e^x_i / Σ e^x over the values. */
export function softmax(values: ArrayLike<number>): number[] {
  const normaliser = logSumExp(values);
  return Array.from(values, (x) => Math.exp(x - normaliser));
}

const wordView = new Int32Array(1);
const floatView = new Float32Array(wordView.buffer);

/** Places the finite f32 numbers and the infinities on the integers, in order and without gaps; both zeros at 0. */
function positionF32(x: number): number {
  floatView[0] = x;
  const word = wordView[0]!;
  return word >= 0 ? word : -(word & 0x7fffffff);
}

/**
 * How many f32 steps lie between `fround(a)` and `fround(b)`: 0 for equal numbers (the two zeros are equal, and so are
 * two NaNs), 1 for neighbours; Infinity where just one of the two is NaN.
 */
export function ulpDistanceF32(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
  return Math.abs(positionF32(a) - positionF32(b));
}

/** The gap between f32 numbers in the binade of x: 2^(e−23), and 2^-149 among the subnormals; NaN where x is not finite. */
export function ulpF32(x: number): number {
  const magnitude = Math.abs(x);
  if (!Number.isFinite(magnitude)) return Number.NaN;
  let binade = 2 ** -126;
  while (binade * 2 <= magnitude && binade < 2 ** 127) binade *= 2;
  return binade * 2 ** -23;
}

/**
 * The error of an f32 result in units of the last place of the exact f64 value: at most 0.5 for a correctly rounded
 * one. Where the exact value rounds to an infinity or to NaN, 0 for that same result and Infinity for any other.
 */
export function errorUlpsF32(actual: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (!Number.isFinite(rounded)) return Object.is(actual, rounded) ? 0 : Infinity;
  if (!Number.isFinite(actual)) return Infinity;
  return Math.abs(actual - exact) / ulpF32(exact);
}
