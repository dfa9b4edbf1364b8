/**
 * What a density model of real-valued rows is compared with: the Gaussian with the training rows' means and variances, and
 * the one with their whole covariance. In f64; a constant column has the variance `FLOOR`.
 */
import type { Dataset } from '../data/dataset.js';

/** The least variance. */
const FLOOR = 1e-6;

/** Mean log-densities of test rows, nats a row. */
export interface GaussianBaselines {
  readonly diagonal: number;
  readonly full: number;
}

/** Fits both to training rows by maximum likelihood and scores test rows. */
export function gaussianBaselines(train: Dataset, test: Dataset): GaussianBaselines {
  const means = train.columnMeans();
  const covariance = covarianceOf(train, means);
  const diagonal = covariance.map((row, i) => row.map((value, j) => (i === j ? value : 0)));
  return { diagonal: meanLogDensity(test, means, diagonal), full: meanLogDensity(test, means, covariance) };
}

function covarianceOf(data: Dataset, means: Float64Array): number[][] {
  const { rows, columns } = data;
  const values = data.values();
  const sums = Array.from({ length: columns }, () => new Array<number>(columns).fill(0));
  const centred = new Float64Array(columns);
  for (let row = 0; row < rows; row += 1) {
    for (let i = 0; i < columns; i += 1) centred[i] = values[row * columns + i]! - means[i]!;
    for (let i = 0; i < columns; i += 1) {
      const own = sums[i]!;
      for (let j = 0; j <= i; j += 1) own[j]! += centred[i]! * centred[j]!;
    }
  }
  return sums.map((row, i) => row.map((_, j) => sums[Math.max(i, j)]![Math.min(i, j)]! / rows + (i === j ? FLOOR : 0)));
}

function meanLogDensity(data: Dataset, means: Float64Array, covariance: readonly (readonly number[])[]): number {
  const factor = choleskyFactor(covariance);
  const { rows, columns } = data;
  const values = data.values();
  let constant = -0.5 * columns * Math.log(2 * Math.PI);
  factor.forEach((row, i) => {
    constant -= Math.log(row[i]!);
  });
  let squares = 0;
  const solved = new Float64Array(columns);
  for (let row = 0; row < rows; row += 1) {
    for (let i = 0; i < columns; i += 1) {
      let rest = values[row * columns + i]! - means[i]!;
      const own = factor[i]!;
      for (let j = 0; j < i; j += 1) rest -= own[j]! * solved[j]!;
      solved[i] = rest / own[i]!;
      squares += solved[i]! * solved[i]!;
    }
  }
  return constant - squares / 2 / rows;
}

/** The lower triangle L with `L Lᵀ` the matrix, which is positive definite. */
function choleskyFactor(matrix: readonly (readonly number[])[]): number[][] {
  const factor = matrix.map((row) => row.map(() => 0));
  matrix.forEach((row, i) => {
    for (let j = 0; j <= i; j += 1) {
      let rest = row[j]!;
      for (let k = 0; k < j; k += 1) rest -= factor[i]![k]! * factor[j]![k]!;
      factor[i]![j] = i === j ? Math.sqrt(Math.max(rest, FLOOR / 2)) : rest / factor[j]![j]!;
    }
  });
  return factor;
}
