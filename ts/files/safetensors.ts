/**
 * The safetensors format: named tensors and string metadata in one file, on bytes alone, so that it works on any host.
 *
 *     8 bytes           length N of the header, an unsigned little-endian integer
 *     N bytes           JSON: { "__metadata__": { string: string }, name: { dtype, shape, data_offsets: [begin, end] } }
 *     the rest          the tensors' bytes, little-endian, row-major; offsets count from here
 *
 * (https://huggingface.co/docs/safetensors, "Format".) What is written is canonical: tensors sorted by name and stored
 * without gaps in that order, canonical JSON padded with spaces so that the data begin at a multiple of 8. Equal tensors
 * and metadata are therefore equal files.
 *
 * What is read may come from anywhere. The whole header is checked before a tensor is copied: every byte of the data
 * belongs to exactly one tensor, and every tensor has as many bytes as its shape and type ask for.
 *
 * Typed arrays are taken to be little-endian, as they are on every machine that WebAssembly engines support.
 */
import { WakesleepError } from '../errors.js';
import { describeValue, isPlainObject } from '../options.js';
import { canonicalJson, duplicateKey } from './json.js';

/** The typed arrays that a tensor can hold. */
export type TensorValues =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The format's names of the element types that are read and written here. */
export type TensorType = 'F32' | 'F64' | 'I8' | 'U8' | 'I16' | 'U16' | 'I32' | 'U32' | 'I64' | 'U64';

/** A tensor to be written: `values` are row-major, as many as the product of `shape` (1 for the empty shape). */
export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly values: TensorValues;
}

/** A tensor that was read; `values` is a copy of its own. */
export interface TensorRead {
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  readonly values: TensorValues;
}

/** What a file holds. */
export interface SafetensorsContents {
  readonly tensors: Map<string, TensorRead>;
  readonly metadata: Record<string, string>;
}

const lengthBytes = 8;
const metadataKey = '__metadata__';

/** The longest header that is read, in bytes: the limit of the format's reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;

const constructors = {
  F32: Float32Array,
  F64: Float64Array,
  I8: Int8Array,
  U8: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const satisfies Record<TensorType, unknown>;

const types = Object.keys(constructors) as TensorType[];

/**
 * The bytes of a safetensors file. Throws `SHAPE_MISMATCH` where a tensor's values are not as many as its shape says, and
 * `OPTION_INVALID` for a name or shape that the format cannot hold.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = { [metadataKey]: checkedMetadata(metadata) };
  let dataBytes = 0;
  for (const name of names) {
    const tensor = tensors.get(name)!;
    checkTensor(name, tensor);
    const end = dataBytes + tensor.values.byteLength;
    header[name] = { dtype: typeOf(tensor.values), shape: [...tensor.shape], data_offsets: [dataBytes, end] };
    dataBytes = end;
  }
  const json = new TextEncoder().encode(canonicalJson(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;

  const file = new Uint8Array(lengthBytes + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, lengthBytes);
  file.fill(0x20, lengthBytes + json.length, lengthBytes + headerBytes);
  let at = lengthBytes + headerBytes;
  for (const name of names) {
    const { values } = tensors.get(name)!;
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
}

function checkedMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    const message = `The metadata of a safetensors file must be strings; \`${key}\` is ${describeValue(value)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: value, wanted: 'a string', where: key });
  }
  return metadata;
}

function checkTensor(name: string, { shape, values }: TensorToWrite): void {
  if (name === metadataKey || name === '__proto__') {
    const message = `A tensor cannot be named \`${name}\`; the name has a meaning of its own.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: name, where: name });
  }
  if (!shape.every(isCount)) {
    const wanted = 'integers of at least 0';
    const message = `The shape of \`${name}\` must be ${wanted}; got ${shapeInWords(shape)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: shape, wanted, where: name });
  }
  if (product(shape) !== values.length) {
    const message = `\`${name}\` has ${values.length} values, but its shape ${shapeInWords(shape)} wants ${product(shape)}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, {
      given: values.length,
      wanted: shapeInWords(shape),
      where: name,
    });
  }
}

function typeOf(values: TensorValues): TensorType {
  return types.find((type) => values instanceof constructors[type])!;
}

/** A tensor as the header describes it, checked in itself but not yet against the others. */
interface Entry {
  readonly name: string;
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file. `where` names the file in errors. Throws `FILE_CORRUPT`, before any tensor is copied, where the
 * file is cut short, longer than its header says, or has a header that is not sound.
 */
export function readSafetensors(given: Uint8Array, where: string): SafetensorsContents {
  // Node's Buffer is a Uint8Array whose slice() copies nothing, and the copies below must be copies.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const refuse: Refusal = (reason) => {
    const message = `${where} is not a sound safetensors file: ${reason}.`;
    return new WakesleepError('FILE_CORRUPT', message, { where });
  };
  const headerBytes = readHeaderLength(bytes, refuse);
  const dataBegin = lengthBytes + headerBytes;
  const header = parseHeader(bytes.slice(lengthBytes, dataBegin), refuse);
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, described] of Object.entries(header)) {
    if (name === metadataKey) metadata = readMetadata(described, refuse);
    else entries.push(readEntry(name, described, refuse));
  }
  checkCoverage(entries, bytes.length - dataBegin, refuse);

  const tensors = new Map<string, TensorRead>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const copy = bytes.slice(dataBegin + begin, dataBegin + end);
    tensors.set(name, { dtype, shape, values: new constructors[dtype](copy.buffer as ArrayBuffer) });
  }
  return { tensors, metadata };
}

type Refusal = (reason: string) => WakesleepError;

function readHeaderLength(bytes: Uint8Array, refuse: Refusal): number {
  if (bytes.length < lengthBytes) {
    throw refuse(`it has ${bytes.length} bytes, and the length of its header alone takes ${lengthBytes}`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw refuse(`its header claims ${length} bytes, more than the ${MAX_HEADER_BYTES} that are allowed`);
  }
  const following = bytes.length - lengthBytes;
  if (length > BigInt(following)) {
    throw refuse(`it is cut short within its header, of which ${following} of ${length} bytes are there`);
  }
  return Number(length);
}

function parseHeader(headerBytes: Uint8Array, refuse: Refusal): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(headerBytes);
  } catch {
    throw refuse('its header is not UTF-8 text');
  }
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw refuse('its header is not JSON');
  }
  if (!text.startsWith('{') || !isPlainObject(header)) throw refuse('its header is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw refuse(`its header has the key ${quoted(twice)} twice`);
  return header;
}

function readMetadata(described: unknown, refuse: Refusal): Record<string, string> {
  if (!isPlainObject(described)) throw refuse(`its metadata are ${describeValue(described)} instead of an object`);
  for (const [key, value] of Object.entries(described)) {
    if (typeof value !== 'string') {
      throw refuse(`its metadata must be strings, but ${quoted(key)} is ${describeValue(value)}`);
    }
  }
  return described as Record<string, string>;
}

function readEntry(name: string, described: unknown, refuse: Refusal): Entry {
  const tensor = `the tensor ${quoted(name)}`;
  if (!isPlainObject(described))
    throw refuse(`${tensor} is described by ${describeValue(described)}, not by an object`);
  const foreign = Object.keys(described).find((key) => !['dtype', 'shape', 'data_offsets'].includes(key));
  if (foreign !== undefined) throw refuse(`${tensor} has the unknown key ${quoted(foreign)}`);

  const dtype = types.find((type) => type === described.dtype);
  if (dtype === undefined) {
    throw refuse(
      `${tensor} has the type ${describeValue(described.dtype)}; the types read here are ${types.join(', ')}`,
    );
  }
  const { shape, data_offsets: offsets } = described;
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw refuse(`${tensor} has a shape that is not a list of integers of at least 0`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw refuse(`${tensor} has data_offsets that are not two integers of at least 0`);
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin) throw refuse(`${tensor} ends at byte ${end}, before it begins at byte ${begin}`);
  const wantedBytes = product(shape) * constructors[dtype].BYTES_PER_ELEMENT;
  if (wantedBytes !== end - begin) {
    const asked = `${dtype} of shape ${shapeInWords(shape)} takes ${wantedBytes}`;
    throw refuse(`${tensor} has ${end - begin} bytes, but ${asked}`);
  }
  return { name, dtype, shape, begin, end };
}

/** Checks that the tensors, in the order of their bytes, fill the data exactly. */
function checkCoverage(entries: readonly Entry[], dataBytes: number, refuse: Refusal): void {
  let covered = 0;
  let previous = '';
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > dataBytes) {
      throw refuse(
        `it is cut short: the tensor ${quoted(name)} ends at byte ${end} of the data, which has ${dataBytes}`,
      );
    }
    if (begin < covered) {
      throw refuse(`the tensors ${quoted(previous)} and ${quoted(name)} overlap at byte ${begin} of the data`);
    }
    if (begin > covered) throw refuse(`bytes ${covered} to ${begin} of the data belong to no tensor`);
    covered = end;
    previous = name;
  }
  if (covered < dataBytes) throw refuse(`${dataBytes - covered} bytes follow its last tensor`);
}

/** JSON may write 1.0 or 1e3 for an integer; what counts is the value. */
function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

/** The product may be infinite or inexact for a forged shape; then it equals no number of bytes. */
function product(shape: readonly number[]): number {
  return shape.reduce((total, length) => total * length, 1);
}

function shapeInWords(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}
