/**
 * Composition of density models: what one model's posterior makes of the data is the data of the next, which takes the
 * place of the prior over its hidden units. A stack of restricted Boltzmann machines is a deep belief net
 * (Hinton, Osindero and Teh 2006).
 */

import { deepBeliefNet, rbm } from '../graph/constructors.js';
import { type Graph, layerOf, unsuitable } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import type { Model } from '../model.js';
import { noiseStream } from '../noise.js';
import { finiteNumber, integer, refuseUnknown } from '../options.js';
import { INITIAL_WEIGHT_SCALE } from '../parameters.js';
import { readFloats } from '../runtime/allocation.js';
import {
  countOf,
  filledModel,
  inWords,
  onlyPartOf,
  type Part,
  partsOf,
  readModels,
  resizedUnits,
  sameUnits,
  stackOfParts,
  transposedPart,
} from './machine-parts.js';

/**
 * A deep belief net out of RBMs or stacks of them, bottom first, with copies of their parameters: layers `visible`, `h1`,
 * `h2`, .... The lower layer of each must have the units of the topmost layer of the one before; the last may join labels.
 * It has the seed of the first. Throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`.
 */
export function compose(models: readonly Model[]): Model {
  const where = 'compose()';
  const parts = readModels(where, models, 1).flatMap((model) => partsOf(model, where));
  parts.forEach((part, index) => {
    const below = parts[index - 1];
    if (below === undefined) return;
    if (below.label !== undefined) throw unsuitable('Only the last model of `compose()` may join labels.', 'label');
    if (sameUnits(below.upper, part.lower)) return;
    const message = `Each machine must stand on the layer before: machine ${index} has ${inWords(part.lower)} below, and there are ${inWords(below.upper)}.`;
    throw unsuitable(message, `h${index}`);
  });
  return stackOfParts(models[0]!, parts);
}

/**
 * The machines of a stack as RBMs of their own, bottom first, with copies of their parameters: the inverse of `compose`. A
 * machine with labels keeps them beside its visible layer. Throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`.
 */
export function decompose(model: Model): Model[] {
  return partsOf(model, 'decompose()').map((part) => {
    const { lower, upper, label } = part;
    const graph =
      label === undefined
        ? rbm({ visible: lower, hidden: upper })
        : deepBeliefNet({ visible: lower, hidden: [], label: label.units, top: upper });
    return filledModel(model, graph, [part]);
  });
}

/** An RBM seen from above: its hidden units are visible and its visible ones hidden. Throws `GRAPH_UNSUITABLE`. */
export function transposed(model: Model): Model {
  const part = transposedPart(onlyPartOf(model, 'transposed()'));
  return filledModel(model, rbm({ visible: part.lower, hidden: part.upper }), [part]);
}

/** What `tie` takes. */
export interface TieOptions {
  /** Units of the new layer, at least those of the layer two below; default as many. Units of binary layers only. */
  readonly units?: number;
  /** Standard deviation of the weights of units beyond those, default 0.01. */
  readonly weightScale?: number;
  /** Bias of the units beyond those, default 0. */
  readonly bias?: number;
}

/**
 * The stack with one more layer, whose weights start from the transpose of those below and whose biases from those of the
 * layer two below. It is the same distribution over the data: the new machine starts as the prior that was there, so that
 * every improvement of it on the aggregated posterior raises a bound on the likelihood of the data (`greedyBound`).
 * With `units` beyond those that the transpose gives it is nearly that distribution, or exactly with a `weightScale` of 0.
 * Throws `OPTION_INVALID`, and `GRAPH_UNSUITABLE` for a net with labels.
 */
export function tie(model: Model, options: TieOptions = {}): Model {
  const where = 'tie()';
  const graph = tiedGraph(model.graph, options);
  const parts = partsOf(model, where);
  const next = transposedPart(parts.at(-1)!);
  const least = countOf(next.upper);
  const units = options.units ?? least;
  const scale = finiteNumber(where, 'weightScale', options.weightScale ?? INITIAL_WEIGHT_SCALE, { atLeast: 0 });
  const bias = finiteNumber(where, 'bias', options.bias ?? 0);
  const wider = units === least ? next : widened(model, next, units, { scale, bias, index: parts.length });
  return filledModel(model, graph, [...parts, wider]);
}

/** The graph of `tie()`. */
export function tiedGraph(graph: Graph, options: TieOptions = {}): Graph {
  const where = 'tie()';
  refuseUnknown(where, options, ['units', 'weightScale', 'bias']);
  const { machines, visible, label } = stackOf(graph);
  if (label !== undefined)
    throw unsuitable('`tie()` adds a layer above the topmost one, which must not join labels.', 'label');
  const below = layerOf(graph, machines.at(-1)!.connections[0]!.lower).units;
  const least = countOf(below);
  const units = integer(where, 'units', options.units ?? least, { atLeast: least });
  const resized = units === least ? below : below.type === 'bernoulli' ? resizedUnits(below, units) : undefined;
  if (resized === undefined) {
    const message = `\`tie()\` can widen a layer of binary units only; the layer two below has ${inWords(below)}.`;
    throw unsuitable(message, 'units');
  }
  const hidden = machines.map(({ upper }) => layerOf(graph, upper).units);
  return deepBeliefNet({ visible: layerOf(graph, visible).units, hidden: [...hidden, resized] });
}

/** A machine with more upper units: small weights drawn as those of connection `index` of a new model are. */
function widened(
  { engine: { runtime }, seed }: Model,
  part: Part,
  units: number,
  { scale, bias, index }: { readonly scale: number; readonly bias: number; readonly index: number },
): Part {
  const upper = resizedUnits(part.upper, units)!;
  const [below, known] = [part.lowerBias.length, part.upperBias.length];
  const weights = new Float32Array(units * below);
  weights.set(part.weights);
  const stream = noiseStream(runtime, seed, 'initial', index);
  for (let unit = known; unit < units; unit += 1) {
    weights.set(
      readFloats(runtime, below, (out) => stream.normal(unit, scale, out.handle, 0, below)),
      unit * below,
    );
  }
  stream.free();
  const upperBias = new Float32Array(units).fill(bias);
  upperBias.set(part.upperBias);
  return { ...part, upper, weights, upperBias };
}
