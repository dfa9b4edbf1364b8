/**
 * What a run makes, before it trains, of the model that it starts from. A maker says first which graph comes of a graph, so
 * that a study of stages is checked before anything is trained, and then which model comes of a model.
 */

import { untiedGraph } from '../graph/constructors.js';
import type { Graph } from '../graph/graph.js';
import { Model } from '../model.js';
import { tie, tiedGraph } from './compose.js';
import { autoencoder, autoencoderGraph, classifier, classifierGraph } from './unfold.js';
import { untie } from './untie.js';

/** What is made of a model: a line of `makers`. */
export interface Maker<Options = StartOptions> {
  /** The graph of what is made; throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`. */
  graphOf(graph: Graph, options: Options): Graph;
  /** A new model of that graph, with the seed of the one given, which is left as it is. */
  modelOf(model: Model, options: Options): Model;
}

/** What a configuration's `start` says beside `from` and `as`, and the `weightScale` of weights that are new. */
export type StartOptions = Readonly<Record<string, unknown>> & { readonly weightScale: number | null };

/** By the names that `as` takes. The shape of each maker's options is in `config.ts`. */
export const makers = {
  same: { graphOf: (graph) => graph, modelOf: copied },
  classifier: { graphOf: classifierGraph, modelOf: classifier },
  tied: {
    graphOf: (graph, { weightScale: _, ...options }) => tiedGraph(graph, options),
    modelOf: (model, { weightScale, ...options }) =>
      tie(model, weightScale === null ? options : { ...options, weightScale }),
  },
  untied: { graphOf: (graph) => untiedGraph(graph), modelOf: untie },
  autoencoder: {
    graphOf: (graph, { weightScale: _, ...options }) => autoencoderGraph(graph, options),
    modelOf: (model, { weightScale: _, ...options }) => autoencoder(model, options),
  },
} as const satisfies Readonly<Record<string, Maker>>;

/** A model with the graph, the parameters, the seed and the count of updates of another. */
function copied(model: Model): Model {
  const { engine, graph, seed, updates, parameters } = model;
  const copy = new Model(engine, graph, seed, updates);
  try {
    for (const { name } of parameters.specs) copy.parameters.write(name, parameters.read(name));
    return copy;
  } catch (error) {
    copy.free();
    throw error;
  }
}
