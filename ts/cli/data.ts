/** Rows for the command: what a configuration's `data` or a DATA argument names, in an engine's memory. */
import { createHash } from 'node:crypto';
import type { Configuration } from '../config.js';
import type { Dataset } from '../data/dataset.js';
import { type DataRequest, type ResolvedData, resolveData } from '../data/named.js';
import type { Engine } from '../engine.js';
import { WakesleepError } from '../errors.js';
import type { EvaluationData } from '../evaluate/evaluate.js';

/** One set of rows as it was read: for run.json, so that a run says what it saw. */
export interface DataDigest {
  readonly name: string;
  readonly rows: number;
  /** Over the numbers as bytes, then the labels. */
  readonly sha256: string;
}

/** Everything that a run reads. */
export interface LoadedData extends EvaluationData {
  readonly digests: readonly DataDigest[];
}

/** Rows of one set, as pictures. */
export interface LoadedRows {
  readonly rows: Dataset;
  readonly height: number;
  readonly width: number;
  readonly digest: DataDigest;
  /** What the classes are called, where it is not by their numbers. */
  readonly classNames: readonly string[] | undefined;
  /** What the first index of sparse rows is in their file. */
  readonly firstIndex: 0 | 1 | undefined;
}

/** Loads training, held-out and test rows; throws `DATA_MISSING`, `DATA_CORRUPT`, `OPTION_INVALID` and what they hold. */
export async function loadData(
  engine: Engine,
  data: Configuration['data'],
  dataFolder: string | undefined,
): Promise<LoadedData> {
  const names = namesOf(data);
  const train = await loadRows(engine, names.train, { ...names.trainRequest, dataFolder });
  const { height, width, firstIndex } = train;
  const test =
    names.test === undefined
      ? undefined
      : await loadRows(engine, names.test, {
          ...names.testRequest,
          dataFolder,
          height,
          width,
          firstIndex,
          ...classesOf(train),
        });
  if (data.heldOut >= train.rows.rows) {
    const wanted = `below the number of training rows, ${train.rows.rows}`;
    throw new WakesleepError('OPTION_INVALID', `\`data.heldOut\` must be ${wanted}; got ${data.heldOut}.`, {
      given: data.heldOut,
      wanted,
      where: 'data.heldOut',
    });
  }
  const [rest, heldOut] = train.rows.split({ last: data.heldOut });
  const digests = test === undefined ? [train.digest] : [train.digest, test.digest];
  return {
    train: subsetOf(rest, data),
    heldOut: data.heldOut === 0 ? undefined : heldOut,
    test: test?.rows,
    height,
    width,
    digests,
  };
}

/** What the command line says of the rows of one file. */
export interface RowsArguments {
  readonly labelColumn?: string | number;
  readonly firstIndex?: 0 | 1;
  readonly array?: string;
  readonly scale?: number;
  readonly data?: string;
}

/** The same as a request. */
export function requestOf({ labelColumn, firstIndex, array, scale, data }: RowsArguments): DataRequest {
  return { labelColumn, firstIndex, array, scale, dataFolder: data };
}

/** The rows that are trained on, of those that are not held out: all, or as many of each class as there are to be labels of. */
function subsetOf(rows: Dataset, data: Configuration['data']): Dataset {
  if (!('labelled' in data) || data.labelled === undefined) return rows;
  return rows.balancedSubset({ rows: data.labelled, seed: data.subset ?? 0 });
}

/** Loads what one name or path stands for. */
export async function loadRows(engine: Engine, name: string, request: DataRequest): Promise<LoadedRows> {
  const found = await resolveData(name, request);
  const { images, columns, labels, classes, classNames, height, width, scale, hasMissing, firstIndex } = found;
  const labelled = labels === undefined ? {} : { labels, classes: classes! };
  const known = hasMissing === true ? { known: 'notNaN' as const } : {};
  const rows = engine.dataset({ rows: images, columns, scale, name, ...labelled, ...known });
  return { rows, height, width, classNames, firstIndex, digest: { name, rows: found.rows, sha256: digestOf(found) } };
}

function digestOf({ images, labels }: ResolvedData): string {
  const hash = createHash('sha256');
  const parts = 'offsets' in images ? [images.offsets, images.places, images.values] : [images];
  for (const part of parts) hash.update(part);
  return (labels === undefined ? hash : hash.update(labels)).digest('hex');
}

interface Names {
  readonly train: string;
  readonly trainRequest: DataRequest;
  readonly test: string | undefined;
  readonly testRequest: DataRequest;
}

/** The classes of the training rows, which test rows have too: labels that were counted off anew would be other classes. */
function classesOf({ classNames, rows }: LoadedRows): Pick<DataRequest, 'classes' | 'classNames'> {
  if (classNames !== undefined) return { classNames };
  const { classes } = rows;
  return classes > 0 ? { classes, classNames: Array.from({ length: classes }, (_, label) => String(label)) } : {};
}

/** What the test rows of a named set are called; `undefined` where data are files. */
export function testSetOf({ name }: Configuration['data']): string | undefined {
  return name === 'file' || name === 'files' ? undefined : `${name}:test`;
}

function namesOf(data: Configuration['data']): Names {
  if (data.name === 'file') {
    const { file, testFile, labelColumn, array, scale, classes } = data;
    const request = { labelColumn, array, scale, classes };
    return { train: file, trainRequest: request, test: testFile, testRequest: request };
  }
  if (data.name !== 'files') {
    return { train: `${data.name}:train`, trainRequest: {}, test: testSetOf(data), testRequest: {} };
  }
  const { images, labels, classes, testImages, testLabels } = data;
  return {
    train: images,
    trainRequest: { labels, classes },
    test: testImages,
    testRequest: { labels: testLabels, classes },
  };
}
