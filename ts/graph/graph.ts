/**
 * A model's structure as plain, frozen, JSON-able data: layers of units joined by connections. No engine is needed to
 * make one, and the same value is the API, the configuration file, the file's metadata and the message to a worker.
 *
 * - `undirected`: a symmetric connection of an energy model. It may join a layer to itself (every unit to every other), and
 *   with `edges` it joins only the pairs of units that are listed.
 * - `directed`: generative, from the upper layer (the cause) down to the lower one; these never go round in a circle.
 * - `recognition`: from the lower layer up; not part of the distribution, but an approximate posterior.
 * - `tied`: one matrix used upward for recognition and downward for generation, as a stack of RBMs leaves it.
 * - `forward`: of a feed-forward network, from the lower layer up; means are passed on, and nothing is drawn.
 *
 * Parameters have names (DESIGN: files): `layers.<name>.bias`; a layer that a tied or recognition connection leads up to
 * also has `layers.<name>.recognition_bias`, used upward. Weights are `connections.<lower>-<upper>.weight`, `[upper, lower]`;
 * of directed, recognition and forward connections `connections.<from>><to>.weight`, `[to, from]`; of `edges`, one number each.
 * A layer from which forward connections lead and to which none do has no bias, unless it is standardised.
 */
import { WakesleepError } from '../errors.js';
import { describeValue, freezeDeep, integer, oneOf, refuseUnknown } from '../options.js';
import { readUnits, type Units, unitType } from '../units/index.js';

/** One layer. */
export interface Layer {
  readonly name: string;
  readonly units: Units;
}

const kinds = ['undirected', 'tied', 'directed', 'recognition', 'forward'] as const;

/** One connection between two layers, named by where they stand: `lower` nearer the data. */
export interface Connection {
  readonly kind: (typeof kinds)[number];
  readonly lower: string;
  readonly upper: string;
  /** Only of undirected connections: pairs of units that are joined; without it, all are. */
  readonly edges?: Edges;
}

/** Pairs of units, of the lower and of the upper layer, from 0; within one layer `lower[i] < upper[i]`. */
export interface Edges {
  readonly lower: readonly number[];
  readonly upper: readonly number[];
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

/** Addresses of draws tell so many layers, or connections, apart. */
const MOST_PARTS = 256;

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
  const connections = list(where, 'connections', given.connections).map((connection, i) =>
    readConnection(`${where}.connections.${i}`, connection, order),
  );
  const most = Math.max(layers.length, connections.length);
  if (most > MOST_PARTS) {
    const message = `A graph has at most ${MOST_PARTS} layers and as many connections; got ${layers.length} and ${connections.length}.`;
    throw unsuitable(message, where);
  }
  checkPairs(connections);
  const graph = freezeDeep({ layers, connections });
  for (const connection of connections) checkConnection(graph, connection);
  causesFirst(graph);
  return graph;
}

/** Refuses a second connection of two layers, but for a recognition connection beside a directed one. */
function checkPairs(connections: readonly Connection[]): void {
  const seen = new Set<string>();
  for (const connection of connections) {
    const role = connection.kind === 'recognition' ? 'recognition' : 'generation';
    const pair = `${[connection.lower, connection.upper].sort().join(' ')} ${role}`;
    const name = connectionName(connection);
    if (seen.has(pair)) throw unsuitable(`The layers of \`${name}\` are connected twice.`, name);
    seen.add(pair);
  }
}

function checkConnection(graph: Graph, connection: Connection): void {
  const { kind, lower, upper } = connection;
  const name = connectionName(connection);
  const within = lower === upper;
  if (within && kind !== 'undirected')
    throw unsuitable(`The connection \`${name}\` joins a layer to itself, which only an undirected one may.`, name);
  if (within || connection.edges !== undefined) checkBinary(graph, connection);
  checkUpper(layerOf(graph, upper));
  if (connection.edges !== undefined) checkEdges(graph, connection, connection.edges);
}

/** Single units are joined only where they are binary. */
function checkBinary(graph: Graph, connection: Connection): void {
  for (const layer of [connection.lower, connection.upper]) {
    const { units } = layerOf(graph, layer);
    if (units.type === 'bernoulli' && !units.meanField) continue;
    const name = connectionName(connection);
    const what = unitType(units).describe(units);
    const message = `The connection \`${name}\` joins single units, which must be binary; the layer \`${layer}\` has ${what}.`;
    throw unsuitable(message, name);
  }
}

function checkEdges(graph: Graph, connection: Connection, { lower, upper }: Edges): void {
  const name = connectionName(connection);
  const [below, above] = [unitsOf(graph, connection.lower), unitsOf(graph, connection.upper)];
  const seen = new Set<number>();
  lower.forEach((i, place) => {
    const j = upper[place]!;
    const edge = `Edge ${place} of \`${name}\` joins unit ${i} to unit ${j}`;
    if (i >= below || j >= above) throw unsuitable(`${edge}, and the layers have ${below} and ${above} units.`, name);
    if (connection.lower === connection.upper && i >= j)
      throw unsuitable(`${edge}; within a layer the first must be the smaller.`, name);
    if (seen.has(i * above + j)) throw unsuitable(`${edge}, as an edge before it does.`, name);
    seen.add(i * above + j);
  });
}

/**
 * The layers in an order in which every cause comes before its effects, as directed, tied and forward connections go; layers that
 * nothing directs stay in the graph's order. Throws `GRAPH_UNSUITABLE` naming a connection of a circle.
 */
export function causesFirst(graph: Graph): readonly Layer[] {
  const causal = graph.connections.flatMap((connection) => {
    const { kind, lower, upper } = connection;
    if (kind === 'forward') return [{ connection, cause: lower, effect: upper }];
    return kind === 'directed' || kind === 'tied' ? [{ connection, cause: upper, effect: lower }] : [];
  });
  const waiting = [...graph.layers];
  const order: Layer[] = [];
  while (waiting.length > 0) {
    const free = waiting.findIndex(({ name }) =>
      causal.every(({ cause, effect }) => effect !== name || !waiting.some((layer) => layer.name === cause)),
    );
    if (free < 0) {
      const within = (name: string) => waiting.some((layer) => layer.name === name);
      const name = connectionName(causal.find(({ cause, effect }) => within(cause) && within(effect))!.connection);
      throw unsuitable(`The directed connections go round in a circle, of which \`${name}\` is a part.`, name);
    }
    order.push(...waiting.splice(free, 1));
  }
  return order;
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
  refuseUnknown(where, given, ['kind', 'lower', 'upper', 'edges']);
  const kind = oneOf(where, 'kind', given.kind, kinds);
  const lower = oneOf(where, 'lower', given.lower, names);
  const upper = oneOf(where, 'upper', given.upper, names);
  if (given.edges === undefined) return { kind, lower, upper };
  const connection = { kind, lower, upper, edges: readEdges(`${where}.edges`, given.edges) };
  if (kind === 'undirected') return connection;
  const name = connectionName(connection);
  throw unsuitable(`The connection \`${name}\` is ${kind}; only an undirected one may have \`edges\`.`, name);
}

function readEdges(where: string, given: unknown): Edges {
  refuseUnknown(where, given, ['lower', 'upper']);
  const side = (name: 'lower' | 'upper') =>
    list(where, name, given[name]).map((unit, i) => integer(where, `${name}.${i}`, unit, { atLeast: 0 }));
  const edges = { lower: side('lower'), upper: side('upper') };
  if (edges.lower.length === edges.upper.length) return edges;
  const message = `\`edges\` must name as many lower units as upper ones; got ${edges.lower.length} and ${edges.upper.length}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given, wanted: 'lists of one length', where });
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

/** `visible-hidden`; of directed connections `hidden>visible`, of recognition and forward ones `visible>hidden`. */
export function connectionName({ kind, lower, upper }: Connection): string {
  if (kind === 'directed') return `${upper}>${lower}`;
  return kind === 'recognition' || kind === 'forward' ? `${lower}>${upper}` : `${lower}-${upper}`;
}

/** The layer of a name. */
export function layerOf(graph: Graph, name: string): Layer {
  const found = graph.layers.find((layer) => layer.name === name);
  if (found === undefined) throw unsuitable(`There is no layer \`${name}\`.`, name);
  return found;
}

/** The layer that holds the data: the one called `visible` or, without that, the first that nothing leads up to. */
export function visibleLayerOf({ layers, connections }: Graph): string {
  const named = layers.find(({ name }) => name === 'visible');
  const bottom = layers.find(({ name }) => connections.every(({ upper }) => upper !== name));
  const found = named ?? bottom;
  if (found !== undefined) return found.name;
  throw unsuitable('No layer is called `visible`, and connections lead up to every layer: none holds the data.', '');
}

/** A layer's number of units. */
export function unitsOf(graph: Graph, name: string): number {
  const { units } = layerOf(graph, name);
  return unitType(units).units(units);
}

/** Whether a layer has a bias of its own for recognition: a tied or recognition connection leads up to it. */
export function hasRecognitionBias(graph: Graph, name: string): boolean {
  return graph.connections.some(({ kind, upper }) => (kind === 'tied' || kind === 'recognition') && upper === name);
}

/**
 * The connection that drives the upper layer of `connection` from the lower one: the recognition one beside a directed
 * connection; any other leads both ways with the same weights, and so does a directed one that has none beside it.
 */
export function upwardConnection({ connections }: Graph, connection: Connection): Connection {
  if (connection.kind !== 'directed') return connection;
  const beside = connections.find(
    ({ kind, lower, upper }) => kind === 'recognition' && lower === connection.lower && upper === connection.upper,
  );
  return beside ?? connection;
}

/** The name of the bias that a layer's units use when driven from below. */
export function upwardBiasName(graph: Graph, layer: string): string {
  return hasRecognitionBias(graph, layer) ? `layers.${layer}.recognition_bias` : biasName(layer);
}

/** Whether a layer needs biases: not one that only feeds a network. */
function hasBias({ connections }: Graph, name: string): boolean {
  const around = connections.filter(({ lower, upper }) => lower === name || upper === name);
  return around.length === 0 || around.some(({ kind, upper }) => kind !== 'forward' || upper === name);
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

/** A directed connection's weights are `[to, from]`, which is the other way round than they are kept in memory. */
export function isTransposed({ kind }: Connection): boolean {
  return kind === 'directed';
}

function weightShape(graph: Graph, connection: Connection): number[] {
  if (connection.edges !== undefined) return [connection.edges.lower.length];
  const shape = [unitsOf(graph, connection.upper), unitsOf(graph, connection.lower)];
  return isTransposed(connection) ? shape.reverse() : shape;
}

/** Every parameter of a graph, biases of layers first, in the graph's order. */
export function parameterSpecs(graph: Graph): ParameterSpec[] {
  const biases = graph.layers.flatMap(({ name }) => {
    const shape = [unitsOf(graph, name)];
    const own = { name: biasName(name), shape };
    const more = deviationNames(graph, name).map((of) => ({ name: of, shape }));
    if (more.length === 0 && !hasBias(graph, name)) return [];
    return hasRecognitionBias(graph, name) ? [own, { name: upwardBiasName(graph, name), shape }] : [own, ...more];
  });
  const weights = graph.connections.map((connection) => ({
    name: weightName(connection),
    shape: weightShape(graph, connection),
  }));
  return [...biases, ...weights];
}
