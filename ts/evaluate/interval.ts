/** How sure a share is that was counted over rows. */

/** The quantile of the normal distribution that leaves out 2.5 % at either side. */
const Z = 1.959963984540054;

/**
 * The 95 % interval of a share of which `count` of `rows` were counted, 0 to 1 (Wilson 1927): it is right for few too, and
 * for none.
 */
export function shareInterval(count: number, rows: number): { readonly low: number; readonly high: number } {
  const share = count / rows;
  const middle = (share + (Z * Z) / (2 * rows)) / (1 + (Z * Z) / rows);
  const reach = (Z / (1 + (Z * Z) / rows)) * Math.sqrt((share * (1 - share)) / rows + (Z * Z) / (4 * rows * rows));
  return { low: Math.max(0, middle - reach), high: Math.min(1, middle + reach) };
}
