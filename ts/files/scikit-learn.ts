/**
 * Models as Python users keep them in `.npz` archives: a machine of binary units by the names of scikit-learn's `BernoulliRBM`,
 * whose energy is ours; every other model by the names that its parameters have in files.
 */

import { rbm } from '../graph/constructors.js';
import { type Graph, layerOf } from '../graph/graph.js';
import type { Model } from '../model.js';
import { bernoulli } from '../units/bernoulli.js';
import type { ForeignNames, ForeignTensor } from './foreign.js';
import type { NumpyArray } from './npz.js';

/** What scikit-learn's `BernoulliRBM` calls the parameters of `rbm({ visible: bernoulli(n), hidden: bernoulli(m) })`. */
export const scikitLearnNames: ForeignNames = Object.freeze({
  'connections.visible-hidden.weight': 'components_',
  'layers.visible.bias': 'intercept_visible_',
  'layers.hidden.bias': 'intercept_hidden_',
});

/** A model's parameters by the names that `writeNpz` is to give them. */
export function numpyArrays({ graph, parameters }: Model): Map<string, NumpyArray> {
  const names = isBernoulliMachine(graph) ? scikitLearnNames : {};
  return new Map(
    parameters.specs.map(({ name, shape }) => [String(names[name] ?? name), { shape, values: parameters.read(name) }]),
  );
}

/** The graph of arrays that have scikit-learn's names and shapes; undefined for others. */
export function graphOfArrays(arrays: ReadonlyMap<string, ForeignTensor>): Graph | undefined {
  const isWhole = Object.values(scikitLearnNames).every((name) => arrays.has(String(name)));
  const [hidden, visible] = arrays.get('components_')?.shape ?? [];
  if (!isWhole || hidden === undefined || visible === undefined) return undefined;
  return rbm({ visible: bernoulli(visible), hidden: bernoulli(hidden) });
}

/** Whether a graph is the one that scikit-learn's machine has. */
function isBernoulliMachine(graph: Graph): boolean {
  const { layers, connections } = graph;
  const [only] = connections;
  if (layers.length !== 2 || only?.kind !== 'undirected' || only.edges !== undefined) return false;
  if (only.lower !== 'visible' || only.upper !== 'hidden') return false;
  return [only.lower, only.upper].every((name) => {
    const { units } = layerOf(graph, name);
    return units.type === 'bernoulli' && !units.meanField;
  });
}
