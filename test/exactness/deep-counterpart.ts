/** Deep Boltzmann machines of the package beside the exact ones of `test/reference`: the same parameters in both. */
import { bernoulli, deepBoltzmannMachine, type Engine, type Model, softmax } from 'wakesleep';
import type { ReferenceDbm } from '../reference/deep-boltzmann.js';

/** The package's name for layer `l`, the visible one being layer 0. */
export function layerName(l: number): string {
  return l === 0 ? 'visible' : `h${l}`;
}

/** A machine without parameters of its own yet, in the shape of an exact one. */
export function emptyDeepModel(engine: Engine, { layers }: ReferenceDbm, seed = 0): Model {
  const [visible, ...hidden] = layers.map((layer) => {
    return layer.type === 'bernoulli' ? bernoulli(layer.units) : softmax(layer.groups, layer.size);
  });
  return engine.create(deepBoltzmannMachine({ visible: visible!, hidden }), { seed });
}

/** The package's machine with the parameters of an exact one. */
export function deepModelOf(engine: Engine, dbm: ReferenceDbm, seed = 0): Model {
  const model = emptyDeepModel(engine, dbm, seed);
  for (const [l, bias] of dbm.b.entries()) model.parameter(`${layerName(l)}.bias`).set(bias);
  dbm.W.forEach((weights, l) => {
    const upward = weights[0]!.flatMap((_, j) => weights.map((row) => row[j]!));
    model.parameter(`${layerName(l)}-${layerName(l + 1)}.weight`).set(upward);
  });
  return model;
}

/** The exact machine with the parameters of the package's. */
export function referenceOf(model: Model, { layers }: ReferenceDbm): ReferenceDbm {
  const b = layers.map((_, l) => Array.from(model.parameter(`${layerName(l)}.bias`).values()));
  const W = b.slice(1).map((above, l) => {
    const values = model.parameter(`${layerName(l)}-${layerName(l + 1)}.weight`).values();
    return b[l]!.map((_, i) => above.map((_, j) => values[j * b[l]!.length + i]!));
  });
  return { layers, W, b };
}
