/**
 * A chain of layers drawn from the top down, by enumeration in f64: directed nets of any depth, and deep belief nets of two
 * machines with the bound that greedy learning raises. All units are binary; states are in the order of `enumerateStates`.
 */

import { logSumExp } from './logistic.js';
import {
  bernoulliLayer,
  enumerateStates,
  freeEnergyOfLower,
  inputsOfLower,
  inputsOfUpper,
  logPartitionByLower,
  type ReferenceRbm,
  stateIndex,
  stateProbabilitiesOfSide,
} from './rbm.js';
import { lowerGivenUpper, upperGivenLower } from './transition.js';

/** Each layer drawn given the next, bottom first, and the distribution of the topmost one over its states. */
export interface Chain {
  /** Machines of which only `p(lower | upper)` counts. */
  readonly steps: readonly ReferenceRbm[];
  readonly top: readonly number[];
}

/** The distribution of the layer above step `step`, −1 for the lowest layer. */
export function layerDistribution({ steps, top }: Chain, step: number): number[] {
  let distribution = [...top];
  for (let k = steps.length - 1; k > step; k--) distribution = multiplied(distribution, lowerGivenUpper(steps[k]!));
  return distribution;
}

/** `p(h1 | v)`, `[lower state][upper state]`, by Bayes' rule from the prior over h1. */
export function posteriorOfFirst(chain: Chain): number[][] {
  const prior = layerDistribution(chain, 0);
  const likelihood = lowerGivenUpper(chain.steps[0]!);
  return enumerateStates(chain.steps[0]!.lower).map((_, v) => {
    const joint = prior.map((p, h) => p * likelihood[h]![v]!);
    const total = joint.reduce((sum, p) => sum + p, 0);
    return joint.map((p) => p / total);
  });
}

/** The distribution of binary units that only their biases drive. */
export function fromBiases(bias: readonly number[]): number[] {
  return stateProbabilitiesOfSide([bernoulliLayer(bias.length)], [...bias]);
}

function multiplied(distribution: readonly number[], table: readonly (readonly number[])[]): number[] {
  return table[0]!.map((_, to) => distribution.reduce((sum, p, from) => sum + p * table[from]![to]!, 0));
}

/** `log p(v)` of a row under `p(v | h)` of one machine and the distribution over h of another; nats. */
export function logLikelihoodOfStack(first: ReferenceRbm, second: ReferenceRbm, row: readonly number[]): number {
  const logZ = logPartitionByLower(second);
  return logSumExp(
    enumerateStates(first.upper).map((h) => logLikelihoodGiven(first, row, h) - freeEnergyOfLower(second, h) - logZ),
  );
}

/** The bound that greedy learning raises: `E_q log p(v | h) + E_q log p2(h) + H(q)`, q the first machine's posterior; nats. */
export function boundOfStack(first: ReferenceRbm, second: ReferenceRbm, row: readonly number[]): number {
  const logZ = logPartitionByLower(second);
  const posterior = stateProbabilitiesOfSide(first.upper, inputsOfUpper(first, row));
  return enumerateStates(first.upper).reduce((sum, h, k) => {
    const q = posterior[k]!;
    return sum + q * (logLikelihoodGiven(first, row, h) - freeEnergyOfLower(second, h) - logZ - Math.log(q));
  }, 0);
}

function logLikelihoodGiven(first: ReferenceRbm, row: readonly number[], h: readonly number[]): number {
  return Math.log(stateProbabilitiesOfSide(first.lower, inputsOfLower(first, h))[stateIndex(first.lower, row)]!);
}

/** The average over rows of `p(h | v)`, over the upper states. */
export function aggregatedPosteriorOf(rbm: ReferenceRbm, rows: readonly (readonly number[])[]): number[] {
  const table = upperGivenLower(rbm);
  const posteriors = rows.map((row) => table[stateIndex(rbm.lower, row)]!);
  return posteriors[0]!.map((_, h) => posteriors.reduce((sum, p) => sum + p[h]!, 0) / rows.length);
}

/** `−Σ p log p`, nats. */
export function entropy(distribution: readonly number[]): number {
  return -distribution.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
}
