/** Log-likelihoods of a deep Boltzmann machine: exact for small ones, and the variational lower bound for all. */
import type { Dataset } from '../data/dataset.js';
import { sidesOf } from '../graph/deep-boltzmann.js';
import { biasName, unitsOf, weightName } from '../graph/graph.js';
import type { MeanFieldOptions } from '../infer/layer-chain.js';
import { LayerState } from '../infer/layer-state.js';
import { energyChainOf, variationalEnergies } from '../infer/mean-field.js';
import { refuseMissing } from '../infer/source.js';
import type { Parameters } from '../parameters.js';
import { Enumeration, logPartition } from './exact.js';
import { freeEnergyOffset } from './offsets.js';

/**
 * The exact log-likelihood of each row, nats: `log Σ_h e^−E(v, h) − log Z`, both by enumerating the smaller of the two sides.
 * The rows' hidden layers are a machine whose first layer has the biases that v gives it. Throws `GRAPH_UNSUITABLE` for
 * more than 2^25 configurations of each side.
 */
export function deepLogLikelihoods(parameters: Parameters, data: Dataset): Float64Array {
  const what = 'The exact log-likelihood';
  const { runtime, graph } = parameters;
  const chain = energyChainOf(parameters, what);
  refuseMissing(data, what);
  const [visible, first] = chain.layers as [string, string];
  const { lowers, uppers } = sidesOf(graph, what);
  const connections = chain.connections.slice(1);
  const hidden = new Enumeration(parameters, what, { lowers: lowers.slice(1), uppers, connections });
  const v = new LayerState(runtime, graph, visible, data.rows, 0, 'sample');
  const h = new LayerState(runtime, graph, first, data.rows, 0, 'sample');
  const out = runtime.allocate(Math.max(1, data.rows) * 8);
  try {
    v.write(runtime, data.values());
    parameters.scaledLayer(visible)?.takeIn(v);
    v.activity.addDots(v.reads(true), parameters.bias(biasName(visible)).handle, out.handle);
    v.addLogBase(out);
    const weights = parameters.weight(weightName(chain.connections[0]!));
    const drive = { source: v, states: true, weights, direction: 'up' as const };
    h.infer([drive], parameters.bias(biasName(first)), { keep: 'inputs' });
    const sums = hidden.logPartitionsWith(h.values(runtime), unitsOf(graph, first));
    const constant = freeEnergyOffset(parameters, visible) + logPartition(parameters);
    // Enumerating may have made the memory grow, so this view is taken after it.
    const own = out.doubles();
    return sums.map((sum, row) => sum + own[row]! - constant);
  } finally {
    for (const owned of [hidden, v, h, out]) owned.free();
  }
}

/** A lower bound on the log-likelihood of each row, nats, given log Z or with the exact one. */
export function logLikelihoodBounds(
  parameters: Parameters,
  data: Dataset,
  given: number | undefined,
  options: MeanFieldOptions,
): Float64Array {
  const energies = variationalEnergies(parameters, data, options);
  const logZ = given ?? logPartition(parameters);
  return energies.map((energy) => energy - logZ);
}
