/**
 * A graph as a general Boltzmann machine: layers of binary units joined by undirected connections alone, between layers or
 * within one, all pairs of units or listed ones. Units are numbered over all layers, in the graph's order, and pairs
 * connection after connection as their weights stand in files.
 *
 * Units carry colours for block Gibbs sampling: no two that are joined share one, and all of one colour are drawn together.
 * The colouring is greedy, by falling degree and then by number, and depends on the graph alone (Welsh and Powell 1967).
 */
import { unitType } from '../units/index.js';
import { type Connection, connectionName, type Graph, unitsOf, unsuitable, visibleLayerOf } from './graph.js';
import { stackOf } from './machines.js';

/** A layer's units among all. */
export interface FieldLayer {
  readonly name: string;
  readonly first: number;
  readonly units: number;
}

export interface FieldGraph {
  readonly layers: readonly FieldLayer[];
  /** The layer that holds the data. */
  readonly visible: FieldLayer;
  /** Units of all layers together. */
  readonly units: number;
  /** Two units each, `[pairs, 2]`. */
  readonly pairs: Uint32Array<ArrayBuffer>;
  /** Each connection's pairs among all. */
  readonly connections: readonly FieldConnection[];
}

/** A connection and where its pairs stand. */
export interface FieldConnection {
  readonly connection: Connection;
  readonly first: number;
  readonly pairs: number;
}

/** Whether a graph is a general Boltzmann machine and no restricted one: every connection is undirected. */
export function isField(graph: Graph): boolean {
  const { connections } = graph;
  return connections.length > 0 && connections.every(({ kind }) => kind === 'undirected') && !isStack(graph);
}

function isStack(graph: Graph): boolean {
  try {
    stackOf(graph);
    return true;
  } catch {
    return false;
  }
}

/** Reads a graph as a general Boltzmann machine; throws `GRAPH_UNSUITABLE` naming the connection or layer that is none's. */
export function fieldOf(graph: Graph, what: string): FieldGraph {
  const wants = `${what} needs a Boltzmann machine, binary units joined by undirected connections`;
  const other = graph.connections.find(({ kind }) => kind !== 'undirected');
  if (other !== undefined) {
    throw unsuitable(`${wants}; \`${connectionName(other)}\` is ${other.kind}.`, connectionName(other));
  }
  for (const { name, units } of graph.layers) {
    if (units.type === 'bernoulli' && !units.meanField) continue;
    throw unsuitable(`${wants}; the layer \`${name}\` has ${unitType(units).describe(units)}.`, name);
  }
  let units = 0;
  const layers = graph.layers.map(({ name }) => {
    const layer = { name, first: units, units: unitsOf(graph, name) };
    units += layer.units;
    return layer;
  });
  const place = (name: string) => layers.find((layer) => layer.name === name)!;
  let first = 0;
  const connections = graph.connections.map((connection) => {
    const pairs = countOf(connection, place(connection.lower).units, place(connection.upper).units);
    first += pairs;
    return { connection, first: first - pairs, pairs };
  });
  const pairs = new Uint32Array(2 * first);
  for (const { connection, first } of connections) {
    writePairs(connection, place(connection.lower), place(connection.upper), pairs.subarray(2 * first));
  }
  return { layers, visible: place(visibleLayerOf(graph)), units, pairs, connections };
}

function countOf({ lower, upper, edges }: Connection, below: number, above: number): number {
  if (edges !== undefined) return edges.lower.length;
  return lower === upper ? (below * (below - 1)) / 2 : below * above;
}

/** Listed pairs as they are listed; others by upper and then by lower unit, within a layer the lower triangle of them. */
function writePairs(connection: Connection, lower: FieldLayer, upper: FieldLayer, out: Uint32Array): void {
  const { edges } = connection;
  let next = 0;
  const put = (i: number, j: number) => {
    out[next++] = lower.first + i;
    out[next++] = upper.first + j;
  };
  if (edges !== undefined) {
    edges.lower.forEach((i, place) => {
      put(i, edges.upper[place]!);
    });
    return;
  }
  for (let j = 0; j < upper.units; j += 1) {
    const end = lower === upper ? j : lower.units;
    for (let i = 0; i < end; i += 1) put(i, j);
  }
}

/** A colour for each unit, from 0 without gaps. */
export function coloursOf({ units, pairs }: FieldGraph): Uint32Array<ArrayBuffer> {
  const { starts, neighbours } = neighboursOf(units, pairs);
  const degree = (unit: number) => starts[unit + 1]! - starts[unit]!;
  const order = Array.from({ length: units }, (_, unit) => unit).sort((a, b) => degree(b) - degree(a) || a - b);
  const none = units;
  const colours = new Uint32Array(units).fill(none);
  /** The unit that last found each colour taken. */
  const taken = new Uint32Array(units + 1).fill(none);
  for (const unit of order) {
    for (let i = starts[unit]!; i < starts[unit + 1]!; i += 1) taken[colours[neighbours[i]!]!] = unit;
    let colour = 0;
    while (taken[colour] === unit) colour += 1;
    colours[unit] = colour;
  }
  return colours;
}

/** Neighbours of each unit, one list after the other. */
function neighboursOf(units: number, pairs: Uint32Array) {
  const starts = new Uint32Array(units + 1);
  for (const unit of pairs) starts[unit + 1]! += 1;
  for (let unit = 0; unit < units; unit += 1) starts[unit + 1]! += starts[unit]!;
  const ends = starts.slice();
  const neighbours = new Uint32Array(pairs.length);
  for (let i = 0; i < pairs.length; i += 2) {
    neighbours[ends[pairs[i]!]!++] = pairs[i + 1]!;
    neighbours[ends[pairs[i + 1]!]!++] = pairs[i]!;
  }
  return { starts, neighbours };
}
