/**
 * Exact expectations of contrastive divergence on small models: what the statistics of CD-k are on average, for each
 * choice between states and probabilities.
 *
 * The chain is carried as a weighted list of lower rows. Where units are sampled the list is spread over all states of
 * the side, weighed by their probabilities; where probabilities are handed on instead, each row turns into one row of
 * means. So every combination is exact, and the list never grows beyond the states of a side or the data rows.
 *
 * The last upper update needs no choice: given the lower row, ⟨v h⟩ with sampled h has the same expectation as with
 * the mean of h.
 */

import {
  addToStatistics,
  dataExpectations,
  enumerateStates,
  gradientOfPhases,
  inputsOfLower,
  inputsOfUpper,
  meanLower,
  meanUpper,
  normalisedWeights,
  type ReferenceGradient,
  type ReferenceRbm,
  type ReferenceSide,
  type ReferenceStatistics,
  rowDistribution,
  stateCountOfSide,
  stateProbabilitiesOfSide,
  zeroStatistics,
} from './rbm.js';
import { advanced, lowerTransition } from './transition.js';

/** Whether units hand on draws of 0 and 1 or their means. */
export type HandedOn = 'states' | 'probabilities';

/** How the negative phase is made. */
export interface ChainChoices {
  /** Reconstructions, at least 1. */
  gibbsSteps: number;
  /** What of the upper units drives each reconstruction; states by default. */
  upper?: HandedOn;
  /** What of the lower units drives the upper ones within the chain, before the last reconstruction; states by default. */
  lowerWithin?: HandedOn;
  /** What the last reconstruction is, in the statistics and as what drives the last upper means; states by default. */
  lowerLast?: HandedOn;
}

/** The two phases of CD-k in expectation. */
export interface ExpectedPhases {
  positive: ReferenceStatistics;
  negative: ReferenceStatistics;
}

/** Rows with weights that sum to 1. */
type WeightedRows = { row: ArrayLike<number>; weight: number }[];

/**
 * Expected statistics of CD-k on weighted rows.
 *
 * @param weights one per row, normalised here; equal where none are given.
 */
export function expectedPhases(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights: ArrayLike<number> | undefined,
  choices: ChainChoices,
): ExpectedPhases {
  const { gibbsSteps, upper = 'states', lowerWithin = 'states', lowerLast = 'states' } = choices;
  if (!Number.isInteger(gibbsSteps) || gibbsSteps < 1) throw new Error(`CD needs at least 1 step; got ${gibbsSteps}.`);
  const shares = normalisedWeights(rows.length, weights);
  let chain: WeightedRows = rows.map((row, r) => ({ row, weight: shares[r]! }));
  for (let step = 1; step <= gibbsSteps; step++) {
    const uppers = handOn(
      chain,
      upper,
      rbm.upper,
      (v) => inputsOfUpper(rbm, v),
      (v) => meanUpper(rbm, v),
    );
    const lowerChoice = step === gibbsSteps ? lowerLast : lowerWithin;
    chain = handOn(
      uppers,
      lowerChoice,
      rbm.lower,
      (h) => inputsOfLower(rbm, h),
      (h) => meanLower(rbm, h),
    );
  }
  const negative = zeroStatistics(rbm);
  for (const { row, weight } of chain) addToStatistics(negative, weight, row, meanUpper(rbm, row));
  return { positive: dataExpectations(rbm, rows, weights), negative };
}

/** The rows of one side given weighted rows of the other: all states with their probabilities, or the means. */
function handOn(
  from: WeightedRows,
  choice: HandedOn,
  side: ReferenceSide,
  inputs: (row: ArrayLike<number>) => number[],
  means: (row: ArrayLike<number>) => number[],
): WeightedRows {
  if (choice === 'probabilities') return from.map(({ row, weight }) => ({ row: means(row), weight }));
  const mass = new Array<number>(stateCountOfSide(side)).fill(0);
  for (const { row, weight } of from) {
    if (weight === 0) continue;
    stateProbabilitiesOfSide(side, inputs(row)).forEach((probability, state) => {
      mass[state]! += weight * probability;
    });
  }
  return enumerateStates(side).map((row, state) => ({ row, weight: mass[state]! }));
}

/** The expected direction of CD-k, ⟨·⟩⁰ − ⟨·⟩ᵏ. */
export function expectedDirection(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights: ArrayLike<number> | undefined,
  choices: ChainChoices,
): ReferenceGradient {
  const { positive, negative } = expectedPhases(rbm, rows, weights, choices);
  return gradientOfPhases(positive, negative);
}

/**
 * The same statistics for the case that everything is sampled, by powers of the transition matrix: the distribution of
 * the rows is taken k sweeps on. Rows must be states of 0 and 1.
 */
export function expectedPhasesByTransition(
  rbm: ReferenceRbm,
  rows: readonly ArrayLike<number>[],
  weights: ArrayLike<number> | undefined,
  gibbsSteps: number,
): ExpectedPhases {
  const states = enumerateStates(rbm.lower);
  const start = rowDistribution(rbm, rows, weights);
  const end = advanced(start, lowerTransition(rbm), gibbsSteps);
  return { positive: dataExpectations(rbm, states, start), negative: dataExpectations(rbm, states, end) };
}
