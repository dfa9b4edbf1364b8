/**
 * The summation contract, in plain loops: what the fast kernels must give to the bit, on every path.
 *
 * Each operation is one f32 operation: operands are f32 and every single result goes through `Math.fround`. The f64
 * arithmetic underneath cannot show: a product of two f32 numbers is exact in f64, and for sums and quotients f64 has
 * more than twice the digits of f32, so that rounding twice is rounding once.
 *
 * Terms that are certainly zero may be skipped by a kernel. With finite weights that changes no bit: accumulators start
 * at +0 or at a bias + 0, so they are never −0, and adding a zero of either sign leaves every other number as it is.
 *
 * Matrices are flat and row-major. Numbers given are rounded to f32 when they are read.
 */

const f32 = Math.fround;

/** The smallest normal f32, 2^-126: velocities of smaller magnitude are flushed to +0. */
export const SMALLEST_NORMAL_F32 = 2 ** -126;

/** One connection into the layer whose inputs are summed. */
export interface PropagationSource {
  /** Source units of the connection. */
  units: number;
  /** States or means of the source layer, `[rows, units]`. */
  values: ArrayLike<number>;
  /** `[units, targets]`: the row of a source unit holds its weight to every target. */
  weights: ArrayLike<number>;
}

/**
 * Total inputs of a layer, `[rows, targets]`: each starts at bias + 0, and takes the sources in the order given and
 * their units ascending, one f32 product and one f32 addition each.
 *
 * @param bias `[targets]`.
 */
export function propagate(
  rows: number,
  targets: number,
  bias: ArrayLike<number>,
  sources: readonly PropagationSource[],
): Float32Array {
  checkLength('bias', bias, targets);
  for (const source of sources) {
    checkLength('values', source.values, rows * source.units);
    checkLength('weights', source.weights, source.units * targets);
  }
  const inputs = new Float32Array(rows * targets);
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < targets; j++) {
      let acc = f32(f32(bias[j]!) + 0);
      for (const { units, values, weights } of sources) {
        for (let k = 0; k < units; k++) {
          const product = f32(f32(values[r * units + k]!) * f32(weights[k * targets + j]!));
          acc = f32(acc + product);
        }
      }
      inputs[r * targets + j] = acc;
    }
  }
  return inputs;
}

/** One phase of a statistic: cases in order. */
export interface StatisticPhase {
  /** Cases; the two phases need not have the same number. */
  rows: number;
  /** Lower states or means, `[rows, lowerUnits]`. */
  lower: ArrayLike<number>;
  /** Upper states or means, `[rows, upperUnits]`. */
  upper: ArrayLike<number>;
}

/**
 * The summed statistic Σ v h of the positive phase minus that of the negative, `[lowerUnits, upperUnits]`: per case r
 * ascending, from +0, the f32 difference of the two f32 products is added. A row that one phase lacks counts as zeros.
 */
export function statistic(
  lowerUnits: number,
  upperUnits: number,
  positive: StatisticPhase,
  negative: StatisticPhase,
): Float32Array {
  for (const phase of [positive, negative]) {
    checkLength('lower', phase.lower, phase.rows * lowerUnits);
    checkLength('upper', phase.upper, phase.rows * upperUnits);
  }
  const product = (phase: StatisticPhase, r: number, i: number, j: number): number => {
    if (r >= phase.rows) return 0;
    return f32(f32(phase.lower[r * lowerUnits + i]!) * f32(phase.upper[r * upperUnits + j]!));
  };
  const cases = Math.max(positive.rows, negative.rows);
  const sums = new Float32Array(lowerUnits * upperUnits);
  for (let i = 0; i < lowerUnits; i++) {
    for (let j = 0; j < upperUnits; j++) {
      let acc = 0;
      for (let r = 0; r < cases; r++) {
        const difference = f32(product(positive, r, i, j) - product(negative, r, i, j));
        acc = f32(acc + difference);
      }
      sums[i * upperUnits + j] = acc;
    }
  }
  return sums;
}

/** The numbers of one parameter update; each is rounded to f32 first. */
export interface UpdateSettings {
  /** Cases that the statistic was summed over, at least 1. */
  rows: number;
  /** Learning rate, per case. */
  rate: number;
  /** Part of the velocity that is kept, 0 for none. */
  momentum: number;
  /** L2 weight cost, 0 for none. */
  cost: number;
}

/** Parameters after an update. */
export interface Updated {
  weights: Float32Array;
  velocity: Float32Array;
  /** Whether all new weights are finite. */
  finite: boolean;
}

/**
 * One update with momentum and weight cost, every operation in f32, with inverseRows = 1 / rows:
 *
 *     gradient = statistic · inverseRows − cost · w
 *     velocity = momentum · velocity + rate · gradient,   +0 where |velocity| < 2^-126
 *     w        = w + velocity
 *
 * The arguments stay as they are.
 */
export function update(
  weights: ArrayLike<number>,
  velocity: ArrayLike<number>,
  statisticSums: ArrayLike<number>,
  settings: UpdateSettings,
): Updated {
  checkLength('velocity', velocity, weights.length);
  checkLength('statisticSums', statisticSums, weights.length);
  const rate = f32(settings.rate);
  const momentum = f32(settings.momentum);
  const cost = f32(settings.cost);
  const inverseRows = f32(1 / f32(settings.rows));
  const updated: Updated = {
    weights: new Float32Array(weights.length),
    velocity: new Float32Array(weights.length),
    finite: true,
  };
  for (let i = 0; i < weights.length; i++) {
    const w = f32(weights[i]!);
    const gradient = f32(f32(f32(statisticSums[i]!) * inverseRows) - f32(cost * w));
    let step = f32(f32(momentum * f32(velocity[i]!)) + f32(rate * gradient));
    if (Math.abs(step) < SMALLEST_NORMAL_F32) step = 0;
    updated.velocity[i] = step;
    updated.weights[i] = f32(w + step);
    if (!Number.isFinite(updated.weights[i]!)) updated.finite = false;
  }
  return updated;
}

function checkLength(name: string, values: ArrayLike<number>, wanted: number): void {
  if (values.length !== wanted) throw new Error(`\`${name}\` must hold ${wanted} numbers; got ${values.length}.`);
}
