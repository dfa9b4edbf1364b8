/**
 * A deep belief net by enumeration in f64: `p(v, h1, ...) = p(v | h1) p(h1 | h2) ... p(h_{k−2} | h_{k−1}) p(h_{k−1}, hk)`.
 * Recognition is no part of it.
 */
import {
  enumerateStates,
  inputsOfLower,
  lowerDistribution,
  type ReferenceRbm,
  stateCountOfSide,
  stateProbabilitiesOfSide,
} from './rbm.js';

/**
 * Machines from the bottom up; of each but the last only `lower`, `W` and `b` count. The first lower layer of each is the upper
 * one of the machine below; a second one, of the last, holds labels.
 */
export type ReferenceStack = readonly ReferenceRbm[];

/** p(v) of every state of the lowest layer, in the order of `enumerateStates`. */
export function visibleDistribution(machines: ReferenceStack): number[] {
  const top = machines.at(-1)!;
  const labels = stateCountOfSide(top.lower.slice(1));
  let distribution = new Array<number>(stateCountOfSide(top.lower.slice(0, 1))).fill(0);
  lowerDistribution(top).forEach((p, state) => {
    distribution[Math.floor(state / labels)]! += p;
  });
  for (const machine of machines.slice(0, -1).reverse()) distribution = below(machine, distribution);
  return distribution;
}

/** p(lower) = Σ over the upper states of p(upper) p(lower | upper). */
function below(machine: ReferenceRbm, upper: readonly number[]): number[] {
  const distribution = new Array<number>(stateCountOfSide(machine.lower)).fill(0);
  enumerateStates(machine.upper).forEach((h, k) => {
    stateProbabilitiesOfSide(machine.lower, inputsOfLower(machine, h)).forEach((p, state) => {
      distribution[state]! += upper[k]! * p;
    });
  });
  return distribution;
}
