/** The stochastic binary unit: on with probability σ(x), x its total input. */
import { boolean, freezeDeep, integer, refuseUnknown } from '../options.js';
import { oddsOf } from './odds.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of binary units. */
export interface BernoulliUnits {
  readonly type: 'bernoulli';
  readonly units: number;
  /** The mean stands in for the state: intermediate intensities used as probabilities. */
  readonly meanField: boolean;
}

/**
 * `units` stochastic binary units (1 to 65,535). With `meanField` (default false) the mean σ(x) is passed on in place of
 * a drawn state; such units are samplers without an energy, so free energies refuse them.
 */
export function bernoulli(units: number, options: { readonly meanField?: boolean } = {}): BernoulliUnits {
  refuseUnknown('bernoulli()', options, ['meanField']);
  return bernoulliType.read('bernoulli()', { type: 'bernoulli', units, ...options });
}

export const bernoulliType: UnitType<BernoulliUnits> = {
  type: 'bernoulli',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units', 'meanField']);
    return freezeDeep({
      type: 'bernoulli',
      units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }),
      meanField: boolean(where, 'meanField', given.meanField ?? false),
    });
  },
  units: (spec) => spec.units,
  kernel: () => ({ code: 0, size: 1 }),
  samples: (spec) => !spec.meanField,
  binary: () => true,
  hasEnergy: (spec) => !spec.meanField,
  range: () => ({ least: 0, most: 1, integers: false }),
  initialBias: (_, mean) => oddsOf(mean),
  finite: {
    states: () => [
      { values: [0], logBase: 0 },
      { values: [1], logBase: 0 },
    ],
    resized: (spec, units) => ({ ...spec, units }),
  },
  passes: () => ({ hidden: true, loss: 'logistic' }),
  onnxMean: (_, make, inputs) => make.apply('Sigmoid', [inputs]),
  describe: (spec) => `${spec.units} ${spec.meanField ? 'mean-field logistic' : 'binary'} units`,
};
