/** Constructors of graphs: names for structures that have one. */
import { WakesleepError } from '../errors.js';
import { boolean, describeValue, integer, refuseUnknown } from '../options.js';
import { readUnits, type Units } from '../units/index.js';
import {
  type Connection,
  connectionName,
  type Edges,
  type Graph,
  type Layer,
  readGraph,
  unitsOf,
  unsuitable,
} from './graph.js';
import { stackOf } from './machines.js';
import { networkOf, OUTPUTS } from './network.js';

/**
 * A restricted Boltzmann machine (Smolensky 1986): layers `visible` and `hidden`, joined by one undirected connection.
 * `E(v, h) = −b·v − c·h − Σ v_i W_ij h_j`.
 */
export function rbm(options: { readonly visible: Units; readonly hidden: Units }): Graph {
  refuseUnknown('rbm()', options, ['visible', 'hidden']);
  return readGraph('rbm()', {
    layers: [
      { name: 'visible', units: readUnits('rbm().visible', options.visible) },
      { name: 'hidden', units: readUnits('rbm().hidden', options.hidden) },
    ],
    connections: [{ kind: 'undirected', lower: 'visible', upper: 'hidden' }],
  });
}

/**
 * A deep belief net (Hinton, Osindero and Teh 2006): layers `visible`, `h1`, `h2`, ... joined by tied connections, the
 * two topmost by an undirected one. With `top`, that layer stands above the hidden ones; with `label`, the topmost
 * layer is joined to the labels too, and models them together with the layer below it.
 */
export function deepBeliefNet(options: {
  readonly visible: Units;
  readonly hidden: readonly Units[];
  readonly label?: Units;
  readonly top?: Units;
}): Graph {
  refuseUnknown('deepBeliefNet()', options, ['visible', 'hidden', 'label', 'top']);
  checkHidden('deepBeliefNet()', options.hidden);
  const above = options.top === undefined ? options.hidden : [...options.hidden, options.top];
  if (above.length === 0) {
    throw new WakesleepError(
      'OPTION_INVALID',
      '`hidden` must have at least one layer where there is no `top`; got none.',
      {
        given: options.hidden,
        where: 'deepBeliefNet().hidden',
      },
    );
  }
  const layers = layersOf('deepBeliefNet()', options.visible, above);
  const names = layers.map(({ name }) => name);
  const connections: Connection[] = above.map((_, index) => ({
    kind: index === above.length - 1 ? 'undirected' : 'tied',
    lower: names[index]!,
    upper: names[index + 1]!,
  }));
  if (options.label !== undefined) {
    layers.push({ name: 'label', units: readUnits('deepBeliefNet().label', options.label) });
    connections.push({ kind: 'undirected', lower: 'label', upper: names.at(-1)! });
  }
  return readGraph('deepBeliefNet()', { layers, connections });
}

/**
 * A deep belief net with weights of its own for each direction, as contrastive wake-sleep (`upDown`) trains it: every tied
 * connection becomes a directed one down and a recognition one up; layers, biases and the undirected connections of the
 * topmost machine stay. Throws `GRAPH_UNSUITABLE` for what is no stack, and where no connection is tied.
 */
export function untiedGraph(graph: Graph): Graph {
  const where = 'untiedGraph()';
  const given = readGraph(where, graph);
  const { machines } = stackOf(given);
  if (given.connections.every(({ kind }) => kind !== 'tied')) {
    const name = connectionName(machines[0]!.connections[0]!);
    const { kind } = machines[0]!.connections[0]!;
    throw unsuitable(`Only a deep belief net with tied connections can be untied; \`${name}\` is ${kind}.`, name);
  }
  const connections = given.connections.flatMap((connection): Connection[] => {
    if (connection.kind !== 'tied') return [connection];
    return [
      { ...connection, kind: 'directed' },
      { ...connection, kind: 'recognition' },
    ];
  });
  return readGraph(where, { layers: given.layers, connections });
}

/**
 * A sigmoid belief net (Neal 1992): layers `visible`, `h1`, `h2`, ..., each drawn given the one above it,
 * `p(s_i = 1 | parents) = σ(b_i + Σ_j s_j w_ji)`, the topmost from its bias. With `recognition` (the default) connections
 * upward too, which approximate the posterior and are learned by wake-sleep.
 */
export function sigmoidBeliefNet(options: {
  readonly visible: Units;
  readonly hidden: readonly Units[];
  readonly recognition?: boolean;
}): Graph {
  const where = 'sigmoidBeliefNet()';
  refuseUnknown(where, options, ['visible', 'hidden', 'recognition']);
  checkHidden(where, options.hidden, 1);
  const recognition = boolean(where, 'recognition', options.recognition ?? true);
  const layers = layersOf(where, options.visible, options.hidden);
  const joined = pairsOf(layers);
  const down = joined.map((pair) => ({ kind: 'directed' as const, ...pair }));
  const up = joined.map((pair) => ({ kind: 'recognition' as const, ...pair }));
  return readGraph(where, { layers, connections: recognition ? [...down, ...up] : down });
}

/**
 * A deep Boltzmann machine (Salakhutdinov and Hinton 2009): layers `visible`, `h1`, `h2`, ..., all joined to the next by
 * undirected connections; `E = −Σ b·s − Σ_l s_l W_l s_(l+1)`.
 */
export function deepBoltzmannMachine(options: { readonly visible: Units; readonly hidden: readonly Units[] }): Graph {
  const where = 'deepBoltzmannMachine()';
  refuseUnknown(where, options, ['visible', 'hidden']);
  checkHidden(where, options.hidden, 1);
  const layers = layersOf(where, options.visible, options.hidden);
  return readGraph(where, { layers, connections: pairsOf(layers).map((pair) => ({ kind: 'undirected', ...pair })) });
}

/**
 * A general Boltzmann machine (Ackley, Hinton and Sejnowski 1985) of binary units, `E = −Σ b_i s_i − Σ_(i<j) s_i W_ij s_j`:
 * layers `visible` and, unless `hidden` is absent, `hidden`, every unit joined to every other or, with `edges`, only the
 * pairs of units listed, numbered over the visible units first and the hidden ones after them.
 */
export function boltzmannMachine(options: {
  readonly visible: Units;
  readonly hidden?: Units;
  readonly edges?: readonly (readonly [number, number])[];
}): Graph {
  const where = 'boltzmannMachine()';
  refuseUnknown(where, options, ['visible', 'hidden', 'edges']);
  const layers: Layer[] = [{ name: 'visible', units: readUnits(`${where}.visible`, options.visible) }];
  if (options.hidden !== undefined)
    layers.push({ name: 'hidden', units: readUnits(`${where}.hidden`, options.hidden) });
  const pairs = layers.flatMap(({ name: upper }, place) =>
    layers.slice(0, place + 1).map(({ name: lower }) => ({ kind: 'undirected' as const, lower, upper })),
  );
  if (options.edges === undefined) {
    const single = (name: string) => unitsOf({ layers, connections: [] }, name) === 1;
    return readGraph(where, {
      layers,
      connections: pairs.filter(({ lower, upper }) => lower !== upper || !single(lower)),
    });
  }
  const edges = edgesBetween(where, layers, options.edges);
  const connections = pairs.flatMap((pair) => {
    const found = edges.get(`${pair.lower} ${pair.upper}`);
    return found === undefined ? [] : [{ ...pair, edges: found }];
  });
  return readGraph(where, { layers, connections });
}

/**
 * A feed-forward network: layers `visible`, `h1`, `h2`, ... and the output, which is called `label` (one softmax group, compared
 * with the labels of the rows) or `reconstruction` (as many units as `visible`, compared with the rows themselves). Hidden
 * units pass their means on: `bernoulli` (the logistic function), `tanh`, `gaussian` (linear) or `relu` without noise.
 */
export function network(options: {
  readonly visible: Units;
  readonly hidden: readonly Units[];
  readonly label?: Units;
  readonly reconstruction?: Units;
}): Graph {
  const where = 'network()';
  refuseUnknown(where, options, ['visible', 'hidden', 'label', 'reconstruction']);
  checkHidden(where, options.hidden);
  const { label, reconstruction } = options;
  if ((label === undefined) === (reconstruction === undefined)) {
    const message = '`network()` takes one output, `label` or `reconstruction`.';
    throw new WakesleepError('OPTION_INVALID', message, {
      given: options,
      wanted: '`label` or `reconstruction`',
      where,
    });
  }
  const output = label === undefined ? OUTPUTS.rows : OUTPUTS.labels;
  const layers = layersOf(where, options.visible, options.hidden);
  layers.push({ name: output, units: readUnits(`${where}.${output}`, label ?? reconstruction) });
  const graph = readGraph(where, {
    layers,
    connections: pairsOf(layers).map((pair) => ({ kind: 'forward', ...pair })),
  });
  networkOf(graph, where);
  return graph;
}

/** Sorts pairs of units, numbered over all layers, by the layers that they join: `lower upper` for each. */
function edgesBetween(
  where: string,
  layers: readonly Layer[],
  given: readonly (readonly [number, number])[],
): Map<string, Edges> {
  const graph = { layers, connections: [] };
  const sizes = layers.map(({ name }) => unitsOf(graph, name));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const place = (unit: number) => {
    let [layer, local] = [0, unit];
    while (local >= sizes[layer]!) local -= sizes[layer++]!;
    return { name: layers[layer]!.name, local };
  };
  if (!Array.isArray(given)) throw wrongEdges(where, given);
  const sorted = new Map<string, { lower: number[]; upper: number[] }>();
  for (const [index, pair] of given.entries()) {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrongEdges(`${where}.edges.${index}`, pair);
    const ends = pair.map((unit, side) => {
      return integer(`${where}.edges`, `${index}.${side}`, unit, { atLeast: 0, atMost: all - 1 });
    });
    const [lower, upper] = ends.sort((a, b) => a - b).map(place) as [
      ReturnType<typeof place>,
      ReturnType<typeof place>,
    ];
    const key = `${lower.name} ${upper.name}`;
    const edges = sorted.get(key) ?? { lower: [], upper: [] };
    edges.lower.push(lower.local);
    edges.upper.push(upper.local);
    sorted.set(key, edges);
  }
  return sorted;
}

function wrongEdges(where: string, given: unknown): WakesleepError {
  const wanted = 'a list of pairs of units, [0, 1] for example';
  return new WakesleepError('OPTION_INVALID', `\`edges\` must be ${wanted}; got ${describeValue(given)}.`, {
    given,
    wanted,
    where,
  });
}

/** Layers `visible`, `h1`, `h2`, .... */
function layersOf(where: string, visible: Units, hidden: readonly Units[]): Layer[] {
  return [visible, ...hidden].map((units, index) => {
    const name = index === 0 ? 'visible' : `h${index}`;
    return { name, units: readUnits(`${where}.${name}`, units) };
  });
}

/** Each layer with the next. */
function pairsOf(layers: readonly Layer[]): { readonly lower: string; readonly upper: string }[] {
  return layers.slice(1).map(({ name }, index) => ({ lower: layers[index]!.name, upper: name }));
}

function checkHidden(where: string, hidden: unknown, atLeast = 0): void {
  if (Array.isArray(hidden) && hidden.length >= atLeast) return;
  const wanted = `a list of units${atLeast > 0 ? ' that is not empty' : ''}, lowest layer first`;
  throw new WakesleepError('OPTION_INVALID', `\`hidden\` must be ${wanted}; got ${describeValue(hidden)}.`, {
    given: hidden,
    wanted,
    where: `${where}.hidden`,
  });
}
