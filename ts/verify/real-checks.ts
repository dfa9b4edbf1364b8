/**
 * The checks of a machine with real-valued lower units. States of such units are told in units of their deviations here, so
 * that one tolerance serves columns of every scale; what f32 loses where a mean is large beside the deviation is allowed.
 */
import { uniformNumbers } from '../data/uniform.js';
import {
  type Check,
  checkOf,
  deviation,
  differences,
  drawnStates,
  GRADIENT_ROWS,
  indexOf,
  LARGEST_Z,
  relativeDistance,
  SWEEPS,
  stepTaken,
  TOLERANCE,
} from './checks.js';
import { Mixture, type RealMachine } from './mixture.js';
import type { SmallReal } from './small-machine.js';

/** States of the lower side at which energies, densities and means are compared. */
const PLACES = 256;

/** All checks, with the seed and number of the chains. */
export function realChecks(small: SmallReal, seed: number, chains: number): Check[] {
  const { model, standard, machine, name } = small;
  const exact = new Mixture(machine);
  const uppers = exact.uppers.map(({ values }) => values);
  const rows = placesOf(exact, seed);
  const states = rows.map((row) => statesOfRow(machine, row));
  const bound =
    TOLERANCE * machine.units.reduce((most, { shift, scale }) => Math.max(most, Math.abs(shift) / scale), 1);

  const energies = relativeDistance(
    Array.from(model.freeEnergy(rows), (x) => -x),
    states.map((state) => exact.negativeFreeEnergy(state)),
  );
  const logZ = model.logPartition();
  const densities = relativeDistance(
    model.logLikelihood(rows),
    states.map((state) => exact.logDensity(state)),
  );
  const conditionals = Math.max(
    relativeDistance(
      model.meanHidden(rows),
      states.flatMap((state) => exact.upperMeans(state)),
    ),
    relativeDistance(
      statesOfRow(machine, model.meanVisible(uppers)),
      exact.moments.flatMap((moments) => moments.map(({ mean }) => mean)),
    ),
  );
  // The gradient is taken in units of the deviations: those are held.
  const taken = states.slice(0, GRADIENT_ROWS).map((state) => state.map(Math.fround));
  const gradient = exact.gradient(taken);
  return [
    checkOf(name, 'energies', energies, bound, `free energies of ${rows.length} rows`),
    checkOf(
      name,
      'normalisation',
      Math.max(relativeDistance([logZ], [exact.logPartition]), densities),
      2 * bound,
      `log Z is ${logZ.toFixed(4)} nats, and densities of ${rows.length} rows are those of a mixture that integrates to 1`,
    ),
    checkOf(
      name,
      'conditionals',
      conditionals,
      bound,
      `means of each layer given ${rows.length} rows and ${uppers.length} states`,
    ),
    checkOf(
      name,
      'stationarity',
      Math.max(...stationarity(small, exact, seed, chains)),
      LARGEST_Z,
      `${chains} chains from the exact distribution after ${SWEEPS.join(', ')} sweeps, z of χ² above and of moments below`,
    ),
    checkOf(
      name,
      'gradient',
      relativeDistance(stepTaken(standard, machine, taken), gradient),
      1e-4,
      'one step of the exact gradient',
    ),
    checkOf(
      name,
      'differences',
      differences(machine, (moved) => new Mixture(moved).logLikelihood(taken), gradient),
      1e-6,
      'the gradient against central differences, in f64',
    ),
  ];
}

/** Rows within two deviations of the means given drawn upper states, as f32. */
function placesOf(exact: Mixture, seed: number): number[][] {
  const uniform = uniformNumbers((seed % 2 ** 31) * 2 + 1);
  const shares = exact.logShares.map(Math.exp);
  return drawnStates(shares, PLACES, seed).map((h) =>
    exact.machine.units.map(({ least, shift, scale }, i) => {
      const { mean, variance } = exact.moments[h]![i]!;
      return Math.fround(shift + scale * Math.max(least, mean + Math.sqrt(variance) * uniform(-2, 2)));
    }),
  );
}

/** Numbers of rows as states of the units, in units of the deviations. */
function statesOfRow({ units }: RealMachine, row: ArrayLike<number>): number[] {
  return Array.from(row, (x, place) => {
    const { shift, scale } = units[place % units.length]!;
    return (x - shift) / scale;
  });
}

/**
 * z of the upper states, and of the lower units' moments, after each number of sweeps. Chains begin at upper states from the
 * exact distribution. Given the upper state that a lower state was drawn from, its distance from the exact mean in exact
 * deviations has mean 0 and variance 1 in every chain.
 */
function stationarity({ model, machine }: SmallReal, exact: Mixture, seed: number, chains: number): number[] {
  const shares = exact.logShares.map(Math.exp);
  const uppers = exact.uppers.map(({ values }) => values);
  const place = indexOf(uppers);
  const above = uppers[0]!.length;
  let current = drawnStates(shares, chains, seed);
  let h = Float32Array.from(current.flatMap((state) => uppers[state]!));
  // Seeds of draws have a limit that a user's seed may stand at.
  const first = (seed % 2 ** 40) * 100;
  const zs: number[] = [];
  for (let sweep = 1; sweep <= SWEEPS.at(-1)!; sweep += 1) {
    const v = model.sampleVisible(h, { seed: first + 2 * sweep });
    const from = current;
    h = model.sampleHidden(v, { seed: first + 2 * sweep + 1 });
    current = from.map((_, chain) => place.get(h.subarray(chain * above, (chain + 1) * above).join()) ?? -1);
    if (current.includes(-1)) return [Number.POSITIVE_INFINITY];
    if (!SWEEPS.includes(sweep)) continue;
    const counts = new Float64Array(uppers.length);
    for (const state of current) counts[state]! += 1;
    zs.push(deviation(counts, shares, chains), ...momentZs(exact, statesOfRow(machine, v), from));
  }
  return zs.map((z) => (Number.isNaN(z) ? Number.POSITIVE_INFINITY : z));
}

/** Of each lower unit how far mean and mean square of the residuals are off, in standard errors. */
function momentZs({ machine, moments }: Mixture, states: readonly number[], from: readonly number[]): number[] {
  const width = machine.units.length;
  const [sums, squares, fourths] = [0, 0, 0].map(() => new Float64Array(width)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  states.forEach((state, index) => {
    const unit = index % width;
    const { mean, variance, fourth } = moments[from[Math.floor(index / width)]!]![unit]!;
    const square = (state - mean) ** 2 / variance;
    sums[unit]! += (state - mean) / Math.sqrt(variance);
    squares[unit]! += square - 1;
    fourths[unit]! += fourth / variance ** 2 - 1;
  });
  return [...sums].flatMap((sum, unit) => [
    Math.abs(sum) / Math.sqrt(from.length),
    Math.abs(squares[unit]!) / Math.sqrt(fourths[unit]!),
  ]);
}
