/** Word counts of documents: a layer that is one multinomial (Salakhutdinov and Hinton 2009). */
import { freezeDeep, integer, refuseUnknown } from '../options.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of word counts. */
export interface ReplicatedSoftmaxUnits {
  readonly type: 'replicatedSoftmax';
  /** Words of the vocabulary. */
  readonly units: number;
}

/**
 * Counts of `units` words (2 to 65,535): given the hidden units a row is multinomial with as many draws as the document
 * has words, and the hidden biases are multiplied by that length (Salakhutdinov and Hinton, "Replicated softmax: an
 * undirected topic model", 2009). Only for the layer that holds the data; likelihoods are of the counts, given the
 * length. Throws `OPTION_INVALID`.
 */
export function replicatedSoftmax(units: number): ReplicatedSoftmaxUnits {
  return replicatedSoftmaxType.read('replicatedSoftmax()', { type: 'replicatedSoftmax', units });
}

export const replicatedSoftmaxType: UnitType<ReplicatedSoftmaxUnits> = {
  type: 'replicatedSoftmax',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units']);
    return freezeDeep({
      type: 'replicatedSoftmax',
      units: integer(where, 'units', given.units, { atLeast: 2, atMost: 65_535 }),
    });
  },
  units: (spec) => spec.units,
  // One draw where a row does not say how many it has.
  kernel: () => ({ code: 7, size: 1 }),
  samples: () => true,
  binary: () => false,
  hasEnergy: () => true,
  range: () => ({ least: 0, most: Number.POSITIVE_INFINITY, integers: true }),
  initialBias: (_, mean) => ({ odds: Math.max(mean, 1e-4) }),
  countsDraws: true,
  // Counts make larger steps than states of 0 and 1.
  rateShare: 0.1,
  // Of one draw: the chance of each word.
  onnxMean: (_, make, inputs) => make.apply('Softmax', [inputs], { axis: 1 }),
  describe: (spec) => `counts of ${spec.units} words`,
};
