/**
 * A graph as a sigmoid belief net (Neal 1992): every layer is drawn given its causes, which directed connections lead down
 * from; recognition connections, where there are any, lead back up and make an approximate posterior.
 */
import { unitType } from '../units/index.js';
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

/** As `beliefNetOf`, and every layer must have binary units; throws `GRAPH_UNSUITABLE` naming the layer that has others. */
export function binaryBeliefNetOf(graph: Graph, what: string): BeliefNet {
  for (const { name, units } of graph.layers) {
    if (units.type === 'bernoulli' && !units.meanField) continue;
    const found = unitType(units).describe(units);
    throw unsuitable(`${what} needs a sigmoid belief net of binary units; the layer \`${name}\` has ${found}.`, name);
  }
  return beliefNetOf(graph, what);
}

/** Refuses a net whose layers have no recognition connections; throws `GRAPH_UNSUITABLE`. */
export function requireRecognition(net: BeliefNet, what: string): void {
  if (net.recognition.length > 0) return;
  throw unsuitable(`${what} needs recognition connections, and this graph has none.`, net.visible);
}

/** The layers that do not hold the data, causes first. */
export function hiddenLayersOf({ generation, visible }: BeliefNet): string[] {
  return generation.map(({ layer }) => layer).filter((layer) => layer !== visible);
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
