/**
 * The package's models beside the exact ones of `test/reference`: the same parameters in both, and the shapes that the
 * comparisons need. Nothing here computes anything of a model.
 */

import {
  bernoulli,
  binomial,
  deepBeliefNet,
  type Engine,
  type Graph,
  gaussian,
  type Model,
  rbm,
  replicatedSoftmax,
  softmax,
  steppedSigmoid,
  truncatedNormal,
  type Units,
} from 'wakesleep';
import type { RandomSource } from '../reference/random.js';
import {
  type ReferenceGradient,
  type ReferenceLayer,
  type ReferenceRbm,
  type ReferenceSide,
  stateCountOfSide,
  stateIndex,
  unitsOfSide,
} from '../reference/rbm.js';
import type { PointLayer, PointRbm } from '../reference/units.js';

/** The package's units for a layer of the exact model. */
function unitsOfLayer(layer: ReferenceLayer): Units {
  return layer.type === 'bernoulli' ? bernoulli(layer.units) : softmax(layer.groups, layer.size);
}

/** A side of one layer, or of the data and the label, as the package names its layers. */
function graphOf({ lower, upper }: ReferenceRbm): Graph {
  const [main, label] = lower.map(unitsOfLayer);
  const hidden = unitsOfLayer(upper[0]!);
  if (upper.length !== 1 || lower.length > 2)
    throw new Error('Only one upper and at most two lower layers are joined.');
  return label === undefined
    ? rbm({ visible: main!, hidden })
    : deepBeliefNet({ visible: main!, hidden: [], label, top: hidden });
}

/** The names of the tensors of each lower layer, its place on the lower side, and the name of the upper bias. */
function tensorsOf(reference: ReferenceRbm) {
  const labelled = reference.lower.length === 2;
  const upper = labelled ? 'h1' : 'hidden';
  let start = 0;
  const lowers = reference.lower.map((layer, index) => {
    const name = index === 0 ? 'visible' : 'label';
    const tensors = { bias: `${name}.bias`, weight: `${name}-${upper}.weight`, start, units: unitsOfSide([layer]) };
    start += tensors.units;
    return tensors;
  });
  return { lowers, upperBias: `${upper}.bias` };
}

/** Weights between some lower units and all upper ones, as the package wants them: `[upper, lower]`, row-major. */
export function weightsOf({ W, c }: ReferenceRbm, start = 0, units = W.length): number[] {
  return c.flatMap((_, j) => W.slice(start, start + units).map((row) => row[j]!));
}

/** Writes the exact model's parameters, which must be f32 numbers, into the package's model. */
export function writeParameters(model: Model, reference: ReferenceRbm): void {
  const { lowers, upperBias } = tensorsOf(reference);
  for (const { bias, weight, start, units } of lowers) {
    model.parameter(weight).set(weightsOf(reference, start, units));
    model.parameter(bias).set(reference.b.slice(start, start + units));
  }
  model.parameter(upperBias).set(reference.c);
}

/** The package's parameters in the form of the exact model. */
export function readParameters(model: Model, shape: ReferenceRbm): ReferenceRbm {
  const { lowers, upperBias } = tensorsOf(shape);
  const c = Array.from(model.parameter(upperBias).values());
  const W: number[][] = [];
  const b: number[] = [];
  for (const { bias, weight, units } of lowers) {
    const values = model.parameter(weight).values();
    for (let i = 0; i < units; i++) W.push(c.map((_, j) => values[j * units + i]!));
    b.push(...model.parameter(bias).values());
  }
  return { ...shape, W, b, c };
}

/** The package's model with the parameters of an exact one. */
export function modelOf(engine: Engine, reference: ReferenceRbm, seed = 0, graph: Graph = graphOf(reference)): Model {
  const model = engine.create(graph, { seed });
  writeParameters(model, reference);
  return model;
}

/** The package's units for a layer of a model by points. */
function unitsOfPoints(layer: PointLayer): Units {
  switch (layer.type) {
    case 'bernoulli':
      return bernoulli(layer.units);
    case 'softmax':
      return softmax(layer.units);
    case 'binomial':
      return binomial(layer.units, layer.copies);
    case 'steppedSigmoid':
      return steppedSigmoid(layer.units, layer.copies);
    case 'truncatedNormal':
      return truncatedNormal(layer.units);
    case 'gaussian':
      return gaussian(layer.units, { variance: layer.sigma.every((sigma) => sigma === 1) ? 1 : 'learned' });
    case 'replicatedSoftmax':
      return replicatedSoftmax(layer.units);
  }
}

/** The package's model with the parameters of a model by points. */
export function pointModelOf(engine: Engine, { lower, upper, W, b, c }: PointRbm): Model {
  const model = engine.create(rbm({ visible: unitsOfPoints(lower), hidden: unitsOfPoints(upper) }), { seed: 3 });
  model.parameter('visible-hidden.weight').set(c.flatMap((_, j) => W.map((row) => row[j]!)));
  model.parameter('visible.bias').set(b);
  model.parameter('hidden.bias').set(c);
  if (lower.type === 'gaussian' && lower.sigma.some((sigma) => sigma !== 1)) {
    model.parameter('layers.visible.log_variance').set(lower.sigma.map((sigma) => 2 * Math.log(sigma)));
  }
  return model;
}

/** What an update changed, divided by the learning rate: the direction that the trainer took. */
export function directionTaken(model: Model, before: ReferenceRbm, learningRate: number): ReferenceGradient {
  const after = readParameters(model, before);
  const slope = (x: number, y: number): number => (x - y) / learningRate;
  return {
    W: after.W.map((row, i) => row.map((value, j) => slope(value, before.W[i]![j]!))),
    b: after.b.map((value, i) => slope(value, before.b[i]!)),
    c: after.c.map((value, j) => slope(value, before.c[j]!)),
  };
}

/** All entries of a direction, in a fixed order. */
export function flat({ W, b, c }: ReferenceGradient): number[] {
  return [...W.flat(), ...b, ...c];
}

/** Row `index` of `[rows, units]`. */
export function rowOf(values: Float32Array, index: number, units: number): Float32Array {
  return values.subarray(index * units, (index + 1) * units);
}

/** `count` rows drawn from a distribution over states, `[count, units]`. */
export function drawnRows(
  states: readonly (readonly number[])[],
  probabilities: readonly number[],
  count: number,
  random: RandomSource,
): Float32Array {
  const units = states[0]!.length;
  const rows = new Float32Array(count * units);
  for (let row = 0; row < count; row++) rows.set(states[random.categorical(probabilities)]!, row * units);
  return rows;
}

/** How often each state of a side is among rows. */
export function stateCounts(side: ReferenceSide, rows: Float32Array): number[] {
  const units = unitsOfSide(side);
  const counts = new Array<number>(stateCountOfSide(side)).fill(0);
  for (let row = 0; row < rows.length / units; row++) counts[stateIndex(side, rowOf(rows, row, units))]!++;
  return counts;
}

/** How often each pair of states is among rows of both sides, in the order of `jointDistribution(...).flat()`. */
export function pairCounts({ lower, upper }: ReferenceRbm, v: Float32Array, h: Float32Array): number[] {
  const [below, above, uppers] = [unitsOfSide(lower), unitsOfSide(upper), stateCountOfSide(upper)];
  const counts = new Array<number>(stateCountOfSide(lower) * uppers).fill(0);
  for (let row = 0; row < v.length / below; row++) {
    const place = stateIndex(lower, rowOf(v, row, below)) * uppers + stateIndex(upper, rowOf(h, row, above));
    counts[place]!++;
  }
  return counts;
}
