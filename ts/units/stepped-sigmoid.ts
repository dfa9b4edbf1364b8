/** Copies of a binary unit whose biases are offset by fixed steps, which together are softly rectified (Nair and Hinton 2010). */
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of stepped sigmoid units. */
export interface SteppedSigmoidUnits {
  readonly type: 'steppedSigmoid';
  readonly units: number;
  /** Copies that each unit stands for: states are 0 to this. */
  readonly copies: number;
}

/**
 * `units` units (1 to 65,535) that each are the sum of `copies` (1 to 1,000, default 100) binary units with chances
 * `σ(x − k + ½)`, k = 1, 2, ...; the copies share weights and bias, and the mean tends to `log(1 + e^x)` (Nair and
 * Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010). Throws `OPTION_INVALID`.
 */
export function steppedSigmoid(units: number, copies = 100): SteppedSigmoidUnits {
  return steppedSigmoidType.read('steppedSigmoid()', { type: 'steppedSigmoid', units, copies });
}

export const steppedSigmoidType: UnitType<SteppedSigmoidUnits> = {
  type: 'steppedSigmoid',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units', 'copies']);
    return freezeDeep({
      type: 'steppedSigmoid',
      units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }),
      copies: integer(where, 'copies', given.copies ?? 100, { atLeast: 1, atMost: 1000 }),
    });
  },
  units: (spec) => spec.units,
  kernel: (spec) => ({ code: 3, size: spec.copies }),
  samples: () => true,
  binary: () => false,
  hasEnergy: () => true,
  range: (spec) => ({ least: 0, most: spec.copies, integers: true }),
  initialBias: () => ({ bias: 0 }),
  // Counts make larger steps than states of 0 and 1.
  rateShare: 0.1,
  onnxMean({ copies }, make, inputs) {
    const offsets = Array.from({ length: copies }, (_, copy) => copy + 0.5);
    const axis = make.integers([2]);
    const shifted = make.apply('Sub', [make.apply('Unsqueeze', [inputs, axis]), make.numbers(offsets)]);
    return make.apply('ReduceSum', [make.apply('Sigmoid', [shifted]), axis], { keepdims: 0 });
  },
  describe: (spec) => `${spec.units} stepped sigmoid units of ${spec.copies} copies`,
};
