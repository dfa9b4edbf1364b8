/**
 * Parameters of machines that other programs trained: safetensors files of any names, as PyTorch users write them, and `.npz`
 * archives, as scikit-learn users do.
 */
import { WakesleepError } from '../errors.js';
import { type Graph, parameterSpecs } from '../graph/graph.js';
import { describeValue, nearestName } from '../options.js';
import { fullParameterName } from '../parameters.js';
import type { ModelFile } from './model-file.js';
import { readSafetensors } from './safetensors.js';

/**
 * What a file calls each parameter, by the parameter's name in files or short one (`hidden.bias`): a name, or a name and
 * that the weights stand as `[lower, upper]`.
 */
export type ForeignNames = Readonly<Record<string, string | { readonly name: string; readonly transposed: boolean }>>;

/** One tensor from elsewhere, row-major. */
export interface ForeignTensor {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

const ZIP = [0x50, 0x4b, 0x03, 0x04];

/** Whether bytes begin as a zip archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return ZIP.every((byte, place) => bytes[place] === byte);
}

/**
 * The named tensors of a safetensors file, or of what `readNpz` gave; others are left alone. Throws `FILE_CORRUPT`,
 * `SHAPE_MISMATCH`, `OPTION_INVALID`.
 */
export function readForeign(
  given: Uint8Array | ReadonlyMap<string, ForeignTensor>,
  graph: Graph,
  names: ForeignNames,
): ModelFile {
  const where = 'The file';
  const tensors = given instanceof Uint8Array ? numbersOf(given, where) : given;
  const calledBy = new Map(Object.entries(names).map(([name, called]) => [fullParameterName(graph, name), called]));
  const specs = parameterSpecs(graph);
  for (const name of calledBy.keys()) {
    if (specs.some((spec) => spec.name === name)) continue;
    const wanted = specs.map((spec) => spec.name).join(', ');
    const message = `The graph has no parameter \`${name}\`; it has ${wanted}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted, where: 'open().names' });
  }
  const parameters = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const { name, shape } of specs) {
    const called = calledBy.get(name) ?? (tensors.has(name) ? name : undefined);
    if (called === undefined) {
      const message = `\`names\` does not say what the file calls \`${name}\`; it holds ${[...tensors.keys()].join(', ')}.`;
      throw new WakesleepError('OPTION_INVALID', message, { wanted: name, where: 'open().names' });
    }
    parameters.set(name, tensorOf(tensors, called, name, shape));
  }
  return { model: undefined, parameters, training: undefined, data: undefined };
}

function tensorOf(
  tensors: ReadonlyMap<string, ForeignTensor>,
  given: ForeignNames[string],
  name: string,
  wanted: readonly number[],
) {
  const { name: called, transposed } = typeof given === 'string' ? { name: given, transposed: false } : given;
  if (typeof called !== 'string') {
    const message = `\`names.${name}\` must be a name or { name, transposed }; got ${describeValue(given)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given, where: `open().names.${name}` });
  }
  const tensor = tensors.get(called);
  if (tensor === undefined) {
    const nearest = nearestName(called, [...tensors.keys()]);
    const advice = nearest === undefined ? `it holds ${[...tensors.keys()].join(', ')}` : `did you mean \`${nearest}\``;
    throw new WakesleepError('SHAPE_MISMATCH', `The file has no tensor \`${called}\`; ${advice}.`, { given: called });
  }
  const expected = transposed ? [...wanted].reverse() : wanted;
  // PyTorch users write biases as rows of a matrix.
  const sides = tensor.shape.filter((side, place) => side !== 1 || expected[place] === 1);
  if (sides.length !== expected.length || sides.some((side, place) => side !== expected[place])) {
    const turned = [...wanted].reverse().join() === sides.join() ? '; give { name, transposed: true }' : '';
    const message = `The tensor \`${called}\` has shape [${tensor.shape.join(', ')}]; \`${name}\` wants [${expected.join(', ')}]${turned}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, {
      given: tensor.shape,
      wanted: expected.join(', '),
      where: name,
    });
  }
  const values = Float32Array.from(tensor.values);
  const [upper = 1, lower = 1] = wanted;
  const turned = () => values.map((_, place) => values[(place % lower) * upper + Math.floor(place / lower)]!);
  return { shape: wanted, values: transposed ? turned() : values };
}

function numbersOf(bytes: Uint8Array, where: string): Map<string, ForeignTensor> {
  if (isZip(bytes)) {
    const message = 'This is a zip archive; pass what `readNpz(bytes)` makes of it.';
    throw new WakesleepError('OPTION_INVALID', message, { wanted: 'readNpz(bytes)', where: 'open()' });
  }
  const { tensors } = readSafetensors(bytes, where);
  const numbers = [...tensors].map(([name, { shape, values }]): [string, ForeignTensor] => {
    return [name, { shape, values: Array.from(values as ArrayLike<number | bigint>, Number) }];
  });
  return new Map(numbers);
}
