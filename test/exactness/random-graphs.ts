/**
 * How many random graphs a property is tried on: as many as its test says, or `WAKESLEEP_GRAPHS` of them for a longer look
 * (`WAKESLEEP_GRAPHS=1000 npx vitest run --config test/vitest.config.mjs test/exactness`).
 */
export function graphCount(usual: number): number {
  return Number(process.env.WAKESLEEP_GRAPHS) || usual;
}

/**
 * The largest z of χ² over `tests` tests. Few cells make χ² skewed, so that 7 is passed by chance less than once in a hundred
 * runs of a hundred tests; a thousand tests are held against 9.
 */
export function largestZ(tests: number): number {
  return tests > 100 ? 9 : 7;
}
