/**
 * What Gaussian layers add to free energies and to log Z. The kernels know a layer by natural parameters, as if its energy
 * were `u²/2 − β u` with `u = v / σ` and `β = b / σ`. With the energy `(v − b)² / 2σ²` and the density of v itself,
 * `β²/2` more belongs to each energy, and `Σ log σ − β²/2` to log Z.
 */
import { biasName, layerOf, unitsOf, upwardBiasName } from '../graph/graph.js';
import type { Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';

/** What a layer adds to every free energy, nats: 0 but for Gaussian layers. */
export function freeEnergyOffset(parameters: Parameters, layer: string): number {
  const bias = normalBias(parameters, layer);
  if (bias === undefined) return 0;
  return parameters.runtime.kernels.halfSquares(unitsOf(parameters.graph, layer), bias.handle);
}

/** What a layer adds to the log Z that the kernels give, nats: 0 but for Gaussian layers. */
export function logPartitionOffset(parameters: Parameters, layer: string): number {
  const bias = normalBias(parameters, layer);
  if (bias === undefined) return 0;
  const units = unitsOf(parameters.graph, layer);
  const scaled = parameters.scaledLayer(layer);
  const { kernels } = parameters.runtime;
  if (scaled === undefined) return -kernels.halfSquares(units, bias.handle);
  return kernels.logPartitionOffset(units, scaled.deviation.handle, bias.handle);
}

/** The natural bias of a layer whose bias is the mean of a normal density. */
function normalBias(parameters: Parameters, layer: string) {
  const { units } = layerOf(parameters.graph, layer);
  if (unitType(units).deviation === undefined) return undefined;
  const isUpper = parameters.graph.connections.some(({ upper }) => upper === layer);
  return parameters.bias(isUpper ? upwardBiasName(parameters.graph, layer) : biasName(layer));
}
