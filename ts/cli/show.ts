/** `wakesleep show`: what a model is made of, and pictures of it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { load } from '../engine.js';
import { GENERATION_SWEEPS, generate, SHOWN_PER_CLASS } from '../evaluate/evaluate.js';
import { makeFolder, writeFileAtomic } from '../files/atomic.js';
import type { Model } from '../model.js';
import { unitType } from '../units/index.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { Interruption } from './interruption.js';
import { openModel, readBytes } from './model-source.js';
import { exitStatus, type Output, withThousands } from './output.js';
import { pictureSizeOf } from './picture-size.js';
import { filtersPicture, generatedPicture } from './pictures.js';

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
    const pictures = options.out === undefined ? [] : await drawPictures(model, options.out, options, interruption);
    const sha256 = createHash('sha256').update(readBytes(path)).digest('hex');
    const parameters = model.parameterSpecs.map(({ name, shape }) => ({ name, shape, ...spreadOf(model, name) }));
    const { graph, seed, updates } = model;
    output.object({ type: 'model', file: path, sha256, seed, updates, graph, parameters, pictures });
    output.line(`${path}: seed ${seed}, ${withThousands(updates)} updates, SHA-256 ${sha256}`);
    output.line();
    for (const { name, units } of graph.layers) output.line(`${name.padEnd(10)} ${unitType(units).describe(units)}`);
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

async function drawPictures(
  model: Model,
  folder: string,
  { seed, width }: ShowArguments,
  { pause }: Interruption,
): Promise<string[]> {
  const size = pictureSizeOf(model.graph, width);
  const generated = await generate(model, { seed, rowsPerClass: SHOWN_PER_CLASS, sweeps: GENERATION_SWEEPS }, pause);
  const pictures = {
    'filters.png': filtersPicture(model, size),
    'generated.png': generatedPicture(model, generated, size),
  };
  makeFolder(folder);
  return Object.entries(pictures).map(([name, bytes]) => {
    const path = join(folder, name);
    writeFileAtomic(path, bytes);
    return path;
  });
}
