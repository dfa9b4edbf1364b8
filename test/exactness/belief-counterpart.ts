/** Models of the package that stand for the oracle's belief nets, and gradients read from what an update did. */
import { type Engine, type Graph, type Model, readGraph } from 'wakesleep';
import { firstUnits, type ReferenceNet } from '../reference/belief-net.js';

/** The graph of a net; with `recognition` a connection back up for each one down. */
export function netGraphOf({ layers, joined }: ReferenceNet, recognition = false): Graph {
  const pairs = joined.map(([cause, effect]) => ({ lower: layers[effect]!.name, upper: layers[cause]!.name }));
  return readGraph('test', {
    layers: layers.map(({ name, units }) => ({ name, units: { type: 'bernoulli', units } })),
    connections: [
      ...pairs.map((pair) => ({ kind: 'directed', ...pair })),
      ...(recognition ? pairs.map((pair) => ({ kind: 'recognition', ...pair })) : []),
    ],
  });
}

/** A model with the net's parameters; recognition parameters are zero. */
export function beliefModelOf(engine: Engine, net: ReferenceNet, recognition = false, seed = 0): Model {
  const model = engine.create(netGraphOf(net, recognition), { seed, weightScale: 0 });
  const firsts = firstUnits(net);
  net.layers.forEach(({ name }, place) => {
    model.parameter(`${name}.bias`).set(net.biases.slice(firsts[place]!, firsts[place + 1]!));
  });
  for (const [cause, effect] of net.joined) {
    const weights = weightsBetween(net, cause, effect).map(({ place }) => net.weights[place]![2]);
    model.parameter(weightNameOf(net, cause, effect)).set(weights);
  }
  return model;
}

/** The generative parameters of a model in the order of the net: biases, then weights. */
export function readNet(model: Model, net: ReferenceNet): { biases: number[]; weights: number[] } {
  const biases = net.layers.flatMap(({ name }) => Array.from(model.parameter(`${name}.bias`).values()));
  const weights = net.weights.map(() => 0);
  for (const [cause, effect] of net.joined) {
    const values = model.parameter(weightNameOf(net, cause, effect)).values();
    weightsBetween(net, cause, effect).forEach(({ place }, k) => {
      weights[place] = values[k]!;
    });
  }
  return { biases, weights };
}

function weightNameOf({ layers }: ReferenceNet, cause: number, effect: number): string {
  return `${layers[cause]!.name}>${layers[effect]!.name}.weight`;
}

/** The places of a connection's weights in the order of files, `[effect, cause]`. */
function weightsBetween(net: ReferenceNet, cause: number, effect: number): { readonly place: number }[] {
  const firsts = firstUnits(net);
  const within = (unit: number, layer: number) => unit >= firsts[layer]! && unit < firsts[layer + 1]!;
  return net.weights
    .map(([j, i], place) => ({ j, i, place }))
    .filter(({ j, i }) => within(j, cause) && within(i, effect))
    .sort((a, b) => a.i - b.i || a.j - b.j);
}
