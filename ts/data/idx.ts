/**
 * Reads idx files, the format of MNIST, plain or compressed with gzip, from bytes alone, so that it works on any host.
 *
 *     2 bytes       0
 *     1 byte        element type (0x08 unsigned byte, 0x09 signed byte, 0x0b int16, 0x0c int32, 0x0d float, 0x0e double)
 *     1 byte        number of dimensions
 *     4 bytes each  the dimensions, unsigned, big-endian
 *     the rest      the elements, row-major, big-endian
 *
 * (LeCun, Cortes and Burges, "The MNIST database", section "The IDX file format".)
 *
 * Files come from anywhere, so nothing is allocated because a header asks for it: a plain file must hold exactly what its
 * header says, and a compressed one is decompressed in pieces, first to its header and then to exactly the size given there.
 */
import { WakesleepError } from '../errors.js';
import { allocatedBytes, corrupt, counted, hex } from './corrupt.js';
import { gunzip, isGzip, joined, MAX_DEFLATE_RATIO } from './gzip.js';

/** The element types of the format. */
export type IdxType = 'u8' | 'i8' | 'i16' | 'i32' | 'f32' | 'f64';

/** An array of any type and number of dimensions. */
export interface IdxArray {
  readonly type: IdxType;
  readonly shape: readonly number[];
  /** Row-major. For single bytes in a file that is not compressed, a view of the bytes that were given. */
  readonly values: Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
}

/** Pictures of one size. */
export interface IdxImages {
  /** `[rows, columns]`, 0 to 255; where the file is not compressed, a view of the bytes that were given. */
  readonly images: Uint8Array;
  readonly rows: number;
  /** Pixels of a picture: `height * width`. */
  readonly columns: number;
  readonly height: number;
  readonly width: number;
}

interface ElementType {
  readonly type: IdxType;
  readonly bytes: number;
  /** Reads the whole array; `view` begins at the first element. */
  readonly read: (view: DataView, count: number) => IdxArray['values'];
}

const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [0x08, { type: 'u8', bytes: 1, read: (view, count) => new Uint8Array(view.buffer, view.byteOffset, count) }],
  [0x09, { type: 'i8', bytes: 1, read: (view, count) => new Int8Array(view.buffer, view.byteOffset, count) }],
  [
    0x0b,
    {
      type: 'i16',
      bytes: 2,
      read: (view, count) => Int16Array.from({ length: count }, (_, i) => view.getInt16(2 * i)),
    },
  ],
  [
    0x0c,
    {
      type: 'i32',
      bytes: 4,
      read: (view, count) => Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i)),
    },
  ],
  [
    0x0d,
    {
      type: 'f32',
      bytes: 4,
      read: (view, count) => Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i)),
    },
  ],
  [
    0x0e,
    {
      type: 'f64',
      bytes: 8,
      read: (view, count) => Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i)),
    },
  ],
]);

/** Reads an idx file of any type and shape. `where` names it in errors. Throws `DATA_CORRUPT`. */
export function readIdx(bytes: Uint8Array, where: string): IdxArray {
  if (bytes.length === 0) throw corrupt(where, 'is empty; an idx file is wanted');
  const plain = isGzip(bytes) ? decompress(bytes, where) : bytes;
  const { element, shape, headerBytes, totalBytes } = readHeader(plain, where);
  if (plain.length < totalBytes) {
    throw corrupt(
      where,
      `is cut short: ${totalBytes} bytes are wanted for ${sizeInWords(shape)}, and ${plain.length} are there`,
    );
  }
  if (plain.length > totalBytes) {
    throw corrupt(
      where,
      `is too long: ${plain.length - totalBytes} bytes follow the ${totalBytes} that its header asks for`,
    );
  }
  const view = new DataView(plain.buffer, plain.byteOffset + headerBytes, totalBytes - headerBytes);
  return {
    type: element.type,
    shape,
    values: element.read(
      view,
      shape.reduce((total, length) => total * length, 1),
    ),
  };
}

/** What `readIdxImages` may ask of the pictures. */
export interface ImagesWanted {
  readonly height?: number;
  readonly width?: number;
}

/**
 * Reads pictures: unsigned bytes in three dimensions, which are number, height and width. Throws `DATA_CORRUPT`, also for a
 * file that holds something else, and `SHAPE_MISMATCH` where the pictures have another size than is wanted.
 */
export function readIdxImages(bytes: Uint8Array, where: string, wanted: ImagesWanted = {}): IdxImages {
  const { type, shape, values } = readIdx(bytes, where);
  if (shape.length !== 3) throw corrupt(where, `holds ${contentInWords(shape)}, but images (3 dimensions) are wanted`);
  if (!(values instanceof Uint8Array)) throw notBytes(where, type);
  const [rows, height, width] = shape as [number, number, number];
  if (height !== (wanted.height ?? height) || width !== (wanted.width ?? width)) {
    const size = `${wanted.height ?? height} × ${wanted.width ?? width}`;
    const message = `${where} holds images of ${height} × ${width} pixels, but ${size} are wanted.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: [height, width], wanted: size, where });
  }
  return { images: values, rows, columns: height * width, height, width };
}

/**
 * Reads labels: unsigned bytes in one dimension. Where `classes` is given, each must be below it. Throws `DATA_CORRUPT`, also
 * for a file that holds something else.
 */
export function readIdxLabels(bytes: Uint8Array, where: string, classes?: number): Uint8Array {
  const { type, shape, values } = readIdx(bytes, where);
  if (shape.length !== 1) throw corrupt(where, `holds ${contentInWords(shape)}, but labels (1 dimension) are wanted`);
  if (!(values instanceof Uint8Array)) throw notBytes(where, type);
  const limit = classes ?? 256;
  const wrong = values.findIndex((label) => label >= limit);
  if (wrong >= 0) {
    throw corrupt(where, `holds the label ${values[wrong]} in row ${wrong}, but labels are from 0 to ${limit - 1}`);
  }
  return values;
}

// ------------------------------------------------------------------------------------------------------------ header

interface Header {
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly headerBytes: number;
  /** Of the whole file, the header with it. */
  readonly totalBytes: number;
}

function readHeader(bytes: Uint8Array, where: string): Header {
  if (bytes.length < 4) {
    throw corrupt(
      where,
      `is too short for an idx file: ${counted(bytes.length, 'byte')}, where the header takes at least 8`,
    );
  }
  const [first, second, typeCode, rank] = bytes as unknown as [number, number, number, number];
  if (first !== 0 || second !== 0) {
    throw corrupt(
      where,
      `is not an idx file: it begins with the bytes ${hex(first)} ${hex(second)}, where 0x00 0x00 is wanted`,
    );
  }
  const element = elementTypes.get(typeCode);
  if (element === undefined) {
    const known = [...elementTypes].map(([code, { type }]) => `${hex(code)} (${type})`).join(', ');
    throw corrupt(where, `has the unknown element type ${hex(typeCode)}; the types are ${known}`);
  }
  if (rank === 0) throw corrupt(where, 'has no dimensions; at least 1 is wanted');
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) {
    throw corrupt(
      where,
      `is cut short within its header: ${counted(rank, 'dimension')} take ${headerBytes} bytes, and ${bytes.length} are there`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const shape = Array.from({ length: rank }, (_, index) => view.getUint32(4 + 4 * index));
  const empty = shape.indexOf(0);
  if (empty >= 0) throw corrupt(where, `has the size 0 in dimension ${empty + 1} of ${rank}; it holds nothing`);
  const dataBytes = shape.reduce((total, length) => total * length, element.bytes);
  if (dataBytes + headerBytes > Number.MAX_SAFE_INTEGER) {
    throw corrupt(where, `claims ${sizeInWords(shape)} elements, which is more than any file holds`);
  }
  return { element, shape, headerBytes, totalBytes: headerBytes + dataBytes };
}

// -------------------------------------------------------------------------------------------------------------- gzip

/** Any rank's header fits: 4 bytes and 255 dimensions. */
const longestIdxHeader = 4 + 4 * 255;

/**
 * The bytes inside a gzip file that holds an idx file.
 * 1. Inflate pieces until the idx header is whole; it gives the size.
 * 2. Allocate that size, if the compressed bytes can hold as much, and inflate the rest; one byte too many ends it.
 */
function decompress(bytes: Uint8Array, where: string): Uint8Array {
  const maxBytes = bytes.length * MAX_DEFLATE_RATIO;
  let head = new Uint8Array(0);
  let whole: Uint8Array | undefined;
  let filled = 0;
  const append = (piece: Uint8Array): void => {
    if (filled + piece.length > whole!.length) {
      throw corrupt(where, `is too long: more bytes follow the ${whole!.length} that its header asks for`);
    }
    whole!.set(piece, filled);
    filled += piece.length;
  };
  gunzip(bytes, where, (piece) => {
    if (whole !== undefined) return append(piece);
    head = joined(head, piece);
    if (head.length < longestIdxHeader && !isHeaderWhole(head)) return;
    const { totalBytes } = readHeader(head, where);
    if (totalBytes > maxBytes) {
      throw corrupt(where, `claims ${totalBytes} bytes, more than its ${bytes.length} compressed bytes can hold`);
    }
    whole = allocatedBytes(totalBytes, where);
    append(head);
  });
  return whole === undefined ? head : whole.subarray(0, filled);
}

function isHeaderWhole(head: Uint8Array): boolean {
  return head.length >= 4 && head.length >= 4 + 4 * head[3]!;
}

// ------------------------------------------------------------------------------------------------------------- words

function notBytes(where: string, type: IdxType): WakesleepError {
  return corrupt(where, `holds elements of type ${type}, but unsigned bytes (u8) are wanted`);
}

function contentInWords(shape: readonly number[]): string {
  if (shape.length === 1) return `labels (1 dimension: ${shape[0]})`;
  if (shape.length === 3) return `images (3 dimensions: ${sizeInWords(shape)})`;
  return `an array of ${shape.length} dimensions (${sizeInWords(shape)})`;
}

function sizeInWords(shape: readonly number[]): string {
  const shown = shape.slice(0, 6).join(' × ');
  return shape.length > 6 ? `${shown} × ...` : shown;
}
