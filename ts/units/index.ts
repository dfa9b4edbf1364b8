/** The list of unit types. */
import { WakesleepError } from '../errors.js';
import { describeValue, isPlainObject, nearestName } from '../options.js';
import { type BernoulliUnits, bernoulliType } from './bernoulli.js';
import { type BinomialUnits, binomialType } from './binomial.js';
import { type GaussianUnits, gaussianType } from './gaussian.js';
import { type ReluUnits, reluType } from './relu.js';
import { type ReplicatedSoftmaxUnits, replicatedSoftmaxType } from './replicated-softmax.js';
import { type SoftmaxUnits, softmaxType } from './softmax.js';
import { type SteppedSigmoidUnits, steppedSigmoidType } from './stepped-sigmoid.js';
import { type TanhUnits, tanhType } from './tanh.js';
import { type TruncatedNormalUnits, truncatedNormalType } from './truncated-normal.js';
import type { UnitSpec, UnitType } from './unit.js';

/** Any layer's units, as plain data. */
export type Units =
  | BernoulliUnits
  | SoftmaxUnits
  | BinomialUnits
  | SteppedSigmoidUnits
  | ReluUnits
  | TruncatedNormalUnits
  | GaussianUnits
  | TanhUnits
  | ReplicatedSoftmaxUnits;

/** Each type reads only its own plain data, which `unitType` makes sure of. */
const types = [
  bernoulliType,
  softmaxType,
  binomialType,
  steppedSigmoidType,
  reluType,
  truncatedNormalType,
  gaussianType,
  tanhType,
  replicatedSoftmaxType,
] as unknown as readonly UnitType[];

/** The unit type of plain data. */
export function unitType(spec: UnitSpec): UnitType {
  const found = types.find((candidate) => candidate.type === spec.type);
  if (found === undefined) throw unknownType('a layer', spec.type);
  return found;
}

/** Checks plain data from outside; throws `OPTION_INVALID`. */
export function readUnits(where: string, given: unknown): Units {
  if (!isPlainObject(given) || typeof given.type !== 'string') {
    const wanted = 'units such as bernoulli(784) or softmax(10)';
    throw new WakesleepError('OPTION_INVALID', `${where} must be ${wanted}; got ${describeValue(given)}.`, {
      given,
      wanted,
      where,
    });
  }
  const type = types.find((candidate) => candidate.type === given.type);
  if (type === undefined) throw unknownType(where, given.type);
  return type.read(where, given) as Units;
}

function unknownType(where: string, given: string): WakesleepError {
  const names = types.map((type) => type.type);
  const nearest = nearestName(given, names);
  const advice = nearest === undefined ? `there are ${names.join(', ')}.` : `did you mean \`${nearest}\`?`;
  return new WakesleepError('OPTION_INVALID', `${where} has no unit type \`${given}\`; ${advice}`, { given, where });
}
