/** The checks of a machine whose states can be listed on both sides. */
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
import { Distribution } from './enumeration.js';
import type { SmallFinite } from './small-machine.js';

/** All checks, with the seed and number of the chains. */
export function finiteChecks(small: SmallFinite, seed: number, chains: number): Check[] {
  const { model, machine, name } = small;
  const exact = new Distribution(machine);
  const lowers = exact.lowers.map(({ values }) => values);
  const uppers = exact.uppers.map(({ values }) => values);
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
    checkOf(name, 'energies', energies, TOLERANCE, `free energies of ${lowers.length} states`),
    checkOf(
      name,
      'normalisation',
      normalisation,
      2 * TOLERANCE * lowers.length ** 0.25,
      `log Z is ${logZ.toFixed(4)} nats, and probabilities sum to 1`,
    ),
    checkOf(
      name,
      'conditionals',
      conditionals,
      TOLERANCE,
      `means of each layer given ${lowers.length} and ${uppers.length} states`,
    ),
    checkOf(
      name,
      'stationarity',
      Math.max(...zs),
      LARGEST_Z,
      `${chains} chains from the exact distribution after ${SWEEPS.join(', ')} sweeps, z of χ²`,
    ),
    checkOf(
      name,
      'gradient',
      relativeDistance(
        stepTaken(
          model,
          machine,
          rows.map((row) => lowers[row]!),
        ),
        gradient,
      ),
      1e-4,
      'one step of the exact gradient',
    ),
    checkOf(
      name,
      'differences',
      differences(machine, (moved) => new Distribution(moved).logLikelihood(rows), gradient),
      1e-6,
      'the gradient against central differences, in f64',
    ),
  ];
}

/** z of the pairs of states after each number of sweeps. */
function stationarity({ model }: SmallFinite, exact: Distribution, seed: number, chains: number): number[] {
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
