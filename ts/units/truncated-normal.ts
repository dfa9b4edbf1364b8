/** The exact rectified unit: a normal number about x of deviation 1, given that it is not negative. */
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of truncated normal units. */
export interface TruncatedNormalUnits {
  readonly type: 'truncatedNormal';
  readonly units: number;
}

/**
 * `units` units (1 to 65,535) distributed as N(x, 1) cut at 0. Unlike `relu()` they have an energy, `s²/2 − x s` for
 * s ≥ 0, so models of them have free energies and likelihoods. Throws `OPTION_INVALID`.
 */
export function truncatedNormal(units: number): TruncatedNormalUnits {
  return truncatedNormalType.read('truncatedNormal()', { type: 'truncatedNormal', units });
}

export const truncatedNormalType: UnitType<TruncatedNormalUnits> = {
  type: 'truncatedNormal',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units']);
    return freezeDeep({
      type: 'truncatedNormal',
      units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }),
    });
  },
  units: (spec) => spec.units,
  kernel: () => ({ code: 5, size: 1 }),
  samples: () => true,
  binary: () => false,
  hasEnergy: () => true,
  range: () => ({ least: 0, most: Number.POSITIVE_INFINITY, integers: false }),
  initialBias: () => ({ bias: 0 }),
  // States without an upper end make steps larger (Hinton 2010, section 13.2).
  rateShare: 0.1,
  continuous: { least: 0, resized: (spec, units) => ({ ...spec, units }) },
  describe: (spec) => `${spec.units} truncated normal units`,
};
