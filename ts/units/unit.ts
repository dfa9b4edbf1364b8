/**
 * What a unit type must answer for itself. A type is one file here, one file in the kernels, and a line in the list of
 * `index.ts`; nothing else in the package asks which type a layer has.
 */

/** A layer's units as plain data; `type` names the unit type, the rest is the type's own. */
export interface UnitSpec {
  readonly type: string;
}

/** The numbers that a layer's data may be: from `least` to `most`, both ends included, and whether they must be whole. */
export interface Range {
  readonly least: number;
  readonly most: number;
  readonly integers: boolean;
}

/** A bias to start from: itself, or the odds whose logarithm it is. */
export type InitialBias = { readonly bias: number } | { readonly odds: number };

/** The standard deviations of a Gaussian layer. */
export interface Deviation {
  /** Whether log-variances are parameters that are learned. */
  readonly learned: boolean;
  /** Whether data are standardised by means and deviations of the training rows, which the model keeps. */
  readonly standardise: boolean;
  /** The least variance. */
  readonly floor: number;
  /** The rate of log-variances as a share of the learning rate. */
  readonly rate: number;
}

/** What units do in a feed-forward network. */
export interface Passes {
  /** Whether means have slopes, so that errors go back through such a layer. */
  readonly hidden: boolean;
  /**
   * The loss of which `target − mean` is minus the slope by the total input, for a layer that is the output: cross-entropy
   * over a softmax group or over independent binary units, or half the squared error. Absent where it cannot be the output.
   */
  readonly loss?: 'softmax' | 'logistic' | 'squared';
  /** The variance of initial weights from n units is this over n; default 1. */
  readonly gain?: number;
}

/** Makes of a total input, by operators of ONNX, what it is named: each call names the result of one operator. */
export interface Operators {
  /** An operator with its attributes, whole numbers. */
  apply(operator: string, inputs: readonly string[], attributes?: Readonly<Record<string, number>>): string;
  /** A vector of numbers, or one number that stands for all. */
  numbers(values: number | readonly number[]): string;
  /** A vector of whole numbers: axes and shapes. */
  integers(values: readonly number[]): string;
}

/** Units whose states can be listed. */
export interface Finite<Spec> {
  /** The states of one unit or group, and the logarithm of each one's base measure. */
  states(spec: Spec): readonly { readonly values: readonly number[]; readonly logBase: number }[];
  /** A layer of so many such units or groups. */
  resized(spec: Spec, blocks: number): Spec;
}

/** Units whose states are real numbers, with a density in proportion to `e^(x s − s²/2)` given a total input x. */
export interface Continuous<Spec> {
  /** The least state, in units of the deviation: −∞, or 0 for rectified units. */
  readonly least: number;
  /** A layer of so many such units. */
  resized(spec: Spec, units: number): Spec;
}

/** One unit type. `Spec` is its plain data. */
export interface UnitType<Spec extends UnitSpec = UnitSpec> {
  readonly type: Spec['type'];
  /** Checks plain data from outside and completes it; throws `OPTION_INVALID`. */
  read(where: string, given: unknown): Spec;
  /** Number of units, all groups together. */
  units(spec: Spec): number;
  /** What the kernels need to know: the kind's code and the size of a group. */
  kernel(spec: Spec): { readonly code: number; readonly size: number };
  /** Whether states are drawn, or the mean stands in for the state. */
  samples(spec: Spec): boolean;
  /** Whether every state is 0 or 1; then numbers from outside may count as probabilities, and be drawn from. */
  binary(spec: Spec): boolean;
  /** Whether the units are an exponential family, so that a model of them has an energy. */
  hasEnergy(spec: Spec): boolean;
  /** What data for such a layer must keep to. */
  range(spec: Spec): Range;
  /** How the bias starts from the mean of a column of data. */
  initialBias(spec: Spec, mean: number): InitialBias;
  /** What share of a binary unit's learning rate suits such units, default 1. */
  readonly rateShare?: number;
  /** Whether reconstructions of such a layer must have its noise, so that the units above learn with it. */
  readonly needsNoise?: boolean;
  /** How many units in a row depend on each other given the other side, default 1. */
  groupUnits?(spec: Spec): number;
  /** Whether a row's states are counts that sum to a length of its own, by which biases above are multiplied. */
  countsDraws?: boolean;
  /** The same units without noise, where means of noisy ones have no slope that errors could go back by. */
  withoutNoise?(spec: Spec): Spec;
  /** How such a layer stands in a feed-forward network, by its means; absent where it cannot. */
  passes?(spec: Spec): Passes | undefined;
  /** Whether the bias is the mean of a normal density, `(v − b)² / 2σ²`, and what is known of σ; absent otherwise. */
  deviation?(spec: Spec): Deviation;
  /**
   * The mean as operators of ONNX over the total inputs `[rows, units]` of that name; absent where those operators lose it in
   * rounding.
   */
  onnxMean?(spec: Spec, make: Operators, inputs: string): string;
  /** How states are listed, where there are few. */
  readonly finite?: Finite<Spec>;
  /** How states are integrated, where they are real numbers. */
  readonly continuous?: Continuous<Spec>;
  /** One line for a person: `500 binary units`. */
  describe(spec: Spec): string;
}
