/**
 * Classification: by a feed-forward network, whose softmax output it is, or by free energy: with the label units clamped to each class in turn, the probability of a class is
 * proportional to `e^−F`, exactly, given the activity of the layer beside the labels (Hinton, Osindero and Teh 2006).
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, unitsOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { isNetwork, networkOf } from '../graph/network.js';
import { checkEnergies } from '../likelihood/free-energy.js';
import type { Parameters } from '../parameters.js';
import { withScratch } from '../runtime/allocation.js';
import { withBlocks } from './blocks.js';
import { upwardDrives } from './drives.js';
import { networkMeans } from './network-layers.js';

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
  const { graph } = parameters;
  const { probabilities, classes } = isNetwork(graph) ? byNetwork(parameters, data) : byFreeEnergy(parameters, data);
  const labels = Uint8Array.from({ length: data.rows }, (_, row) => likeliest(probabilities, row * classes, classes));
  return { labels, probabilities, classes };
}

/** What the output units of a network say. */
function byNetwork(parameters: Parameters, data: Dataset): Omit<Classification, 'labels'> {
  const { target, output } = networkOf(parameters.graph, 'Classification');
  if (target !== 'labels')
    throw unsuitable(`Classification needs an output called \`label\`; the network's is \`${output}\`.`, output);
  const means = networkMeans(parameters, data, output);
  return { probabilities: Float64Array.from(means), classes: unitsOf(parameters.graph, output) };
}

function byFreeEnergy(parameters: Parameters, data: Dataset): Omit<Classification, 'labels'> {
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
  return { probabilities, classes };
}

/** The place, from 0, of the largest of `count` numbers from `first` on, the first of equals. */
export function likeliest(values: ArrayLike<number>, first: number, count: number): number {
  let best = 0;
  for (let place = 1; place < count; place += 1) {
    if (values[first + place]! > values[first + best]!) best = place;
  }
  return best;
}
