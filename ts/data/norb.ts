/**
 * Reads the matrices of NORB (`-dat.mat`, `-cat.mat`, `-info.mat`), which share their ending with MATLAB's files and nothing else:
 *
 *     4 bytes       magic 0x1E3D4C51 to 56: f32, packed, f64, i32, u8, i16
 *     4 bytes       number of dimensions
 *     4 bytes each  the dimensions, of which at least 3 are written, the missing ones as 1
 *     the rest      the elements, row-major; all is little-endian
 *
 * (LeCun, Huang and Bottou, "Learning methods for generic object recognition with invariance to pose and lighting", 2004,
 * and the set's own page.) Packed matrices occur in no file of the set and are refused.
 */
import { corrupt } from './corrupt.js';
import { unpacked } from './gzip.js';

/** The element types that are read. */
export type NorbType = 'f32' | 'f64' | 'i32' | 'u8' | 'i16';

/** A matrix of any type and number of dimensions. */
export interface NorbMatrix {
  readonly type: NorbType;
  readonly shape: readonly number[];
  /** Row-major. For single bytes in a file that is not compressed, a view of the bytes that were given. */
  readonly values: Uint8Array | Int16Array | Int32Array | Float32Array | Float64Array;
}

interface ElementType {
  readonly type: NorbType;
  readonly bytes: number;
  readonly read: (view: DataView, count: number) => NorbMatrix['values'];
}

const MAGIC = 0x1e3d4c50;
const f32: ElementType['read'] = (view, count) =>
  Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
const f64: ElementType['read'] = (view, count) =>
  Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
const i32: ElementType['read'] = (view, count) =>
  Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
const i16: ElementType['read'] = (view, count) =>
  Int16Array.from({ length: count }, (_, i) => view.getInt16(2 * i, true));
const u8: ElementType['read'] = (view, count) => new Uint8Array(view.buffer, view.byteOffset, count);

/** By the last digit of the magic number. */
const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, { type: 'f32', bytes: 4, read: f32 }],
  [3, { type: 'f64', bytes: 8, read: f64 }],
  [4, { type: 'i32', bytes: 4, read: i32 }],
  [5, { type: 'u8', bytes: 1, read: u8 }],
  [6, { type: 'i16', bytes: 2, read: i16 }],
]);
/** No file of the set has more than 4. */
const MOST_DIMENSIONS = 8;

/** Whether bytes begin as a matrix of NORB does. */
export function isNorb(bytes: Uint8Array): boolean {
  return bytes[3] === 0x1e && bytes[2] === 0x3d && bytes[1] === 0x4c && bytes[0]! >> 4 === 5;
}

/** Reads a matrix; `where` names the file in errors. Throws `DATA_CORRUPT` before anything is allocated. */
export function readNorb(given: Uint8Array, where: string): NorbMatrix {
  const bytes = unpacked(given, where);
  if (bytes.length < 8)
    throw corrupt(where, `is too short for a matrix of NORB: it has ${bytes.length} bytes, and a header at least 20`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, true);
  const element = elementTypes.get(magic - MAGIC);
  if (element === undefined) {
    const known = [...elementTypes]
      .map(([digit, { type }]) => `0x${(MAGIC + digit).toString(16)} (${type})`)
      .join(', ');
    throw corrupt(
      where,
      `begins with the magic number 0x${magic.toString(16)}; those of NORB that are read are ${known}`,
    );
  }
  const rank = view.getUint32(4, true);
  if (rank === 0 || rank > MOST_DIMENSIONS) {
    throw corrupt(where, `claims ${rank} dimensions at byte 4; 1 to ${MOST_DIMENSIONS} are wanted`);
  }
  const headerBytes = 8 + 4 * Math.max(3, rank);
  if (bytes.length < headerBytes) {
    throw corrupt(
      where,
      `is cut short within its header, which takes ${headerBytes} bytes, and ${bytes.length} are there`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(8 + 4 * axis, true));
  const empty = shape.indexOf(0);
  if (empty >= 0) throw corrupt(where, `has the size 0 at byte ${8 + 4 * empty}; it holds nothing`);
  const count = shape.reduce((product, side) => product * side, 1);
  const totalBytes = headerBytes + count * element.bytes;
  if (totalBytes !== bytes.length) {
    const size = shape.join(' × ');
    throw corrupt(
      where,
      `has ${bytes.length} bytes, and its header asks for ${totalBytes}: ${size} elements of ${element.bytes}`,
    );
  }
  const data = new DataView(bytes.buffer, bytes.byteOffset + headerBytes, count * element.bytes);
  return { type: element.type, shape, values: element.read(data, count) };
}
