/**
 * A graph as a sigmoid belief net (Neal 1992): every layer is drawn given its causes, which directed connections lead down
 * from; recognition connections, where there are any, lead back up and make an approximate posterior.
 */
import { type Connection, causesFirst, connectionName, type Graph, unsuitable, visibleLayerOf } from './graph.js';

/** A layer with the connections that drive it: from its causes or, in recognition, from its effects. */
export interface Family {
  readonly layer: string;
  readonly connections: readonly Connection[];
}

export interface BeliefNet {
  /** Every layer given its causes, causes first; a layer without causes has its bias alone. */
  readonly generation: readonly Family[];
  /** Every layer but the visible one given what recognition connections lead up from, effects first; empty without any. */
  readonly recognition: readonly Family[];
  /** The layer that holds the data. */
  readonly visible: string;
}

/** Whether a graph is a belief net: some connection is directed, and none is undirected or tied. */
export function isBeliefNet({ connections }: Graph): boolean {
  const kinds = new Set(connections.map(({ kind }) => kind));
  return kinds.has('directed') && !kinds.has('undirected') && !kinds.has('tied');
}

/** Reads a graph as a belief net; throws `GRAPH_UNSUITABLE` naming the connection that is not directed. */
export function beliefNetOf(graph: Graph, what: string): BeliefNet {
  const { connections } = graph;
  const other = connections.find(({ kind }) => kind === 'undirected' || kind === 'tied');
  if (other !== undefined || connections.length === 0) {
    const name = other === undefined ? '' : connectionName(other);
    const found = other === undefined ? 'this graph has no connections' : `\`${name}\` is ${other.kind}`;
    throw unsuitable(`${what} needs a sigmoid belief net, whose connections are directed; ${found}.`, name);
  }
  const visible = visibleLayerOf(graph);
  const order = causesFirst(graph).map(({ name }) => name);
  const generation = order.map((layer) => ({
    layer,
    connections: connections.filter(({ kind, lower }) => kind === 'directed' && lower === layer),
  }));
  return { generation, recognition: recognitionOf(graph, order, visible), visible };
}

function recognitionOf(graph: Graph, order: readonly string[], visible: string): Family[] {
  const upward = graph.connections.filter(({ kind }) => kind === 'recognition');
  if (upward.length === 0) return [];
  for (const connection of upward) {
    if (order.indexOf(connection.upper) < order.indexOf(connection.lower)) continue;
    const name = connectionName(connection);
    throw unsuitable(`The recognition connection \`${name}\` must lead from an effect up to a cause.`, name);
  }
  const hidden = [...order].reverse().filter((layer) => layer !== visible);
  return hidden.map((layer) => {
    const connections = upward.filter(({ upper }) => upper === layer);
    if (connections.length > 0) return { layer, connections };
    throw unsuitable(`No recognition connection leads up to the layer \`${layer}\`, and others have one.`, layer);
  });
}
