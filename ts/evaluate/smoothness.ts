/** Whether receptive fields have learned strokes: neighbouring weights of a filter that saw only noise do not agree. */

/** From this correlation on a filter counts as smooth. */
export const SMOOTH_FROM = 0.5;

/**
 * The lag-1 spatial correlation of a filter: Pearson's correlation between the weights of all pairs of pixels that are
 * neighbours in a row or a column; 0 for a filter that is constant. `filter` is `[height, width]`, row-major.
 */
export function neighbourCorrelation(filter: ArrayLike<number>, height: number, width: number): number {
  let [pairs, sumA, sumB, sumAA, sumBB, sumAB] = [0, 0, 0, 0, 0, 0];
  const add = (a: number, b: number) => {
    pairs += 1;
    sumA += a;
    sumB += b;
    sumAA += a * a;
    sumBB += b * b;
    sumAB += a * b;
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const here = filter[y * width + x]!;
      if (x + 1 < width) add(here, filter[y * width + x + 1]!);
      if (y + 1 < height) add(here, filter[(y + 1) * width + x]!);
    }
  }
  const varianceA = pairs * sumAA - sumA * sumA;
  const varianceB = pairs * sumBB - sumB * sumB;
  const spread = Math.sqrt(varianceA * varianceB);
  return spread > 0 ? (pairs * sumAB - sumA * sumB) / spread : 0;
}

/** The share, 0 to 1, of filters whose lag-1 correlation is at least 0.5; `filters` are `[count, height * width]`. */
export function shareOfSmoothFilters(filters: Float32Array, height: number, width: number): number {
  const size = height * width;
  const count = filters.length / size;
  let smooth = 0;
  for (let filter = 0; filter < count; filter += 1) {
    const weights = filters.subarray(filter * size, (filter + 1) * size);
    if (neighbourCorrelation(weights, height, width) >= SMOOTH_FROM) smooth += 1;
  }
  return smooth / Math.max(1, count);
}
