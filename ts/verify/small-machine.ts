/** A machine of a model, or part of it, small enough to be enumerated: some of its units with the weights among them. */
import type { Engine } from '../engine.js';
import { biasName, type Graph, layerOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import type { Model } from '../model.js';
import { noiseStream } from '../noise.js';
import type { Parameters } from '../parameters.js';
import { readFloats } from '../runtime/allocation.js';
import type { Units } from '../units/index.js';
import { unitType } from '../units/index.js';
import { type Block, countStates, type SmallMachine } from './enumeration.js';

/** Pairs of a lower and an upper state that are enumerated at most. */
const MOST_PAIRS = 2 ** 14;

/** A machine small enough, as a model of its own and as numbers in f64. */
export interface Small {
  readonly model: Model;
  readonly machine: SmallMachine;
  /** `visible-hidden`. */
  readonly name: string;
  /** Units of the whole machine, and of this one: `[lower, upper]`. */
  readonly whole: readonly [number, number];
  readonly kept: readonly [number, number];
}

/** One side before units are chosen. */
interface Side {
  readonly layer: string;
  readonly units: Units;
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
  const [lower, upper] = [sideOf(graph, connection.lower), sideOf(graph, connection.upper)];
  choose(parameters, [lower, upper], seed);
  const small = smallGraph(lower, upper);
  const model = engine.create(small, { seed });
  const weights = parameters.read(weightName(connection));
  const [below, above] = [keptUnits(lower), keptUnits(upper)];
  const width = lower.blocks * lower.size;
  const matrix = below.map((i) => above.map((j) => weights[j * width + i]!));
  const pick = (values: Float32Array, units: readonly number[]) => units.map((unit) => values[unit]!);
  const lowerBias = pick(parameters.read(biasName(connection.lower)), below);
  const upperBias = pick(parameters.read(upwardBiasName(graph, connection.upper)), above);
  model.parameter('lower-upper.weight').set(above.flatMap((_, j) => below.map((_unused, i) => matrix[i]![j]!)));
  model.parameter('lower.bias').set(lowerBias);
  model.parameter('upper.bias').set(upperBias);
  const blocks = ({ block, chosen }: Side) => chosen.map(() => block);
  return {
    model,
    machine: { lower: blocks(lower), upper: blocks(upper), weights: matrix, lowerBias, upperBias },
    name: `${connection.lower}-${connection.upper}`,
    whole: [width, upper.blocks * upper.size],
    kept: [below.length, above.length],
  };
}

function smallGraph(lower: Side, upper: Side): Graph {
  const units = ({ units, chosen }: Side) => unitType(units).finite!.resized(units, chosen.length) as Units;
  return {
    layers: [
      { name: 'lower', units: units(lower) },
      { name: 'upper', units: units(upper) },
    ],
    connections: [{ kind: 'undirected', lower: 'lower', upper: 'upper' }],
  };
}

function sideOf(graph: Graph, layer: string): Side {
  const { units } = layerOf(graph, layer);
  const type = unitType(units);
  if (type.finite === undefined) {
    const message = `\`verify\` lists all states, and the layer \`${layer}\` has ${type.describe(units)}, whose states it cannot list; it knows binary, softmax and binomial units.`;
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
