/** How much the rows of a batch count. */
import type { LayerState } from '../infer/layer-state.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Training } from './training.js';

/** Lets rows `order[first …]` count in these layers as the data set says, and gives their weights; none where all count alike. */
export function weighRows(
  { data, parameters }: Training,
  order: EngineBuffer,
  first: number,
  rows: number,
  layers: readonly LayerState[],
): Float32Array {
  const { rowWeights } = data.storage;
  if (rowWeights === undefined) return new Float32Array();
  const weights = Float32Array.from(order.words().subarray(first, first + rows), (row) => rowWeights[row]!);
  for (const layer of layers) layer.weighRows(parameters.runtime, weights);
  return weights;
}
