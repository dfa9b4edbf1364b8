/** So many copies of a binary unit with one input: the state is how many are on (Teh and Hinton 2001). */
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import { oddsOf } from './odds.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of binomial units. */
export interface BinomialUnits {
  readonly type: 'binomial';
  readonly units: number;
  /** Copies that each unit stands for: states are 0 to this. */
  readonly copies: number;
}

/**
 * `units` units (1 to 65,535) that each stand for `copies` (2 to 1,000) identical copies of a binary unit: the state is
 * binomial with chance σ(x), mean `copies · σ(x)`. For counts with a largest value, and for rates (Teh and Hinton,
 * "Rate-coded restricted Boltzmann machines for face recognition", 2001). Throws `OPTION_INVALID`.
 */
export function binomial(units: number, copies: number): BinomialUnits {
  return binomialType.read('binomial()', { type: 'binomial', units, copies });
}

export const binomialType: UnitType<BinomialUnits> = {
  type: 'binomial',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units', 'copies']);
    return freezeDeep({
      type: 'binomial',
      units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }),
      copies: integer(where, 'copies', given.copies, { atLeast: 2, atMost: 1000 }),
    });
  },
  units: (spec) => spec.units,
  kernel: (spec) => ({ code: 2, size: spec.copies }),
  samples: () => true,
  binary: () => false,
  hasEnergy: () => true,
  range: (spec) => ({ least: 0, most: spec.copies, integers: true }),
  initialBias: (spec, mean) => oddsOf(mean / spec.copies),
  finite: {
    states: ({ copies }) => {
      let logBase = 0;
      return Array.from({ length: copies + 1 }, (_, on) => {
        if (on > 0) logBase += Math.log((copies - on + 1) / on);
        return { values: [on], logBase };
      });
    },
    resized: (spec, units) => ({ ...spec, units }),
  },
  // Counts make larger steps than states of 0 and 1.
  rateShare: 0.1,
  onnxMean: ({ copies }, make, inputs) => make.apply('Mul', [make.apply('Sigmoid', [inputs]), make.numbers(copies)]),
  describe: (spec) => `${spec.units} binomial units of ${spec.copies} copies`,
};
