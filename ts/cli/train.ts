/**
 * `wakesleep train`: runs a recipe or a configuration, and leaves a folder with everything that came of it. A study is several
 * such runs, in `study.ts`.
 *
 * 1. Read and check the configuration; start the engine; take the folder; load the data.
 * 2. Begin, or go on from the folder's checkpoint.
 * 3. Train: a line of metrics.jsonl and a checkpoint for each epoch, and checkpoints by the clock in between.
 * 4. Write the model; measure it; draw pictures; say so in run.json.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import {
  FREE_ON_RESUME,
  isStudy,
  parseConfiguration,
  type ReadConfiguration,
  type ReadStudy,
  readConfiguration,
  readStudy,
} from '../config.js';
import { type Engine, load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import {
  evaluate,
  GENERATION_SWEEPS,
  type Generated,
  generate,
  SAMPLES_PER_CLASS,
  SHOWN_PER_CLASS,
} from '../evaluate/evaluate.js';
import { firstDifference, valueAt } from '../files/json.js';
import { labelLayerOf } from '../graph/machines.js';
import { isNetwork } from '../graph/network.js';
import type { Run } from '../learn/run.js';
import type { TrainingRecord } from '../learn/training.js';
import { recipeNamed, type TrainingRecipe } from '../recipes/index.js';
import { classificationPictures } from './classification-pictures.js';
import { codesPlot } from './codes-plot.js';
import { type LoadedData, loadData } from './data.js';
import { demonstrate } from './demonstrate.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { Interruption } from './interruption.js';
import { metricsPlot } from './metrics-plot.js';
import { metricsCsv } from './metrics-table.js';
import { readBytes } from './model-source.js';
import { exitStatus, type Output } from './output.js';
import {
  chainsPicture,
  drawnIfSuitable,
  filtersPicture,
  generatedPicture,
  noisePicture,
  reconstructionsPicture,
} from './pictures.js';
import { showProgress } from './progress.js';
import { reportRun } from './report.js';
import { reportPage } from './report-page.js';
import { RunEvents } from './run-events.js';
import { type RunDescription, RunFolder, resultNames } from './run-folder.js';
import { assignmentsOf, checkVariants, withAssignments } from './set.js';
import { graphInFile, readStart, refuseChangedStart, type Start, startingModel } from './start.js';
import { runStudy, startPathIn } from './study.js';

/** What the command line gives. */
export interface TrainArguments extends EngineOptions {
  readonly out?: string;
  readonly seed?: number;
  readonly set: readonly string[];
  readonly resume?: boolean;
  readonly data?: string;
  /** Of a study: the variants to train now. */
  readonly only: readonly string[];
}

/** What is trained, and what it is called. */
interface Source {
  readonly name: string;
  readonly title: string;
  readonly read: ReadConfiguration;
  /** The model that the run starts from, or the folder of its run; undefined where it starts from none. */
  readonly startPath: string | undefined;
}

/** A study, and what it is called. */
interface StudySource {
  readonly name: string;
  readonly title: string;
  readonly study: ReadStudy;
}

/** Trains a configuration or every variant of a study, or shows what a demonstration shows; returns the status to end with. */
export async function train(source: string, options: TrainArguments, output: Output): Promise<number> {
  const recipe = source.endsWith('.json') ? undefined : recipeNamed(source);
  if (recipe !== undefined && 'demonstrate' in recipe) return demonstrate(recipe, options, output);
  const what = readSource(source, recipe, options);
  const out = options.out ?? join('target', 'runs', what.name);
  const interruption = new Interruption();
  try {
    if (!('study' in what)) return await trainInto(out, what, options, interruption, output);
    const work = { ...what, path: out, resume: options.resume === true, only: options.only };
    await runStudy(
      work,
      (variant, path, { title, output: own }) =>
        trainInto(
          path,
          { name: `${what.name}/${variant.name}`, title, read: variant, startPath: startPathIn(out, variant) },
          options,
          interruption,
          own,
        ),
      output,
    );
    return exitStatus.done;
  } finally {
    interruption.dispose();
  }
}

/** Trains one configuration into a folder, with an engine of its own. */
async function trainInto(
  path: string,
  what: Source,
  options: TrainArguments,
  interruption: Interruption,
  output: Output,
): Promise<number> {
  const engine = await load(engineOptions(options));
  try {
    for (const warning of engine.info.warnings) output.remark(warning);
    const folder = RunFolder.open(path, options.resume === true);
    try {
      return await trainIn(folder, what, engine, options.data, interruption, output);
    } finally {
      folder.close();
    }
  } finally {
    engine.close();
  }
}

function readSource(source: string, recipe: TrainingRecipe | undefined, options: TrainArguments): Source | StudySource {
  const given = recipe?.configuration ?? parseConfiguration(new TextDecoder().decode(readBytes(source)), source);
  const named = {
    name: recipe?.name ?? source.replace(/^.*[\\/]/, '').replace(/\.json$/, ''),
    title: recipe?.title ?? source,
  };
  const seeded = (configuration: unknown) =>
    options.seed === undefined ? configuration : { ...(configuration as object), seed: options.seed };
  if (isStudy(given)) {
    const changed = (configuration: unknown, variant: string) =>
      withAssignments(seeded(configuration), assignmentsOf(variant, options.set, configuration));
    const study = readStudy(given, changed, graphInFile);
    checkVariants(
      study.variants.map(({ name }) => name),
      options.set,
    );
    return { ...named, study };
  }
  if (options.only.length > 0) {
    const message = `\`--only\` chooses among the variants of a study, and ${named.name} is a single run.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: options.only[0], where: '--only' });
  }
  const read = readConfiguration(withAssignments(seeded(given), options.set), graphInFile);
  return { ...named, read, startPath: read.configuration.start?.from };
}

async function trainIn(
  folder: RunFolder,
  what: Source,
  engine: Engine,
  dataFolder: string | undefined,
  interruption: Interruption,
  output: Output,
): Promise<number> {
  const { configuration, graph } = what.read;
  const { previous } = folder;
  if (previous !== undefined) refuseOther(previous.configuration, configuration, folder);
  const start = what.startPath === undefined ? undefined : readStart(what.startPath);
  if (start !== undefined) refuseChangedStart(previous, start, folder.path);
  if (previous?.status === 'finished') {
    output.line(`The run in ${folder.shown('.')} is finished; there is nothing to go on with.`);
    reportRun(folder, graph, previous, output);
    return exitStatus.done;
  }
  const data = await loadData(engine, configuration.data, dataFolder);
  interruption.signal.throwIfAborted();
  const description = describe(what, engine, data, start, previous);
  const { run, records } = begin(folder, what, engine, data, start, interruption);
  folder.describe(description);
  const events = new RunEvents(folder, description.startedAt, records);
  say(what, engine, run, folder, output);
  try {
    records.push(...(await runToEnd(folder, run, events, configuration.checkpointSeconds, interruption, output)));
    const finished = await finish(folder, run, data, description, records, events, interruption);
    reportRun(folder, graph, finished, output);
    return exitStatus.done;
  } finally {
    run.free();
  }
}

function refuseOther(before: unknown, now: unknown, folder: RunFolder): void {
  const path = firstDifference(before, now, FREE_ON_RESUME);
  if (path !== undefined) throw mismatch(path, before, now, `the run in ${folder.shown('.')}`);
}

function mismatch(path: string, before: unknown, now: unknown, of: string): WakesleepError {
  const [wanted, given] = [inShort(valueAt(before, path)), inShort(valueAt(now, path))];
  const message = `\`${path}\` is ${given} here, but ${wanted} in ${of}; a run goes on with its own configuration only.`;
  return new WakesleepError('RESUME_MISMATCH', message, { given, wanted, where: path });
}

function inShort(value: unknown): string {
  const json = JSON.stringify(value) ?? 'not set';
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}

function describe(
  what: Source,
  engine: Engine,
  data: LoadedData,
  start: Start | undefined,
  previous: RunDescription | undefined,
): RunDescription {
  const { info } = engine;
  const now = new Date().toISOString();
  return {
    format: 'wakesleep-run',
    status: 'unfinished',
    source: what.name,
    configuration: what.read.configuration,
    versions: { wakesleep: info.version, streamVersion: info.streamVersion },
    machine: {
      host: info.host,
      cpu: cpus()[0]?.model ?? 'unknown',
      artefact: info.artefact,
      portable: info.portable && (previous?.machine.portable ?? true),
      threads: info.threads,
      reason: info.reason,
    },
    data: data.digests,
    ...(start !== undefined && { start: { file: start.path, sha256: start.sha256 } }),
    startedAt: previous?.startedAt ?? now,
    resumedAt: previous === undefined ? [] : [...previous.resumedAt, now],
  };
}

/** A new run, or the one that the folder's checkpoint stands in, with the records that it has given. */
function begin(
  folder: RunFolder,
  { read }: Source,
  engine: Engine,
  data: LoadedData,
  start: Start | undefined,
  { signal }: Interruption,
): { readonly run: Run; readonly records: TrainingRecord[] } {
  const { configuration, graph } = read;
  const { seed, weightScale, train: algorithms, monitor } = configuration;
  const options = { signal, monitor, ...(data.heldOut === undefined ? {} : { heldOut: data.heldOut }) };
  const checkpoint = folder.readCheckpoint();
  if (checkpoint === undefined) {
    const model =
      start === undefined ? engine.create(graph, { seed, weightScale }) : startingModel(engine, start, read);
    const run = model.train(data.train, algorithms[0], options);
    return { run, records: folder.cutMetrics(0) };
  }
  const run = engine.resume(checkpoint, data.train, options);
  const stored = { graph: run.model.graph, seed: run.model.seed, train: [run.algorithm] };
  const wanted = { graph, seed, train: algorithms };
  const path = firstDifference(stored, wanted);
  if (path !== undefined) throw mismatch(path, stored, wanted, folder.shown('checkpoint.safetensors'));
  return { run, records: folder.cutMetrics(run.progress.records) };
}

function say({ title }: Source, engine: Engine, run: Run, folder: RunFolder, output: Output): void {
  const { artefact, threads, portable } = engine.info;
  const from = run.progress.updates > 0 ? `going on after update ${run.progress.updates}, ` : '';
  const where = `${threads} ${threads === 1 ? 'thread' : 'threads'}, artefact ${artefact}${portable ? '' : ' (bits depend on the host)'}`;
  output.remark(`${title}: ${from}${run.data.rows} rows, ${where}, into ${folder.shown('.')}`);
}

/** Iterates the run; returns the records that it gave. On an interruption a checkpoint is written first. */
async function runToEnd(
  folder: RunFolder,
  run: Run,
  events: RunEvents,
  checkpointSeconds: number,
  interruption: Interruption,
  output: Output,
): Promise<TrainingRecord[]> {
  const records: TrainingRecord[] = [];
  const display = await showProgress(run);
  const stopClock = checkpointByClock(folder, run, checkpointSeconds, interruption);
  try {
    for await (const record of run) {
      records.push(record);
      folder.appendRecord(record);
      folder.writeCheckpoint(run.toBytes());
      events.add(record);
      display.record(record);
      output.object({ type: 'record', ...record });
    }
  } catch (error) {
    const { aborted, reason } = interruption.signal;
    if (!aborted) throw error;
    if (!isAborted(reason)) throw reason;
    folder.writeCheckpoint(run.toBytes());
    const where = folder.shown('checkpoint.safetensors');
    const message = `${reason.message} The run stands in ${where}; go on with it with \`--resume\`.`;
    throw new WakesleepError('ABORTED', message, { cause: reason });
  } finally {
    stopClock();
    display.stop();
  }
  return records;
}

function isAborted(reason: unknown): reason is WakesleepError {
  return reason instanceof WakesleepError && reason.code === 'ABORTED';
}

/**
 * Writes a checkpoint every so many seconds. A timer is heard only where the run gives up the thread, which is at a batch
 * boundary, so what it writes is whole. An error stops the run; whatever was written before is kept.
 */
function checkpointByClock(folder: RunFolder, run: Run, seconds: number, interruption: Interruption): () => void {
  const timer = setInterval(() => {
    try {
      folder.writeCheckpoint(run.toBytes());
    } catch (error) {
      clearInterval(timer);
      interruption.stop(error);
    }
  }, seconds * 1000);
  return () => clearInterval(timer);
}

const NONE: Generated = { values: new Float32Array(), classes: 1, rowsPerClass: 0 };

/** Generated rows; none from a network, or where the chains of a model without labels grow beyond all numbers. */
async function generatedOrNone(...given: Parameters<typeof generate>): Promise<Generated> {
  if (isNetwork(given[0].graph)) return NONE;
  try {
    return await generate(...given);
  } catch (error) {
    const labelled = labelLayerOf(given[0].graph) !== undefined;
    if (labelled || !(error instanceof WakesleepError) || error.code !== 'DIVERGED') throw error;
    return NONE;
  }
}

/** Writes the model, measures it, draws its pictures, and says in run.json that the run is finished. */
async function finish(
  folder: RunFolder,
  run: Run,
  data: LoadedData,
  description: RunDescription,
  records: readonly TrainingRecord[],
  events: RunEvents,
  { pause }: Interruption,
): Promise<RunDescription> {
  const startedAt = performance.now();
  const { model } = run;
  const { seed, evaluate: names } = description.configuration;
  const hasLabels = labelLayerOf(model.graph) !== undefined;
  const written = folder.writeModel(model.toBytes(), model.updates);
  // A chain's draws do not depend on how many there are, so the picture is the same either way.
  const rowsPerClass = names.includes('recognisedSamples') || !hasLabels ? SAMPLES_PER_CLASS : SHOWN_PER_CLASS;
  const generated = await generatedOrNone(model, { seed, rowsPerClass, sweeps: GENERATION_SWEEPS }, pause);
  const evaluation = await evaluate(model, names, data, generated, pause);
  const hasSamples = generated.rowsPerClass > 0;
  const pictures = {
    'filters.png': await drawnIfSuitable(() => filtersPicture(model, data)),
    'reconstructions.png': await drawnIfSuitable(() => reconstructionsPicture(model, data.test ?? data.train, data)),
    'generated.png': hasSamples ? generatedPicture(model, generated, data) : undefined,
    'chains.png': hasSamples ? await drawnIfSuitable(() => chainsPicture(model, seed, data)) : undefined,
    'metrics.svg': await metricsPlot(description.source, records),
    'noise.png': evaluation.noise && noisePicture(model, { ...data, test: data.test! }),
    'codes.svg': await codesPlot(description.source, model, data.test ?? data.train),
    ...(await classificationPictures(description.source, model, data, evaluation)),
  };
  const drawn = Object.entries(pictures).flatMap(([name, bytes]) => (bytes === undefined ? [] : [{ name, bytes }]));
  for (const { name, bytes } of drawn) folder.write(name, bytes);
  folder.write(resultNames.table, metricsCsv(records));
  events.finish(model, drawn);
  const training = records.reduce((sum, { timing }) => sum + timing.seconds, 0);
  const finished: RunDescription = {
    ...description,
    status: 'finished',
    finishedAt: new Date().toISOString(),
    seconds: { training, evaluation: (performance.now() - startedAt) / 1000 },
    model: written,
    evaluation,
    pictures: drawn.map(({ name }) => name),
  };
  folder.write(resultNames.page, await reportPage(finished, records, drawn));
  folder.describe(finished);
  return finished;
}
