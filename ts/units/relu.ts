/** Rectified linear units with noise, max(0, x + noise) (Nair and Hinton 2010): samplers without an energy. */
import { freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import type { Operators, UnitType } from './unit.js';

/** What is added to a rectified unit's input; normal in both cases. */
export type ReluNoise = 'none' | 'unit' | 'sigmoid';

/** Plain data of a layer of rectified units. */
export interface ReluUnits {
  readonly type: 'relu';
  readonly units: number;
  /** Normal noise of variance σ(x) (`sigmoid`) or 1 (`unit`), or none. */
  readonly noise: ReluNoise;
}

const noises = ['none', 'unit', 'sigmoid'] as const;

/**
 * `units` rectified units (1 to 65,535): `max(0, x + noise)`, with normal noise of *variance* σ(x) (`sigmoid`, default:
 * the NReLU of Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010), of variance 1
 * (`unit`), or `none`. With zero biases and no noise they are scale equivariant. They are samplers without an energy, so
 * free energies and likelihoods refuse them; `truncatedNormal()` is the rectified unit that has one. Throws
 * `OPTION_INVALID`.
 */
export function relu(units: number, options: { readonly noise?: ReluNoise } = {}): ReluUnits {
  refuseUnknown('relu()', options, ['noise']);
  return reluType.read('relu()', { type: 'relu', units, ...options });
}

export const reluType: UnitType<ReluUnits> = {
  type: 'relu',
  read(where, given) {
    refuseUnknown(where, given, ['type', 'units', 'noise']);
    return freezeDeep({
      type: 'relu',
      units: integer(where, 'units', given.units, { atLeast: 1, atMost: 65_535 }),
      noise: oneOf(where, 'noise', given.noise ?? 'sigmoid', noises),
    });
  },
  units: (spec) => spec.units,
  kernel: (spec) => ({ code: 4, size: noises.indexOf(spec.noise) }),
  samples: () => true,
  binary: () => false,
  hasEnergy: () => false,
  range: () => ({ least: 0, most: Number.POSITIVE_INFINITY, integers: false }),
  initialBias: (_, mean) => ({ bias: mean }),
  // States without an upper end make steps larger (Hinton 2010, section 13.2).
  rateShare: 0.1,
  withoutNoise: (spec) => ({ ...spec, noise: 'none' }),
  passes: (spec) => (spec.noise === 'none' ? { hidden: true, gain: 2 } : undefined),
  onnxMean: ({ noise }, make, inputs) => onnxMean(noise, make, inputs),
  describe: (spec) => `${spec.units} rectified units`,
};

/** `x Φ(x/d) + d φ(x/d)` with noise of deviation d, as the kernels have it. */
function onnxMean(noise: ReluNoise, make: Operators, inputs: string): string {
  if (noise === 'none') return make.apply('Relu', [inputs]);
  const product = (a: string, b: string) => make.apply('Mul', [a, b]);
  const sigmoid = () => make.apply('Sqrt', [make.apply('Sigmoid', [inputs])]);
  const deviation = noise === 'unit' ? make.numbers(1) : sigmoid();
  const z = make.apply('Div', [inputs, deviation]);
  const erf = make.apply('Erf', [product(z, make.numbers(Math.SQRT1_2))]);
  const below = product(make.apply('Add', [erf, make.numbers(1)]), make.numbers(0.5));
  const density = make.apply('Exp', [product(product(z, z), make.numbers(-0.5))]);
  const spread = product(product(density, deviation), make.numbers(1 / Math.sqrt(2 * Math.PI)));
  return make.apply('Add', [product(inputs, below), spread]);
}
