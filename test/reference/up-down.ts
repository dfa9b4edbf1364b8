/**
 * What one update of contrastive wake-sleep is on average, by listing states in f64: every state awake that recognition draws from
 * a row, every state of the topmost machine after some Gibbs steps, every dream. Nothing here is shared with the package.
 */
import {
  enumerateStates,
  inputsOfLower,
  inputsOfUpper,
  lowerDistribution,
  meanLower,
  meanUpper,
  type ReferenceRbm,
  stateProbabilitiesOfSide,
  unitsOfSide,
} from './rbm.js';

/** A deep belief net with weights of its own for each direction; machines from the bottom up. */
export interface UntiedStack {
  /** Of each, W and c count. */
  readonly recognition: readonly ReferenceRbm[];
  /** Of each, W and b count. */
  readonly generation: readonly ReferenceRbm[];
  /** Its first lower layer is the topmost one of the others; a second one holds labels. */
  readonly top: ReferenceRbm;
}

/** Mean and variance of each entry of a vector over what may be drawn for one row. */
export interface Moments {
  readonly mean: number[];
  readonly variance: number[];
}

/** Something that is drawn with a probability. */
interface Draw<T> {
  readonly p: number;
  readonly value: T;
}

/** `effect − p` for every lower unit, then `cause_j · (effect_i − p_i)`, of all machines: how the generative side is learned. */
export function wakeMoments(net: UntiedStack, row: number[]): Moments {
  return momentsOf(
    statesAwake(net, row).map(({ p, value: states }) => {
      const parts = net.generation.map((machine, depth) => {
        const [effect, cause] = [states[depth]!, states[depth + 1]!];
        return rule(effect, meanLower(machine, cause), cause);
      });
      return { p, value: parts.flat() };
    }),
  );
}

/**
 * `cause − p` for every upper unit, then `effect_i · (cause_j − p_j)`, of all machines: how recognition is learned from dreams
 * `steps` Gibbs steps after a row with its label, or from the net's own where `steps` is infinite. `visible` says what the
 * lowest layer of a dream is.
 */
export function sleepMoments(net: UntiedStack, start: Start, steps: number, visible: 'means' | 'states'): Moments {
  const width = unitsOfSide(net.top.lower.slice(0, 1));
  const ends = marginal(endsOf(net, start, steps), ([, end]) => end.slice(0, width));
  let dreams: Draw<number[][]>[] = ends.map(({ p, value }) => ({ p, value: [value] }));
  [...net.generation].reverse().forEach((machine, place) => {
    const last = place === net.generation.length - 1;
    dreams = dreams.flatMap(({ p, value: states }) => {
      const cause = states[0]!;
      if (last && visible === 'means') return [{ p, value: [meanLower(machine, cause), ...states] }];
      const shares = stateProbabilitiesOfSide(machine.lower, inputsOfLower(machine, cause));
      return enumerateStates(machine.lower).map((s, k) => ({ p: p * shares[k]!, value: [s, ...states] }));
    });
  });
  return momentsOf(
    dreams.map(({ p, value: states }) => {
      const parts = net.recognition.map((machine, depth) => {
        const [effect, cause] = [states[depth]!, states[depth + 1]!];
        return rule(cause, meanUpper(machine, effect), effect);
      });
      return { p, value: parts.flat() };
    }),
  );
}

/** The difference of the topmost machine's two phases: lower biases, weights `[lower][upper]`, upper biases. */
export function topMoments(net: UntiedStack, start: Start, steps: number): Moments {
  const phase = (lower: number[]) => {
    const upper = meanUpper(net.top, lower);
    return [...lower, ...lower.flatMap((s) => upper.map((u) => s * u)), ...upper];
  };
  return momentsOf(
    endsOf(net, start, steps).map(({ p, value: [first, end] }) => {
      const negative = phase(end);
      return { p, value: phase(first).map((x, k) => x - negative[k]!) };
    }),
  );
}

/** A row of data and its label, one-hot; empty without labels. */
export interface Start {
  readonly row: number[];
  readonly label: number[];
}

/** States of all layers below the topmost one, the row first, with the probability that recognition draws them. */
function statesAwake(net: UntiedStack, row: number[]): Draw<number[][]>[] {
  let draws: Draw<number[][]>[] = [{ p: 1, value: [row] }];
  for (const machine of net.recognition) {
    draws = draws.flatMap(({ p, value: states }) => {
      const shares = stateProbabilitiesOfSide(machine.upper, inputsOfUpper(machine, states.at(-1)!));
      return enumerateStates(machine.upper).map((s, k) => ({ p: p * shares[k]!, value: [...states, s] }));
    });
  }
  return draws;
}

/** Lower states of the topmost machine awake and after some steps from there. */
function endsOf(net: UntiedStack, { row, label }: Start, steps: number): Draw<readonly [number[], number[]]>[] {
  const { top } = net;
  const states = enumerateStates(top.lower);
  const uppers = enumerateStates(top.upper);
  const downs = uppers.map((u) => stateProbabilitiesOfSide(top.lower, inputsOfLower(top, u)));
  const transition = states.map((s) => {
    const ups = stateProbabilitiesOfSide(top.upper, inputsOfUpper(top, s));
    return states.map((_, end) => ups.reduce((sum, p, u) => sum + p * downs[u]![end]!, 0));
  });
  const stationary = lowerDistribution(top);
  return marginal(statesAwake(net, row), (all) => [...all.at(-1)!, ...label]).flatMap(({ p, value: first }) => {
    let shares = states.map((s) => Number(s.every((x, k) => x === first[k])));
    if (steps === Number.POSITIVE_INFINITY) shares = stationary;
    else {
      for (let step = 0; step < steps; step += 1) {
        shares = states.map((_, end) => shares.reduce((sum, q, from) => sum + q * transition[from]![end]!, 0));
      }
    }
    return states.map((end, k) => ({ p: p * shares[k]!, value: [first, end] as const }));
  });
}

/** The draws of a part of what is drawn, equal ones together. */
function marginal<T>(draws: readonly Draw<T>[], part: (value: T) => number[]): Draw<number[]>[] {
  const sums = new Map<string, Draw<number[]>>();
  for (const { p, value } of draws) {
    const of = part(value);
    sums.set(of.join(), { p: p + (sums.get(of.join())?.p ?? 0), value: of });
  }
  return [...sums.values()];
}

/** `s − p` of the units that learn, then its products with the units that drive them, `[driven][driving]`. */
function rule(states: number[], predicted: number[], driving: number[]): number[] {
  const rest = states.map((s, i) => s - predicted[i]!);
  return [...rest, ...rest.flatMap((r) => driving.map((d) => r * d))];
}

function momentsOf(draws: readonly Draw<number[]>[]): Moments {
  const size = draws[0]!.value.length;
  const [mean, square] = [new Array<number>(size).fill(0), new Array<number>(size).fill(0)];
  for (const { p, value } of draws) {
    value.forEach((x, k) => {
      mean[k]! += p * x;
      square[k]! += p * x * x;
    });
  }
  return { mean, variance: square.map((x, k) => Math.max(0, x - mean[k]! ** 2)) };
}
