/**
 * Sigmoid belief nets in f64, by plain loops over all states: the oracle of everything that is said of such nets. Nothing here
 * is shared with the package. Units are numbered over all layers, causes first; weights are listed one by one.
 */
import { logistic, softplus } from './logistic.js';
import type { RandomSource } from './random.js';

/** A net: `weights[j]` lists the effects of unit j, all of them later units. */
export interface ReferenceNet {
  readonly layers: readonly { readonly name: string; readonly units: number }[];
  /** Pairs of layers that are joined, cause and effect. */
  readonly joined: readonly (readonly [cause: number, effect: number])[];
  readonly biases: number[];
  readonly weights: (readonly [cause: number, effect: number, weight: number])[];
}

/** The first unit of each layer, and the number of units at the end. */
export function firstUnits({ layers }: Pick<ReferenceNet, 'layers'>): number[] {
  const firsts = [0];
  for (const { units } of layers) firsts.push(firsts.at(-1)! + units);
  return firsts;
}

/** A net with normal weights and biases of these sizes, in f32. */
export function randomNet(
  layers: ReferenceNet['layers'],
  joined: ReferenceNet['joined'],
  scale: number,
  random: RandomSource,
): ReferenceNet {
  const firsts = firstUnits({ layers });
  const biases = Array.from({ length: firsts.at(-1)! }, () => Math.fround(0.5 * random.normal()));
  const weights: [number, number, number][] = [];
  for (const [cause, effect] of joined) {
    for (let j = firsts[cause]!; j < firsts[cause + 1]!; j += 1) {
      for (let i = firsts[effect]!; i < firsts[effect + 1]!; i += 1) {
        weights.push([j, i, Math.fround(scale * random.normal())]);
      }
    }
  }
  return { layers, joined, biases, weights };
}

/** A chain of layers, or with skips, of `units` units in all at most; the last layer is the visible one. */
export function randomDag(random: RandomSource, mostUnits: number): ReferenceNet {
  const count = 2 + random.below(3);
  const layers = Array.from({ length: count }, (_, place) => ({
    name: place === count - 1 ? 'visible' : `h${count - 1 - place}`,
    units: 1 + random.below(Math.floor(mostUnits / count)),
  }));
  const joined: [number, number][] = [];
  for (let effect = 1; effect < count; effect += 1) {
    for (let cause = 0; cause < effect; cause += 1) {
      if (cause === effect - 1 || random.uniform() < 0.4) joined.push([cause, effect]);
    }
  }
  return randomNet(layers, joined, 1, random);
}

/** Total inputs of all units in a state. */
export function inputsOf({ biases, weights }: ReferenceNet, state: ArrayLike<number>): number[] {
  const inputs = [...biases];
  for (const [j, i, w] of weights) inputs[i]! += state[j]! * w;
  return inputs;
}

/** `log p(state)`, nats. */
export function logJoint(net: ReferenceNet, state: ArrayLike<number>): number {
  return inputsOf(net, state).reduce((sum, x, i) => sum + state[i]! * x - softplus(x), 0);
}

/** The bits of a number as states of so many units, the first the lowest bit. */
export function bitsOf(number: number, units: number): number[] {
  return Array.from({ length: units }, (_, unit) => (number >> unit) & 1);
}

/** Probabilities of all states, numbered by their bits. */
export function jointProbabilities(net: ReferenceNet): number[] {
  const units = net.biases.length;
  return Array.from({ length: 2 ** units }, (_, state) => Math.exp(logJoint(net, bitsOf(state, units))));
}

/** Units of the visible layer, and the others. */
export function sides(net: ReferenceNet): { readonly visible: number[]; readonly hidden: number[] } {
  const firsts = firstUnits(net);
  const place = net.layers.findIndex(({ name }) => name === 'visible');
  const units = net.biases.map((_, unit) => unit);
  const isVisible = (unit: number) => unit >= firsts[place]! && unit < firsts[place + 1]!;
  return { visible: units.filter(isVisible), hidden: units.filter((unit) => !isVisible(unit)) };
}

/** A whole state from the states of some units and of the rest. */
export function merged(units: number, parts: readonly (readonly [number[], ArrayLike<number>])[]): number[] {
  const state = new Array<number>(units).fill(0);
  for (const [places, values] of parts) {
    places.forEach((unit, k) => {
      state[unit] = values[k]!;
    });
  }
  return state;
}

/** Posterior of the hidden units given a visible row: probabilities of their states by bits, and `log p(row)`. */
export function posteriorOf(net: ReferenceNet, row: ArrayLike<number>) {
  const { visible, hidden } = sides(net);
  const logs = Array.from({ length: 2 ** hidden.length }, (_, number) => {
    return logJoint(
      net,
      merged(net.biases.length, [
        [visible, row],
        [hidden, bitsOf(number, hidden.length)],
      ]),
    );
  });
  const largest = Math.max(...logs);
  const logLikelihood = largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
  return { logLikelihood, probabilities: logs.map((log) => Math.exp(log - logLikelihood)), hidden };
}

/** The gradient of `log p(row)`: of biases, and of weights in their order: the posterior mean of `s_j (s_i − p_i)`. */
export function gradientOf(net: ReferenceNet, row: ArrayLike<number>): { biases: number[]; weights: number[] } {
  const { visible } = sides(net);
  const { probabilities, hidden } = posteriorOf(net, row);
  const gradient = { biases: net.biases.map(() => 0), weights: net.weights.map(() => 0) };
  probabilities.forEach((share, number) => {
    const state = merged(net.biases.length, [
      [visible, row],
      [hidden, bitsOf(number, hidden.length)],
    ]);
    const rest = inputsOf(net, state).map((x, i) => state[i]! - logistic(x));
    rest.forEach((r, i) => {
      gradient.biases[i]! += share * r;
    });
    net.weights.forEach(([j, i], place) => {
      gradient.weights[place]! += share * state[j]! * rest[i]!;
    });
  });
  return gradient;
}

/** The lower bound of `log p(row)` that a factorial distribution of the hidden units has, nats. */
export function factorialBound(net: ReferenceNet, row: ArrayLike<number>, means: ArrayLike<number>): number {
  const { visible, hidden } = sides(net);
  let bound = 0;
  for (let number = 0; number < 2 ** hidden.length; number += 1) {
    const bits = bitsOf(number, hidden.length);
    const share = bits.reduce((product, bit, k) => product * (bit === 1 ? means[k]! : 1 - means[k]!), 1);
    if (share === 0) continue;
    const state = merged(net.biases.length, [
      [visible, row],
      [hidden, bits],
    ]);
    bound += share * (logJoint(net, state) - Math.log(share));
  }
  return bound;
}
