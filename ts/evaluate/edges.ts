/**
 * Whether receptive fields are localised and oriented, as those of natural pictures are in the literature (Olshausen and Field
 * 1996): a filter is an edge where its weights vary mostly along one direction and are neither a few points nor all over.
 *
 * 1. Direction: of the structure tensor `J = Σ ∇w ∇wᵀ` over all squares of 2 × 2 weights, the coherence
 *    `(λ₁ − λ₂) / (λ₁ + λ₂)`, 0 where all directions are alike and 1 for straight stripes.
 * 2. Extent: the participation `(Σ w²)² / Σ w⁴`, in pixels; all pixels for equal weights, and a third of them for normal noise.
 */

/** From this coherence on a filter has a direction. Noise of 16 × 16 has 0.07. */
export const COHERENT_FROM = 0.4;
/** An edge takes more pixels than a point does, and at most this share of all. */
export const LEAST_PIXELS = 6;
export const MOST_SHARE = 0.5;

/** Coherence, 0 to 1, and extent in pixels of a filter, `[height, width]` row-major; both 0 for one without weights. */
export function edgeOf(
  filter: ArrayLike<number>,
  height: number,
  width: number,
): { readonly coherence: number; readonly pixels: number } {
  let [squares, fourths] = [0, 0];
  for (let place = 0; place < height * width; place += 1) {
    const square = filter[place]! * filter[place]!;
    squares += square;
    fourths += square * square;
  }
  let [xx, yy, xy] = [0, 0, 0];
  for (let y = 0; y + 1 < height; y += 1) {
    for (let x = 0; x + 1 < width; x += 1) {
      const at = y * width + x;
      const [a, b, c, d] = [filter[at]!, filter[at + 1]!, filter[at + width]!, filter[at + width + 1]!];
      const [right, down] = [b + d - a - c, c + d - a - b];
      xx += right * right;
      yy += down * down;
      xy += right * down;
    }
  }
  const coherence = xx + yy > 0 ? Math.sqrt((xx - yy) * (xx - yy) + 4 * xy * xy) / (xx + yy) : 0;
  return { coherence, pixels: fourths > 0 ? (squares * squares) / fourths : 0 };
}

/** The share, 0 to 1, of filters that are edges; `filters` are `[count, height * width]`. */
export function shareOfEdgeFilters(filters: Float32Array, height: number, width: number): number {
  const size = height * width;
  const count = filters.length / size;
  let edges = 0;
  for (let filter = 0; filter < count; filter += 1) {
    const { coherence, pixels } = edgeOf(filters.subarray(filter * size, (filter + 1) * size), height, width);
    if (coherence >= COHERENT_FROM && pixels >= LEAST_PIXELS && pixels <= MOST_SHARE * size) edges += 1;
  }
  return edges / Math.max(1, count);
}
