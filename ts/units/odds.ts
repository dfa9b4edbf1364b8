/** The start of a bias whose unit has a chance: the chance's odds, kept from 0 and infinity (Hinton 2010, section 8). */
import type { InitialBias } from './unit.js';

/** Odds of a chance that is kept within [0.0001, 0.9999]. */
export function oddsOf(chance: number): InitialBias & { readonly odds: number } {
  const p = Math.min(Math.max(chance, 1e-4), 1 - 1e-4);
  return { odds: p / (1 - p) };
}
