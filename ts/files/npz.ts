/**
 * NumPy files: reads one array (`.npy`) or a zip archive of arrays (`.npz`), as `numpy.save` and `numpy.savez` write them, and
 * writes archives that `numpy.load` opens. One array alone is written in `npy.ts`.
 */
import { type UnzipFileInfo, unzipSync, zipSync } from 'fflate';
import { MAX_DEFLATE_RATIO } from '../data/gzip.js';
import { WakesleepError } from '../errors.js';
import { rowMajor } from './column-major.js';
import { writeNpy } from './npy.js';

/** An array in row-major order, as f32. */
export interface NumpyArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const NUMPY = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

const TWO_TO_112 = 5.192296858534828e33;
const single = new DataView(new ArrayBuffer(4));

/** A half-precision number: its bits, moved, are those of a single-precision one that is smaller by 2^112. */
function halfAt(view: DataView, at: number): number {
  const bits = view.getUint16(at, true);
  const sign = bits >> 15 === 0 ? 1 : -1;
  const fraction = bits & 0x3ff;
  if ((bits & 0x7c00) === 0x7c00) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  single.setUint32(0, (bits & 0x7fff) << 13);
  return sign * single.getFloat32(0) * TWO_TO_112;
}

const readers = {
  '<f2': [2, halfAt],
  '<f4': [4, (view: DataView, at: number) => view.getFloat32(at, true)],
  '<f8': [8, (view: DataView, at: number) => view.getFloat64(at, true)],
  '>f4': [4, (view: DataView, at: number) => view.getFloat32(at, false)],
  '>f8': [8, (view: DataView, at: number) => view.getFloat64(at, false)],
  '<i2': [2, (view: DataView, at: number) => view.getInt16(at, true)],
  '<u2': [2, (view: DataView, at: number) => view.getUint16(at, true)],
  '<u4': [4, (view: DataView, at: number) => view.getUint32(at, true)],
  '<i4': [4, (view: DataView, at: number) => view.getInt32(at, true)],
  '<i8': [8, (view: DataView, at: number) => Number(view.getBigInt64(at, true))],
  '|u1': [1, (view: DataView, at: number) => view.getUint8(at)],
  '|i1': [1, (view: DataView, at: number) => view.getInt8(at)],
  '|b1': [1, (view: DataView, at: number) => view.getUint8(at)],
} as const;

/** The arrays of an archive by name; throws `FILE_CORRUPT`. */
export function readNpz(bytes: Uint8Array, where = 'The archive'): Map<string, NumpyArray> {
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, { filter: arraysWithin(bytes.length, where) });
  } catch (cause) {
    if (cause instanceof WakesleepError) throw cause;
    throw corrupt(where, 'it is not a whole zip archive', cause);
  }
  const named = Object.entries(files);
  if (named.length === 0) throw corrupt(where, 'there is no array in it');
  return new Map(named.map(([name, file]) => [name.slice(0, -4), readNpy(file, `${where}: ${name}`)]));
}

/** Chooses the arrays of an archive, and refuses it before anything is allocated for what it cannot hold. */
function arraysWithin(archiveBytes: number, where: string) {
  let packedBytes = 0;
  return ({ name, size, originalSize }: UnzipFileInfo): boolean => {
    if (!name.endsWith('.npy')) return false;
    packedBytes += size;
    if (packedBytes > archiveBytes) throw corrupt(where, `its files take more than the ${archiveBytes} bytes of it`);
    if (originalSize > size * MAX_DEFLATE_RATIO) {
      throw corrupt(where, `${name} claims ${originalSize} bytes, more than its ${size} compressed bytes can hold`);
    }
    return true;
  };
}

/** The time that every entry of an archive has, so that equal arrays are equal bytes: the first that zip can say. */
const ENTRY_TIME = new Date(1980, 0, 1);

/** An archive of arrays by name, not compressed, as `numpy.savez` makes it. Throws `SHAPE_MISMATCH`. */
export function writeNpz(arrays: ReadonlyMap<string, NumpyArray>): Uint8Array<ArrayBuffer> {
  const files = Array.from(arrays, ([name, { shape, values }]) => [`${name}.npy`, writeNpy(values, shape)] as const);
  return new Uint8Array(zipSync(Object.fromEntries(files), { level: 0, mtime: ENTRY_TIME }));
}

/** One array; throws `FILE_CORRUPT`. */
export function readNpy(bytes: Uint8Array, where = 'The array'): NumpyArray {
  if (bytes.length < 10 || NUMPY.some((byte, place) => bytes[place] !== byte)) {
    throw corrupt(where, 'it does not begin as a NumPy array');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = bytes[6] === 1;
  if (!first && bytes.length < 12) throw corrupt(where, 'it is cut short');
  const start = first ? 10 : 12;
  const end = start + (first ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length) throw corrupt(where, 'it is cut short');
  const { type, columnsFirst, shape } = readHeader(new TextDecoder().decode(bytes.subarray(start, end)), where);
  const [width, read] = readers[type];
  const count = shape.reduce((product, side) => product * side, 1);
  if (bytes.length - end !== count * width) {
    throw corrupt(
      where,
      `the shape (${shape.join(', ')}) wants ${count * width} bytes, and ${bytes.length - end} follow`,
    );
  }
  const values = Float32Array.from({ length: count }, (_, place) => read(view, end + place * width));
  return { shape, values: columnsFirst ? rowMajor(values, shape) : values };
}

function readHeader(header: string, where: string) {
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (type === undefined || order === undefined || shape === undefined)
    throw corrupt(where, 'its header cannot be read');
  if (!Object.hasOwn(readers, type)) {
    throw corrupt(where, `its numbers are of type ${type}, and ${Object.keys(readers).join(', ')} are known`);
  }
  const sides = shape.split(',').map((side) => side.trim());
  return {
    type: type as keyof typeof readers,
    columnsFirst: order === 'True',
    shape: sides.filter((side) => side !== '').map(Number),
  };
}

function corrupt(where: string, what: string, cause?: unknown): WakesleepError {
  return new WakesleepError('FILE_CORRUPT', `${where} cannot be used: ${what}.`, { where, cause });
}
