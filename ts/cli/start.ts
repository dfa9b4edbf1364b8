/** The model that a run starts from: reading it, knowing its graph before anything is trained, and knowing it again. */
import { existsSync, statSync } from 'node:fs';
import { makerOf, type ReadConfiguration } from '../config.js';
import type { Engine } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { firstDifference } from '../files/json.js';
import { checkShapes, readModelFile } from '../files/model-file.js';
import type { Graph } from '../graph/graph.js';
import type { Model } from '../model.js';
import { readBytes, withoutGraph } from './model-source.js';
import { type RunDescription, RunFolder, sha256Of, shownPath } from './run-folder.js';

/** A model's file as it was read. */
export interface Start {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly graph: Graph;
  readonly sha256: string;
}

/**
 * Reads a model's file, or that in a finished run's folder. Throws `DATA_MISSING`, `FILE_CORRUPT`, `SHAPE_MISMATCH`, and
 * `OPTION_INVALID` for a checkpoint, whose training is not over.
 */
export function readStart(from: string): Start {
  const path = modelPath(from);
  const bytes = readBytes(path);
  const { model, parameters, training } = readModelFile(bytes, path);
  if (training !== undefined) {
    const wanted = 'a model.safetensors';
    const message = `${path} is a checkpoint, whose training may not be over; a run starts from ${wanted}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: from, wanted, where: 'start.from' });
  }
  if (model === undefined) throw withoutGraph(path);
  checkShapes(model.graph, parameters, path);
  return { path, bytes, graph: model.graph, sha256: sha256Of(bytes) };
}

/** The graph of the model that a path leads to; throws as `readStart`. */
export function graphInFile(from: string): Graph {
  return readStart(from).graph;
}

function modelPath(from: string): string {
  if (!isFolder(from)) return from;
  const path = RunFolder.modelIn(from);
  if (existsSync(path)) return path;
  const message = `${from} holds no model.safetensors: it is not the folder of a finished run.`;
  throw new WakesleepError('DATA_MISSING', message, {
    given: from,
    wanted: 'a model.safetensors',
    where: 'start.from',
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // What is wrong with it is said where it is read.
    return false;
  }
}

/** The model that a configuration makes of the one that it starts from, with its seed. Throws `GRAPH_UNSUITABLE`. */
export function startingModel(engine: Engine, start: Start, { configuration, graph }: ReadConfiguration): Model {
  const { maker, options } = makerOf(configuration.start!, configuration.weightScale);
  const source = engine.open(start.bytes, { seed: configuration.seed });
  try {
    const model = maker.modelOf(source, options);
    if (firstDifference(model.graph, graph) === undefined) return model;
    const message = `${start.path} is not a model of the graph for which the configuration was checked.`;
    throw new WakesleepError('GRAPH_UNSUITABLE', message, { where: start.path });
  } finally {
    source.free();
  }
}

/** Refuses to go on with a run whose source is another model by now; throws `RESUME_MISMATCH`. */
export function refuseChangedStart(
  run: RunDescription | undefined,
  now: Pick<Start, 'path' | 'sha256'>,
  folder: string,
): void {
  const before = run?.start?.sha256;
  if (before === undefined || before === now.sha256) return;
  const message = `${shownPath(now.path)} is not the model that the run in ${shownPath(folder)} started from (its SHA-256 is another); a run goes on from its own start only.`;
  throw new WakesleepError('RESUME_MISMATCH', message, { given: now.sha256, wanted: before, where: 'start' });
}
