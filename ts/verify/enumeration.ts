/**
 * A small restricted Boltzmann machine by enumeration in f64: what `verify` holds the engine against. It shares nothing with
 * the engine's own sums: states are listed, energies of all pairs are summed, exponentials are those of the host.
 *
 *     E(v, h) = −b·v − c·h − v·W·h − log m(v) − log m(h)        p(v, h) = e^−E / Z
 */

/** What units that are independent given the other side may be, and the base measure of each. */
export interface Block {
  readonly states: readonly { readonly values: readonly number[]; readonly logBase: number }[];
}

/** Parameters: `weights[i][j]` joins lower unit i and upper unit j. */
export interface MachineNumbers {
  readonly weights: readonly (readonly number[])[];
  readonly lowerBias: readonly number[];
  readonly upperBias: readonly number[];
}

/** A machine of units with few states on both sides. */
export interface SmallMachine extends MachineNumbers {
  readonly lower: readonly Block[];
  readonly upper: readonly Block[];
}

/** One state of a side. */
export interface SideState {
  readonly values: readonly number[];
  readonly logBase: number;
}

/** How many states a side has. */
export function countStates(side: readonly Block[]): number {
  return side.reduce((count, { states }) => count * states.length, 1);
}

/** All states of a side. */
export function statesOf(side: readonly Block[]): SideState[] {
  let all: SideState[] = [{ values: [], logBase: 0 }];
  for (const { states } of side) {
    all = all.flatMap((state) =>
      states.map(({ values, logBase }) => ({
        values: [...state.values, ...values],
        logBase: state.logBase + logBase,
      })),
    );
  }
  return all;
}

/** `log Σ e^x`. */
export function logSumExp(values: readonly number[]): number {
  const largest = values.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  return largest + Math.log(values.reduce((sum, x) => sum + Math.exp(x - largest), 0));
}

export const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);

/** The whole distribution of a machine. */
export class Distribution {
  readonly lowers: readonly SideState[];
  readonly uppers: readonly SideState[];
  /** `−E(v, h)`, `[lower state][upper state]`. */
  readonly negativeEnergies: readonly (readonly number[])[];
  readonly logPartition: number;

  constructor(readonly machine: SmallMachine) {
    const { weights, lowerBias, upperBias } = machine;
    this.lowers = statesOf(machine.lower);
    this.uppers = statesOf(machine.upper);
    this.negativeEnergies = this.lowers.map((v) => {
      const inputs = upperBias.map((bias, j) => v.values.reduce((sum, x, i) => sum + x * weights[i]![j]!, bias));
      const own = dot(v.values, lowerBias) + v.logBase;
      return this.uppers.map((h) => own + dot(h.values, inputs) + h.logBase);
    });
    this.logPartition = logSumExp(this.negativeEnergies.map((row) => logSumExp(row)));
  }

  /** `log Σ_h e^−E` of each lower state: minus its free energy. */
  negativeFreeEnergies(): number[] {
    return this.negativeEnergies.map((row) => logSumExp(row));
  }

  /** `p(v, h)`, `[lower state][upper state]`. */
  joint(): number[][] {
    return this.negativeEnergies.map((row) => row.map((x) => Math.exp(x - this.logPartition)));
  }

  /** Means of the upper units given each lower state. */
  upperMeans(): number[][] {
    return this.negativeEnergies.map((row) => means(row, this.uppers));
  }

  /** Means of the lower units given each upper state. */
  lowerMeans(): number[][] {
    return this.uppers.map((_, h) =>
      means(
        this.negativeEnergies.map((row) => row[h]!),
        this.lowers,
      ),
    );
  }

  /** Mean log-likelihood of lower states by their numbers, nats. */
  logLikelihood(rows: readonly number[]): number {
    return rows.reduce((sum, row) => sum + logSumExp(this.negativeEnergies[row]!), 0) / rows.length - this.logPartition;
  }

  /** The gradient of that mean, laid out as `parametersOf` lays out parameters: data minus model. */
  gradient(rows: readonly number[]): number[] {
    const given = this.lowers.map(() => 0);
    for (const row of rows) given[row]! += 1 / rows.length;
    const means = this.upperMeans();
    const joint = this.joint();
    const [below, above] = [this.machine.lowerBias.length, this.machine.upperBias.length];
    const gradient = new Array<number>(below * above + below + above).fill(0);
    this.lowers.forEach(({ values }, v) => {
      const model = joint[v]!.reduce((sum, x) => sum + x, 0);
      // Given v, the upper means are the same under data and model.
      const difference = given[v]! - model;
      values.forEach((x, i) => {
        means[v]!.forEach((mean, j) => {
          gradient[i * above + j]! += difference * x * mean;
        });
        gradient[below * above + i]! += difference * x;
      });
      means[v]!.forEach((mean, j) => {
        gradient[below * above + below + j]! += difference * mean;
      });
    });
    return gradient;
  }
}

function means(negativeEnergies: readonly number[], states: readonly SideState[]): number[] {
  const total = logSumExp(negativeEnergies);
  const result = states[0]!.values.map(() => 0);
  states.forEach(({ values }, s) => {
    const probability = Math.exp(negativeEnergies[s]! - total);
    values.forEach((x, i) => {
      result[i]! += probability * x;
    });
  });
  return result;
}

/** Weights row by row, lower biases, upper biases. */
export function parametersOf({ weights, lowerBias, upperBias }: MachineNumbers): number[] {
  return [...weights.flat(), ...lowerBias, ...upperBias];
}

/** The machine with these parameters. */
export function withParameters<M extends MachineNumbers>(machine: M, parameters: readonly number[]): M {
  const [below, above] = [machine.lowerBias.length, machine.upperBias.length];
  return {
    ...machine,
    weights: machine.weights.map((_, i) => parameters.slice(i * above, (i + 1) * above)),
    lowerBias: parameters.slice(below * above, below * above + below),
    upperBias: parameters.slice(below * above + below),
  };
}
