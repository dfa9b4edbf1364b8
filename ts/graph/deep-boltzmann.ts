/**
 * A graph as a deep Boltzmann machine (Salakhutdinov and Hinton 2009): a chain of layers, the data at one end, each joined to
 * the next by one undirected connection of all their units. Layers of even index are independent given those of odd index,
 * and the other way round; a restricted Boltzmann machine is the chain of two.
 */
import { type Connection, connectionName, type Graph, layerOf, unsuitable, visibleLayerOf } from './graph.js';
import { type Machine, machineOf } from './machines.js';

/** Layers in a chain. */
export interface Chain {
  /** The visible layer first. */
  readonly layers: readonly string[];
  /** Connection i leads from layer i up to layer i + 1. */
  readonly connections: readonly Connection[];
}

/** Two groups of layers such that every connection joins one to the other: each group is independent given the other. */
export interface Sides {
  /** Of a restricted Boltzmann machine the lower layers; of a chain those of even index, the visible one first. */
  readonly lowers: readonly string[];
  /** The upper layer, or the layers of odd index. */
  readonly uppers: readonly string[];
  readonly connections: readonly Connection[];
}

/** Whether a graph is a chain of more than two layers that undirected connections of all units join. */
export function isDeepBoltzmannMachine({ layers, connections }: Graph): boolean {
  if (layers.length < 3 || connections.length !== layers.length - 1) return false;
  const joins = ({ kind, lower, upper, edges }: Connection) =>
    kind === 'undirected' && lower !== upper && edges === undefined;
  const sides = (of: 'lower' | 'upper') => new Set(connections.map((connection) => connection[of])).size;
  return connections.every(joins) && sides('lower') === connections.length && sides('upper') === connections.length;
}

/** Reads a graph as a chain of layers; throws `GRAPH_UNSUITABLE` naming the connection or layer that does not fit. */
export function chainOf(graph: Graph, what: string): Chain {
  const refuse = (fault: string, where: string) =>
    unsuitable(
      `${what} needs a deep Boltzmann machine, a chain of layers joined by undirected connections; ${fault}.`,
      where,
    );
  for (const connection of graph.connections) {
    const name = connectionName(connection);
    if (connection.kind !== 'undirected') throw refuse(`\`${name}\` is ${connection.kind}`, name);
    if (connection.lower === connection.upper) throw refuse(`\`${name}\` joins a layer to itself`, name);
    if (connection.edges !== undefined) throw refuse(`\`${name}\` joins listed pairs of units`, name);
  }
  const layers = [visibleLayerOf(graph)];
  const connections: Connection[] = [];
  for (;;) {
    const below = layers.at(-1)!;
    const ups = graph.connections.filter(({ lower }) => lower === below);
    if (ups.length > 1) throw refuse(`the layer \`${below}\` has ${ups.length} connections upward`, below);
    const up = ups[0];
    if (up === undefined) break;
    if (layers.includes(up.upper)) throw refuse(`\`${connectionName(up)}\` closes a circle`, connectionName(up));
    layers.push(up.upper);
    connections.push(up);
  }
  const other = graph.connections.find((connection) => !connections.includes(connection));
  if (other !== undefined) throw refuse(`\`${connectionName(other)}\` is beside the chain`, connectionName(other));
  const alone = graph.layers.find(({ name }) => !layers.includes(name));
  if (alone !== undefined) throw refuse(`the layer \`${alone.name}\` is beside the chain`, alone.name);
  if (connections.length === 0) throw refuse(`no connection leads up from the layer \`${layers[0]}\``, layers[0]!);
  return { layers, connections };
}

/** The two sides of a restricted or a deep Boltzmann machine; throws `GRAPH_UNSUITABLE`. */
export function sidesOf(graph: Graph, what: string): Sides {
  if (isDeepBoltzmannMachine(graph)) {
    const { layers, connections } = chainOf(graph, what);
    const every = (parity: number) => layers.filter((_, index) => index % 2 === parity);
    return { lowers: every(0), uppers: every(1), connections };
  }
  return sidesOfMachine(machineOf(graph, what));
}

/** The two sides of one machine of a stack. */
export function sidesOfMachine({ upper, connections }: Machine): Sides {
  return { lowers: connections.map(({ lower }) => lower), uppers: [upper], connections };
}

/** The stack of restricted Boltzmann machines that pretraining a chain trains: the same layers, with connections tied. */
export function stackOfChain(graph: Graph, { layers, connections }: Chain): Graph {
  return {
    layers: layers.map((name) => layerOf(graph, name)),
    connections: connections.map((connection, index) => ({
      ...connection,
      kind: index === connections.length - 1 ? 'undirected' : 'tied',
    })),
  };
}
