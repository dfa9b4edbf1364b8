/**
 * Studies: several configurations, trained one after another as runs of their own, and compared.
 *
 *     run.json        what the study is, and which variants are finished
 *     NAME/           the run of each variant, as `run-folder.ts` says
 *     summary.json    a line for each finished variant: what it is compared by, its last record, what was evaluated
 *     summary.svg     the comparison as a plot
 *
 * A variant is finished when its own run.json says so; those are not trained again. What the study's run.json says of them
 * follows, so that a kill between the two loses nothing. A variant that starts from another's model is trained after it.
 */
import { join, resolve } from 'node:path';
import {
  type Comparison,
  type Configuration,
  FREE_ON_RESUME,
  isVariantName,
  ofVariant,
  type ReadStudy,
  refuseUnknownVariant,
} from '../config.js';
import { WakesleepError } from '../errors.js';
import { shareInterval } from '../evaluate/interval.js';
import { writeFileAtomic } from '../files/atomic.js';
import { firstDifference } from '../files/json.js';
import type { TrainingRecord } from '../learn/training.js';
import { drawnMeasures, pointsOf } from './metrics-plot.js';
import { duration, type Output, withThousands } from './output.js';
import { linePlot, valuePlot } from './plots.js';
import { type RunDescription, RunFolder, readDescribed, shownPath, takeFolder } from './run-folder.js';
import { refuseChangedStart } from './start.js';

/** What a study's run.json says. */
export interface StudyDescription {
  readonly format: 'wakesleep-study';
  readonly status: 'unfinished' | 'finished';
  readonly source: string;
  readonly configuration: { readonly compare: Comparison; readonly variants: Readonly<Record<string, Configuration>> };
  /** Names of the variants whose runs are finished. */
  readonly finished: readonly string[];
  readonly startedAt: string;
  readonly resumedAt: readonly string[];
  readonly finishedAt?: string;
}

/** What the summary says of a variant. */
export interface VariantSummary {
  readonly name: string;
  /** What the study compares by; null where the variant has no such number. */
  readonly value: number | null;
  /** The ends between which an estimate of `testNats` lies, or the 95 % interval of a share of errors over its rows. */
  readonly low?: number;
  readonly high?: number;
  readonly updates: number;
  /** The record with which training ended. */
  readonly last: Omit<TrainingRecord, 'timing'>;
  readonly evaluation: NonNullable<RunDescription['evaluation']>;
  readonly model: NonNullable<RunDescription['model']>;
  readonly timing: NonNullable<RunDescription['seconds']>;
}

type Variant = ReadStudy['variants'][number];

/** Trains one variant into a folder of its own, or goes on with it. */
export type TrainVariant = (
  variant: Variant,
  folder: string,
  what: { readonly title: string; readonly output: Output },
) => Promise<unknown>;

/** What records measure: curves over updates, compared by their last point. */
const ofRecords = {
  gapToOptimum: drawnMeasures.gapToOptimum.label,
  logLikelihood: drawnMeasures.logLikelihood.label,
  reconstructionError: drawnMeasures.reconstructionError.label,
} as const;

/** How the comparisons are called in the table and on the plot; what is not of records is evaluated at the end. */
const comparisonLabels: Readonly<Record<Comparison, string>> = {
  ...ofRecords,
  testNats: 'log-likelihood of test rows (nats a row)',
  testErrorPercent: 'test error (%, and its 95 % interval over test rows)',
  heldOutErrorPercent: 'held-out error (%, and its 95 % interval over held-out rows)',
  testSquaredError: 'squared error of reconstructed test rows (a row)',
};

/** A study, and what of it is to be done. */
export interface StudyWork {
  readonly name: string;
  readonly title: string;
  readonly study: ReadStudy;
  readonly path: string;
  readonly resume: boolean;
  /** Names of the variants to train now; all where there is none. */
  readonly only: readonly string[];
}

/** Trains what is not trained yet, in order, and sums up what is finished. */
export async function runStudy(work: StudyWork, trainVariant: TrainVariant, output: Output): Promise<void> {
  const { study, path, only } = work;
  const wanted = study.variants.filter(({ name }) => only.length === 0 || only.includes(name));
  const names = study.variants.map(({ name }) => name);
  for (const name of only) refuseUnknownVariant(name, names, '--only');
  const { lock, previous } = takeFolder(path, work.resume, readStudyDescription);
  try {
    if (previous !== undefined) refuseOther(work, previous);
    refuseUnfinishedStarts(path, wanted);
    const isDone = previous?.status === 'finished';
    const description = isDone ? previous : describe(path, descriptionOf(work, previous));
    output.remark(`${work.title}: ${study.variants.length} variants, into ${shownPath(resolve(path))}`);
    for (const [index, variant] of wanted.entries()) {
      const { name } = variant;
      const done = finishedRun(join(path, name));
      if (done !== undefined) {
        refuseOtherStart(path, variant, done);
        continue;
      }
      const title = `${name}, ${index + 1} of ${wanted.length}`;
      try {
        await trainVariant(variant, join(path, name), { title, output: output.of(name) });
      } catch (error) {
        throw ofVariant(name, error);
      }
      describe(path, description);
    }
    await sumUp(path, isDone ? description : describe(path, description), output);
  } finally {
    lock.release();
  }
}

function readStudyDescription(path: string): StudyDescription {
  return readDescribed(path, 'wakesleep-study', 'a study') as unknown as StudyDescription;
}

/** What decides a study's bits, complete. */
function configurationOf({ compare, variants }: ReadStudy): StudyDescription['configuration'] {
  return { compare, variants: Object.fromEntries(variants.map(({ name, configuration }) => [name, configuration])) };
}

/** Refuses to go on with another study's folder; throws `RESUME_MISMATCH`. */
function refuseOther({ study, path }: StudyWork, previous: StudyDescription): void {
  const free = FREE_ON_RESUME.map((key) => `variants.*.${key}`);
  const different = firstDifference(previous.configuration, configurationOf(study), free);
  if (different === undefined) return;
  const message = `\`${different}\` is not what it is in the study in ${shownPath(resolve(path))}; a study goes on with its own configuration only.`;
  throw new WakesleepError('RESUME_MISMATCH', message, { where: different });
}

/** The variant that another starts from; undefined where it starts from none. */
function sourceOf({ configuration: { start } }: Variant): string | undefined {
  return start !== undefined && isVariantName(start.from) ? start.from : undefined;
}

/** Where the model is that a variant starts from: an earlier one's folder, or a path of its own; undefined where it starts from none. */
export function startPathIn(path: string, variant: Variant): string | undefined {
  const source = sourceOf(variant);
  return source === undefined ? variant.configuration.start?.from : join(path, source);
}

/** Refuses to train variants that start from one which is neither finished nor trained before them; throws `OPTION_INVALID`. */
function refuseUnfinishedStarts(path: string, wanted: readonly Variant[]): void {
  for (const variant of wanted) {
    const { name } = variant;
    const source = sourceOf(variant);
    const isThere = source === undefined || wanted.some((other) => other.name === source);
    if (isThere || finishedRun(join(path, name)) || finishedRun(join(path, source))) continue;
    const message = `Variant ${name} starts from ${source}, which is not finished in ${shownPath(resolve(path))}; train it first, or with \`--only ${source}\` too.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted: source, where: '--only' });
  }
}

/** Refuses a finished variant whose source has been trained anew since; throws `RESUME_MISMATCH`. */
function refuseOtherStart(path: string, variant: Variant, done: RunDescription): void {
  const source = sourceOf(variant);
  const model = source === undefined ? undefined : finishedRun(join(path, source))?.model;
  if (source === undefined || model === undefined) return;
  const now = { path: RunFolder.modelIn(join(path, source)), sha256: model.sha256 };
  refuseChangedStart(done, now, join(path, variant.name));
}

/** The study as it begins or goes on. */
function descriptionOf({ name, study }: StudyWork, previous: StudyDescription | undefined): StudyDescription {
  const now = new Date().toISOString();
  return {
    format: 'wakesleep-study',
    status: 'unfinished',
    source: name,
    configuration: configurationOf(study),
    finished: [],
    startedAt: previous?.startedAt ?? now,
    resumedAt: previous === undefined ? [] : [...previous.resumedAt, now],
  };
}

/** Writes run.json with what is finished by now, and returns what it says. */
function describe(path: string, description: StudyDescription): StudyDescription {
  const names = Object.keys(description.configuration.variants);
  const finished = names.filter((name) => finishedRun(join(path, name)) !== undefined);
  const done = finished.length === names.length;
  const now: StudyDescription = {
    ...description,
    status: done ? 'finished' : 'unfinished',
    finished,
    ...(done && { finishedAt: new Date().toISOString() }),
  };
  writeFileAtomic(join(path, 'run.json'), `${JSON.stringify(now, null, 2)}\n`);
  return now;
}

/** What a variant's run says of itself, where it is finished. */
function finishedRun(folder: string): RunDescription | undefined {
  const description = RunFolder.describedIn(folder);
  return description?.status === 'finished' ? description : undefined;
}

// ---- The summary ----

/** Writes the summary and its plot, and prints the table. */
async function sumUp(
  path: string,
  { configuration, finished, source }: StudyDescription,
  output: Output,
): Promise<void> {
  const { compare } = configuration;
  const runs = finished.map((name) => {
    const folder = join(path, name);
    return { name, run: finishedRun(folder)!, records: RunFolder.recordsIn(folder) };
  });
  const variants = runs.map(({ name, run, records }) => summaryOf(name, compare, run, records));
  const summary = { format: 'wakesleep-summary', compare, variants };
  writeFileAtomic(join(path, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const title = `${source}: ${comparisonLabels[compare]}`;
  const plot = isOfRecords(compare)
    ? await linePlot(title, [
        {
          x: { label: 'updates', log: drawnMeasures[compare].log },
          y: drawnMeasures[compare],
          series: runs.map(({ name, records }) => ({ name, points: pointsOf(records, compare) })),
        },
      ])
    : await valuePlot(title, {
        x: { label: comparisonLabels[compare] },
        values: variants.flatMap(({ value, ...rest }) => (value === null ? [] : [{ ...rest, value }])),
      });
  writeFileAtomic(join(path, 'summary.svg'), plot);
  report(resolve(path), compare, variants, Object.keys(configuration.variants).length, output);
}

function isOfRecords(compare: Comparison): compare is keyof typeof ofRecords {
  return Object.hasOwn(ofRecords, compare);
}

function summaryOf(
  name: string,
  compare: Comparison,
  { evaluation = {}, model, seconds }: RunDescription,
  records: readonly TrainingRecord[],
): VariantSummary {
  const { timing: _, ...last } = records.at(-1)!;
  const value = (isOfRecords(compare) ? last[compare] : evaluation[compare]) ?? null;
  const { updates } = last;
  return { name, value, ...endsOf(compare, evaluation), updates, last, evaluation, model: model!, timing: seconds! };
}

/** How sure what variants are compared by is, where that is known. */
function endsOf(
  compare: Comparison,
  { testNatsLow, testNatsHigh, testErrors, testRows, heldOutErrors, heldOutRows }: VariantSummary['evaluation'],
): Pick<VariantSummary, 'low' | 'high'> {
  if (compare === 'testNats' && testNatsLow !== undefined && testNatsHigh !== undefined) {
    return { low: testNatsLow, high: testNatsHigh };
  }
  if (compare === 'testErrorPercent') return intervalOf(testErrors, testRows);
  if (compare === 'heldOutErrorPercent') return intervalOf(heldOutErrors, heldOutRows);
  return {};
}

function intervalOf(errors: number | undefined, rows: number | undefined): Pick<VariantSummary, 'low' | 'high'> {
  if (errors === undefined || rows === undefined) return {};
  const { low, high } = shareInterval(errors, rows);
  return { low: 100 * low, high: 100 * high };
}

function report(
  path: string,
  compare: Comparison,
  variants: readonly VariantSummary[],
  all: number,
  output: Output,
): void {
  for (const variant of variants) output.object({ type: 'variant', ...variant });
  const files = { summary: join(path, 'summary.json'), plot: join(path, 'summary.svg') };
  output.object({ type: 'study', out: path, variants: all, finished: variants.length, compare, ...files });
  const width = Math.max(7, ...variants.map(({ name }) => name.length));
  output.line(
    `${'Variant'.padEnd(width)}  ${'updates'.padStart(9)}  ${'training'.padStart(12)}  ${comparisonLabels[compare]}`,
  );
  for (const { name, updates, timing, value, low, high } of variants) {
    const bracket = low === undefined || high === undefined ? '' : ` (${low.toFixed(2)} to ${high.toFixed(2)})`;
    const number = value === null ? 'not measured' : `${value.toFixed(compare === 'gapToOptimum' ? 4 : 2)}${bracket}`;
    const cells = [withThousands(updates).padStart(9), duration(timing.training).padStart(12), number];
    output.line(`${name.padEnd(width)}  ${cells.join('  ')}`);
  }
  output.line();
  if (variants.length < all) {
    output.line(`${variants.length} of ${all} variants are finished; the others follow with \`--resume\`.`);
  }
  output.line(`Summary  ${shownPath(files.summary)}`);
  output.line(`Plot     ${shownPath(files.plot)}`);
}
