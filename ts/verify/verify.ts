/**
 * Whether the engine computes what a model means: every restricted Boltzmann machine of it (or a small part of one that is
 * too large) against enumeration in f64, with the checks that the package's own tests use.
 *
 * - energies: free energies of all states;
 * - normalisation: log Z, and that probabilities sum to 1;
 * - conditionals: means of each layer given every state of the other;
 * - stationarity: chains started from the exact distribution are still there after 1, 4 and 16 sweeps, by χ² over states
 *   with an expectation of at least 10, the rest pooled, `z = (χ² − d) / √(2d)` below 5;
 * - gradient: one step of the exact gradient against the f64 gradient, and that against central differences.
 */
import { uniformNumbers } from '../data/uniform.js';
import { stackOf } from '../graph/machines.js';
import { exactGradient } from '../learn/exact-gradient.js';
import type { Model } from '../model.js';
import { integer, seed as readSeed, refuseUnknown } from '../options.js';
import { Distribution, parametersOf, withParameters } from './enumeration.js';
import { type Small, smallMachineOf } from './small-machine.js';

/** What `verify()` takes. */
export interface VerifyOptions {
  /** The seed of the chains, and of which units stand for a large model; default 1. */
  readonly seed?: number;
  /** Chains of the stationarity check, default 40,000. */
  readonly chains?: number;
}

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

/** What `verify()` gives. */
export interface Verification {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  /** The report: a line for each machine and check. */
  readonly words: string;
}

/** f32 sums of few terms, relative to numbers of size 1. */
const TOLERANCE = 2e-5;
const LARGEST_Z = 5;
const SWEEPS = [1, 4, 16];
/** Rows that the gradient is taken at. */
const GRADIENT_ROWS = 8;

/** Checks a model; throws `GRAPH_UNSUITABLE` for units whose states cannot be listed. */
export function verify(model: Model, options: VerifyOptions = {}): Verification {
  const where = 'verify()';
  refuseUnknown(where, options, ['seed', 'chains']);
  const seed = readSeed(where, options.seed ?? 1);
  const chains = integer(where, 'chains', options.chains ?? 40_000, { atLeast: 1000, atMost: 1_000_000 });
  const lines: string[] = [];
  const checks = stackOf(model.graph).machines.flatMap((machine) => {
    const small = smallMachineOf(model.engine, model.parameters, machine, seed);
    try {
      lines.push(headline(small));
      const found = checksOf(small, seed, chains);
      lines.push(...found.map(({ passed, words }) => `  ${passed ? 'passed' : 'FAILED'}  ${words}`));
      return found;
    } finally {
      small.model.free();
    }
  });
  return { passed: checks.every(({ passed }) => passed), checks, words: lines.join('\n') };
}

function headline({ name, whole, kept }: Small): string {
  const all = kept[0] === whole[0] && kept[1] === whole[1];
  if (all) return `${name}: all ${whole[0]} + ${whole[1]} units, by enumeration in f64`;
  return `${name}: ${kept[0]} of ${whole[0]} and ${kept[1]} of ${whole[1]} units, drawn, with the weights among them, by enumeration in f64`;
}

function checksOf(small: Small, seed: number, chains: number): Check[] {
  const { model, machine, name } = small;
  const exact = new Distribution(machine);
  const lowers = exact.lowers.map(({ values }) => values);
  const uppers = exact.uppers.map(({ values }) => values);
  const check = (what: Check['name'], found: number, bound: number, words: string): Check => {
    const comparison = `largest ${found.toExponential(1)}, allowed ${bound.toExponential(1)}`;
    return {
      machine: name,
      name: what,
      passed: found < bound,
      found,
      bound,
      words: `${what}: ${words}; ${comparison}`,
    };
  };

  const energies = relativeDistance(
    Array.from(model.freeEnergy(lowers), (x) => -x),
    exact.negativeFreeEnergies(),
  );
  const logZ = model.logPartition();
  const total = model.logLikelihood(lowers).reduce((sum, x) => sum + Math.exp(x), 0);
  const normalisation = Math.max(relativeDistance([logZ], [exact.logPartition]), Math.abs(total - 1));
  const conditionals = Math.max(
    relativeDistance(model.meanHidden(lowers), exact.upperMeans().flat()),
    relativeDistance(model.meanVisible(uppers), exact.lowerMeans().flat()),
  );
  const zs = stationarity(small, exact, seed, chains);
  const rows = Array.from({ length: GRADIENT_ROWS }, (_, k) => Math.floor(((k + 0.5) / GRADIENT_ROWS) * lowers.length));
  const gradient = exact.gradient(rows);
  return [
    check('energies', energies, TOLERANCE, `free energies of ${lowers.length} states`),
    check(
      'normalisation',
      normalisation,
      2 * TOLERANCE * lowers.length ** 0.25,
      `log Z is ${logZ.toFixed(4)} nats, and probabilities sum to 1`,
    ),
    check(
      'conditionals',
      conditionals,
      TOLERANCE,
      `means of each layer given ${lowers.length} and ${uppers.length} states`,
    ),
    check(
      'stationarity',
      Math.max(...zs),
      LARGEST_Z,
      `${chains} chains from the exact distribution after ${SWEEPS.join(', ')} sweeps, z of χ²`,
    ),
    check(
      'gradient',
      relativeDistance(stepTaken(small, lowers, rows), gradient),
      1e-4,
      'one step of the exact gradient',
    ),
    check(
      'differences',
      differences(small, exact, rows, gradient),
      1e-6,
      'the gradient against central differences, in f64',
    ),
  ];
}

/** The largest difference of two lists, where a number above 1 counts relative to itself. */
function relativeDistance(found: ArrayLike<number>, exact: readonly number[]): number {
  return exact.reduce((most, x, i) => {
    const distance = Math.abs(found[i]! - x) / Math.max(1, Math.abs(x));
    return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(most, distance);
  }, 0);
}

/** z of the pairs of states after each number of sweeps. */
function stationarity({ model }: Small, exact: Distribution, seed: number, chains: number): number[] {
  const probabilities = exact.joint().flat();
  const lowers = exact.lowers.map(({ values }) => values);
  const uppers = exact.uppers.map(({ values }) => values);
  const lowerIndex = indexOf(lowers);
  const upperIndex = indexOf(uppers);
  const starts = drawnStates(probabilities, chains, seed);
  const width = lowers[0]!.length;
  const above = uppers[0]!.length;
  let v = new Float32Array(chains * width);
  starts.forEach((pair, chain) => {
    v.set(lowers[Math.floor(pair / uppers.length)]!, chain * width);
  });
  // Seeds of draws have a limit that a user's seed may stand at.
  const first = (seed % 2 ** 40) * 100;
  const zs: number[] = [];
  for (let sweep = 1; sweep <= SWEEPS.at(-1)!; sweep += 1) {
    const h = model.sampleHidden(v, { seed: first + 2 * sweep });
    v = model.sampleVisible(h, { seed: first + 2 * sweep + 1 });
    if (!SWEEPS.includes(sweep)) continue;
    const counts = new Float64Array(probabilities.length);
    for (let chain = 0; chain < chains; chain += 1) {
      const below = lowerIndex.get(v.subarray(chain * width, (chain + 1) * width).join());
      const up = upperIndex.get(h.subarray(chain * above, (chain + 1) * above).join());
      if (below === undefined || up === undefined) return [Number.POSITIVE_INFINITY];
      counts[below * uppers.length + up]! += 1;
    }
    zs.push(deviation(counts, probabilities, chains));
  }
  return zs;
}

function indexOf(states: readonly (readonly number[])[]): Map<string, number> {
  return new Map(states.map((values, index) => [values.join(), index]));
}

/** Independent draws of states by inversion. */
function drawnStates(probabilities: readonly number[], count: number, seed: number): number[] {
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
function stepTaken(
  { model, machine }: Small,
  states: readonly (readonly number[])[],
  rows: readonly number[],
): number[] {
  const before = parametersOf(machine);
  const data = model.engine.dataset({ rows: rows.map((row) => states[row]!) });
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
function differences(
  { machine }: Small,
  exact: Distribution,
  rows: readonly number[],
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
      return new Distribution(withParameters(exact.machine, moved)).logLikelihood(rows);
    };
    most = Math.max(most, Math.abs((at(h) - at(-h)) / (2 * h) - gradient[place]!) / largest);
  }
  return most;
}
