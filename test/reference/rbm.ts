/**
 * The exact restricted Boltzmann machine, by enumeration in f64: what every sampler and trainer is held against.
 *
 * The graph is bipartite. A side is a list of layers of binary units and of softmax groups, laid out one after the
 * other as a row of numbers; a softmax group of `size` is `size` units of which exactly one is 1.
 *
 *     E(v, h) = −Σ b_i v_i − Σ c_j h_j − Σ v_i W_ij h_j        p(v, h) = e^−E / Z
 *
 * Nothing is clever here: states are listed, energies are summed, exponentials are taken of differences. Sides of up to
 * about 12 units are quick. All logarithms are natural and all log-probabilities are nats.
 */

import { logistic, logSumExp, softmax, softplus } from './logistic.js';
import type { RandomSource } from './random.js';

/** A layer of binary units, or of groups of which one of `size` units is on. */
export type ReferenceLayer =
  | { readonly type: 'bernoulli'; readonly units: number }
  | { readonly type: 'softmax'; readonly groups: number; readonly size: number };

/** One side of the graph: layers in order. */
export type ReferenceSide = readonly ReferenceLayer[];

/** A model: `W[i][j]` joins lower unit i and upper unit j, `b` are the lower biases and `c` the upper ones. */
export interface ReferenceRbm {
  readonly lower: ReferenceSide;
  readonly upper: ReferenceSide;
  readonly W: number[][];
  readonly b: number[];
  readonly c: number[];
}

/** Expectations of the sufficient statistics: `vh[i][j]` = ⟨v_i h_j⟩, `v[i]` = ⟨v_i⟩, `h[j]` = ⟨h_j⟩. */
export interface ReferenceStatistics {
  vh: number[][];
  v: number[];
  h: number[];
}

/** A derivative with respect to every parameter. */
export interface ReferenceGradient {
  W: number[][];
  b: number[];
  c: number[];
}

/** `units` binary units. */
export function bernoulliLayer(units: number): ReferenceLayer {
  return { type: 'bernoulli', units };
}

/** `groups` groups, in each of which one of `size` units is on. */
export function softmaxLayer(groups: number, size: number): ReferenceLayer {
  return { type: 'softmax', groups, size };
}

/** Numbers in a row of this side. */
export function unitsOfSide(side: ReferenceSide): number {
  let units = 0;
  for (const layer of side) units += layer.type === 'bernoulli' ? layer.units : layer.groups * layer.size;
  return units;
}

/**
 * The side as a list of blocks that are independent given the other side: `size` 1 is a binary unit, otherwise a
 * softmax group of `size` units from `start` on.
 */
function blocksOfSide(side: ReferenceSide): { start: number; size: number; binary: boolean }[] {
  const blocks: { start: number; size: number; binary: boolean }[] = [];
  let start = 0;
  for (const layer of side) {
    const binary = layer.type === 'bernoulli';
    const size = layer.type === 'bernoulli' ? 1 : layer.size;
    const count = layer.type === 'bernoulli' ? layer.units : layer.groups;
    for (let block = 0; block < count; block++) {
      blocks.push({ start, size, binary });
      start += size;
    }
  }
  return blocks;
}

/** How many states the side has: 2 per binary unit times `size` per softmax group. */
export function stateCountOfSide(side: ReferenceSide): number {
  let count = 1;
  for (const { size, binary } of blocksOfSide(side)) count *= binary ? 2 : size;
  return count;
}

/** All states of the side, as rows of 0 and 1. The first unit or group changes slowest. */
export function enumerateStates(side: ReferenceSide): number[][] {
  let rows: number[][] = [[]];
  for (const { size, binary } of blocksOfSide(side)) {
    const choices = binary ? [[0], [1]] : Array.from({ length: size }, (_, on) => oneHot(size, on));
    rows = rows.flatMap((row) => choices.map((choice) => [...row, ...choice]));
  }
  return rows;
}

/** The place of a state of 0s and 1s in `enumerateStates(side)`. */
export function stateIndex(side: ReferenceSide, state: ArrayLike<number>): number {
  let index = 0;
  for (const { start, size, binary } of blocksOfSide(side)) {
    if (binary) {
      if (state[start] !== 0 && state[start] !== 1) throw new Error(`Unit ${start} is neither 0 nor 1.`);
      index = index * 2 + state[start]!;
    } else {
      const group = Array.from({ length: size }, (_, k) => state[start + k]!);
      const on = group.indexOf(1);
      if (on < 0 || group.some((value, k) => value !== (k === on ? 1 : 0))) {
        throw new Error(`The group from unit ${start} on does not have exactly one unit on: [${group.join(', ')}].`);
      }
      index = index * size + on;
    }
  }
  return index;
}

function oneHot(size: number, on: number): number[] {
  return Array.from({ length: size }, (_, unit) => (unit === on ? 1 : 0));
}

/** A model with normally distributed parameters: weights of standard deviation `scale`, biases of `biasScale`. */
export function randomRbm(
  lower: ReferenceSide,
  upper: ReferenceSide,
  scale: number,
  biasScale: number,
  random: RandomSource,
): ReferenceRbm {
  const draws = (count: number, deviation: number): number[] =>
    Array.from({ length: count }, () => deviation * random.normal());
  const columns = unitsOfSide(upper);
  const W = Array.from({ length: unitsOfSide(lower) }, () => draws(columns, scale));
  return { lower, upper, W, b: draws(W.length, biasScale), c: draws(columns, biasScale) };
}

/** The same model seen from above: sides, biases and the indices of W exchanged. */
export function transposed(rbm: ReferenceRbm): ReferenceRbm {
  const W = rbm.c.map((_, j) => rbm.b.map((__, i) => rbm.W[i]![j]!));
  return { lower: rbm.upper, upper: rbm.lower, W, b: rbm.c, c: rbm.b };
}

/** The model with W, b and c rounded to f32: the one that a single-precision implementation really has. */
export function roundedToF32(rbm: ReferenceRbm): ReferenceRbm {
  return { ...rbm, W: rbm.W.map((row) => row.map(Math.fround)), b: rbm.b.map(Math.fround), c: rbm.c.map(Math.fround) };
}

/** E(v, h). */
export function energy(rbm: ReferenceRbm, v: ArrayLike<number>, h: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < rbm.b.length; i++) sum -= rbm.b[i]! * v[i]!;
  for (let j = 0; j < rbm.c.length; j++) sum -= rbm.c[j]! * h[j]!;
  for (let i = 0; i < rbm.b.length; i++) {
    for (let j = 0; j < rbm.c.length; j++) sum -= v[i]! * rbm.W[i]![j]! * h[j]!;
  }
  return sum;
}

/** Total inputs of the upper units, c + v W. */
export function inputsOfUpper(rbm: ReferenceRbm, v: ArrayLike<number>): number[] {
  return rbm.c.map((bias, j) => {
    let sum = bias;
    for (let i = 0; i < rbm.b.length; i++) sum += v[i]! * rbm.W[i]![j]!;
    return sum;
  });
}

/** Total inputs of the lower units, b + W h. */
export function inputsOfLower(rbm: ReferenceRbm, h: ArrayLike<number>): number[] {
  return rbm.b.map((bias, i) => {
    let sum = bias;
    for (let j = 0; j < rbm.c.length; j++) sum += rbm.W[i]![j]! * h[j]!;
    return sum;
  });
}

/** log Σ over the states s of the side of e^(inputs · s). */
export function logPartitionOfSide(side: ReferenceSide, inputs: readonly number[]): number {
  let sum = 0;
  for (const { start, size, binary } of blocksOfSide(side)) {
    sum += binary ? softplus(inputs[start]!) : logSumExp(inputs.slice(start, start + size));
  }
  return sum;
}

/** The means of a side's units given their inputs: logistic, or softmax within each group. */
export function meansOfSide(side: ReferenceSide, inputs: readonly number[]): number[] {
  return blocksOfSide(side).flatMap(({ start, size, binary }) =>
    binary ? [logistic(inputs[start]!)] : softmax(inputs.slice(start, start + size)),
  );
}

/** The probability of each state of a side, in the order of `enumerateStates`, given its units' inputs. */
export function stateProbabilitiesOfSide(side: ReferenceSide, inputs: readonly number[]): number[] {
  let probabilities = [1];
  for (const { start, size, binary } of blocksOfSide(side)) {
    const choices = binary
      ? [logistic(-inputs[start]!), logistic(inputs[start]!)]
      : softmax(inputs.slice(start, start + size));
    probabilities = probabilities.flatMap((p) => choices.map((choice) => p * choice));
  }
  return probabilities;
}

/** ⟨h⟩ given v. */
export function meanUpper(rbm: ReferenceRbm, v: ArrayLike<number>): number[] {
  return meansOfSide(rbm.upper, inputsOfUpper(rbm, v));
}

/** ⟨v⟩ given h. */
export function meanLower(rbm: ReferenceRbm, h: ArrayLike<number>): number[] {
  return meansOfSide(rbm.lower, inputsOfLower(rbm, h));
}

/** F(v) = −log Σ_h e^−E(v, h): the free energy of a lower state, nats. */
export function freeEnergyOfLower(rbm: ReferenceRbm, v: ArrayLike<number>): number {
  let sum = -logPartitionOfSide(rbm.upper, inputsOfUpper(rbm, v));
  for (let i = 0; i < rbm.b.length; i++) sum -= rbm.b[i]! * v[i]!;
  return sum;
}

/** F(h) = −log Σ_v e^−E(v, h): the free energy of an upper state, nats. */
export function freeEnergyOfUpper(rbm: ReferenceRbm, h: ArrayLike<number>): number {
  let sum = -logPartitionOfSide(rbm.lower, inputsOfLower(rbm, h));
  for (let j = 0; j < rbm.c.length; j++) sum -= rbm.c[j]! * h[j]!;
  return sum;
}

/** log Z as the sum over all pairs of states: uses nothing but `energy`. */
export function logPartitionByPairs(rbm: ReferenceRbm): number {
  const uppers = enumerateStates(rbm.upper);
  return logSumExp(enumerateStates(rbm.lower).flatMap((v) => uppers.map((h) => -energy(rbm, v, h))));
}

/** log Z as the sum over the lower states alone. */
export function logPartitionByLower(rbm: ReferenceRbm): number {
  return logSumExp(enumerateStates(rbm.lower).map((v) => -freeEnergyOfLower(rbm, v)));
}

/** log Z as the sum over the upper states alone. */
export function logPartitionByUpper(rbm: ReferenceRbm): number {
  return logSumExp(enumerateStates(rbm.upper).map((h) => -freeEnergyOfUpper(rbm, h)));
}

/** p(v, h) as `[lower state][upper state]`, in the order of `enumerateStates`; from energies alone. */
export function jointDistribution(rbm: ReferenceRbm): number[][] {
  const uppers = enumerateStates(rbm.upper);
  const logZ = logPartitionByPairs(rbm);
  return enumerateStates(rbm.lower).map((v) => uppers.map((h) => Math.exp(-energy(rbm, v, h) - logZ)));
}

/** p(v) over the lower states, in the order of `enumerateStates(rbm.lower)`. */
export function lowerDistribution(rbm: ReferenceRbm): number[] {
  const logZ = logPartitionByLower(rbm);
  return enumerateStates(rbm.lower).map((v) => Math.exp(-freeEnergyOfLower(rbm, v) - logZ));
}

/** p(h) over the upper states, in the order of `enumerateStates(rbm.upper)`. */
export function upperDistribution(rbm: ReferenceRbm): number[] {
  const logZ = logPartitionByUpper(rbm);
  return enumerateStates(rbm.upper).map((h) => Math.exp(-freeEnergyOfUpper(rbm, h) - logZ));
}

/** The weights of rows divided by their sum; equal where none are given. */
export function normalisedWeights(rows: number, weights?: ArrayLike<number>): number[] {
  if (rows === 0) throw new Error('There must be at least one row.');
  if (weights === undefined) return Array.from({ length: rows }, () => 1 / rows);
  if (weights.length !== rows) throw new Error(`There must be a weight per row; got ${weights.length} for ${rows}.`);
  const total = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
  return Array.from(weights, (weight) => weight / total);
}

/** The distribution of weighted rows over the lower states, in the order of `enumerateStates(rbm.lower)`. */
export function rowDistribution(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
): number[] {
  const distribution = new Array<number>(stateCountOfSide(rbm.lower)).fill(0);
  const shares = normalisedWeights(rows.length, weights);
  rows.forEach((row, r) => {
    distribution[stateIndex(rbm.lower, row)]! += shares[r]!;
  });
  return distribution;
}

/** The weighted mean of log p(v) over the rows, nats per row. Weights need not be normalised. */
export function logLikelihood(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
): number {
  const shares = normalisedWeights(rows.length, weights);
  let sum = -logPartitionByLower(rbm);
  rows.forEach((row, r) => {
    sum -= shares[r]! * freeEnergyOfLower(rbm, row);
  });
  return sum;
}

/** All statistics zero. */
export function zeroStatistics(rbm: ReferenceRbm): ReferenceStatistics {
  return { vh: rbm.b.map(() => rbm.c.map(() => 0)), v: rbm.b.map(() => 0), h: rbm.c.map(() => 0) };
}

/** Adds `weight` times the statistics of one pair (states or means) to `sums`. */
export function addToStatistics(
  sums: ReferenceStatistics,
  weight: number,
  v: ArrayLike<number>,
  h: ArrayLike<number>,
): void {
  for (let i = 0; i < sums.v.length; i++) {
    sums.v[i]! += weight * v[i]!;
    for (let j = 0; j < sums.h.length; j++) sums.vh[i]![j]! += weight * v[i]! * h[j]!;
  }
  for (let j = 0; j < sums.h.length; j++) sums.h[j]! += weight * h[j]!;
}

/** ⟨·⟩⁰: the rows' statistics with the upper side drawn, or averaged, given each. Weights need not be normalised. */
export function dataExpectations(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
): ReferenceStatistics {
  const shares = normalisedWeights(rows.length, weights);
  const sums = zeroStatistics(rbm);
  rows.forEach((row, r) => {
    addToStatistics(sums, shares[r]!, row, meanUpper(rbm, row));
  });
  return sums;
}

/** ⟨·⟩^∞: the exact statistics of the model, by the sum over all pairs of states. */
export function modelExpectations(rbm: ReferenceRbm): ReferenceStatistics {
  const lowers = enumerateStates(rbm.lower);
  const uppers = enumerateStates(rbm.upper);
  const sums = zeroStatistics(rbm);
  jointDistribution(rbm).forEach((row, a) => {
    row.forEach((probability, k) => {
      addToStatistics(sums, probability, lowers[a]!, uppers[k]!);
    });
  });
  return sums;
}

/** The ascent direction of data statistics minus model statistics, whatever the two phases are. */
export function gradientOfPhases(positive: ReferenceStatistics, negative: ReferenceStatistics): ReferenceGradient {
  return {
    W: positive.vh.map((row, i) => row.map((value, j) => value - negative.vh[i]![j]!)),
    b: positive.v.map((value, i) => value - negative.v[i]!),
    c: positive.h.map((value, j) => value - negative.h[j]!),
  };
}

/** The gradient of `logLikelihood`, ⟨·⟩⁰ − ⟨·⟩^∞. */
export function logLikelihoodGradient(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
): ReferenceGradient {
  return gradientOfPhases(dataExpectations(rbm, rows, weights), modelExpectations(rbm));
}

/** The gradient of `logLikelihood` by central differences of width 2 `step`: knows nothing of the learning rule. */
export function logLikelihoodGradientByDifferences(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
  step = 1e-5,
): ReferenceGradient {
  const moved: ReferenceRbm = { ...rbm, W: rbm.W.map((row) => [...row]), b: [...rbm.b], c: [...rbm.c] };
  const slopes = (parameters: number[]): number[] =>
    parameters.map((value, k) => {
      parameters[k] = value + step;
      const above = logLikelihood(moved, rows, weights);
      parameters[k] = value - step;
      const below = logLikelihood(moved, rows, weights);
      parameters[k] = value;
      return (above - below) / (2 * step);
    });
  return { W: moved.W.map(slopes), b: slopes(moved.b), c: slopes(moved.c) };
}

/** ‖x − y‖ / ‖y‖ over all parameters together: the relative error of a gradient. */
export function relativeGradientError(x: ReferenceGradient, y: ReferenceGradient): number {
  const flat = (gradient: ReferenceGradient): number[] => [...gradient.W.flat(), ...gradient.b, ...gradient.c];
  const flatX = flat(x);
  let difference = 0;
  let size = 0;
  flat(y).forEach((value, k) => {
    difference += (flatX[k]! - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

/**
 * p(label | the other lower units) for a label that is the last lower layer, one softmax group: each label is tried in
 * turn and weighed by its free energy.
 *
 * @param given the lower units before the label.
 */
export function labelDistribution(rbm: ReferenceRbm, given: ArrayLike<number>): number[] {
  const label = rbm.lower.at(-1);
  if (label?.type !== 'softmax' || label.groups !== 1) {
    throw new Error('The last lower layer must be a softmax layer with one group.');
  }
  const size = label.size;
  if (given.length !== rbm.b.length - size) {
    throw new Error(`There must be ${rbm.b.length - size} units before the label; got ${given.length}.`);
  }
  const scores = Array.from(
    { length: size },
    (_, k) => -freeEnergyOfLower(rbm, [...Array.from(given), ...oneHot(size, k)]),
  );
  return softmax(scores);
}
