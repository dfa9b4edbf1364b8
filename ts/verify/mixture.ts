/**
 * A small restricted Boltzmann machine with real-valued lower units and upper units of few states, in f64: a mixture with one
 * component for each upper state. Given that state h a lower unit's state s, in units of its deviation, has the density
 * `e^(y s − s²/2 − Λ(y))` from its least state on, with `y = β + Σ_j W_ij h_j`; so
 *
 *     p(h) ∝ m(h) exp(c·h + Σ_i Λ_i(y_i(h)))        x_i = shift_i + scale_i s_i
 *
 * for rows x as they are given. Without a least state the unit is Gaussian and all is in closed form; with one the integrals
 * are sums over 1,000 points (Simpson).
 */
import { type Block, dot, logSumExp, type MachineNumbers, type SideState, statesOf } from './enumeration.js';

/** A lower unit: its least state, and how states become numbers of rows. */
interface RealUnit {
  readonly least: number;
  readonly shift: number;
  readonly scale: number;
}

/** Parameters in the units of the states: `lowerBias` holds β. */
export interface RealMachine extends MachineNumbers {
  readonly units: readonly RealUnit[];
  readonly upper: readonly Block[];
}

/** A unit's states given a total input. */
interface Moments {
  /** Λ: the logarithm of the integral of `e^(y s − s²/2)`. */
  readonly logPartition: number;
  readonly mean: number;
  readonly variance: number;
  /** `⟨(s − mean)⁴⟩`. */
  readonly fourth: number;
}

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const POINTS = 1000;
/** Deviations on either side of the largest density beyond which there is nothing. */
const REACH = 12;

/** Moments of a unit with a total input y. */
function momentsOf(least: number, y: number): Moments {
  if (least === Number.NEGATIVE_INFINITY) {
    return { logPartition: y ** 2 / 2 + HALF_LOG_TWO_PI, mean: y, variance: 1, fourth: 3 };
  }
  const mode = Math.max(least, y);
  const start = Math.max(least, y - REACH);
  // Far below the least state the density falls like an exponential of rate |y|.
  const end = mode + (y < least - 3 ? (3 * REACH) / (least - y) : REACH);
  const step = (end - start) / POINTS;
  const log = (s: number) => y * s - s ** 2 / 2;
  const weights = Array.from({ length: POINTS + 1 }, (_, k) => {
    const share = k === 0 || k === POINTS ? 1 : k % 2 === 1 ? 4 : 2;
    return (share / 3) * step * Math.exp(log(start + k * step) - log(mode));
  });
  const total = weights.reduce((sum, w) => sum + w, 0);
  const average = (of: (s: number) => number) =>
    weights.reduce((sum, w, k) => sum + w * of(start + k * step), 0) / total;
  const mean = average((s) => s);
  return {
    logPartition: log(mode) + Math.log(total),
    mean,
    variance: average((s) => (s - mean) ** 2),
    fourth: average((s) => (s - mean) ** 4),
  };
}

/** The whole distribution. Lower states are those of the units, not numbers of rows. */
export class Mixture {
  readonly uppers: readonly SideState[];
  /** Of each upper state and lower unit. */
  readonly moments: readonly (readonly Moments[])[];
  /** `log p(h)`. */
  readonly logShares: readonly number[];
  readonly logPartition: number;
  private readonly own: readonly number[];

  constructor(readonly machine: RealMachine) {
    const { units, upperBias, lowerBias } = machine;
    this.uppers = statesOf(machine.upper);
    this.moments = this.uppers.map(({ values }) =>
      units.map(({ least }, i) => momentsOf(least, this.inputOf(i, values))),
    );
    this.own = this.uppers.map(({ values, logBase }) => dot(values, upperBias) + logBase);
    const joint = this.own.map((log, h) => this.moments[h]!.reduce((sum, { logPartition }) => sum + logPartition, log));
    const natural = logSumExp(joint);
    this.logShares = joint.map((log) => log - natural);
    // The energy of a Gaussian unit has its square completed, and densities are those of rows.
    this.logPartition = units.reduce((sum, { least, scale }, i) => {
      return sum + Math.log(scale) - (least === Number.NEGATIVE_INFINITY ? lowerBias[i]! ** 2 / 2 : 0);
    }, natural);
  }

  /** `log Σ_h e^−E` of a lower state: minus its free energy. */
  negativeFreeEnergy(state: readonly number[]): number {
    const { units, lowerBias } = this.machine;
    const below = state.reduce((sum, s, i) => {
      const complete = units[i]!.least === Number.NEGATIVE_INFINITY ? lowerBias[i]! ** 2 / 2 : 0;
      return sum + lowerBias[i]! * s - s ** 2 / 2 - complete;
    }, 0);
    return below + logSumExp(this.logsGiven(state));
  }

  /** The density of the row of a lower state, as a mixture of components that integrate to 1; its logarithm. */
  logDensity(state: readonly number[]): number {
    const { units } = this.machine;
    const logs = this.uppers.map(({ values }, h) =>
      state.reduce((sum, s, i) => {
        const density = this.inputOf(i, values) * s - s ** 2 / 2 - this.moments[h]![i]!.logPartition;
        return sum + density - Math.log(units[i]!.scale);
      }, this.logShares[h]!),
    );
    return logSumExp(logs);
  }

  /** Means of the upper units given a lower state. */
  upperMeans(state: readonly number[]): number[] {
    const logs = this.logsGiven(state);
    const total = logSumExp(logs);
    return this.averageOfUppers(logs.map((log) => Math.exp(log - total)));
  }

  /** Mean log-likelihood of lower states as states, nats. */
  logLikelihood(states: readonly (readonly number[])[]): number {
    return states.reduce((sum, state) => sum + this.negativeFreeEnergy(state), 0) / states.length - this.logPartition;
  }

  /** The gradient of that mean, laid out as `parametersOf` lays out parameters: data minus model. */
  gradient(states: readonly (readonly number[])[]): number[] {
    const { lowerBias, upperBias } = this.machine;
    const [below, above] = [lowerBias.length, upperBias.length];
    const gradient = new Array<number>(below * above + below + above).fill(0);
    const add = (share: number, lower: readonly number[], upper: readonly number[]) => {
      lower.forEach((x, i) => {
        upper.forEach((mean, j) => {
          gradient[i * above + j]! += share * x * mean;
        });
        gradient[below * above + i]! += share * x;
      });
      upper.forEach((mean, j) => {
        gradient[below * above + below + j]! += share * mean;
      });
    };
    for (const state of states) add(1 / states.length, state, this.upperMeans(state));
    this.uppers.forEach(({ values }, h) => {
      const means = this.moments[h]!.map(({ mean }) => mean);
      add(-Math.exp(this.logShares[h]!), means, values);
    });
    return gradient;
  }

  /** Total input of a lower unit given an upper state. */
  private inputOf(unit: number, upper: readonly number[]): number {
    const { weights, lowerBias } = this.machine;
    return lowerBias[unit]! + dot(upper, weights[unit]!);
  }

  /** `log p(h | lower state)` of each upper state, but for a constant. */
  private logsGiven(state: readonly number[]): number[] {
    const { weights, upperBias } = this.machine;
    const inputs = upperBias.map((_, j) => state.reduce((sum, s, i) => sum + s * weights[i]![j]!, 0));
    return this.uppers.map(({ values }, h) => this.own[h]! + dot(values, inputs));
  }

  private averageOfUppers(shares: readonly number[]): number[] {
    return this.machine.upperBias.map((_, j) =>
      shares.reduce((sum, share, h) => sum + share * this.uppers[h]!.values[j]!, 0),
    );
  }
}
