/**
 * Gibbs sampling as matrices: for small models the exact effect of a sweep, without a single random number.
 *
 * `T[a][b]` is the probability that a sweep takes state a to state b; distributions are rows, so a sweep takes p to pT.
 * States are in the order of `enumerateStates`. A right sampler leaves the model's distribution as it is.
 */

import { enumerateStates, inputsOfLower, inputsOfUpper, type ReferenceRbm, stateProbabilitiesOfSide } from './rbm.js';

/** p(h | v) as `[lower state][upper state]`. */
export function upperGivenLower(rbm: ReferenceRbm): number[][] {
  return enumerateStates(rbm.lower).map((v) => stateProbabilitiesOfSide(rbm.upper, inputsOfUpper(rbm, v)));
}

/** p(v | h) as `[upper state][lower state]`. */
export function lowerGivenUpper(rbm: ReferenceRbm): number[][] {
  return enumerateStates(rbm.upper).map((h) => stateProbabilitiesOfSide(rbm.lower, inputsOfLower(rbm, h)));
}

/** The sweep v → h → v, over lower states. */
export function lowerTransition(rbm: ReferenceRbm): number[][] {
  return product(upperGivenLower(rbm), lowerGivenUpper(rbm));
}

/** The sweep h → v → h, over upper states. */
export function upperTransition(rbm: ReferenceRbm): number[][] {
  return product(lowerGivenUpper(rbm), upperGivenLower(rbm));
}

/**
 * The sweep of all units at once, each given the old other side, over pairs of states (pair (a, k) at a · uppers + k).
 * This is the planted fault: it keeps both marginal distributions but not the joint one.
 */
export function parallelTransition(rbm: ReferenceRbm): number[][] {
  const upper = upperGivenLower(rbm);
  const lower = lowerGivenUpper(rbm);
  return upper.flatMap((toUpper) => lower.map((toLower) => toLower.flatMap((p) => toUpper.map((q) => p * q))));
}

function product(left: readonly number[][], right: readonly number[][]): number[][] {
  return left.map((row) => advanced(row, right, 1));
}

/** The distribution after `steps` sweeps, p T^steps. */
export function advanced(distribution: readonly number[], transition: readonly number[][], steps: number): number[] {
  let current = [...distribution];
  for (let step = 0; step < steps; step++) {
    const next = transition[0]!.map(() => 0);
    transition.forEach((row, a) => {
      const mass = current[a]!;
      for (let b = 0; b < row.length; b++) next[b]! += mass * row[b]!;
    });
    current = next;
  }
  return current;
}

/** ‖p − q‖₁, from 0 to 2. */
export function l1Distance(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, value, k) => sum + Math.abs(value - q[k]!), 0);
}

/** ‖pT − p‖₁: 0 but for rounding where the sweep leaves p as it is. */
export function stationarityError(distribution: readonly number[], transition: readonly number[][]): number {
  return l1Distance(advanced(distribution, transition, 1), distribution);
}

const MAX_POWER_ITERATIONS = 100_000;
const POWER_TOLERANCE = 1e-13;

/**
 * The second largest eigenvalue of a sweep that is reversible with positive spectrum, as v → h → v is: the factor by
 * which what is still remembered of the start shrinks in one sweep.
 *
 * Power iteration on functions of the state: f ← Tf, with the mean under the stationary distribution taken out, since
 * the constants are the eigenvector of eigenvalue 1; the growth of f in the norm of that distribution is the answer.
 *
 * @param stationary the distribution that the sweep leaves as it is.
 */
export function secondEigenvalue(transition: readonly number[][], stationary: readonly number[]): number {
  // A start without symmetry: one that is orthogonal to the eigenvector by accident would find a smaller eigenvalue.
  let f = stationary.map((_, a) => Math.sin(1 + a) + Math.cos(0.7 * a * a));
  let eigenvalue = Number.NaN;
  for (let iteration = 0; iteration < MAX_POWER_ITERATIONS; iteration++) {
    f = unitLength(withoutMean(f, stationary), stationary);
    const image = withoutMean(
      transition.map((row) => row.reduce((sum, probability, b) => sum + probability * f[b]!, 0)),
      stationary,
    );
    const growth = norm(image, stationary);
    if (growth < POWER_TOLERANCE || Math.abs(growth - eigenvalue) < POWER_TOLERANCE * growth) return growth;
    eigenvalue = growth;
    f = image;
  }
  throw new Error(`The second eigenvalue did not settle in ${MAX_POWER_ITERATIONS} iterations; last ${eigenvalue}.`);
}

function withoutMean(f: readonly number[], weights: readonly number[]): number[] {
  const mean = f.reduce((sum, value, a) => sum + weights[a]! * value, 0);
  return f.map((value) => value - mean);
}

function norm(f: readonly number[], weights: readonly number[]): number {
  return Math.sqrt(f.reduce((sum, value, a) => sum + weights[a]! * value * value, 0));
}

function unitLength(f: readonly number[], weights: readonly number[]): number[] {
  const length = norm(f, weights);
  return f.map((value) => value / length);
}
