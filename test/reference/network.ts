/** Feed-forward networks in f64, plain loops: outputs and losses, from which gradients follow by differences. */

/** What a layer's units make of a total input, and what a whole output layer does. */
export type Means = 'logistic' | 'tanh' | 'rectified' | 'linear' | 'softmax';

/** One layer above the data: weights `[units, units below]`, biases, units. */
export interface ReferenceLayer {
  readonly weights: number[][];
  readonly bias: number[];
  readonly means: Means;
}

/** Units that stay, scaled, by layer from the data up; 0 for those left out. */
export type Masks = readonly (readonly number[] | undefined)[];

function settle(inputs: number[], means: Means): number[] {
  if (means === 'softmax') {
    const top = Math.max(...inputs);
    const terms = inputs.map((x) => Math.exp(x - top));
    const sum = terms.reduce((a, b) => a + b, 0);
    return terms.map((x) => x / sum);
  }
  if (means === 'logistic') return inputs.map((x) => 1 / (1 + Math.exp(-x)));
  if (means === 'tanh') return inputs.map((x) => Math.tanh(x));
  return means === 'rectified' ? inputs.map((x) => Math.max(x, 0)) : inputs;
}

/** The outputs of every layer for a row, the row first. */
export function outputsOf(layers: readonly ReferenceLayer[], row: readonly number[], masks: Masks = []): number[][] {
  const masked = (values: readonly number[], index: number) => values.map((x, i) => x * (masks[index]?.[i] ?? 1));
  const outputs = [masked(row, 0)];
  layers.forEach(({ weights, bias, means }, index) => {
    const below = outputs.at(-1)!;
    const inputs = weights.map((line, j) => line.reduce((sum, w, i) => sum + w * below[i]!, bias[j]!));
    outputs.push(masked(settle(inputs, means), index + 1));
  });
  return outputs;
}

/** The loss of a row's outputs: cross-entropy, or half the squared error of linear units. */
export function lossOf(outputs: readonly number[], target: readonly number[], means: Means): number {
  if (means === 'linear') return outputs.reduce((sum, y, i) => sum + (y - target[i]!) ** 2 / 2, 0);
  return outputs.reduce((sum, y, i) => {
    const t = target[i]!;
    const off = means === 'logistic' ? (1 - t) * Math.log(1 - y) : 0;
    return sum - (t === 0 ? 0 : t * Math.log(y)) - off;
  }, 0);
}

/** The mean loss of rows. */
export function meanLoss(
  layers: readonly ReferenceLayer[],
  rows: readonly (readonly number[])[],
  targets: readonly (readonly number[])[],
  masks: readonly Masks[] = [],
): number {
  const means = layers.at(-1)!.means;
  const losses = rows.map((row, r) => lossOf(outputsOf(layers, row, masks[r]).at(-1)!, targets[r]!, means));
  return losses.reduce((sum, loss) => sum + loss, 0) / rows.length;
}

/** Central differences of the mean loss by every number of the layers, in the order weights, then biases, layer by layer. */
export function differences(
  layers: readonly ReferenceLayer[],
  rows: readonly (readonly number[])[],
  targets: readonly (readonly number[])[],
  masks: readonly Masks[] = [],
): { weights: number[][]; bias: number[] }[] {
  const STEP = 1e-5;
  const slope = (numbers: number[], place: number) => {
    const before = numbers[place]!;
    numbers[place] = before + STEP;
    const above = meanLoss(layers, rows, targets, masks);
    numbers[place] = before - STEP;
    const below = meanLoss(layers, rows, targets, masks);
    numbers[place] = before;
    return (above - below) / (2 * STEP);
  };
  return layers.map(({ weights, bias }) => ({
    weights: weights.map((line) => line.map((_, i) => slope(line, i))),
    bias: bias.map((_, j) => slope(bias, j)),
  }));
}
