/**
 * Rows from any file that a loader knows, on Node; the name's ending says which loader it is, with `.gz` after it or without:
 *
 *     .csv .tsv            a table of text; `labelColumn` names or counts the column of classes
 *     .libsvm .svm         sparse rows after their classes
 *     .amat                a table of text, the class last
 *     .npy .npz .mat .safetensors    arrays `[rows, ...]`: `array` says which, `labelColumn` which one has the classes
 *     .parquet             a table; needs the package `hyparquet`
 *     .bin                 pictures of CIFAR
 *     a folder             PNG pictures, a sub-folder for each class
 *
 * Files of text are read as a stream. Loaders are imported when they are wanted, modules of Node inside the functions.
 */
import { WakesleepError } from '../errors.js';
import { corrupt } from './corrupt.js';
import { unpacked } from './gzip.js';
import type { Pictures } from './pictures.js';
import type { SparseRows } from './sparse.js';
import { columnPlace, GrowingLabels, type Labels, MAX_COLUMNS, NO_LABELS, type Table } from './table.js';

/** What may be said of a file. */
export interface FileRequest {
  /** The column of classes, by name or number, or the array that holds them. */
  readonly labelColumn?: string | number | undefined;
  /** The array that holds the rows, in a file of several. */
  readonly array?: string | undefined;
  /** What numbers are multiplied by; default: 1/255 for pictures, 1 for all else. */
  readonly scale?: number | undefined;
  /** Numbers in a row, where the file may leave the last ones out. */
  readonly columns?: number | undefined;
  /** What the first index of sparse rows is, as another part of the set has it; default: 0 where the file has an index 0, else 1. */
  readonly firstIndex?: 0 | 1 | undefined;
  /** What the classes are called in another part of the set, in the order of their numbers. */
  readonly classNames?: readonly string[] | undefined;
}

/** Rows as a file holds them. */
export interface FileRows extends Labels {
  /** `[rows, columns]`, or sparse. */
  readonly values: Uint8Array | Float32Array | SparseRows;
  readonly rows: number;
  readonly columns: number;
  readonly scale: number;
  readonly height: number;
  readonly width: number;
  /** Whether numbers are missing, which are NaN. */
  readonly hasMissing: boolean;
  /** What the first index of sparse rows is. */
  readonly firstIndex?: 0 | 1;
}

/** Reads the file of a path. */
type Loader = (path: string, request: FileRequest) => Promise<FileRows>;

const loaders: Readonly<Record<string, Loader>> = {
  '.csv': async (path, request) => ofTable(await readText(path, { ...request, delimiter: ',' }), request),
  '.tsv': async (path, request) => ofTable(await readText(path, { ...request, delimiter: '\t' }), request),
  '.libsvm': readSparse,
  '.svm': readSparse,
  '.svmlight': readSparse,
  '.amat': async (path, request) => {
    const { readAmat } = await import('./amat.js');
    const labelColumn = request.labelColumn === undefined ? -1 : columnNumber(path, request.labelColumn);
    const { classNames } = request;
    return ofTable(await readAmat(await streamOf(path), path, { labelColumn, classNames }), request);
  },
  '.mat': async (path, request) => {
    const bytes = unpacked(await bytesOf(path), path);
    const { isNorb, readNorb } = await import('./norb.js');
    if (isNorb(bytes)) return ofArrays(path, new Map([['matrix', readNorb(bytes, path)]]), request, PIXEL_SCALE);
    return ofArrays(path, (await import('./mat.js')).readMat(bytes, path), request);
  },
  '.npy': async (path, request) => {
    const { readNpy } = await import('../files/npz.js');
    return ofArrays(path, new Map([['array', readNpy(unpacked(await bytesOf(path), path), path)]]), request);
  },
  '.npz': async (path, request) => {
    const { readNpz } = await import('../files/npz.js');
    return ofArrays(path, readNpz(unpacked(await bytesOf(path), path), path), request);
  },
  '.safetensors': async (path, request) => {
    const { readSafetensors } = await import('../files/safetensors.js');
    return ofArrays(path, readSafetensors(unpacked(await bytesOf(path), path), path).tensors, request);
  },
  '.parquet': async (path, { labelColumn, classNames, ...request }) => {
    const { readParquet } = await import('./parquet.js');
    return ofTable(await readParquet(unpacked(await bytesOf(path), path), path, { labelColumn, classNames }), request);
  },
  '.bin': async (path, { labelColumn, ...request }) => {
    const { readCifar } = await import('./cifar.js');
    const labels = labelColumn === undefined ? {} : { labels: labelColumn as 'fine' | 'coarse' };
    return ofPictures(readCifar(await bytesOf(path), path, labels), request);
  },
};

const PIXEL_SCALE = 1 / 255;

/** What reads the file of a path; undefined where its name does not say. Throws what `node:fs` throws for what is not there. */
export async function loaderOf(path: string): Promise<((request: FileRequest) => Promise<FileRows>) | undefined> {
  const { stat } = await import('node:fs/promises');
  if ((await stat(path)).isDirectory()) {
    const { readImageFolder } = await import('./image-folder.js');
    return async (request) => ofPictures(await readImageFolder(path, { classNames: request.classNames }), request);
  }
  const loader = loaders[endingOf(path)];
  return loader && ((request) => loader(path, request));
}

/** Classes of rows from a file of their own: a vector of integers, each below `classes`; undefined for an idx file. */
export async function readLabelsFile(path: string, classes: number | undefined): Promise<Uint8Array | undefined> {
  const ending = endingOf(path);
  let values: ArrayLike<number>;
  if (ending === '.npy')
    values = (await import('../files/npz.js')).readNpy(unpacked(await bytesOf(path), path), path).values;
  else if (ending === '.csv' || ending === '.tsv') values = (await readText(path, {})).values;
  else if (ending === '.mat') values = (await import('./norb.js')).readNorb(await bytesOf(path), path).values;
  else return undefined;
  const limit = classes ?? 256;
  return Uint8Array.from(values, (label, row) => {
    if (Number.isInteger(label) && label >= 0 && label < limit) return label;
    throw corrupt(path, `holds the label ${label} in row ${row}, but labels are from 0 to ${limit - 1}`);
  });
}

function endingOf(path: string): string {
  return /(\.[^./\\]*?)(?:\.gz)?$/.exec(path.toLowerCase())?.[1] ?? '';
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  const { buffer, byteOffset, byteLength } = await readFile(path);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function streamOf(path: string): Promise<AsyncIterable<Uint8Array>> {
  const { createReadStream } = await import('node:fs');
  return createReadStream(path, { highWaterMark: 2 ** 20 });
}

async function readText(path: string, request: FileRequest & { readonly delimiter?: string }): Promise<Table> {
  const { readCsv } = await import('./csv.js');
  const { labelColumn, classNames, delimiter } = request;
  return readCsv(await streamOf(path), path, { labelColumn, classNames, delimiter });
}

async function readSparse(path: string, request: FileRequest): Promise<FileRows> {
  const { readLibsvm } = await import('./libsvm.js');
  const { columns, classNames, firstIndex } = request;
  const { offsets, places, values, ...read } = await readLibsvm(await streamOf(path), path, {
    columns,
    classNames,
    firstIndex,
  });
  const size = { rows: read.rows, columns: read.columns };
  const sparse = { ...size, offsets, places, values };
  return { ...read, ...shapeOf(read.columns), values: sparse, scale: request.scale ?? 1, hasMissing: false };
}

function columnNumber(path: string, column: string | number): number {
  if (typeof column === 'number') return column;
  const message = `The columns of ${path} have no names; \`labelColumn\` must be a number.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: column, wanted: 'a number', where: 'labelColumn' });
}

function ofTable(table: Table, { scale = 1 }: FileRequest): FileRows {
  const { names: _, ...rest } = table;
  return { ...rest, ...shapeOf(table.columns), scale };
}

function ofPictures(pictures: Pictures, { scale = PIXEL_SCALE }: FileRequest): FileRows {
  const { images, channels, height, width, ...rest } = pictures;
  // Planes of colour stand below one another.
  return { ...rest, values: images, height: channels * height, width, scale, hasMissing: false };
}

/** The picture that rows may be: a square, or else one line. */
function shapeOf(columns: number): { readonly height: number; readonly width: number } {
  const side = Math.round(Math.sqrt(columns));
  return side * side === columns ? { height: side, width: side } : { height: 1, width: columns };
}

// ---- Arrays ----

/** One array, row-major. */
interface NamedArray {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number | bigint>;
}

/** What arrays of classes are called where nobody says. */
const usualLabels: ReadonlySet<string> = new Set(['y', 'label', 'labels', 'target', 'targets', 'class', 'classes']);

/** The rows of a file of arrays, and their classes where there are any. */
function ofArrays(
  path: string,
  arrays: ReadonlyMap<string, NamedArray>,
  request: FileRequest,
  pixelScale = 1,
): FileRows {
  const { labelColumn, array } = request;
  const labelName = typeof labelColumn === 'string' ? labelColumn : soleLabels(arrays, array);
  const name = array ?? soleRows(path, arrays, labelName);
  const { shape, values: given } = named(path, arrays, name, 'array');
  const [rows = 0, ...sides] = shape;
  const columns = sides.reduce((product, side) => product * side, 1);
  if (shape.length < 2 || rows === 0 || columns === 0 || columns > MAX_COLUMNS) {
    const wanted = `rows of 1 to ${MAX_COLUMNS} numbers are wanted`;
    throw corrupt(path, `holds ${name} of shape ${shape.join(' × ')}, where ${wanted}`);
  }
  const areBytes = given instanceof Uint8Array;
  const values = given instanceof Float32Array || areBytes ? given : Float32Array.from(given, Number);
  const picture = sides.length > 1 ? { height: columns / sides.at(-1)!, width: sides.at(-1)! } : shapeOf(columns);
  const size = { rows, columns, ...picture, scale: request.scale ?? (areBytes ? pixelScale : 1) };
  if (typeof labelColumn === 'number') return { ...size, ...withoutColumn(path, values, size, labelColumn, request) };
  const hasMissing = !areBytes && values.some(Number.isNaN);
  if (labelName === undefined) return { ...size, values, hasMissing, ...NO_LABELS };
  const { values: labels } = named(path, arrays, labelName, 'labelColumn');
  if (labels.length !== rows)
    throw corrupt(path, `holds ${labels.length} labels in ${labelName} for ${rows} rows in ${name}`);
  return { ...size, values, hasMissing, ...labelsOf(path, labels, 0, 1, request) };
}

function soleLabels(arrays: ReadonlyMap<string, NamedArray>, rows: string | undefined): string | undefined {
  const usual = [...arrays.keys()].filter((name) => name !== rows && usualLabels.has(name.toLowerCase()));
  return usual.length === 1 && arrays.size > 1 ? usual[0] : undefined;
}

function soleRows(path: string, arrays: ReadonlyMap<string, NamedArray>, labels: string | undefined): string {
  const others = [...arrays.keys()].filter((name) => name !== labels);
  if (others.length === 1) return others[0]!;
  if (others.length === 0) throw corrupt(path, 'holds no array of numbers');
  const message = `${path} holds the arrays ${others.slice(0, 20).join(', ')}; say with \`array\` which has the rows.`;
  throw new WakesleepError('OPTION_INVALID', message, { wanted: others.join(', '), where: 'array' });
}

function named(path: string, arrays: ReadonlyMap<string, NamedArray>, name: string, option: string): NamedArray {
  const found = arrays.get(name);
  if (found !== undefined) return found;
  const names = [...arrays.keys()].slice(0, 20).join(', ');
  const message = `${path} holds no array called ${name}; its arrays are ${names}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: name, wanted: names, where: option });
}

/** Rows of an array one of whose columns has the classes. */
function withoutColumn(
  path: string,
  values: Uint8Array | Float32Array,
  { rows, columns: all }: { readonly rows: number; readonly columns: number },
  labelColumn: number,
  request: FileRequest,
) {
  const place = columnPlace(labelColumn, 'labelColumn', undefined, all, path);
  const columns = all - 1;
  if (columns === 0) throw corrupt(path, 'has no column beside the labels');
  const rest = values.slice(0, rows * columns);
  let at = 0;
  for (let index = 0; index < values.length; index += 1) {
    if (index % all === place) continue;
    rest[at] = values[index]!;
    at += 1;
  }
  const labels = labelsOf(path, values, place, all, request);
  return { values: rest, columns, ...shapeOf(columns), hasMissing: rest.some(Number.isNaN), ...labels };
}

function labelsOf(
  path: string,
  values: ArrayLike<number | bigint>,
  first: number,
  step: number,
  { classNames }: FileRequest,
) {
  const labels = new GrowingLabels(path, classNames);
  for (let index = first, row = 0; index < values.length; index += step, row += 1) {
    const label = Number(values[index]);
    if (!Number.isFinite(label)) throw corrupt(path, `has the label ${label} in row ${row}`);
    labels.add(String(label), () => `row ${row}`);
  }
  return labels.finish();
}
