/**
 * A machine of a model, or part of it, small enough to be enumerated: some of its units with the weights among them. Units
 * with real-valued states may stand on the lower side, where they are integrated.
 */
import type { Engine } from '../engine.js';
import {
  biasName,
  deviationNames,
  type Graph,
  layerOf,
  unsuitable,
  upwardBiasName,
  weightName,
} from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import type { Model } from '../model.js';
import { noiseStream } from '../noise.js';
import type { Parameters } from '../parameters.js';
import { readFloats } from '../runtime/allocation.js';
import { gaussian } from '../units/gaussian.js';
import { type Units, unitType } from '../units/index.js';
import { type Block, countStates, type SmallMachine } from './enumeration.js';
import type { RealMachine } from './mixture.js';

/** Pairs of a lower and an upper state that are enumerated at most. */
const MOST_PAIRS = 2 ** 14;
/** What stands for a real-valued unit where states are counted: it costs as much as a binary one. */
const REAL: Block = {
  states: [
    { values: [0], logBase: 0 },
    { values: [1], logBase: 0 },
  ],
};

/** A part of a machine that is small enough, as a model of its own; `free` gives its memory back. */
interface SmallPart {
  readonly model: Model;
  /** `visible-hidden`. */
  readonly name: string;
  /** Units of the whole machine, and of this one: `[lower, upper]`. */
  readonly whole: readonly [number, number];
  readonly kept: readonly [number, number];
  free(): void;
}

/** One of units with few states on both sides, as numbers in f64 too. */
export interface SmallFinite extends SmallPart {
  readonly kind: 'finite';
  readonly machine: SmallMachine;
}

/** One with real-valued lower units. */
export interface SmallReal extends SmallPart {
  readonly kind: 'real';
  readonly machine: RealMachine;
  /** The same with rows in units of the deviations: no variances to learn, no standardised data. */
  readonly standard: Model;
}

export type Small = SmallFinite | SmallReal;

/** One side before units are chosen. */
interface Side {
  readonly layer: string;
  readonly units: Units;
  /** The states of a unit or group; none where they are real numbers. */
  readonly block: Block;
  /** Units of a block. */
  readonly size: number;
  readonly blocks: number;
  /** Numbers of the blocks that are kept, ascending. */
  readonly chosen: number[];
}

/** A small part of the machine `machine` of a model, drawn with the seed; all of it where it is small. */
export function smallMachineOf(engine: Engine, parameters: Parameters, machine: Machine, seed: number): Small {
  const { graph } = parameters;
  const { label } = stackOf(graph);
  // A layer of labels is left out: what is left is a restricted Boltzmann machine of two layers.
  const connection = machine.connections.find(({ lower }) => lower !== label)!;
  const [lower, upper] = [sideOf(graph, connection.lower, true), sideOf(graph, connection.upper, false)];
  choose(parameters, [lower, upper], seed);
  const weights = parameters.read(weightName(connection));
  const [below, above] = [keptUnits(lower), keptUnits(upper)];
  const width = lower.blocks * lower.size;
  const matrix = below.map((i) => above.map((j) => weights[j * width + i]!));
  const pick = (name: string, units: readonly number[]) => units.map((unit) => parameters.read(name)[unit]!);
  const lowerBias = pick(biasName(connection.lower), below);
  const upperBias = pick(upwardBiasName(graph, connection.upper), above);
  const modelOf = (units: Units, bias: readonly number[]) => {
    const model = engine.create(smallGraph(units, resized(upper)), { seed });
    model.parameter('lower-upper.weight').set(above.flatMap((_, j) => below.map((_unused, i) => matrix[i]![j]!)));
    model.parameter('lower.bias').set(bias);
    model.parameter('upper.bias').set(upperBias);
    return model;
  };
  const model = modelOf(resized(lower), lowerBias);
  const blocks = ({ block, chosen }: Side) => chosen.map(() => block);
  const part = {
    model,
    name: `${connection.lower}-${connection.upper}`,
    whole: [width, upper.blocks * upper.size],
    kept: [below.length, above.length],
  } as const;
  const { continuous } = unitType(lower.units);
  if (continuous === undefined) {
    const numbers = { lower: blocks(lower), upper: blocks(upper), weights: matrix, lowerBias, upperBias };
    return { ...part, kind: 'finite', machine: numbers, free: () => model.free() };
  }
  const deviations = new Map<string, number[]>();
  for (const name of deviationNames(graph, connection.lower)) {
    const what = name.slice(`layers.${connection.lower}.`.length);
    deviations.set(what, pick(name, below));
    model.parameter(`layers.lower.${what}`).set(deviations.get(what)!);
  }
  const of = (what: string, unit: number, otherwise: number) => deviations.get(what)?.[unit] ?? otherwise;
  const sigmas = below.map((_, unit) => Math.exp(of('log_variance', unit, 0) / 2));
  const units = sigmas.map((sigma, unit) => ({
    least: continuous.least,
    shift: of('data_mean', unit, 0),
    scale: of('data_deviation', unit, 1) * sigma,
  }));
  const beta = lowerBias.map((bias, unit) => bias / sigmas[unit]!);
  const standard = modelOf(standardUnits(lower), beta);
  return {
    ...part,
    kind: 'real',
    machine: { units, upper: blocks(upper), weights: matrix, lowerBias: beta, upperBias },
    standard,
    free: () => {
      model.free();
      standard.free();
    },
  };
}

function smallGraph(lower: Units, upper: Units): Graph {
  return {
    layers: [
      { name: 'lower', units: lower },
      { name: 'upper', units: upper },
    ],
    connections: [{ kind: 'undirected', lower: 'lower', upper: 'upper' }],
  };
}

/** A layer of as many units as are kept. */
function resized({ units, chosen }: Side): Units {
  const type = unitType(units);
  return (type.finite ?? type.continuous)!.resized(units, chosen.length) as Units;
}

/** The same of deviation 1, which is not learned. */
function standardUnits(side: Side): Units {
  return side.units.type === 'gaussian' ? gaussian(side.chosen.length) : resized(side);
}

function sideOf(graph: Graph, layer: string, isLower: boolean): Side {
  const { units } = layerOf(graph, layer);
  const type = unitType(units);
  if (isLower && type.continuous !== undefined) {
    return { layer, units, block: REAL, size: 1, blocks: type.units(units), chosen: [] };
  }
  if (type.finite === undefined) {
    const message = `\`verify\` lists all states, and the layer \`${layer}\` has ${type.describe(units)}, whose states it cannot list; it knows binary, softmax and binomial units, and real-valued ones below them.`;
    throw unsuitable(message, layer);
  }
  const states = type.finite.states(units);
  const size = states[0]!.values.length;
  return { layer, units, block: { states }, size, blocks: type.units(units) / size, chosen: [] };
}

/** Chooses blocks of both sides in turn, in a drawn order, while their states can be listed. */
function choose({ runtime }: Parameters, sides: readonly [Side, Side], seed: number): void {
  const orders = sides.map(({ blocks }, index) => {
    const stream = noiseStream(runtime, seed, 'score', 100 + index);
    const keys = readFloats(runtime, blocks, (out) => stream.uniforms(0, out.handle, blocks));
    stream.free();
    return Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b);
  });
  let pairs = 1;
  for (;;) {
    let added = false;
    sides.forEach(({ block, chosen }, index) => {
      const next = orders[index]![chosen.length];
      if (next === undefined || (chosen.length > 0 && pairs * countStates([block]) > MOST_PAIRS)) return;
      pairs *= countStates([block]);
      chosen.push(next);
      added = true;
    });
    if (!added) break;
  }
  for (const { chosen } of sides) chosen.sort((a, b) => a - b);
}

function keptUnits({ chosen, size }: Side): number[] {
  return chosen.flatMap((block) => Array.from({ length: size }, (_, unit) => block * size + unit));
}
