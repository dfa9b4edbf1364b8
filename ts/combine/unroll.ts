/**
 * Restricted Boltzmann machines as infinite directed nets with tied weights (Hinton, Osindero and Teh 2006, section 2):
 * drawing from the machine by alternating Gibbs sampling is drawing from a sigmoid belief net with the weights
 * W, Wᵀ, W, ... from the top down. The layers above make a complementary prior, which cancels explaining away: the
 * posterior of the first hidden layer is factorial, `σ(c + vW)`.
 */
import { sigmoidBeliefNet } from '../graph/constructors.js';
import { biasName, weightName } from '../graph/graph.js';
import type { Model } from '../model.js';
import { integer, oneOf, refuseUnknown } from '../options.js';
import { transpose } from '../parameters.js';
import { emptyModel, onlyPartOf, type Part, stackOfParts, transposedPart } from './machine-parts.js';

/** What `unroll` takes. */
export interface UnrollOptions {
  /**
   * What stands for the layers above: `bias` (default), the topmost layer is drawn from its bias alone, or `rbm`, the two
   * topmost layers are the machine itself, so that the net is exactly its distribution.
   */
  readonly top?: 'bias' | 'rbm';
}

/** Layers above the visible one at most: addresses of draws tell 256 layers apart. */
const MOST_LAYERS = 255;

/**
 * An RBM unrolled into `layers` layers (1 to 255) above the visible one: `visible`, `h1`, `h2`, ..., in turn like its visible and
 * its hidden layer, with copies of its biases and of W or Wᵀ. With `top: 'bias'` a belief net of directed connections,
 * which approaches the machine as λ₂^(layers / 2), λ₂ the second eigenvalue of its Gibbs sampling; with `top: 'rbm'` a deep
 * belief net, tied connections below the undirected one of the machine itself. Throws `OPTION_INVALID`, `GRAPH_UNSUITABLE`.
 */
export function unroll(model: Model, layers: number, options: UnrollOptions = {}): Model {
  const where = 'unroll()';
  refuseUnknown(where, options, ['top']);
  const top = oneOf(where, 'top', options.top ?? 'bias', ['bias', 'rbm'] as const);
  const count = integer(where, 'layers', layers, { atLeast: 1, atMost: MOST_LAYERS });
  const part = onlyPartOf(model, where);
  const turned = transposedPart(part);
  const parts = Array.from({ length: count }, (_, index) => (index % 2 === 0 ? part : turned));
  return top === 'rbm' ? stackOfParts(model, parts) : directedNet(model, parts);
}

/** The belief net in which each machine's lower layer is drawn given its upper one. */
function directedNet(like: Model, parts: readonly Part[]): Model {
  const graph = sigmoidBeliefNet({
    visible: parts[0]!.lower,
    hidden: parts.map(({ upper }) => upper),
    recognition: false,
  });
  const net = emptyModel(like, graph);
  try {
    graph.connections.forEach((connection, index) => {
      const { weights, lowerBias, upperBias } = parts[index]!;
      net.parameters.write(weightName(connection), transpose(weights, upperBias.length));
      net.parameters.write(biasName(connection.lower), lowerBias);
      net.parameters.write(biasName(connection.upper), upperBias);
    });
    return net;
  } catch (error) {
    net.free();
    throw error;
  }
}
