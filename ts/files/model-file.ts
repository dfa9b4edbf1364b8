/**
 * Models and checkpoints as `.safetensors` bytes (DESIGN: files). Equal models are equal bytes: nothing of times, paths,
 * threads or hosts is in them.
 *
 * A model file holds the parameters by name and the metadata `format`, `version`, `streamVersion`, `model` (JSON: graph,
 * seed, updates). A checkpoint adds `state.*` (velocities, averages, chains) and the metadata `training` (JSON: algorithm, progress) and
 * `data` (JSON: what identifies the rows).
 */
import type { DataIdentity } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { type Graph, parameterSpecs, readGraph } from '../graph/graph.js';
import type { Algorithm } from '../learn/algorithm.js';
import type { Progress } from '../learn/training.js';
import type { Model } from '../model.js';
import { integer, isPlainObject, seed as readSeed, refuseUnknown } from '../options.js';
import { VERSION } from '../runtime/version.js';
import { canonicalJson } from './json.js';
import { readSafetensors, type TensorToWrite, writeSafetensors } from './safetensors.js';

const STATE = 'state.';

/** What a model or checkpoint file says. */
export interface ModelFile {
  /** Absent in files from elsewhere. */
  readonly model: { readonly graph: Graph; readonly seed: number; readonly updates: number } | undefined;
  readonly parameters: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
  /** Only in checkpoints. */
  readonly training:
    | { readonly algorithm: unknown; readonly progress: Progress; readonly tensors: Map<string, Float32Array> }
    | undefined;
  readonly data: DataIdentity | undefined;
}

/** A model's parameters. */
export function writeModel(model: Model): Uint8Array<ArrayBuffer> {
  return writeSafetensors(parameterTensors(model), modelMetadata(model));
}

/** A model's parameters and all that its training needs to go on. */
export function writeCheckpoint(
  model: Model,
  algorithm: Algorithm,
  data: DataIdentity,
  progress: Progress,
  state: ReadonlyMap<string, Float32Array>,
): Uint8Array<ArrayBuffer> {
  const tensors = parameterTensors(model);
  for (const [name, values] of state) tensors.set(STATE + name, { shape: [values.length], values });
  return writeSafetensors(tensors, {
    ...modelMetadata(model),
    training: canonicalJson({ algorithm, progress }),
    data: canonicalJson(data),
  });
}

function parameterTensors({ parameters }: Model): Map<string, TensorToWrite> {
  return new Map(parameters.specs.map(({ name, shape }) => [name, { shape, values: parameters.read(name) }]));
}

/** What every file of a model says of it. */
export function modelMetadata({ graph, seed, updates, parameters }: Model): Record<string, string> {
  return {
    format: 'wakesleep',
    version: VERSION,
    streamVersion: String(parameters.runtime.info.streamVersion),
    model: canonicalJson({ graph, seed, updates }),
  };
}

/** Reads a model or checkpoint; throws `FILE_CORRUPT`. Shapes are compared with the graph by `checkShapes`. */
export function readModelFile(bytes: Uint8Array, where: string): ModelFile {
  const { tensors, metadata } = readSafetensors(bytes, where);
  const parameters = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  const state = new Map<string, Float32Array>();
  for (const [name, { shape, values }] of tensors) {
    if (!(values instanceof Float32Array)) throw corrupt(where, `the tensor \`${name}\` is not of type F32`);
    if (name.startsWith(STATE)) state.set(name.slice(STATE.length), values);
    else parameters.set(name, { shape, values });
  }
  const foreign = metadata.format !== 'wakesleep';
  if (foreign) return { model: undefined, parameters, training: undefined, data: undefined };
  const training = metadata.training === undefined ? undefined : readTraining(where, metadata.training, state);
  const data =
    metadata.data === undefined ? undefined : (parse(where, 'data', metadata.data) as unknown as DataIdentity);
  return { model: readModelMetadata(where, metadata.model), parameters, training, data };
}

function readModelMetadata(where: string, json: string | undefined) {
  if (json === undefined) throw corrupt(where, 'its metadata has no `model`');
  const given = parse(where, 'model', json);
  return asCorrupt(where, () => {
    refuseUnknown('model', given, ['graph', 'seed', 'updates']);
    const updates = integer('model', 'updates', given.updates, { atLeast: 0 });
    return { graph: readGraph('model.graph', given.graph), seed: readSeed('model', given.seed), updates };
  });
}

function readTraining(where: string, json: string, tensors: Map<string, Float32Array>) {
  const given = parse(where, 'training', json);
  return asCorrupt(where, () => {
    refuseUnknown('training', given, ['algorithm', 'progress']);
    const { progress } = given;
    refuseUnknown('progress', progress, ['phase', 'epoch', 'batch', 'updates', 'records', 'sums']);
    for (const name of ['phase', 'epoch', 'batch', 'updates', 'records']) {
      integer('progress', name, progress[name], { atLeast: 0 });
    }
    if (!isPlainObject(progress.sums)) throw new Error('the progress has no sums');
    return { algorithm: given.algorithm, progress: progress as unknown as Progress, tensors };
  });
}

/** Refuses parameters whose names and shapes are not those of a graph. */
export function checkShapes(graph: Graph, parameters: ModelFile['parameters'], where: string): void {
  const specs = parameterSpecs(graph);
  for (const { name, shape } of specs) {
    const given = parameters.get(name);
    if (given === undefined) {
      const message = `${where} has no tensor \`${name}\`, which the graph needs.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { wanted: name, where });
    }
    if (given.shape.length === shape.length && given.shape.every((side, i) => side === shape[i])) continue;
    throw new WakesleepError(
      'SHAPE_MISMATCH',
      `The tensor \`${name}\` of ${where} has shape [${given.shape.join(', ')}]; the graph wants [${shape.join(', ')}].`,
      { given: given.shape, wanted: shape.join(', '), where: name },
    );
  }
  for (const name of parameters.keys()) {
    if (specs.some((spec) => spec.name === name)) continue;
    const message = `${where} has a tensor \`${name}\`, which the graph does not have.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: name, where });
  }
}

function parse(where: string, key: string, json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (isPlainObject(value)) return value;
  } catch {
    // Falls through to the error below, which says the same of every kind of damage.
  }
  throw corrupt(where, `its metadata \`${key}\` is not a JSON object`);
}

function asCorrupt<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw corrupt(where, cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause), cause);
  }
}

function corrupt(where: string, what: string, cause?: unknown): WakesleepError {
  return new WakesleepError('FILE_CORRUPT', `${where} cannot be used: ${what}.`, { where, cause });
}
