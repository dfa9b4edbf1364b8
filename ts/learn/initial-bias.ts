/**
 * Biases to start from: layers that hold data or labels begin at what their units make of the rows' means, the log-odds or
 * the means themselves, and learned variances at those of the columns (Hinton 2010, section 8).
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, visibleLayerOf } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import { logarithms } from '../runtime/allocation.js';
import { unitType } from '../units/index.js';
import type { Training } from './training.js';

/** The largest size of a bias that is set from data: a mean of about 0.02 or 0.98. */
const LARGEST_BIAS = 4;

/** Sets the biases of the layers of a machine of a stack that hold data or labels. */
export function biasFromData({ parameters, data }: Training, depth: number): void {
  const { visible, label, machines } = stackOf(parameters.graph);
  const lowers = machines[depth]!.connections.map((connection) => connection.lower);
  for (const lower of lowers) {
    if (lower === visible) startVisibleBias(parameters, data);
    else if (lower === label) startBiasAt(parameters, lower, classShares(data));
  }
}

/** Sets the biases of the layer that holds the data, and its deviations where it has any. */
export function startVisibleBias(parameters: Parameters, data: Dataset): void {
  const visible = visibleLayerOf(parameters.graph);
  const scaled = parameters.scaledLayer(visible);
  if (scaled === undefined) startBiasAt(parameters, visible, data.columnMeans());
  else scaled.startFromData(data);
}

/** Sets the biases of a layer so that its units start from these means. */
function startBiasAt(parameters: Parameters, layer: string, means: ArrayLike<number>): void {
  const spec = layerOf(parameters.graph, layer).units;
  const starts = Array.from(means, (mean) => unitType(spec).initialBias(spec, mean));
  const odds = starts.map((start) => ('odds' in start ? start.odds : 1));
  const clipped = (value: number) => Math.min(Math.max(value, -LARGEST_BIAS), LARGEST_BIAS);
  const biases = Array.from(logarithms(parameters.runtime, odds), (value, unit) => {
    const start = starts[unit]!;
    return 'odds' in start ? clipped(value) : start.bias;
  });
  parameters.write(biasName(layer), biases);
}

function classShares(data: { labels(): Uint8Array; readonly classes: number; readonly rows: number }): Float64Array {
  const shares = new Float64Array(data.classes);
  for (const label of data.labels()) shares[label]! += 1 / data.rows;
  return shares;
}
