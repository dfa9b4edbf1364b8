/**
 * Reads the numeric arrays of MAT files, version 5 to 7 (`save` and `save -v7` of MATLAB, `scipy.io.savemat`):
 *
 *     116 bytes     text             8 bytes  a place for other programs     2 bytes  version 0x0100     2 bytes  "IM" or "MI"
 *     elements      8 bytes of type and length, or 4 of both where at most 4 bytes follow; then the bytes, to a multiple of 8
 *
 * An array is an element of elements: flags, dimensions, name, numbers with the first index fastest. It may be inside a zlib
 * stream, of which no more comes out than its own first 8 bytes say, and no more than its length can hold. (MathWorks,
 * "MAT-File Format", version 5.) Cells, structures, text, sparse and complex arrays are left out.
 */
import type { WakesleepError } from '../errors.js';
import { rowMajor } from '../files/column-major.js';
import { allocatedBytes, allocatedFloats, corrupt } from './corrupt.js';
import { MAX_DEFLATE_RATIO, unpacked, unzlib } from './gzip.js';

/** An array in row-major order: bytes where it holds `uint8` or `logical`, else f32. */
export interface MatArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Uint8Array;
}

const headerBytes = 128;
const MATRIX = 14;
const COMPRESSED = 15;
/** MATLAB itself makes no array of more. */
const MOST_DIMENSIONS = 64;

type ReadNumber = (view: DataView, at: number, little: boolean) => number;

/** Types of elements: bytes of one number, and how it is read. */
const numberTypes: ReadonlyMap<number, readonly [number, ReadNumber]> = new Map<number, readonly [number, ReadNumber]>([
  [1, [1, (view, at) => view.getInt8(at)]],
  [2, [1, (view, at) => view.getUint8(at)]],
  [3, [2, (view, at, little) => view.getInt16(at, little)]],
  [4, [2, (view, at, little) => view.getUint16(at, little)]],
  [5, [4, (view, at, little) => view.getInt32(at, little)]],
  [6, [4, (view, at, little) => view.getUint32(at, little)]],
  [7, [4, (view, at, little) => view.getFloat32(at, little)]],
  [9, [8, (view, at, little) => view.getFloat64(at, little)]],
  [12, [8, (view, at, little) => Number(view.getBigInt64(at, little))]],
  [13, [8, (view, at, little) => Number(view.getBigUint64(at, little))]],
]);

/** Classes of arrays of numbers: double, single, and the integers of 8 to 64 bits. */
const [DOUBLE, UINT8, UINT64] = [6, 9, 15];
const [COMPLEX, LOGICAL] = [0x08, 0x02];

/** A stretch of bytes, and where it is from, for errors. */
interface Stretch {
  readonly bytes: Uint8Array;
  readonly little: boolean;
  readonly where: string;
  /** What stands after an offset: nothing, or which compressed element it counts in. */
  readonly within: string;
}

interface Element {
  readonly type: number;
  readonly begin: number;
  readonly end: number;
  /** Where the next one begins. */
  readonly next: number;
}

/** The arrays of a file by name; `where` names it in errors. A file of MATLAB's in gzip is read too. Throws `DATA_CORRUPT`. */
export function readMat(given: Uint8Array, where: string): Map<string, MatArray> {
  const bytes = unpacked(given, where);
  const little = readHeader(bytes, where);
  const arrays = new Map<string, MatArray>();
  const file: Stretch = { bytes, little, where, within: '' };
  for (let at = headerBytes; at < bytes.length; ) {
    const element = readElement(file, at, bytes.length);
    if (element.type === COMPRESSED) {
      const inside = decompressed(file, element);
      addArray(arrays, inside, readElement(inside, 0, inside.bytes.length));
      at = element.end;
    } else {
      if (element.type === MATRIX) addArray(arrays, file, element);
      at = element.next;
    }
  }
  return arrays;
}

function readHeader(bytes: Uint8Array, where: string): boolean {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 116));
  if (text.startsWith('\u0089HDF') || text.startsWith('MATLAB 7.3')) {
    throw corrupt(where, 'is a MAT file of version 7.3, which is HDF5; save it with `-v7`');
  }
  if (bytes.length < headerBytes) {
    throw corrupt(
      where,
      `is too short for a MAT file: its header takes ${headerBytes} bytes, and ${bytes.length} are there`,
    );
  }
  const mark = String.fromCharCode(bytes[126]!, bytes[127]!);
  if (mark !== 'IM' && mark !== 'MI') {
    throw corrupt(where, 'is no MAT file of version 5: bytes 126 and 127 must be "IM" or "MI"');
  }
  const little = mark === 'IM';
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint16(124, little);
  if (version !== 0x0100)
    throw corrupt(where, `has the MAT version 0x${version.toString(16)} at byte 124; 0x100 is wanted`);
  return little;
}

function bad({ where, within }: Stretch, at: number, predicate: string): WakesleepError {
  return corrupt(where, `is damaged at byte ${at}${within}: ${predicate}`);
}

function viewOf({ bytes }: Stretch): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The element that begins at `at` and must end by `limit`. */
function readElement(stretch: Stretch, at: number, limit: number): Element {
  const { little } = stretch;
  if (at + 8 > limit) throw bad(stretch, at, `an element takes at least 8 bytes, and ${limit - at} are there`);
  const view = viewOf(stretch);
  const word = view.getUint32(at, little);
  const shortLength = word >>> 16;
  if (shortLength > 4) throw bad(stretch, at, `an element of the short form claims ${shortLength} bytes, and 4 fit`);
  if (shortLength > 0) return { type: word & 0xffff, begin: at + 4, end: at + 4 + shortLength, next: at + 8 };
  const begin = at + 8;
  const length = view.getUint32(at + 4, little);
  const end = begin + length;
  if (end > limit) throw bad(stretch, at, `an element claims ${length} bytes, and ${limit - begin} are there`);
  return { type: word, begin, end, next: Math.min(limit, begin + 8 * Math.ceil(length / 8)) };
}

/** What is in the zlib stream of an element: another element, whose first 8 bytes say how long it is. */
function decompressed({ bytes, little, where }: Stretch, { begin, end }: Element): Stretch {
  const packed = bytes.subarray(begin, end);
  const stream = `the zlib stream at byte ${begin}`;
  const tag = new Uint8Array(8);
  let whole: Uint8Array | undefined;
  let filled = 0;
  const take = (piece: Uint8Array): void => {
    let rest = piece;
    if (whole === undefined) {
      const more = rest.subarray(0, 8 - filled);
      tag.set(more, filled);
      filled += more.length;
      if (filled < 8) return;
      rest = rest.subarray(more.length);
      const length = 8 + new DataView(tag.buffer).getUint32(4, little);
      if (length > packed.length * MAX_DEFLATE_RATIO) {
        throw corrupt(where, `claims ${length} bytes in ${stream}, more than its ${packed.length} bytes can hold`);
      }
      whole = allocatedBytes(length, where);
      whole.set(tag);
    }
    if (filled + rest.length > whole.length) {
      throw corrupt(where, `holds more than the ${whole.length} bytes that ${stream} declares`);
    }
    whole.set(rest, filled);
    filled += rest.length;
  };
  unzlib(packed, where, stream, take);
  const inside = (whole ?? tag).subarray(0, filled);
  return { bytes: inside, little, where, within: ` of what ${stream} holds` };
}

/** Adds the array of an element where it is one of numbers. */
function addArray(arrays: Map<string, MatArray>, stretch: Stretch, element: Element): void {
  if (element.type !== MATRIX) return;
  const flags = readElement(stretch, element.begin, element.end);
  if (flags.type !== 6 || flags.end - flags.begin !== 8) {
    throw bad(stretch, element.begin, 'an array begins with 8 bytes of flags');
  }
  const bits = viewOf(stretch).getUint32(flags.begin, stretch.little);
  const classCode = bits & 0xff;
  if (classCode < DOUBLE || classCode > UINT64 || (bits >> 8) & COMPLEX) return;
  const sides = readElement(stretch, flags.next, element.end);
  const shape = readShape(stretch, sides);
  const nameElement = readElement(stretch, sides.next, element.end);
  const name = new TextDecoder().decode(stretch.bytes.subarray(nameElement.begin, nameElement.end));
  if (arrays.has(name)) throw bad(stretch, nameElement.begin, `a second array is called ${JSON.stringify(name)}`);
  const numbers = readElement(stretch, nameElement.next, element.end);
  const areBytes = classCode === UINT8 || ((bits >> 8) & LOGICAL) !== 0;
  arrays.set(name, { shape, values: rowMajor(readNumbers(stretch, numbers, shape, areBytes), shape) });
}

function readShape(stretch: Stretch, { type, begin, end }: Element): number[] {
  const rank = (end - begin) / 4;
  if (type !== 5 || !Number.isInteger(rank) || rank < 2 || rank > MOST_DIMENSIONS) {
    throw bad(stretch, begin, `an array has 2 to ${MOST_DIMENSIONS} dimensions of 4 bytes each`);
  }
  const view = viewOf(stretch);
  const shape = Array.from({ length: rank }, (_, axis) => view.getInt32(begin + 4 * axis, stretch.little));
  if (shape.some((side) => side < 0)) throw bad(stretch, begin, `an array has the shape ${shape.join(' × ')}`);
  return shape;
}

function readNumbers(stretch: Stretch, { type, begin, end }: Element, shape: readonly number[], areBytes: boolean) {
  const found = numberTypes.get(type);
  if (found === undefined) throw bad(stretch, begin, `numbers of the unknown type ${type}`);
  const [width, read] = found;
  const count = shape.reduce((product, side) => product * side, 1);
  if (count * width !== end - begin) {
    const wanted = `${shape.join(' × ')} numbers of ${width} bytes are wanted`;
    throw bad(stretch, begin, `${wanted}, and ${end - begin} bytes are there`);
  }
  const view = viewOf(stretch);
  const values = areBytes ? allocatedBytes(count, stretch.where) : allocatedFloats(count, stretch.where);
  for (let place = 0; place < count; place += 1) values[place] = read(view, begin + place * width, stretch.little);
  return values;
}
