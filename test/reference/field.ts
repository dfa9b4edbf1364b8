/**
 * The exact general Boltzmann machine in f64: energies, distributions, conditionals, sweeps as maps of distributions and the
 * gradient of the likelihood, all by listing states. `E(s) = −Σ b_i s_i − Σ_(i<j) w_ij s_i s_j`.
 *
 * State number `a` has unit `i` on where bit `i` of `a` is set.
 */
import type { RandomSource } from './random.js';

export interface ReferenceField {
  readonly bias: readonly number[];
  /** Symmetric, with a diagonal of zero; 0 too where units are not joined. */
  readonly weights: readonly (readonly number[])[];
  /** Whether units are joined. */
  readonly joined: readonly (readonly boolean[])[];
}

/** A machine in which each pair is joined with probability `density`; f32 numbers, normal with these deviations. */
export function randomField(
  units: number,
  density: number,
  weightScale: number,
  biasScale: number,
  random: RandomSource,
): ReferenceField {
  const square = <T>(value: T) => Array.from({ length: units }, () => new Array<T>(units).fill(value));
  const [weights, joined] = [square(0), square(false)];
  for (let i = 0; i < units; i++) {
    for (let j = 0; j < i; j++) {
      if (random.uniform() >= density) continue;
      const weight = Math.fround(weightScale * random.normal());
      weights[i]![j] = weights[j]![i] = weight;
      joined[i]![j] = joined[j]![i] = true;
    }
  }
  const bias = Array.from({ length: units }, () => Math.fround(biasScale * random.normal()));
  return { bias, weights, joined };
}

/** The states of units `0 … units − 1`, by number. */
export function statesOf(units: number): number[][] {
  return Array.from({ length: 2 ** units }, (_, a) => Array.from({ length: units }, (_, i) => (a >> i) & 1));
}

export function stateNumber(state: ArrayLike<number>): number {
  let a = 0;
  for (let i = 0; i < state.length; i++) a |= state[i]! << i;
  return a;
}

export function energy({ bias, weights }: ReferenceField, state: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < state.length; i++) {
    sum -= bias[i]! * state[i]!;
    for (let j = 0; j < i; j++) sum -= weights[i]![j]! * state[i]! * state[j]!;
  }
  return sum;
}

export function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

export function logPartition(field: ReferenceField): number {
  return logSumExp(statesOf(field.bias.length).map((state) => -energy(field, state)));
}

/** p(s), by number. */
export function distributionOf(field: ReferenceField): number[] {
  const logZ = logPartition(field);
  return statesOf(field.bias.length).map((state) => Math.exp(-energy(field, state) - logZ));
}

/** p(s | units whose bit of `mask` is set are as in `given`), by number of the whole state. */
export function conditionalOf(field: ReferenceField, mask: number, given: number): number[] {
  const fits = distributionOf(field).map((p, a) => ((a & mask) === (given & mask) ? p : 0));
  const total = fits.reduce((sum, p) => sum + p, 0);
  return fits.map((p) => p / total);
}

/** Distribution over some units, in their own numbering. */
export function marginalOf(distribution: readonly number[], units: readonly number[]): number[] {
  const marginal = new Array<number>(2 ** units.length).fill(0);
  distribution.forEach((p, a) => {
    marginal[stateNumber(units.map((unit) => (a >> unit) & 1))]! += p;
  });
  return marginal;
}

/** p(s_i = 1 | all others as in state `a`). */
function onGivenRest({ bias, weights }: ReferenceField, i: number, a: number): number {
  let x = bias[i]!;
  for (let j = 0; j < bias.length; j++) if (j !== i && (a >> j) & 1) x += weights[i]![j]!;
  return 1 / (1 + Math.exp(-x));
}

/** pT for a sweep that draws group after group, the units of a group all given the state before it. */
export function swept(field: ReferenceField, distribution: readonly number[], groups: readonly (readonly number[])[]) {
  let current = [...distribution];
  for (const group of groups) {
    const next = current.map(() => 0);
    current.forEach((mass, a) => {
      let outcomes: [number, number][] = [[a, mass]];
      for (const unit of group) {
        const p = onGivenRest(field, unit, a);
        outcomes = outcomes.flatMap(([b, q]): [number, number][] => [
          [b | (1 << unit), q * p],
          [b & ~(1 << unit), q * (1 - p)],
        ]);
      }
      for (const [b, q] of outcomes) next[b]! += q;
    });
    current = next;
  }
  return current;
}

/** ‖p − q‖₁. */
export function distance(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, value, a) => sum + Math.abs(value - q[a]!), 0);
}

/** Mean log-likelihood of rows of the first units, nats. */
export function meanLogLikelihood(field: ReferenceField, rows: readonly (readonly number[])[]): number {
  const units = rows[0]!.map((_, unit) => unit);
  const marginal = marginalOf(distributionOf(field), units);
  return rows.reduce((sum, row) => sum + Math.log(marginal[stateNumber(row)]!), 0) / rows.length;
}

/** Its gradient: averages with the rows clamped minus free ones, `units` and symmetric `pairs`. */
export function gradientOf(field: ReferenceField, rows: readonly (readonly number[])[]) {
  const free = averagesOf(distributionOf(field), field.bias.length);
  const mask = 2 ** rows[0]!.length - 1;
  const units = free.units.map((mean) => -mean);
  const pairs = free.pairs.map((row) => row.map((mean) => -mean));
  for (const row of rows) {
    const clamped = averagesOf(conditionalOf(field, mask, stateNumber(row)), field.bias.length);
    clamped.units.forEach((mean, i) => {
      units[i]! += mean / rows.length;
      clamped.pairs[i]!.forEach((product, j) => {
        pairs[i]![j]! += product / rows.length;
      });
    });
  }
  return { units, pairs };
}

/** ⟨s_i⟩ and ⟨s_i s_j⟩. */
export function averagesOf(distribution: readonly number[], units: number) {
  const means = new Array<number>(units).fill(0);
  const pairs = Array.from({ length: units }, () => new Array<number>(units).fill(0));
  distribution.forEach((p, a) => {
    for (let i = 0; i < units; i++) {
      if (((a >> i) & 1) === 0) continue;
      means[i]! += p;
      for (let j = 0; j < units; j++) if (j !== i && (a >> j) & 1) pairs[i]![j]! += p;
    }
  });
  return { units: means, pairs };
}
