/**
 * Bars and stripes: each row or each column of a small square is wholly on or wholly off.
 *
 * A draw first picks the direction, then tosses a coin per line. The all-off and the all-on square come from both
 * directions, so of the 2 · 2^3 = 16 equally likely draws of the 3×3 square only 14 patterns are distinct, and two of
 * them have probability 1/8. The best log-likelihood that any model can reach on the draws is minus the entropy,
 * −(12/16) log 16 − (2/8) log 8 = −(15/4) log 2 = −2.5993 nats per row, and not −log 14.
 */

const SIDE = 3;

/** Units of a row: 9 pixels, row-major. */
export const barsAndStripesUnits = SIDE * SIDE;

/** The pattern whose line `k`, along rows or columns, is bit `k` of `lines`. */
function pattern(lines: number, alongRows: boolean): number[] {
  const pixels: number[] = [];
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) pixels.push((lines >> (alongRows ? y : x)) & 1);
  }
  return pixels;
}

/** The 16 equally likely draws, `[16][9]`: a data set with each row once has exactly the right distribution. */
export function barsAndStripesDraws(): number[][] {
  const draws: number[][] = [];
  for (const alongRows of [true, false]) {
    for (let lines = 0; lines < 1 << SIDE; lines++) draws.push(pattern(lines, alongRows));
  }
  return draws;
}

/** The 14 distinct patterns `[14][9]`, in order of first draw, and the probability of each. */
export function barsAndStripesDistribution(): { patterns: number[][]; probabilities: number[] } {
  const draws = barsAndStripesDraws();
  const drawsOf = new Map<string, { row: number[]; count: number }>();
  for (const row of draws) {
    const entry = drawsOf.get(row.join(''));
    if (entry) entry.count++;
    else drawsOf.set(row.join(''), { row, count: 1 });
  }
  const entries = [...drawsOf.values()];
  return {
    patterns: entries.map(({ row }) => row),
    probabilities: entries.map(({ count }) => count / draws.length),
  };
}

/** The log-likelihood of the data under their own distribution, minus the entropy: −2.5993 nats per row. */
export function barsAndStripesOptimum(): number {
  let logLikelihood = 0;
  for (const p of barsAndStripesDistribution().probabilities) logLikelihood += p * Math.log(p);
  return logLikelihood;
}
