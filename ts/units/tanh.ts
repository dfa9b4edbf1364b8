/** Deterministic units of feed-forward networks whose output is the hyperbolic tangent of their total input. */
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of tanh units. */
export interface TanhUnits {
  readonly type: 'tanh';
  readonly units: number;
}

/**
 * `units` units (1 to 65,535) with output `tanh x`, for the hidden layers of a `network()`. They have no distribution and no
 * energy. Throws `OPTION_INVALID`.
 */
export function tanh(units: number): TanhUnits {
  return tanhType.read('tanh()', { type: 'tanh', units });
}

export const tanhType: UnitType<TanhUnits> = {
  type: 'tanh',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units']);
    return freezeDeep({ type: 'tanh', units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }) });
  },
  units: (spec) => spec.units,
  kernel: () => ({ code: 8, size: 1 }),
  samples: () => false,
  binary: () => false,
  hasEnergy: () => false,
  range: () => ({ least: -1, most: 1, integers: false }),
  initialBias: () => ({ bias: 0 }),
  passes: () => ({ hidden: true }),
  onnxMean: (_, make, inputs) => make.apply('Tanh', [inputs]),
  describe: (spec) => `${spec.units} tanh units`,
};
