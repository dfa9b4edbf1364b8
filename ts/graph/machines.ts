/**
 * Parts of a graph that algorithms ask for, found when they are asked for, with an error that names what does not fit.
 *
 * A *machine* is a restricted Boltzmann machine inside a graph: one upper layer and the layers that it is joined to
 * from below. A plain RBM is one machine; a deep belief net is a stack of them, bottom first, the last undirected. Those
 * below the last have one tied connection each or, in a net that has been untied, a directed one down and a recognition one
 * up with weights of their own (`upwardConnection` says which leads up).
 */
import { type Units, unitType } from '../units/index.js';
import { type Family, isBeliefNet } from './belief-net.js';
import {
  type Connection,
  connectionName,
  type Graph,
  layerOf,
  unsuitable,
  upwardConnection,
  visibleLayerOf,
} from './graph.js';
import { isNetwork, OUTPUTS } from './network.js';

/** One upper layer and the connections down from it, in the graph's order; those that only lead up are not among them. */
export interface Machine {
  readonly upper: string;
  readonly connections: readonly Connection[];
}

/** A graph as a stack of machines. */
export interface Stack {
  /** Bottom first; each but the last has one connection, tied, or directed with a recognition one beside it. */
  readonly machines: readonly Machine[];
  /** The layer that holds the data. */
  readonly visible: string;
  /** The layer that holds labels, beside the last machine's other lower layer. */
  readonly label: string | undefined;
}

/** Reads a graph as a stack of restricted Boltzmann machines; throws `GRAPH_UNSUITABLE`. */
export function stackOf(graph: Graph): Stack {
  refuseNetwork(graph);
  checkAllPairs(graph);
  const uppers = new Set(graph.connections.map((connection) => connection.upper));
  const bottoms = graph.layers.map((layer) => layer.name).filter((name) => !uppers.has(name));
  const visible = bottoms[0];
  if (visible === undefined) throw unsuitable('The connections go round in a circle: no layer holds the data.', '');
  const machines: Machine[] = [];
  let below: string = visible;
  for (;;) {
    const up: Connection | undefined = single(graph, below);
    if (up === undefined) break;
    const connections = graph.connections.filter(({ kind, upper }) => leadsDown(kind) && upper === up.upper);
    machines.push({ upper: up.upper, connections });
    if (machines.length > graph.layers.length)
      throw unsuitable(`The connections above \`${below}\` form a circle.`, below);
    below = up.upper;
  }
  const last = machines.at(-1);
  if (last === undefined) throw unsuitable(`No connection leads up from the layer \`${visible}\`.`, visible);
  checkKinds(graph, machines);
  const label = last.connections
    .map((connection) => connection.lower)
    .find((name) => isBeside(machines, visible, name));
  const used = machines.reduce((count, machine) => count + machine.connections.length, 0);
  const down = graph.connections.filter(({ kind }) => leadsDown(kind)).length;
  if (used !== down || bottoms.length !== (label === undefined ? 1 : 2)) {
    throw unsuitable(
      'The graph is not a stack of layers with at most one layer of labels beside the last but one.',
      '',
    );
  }
  return { machines, visible, label };
}

/** The connections of a stack, below the topmost machine, whose two directions have weights of their own, bottom first. */
function untiedConnections({ machines }: Stack): Connection[] {
  return machines.flatMap(({ connections }) => connections).filter(({ kind }) => kind === 'directed');
}

/** An untied stack: what its layers below the topmost machine are driven by, and that machine. */
export interface UntiedNet {
  /** Every layer below the topmost machine given the one above it, causes first: the visible one is the last. */
  readonly generation: readonly Family[];
  /** Every layer from the first hidden one to the topmost machine's lower one given the one below it, effects first. */
  readonly recognition: readonly Family[];
  readonly machine: Machine;
  readonly visible: string;
}

/** The parts of a graph that `stackOf` takes and that has no tied connection. */
export function untiedNetOf(graph: Graph): UntiedNet {
  const { machines, visible } = stackOf(graph);
  const below = machines.slice(0, -1).map(({ connections }) => connections[0]!);
  return {
    generation: below.map((connection) => ({ layer: connection.lower, connections: [connection] })).reverse(),
    recognition: below.map((connection) => {
      return { layer: connection.upper, connections: [upwardConnection(graph, connection)] };
    }),
    machine: machines.at(-1)!,
    visible,
  };
}

/** Refuses a stack that has been untied; `what` needs the same weights upward and downward. */
export function requireTied(stack: Stack, what: string): void {
  const directed = untiedConnections(stack)[0];
  if (directed === undefined) return;
  const name = connectionName(directed);
  throw unsuitable(
    `${what} needs the same weights upward and downward; \`${name}\` is directed, with recognition weights of its own.`,
    name,
  );
}

/** Whether a graph means to be a deep belief net, tied or untied: directed layers under an undirected machine. */
export function isDeepBeliefNet({ connections }: Graph): boolean {
  const kinds = new Set(connections.map(({ kind }) => kind));
  return kinds.has('undirected') && (kinds.has('tied') || kinds.has('directed'));
}

/** The units of the layer that holds the data. */
export function visibleUnitsOf(graph: Graph): Units {
  return layerOf(graph, visibleLayerOf(graph)).units;
}

/** The layer that holds labels: the one beside the visible layer that nothing leads up to; undefined where there is none, as in belief nets. */
export function labelLayerOf(graph: Graph): string | undefined {
  const { layers, connections } = graph;
  if (isNetwork(graph)) return layers.find(({ name }) => name === OUTPUTS.labels)?.name;
  const bottoms = layers.map(({ name }) => name).filter((name) => connections.every(({ upper }) => upper !== name));
  return bottoms.length === 2 && !isBeliefNet(graph) ? bottoms[1] : undefined;
}

/** The one machine of a restricted Boltzmann machine; throws `GRAPH_UNSUITABLE` for deeper graphs. */
export function machineOf(graph: Graph, what: string): Machine {
  const { machines } = stackOf(graph);
  const only = machines[0];
  if (only === undefined || machines.length > 1) {
    const upper = machines[0]?.upper ?? '';
    throw unsuitable(
      `${what} needs a restricted Boltzmann machine, one layer of hidden units; this graph has layers above \`${upper}\`.`,
      upper,
    );
  }
  return only;
}

/** Refuses a machine whose data are counts of rows of different lengths; `why` says what does not know them. */
export function refuseCounts(graph: Graph, machine: Pick<Machine, 'connections'>, why: string): void {
  const lower = countedLayer(graph, machine);
  if (lower === undefined) return;
  const { units } = layerOf(graph, lower);
  throw unsuitable(`${why}; the layer \`${lower}\` has ${unitType(units).describe(units)}.`, lower);
}

/** The layer whose rows are counts, each row of a length of its own; undefined where there is none. */
export function countedLayer(graph: Graph, { connections }: Pick<Machine, 'connections'>): string | undefined {
  const counted = connections.find(({ lower }) => unitType(layerOf(graph, lower).units).countsDraws === true);
  return counted?.lower;
}

function leadsDown(kind: Connection['kind']): boolean {
  return kind !== 'recognition';
}

function single(graph: Graph, below: string): Connection | undefined {
  const up = graph.connections.filter(({ kind, lower }) => leadsDown(kind) && lower === below);
  if (up.length > 1) {
    throw unsuitable(`The layer \`${below}\` has ${up.length} connections upward, and a stack has one.`, below);
  }
  return up[0];
}

function isBeside(machines: readonly Machine[], visible: string, name: string): boolean {
  return name !== visible && machines.every((machine) => machine.upper !== name);
}

/** Refuses a feed-forward network, which has no machines. */
function refuseNetwork({ connections }: Graph): void {
  const forward = connections.find(({ kind }) => kind === 'forward');
  if (forward === undefined) return;
  const name = connectionName(forward);
  const message = `This needs restricted Boltzmann machines, and a feed-forward network has none: \`${name}\` is forward.`;
  throw unsuitable(message, name);
}

/** Refuses connections that machines do not have: within a layer, or of listed pairs of units alone. */
function checkAllPairs({ connections }: Graph): void {
  const within = connections.find(({ lower, upper }) => lower === upper);
  const listed = connections.find(({ edges }) => edges !== undefined);
  const found = within ?? listed;
  if (found === undefined) return;
  const name = connectionName(found);
  const what = within === undefined ? 'joins listed pairs of units' : 'joins a layer to itself';
  throw unsuitable(
    `A restricted Boltzmann machine joins every unit of one layer to every unit of another; \`${name}\` ${what}.`,
    name,
  );
}

function checkKinds(graph: Graph, machines: readonly Machine[]): void {
  machines.forEach((machine, index) => {
    const top = index === machines.length - 1;
    for (const connection of machine.connections) {
      const { kind, upper } = connection;
      const name = connectionName(connection);
      if (top && kind !== 'undirected') {
        throw unsuitable(`The topmost connection \`${name}\` must be undirected; it is ${kind}.`, upper);
      }
      if (!top && kind !== 'tied' && kind !== 'directed') {
        const wanted = 'tied, or directed with a recognition connection beside it';
        throw unsuitable(`The connection \`${name}\` below the top must be ${wanted}; it is ${kind}.`, upper);
      }
      if (kind === 'directed' && upwardConnection(graph, connection) === connection) {
        throw unsuitable(`No recognition connection leads up beside the directed connection \`${name}\`.`, upper);
      }
    }
    if (!top && machine.connections.length > 1) {
      throw unsuitable(`Only the topmost layer may join two layers; \`${machine.upper}\` does.`, machine.upper);
    }
  });
  const directed = machines.flatMap(({ connections }) => connections).filter(({ kind }) => kind === 'directed');
  const beside = new Set(directed.map((connection) => upwardConnection(graph, connection)));
  const other = graph.connections.find((connection) => !leadsDown(connection.kind) && !beside.has(connection));
  if (other === undefined) return;
  const name = connectionName(other);
  throw unsuitable(`The recognition connection \`${name}\` must be beside a directed one, and is not.`, name);
}
