/** The package's general Boltzmann machines beside the exact ones of `test/reference/field.ts`: the same numbers in both. */
import { bernoulli, boltzmannMachine, type Engine, type Model } from 'wakesleep';
import { coloursOf, fieldOf } from '../../dist/graph/field.js';
import { type ReferenceField, stateNumber } from '../reference/field.js';
import type { RandomSource } from '../reference/random.js';

/** The package's model of an exact one whose first `visible` units are visible; a full one of three or more lists no edges. */
export function modelOfField(engine: Engine, field: ReferenceField, visible: number, seed = 0): Model {
  const units = field.bias.length;
  const edges: [number, number][] = [];
  for (let j = 0; j < units; j++) for (let i = 0; i < j; i++) if (field.joined[i]![j]!) edges.push([i, j]);
  const full = edges.length === (units * (units - 1)) / 2 && units > 2;
  const hidden = units > visible ? { hidden: bernoulli(units - visible) } : {};
  const listed = full ? {} : { edges };
  const model = engine.create(boltzmannMachine({ visible: bernoulli(visible), ...hidden, ...listed }), { seed });
  writeField(model, field, visible);
  return model;
}

/** The unit at `index` of a layer, numbered over all. */
function unitAt(layer: string, index: number, visible: number): number {
  return layer === 'visible' ? index : visible + index;
}

/** Visits every weight of the model: its tensor, its place there and the two units. */
function weightsOf(model: Model, visible: number) {
  return model.graph.connections.map(({ lower, upper, edges }) => {
    const name = `${lower}-${upper}.weight`;
    const { shape } = model.parameter(name);
    const count = shape.reduce((product, side) => product * side, 1);
    const pairs = Array.from({ length: count }, (_, place): [number, number] => {
      const below = edges === undefined ? place % shape[1]! : edges.lower[place]!;
      const above = edges === undefined ? Math.floor(place / shape[1]!) : edges.upper[place]!;
      return [unitAt(lower, below, visible), unitAt(upper, above, visible)];
    });
    return { name, pairs };
  });
}

export function writeField(model: Model, field: ReferenceField, visible: number): void {
  for (const { name } of model.graph.layers) {
    const bias = name === 'visible' ? field.bias.slice(0, visible) : field.bias.slice(visible);
    model.parameter(`${name}.bias`).set(bias);
  }
  for (const { name, pairs } of weightsOf(model, visible)) {
    model.parameter(name).set(pairs.map(([i, j]) => field.weights[i]![j]!));
  }
}

/** The model's parameters: `units`, and `pairs` as a symmetric matrix, 0 where units are not joined. */
export function readField(model: Model, visible: number) {
  const units = model.graph.layers.flatMap(({ name }) => Array.from(model.parameter(`${name}.bias`).values()));
  const pairs = units.map(() => units.map(() => 0));
  for (const { name, pairs: joined } of weightsOf(model, visible)) {
    const values = model.parameter(name).values();
    joined.forEach(([i, j], place) => {
      pairs[i]![j] = pairs[j]![i] = values[place]!;
    });
  }
  return { units, pairs };
}

/** The units of each colour, as the kernels draw them together. */
export function colourGroups(model: Model): number[][] {
  const colours = coloursOf(fieldOf(model.graph, 'A test'));
  const groups = Array.from({ length: Math.max(...colours) + 1 }, (): number[] => []);
  colours.forEach((colour, unit) => {
    groups[colour]!.push(unit);
  });
  return groups;
}

/** `count` states drawn from a distribution over numbered states, `[count, units]`. */
export function drawnStates(distribution: readonly number[], units: number, count: number, random: RandomSource) {
  const rows = new Float32Array(count * units);
  for (let row = 0; row < count; row++) {
    const a = random.categorical(distribution);
    for (let i = 0; i < units; i++) rows[row * units + i] = (a >> i) & 1;
  }
  return rows;
}

/** How often each numbered state is among rows. */
export function countsOf(rows: Float32Array, units: number): number[] {
  const counts = new Array<number>(2 ** units).fill(0);
  for (let first = 0; first < rows.length; first += units) counts[stateNumber(rows.subarray(first, first + units))]!++;
  return counts;
}
