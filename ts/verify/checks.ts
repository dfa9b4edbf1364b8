/** What the checks of every kind of machine share: how a check is told, and how numbers, states and gradients are compared. */
import { uniformNumbers } from '../data/uniform.js';
import { exactGradient } from '../learn/exact-gradient.js';
import type { Model } from '../model.js';
import { type MachineNumbers, parametersOf, withParameters } from './enumeration.js';

/** One thing that was checked. */
export interface Check {
  /** The connection of the machine: `visible-hidden`. */
  readonly machine: string;
  readonly name: 'energies' | 'normalisation' | 'conditionals' | 'stationarity' | 'gradient' | 'differences';
  readonly passed: boolean;
  /** The largest deviation found. */
  readonly found: number;
  /** What it must stay below. */
  readonly bound: number;
  /** A sentence. */
  readonly words: string;
}

/** f32 sums of few terms, relative to numbers of size 1. */
export const TOLERANCE = 2e-5;
/** Deviations of a statistic from what it should be. */
export const LARGEST_Z = 5;
/** Sweeps after which chains are looked at. */
export const SWEEPS = [1, 4, 16];
/** Rows that the gradient is taken at. */
export const GRADIENT_ROWS = 8;

/** A check of a machine, told in a sentence. */
export function checkOf(machine: string, name: Check['name'], found: number, bound: number, words: string): Check {
  const comparison = `largest ${found.toExponential(1)}, allowed ${bound.toExponential(1)}`;
  return { machine, name, passed: found < bound, found, bound, words: `${name}: ${words}; ${comparison}` };
}

/** The largest difference of two lists, where a number above 1 counts relative to itself. */
export function relativeDistance(found: ArrayLike<number>, exact: readonly number[]): number {
  return exact.reduce((most, x, i) => {
    const distance = Math.abs(found[i]! - x) / Math.max(1, Math.abs(x));
    return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(most, distance);
  }, 0);
}

/** The place of each state among all. */
export function indexOf(states: readonly (readonly number[])[]): Map<string, number> {
  return new Map(states.map((values, index) => [values.join(), index]));
}

/** Independent draws of states by inversion. */
export function drawnStates(probabilities: readonly number[], count: number, seed: number): number[] {
  const sums: number[] = [];
  let sum = 0;
  for (const probability of probabilities) {
    sum += probability;
    sums.push(sum);
  }
  // Any odd number starts the generator.
  const uniform = uniformNumbers((seed % 2 ** 31) * 2 + 1);
  return Array.from({ length: count }, () => {
    const wanted = uniform(0, sum);
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** `(χ² − d) / √(2d)` over states with an expectation of at least 10, the rest as one. */
export function deviation(
  counts: Float64Array,
  probabilities: readonly number[] | Float64Array,
  draws: number,
): number {
  let [sum, cells, seen, wanted] = [0, 0, 0, 0];
  const add = (observed: number, expected: number) => {
    sum += (observed - expected) ** 2 / expected;
    cells += 1;
  };
  probabilities.forEach((probability, state) => {
    const expected = draws * probability;
    if (expected >= 10) {
      add(counts[state]!, expected);
      return;
    }
    seen += counts[state]!;
    wanted += expected;
  });
  if (wanted > 0) add(seen, Math.max(wanted, 1));
  const degrees = Math.max(1, cells - 1);
  return (sum - degrees) / Math.sqrt(2 * degrees);
}

/** What one step of the exact gradient at a rate of 1 adds to the parameters, in the order of `parametersOf`. */
export function stepTaken(model: Model, machine: MachineNumbers, rows: readonly (readonly number[])[]): number[] {
  const before = parametersOf(machine);
  const data = model.engine.dataset({ rows });
  const step = { epochs: 1, learningRate: 1, momentum: 0, weightCost: 0 };
  try {
    for (const _ of model.train(data, exactGradient(step)));
  } finally {
    data.free();
  }
  const weights = model.parameter('lower-upper.weight').values();
  const [lowerBias, upperBias] = [model.parameter('lower.bias').values(), model.parameter('upper.bias').values()];
  const after = parametersOf({
    ...machine,
    weights: machine.weights.map((row, i) => row.map((_, j) => weights[j * lowerBias.length + i]!)),
    lowerBias: [...lowerBias],
    upperBias: [...upperBias],
  });
  return after.map((value, place) => value - before[place]!);
}

/** The largest difference of a gradient and central differences, relative to its largest entry; at most 24 entries. */
export function differences<M extends MachineNumbers>(
  machine: M,
  logLikelihood: (machine: M) => number,
  gradient: readonly number[],
): number {
  const parameters = parametersOf(machine);
  const largest = Math.max(...gradient.map(Math.abs), 1e-3);
  const stride = Math.max(1, Math.floor(parameters.length / 24));
  const h = 1e-4;
  let most = 0;
  for (let place = 0; place < parameters.length; place += stride) {
    const at = (shift: number) => {
      const moved = parameters.map((value, k) => (k === place ? value + shift : value));
      return logLikelihood(withParameters(machine, moved));
    };
    most = Math.max(most, Math.abs((at(h) - at(-h)) / (2 * h) - gradient[place]!) / largest);
  }
  return most;
}
