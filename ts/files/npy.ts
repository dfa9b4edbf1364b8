/**
 * Writes one array as a NumPy `.npy` file, version 1.0, row-major, little-endian; `numpy.load` opens it.
 *
 *     6 bytes  0x93 "NUMPY"     2 bytes  version 1.0     2 bytes  length of the header
 *     header   a Python dict of type, order and shape, padded with spaces and a line feed to a multiple of 64
 *     the rest the values
 *
 * (NumPy, "NEP 1: a simple file format for NumPy arrays".)
 */
import { WakesleepError } from '../errors.js';

/** The typed arrays that can be written. */
export type NpyValues = Float32Array | Float64Array | Uint8Array | Int32Array | Uint32Array;

/** The bytes of the file. Throws `SHAPE_MISMATCH` where `values` are not as many as `shape` says. */
export function writeNpy(values: NpyValues, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const wanted = shape.reduce((total, length) => total * length, 1);
  if (wanted !== values.length) {
    const message = `There are ${values.length} values, but the shape [${shape.join(', ')}] wants ${wanted}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: values.length, wanted: String(wanted) });
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '${typeCode(values)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const preambleBytes = 10;
  const headEnd = Math.ceil((preambleBytes + dictionary.length + 1) / 64) * 64;
  const header = `${dictionary.padEnd(headEnd - preambleBytes - 1, ' ')}\n`;

  const file = new Uint8Array(headEnd + values.byteLength);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(file.buffer).setUint16(8, header.length, true);
  file.set(new TextEncoder().encode(header), preambleBytes);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), headEnd);
  return file;
}

function typeCode(values: NpyValues): string {
  if (values instanceof Float32Array) return '<f4';
  if (values instanceof Float64Array) return '<f8';
  if (values instanceof Int32Array) return '<i4';
  if (values instanceof Uint32Array) return '<u4';
  return '|u1';
}
