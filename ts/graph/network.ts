/**
 * Feed-forward networks as graphs: a chain of layers joined by `forward` connections, from the layer that holds the data to
 * the one that is compared with a target: labels, or the data themselves.
 */
import { unitType } from '../units/index.js';
import { type Connection, connectionName, type Graph, layerOf, unsuitable } from './graph.js';

/** A feed-forward network found in a graph. */
export interface Network {
  /** Names, from the data to the output. */
  readonly layers: readonly string[];
  /** The connection from each layer to the next. */
  readonly connections: readonly Connection[];
  readonly visible: string;
  readonly output: string;
  /** What the output is compared with: the labels of the rows (an output called `label`), or the rows. */
  readonly target: 'labels' | 'rows';
}

/** The name of the code layer of an autoencoder. */
export const CODE = 'code';

/** The output layer that stands for labels, and the one that stands for the data. */
export const OUTPUTS = { labels: 'label', rows: 'reconstruction' } as const;

/** Whether a graph has forward connections, so that it is a network or means to be one. */
export function isNetwork({ connections }: Graph): boolean {
  return connections.some(({ kind }) => kind === 'forward');
}

/** Reads a graph as a feed-forward network; throws `GRAPH_UNSUITABLE` naming what does not fit; `what` asks for it. */
export function networkOf(graph: Graph, what: string): Network {
  const { connections } = graph;
  const other = connections.find(({ kind }) => kind !== 'forward');
  if (other !== undefined || connections.length === 0) {
    const name = other === undefined ? '' : connectionName(other);
    const found = other === undefined ? 'this graph has no connections' : `\`${name}\` is ${other.kind}`;
    throw unsuitable(`${what} needs a feed-forward network, all connections forward; ${found}.`, name);
  }
  const starts = graph.layers.filter(({ name }) => connections.every(({ upper }) => upper !== name));
  const chain: Connection[] = [];
  let name = starts[0]!.name;
  for (;;) {
    const up = connections.filter(({ lower }) => lower === name);
    if (up.length > 1) throw unsuitable(`${what} needs a chain of layers; two connections leave \`${name}\`.`, name);
    if (up.length === 0) break;
    chain.push(up[0]!);
    name = up[0]!.upper;
  }
  if (chain.length !== connections.length || chain.length + 1 !== graph.layers.length) {
    const stray = graph.layers.find((layer) => chain.every(({ lower, upper }) => ![lower, upper].includes(layer.name)));
    const where = stray?.name ?? connectionName(connections.find((connection) => !chain.includes(connection))!);
    throw unsuitable(
      `${what} needs one chain of layers from the data to the output; \`${where}\` is not in it.`,
      where,
    );
  }
  return { layers: [starts[0]!.name, ...chain.map(({ upper }) => upper)], connections: chain, ...ends(graph, chain) };
}

function ends(graph: Graph, chain: readonly Connection[]): Pick<Network, 'visible' | 'output' | 'target'> {
  const [visible, output] = [chain[0]!.lower, chain.at(-1)!.upper];
  for (const { upper } of chain) checkPasses(graph, upper, upper === output);
  if (output === OUTPUTS.labels) return { visible, output, target: 'labels' };
  if (output !== OUTPUTS.rows) {
    const message = `The output of a network is called \`${OUTPUTS.labels}\` or \`${OUTPUTS.rows}\`, by what it is compared with; it is \`${output}\`.`;
    throw unsuitable(message, output);
  }
  const [units, wanted] = [output, visible].map((name) => {
    const layer = layerOf(graph, name);
    return unitType(layer.units).units(layer.units);
  });
  if (units !== wanted)
    throw unsuitable(`The layer \`${output}\` has ${units} units for the ${wanted} of \`${visible}\`.`, output);
  return { visible, output, target: 'rows' };
}

/** Refuses units that have no slope to learn by, or as outputs no loss. */
function checkPasses(graph: Graph, name: string, isOutput: boolean): void {
  const { units } = layerOf(graph, name);
  const type = unitType(units);
  const passes = type.passes?.(units);
  if (passes !== undefined && (isOutput ? passes.loss !== undefined : passes.hidden)) return;
  const wanted = isOutput
    ? 'softmax (one group), bernoulli or gaussian units'
    : 'bernoulli, tanh, gaussian or relu units (`noise: "none"`)';
  const role = isOutput ? 'the output of a network' : 'a hidden layer of a network';
  throw unsuitable(`The layer \`${name}\` has ${type.describe(units)}; ${role} has ${wanted}.`, name);
}
