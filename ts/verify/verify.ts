/**
 * Whether the engine computes what a model means: every restricted Boltzmann machine of it (or a small part of one that is
 * too large) against enumeration in f64, with the checks that the package's own tests use. Where the lower units are real
 * numbers (Gaussian, truncated normal) the upper side is enumerated and the lower one integrated.
 *
 * - energies: free energies of all states;
 * - normalisation: log Z, and that probabilities sum to 1, or densities are those of a mixture that integrates to 1;
 * - conditionals: means of each layer given every state of the other;
 * - stationarity: chains started from the exact distribution are still there after 1, 4 and 16 sweeps, by χ² over states
 *   with an expectation of at least 10, the rest pooled, `z = (χ² − d) / √(2d)` below 5; of real-valued units by the means
 *   and squares of what is left of their states when the exact means are taken away, in standard errors;
 * - gradient: one step of the exact gradient (deviations held) against the f64 gradient, and that against central
 *   differences.
 */
import { requireTied, stackOf } from '../graph/machines.js';
import type { Model } from '../model.js';
import { integer, seed as readSeed, refuseUnknown } from '../options.js';
import type { Check } from './checks.js';
import { finiteChecks } from './finite-checks.js';
import { realChecks } from './real-checks.js';
import { type Small, smallMachineOf } from './small-machine.js';

/** What `verify()` takes. */
export interface VerifyOptions {
  /** The seed of the chains, and of which units stand for a large model; default 1. */
  readonly seed?: number;
  /** Chains of the stationarity check, default 40,000. */
  readonly chains?: number;
}

/** What `verify()` gives. */
export interface Verification {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  /** The report: a line for each machine and check. */
  readonly words: string;
}

/** Checks a model; throws `GRAPH_UNSUITABLE` for units whose states can be neither listed nor integrated. */
export function verify(model: Model, options: VerifyOptions = {}): Verification {
  const where = 'verify()';
  refuseUnknown(where, options, ['seed', 'chains']);
  const seed = readSeed(where, options.seed ?? 1);
  const chains = integer(where, 'chains', options.chains ?? 40_000, { atLeast: 1000, atMost: 1_000_000 });
  const lines: string[] = [];
  const stack = stackOf(model.graph);
  requireTied(stack, where);
  const checks = stack.machines.flatMap((machine) => {
    const small = smallMachineOf(model.engine, model.parameters, machine, seed);
    try {
      lines.push(headline(small));
      const found = small.kind === 'real' ? realChecks(small, seed, chains) : finiteChecks(small, seed, chains);
      lines.push(...found.map(({ passed, words }) => `  ${passed ? 'passed' : 'FAILED'}  ${words}`));
      return found;
    } finally {
      small.free();
    }
  });
  return { passed: checks.every(({ passed }) => passed), checks, words: lines.join('\n') };
}

function headline({ name, whole, kept }: Small): string {
  const all = kept[0] === whole[0] && kept[1] === whole[1];
  if (all) return `${name}: all ${whole[0]} + ${whole[1]} units, by enumeration in f64`;
  return `${name}: ${kept[0]} of ${whole[0]} and ${kept[1]} of ${whole[1]} units, drawn, with the weights among them, by enumeration in f64`;
}
