/**
 * A model's structure as plain, frozen, JSON-able data: layers of units joined by connections. No engine is needed to
 * make one, and the same value is the API, the configuration file, the file's metadata and the message to a worker.
 *
 * - `undirected`: a symmetric connection of an energy model.
 * - `tied`: one matrix used upward for recognition and downward for generation, as a stack of RBMs leaves it.
 *
 * Parameters have names (DESIGN: files): `layers.<name>.bias`; a hidden layer that has a tied connection below it also
 * has `layers.<name>.recognition_bias`, used upward; `connections.<lower>-<upper>.weight`, `[upper, lower]`.
 */
import { WakesleepError } from '../errors.js';
import { describeValue, freezeDeep, oneOf, refuseUnknown } from '../options.js';
import { readUnits, type Units, unitType } from '../units/index.js';

/** One layer. */
export interface Layer {
  readonly name: string;
  readonly units: Units;
}

/** One connection between two layers, named by where they stand: `lower` nearer the data. */
export interface Connection {
  readonly kind: 'undirected' | 'tied';
  readonly lower: string;
  readonly upper: string;
}

/** A model's structure. */
export interface Graph {
  readonly layers: readonly Layer[];
  readonly connections: readonly Connection[];
}

/** A named tensor of a model and its shape. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

const namePattern = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Checks a graph from outside (a file, a configuration, a caller); throws `OPTION_INVALID` or `GRAPH_UNSUITABLE`. */
export function readGraph(where: string, given: unknown): Graph {
  refuseUnknown(where, given, ['layers', 'connections']);
  const layers = list(where, 'layers', given.layers).map((layer, i) => readLayer(`${where}.layers.${i}`, layer));
  const names = new Set<string>();
  for (const { name } of layers) {
    if (names.has(name)) throw unsuitable(`Two layers are called \`${name}\`; names must differ.`, name);
    names.add(name);
  }
  const order = layers.map((layer) => layer.name);
  const seen = new Set<string>();
  const connections = list(where, 'connections', given.connections).map((connection, i) => {
    const read = readConnection(`${where}.connections.${i}`, connection, order);
    const name = connectionName(read);
    if (seen.has(name)) throw unsuitable(`The layers of \`${name}\` are connected twice.`, name);
    seen.add(name);
    return read;
  });
  for (const { upper } of connections) checkUpper(layers.find(({ name }) => name === upper)!);
  return freezeDeep({ layers, connections });
}

/** Refuses, above other layers, units that only data can be. */
function checkUpper({ name, units }: Layer): void {
  const type = unitType(units);
  const { learned = false, standardise = false } = type.deviation?.(units) ?? {};
  const what = type.countsDraws
    ? type.describe(units)
    : learned
      ? 'learned variances'
      : standardise
        ? 'standardised units'
        : undefined;
  if (what === undefined) return;
  throw unsuitable(`The layer \`${name}\` has ${what}, which only a layer that holds data may have.`, name);
}

function readLayer(where: string, given: unknown): Layer {
  refuseUnknown(where, given, ['name', 'units']);
  const { name } = given;
  if (typeof name !== 'string' || !namePattern.test(name)) {
    const wanted = 'a letter followed by letters, digits and underscores';
    throw new WakesleepError('OPTION_INVALID', `\`name\` must be ${wanted}; got ${describeValue(name)}.`, {
      given: name,
      wanted,
      where: `${where}.name`,
    });
  }
  return { name, units: readUnits(where, given.units) };
}

function readConnection(where: string, given: unknown, names: readonly string[]): Connection {
  refuseUnknown(where, given, ['kind', 'lower', 'upper']);
  const kind = oneOf(where, 'kind', given.kind, ['undirected', 'tied'] as const);
  const lower = oneOf(where, 'lower', given.lower, names);
  const upper = oneOf(where, 'upper', given.upper, names);
  if (lower === upper) throw unsuitable(`The connection \`${lower}-${upper}\` joins a layer to itself.`, lower);
  return { kind, lower, upper };
}

function list(where: string, name: string, given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given;
  throw new WakesleepError('OPTION_INVALID', `\`${name}\` must be a list; got ${describeValue(given)}.`, {
    given,
    wanted: 'a list',
    where: `${where}.${name}`,
  });
}

/** An error about a graph that names what is at fault. */
export function unsuitable(message: string, where: string): WakesleepError {
  return new WakesleepError('GRAPH_UNSUITABLE', message, { where });
}

/** `visible-hidden`. */
export function connectionName(connection: Connection): string {
  return `${connection.lower}-${connection.upper}`;
}

/** The layer of a name. */
export function layerOf(graph: Graph, name: string): Layer {
  const found = graph.layers.find((layer) => layer.name === name);
  if (found === undefined) throw unsuitable(`There is no layer \`${name}\`.`, name);
  return found;
}

/** A layer's number of units. */
export function unitsOf(graph: Graph, name: string): number {
  const { units } = layerOf(graph, name);
  return unitType(units).units(units);
}

/** Whether a layer has a bias of its own for recognition: it stands above a tied connection. */
export function hasRecognitionBias(graph: Graph, name: string): boolean {
  return graph.connections.some((connection) => connection.kind === 'tied' && connection.upper === name);
}

/** The name of the bias that a layer's units use when driven from below. */
export function upwardBiasName(graph: Graph, layer: string): string {
  return hasRecognitionBias(graph, layer) ? `layers.${layer}.recognition_bias` : biasName(layer);
}

/** The name of a layer's bias. */
export function biasName(layer: string): string {
  return `layers.${layer}.bias`;
}

/** The names of what a layer's deviations are made of: learned log-variances, and what standardises its data. */
export function deviationNames(graph: Graph, layer: string): string[] {
  const { units } = layerOf(graph, layer);
  const { learned = false, standardise = false } = unitType(units).deviation?.(units) ?? {};
  return [
    ...(learned ? [`layers.${layer}.log_variance`] : []),
    ...(standardise ? [`layers.${layer}.data_mean`, `layers.${layer}.data_deviation`] : []),
  ];
}

/** The name of a connection's weights. */
export function weightName(connection: Connection): string {
  return `connections.${connectionName(connection)}.weight`;
}

/** Every parameter of a graph, biases of layers first, in the graph's order. */
export function parameterSpecs(graph: Graph): ParameterSpec[] {
  const biases = graph.layers.flatMap(({ name }) => {
    const shape = [unitsOf(graph, name)];
    const own = { name: biasName(name), shape };
    const more = deviationNames(graph, name).map((of) => ({ name: of, shape }));
    return hasRecognitionBias(graph, name) ? [own, { name: upwardBiasName(graph, name), shape }] : [own, ...more];
  });
  const weights = graph.connections.map((connection) => ({
    name: weightName(connection),
    shape: [unitsOf(graph, connection.upper), unitsOf(graph, connection.lower)],
  }));
  return [...biases, ...weights];
}
