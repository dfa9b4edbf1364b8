/**
 * Feed-forward networks that begin where a stack of machines ends (Hinton, Osindero and Teh 2006; Hinton and Salakhutdinov
 * 2006): upward weights and biases become those of hidden layers. On top stands a softmax output for labels, or the stack
 * upside down, to give the data back through a code.
 */
import { network } from '../graph/constructors.js';
import {
  biasName,
  deviationNames,
  type Graph,
  type Layer,
  layerOf,
  readGraph,
  unsuitable,
  visibleLayerOf,
  weightName,
} from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { CODE, networkOf, OUTPUTS } from '../graph/network.js';
import type { Model } from '../model.js';
import { finiteNumber, oneOf, refuseUnknown } from '../options.js';
import { transpose } from '../parameters.js';
import { gaussian } from '../units/gaussian.js';
import { readUnits, type Units, unitType } from '../units/index.js';
import { anyPartsOf, emptyModel, type Part } from './machine-parts.js';

/** What `classifier` takes. */
export interface ClassifierOptions {
  /** The softmax units of the output; default the labels that the topmost machine has. */
  readonly label?: Units;
  /** Standard deviation of the output's weights where they are new, as for `create()`; default `null`, what suits them. */
  readonly weightScale?: number | null;
}

/** What `autoencoder` takes. */
export interface AutoencoderOptions {
  /** What the topmost layer passes on: its means (default), or with `linear` its total inputs, as a code of real numbers. */
  readonly code?: 'means' | 'linear';
}

/** The graph of `classifier()`. */
export function classifierGraph(graph: Graph, options: ClassifierOptions = {}): Graph {
  const where = 'classifier()';
  refuseUnknown(where, options, ['label', 'weightScale']);
  const { machines, visible, label } = stackOf(graph);
  if (options.label === undefined && label === undefined) {
    const message =
      'The stack has no layer of labels; say what the output is, `{ label: softmax(10) }` for ten classes.';
    throw unsuitable(message, 'label');
  }
  const output = options.label === undefined ? layerOf(graph, label!).units : readUnits(where, options.label);
  const hidden = machines.map(({ upper }) => withoutNoise(layerOf(graph, upper).units));
  return network({ visible: layerOf(graph, visible).units, hidden, label: output });
}

/**
 * A network that gives labels, with copies of the upward weights and biases of a stack of machines (an RBM, a deep belief net)
 * as those of its hidden layers. Where the stack has labels of as many classes its weights to them are those of the output;
 * else the output's weights are drawn from the stack's seed. Throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`.
 */
export function classifier(model: Model, options: ClassifierOptions = {}): Model {
  const parts = anyPartsOf(model, 'classifier()');
  const { weightScale = null } = options;
  const scale = weightScale && finiteNumber('classifier()', 'weightScale', weightScale, { atLeast: 0 });
  const graph = classifierGraph(model.graph, options);
  return filled(model, parts[0]!, graph, (net) => {
    net.parameters.initialise(net.seed, scale);
    parts.forEach(({ weights, upperBias }, index) => {
      writeLayer(net, index, weights, upperBias);
    });
    const label = parts.at(-1)!.label;
    const bias = biasName(networkOf(graph, 'classifier()').output);
    if (label === undefined || label.bias.length !== net.parameters.read(bias).length) return;
    writeLayer(net, parts.length, transpose(label.weights, parts.at(-1)!.upperBias.length), label.bias);
  });
}

/** The graph of `autoencoder()`. */
export function autoencoderGraph(graph: Graph, options: AutoencoderOptions = {}): Graph {
  const where = 'autoencoder()';
  refuseUnknown(where, options, ['code']);
  const code = oneOf(where, 'code', options.code ?? 'means', ['means', 'linear'] as const);
  const { machines, visible, label } = stackOf(graph);
  if (label !== undefined) {
    throw unsuitable(`An autoencoder gives the data back, and the stack joins labels, \`${label}\`.`, label);
  }
  const below = machines.slice(0, -1).map(({ upper }, index) => {
    return { number: index + 1, units: withoutNoise(layerOf(graph, upper).units) };
  });
  const top = withoutNoise(layerOf(graph, machines.at(-1)!.upper).units);
  const data = layerOf(graph, visible).units;
  const layers: Layer[] = [
    { name: 'visible', units: data },
    ...below.map(({ number, units }) => ({ name: `h${number}`, units })),
    { name: CODE, units: code === 'linear' ? gaussian(unitType(top).units(top)) : top },
    ...below.toReversed().map(({ number, units }) => ({ name: `d${number}`, units })),
    { name: OUTPUTS.rows, units: unitType(data).binary(data) ? data : gaussian(unitType(data).units(data)) },
  ];
  const connections = layers.slice(1).map(({ name }, index) => {
    return { kind: 'forward', lower: layers[index]!.name, upper: name };
  });
  const found = readGraph(where, { layers, connections });
  networkOf(found, where);
  return found;
}

/**
 * A deep autoencoder (Hinton and Salakhutdinov 2006): the stack, and above its topmost layer, the `code`, the stack upside
 * down, with copies of the same weights: layers `visible`, `h1`, `h2`, ..., `code`, ..., `d2`, `d1`, `reconstruction`. A code
 * may be larger than what it codes. Throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`.
 */
export function autoencoder(model: Model, options: AutoencoderOptions = {}): Model {
  const parts = anyPartsOf(model, 'autoencoder()');
  return filled(model, parts[0]!, autoencoderGraph(model.graph, options), (net) => {
    const { machines } = stackOf(model.graph);
    parts.forEach(({ weights, lowerBias, upperBias }, index) => {
      writeLayer(net, index, weights, upperBias);
      const downward = model.parameters.weightsOf(machines[index]!.connections[0]!);
      writeLayer(net, 2 * parts.length - 1 - index, transpose(downward, upperBias.length), lowerBias);
    });
  });
}

/** A model of a network, on the engine and with the seed of `like`, and with what standardises the data of its lowest machine. */
function filled(like: Model, lowest: Part, graph: Graph, fill: (net: Model) => void): Model {
  const net = emptyModel(like, graph);
  try {
    fill(net);
    const names = deviationNames(graph, visibleLayerOf(graph));
    for (const [index, name] of names.entries()) net.parameters.write(name, lowest.deviations[index]!);
    if (names.length > 0) net.parameters.write(biasName(visibleLayerOf(graph)), lowest.lowerBias);
    return net;
  } catch (error) {
    net.free();
    throw error;
  }
}

/** Writes the weights into the layer above that of an index, `[upper, lower]`, and its bias. */
function writeLayer(net: Model, index: number, weights: Float32Array, bias: Float32Array): void {
  const connection = networkOf(net.graph, 'A network').connections[index]!;
  net.parameters.write(weightName(connection), weights);
  net.parameters.write(biasName(connection.upper), bias);
}

/** Units whose means errors can go back through. */
function withoutNoise(units: Units): Units {
  return (unitType(units).withoutNoise?.(units) as Units | undefined) ?? units;
}
