/**
 * The exact deep Boltzmann machine, by enumeration in f64, two ways: over all states of all layers, and over those of every
 * other layer with the layers between summed out.
 *
 *     E(s) = −Σ_l b_l·s_l − Σ_l s_l W_l s_(l+1)        p(s) = e^−E / Z
 *
 * Layers are lists of numbers, the visible one first; `W[l][i][j]` joins unit i of layer l and unit j of layer l + 1.
 */
import { logistic, logSumExp, softplus } from './logistic.js';
import type { RandomSource } from './random.js';
import { bernoulliLayer, enumerateStates, type ReferenceLayer, unitsOfSide } from './rbm.js';

export interface ReferenceDbm {
  readonly layers: readonly ReferenceLayer[];
  readonly W: readonly number[][][];
  readonly b: readonly number[][];
}

/** One list of numbers for each layer. */
export type States = readonly (readonly number[])[];

/** A machine with normal weights and biases that are f32 numbers. */
export function randomDbm(
  layers: readonly ReferenceLayer[],
  scale: number,
  biasScale: number,
  random: RandomSource,
): ReferenceDbm {
  const sizes = layers.map((layer) => unitsOfSide([layer]));
  const normal = (by: number) => Math.fround(by * random.normal());
  return {
    layers,
    W: sizes.slice(1).map((above, l) => {
      return Array.from({ length: sizes[l]! }, () => Array.from({ length: above }, () => normal(scale)));
    }),
    b: sizes.map((units) => Array.from({ length: units }, () => normal(biasScale))),
  };
}

/** Layers of binary units. */
export function binaryDbm(
  sizes: readonly number[],
  scale: number,
  biasScale: number,
  random: RandomSource,
): ReferenceDbm {
  return randomDbm(sizes.map(bernoulliLayer), scale, biasScale, random);
}

export function energy({ W, b }: ReferenceDbm, states: States): number {
  let sum = 0;
  for (const [l, bias] of b.entries()) sum -= dot(bias, states[l]!);
  for (const [l, weights] of W.entries()) {
    for (const [i, row] of weights.entries()) sum -= states[l]![i]! * dot(row, states[l + 1]!);
  }
  return sum;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, k) => sum + x * b[k]!, 0);
}

/** All states of the layers from `from` on, the lowest layer's changing slowest. */
export function allStates({ layers }: ReferenceDbm, from = 0): States[] {
  let all: number[][][] = [[]];
  for (const layer of layers.slice(from)) {
    const own = enumerateStates([layer]);
    all = all.flatMap((below) => own.map((state) => [...below, state]));
  }
  return all;
}

/** log Z over all states. */
export function logPartitionOfStates(dbm: ReferenceDbm): number {
  return logSumExp(allStates(dbm).map((states) => -energy(dbm, states)));
}

/** log Z over the states of the layers of one parity; the others, of binary units, are summed out unit by unit. */
export function logPartitionOfParity(dbm: ReferenceDbm, parity: 0 | 1): number {
  const { layers, b } = dbm;
  const kept = layers.map((layer, l) => (l % 2 === parity ? enumerateStates([layer]) : [undefined]));
  let all: (number[] | undefined)[][] = [[]];
  for (const own of kept) all = all.flatMap((below) => own.map((state) => [...below, state]));
  const logOf = (states: (number[] | undefined)[]) =>
    layers.reduce((log, _, l) => {
      if (l % 2 === parity) return log + dot(b[l]!, states[l]!);
      return inputsOf(dbm, l, states as States).reduce((sum, x) => sum + softplus(x), log);
    }, 0);
  return logSumExp(all.map(logOf));
}

/** Total inputs of a layer given its neighbours, which count so many times. */
export function inputsOf({ W, b }: ReferenceDbm, l: number, states: States, below = 1, above = 1): number[] {
  const column = (weights: readonly number[][], unit: number) => weights.map((row) => row[unit]!);
  return b[l]!.map((bias, unit) => {
    const up = l > 0 && below > 0 ? below * dot(column(W[l - 1]!, unit), states[l - 1]!) : 0;
    const down = l < b.length - 1 && above > 0 ? above * dot(W[l]![unit]!, states[l + 1]!) : 0;
    return bias + up + down;
  });
}

/** p of every state, in the order of `allStates`. */
export function jointDistribution(dbm: ReferenceDbm): number[] {
  const logZ = logPartitionOfStates(dbm);
  return allStates(dbm).map((states) => Math.exp(-energy(dbm, states) - logZ));
}

/** log p(v), nats. */
export function logLikelihoodOf(dbm: ReferenceDbm, v: readonly number[], logZ = logPartitionOfStates(dbm)): number {
  return logSumExp(allStates(dbm, 1).map((hidden) => -energy(dbm, [v, ...hidden]))) - logZ;
}

/** Means of binary hidden layers: a pass up that counts twice but into the top, then passes over odd layers and even ones. */
export function meanFieldOf(dbm: ReferenceDbm, v: readonly number[], passes: number): number[][] {
  const top = dbm.layers.length - 1;
  const means: number[][] = [[...v]];
  for (let l = 1; l <= top; l += 1) means[l] = inputsOf(dbm, l, means, l < top ? 2 : 1, 0).map(logistic);
  for (let pass = 0; pass < passes; pass += 1) {
    for (const parity of [1, 0]) {
      for (let l = 1; l <= top; l += 1) if (l % 2 === parity) means[l] = inputsOf(dbm, l, means).map(logistic);
    }
  }
  return means;
}

/** `E_q[−E] + H(q)` of a factorial q over binary hidden units, whose energy is linear in each unit. */
export function variationalEnergyOf(dbm: ReferenceDbm, means: States): number {
  const h = (p: number) => (p <= 0 || p >= 1 ? 0 : -p * Math.log(p) - (1 - p) * Math.log(1 - p));
  return means
    .slice(1)
    .flat()
    .reduce((sum, p) => sum + h(p), -energy(dbm, means));
}
