/**
 * Biases to start from: layers that hold data or labels begin at what their units make of the rows' means, the log-odds or
 * the means themselves, and learned variances at those of the columns (Hinton 2010, section 8).
 */
import { biasName, layerOf } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { logarithms } from '../runtime/allocation.js';
import { unitType } from '../units/index.js';
import type { Training } from './training.js';

/** The largest size of a bias that is set from data: a mean of about 0.02 or 0.98. */
const LARGEST_BIAS = 4;

/** Sets the biases of the layers of a machine of a stack that hold data or labels. */
export function biasFromData({ parameters, data }: Training, depth: number): void {
  const { graph, runtime } = parameters;
  const { visible, label, machines } = stackOf(graph);
  const lowers = machines[depth]!.connections.map((connection) => connection.lower);
  for (const lower of lowers) {
    const means = lower === visible ? data.columnMeans() : lower === label ? classShares(data) : undefined;
    if (means === undefined) continue;
    const spec = layerOf(graph, lower).units;
    const starts = Array.from(means, (mean) => unitType(spec).initialBias(spec, mean));
    const scaled = parameters.scaledLayer(lower);
    if (scaled !== undefined) {
      scaled.startFromData(data);
      continue;
    }
    const odds = starts.map((start) => ('odds' in start ? start.odds : 1));
    const clipped = (value: number) => Math.min(Math.max(value, -LARGEST_BIAS), LARGEST_BIAS);
    const biases = Array.from(logarithms(runtime, odds), (value, unit) => {
      const start = starts[unit]!;
      return 'odds' in start ? clipped(value) : start.bias;
    });
    parameters.write(biasName(lower), biases);
  }
}

function classShares(data: { labels(): Uint8Array; readonly classes: number; readonly rows: number }): Float64Array {
  const shares = new Float64Array(data.classes);
  for (const label of data.labels()) shares[label]! += 1 / data.rows;
  return shares;
}
