/**
 * Classification by free energy: with the label units clamped to each class in turn, the probability of a class is
 * proportional to `e^−F`, exactly, given the activity of the layer beside the labels (Hinton, Osindero and Teh 2006).
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { checkEnergies } from '../likelihood/free-energy.js';
import type { Parameters } from '../parameters.js';
import { withScratch } from '../runtime/allocation.js';
import { withBlocks } from './blocks.js';
import { upwardDrives } from './drives.js';

/** What `classify` gives. */
export interface Classification {
  /** The most probable class of each row; the first of equals. */
  readonly labels: Uint8Array<ArrayBuffer>;
  /** `[rows, classes]`. */
  readonly probabilities: Float64Array<ArrayBuffer>;
  readonly classes: number;
}

/** Classifies rows; throws `GRAPH_UNSUITABLE` where the graph has no layer of labels. */
export function classify(parameters: Parameters, data: Dataset): Classification {
  const { graph, runtime } = parameters;
  const { label, machines } = stackOf(graph);
  if (label === undefined)
    throw unsuitable('Classification needs a layer of labels, and this graph has none.', 'label');
  const { units } = layerOf(graph, label);
  if (units.type !== 'softmax' || units.groups !== 1) {
    throw unsuitable(`The layer \`${label}\` must be one softmax group to be read as a class.`, label);
  }
  const machine = machines.at(-1)!;
  checkEnergies(parameters, machine, 'Classification');
  const classes = units.size;
  const labelWeights = parameters.weight(weightName(machine.connections.find(({ lower }) => lower === label)!));
  const labelBias = parameters.bias(biasName(label));
  const upperBias = parameters.bias(upwardBiasName(graph, machine.upper));
  const probabilities = new Float64Array(data.rows * classes);
  withBlocks(parameters, data, machines.length - 1, false, (source, upper, first, rows, out) => {
    upper.infer(upwardDrives(parameters, machine, source.lowers), upperBias, { keep: 'inputs' });
    for (let unit = 0; unit < classes; unit += 1) {
      out.doubles().fill(labelBias.floats()[unit]!);
      upper.addLogPartitionWith(labelWeights, unit, out);
      const logits = out.doubles();
      for (let row = 0; row < rows; row += 1) probabilities[(first + row) * classes + unit] = logits[row]!;
    }
  });
  withScratch(runtime, Math.max(1, probabilities.length) * 8, (scratch) => {
    scratch.doubles().set(probabilities);
    if (data.rows > 0) runtime.kernels.normaliseRows(scratch.handle, classes);
    probabilities.set(scratch.doubles().subarray(0, probabilities.length));
  });
  const labels = Uint8Array.from({ length: data.rows }, (_, row) => likeliest(probabilities, row * classes, classes));
  return { labels, probabilities, classes };
}

function likeliest(probabilities: Float64Array, first: number, classes: number): number {
  let best = 0;
  for (let unit = 1; unit < classes; unit += 1) {
    if (probabilities[first + unit]! > probabilities[first + best]!) best = unit;
  }
  return best;
}
