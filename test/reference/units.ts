/**
 * Restricted Boltzmann machines of any units, by points: every unit, or group of units that depend on each other, is a list
 * of states with a log-weight each. Real-valued units are quadrature points. All else is sums over points, so nothing
 * here knows of log-partitions, means or base measures in closed form.
 *
 * Energies are those of the field: `(v − b)² / 2σ²` for a Gaussian unit, with `v / σ` in the products; `s²/2 − b s` for
 * a truncated normal one; m(s) as how many ways copies can be on.
 */

import { logSumExp } from './logistic.js';

/** A layer of units; `sigma` are the deviations of Gaussian ones, `length` the number of words of a document. */
export type PointLayer =
  | { readonly type: 'bernoulli' | 'truncatedNormal'; readonly units: number }
  | { readonly type: 'softmax'; readonly units: number }
  | { readonly type: 'binomial' | 'steppedSigmoid'; readonly units: number; readonly copies: number }
  | { readonly type: 'gaussian'; readonly units: number; readonly sigma: readonly number[] }
  | { readonly type: 'replicatedSoftmax'; readonly units: number; readonly length: number };

/** One RBM. `W[i][j]` joins lower unit i and upper unit j. */
export interface PointRbm {
  readonly lower: PointLayer;
  readonly upper: PointLayer;
  readonly W: number[][];
  readonly b: number[];
  readonly c: number[];
}

/** A state of a block: what it is, what enters the products, and its log-weight, own energy and bias included. */
interface Point {
  readonly value: number[];
  readonly product: number[];
  readonly log: number;
}

/** Units that depend on each other given the other side. */
interface Block {
  readonly start: number;
  readonly points: readonly Point[];
}

const REACH = 14;
const STEP = 1 / 32;

/** Blocks of a layer; `repeats` multiplies the biases, as a document's length does those above it. */
function blocksOf(layer: PointLayer, bias: readonly number[], repeats = 1): Block[] {
  const b = bias.map((value) => value * repeats);
  const each = (points: (unit: number) => [value: number, product: number, log: number][]): Block[] =>
    b.map((_, start) => ({
      start,
      points: points(start).map(([value, product, log]) => ({ value: [value], product: [product], log })),
    }));
  switch (layer.type) {
    case 'bernoulli':
      return each((i) => [
        [0, 0, 0],
        [1, 1, b[i]!],
      ]);
    case 'softmax':
      return [{ start: 0, points: b.map((log, on) => oneHot(b.length, on, log)) }];
    case 'binomial':
    case 'steppedSigmoid': {
      const ways = logWays(layer.copies, layer.type === 'binomial' ? () => 0 : (k) => 0.5 - k);
      return each((i) => ways.map((log, s) => [s, s, log + b[i]! * s]));
    }
    case 'gaussian':
      return each((i) =>
        trapezoids(-REACH, REACH).map(([z, log]) => {
          const sigma = layer.sigma[i]!;
          const v = b[i]! + sigma * z;
          return [v, v / sigma, log + Math.log(sigma) - z ** 2 / 2];
        }),
      );
    case 'truncatedNormal':
      return each((i) => simpson(0, 2 * REACH).map(([s, log]) => [s, s, log + b[i]! * s - s ** 2 / 2]));
    case 'replicatedSoftmax': {
      const points = countsOf(layer.units, layer.length).map((value) => {
        const ways = logFactorial(layer.length) - value.reduce((sum, count) => sum + logFactorial(count), 0);
        return { value, product: value, log: ways + value.reduce((sum, count, k) => sum + count * b[k]!, 0) };
      });
      return [{ start: 0, points }];
    }
  }
}

function oneHot(size: number, on: number, log: number): Point {
  const value = Array.from({ length: size }, (_, unit) => (unit === on ? 1 : 0));
  return { value, product: value, log };
}

/** log of the sum, over all choices of s of the copies, of e^(the offsets of the chosen ones). */
function logWays(copies: number, offset: (copy: number) => number): number[] {
  const ways = [1, ...new Array<number>(copies).fill(0)];
  for (let k = 1; k <= copies; k++) {
    for (let s = k; s > 0; s--) ways[s]! += ways[s - 1]! * Math.exp(offset(k));
  }
  return ways.map(Math.log);
}

/**
 * Points and log-weights of the trapezoid rule, where both ends have no weight. For Gaussians its error falls as
 * `e^(−2π² / step²)`, so that a step of a quarter of the deviation is exact in f64.
 */
function trapezoids(start: number, end: number): [number, number][] {
  const step = 0.25;
  const count = Math.round((end - start) / step);
  return Array.from({ length: count + 1 }, (_, i) => [start + i * step, Math.log(step)]);
}

/** Points and log-weights of Simpson's rule, where one end has weight. */
function simpson(start: number, end: number): [number, number][] {
  const count = Math.round((end - start) / STEP);
  return Array.from({ length: count + 1 }, (_, i) => {
    const share = i === 0 || i === count ? 1 / 3 : i % 2 === 1 ? 4 / 3 : 2 / 3;
    return [start + i * STEP, Math.log(share * STEP)];
  });
}

function countsOf(units: number, length: number): number[][] {
  if (units === 1) return [[length]];
  return Array.from({ length: length + 1 }, (_, first) =>
    countsOf(units - 1, length - first).map((rest) => [first, ...rest]),
  ).flat();
}

function logFactorial(n: number): number {
  return n < 2 ? 0 : Math.log(n) + logFactorial(n - 1);
}

/** How many times biases above a layer count. */
function repeatsOf(layer: PointLayer): number {
  return layer.type === 'replicatedSoftmax' ? layer.length : 1;
}

/** Whether a layer's states can be listed one by one. */
export function hasFinitelyManyStates(layer: PointLayer): boolean {
  return layer.type !== 'gaussian' && layer.type !== 'truncatedNormal';
}

/** All states of a layer with a finite number of them, first unit slowest. */
export function statesOf(layer: PointLayer): number[][] {
  return productOf(blocksOf(layer, new Array<number>(layer.units).fill(0))).map(({ value }) => value);
}

/** Every combination of the points of blocks. */
function productOf(blocks: readonly Block[]): Point[] {
  let all: Point[] = [{ value: [], product: [], log: 0 }];
  for (const { points } of blocks) {
    all = all.flatMap((a) =>
      points.map((p) => ({
        value: [...a.value, ...p.value],
        product: [...a.product, ...p.product],
        log: a.log + p.log,
      })),
    );
  }
  return all;
}

/** log Σ over a block's points, with the inputs that the other side sends. */
function logSum({ start, points }: Block, inputs: readonly number[]): number {
  return logSumExp(points.map(({ product, log }) => product.reduce((sum, t, k) => sum + t * inputs[start + k]!, log)));
}

function blockMeans(block: Block, inputs: readonly number[]): number[] {
  const total = logSum(block, inputs);
  const means = block.points[0]!.value.map(() => 0);
  for (const { value, product, log } of block.points) {
    const p = Math.exp(product.reduce((sum, t, k) => sum + t * inputs[block.start + k]!, log) - total);
    value.forEach((v, k) => {
      means[k]! += p * v;
    });
  }
  return means;
}

/** What enters the products from a state of a layer. */
function productFrom(layer: PointLayer, state: readonly number[]): number[] {
  return layer.type === 'gaussian' ? state.map((v, i) => v / layer.sigma[i]!) : [...state];
}

/** −E of a state of a layer by itself, base measure included. */
function ownLog(layer: PointLayer, bias: readonly number[], state: readonly number[]): number {
  const linear = state.reduce((sum, s, i) => sum + s * bias[i]!, 0);
  switch (layer.type) {
    case 'gaussian':
      return -state.reduce((sum, v, i) => sum + (v - bias[i]!) ** 2 / (2 * layer.sigma[i]! ** 2), 0);
    case 'truncatedNormal':
      return linear - state.reduce((sum, s) => sum + s ** 2 / 2, 0);
    case 'binomial':
    case 'steppedSigmoid': {
      const ways = logWays(layer.copies, layer.type === 'binomial' ? () => 0 : (k) => 0.5 - k);
      return linear + state.reduce((sum, s) => sum + ways[s]!, 0);
    }
    case 'replicatedSoftmax':
      return linear + logFactorial(layer.length) - state.reduce((sum, s) => sum + logFactorial(s), 0);
    default:
      return linear;
  }
}

function inputsAbove({ W, c, lower }: PointRbm, v: readonly number[]): number[] {
  const product = productFrom(lower, v);
  return c.map((_, j) => product.reduce((sum, t, i) => sum + t * W[i]![j]!, 0));
}

function inputsBelow({ W, upper }: PointRbm, h: readonly number[]): number[] {
  const product = productFrom(upper, h);
  return W.map((row) => row.reduce((sum, w, j) => sum + w * product[j]!, 0));
}

/** F(v) = −log Σ_h e^−E(v, h), with integrals for real-valued h. */
export function freeEnergyByPoints(rbm: PointRbm, v: readonly number[]): number {
  const inputs = inputsAbove(rbm, v);
  const above = blocksOf(rbm.upper, rbm.c, repeatsOf(rbm.lower));
  return -ownLog(rbm.lower, rbm.b, v) - above.reduce((sum, block) => sum + logSum(block, inputs), 0);
}

export function meanUpperByPoints(rbm: PointRbm, v: readonly number[]): number[] {
  const inputs = inputsAbove(rbm, v);
  return blocksOf(rbm.upper, rbm.c, repeatsOf(rbm.lower)).flatMap((block) => blockMeans(block, inputs));
}

export function meanLowerByPoints(rbm: PointRbm, h: readonly number[]): number[] {
  const inputs = inputsBelow(rbm, h);
  return blocksOf(rbm.lower, rbm.b).flatMap((block) => blockMeans(block, inputs));
}

/** log Z: all points of one side, the other side's blocks summed one by one. */
export function logPartitionByPoints(rbm: PointRbm): number {
  const [lower, upper] = [blocksOf(rbm.lower, rbm.b), blocksOf(rbm.upper, rbm.c, repeatsOf(rbm.lower))];
  const fromUpper = hasFinitelyManyStates(rbm.upper) || !hasFinitelyManyStates(rbm.lower);
  const [listed, summed] = fromUpper ? [upper, lower] : [lower, upper];
  const weight = (i: number, j: number) => (fromUpper ? rbm.W[j]![i]! : rbm.W[i]![j]!);
  const width = fromUpper ? rbm.b.length : rbm.c.length;
  return logSumExp(
    productOf(listed).map(({ product, log }) => {
      const inputs = Array.from({ length: width }, (_, j) => product.reduce((sum, t, i) => sum + t * weight(i, j), 0));
      return log + summed.reduce((sum, block) => sum + logSum(block, inputs), 0);
    }),
  );
}

/** p(v, h) over the states of two finite layers, as `[lower state][upper state]` in the order of `statesOf`. */
export function jointByPoints(rbm: PointRbm): number[][] {
  const logZ = logPartitionByPoints(rbm);
  const uppers = statesOf(rbm.upper);
  const c = rbm.c.map((bias) => bias * repeatsOf(rbm.lower));
  return statesOf(rbm.lower).map((v) => {
    const [own, inputs] = [ownLog(rbm.lower, rbm.b, v), inputsAbove(rbm, v)];
    return uppers.map((h) => {
      const products = h.reduce((sum, t, j) => sum + t * inputs[j]!, 0);
      return Math.exp(own + ownLog(rbm.upper, c, h) + products - logZ);
    });
  });
}

/** The same model of rows that have as many words as a given one, where rows are counts. */
function ofLength(rbm: PointRbm, row: readonly number[]): PointRbm {
  if (rbm.lower.type !== 'replicatedSoftmax') return rbm;
  return { ...rbm, lower: { ...rbm.lower, length: row.reduce((sum, count) => sum + count, 0) } };
}

/** The weighted mean of log p(v) over the rows, nats; given its length where a row is counts. */
export function logLikelihoodByPoints(rbm: PointRbm, rows: readonly (readonly number[])[], weights?: number[]): number {
  const logZs = new Map<number, number>();
  const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? rows.length;
  return rows.reduce((sum, row, r) => {
    const own = ofLength(rbm, row);
    const length = own.lower.type === 'replicatedSoftmax' ? own.lower.length : 0;
    if (!logZs.has(length)) logZs.set(length, logPartitionByPoints(own));
    return sum + ((weights?.[r] ?? 1) / total) * (-freeEnergyByPoints(own, row) - logZs.get(length)!);
  }, 0);
}

/** Derivatives by every parameter: `zeta` by the log-variances of Gaussian lower units, empty for others. */
export interface PointGradient {
  W: number[][];
  b: number[];
  c: number[];
  zeta: number[];
}

/** The gradient of `logLikelihoodByPoints` by central differences of width 2 `step`. */
export function logLikelihoodGradientByPoints(
  rbm: PointRbm,
  rows: readonly (readonly number[])[],
  weights?: number[],
  step = 1e-4,
): PointGradient {
  const { lower } = rbm;
  const zeta = lower.type === 'gaussian' ? lower.sigma.map((sigma) => 2 * Math.log(sigma)) : [];
  const moved = { W: rbm.W.map((row) => [...row]), b: [...rbm.b], c: [...rbm.c], zeta };
  const likelihood = () => {
    const { W, b, c } = moved;
    const sigma = zeta.map((value) => Math.exp(value / 2));
    return logLikelihoodByPoints(
      { ...rbm, W, b, c, lower: 'sigma' in lower ? { ...lower, sigma } : lower },
      rows,
      weights,
    );
  };
  const slopes = (parameters: number[]): number[] =>
    parameters.map((value, k) => {
      parameters[k] = value + step;
      const above = likelihood();
      parameters[k] = value - step;
      const below = likelihood();
      parameters[k] = value;
      return (above - below) / (2 * step);
    });
  return { W: moved.W.map(slopes), b: slopes(moved.b), c: slopes(moved.c), zeta: slopes(zeta) };
}
