/** Groups of units of which exactly one is on: labels, Potts units. */
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import { oddsOf } from './odds.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of softmax groups. */
export interface SoftmaxUnits {
  readonly type: 'softmax';
  readonly groups: number;
  readonly size: number;
}

/** One group of `size` units, or `groups` groups of `size` units each; at most 65,535 units together. */
export function softmax(size: number): SoftmaxUnits;
export function softmax(groups: number, size: number): SoftmaxUnits;
export function softmax(first: number, second?: number): SoftmaxUnits {
  const [groups, size] = second === undefined ? [1, first] : [first, second];
  return softmaxType.read('softmax()', { type: 'softmax', groups, size });
}

export const softmaxType: UnitType<SoftmaxUnits> = {
  type: 'softmax',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'groups', 'size']);
    const groups = integer(where, 'groups', given.groups ?? 1, { atLeast: 1, atMost: 65_535 });
    const atMost = Math.floor(65_535 / groups);
    return freezeDeep({ type: 'softmax', groups, size: integer(where, 'size', given.size, { atLeast: 1, atMost }) });
  },
  units: (spec) => spec.groups * spec.size,
  kernel: (spec) => ({ code: 1, size: spec.size }),
  samples: () => true,
  groupUnits: ({ size }) => size,
  binary: () => true,
  hasEnergy: () => true,
  range: () => ({ least: 0, most: 1, integers: false }),
  initialBias: (_, mean) => oddsOf(mean),
  finite: {
    states: ({ size }) =>
      Array.from({ length: size }, (_, on) => ({
        values: Array.from({ length: size }, (_unused, unit) => Number(unit === on)),
        logBase: 0,
      })),
    resized: (spec, groups) => ({ ...spec, groups }),
  },
  passes: ({ groups }) => (groups === 1 ? { hidden: false, loss: 'softmax' } : undefined),
  onnxMean({ groups, size }, make, inputs) {
    if (groups === 1) return make.apply('Softmax', [inputs], { axis: 1 });
    const grouped = make.apply('Reshape', [inputs, make.integers([-1, groups, size])]);
    const means = make.apply('Softmax', [grouped], { axis: 2 });
    return make.apply('Reshape', [means, make.integers([-1, groups * size])]);
  },
  describe: (spec) => (spec.groups === 1 ? `one of ${spec.size}` : `${spec.groups} groups, each one of ${spec.size}`),
};
