/**
 * Tests of fit with stated error rates, and the two judges of what a model learned.
 *
 * Bounds are in standard errors, so they follow from the sample size and hold for a fixed seed without retries.
 */

/** The outcome of a χ² test; for large `degrees` and a right sampler `z` is close to standard normal. */
export interface ChiSquare {
  /** Σ (observed − expected)² / expected over the cells. */
  chiSquare: number;
  /** Cells − 1. */
  degrees: number;
  /** (χ² − d) / √(2d); Infinity where a state of probability 0 was seen. */
  z: number;
}

/** A cell with a smaller expected count is pooled with others: below it the count is too far from normal. */
const SMALLEST_EXPECTATION = 10;

/** How far probabilities may sum from 1 before they are taken for a mistake of the caller. */
const PROBABILITY_SUM_TOLERANCE = 1e-9;

/**
 * Whether `n` independent draws, counted per state, fit the expected probabilities.
 *
 * States with expectation ≥ 10 are cells of their own and the rest is one cell; where even that one stays below 10, it
 * is joined to the smallest cell. The usual bound is z < 5. χ² is skewed, so at few degrees of freedom that bound is
 * passed by chance more often than a normal tail says (about 4e-4 at d = 10, 4e-5 at d = 50, 2e-6 at d = 500): test
 * over many states, or choose the bound for the number of tests made.
 */
export function chiSquare(
  observedCounts: ArrayLike<number>,
  expectedProbabilities: ArrayLike<number>,
  n: number,
): ChiSquare {
  checkCounts(observedCounts, expectedProbabilities, n);
  const cells: { observed: number; expected: number }[] = [];
  const pool = { observed: 0, expected: 0 };
  let sawImpossible = false;
  for (let state = 0; state < observedCounts.length; state++) {
    const observed = observedCounts[state]!;
    const expected = n * expectedProbabilities[state]!;
    if (expected === 0 && observed > 0) sawImpossible = true;
    if (expected >= SMALLEST_EXPECTATION) {
      cells.push({ observed, expected });
    } else {
      pool.observed += observed;
      pool.expected += expected;
    }
  }
  addPool(cells, pool);
  const degrees = cells.length - 1;
  if (degrees < 1) throw new Error(`A chi-square test needs two cells with expectation 10; got ${cells.length}.`);
  let sum = 0;
  for (const { observed, expected } of cells) sum += (observed - expected) ** 2 / expected;
  return { chiSquare: sum, degrees, z: sawImpossible ? Infinity : (sum - degrees) / Math.sqrt(2 * degrees) };
}

function checkCounts(counts: ArrayLike<number>, probabilities: ArrayLike<number>, n: number): void {
  if (counts.length !== probabilities.length) {
    throw new Error(
      `Counts and probabilities must be of the same states; got ${counts.length} and ${probabilities.length}.`,
    );
  }
  let counted = 0;
  let total = 0;
  for (let state = 0; state < counts.length; state++) {
    counted += counts[state]!;
    if (!(probabilities[state]! >= 0))
      throw new Error(`Probability ${state} must be at least 0; got ${probabilities[state]}.`);
    total += probabilities[state]!;
  }
  if (counted !== n) throw new Error(`The counts must sum to n = ${n}; got ${counted}.`);
  if (!(Math.abs(total - 1) <= PROBABILITY_SUM_TOLERANCE))
    throw new Error(`Probabilities must sum to 1; got ${total}.`);
}

function addPool(cells: { observed: number; expected: number }[], pool: { observed: number; expected: number }): void {
  if (pool.expected >= SMALLEST_EXPECTATION) {
    cells.push(pool);
    return;
  }
  const smallest = cells.reduce((a, b) => (b.expected < a.expected ? b : a), cells[0] ?? pool);
  smallest.observed += pool.observed;
  smallest.expected += pool.expected;
}

/**
 * Whether a sample mean lies within `bars` standard errors of the exact value. The standard error is the caller's, and
 * must count the autocorrelation of the draws; 0 asks for equality. False where the mean is NaN.
 */
export function meanWithin(sampleMean: number, exact: number, standardError: number, bars: number): boolean {
  if (!(standardError >= 0) || !(bars > 0)) {
    throw new Error(`The standard error must be at least 0 and the bars above 0; got ${standardError} and ${bars}.`);
  }
  return Math.abs(sampleMean - exact) <= bars * standardError;
}

/** The mean of independent draws and its standard error, √(sample variance / n); at least two draws. */
export function meanAndStandardError(draws: ArrayLike<number>): { mean: number; standardError: number } {
  const n = draws.length;
  if (n < 2) throw new Error(`A standard error needs at least 2 draws; got ${n}.`);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += draws[i]!;
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (draws[i]! - mean) ** 2;
  return { mean, standardError: Math.sqrt(squares / (n - 1) / n) };
}

/**
 * The label that most of the `k` nearest rows carry, by Euclidean distance. Of equally near rows the earlier counts as
 * nearer; of labels with equally many votes the one with the nearest row wins.
 *
 * @param rows training rows, each of the same length as `query`; at least `k` of them.
 * @param labels one per training row.
 */
export function nearestNeighbourLabel(
  rows: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  query: ArrayLike<number>,
  k = 3,
): number {
  if (rows.length !== labels.length || rows.length < k) {
    throw new Error(`There must be a label per row and at least ${k} rows; got ${rows.length} and ${labels.length}.`);
  }
  const nearest: { distance: number; label: number }[] = [];
  for (let r = 0; r < rows.length; r++) {
    const worst = nearest.length < k ? Infinity : nearest[k - 1]!.distance;
    const distance = squaredDistanceBelow(rows[r]!, query, worst);
    if (distance >= worst) continue;
    let place = nearest.length;
    while (place > 0 && nearest[place - 1]!.distance > distance) place--;
    nearest.splice(place, 0, { distance, label: labels[r]! });
    if (nearest.length > k) nearest.pop();
  }
  return majority(nearest.map(({ label }) => label));
}

/** The squared distance, or any partial sum of it that has reached `limit`: a farther row needs no exact distance. */
function squaredDistanceBelow(a: ArrayLike<number>, b: ArrayLike<number>, limit: number): number {
  if (a.length !== b.length) throw new Error(`Rows must be of the query's length ${b.length}; got ${a.length}.`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
    if (sum >= limit) return sum;
  }
  return sum;
}

function majority(labelsNearestFirst: readonly number[]): number {
  const votes = new Map<number, number>();
  for (const label of labelsNearestFirst) votes.set(label, (votes.get(label) ?? 0) + 1);
  // A map keeps the order of first insertion, so that among equals the label with the nearest row is met first.
  let winner = labelsNearestFirst[0]!;
  for (const [label, count] of votes) if (count > votes.get(winner)!) winner = label;
  return winner;
}

/**
 * The lag-1 spatial correlation of a filter: Pearson's correlation of the pixels with their right neighbours and that
 * with their lower neighbours, averaged. Near 1 for smooth strokes, near 0 for noise; a direction without variance
 * counts as 0, as nothing was learned there.
 *
 * @param image `height` × `width` numbers, row-major; both sides at least 2.
 */
export function neighbourCorrelation(image: ArrayLike<number>, height: number, width: number): number {
  if (image.length !== height * width || height < 2 || width < 2) {
    throw new Error(`An image of ${height} x ${width} must have both sides above 1; got ${image.length} numbers.`);
  }
  const horizontal: [number, number][] = [];
  const vertical: [number, number][] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = image[y * width + x]!;
      if (x + 1 < width) horizontal.push([here, image[y * width + x + 1]!]);
      if (y + 1 < height) vertical.push([here, image[(y + 1) * width + x]!]);
    }
  }
  return (correlation(horizontal) + correlation(vertical)) / 2;
}

function correlation(pairs: readonly (readonly [number, number])[]): number {
  // Asked of the numbers themselves, since the rounding of a mean leaves a constant with a little false variance.
  const [firstA, firstB] = pairs[0]!;
  if (pairs.every(([a]) => a === firstA) || pairs.every(([, b]) => b === firstB)) return 0;
  let meanA = 0;
  let meanB = 0;
  for (const [a, b] of pairs) {
    meanA += a / pairs.length;
    meanB += b / pairs.length;
  }
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (const [a, b] of pairs) {
    product += (a - meanA) * (b - meanB);
    squaresA += (a - meanA) ** 2;
    squaresB += (b - meanB) ** 2;
  }
  return product / Math.sqrt(squaresA * squaresB);
}
