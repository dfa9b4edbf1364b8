/**
 * Machines taken out of models, as plain numbers: what models are made of other models from. A part is one restricted
 * Boltzmann machine; a stack is a list of them, bottom first, and an RBM a list of one.
 */
import { WakesleepError } from '../errors.js';
import { deepBeliefNet } from '../graph/constructors.js';
import {
  biasName,
  deviationNames,
  type Graph,
  layerOf,
  unitsOf,
  unsuitable,
  upwardBiasName,
  upwardConnection,
  weightName,
} from '../graph/graph.js';
import { type Machine, requireTied, stackOf } from '../graph/machines.js';
import { checkEnergies } from '../likelihood/free-energy.js';
import { Model } from '../model.js';
import { describeValue } from '../options.js';
import { transpose } from '../parameters.js';
import { type Units, unitType } from '../units/index.js';

/** One machine: two layers, or three where labels stand beside the lower one. */
export interface Part {
  readonly lower: Units;
  readonly upper: Units;
  /** Upward, `[upper, lower]`. */
  readonly weights: Float32Array;
  readonly lowerBias: Float32Array;
  readonly upperBias: Float32Array;
  /** What the lower layer has of log-variances, and of what standardises it, in the order of their names. */
  readonly deviations: readonly Float32Array[];
  readonly label: Label | undefined;
}

/** A layer of labels and how it is joined to a machine's upper layer. */
interface Label {
  readonly units: Units;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** The machines of a model, bottom first; throws `OPTION_INVALID`, and `GRAPH_UNSUITABLE` where it is not a stack of machines with energies. */
export function partsOf(given: unknown, what: string): Part[] {
  const model = readModel(what, given);
  const stack = stackOf(model.graph);
  requireTied(stack, what);
  for (const machine of stack.machines) checkEnergies(model.parameters, machine, what);
  return anyPartsOf(model, what);
}

/** As `partsOf`, whether the machines have energies, and weights of their own up and down, or not. */
export function anyPartsOf(given: unknown, what: string): Part[] {
  const model = readModel(what, given);
  const { machines, label } = stackOf(model.graph);
  return machines.map((machine) => partOf(model, machine, label));
}

/** The one machine of an RBM without labels; throws as `partsOf`. */
export function onlyPartOf(model: unknown, what: string): Part {
  const [part, second] = partsOf(model, what) as [Part, ...Part[]];
  if (second === undefined && part.label === undefined) return part;
  const { upper } = stackOf((model as Model).graph).machines[0]!;
  const found = second === undefined ? 'a layer of labels too' : `layers above \`${upper}\``;
  throw unsuitable(`${what} needs a restricted Boltzmann machine of two layers; this graph has ${found}.`, upper);
}

function partOf({ graph, parameters }: Model, { upper, connections }: Machine, label: string | undefined): Part {
  const connection = connections.find(({ lower }) => lower !== label)!;
  const beside = connections.find(({ lower }) => lower === label);
  const { lower } = connection;
  return {
    lower: layerOf(graph, lower).units,
    upper: layerOf(graph, upper).units,
    weights: parameters.weightsOf(upwardConnection(graph, connection)),
    lowerBias: parameters.read(biasName(lower)),
    upperBias: parameters.read(upwardBiasName(graph, upper)),
    deviations: deviationNames(graph, lower).map((name) => parameters.read(name)),
    label: beside && {
      units: layerOf(graph, beside.lower).units,
      weights: parameters.read(weightName(beside)),
      bias: parameters.read(biasName(beside.lower)),
    },
  };
}

/** The same machine seen from above: its sides exchanged. */
export function transposedPart(part: Part): Part {
  return {
    lower: part.upper,
    upper: part.lower,
    weights: transpose(part.weights, part.upperBias.length),
    lowerBias: part.upperBias,
    upperBias: part.lowerBias,
    deviations: [],
    label: undefined,
  };
}

/** A model whose machines these are, with layers `visible`, `h1`, `h2`, ...; on the engine and with the seed of `like`. */
export function stackOfParts(like: Model, parts: readonly Part[]): Model {
  const label = parts.at(-1)!.label;
  const units = { visible: parts[0]!.lower, hidden: parts.map(({ upper }) => upper) };
  const graph = deepBeliefNet(label === undefined ? units : { ...units, label: label.units });
  return filledModel(like, graph, parts);
}

/** A model of a graph that is a stack, filled with machines. */
export function filledModel(like: Model, graph: Graph, parts: readonly Part[]): Model {
  const model = emptyModel(like, graph);
  const { parameters } = model;
  const { machines, label } = stackOf(graph);
  try {
    machines.forEach(({ upper, connections }, index) => {
      const part = parts[index]!;
      for (const connection of connections) {
        const beside = connection.lower === label ? part.label : undefined;
        parameters.write(biasName(connection.lower), beside?.bias ?? part.lowerBias);
        parameters.write(weightName(connection), beside?.weights ?? part.weights);
      }
      parameters.write(upwardBiasName(graph, upper), part.upperBias);
    });
    for (const [index, name] of deviationNames(graph, machines[0]!.connections[0]!.lower).entries()) {
      parameters.write(name, parts[0]!.deviations[index]!);
    }
    return model;
  } catch (error) {
    model.free();
    throw error;
  }
}

/** A model with all parameters zero, on the engine and with the seed of another. */
export function emptyModel({ engine, seed }: Model, graph: Graph): Model {
  return new Model(engine, graph, seed, 0);
}

/** Whether two layers have the same units. */
export function sameUnits(a: Units, b: Units): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** `6 binary units`. */
export function inWords(units: Units): string {
  return unitType(units).describe(units);
}

/** Units of the type of `units`, as many as `count` lists; `undefined` where the type has no such number. */
export function resizedUnits(units: Units, count: number): Units | undefined {
  const { finite } = unitType(units);
  if (finite === undefined) return undefined;
  const size = finite.states(units)[0]!.values.length;
  return count % size === 0 ? (finite.resized(units, count / size) as Units) : undefined;
}

/** The number of units of a layer that no graph holds yet. */
export function countOf(units: Units): number {
  return unitsOf({ layers: [{ name: 'layer', units }], connections: [] }, 'layer');
}

/** Checks that something is a model; throws `OPTION_INVALID`. */
export function readModel(where: string, given: unknown): Model {
  if (given instanceof Model) return given;
  const wanted = 'a model';
  throw new WakesleepError('OPTION_INVALID', `${where} takes ${wanted}; got ${describeValue(given)}.`, {
    given,
    wanted,
    where,
  });
}

/** Checks that something is a list of at least `atLeast` models; throws `OPTION_INVALID`. */
export function readModels(where: string, models: unknown, atLeast: number): readonly Model[] {
  const wanted = `a list of at least ${atLeast} models`;
  const right = Array.isArray(models) && models.length >= atLeast && models.every((model) => model instanceof Model);
  if (right) return models;
  throw new WakesleepError('OPTION_INVALID', `${where} takes ${wanted}; got ${describeValue(models)}.`, {
    given: models,
    wanted,
    where,
  });
}
