/**
 * The bound that greedy learning raises (Hinton, Osindero and Teh 2006, section 4; Neal and Hinton 1998), exactly, in f64, by
 * listing the states of the first hidden layer. The first machine is kept as `p(v | h)` and as the posterior
 * `q(h | v)`, the second is the prior over h:
 *
 *     bound(v) = Σ_h q(h | v) [log p(v | h) + log p2(h) − log q(h | v)]  ≤  log p(v)
 *
 * 1. For every h: total inputs `b + hW` and their Λ, so that `log p(v | h) = v·(b + hW) + log m(v) − Λ(b + hW)`.
 * 2. For every h: `log p2(h) = −F2(h) − log Z2`, F2 the second machine's free energy, log Z2 by the sum over h.
 * 3. For every row: `log q(h | v) = h·(c + vW) + log m(h) − Λ(c + vW)`, and the average.
 *
 * Where the second machine is the first transposed, the bracket does not depend on h and the bound is log p(v). From the same
 * numbers `log p(v) = log Σ_h p(v | h) p2(h)`, the likelihood of the stack. Where the first machine has been untied, p(v | h) has
 * its generative weights and q its recognition weights, and all of it still holds.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { biasName, type Graph, unsuitable, upwardBiasName, upwardConnection } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import { checkData, refuseMissing } from '../infer/source.js';
import type { Model, Rows } from '../model.js';
import type { Parameters } from '../parameters.js';
import { doubleExponentials, logSumExps } from '../runtime/allocation.js';
import { FiniteLayer } from './finite-layer.js';

/** States of the first hidden layer that are listed at most. */
const MOST_STATES = 2 ** 16;
/** Numbers that one call of the kernels works on. */
const BLOCK = 2 ** 16;

/**
 * The bound on the log-likelihood of visible rows that a deep belief net of two machines gives, `[rows]`, nats, exactly: the first
 * machine recognises and generates, the second is the prior over the first hidden layer, of at most 65,536 states. Rows are
 * states, not intensities. Throws `GRAPH_UNSUITABLE`, `DATA_INVALID`, `SHAPE_MISMATCH`.
 */
export function greedyBound(model: Model, visible: Rows): Float64Array {
  return model.withRows(visible, (data) => greedyBounds(model.parameters, data));
}

function greedyBounds(parameters: Parameters, data: Dataset): Float64Array {
  const { runtime } = parameters;
  return forEachRow(parameters, data, 'The greedy bound', ({ posterior, joint }) => {
    const shares = doubleExponentials(runtime, posterior);
    return shares.reduce((sum, share, state) => sum + share * (joint[state]! - posterior[state]!), 0);
  });
}

/** Whether a graph is a deep belief net, untied or not, of two layers above the data, without labels. */
export function isPairOfMachines({ layers, connections }: Graph): boolean {
  const kinds = connections.map(({ kind }) => kind).sort();
  return layers.length === 3 && ['tied,undirected', 'directed,recognition,undirected'].includes(kinds.join());
}

/** The exact log-likelihood of each row under a net of two machines, nats: `log Σ_h p(v | h) p2(h)`. */
export function stackLogLikelihoods(parameters: Parameters, data: Dataset): Float64Array {
  const { runtime } = parameters;
  return forEachRow(parameters, data, 'The exact likelihood of a stack', ({ joint }) => {
    return logSumExps(runtime, joint, joint.length)[0]!;
  });
}

/** Of one row and every h: `log q(h | v)` and `log p(v | h) + log p2(h)`. */
interface RowLogs {
  readonly posterior: Float64Array;
  readonly joint: Float64Array;
}

/** Gives a number for each row from what all states of the first hidden layer make of it. */
function forEachRow(
  parameters: Parameters,
  data: Dataset,
  what: string,
  answer: (logs: RowLogs) => number,
): Float64Array {
  const { graph, runtime } = parameters;
  const { machines, visible, label } = stackOf(graph);
  const [first, second, third] = machines as [Machine, ...Machine[]];
  if (second === undefined || third !== undefined) {
    const message = `${what} is of two machines, layers \`visible\`, \`h1\` and \`h2\`; this graph has ${machines.length}.`;
    throw unsuitable(message, first.upper);
  }
  if (label !== undefined) throw unsuitable(`${what} is of the data alone, and this graph has labels.`, label);
  const layer = (name: string) => new FiniteLayer(runtime, graph, name, what);
  const [below, middle, above] = [layer(visible), layer(first.upper), layer(second.upper)];
  if (!(middle.count <= MOST_STATES)) {
    const message = `${what} lists the states of the layer \`${middle.name}\`, at most 65,536 of them (16 binary units); it has ${middle.units} units.`;
    throw unsuitable(message, middle.name);
  }
  refuseMissing(data, what);
  checkData(graph, visible, data);
  const down = first.connections[0]!;
  const states = middle.all();
  const size = middle.units;
  const hidden = Float64Array.from(states.flatMap(({ values }) => values));
  const bases = states.map(({ logBase }) => logBase);
  const inputs = downward(parameters.weightsOf(down), parameters.read(biasName(visible)), hidden, size);
  const conditional = inBlocks(inputs, below);
  const prior = logPrior(parameters, second, hidden, bases, middle, above);

  const width = below.units;
  const rows = Float64Array.from(data.values());
  const up = parameters.weightsOf(upwardConnection(graph, down));
  const upInputs = upward(up, parameters.read(upwardBiasName(graph, first.upper)), rows, width);
  const normalisers = inBlocks(upInputs, middle);
  return Float64Array.from({ length: data.rows }, (_, row) => {
    const values = rows.subarray(row * width, (row + 1) * width);
    const x = upInputs.subarray(row * size, (row + 1) * size);
    const logBase = baseOf(below, values, row, what);
    return answer({
      posterior: Float64Array.from(bases, (base, state) => base + dotAt(hidden, state * size, x) - normalisers[row]!),
      joint: prior.map((log, state) => log + logBase + dotAt(inputs, state * width, values) - conditional[state]!),
    });
  });
}

/** `log p2(h)` of every state, nats. */
function logPrior(
  parameters: Parameters,
  { connections, upper }: Machine,
  hidden: Float64Array,
  bases: readonly number[],
  middle: FiniteLayer,
  above: FiniteLayer,
): Float64Array {
  const { graph, runtime } = parameters;
  const weights = parameters.weightsOf(connections[0]!);
  const bias = Float64Array.from(parameters.read(biasName(middle.name)));
  const inputs = upward(weights, parameters.read(upwardBiasName(graph, upper)), hidden, middle.units);
  const logs = inBlocks(inputs, above).map(
    (sum, state) => sum + bases[state]! + dotAt(hidden, state * middle.units, bias),
  );
  const logZ = logSumExps(runtime, logs, logs.length)[0]!;
  return logs.map((log) => log - logZ);
}

/** log m of a row's states; throws `DATA_INVALID` where a number is no state: an intensity has no likelihood. */
function baseOf(layer: FiniteLayer, values: Float64Array, row: number, what: string): number {
  const found = layer.logBaseOf(values);
  if ('logBase' in found) return found.logBase;
  const place = found.block * (layer.units / layer.blocks);
  const message = `${what} needs rows that are states of the layer \`${layer.name}\`; in row ${row}, column ${place} is ${values[place]}. \`binarised()\` makes states of intensities.`;
  throw new WakesleepError('DATA_INVALID', message, { given: values[place], where: `row ${row}, column ${place}` });
}

/** Total inputs of upper units, `[rows, upper]`, from lower rows. */
function upward(weights: Float32Array, bias: Float32Array, rows: Float64Array, lower: number): Float64Array {
  const [count, upper] = [rows.length / lower, bias.length];
  const inputs = new Float64Array(count * upper);
  for (let row = 0; row < count; row += 1) {
    for (let j = 0; j < upper; j += 1) {
      let sum = bias[j]!;
      for (let i = 0; i < lower; i += 1) sum += weights[j * lower + i]! * rows[row * lower + i]!;
      inputs[row * upper + j] = sum;
    }
  }
  return inputs;
}

/** Total inputs of lower units, `[rows, lower]`, from upper rows. */
function downward(weights: Float32Array, bias: Float32Array, rows: Float64Array, upper: number): Float64Array {
  const [count, lower] = [rows.length / upper, bias.length];
  const inputs = new Float64Array(count * lower);
  for (let row = 0; row < count; row += 1) {
    for (let i = 0; i < lower; i += 1) {
      let sum = bias[i]!;
      for (let j = 0; j < upper; j += 1) sum += weights[j * lower + i]! * rows[row * upper + j]!;
      inputs[row * lower + i] = sum;
    }
  }
  return inputs;
}

/** Λ of all rows of total inputs, some rows at a time. */
function inBlocks(inputs: Float64Array, layer: FiniteLayer): Float64Array {
  const rows = inputs.length / layer.units;
  const all = new Float64Array(rows);
  const step = Math.max(1, Math.floor(BLOCK / layer.units));
  for (let first = 0; first < rows; first += step) {
    const part = inputs.subarray(first * layer.units, Math.min(rows, first + step) * layer.units);
    all.set(layer.logPartitions(part), first);
  }
  return all;
}

/** The dot product of `y` and what stands in `x` from `first` on. */
function dotAt(x: Float64Array, first: number, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < y.length; i += 1) sum += x[first + i]! * y[i]!;
  return sum;
}
