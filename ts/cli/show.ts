/** `wakesleep show`: what a model is made of, and pictures of it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { GENERATION_SWEEPS, generate, SHOWN_PER_CLASS } from '../evaluate/evaluate.js';
import { makeFolder, writeFileAtomic } from '../files/atomic.js';
import { connectionName, type Graph } from '../graph/graph.js';
import type { Model } from '../model.js';
import { unitType } from '../units/index.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { graphPicture, sizeOf } from './graph-picture.js';
import { Interruption } from './interruption.js';
import { openModel, readBytes } from './model-source.js';
import { exitStatus, type Output, withThousands } from './output.js';
import { pictureSizeOf } from './picture-size.js';
import { drawnIfSuitable, filtersPicture, generatedPicture, type PictureSize } from './pictures.js';

/** What the command line gives. */
export interface ShowArguments extends EngineOptions {
  readonly out?: string;
  readonly seed: number;
  readonly width?: number;
}

/** Prints the summary; with `--out`, draws the pictures. */
export async function show(path: string, options: ShowArguments, output: Output): Promise<number> {
  const engine = await load(engineOptions(options));
  const interruption = new Interruption();
  try {
    const model = openModel(engine, path);
    const pictures =
      options.out === undefined ? [] : await drawPictures(model, options.out, options, interruption, output);
    const sha256 = createHash('sha256').update(readBytes(path)).digest('hex');
    const parameters = model.parameterSpecs.map(({ name, shape }) => ({ name, shape, ...spreadOf(model, name) }));
    const { graph, seed, updates } = model;
    output.object({ type: 'model', file: path, sha256, seed, updates, graph, parameters, pictures });
    output.line(`${path}: seed ${seed}, ${withThousands(updates)} updates, SHA-256 ${sha256}`);
    output.line();
    for (const line of graphTable(graph)) output.line(line);
    output.line();
    output.line(
      `${'parameter'.padEnd(34)} ${'shape'.padEnd(14)} ${'mean'.padStart(9)} ${'std'.padStart(9)} ${'largest'.padStart(9)}`,
    );
    for (const { name, shape, mean, deviation, largest } of parameters) {
      const numbers = [mean, deviation, largest].map((value) => value.toFixed(4).padStart(9)).join(' ');
      output.line(`${name.padEnd(34)} ${shape.join(' × ').padEnd(14)} ${numbers}`);
    }
    if (pictures.length > 0) output.line();
    for (const picture of pictures) output.line(picture);
    return exitStatus.done;
  } finally {
    interruption.dispose();
    engine.close();
  }
}

/** The graph as a table of layers and one of connections. */
function graphTable(graph: Graph): string[] {
  const layers = graph.layers.map(({ name, units }) => [name, unitType(units).describe(units)]);
  const connections = graph.connections.map((connection) => {
    return [connectionName(connection), connection.kind, sizeOf(graph, connection)];
  });
  return [
    ...aligned([['layer', 'units'], ...layers]),
    '',
    ...aligned([['connection', 'kind', 'size'], ...connections]),
  ];
}

/** Rows of words in columns. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(10, ...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((word, column) => word.padEnd(widths[column]!))
      .join(' ')
      .trimEnd(),
  );
}

/** Mean, standard deviation and largest magnitude of a tensor. */
function spreadOf(model: Model, name: string) {
  const values = model.parameter(name).values();
  let [sum, squares, largest] = [0, 0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
    largest = Math.max(largest, Math.abs(value));
  }
  const mean = sum / values.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / values.length - mean * mean)), largest };
}

/** Draws the graph and, where the model has such, filters and generated rows; says what is left out. */
async function drawPictures(
  model: Model,
  folder: string,
  { seed, width }: ShowArguments,
  { pause }: Interruption,
  output: Output,
): Promise<string[]> {
  const pictures = new Map<string, Uint8Array>([['graph.svg', new TextEncoder().encode(graphPicture(model.graph))]]);
  const size = width === undefined ? sizeUnlessNone(model.graph, output) : pictureSizeOf(model.graph, width);
  if (size !== undefined) {
    await add(pictures, 'filters.png', output, async () => filtersPicture(model, size));
    await add(pictures, 'generated.png', output, async () => {
      const rows = { seed, rowsPerClass: SHOWN_PER_CLASS, sweeps: GENERATION_SWEEPS };
      return generatedPicture(model, await generate(model, rows, pause), size);
    });
  }
  makeFolder(folder);
  return Array.from(pictures, ([name, bytes]) => {
    const path = join(folder, name);
    writeFileAtomic(path, bytes);
    return path;
  });
}

/** The size of pictures of the visible units, or nothing, with a remark, where they are no square. */
function sizeUnlessNone(graph: Graph, output: Output): PictureSize | undefined {
  try {
    return pictureSizeOf(graph, undefined);
  } catch (error) {
    if (!(error instanceof WakesleepError)) throw error;
    output.remark(`Only the graph is drawn: ${error.message}`);
    return undefined;
  }
}

/** Adds a picture; a model that has no such picture gives a remark in its place. */
async function add(
  pictures: Map<string, Uint8Array>,
  name: string,
  output: Output,
  draw: () => Promise<Uint8Array>,
): Promise<void> {
  const picture = await drawnIfSuitable(draw, (why) => output.remark(`There is no ${name}: ${why}`));
  if (picture !== undefined) pictures.set(name, picture);
}
