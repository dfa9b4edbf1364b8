/**
 * Deep belief nets with weights of their own for each direction (Hinton, Osindero and Teh 2006, section 5): greedy learning
 * leaves one matrix for a pair of layers, which recognises on the way up and generates on the way down; fine-tuning by
 * `upDown` needs two.
 */
import { untiedGraph } from '../graph/constructors.js';
import { isTransposed, unitsOf, weightName } from '../graph/graph.js';
import type { Model } from '../model.js';
import { transpose } from '../parameters.js';
import { emptyModel, readModel } from './machine-parts.js';

/**
 * The same deep belief net, untied (`untiedGraph`), with copies of all parameters: both directions start with the weights that
 * were one, `layers.<name>.bias` goes on being the generative bias and `layers.<name>.recognition_bias` the one upward. It
 * is the same distribution, and has the seed of the model and no updates. Throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`.
 */
export function untie(model: Model): Model {
  const { graph, parameters } = readModel('untie()', model);
  const net = emptyModel(model, untiedGraph(graph));
  const weights = new Set(net.graph.connections.map(weightName));
  try {
    for (const { name } of net.parameterSpecs) {
      if (!weights.has(name)) net.parameters.write(name, parameters.read(name));
    }
    for (const connection of net.graph.connections) {
      const { lower, upper } = connection;
      const from = graph.connections.find((tied) => tied.lower === lower && tied.upper === upper)!;
      const values = parameters.weightsOf(from);
      const given = isTransposed(connection) ? transpose(values, unitsOf(graph, upper)) : values;
      net.parameters.write(weightName(connection), given);
    }
    return net;
  } catch (error) {
    net.free();
    throw error;
  }
}
