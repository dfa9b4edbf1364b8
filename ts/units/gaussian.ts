/** Real-valued units with normal noise, for data such as pixels and coefficients. */
import { WakesleepError } from '../errors.js';
import { boolean, describeValue, finiteNumber, freezeDeep, integer, refuseUnknown } from '../options.js';
import type { UnitType } from './unit.js';

/** Plain data of a layer of Gaussian units. */
export interface GaussianUnits {
  readonly type: 'gaussian';
  readonly units: number;
  /** Fixed at 1, or a parameter of each unit, kept as its logarithm. */
  readonly variance: 1 | 'learned';
  /** Whether data are standardised by the training rows' means and deviations, which the model keeps. */
  readonly standardise: boolean;
  /** The least variance that is learned. */
  readonly floor: number;
  /** The rate of log-variances as a share of the learning rate. */
  readonly varianceRate: number;
}

/** What `gaussian()` takes beside the number of units. */
export interface GaussianOptions {
  /** 1 (default), or `learned` for a variance of each unit; only for the layer that holds the data. */
  readonly variance?: 1 | 'learned';
  /**
   * Default false. With true, training begins by taking mean and standard deviation of each column of the training rows,
   * stored in model files as `layers.<name>.data_mean` and `.data_deviation`; rows are standardised on the way in, samples
   * and means brought back on the way out, and likelihoods are densities of the rows as given. A constant column has
   * deviation 1. Only for the layer that holds the data.
   */
  readonly standardise?: boolean;
  /** The least variance that is learned, above 0, default 0.001. */
  readonly floor?: number;
  /** The rate of log-variances as a share of the learning rate, default 0.1; they are learned slower than weights. */
  readonly varianceRate?: number;
}

/**
 * `units` Gaussian units (1 to 65,535): `E = Σ (v_i − b_i)² / 2σ_i² − Σ c_j h_j − Σ (v_i / σ_i) W_ij h_j`. Given the
 * other side a unit is normal about `b_i + σ_i Σ_j W_ij h_j`, and samples really have that noise. Learning wants rates 10
 * to 100 times below those of binary units (Hinton 2010, section 13.2). Throws `OPTION_INVALID`.
 */
export function gaussian(units: number, options: GaussianOptions = {}): GaussianUnits {
  refuseUnknown('gaussian()', options, ['variance', 'standardise', 'floor', 'varianceRate']);
  return gaussianType.read('gaussian()', { type: 'gaussian', units, ...options });
}

export const gaussianType: UnitType<GaussianUnits> = {
  type: 'gaussian',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units', 'variance', 'standardise', 'floor', 'varianceRate']);
    return freezeDeep({
      type: 'gaussian',
      units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }),
      variance: readVariance(where, given.variance ?? 1),
      standardise: boolean(where, 'standardise', given.standardise ?? false),
      floor: finiteNumber(where, 'floor', given.floor ?? 1e-3, { above: 0 }),
      varianceRate: finiteNumber(where, 'varianceRate', given.varianceRate ?? 0.1, { above: 0 }),
    });
  },
  units: (spec) => spec.units,
  kernel: () => ({ code: 6, size: 1 }),
  samples: () => true,
  binary: () => false,
  hasEnergy: () => true,
  range: () => ({ least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY, integers: false }),
  initialBias: (_, mean) => ({ bias: mean }),
  deviation: ({ variance, standardise, floor, varianceRate }) => ({
    learned: variance === 'learned',
    standardise,
    floor,
    rate: varianceRate,
  }),
  // States without an upper end make steps larger (Hinton 2010, section 13.2).
  rateShare: 0.1,
  needsNoise: true,
  continuous: { least: Number.NEGATIVE_INFINITY, resized: (spec, units) => ({ ...spec, units }) },
  passes: ({ variance, standardise }) =>
    variance === 1 && !standardise ? { hidden: true, loss: 'squared' } : undefined,
  onnxMean: (_spec, _make, inputs) => inputs,
  describe: (spec) => `${spec.units} Gaussian units`,
};

function readVariance(where: string, given: unknown): 1 | 'learned' {
  if (given === 1 || given === 'learned') return given;
  const wanted = '1 or "learned"';
  const message = `\`variance\` must be ${wanted}; got ${describeValue(given)}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given, wanted, where: `${where}.variance` });
}
