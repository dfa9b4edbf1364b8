/**
 * A model's deterministic pass as an ONNX file, for runtimes that know nothing of this package: one input and one output, both
 * `[rows, units]` of f32, named as the layers are.
 *
 * 1. `passOf` lists the steps from the input's layer to the output's, as `meanHidden`, `meanVisible` and networks take them.
 * 2. A step is a `Gemm` of weights and biases, and then what the layer's units make of their total input, which every unit
 *    type says for itself in operators (`onnxMean`).
 * 3. Rows of a Gaussian layer with deviations of its own are brought into its units on the way in, and back on the way out.
 *
 * Operator set 13 in file version 7 (ONNX 1.8, 2020), the oldest in which sums and softmax are as they are today. Field numbers
 * are those of `onnx.proto3`. Equal models are equal bytes.
 */
import { PbfWriter } from 'pbf';
import { WakesleepError } from '../errors.js';
import {
  biasName,
  type Connection,
  type Graph,
  layerOf,
  unitsOf,
  unsuitable,
  upwardBiasName,
  upwardConnection,
  weightName,
} from '../graph/graph.js';
import { machineOf, stackOf } from '../graph/machines.js';
import { isNetwork, networkOf } from '../graph/network.js';
import { highestLayer } from '../infer/aggregated.js';
import type { Model } from '../model.js';
import { oneOf, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { VERSION } from '../runtime/version.js';
import { unitType } from '../units/index.js';
import type { Operators } from '../units/unit.js';
import { modelMetadata } from './model-file.js';

/** What `writeOnnx` takes. */
export interface OnnxOptions {
  /** `up` (default): from rows to a hidden layer or a network's output. `down`, of an RBM: from hidden units to rows. */
  readonly pass?: 'up' | 'down';
  /**
   * Of the way up: the layer whose means come out. Default a network's output, else the highest layer that the data alone
   * determine (below the top of a net with labels), as `meanHidden` has it.
   */
  readonly layer?: string;
}

const OPERATOR_SET = 13;
const FILE_VERSION = 7;

/** A Protobuf message ends at 2 GiB; what is not numbers fits into the rest. */
const MOST_BYTES = 2 ** 31 - 2 ** 20;

/**
 * The bytes of an ONNX file: of a network its output, of a restricted Boltzmann machine `meanHidden` or (`pass: 'down'`)
 * `meanVisible`, of a deep belief net the way up. Its metadata hold the package's version and the model's graph. Of word counts
 * the way up takes rows of any lengths, and the way down gives the chance of each word. Throws `OPTION_INVALID`, and
 * `GRAPH_UNSUITABLE` for models and units without such a pass.
 */
export function writeOnnx(model: Model, options: OnnxOptions = {}): Uint8Array<ArrayBuffer> {
  const { graph, parameters } = model;
  const { from, steps, rowsOf } = passOf(graph, parameters, options);
  const to = steps.at(-1)!.to;
  const made = new OnnxGraph();
  let values = takenIn(parameters, made, from);
  for (const step of steps) values = afterStep(parameters, made, step, values);
  if (rowsOf !== undefined) values = givenOut(parameters, made, rowsOf, values);
  made.call(values, to);
  const [input, output] = [from, to].map((name) => ({ name, units: unitsOf(graph, name) })) as [Side, Side];
  return fileOf({ made, input, output, metadata: modelMetadata(model) });
}

// ---- The pass ----

/** From one layer to the next one up or down. */
interface Step {
  readonly connection: Connection;
  readonly from: string;
  readonly to: string;
}

/** A way through a model. */
interface Pass {
  readonly from: string;
  readonly steps: readonly Step[];
  /** The layer whose rows come out at the end, with the deviations that they have as given; undefined where none do. */
  readonly rowsOf?: string;
}

function passOf(graph: Graph, parameters: Parameters, options: OnnxOptions): Pass {
  const where = 'writeOnnx()';
  refuseUnknown(where, options, ['pass', 'layer']);
  const way = oneOf(where, 'pass', options.pass ?? 'up', ['up', 'down'] as const);
  if (way === 'down') return passDown(graph, options);
  const upward = (connection: Connection): Step => ({ connection, from: connection.lower, to: connection.upper });
  if (isNetwork(graph)) {
    const { layers, connections, visible, output, target } = networkOf(graph, 'An ONNX file');
    const layer = oneOf(where, 'layer', options.layer ?? output, layers.slice(1));
    const steps = connections.slice(0, layers.indexOf(layer)).map(upward);
    return { from: visible, steps, ...(layer === output && target === 'rows' && { rowsOf: visible }) };
  }
  const { machines, visible, label } = stackOf(graph);
  const uppers = machines.map(({ upper }) => upper);
  const layer = oneOf(where, 'layer', options.layer ?? highestLayer(parameters), uppers);
  const steps = machines.slice(0, uppers.indexOf(layer) + 1).map(({ connections }) => {
    return upward(connections.find(({ lower }) => lower !== label)!);
  });
  return { from: visible, steps };
}

function passDown(graph: Graph, { layer }: OnnxOptions): Pass {
  if (layer !== undefined) {
    const message = '`layer` is for the way up; the way down ends at the rows.';
    throw new WakesleepError('OPTION_INVALID', message, { given: layer, where: 'writeOnnx().layer' });
  }
  const { upper, connections } = machineOf(graph, 'A pass down as an ONNX file');
  const connection = connections[0]!;
  return { from: upper, steps: [{ connection, from: upper, to: connection.lower }], rowsOf: connection.lower };
}

// ---- Its operators ----

/** Rows as given in the units of their layer. */
function takenIn(parameters: Parameters, made: OnnxGraph, layer: string): string {
  const scaled = parameters.scaledLayer(layer);
  if (scaled === undefined) return layer;
  const { mean, deviation } = scaled.shiftAndScale();
  const centred = made.apply('Sub', [layer, made.tensor(`${layer}.mean`, [mean.length], mean)]);
  return made.apply('Div', [centred, made.tensor(`${layer}.deviation`, [mean.length], deviation)]);
}

/** Numbers of a layer, in its own units, as rows are given. */
function givenOut(parameters: Parameters, made: OnnxGraph, layer: string, values: string): string {
  const scaled = parameters.scaledLayer(layer);
  if (scaled === undefined) return values;
  const { mean, deviation } = scaled.shiftAndScale();
  const spread = made.apply('Mul', [values, made.tensor(`${layer}.deviation`, [mean.length], deviation)]);
  return made.apply('Add', [spread, made.tensor(`${layer}.mean`, [mean.length], mean)]);
}

/** Means of the layer that a step leads to. */
function afterStep(parameters: Parameters, made: OnnxGraph, { connection, from, to }: Step, values: string): string {
  const { graph } = parameters;
  const up = connection.upper === to;
  const joined = up ? upwardConnection(graph, connection) : connection;
  const [above, below] = [unitsOf(graph, connection.upper), unitsOf(graph, connection.lower)];
  const weights = made.tensor(weightName(joined), [above, below], parameters.weightsOf(joined));
  const name = up ? upwardBiasName(graph, to) : biasName(to);
  const units = unitsOf(graph, to);
  const bias = made.tensor(name, [units], parameters.bias(name).floats().slice(0, units));
  const inputs = totalInput(made, values, weights, bias, up, isCounted(graph, from));
  const spec = layerOf(graph, to).units;
  const type = unitType(spec);
  if (type.onnxMean !== undefined) return type.onnxMean(spec, made, inputs);
  const message = `The layer \`${to}\` has ${type.describe(spec)}, whose means the operators of ONNX lose in rounding.`;
  throw unsuitable(message, to);
}

/** Weighted sums and biases; of rows of counts each bias as often as the row has draws. */
function totalInput(
  made: OnnxGraph,
  values: string,
  weights: string,
  bias: string,
  up: boolean,
  counted: boolean,
): string {
  const transB = Number(up);
  if (!counted) return made.apply('Gemm', [values, weights, bias], { transB });
  const lengths = made.apply('ReduceSum', [values, made.integers([1])], { keepdims: 1 });
  return made.apply('Add', [made.apply('Gemm', [values, weights], { transB }), made.apply('Mul', [lengths, bias])]);
}

function isCounted(graph: Graph, layer: string): boolean {
  return unitType(layerOf(graph, layer).units).countsDraws === true;
}

/** Element types of a tensor, by their codes. */
const FLOAT = 1;
const INT64 = 7;

/** The type of an attribute that is a whole number. */
const INT_ATTRIBUTE = 2;

interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  output: string;
  readonly attributes: Readonly<Record<string, number>>;
}

interface Tensor {
  readonly name: string;
  readonly type: typeof FLOAT | typeof INT64;
  readonly shape: readonly number[];
  /** Little-endian, as the engine's own memory. */
  readonly bytes: Uint8Array;
}

/** Operators and constants in the order in which they were made. */
class OnnxGraph implements Operators {
  readonly nodes: Node[] = [];
  readonly tensors = new Map<string, Tensor>();

  apply(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, number>> = {}): string {
    const output = `${operator}.${this.nodes.length}`;
    this.nodes.push({ operator, inputs, output, attributes });
    return output;
  }

  numbers(values: number | readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values;
    const shape = typeof values === 'number' ? [] : [values.length];
    return this.tensor(`constant.${this.tensors.size}`, shape, Float32Array.from(list));
  }

  integers(values: readonly number[]): string {
    const name = `integers.${values.join('.')}`;
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.tensors.set(name, { name, type: INT64, shape: [values.length], bytes });
    return name;
  }

  /** Numbers by a name of their own. */
  tensor(name: string, shape: readonly number[], values: Float32Array): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.tensors.set(name, { name, type: FLOAT, shape, bytes });
    return name;
  }

  /** Calls the last result by a name. */
  call(result: string, name: string): void {
    this.nodes.find(({ output }) => output === result)!.output = name;
  }
}

// ---- The file ----

interface Side {
  readonly name: string;
  readonly units: number;
}

interface OnnxFile {
  readonly made: OnnxGraph;
  readonly input: Side;
  readonly output: Side;
  readonly metadata: Readonly<Record<string, string>>;
}

function fileOf(file: OnnxFile): Uint8Array<ArrayBuffer> {
  const bytes = [...file.made.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  if (bytes > MOST_BYTES) {
    const message = `This pass has ${bytes} bytes of weights, and an ONNX file holds less than 2 GiB.`;
    throw new WakesleepError('GRAPH_UNSUITABLE', message, { given: bytes, where: 'writeOnnx()' });
  }
  const writer = new PbfWriter(new Uint8Array(bytes + 65_536));
  writeModelProto(file, writer);
  return new Uint8Array(writer.finish());
}

function writeModelProto({ metadata, ...graph }: OnnxFile, to: PbfWriter): void {
  to.writeVarintField(1, FILE_VERSION);
  to.writeStringField(2, 'wakesleep');
  to.writeStringField(3, VERSION);
  to.writeMessage(7, writeGraphProto, graph);
  to.writeMessage(8, (version, inner) => inner.writeVarintField(2, version), OPERATOR_SET);
  for (const entry of Object.entries(metadata)) {
    to.writeMessage(
      14,
      ([key, value], inner) => {
        inner.writeStringField(1, key);
        inner.writeStringField(2, value);
      },
      entry,
    );
  }
}

function writeGraphProto({ made, input, output }: Omit<OnnxFile, 'metadata'>, to: PbfWriter): void {
  for (const node of made.nodes) to.writeMessage(1, writeNodeProto, node);
  to.writeStringField(2, `${input.name} to ${output.name}`);
  for (const tensor of made.tensors.values()) to.writeMessage(5, writeTensorProto, tensor);
  to.writeMessage(11, writeValueInfoProto, input);
  to.writeMessage(12, writeValueInfoProto, output);
}

function writeNodeProto({ operator, inputs, output, attributes }: Node, to: PbfWriter): void {
  for (const input of inputs) to.writeStringField(1, input);
  to.writeStringField(2, output);
  to.writeStringField(4, operator);
  for (const attribute of Object.entries(attributes)) {
    to.writeMessage(
      5,
      ([name, value], inner) => {
        inner.writeStringField(1, name);
        inner.writeVarintField(3, value);
        inner.writeVarintField(20, INT_ATTRIBUTE);
      },
      attribute,
    );
  }
}

function writeTensorProto({ name, type, shape, bytes }: Tensor, to: PbfWriter): void {
  to.writePackedVarint(1, [...shape]);
  to.writeVarintField(2, type);
  to.writeStringField(8, name);
  to.writeBytesField(9, bytes);
}

/** A matrix of f32 with any number of rows. */
function writeValueInfoProto({ name, units }: Side, to: PbfWriter): void {
  to.writeStringField(1, name);
  to.writeMessage(2, (_, type) => type.writeMessage(1, writeTensorType, units), null);
}

function writeTensorType(units: number, to: PbfWriter): void {
  to.writeVarintField(1, FLOAT);
  to.writeMessage(2, writeShape, units);
}

function writeShape(units: number, to: PbfWriter): void {
  to.writeMessage(1, (_, side) => side.writeStringField(2, 'rows'), null);
  to.writeMessage(1, (side, inner) => inner.writeVarintField(1, side), units);
}
