/** The errors of files of data: sentences whose subject is the file. */
import { WakesleepError } from '../errors.js';

/** A file that is not what it should be: `WHERE PREDICATE.` */
export function corrupt(where: string, predicate: string, cause?: unknown): WakesleepError {
  const details = cause === undefined ? { where } : { where, cause };
  return new WakesleepError('DATA_CORRUPT', `${where} ${predicate}.`, details);
}

/** Room for so many bytes; throws `OUT_OF_MEMORY`. */
export function allocatedBytes(bytes: number, where: string): Uint8Array<ArrayBuffer> {
  return allocated(bytes, where, () => new Uint8Array(bytes));
}

/** Room for so many numbers; throws `OUT_OF_MEMORY`. */
export function allocatedFloats(count: number, where: string): Float32Array<ArrayBuffer> {
  return allocated(4 * count, where, () => new Float32Array(count));
}

/** The most bytes that rows may take: those of one allocation in the engine's memory. */
export const MAX_ROW_BYTES = 2 ** 31 - 65_536;

/** Refuses rows that the engine's memory could not take; throws `OUT_OF_MEMORY`. */
export function refuseTooLarge(bytes: number, where: string): void {
  if (bytes <= MAX_ROW_BYTES) return;
  const message = `${where} holds ${bytes} bytes of rows, and one data set takes ${MAX_ROW_BYTES} at most.`;
  throw new WakesleepError('OUT_OF_MEMORY', message, { given: bytes, wanted: String(MAX_ROW_BYTES), where });
}

function allocated<T>(bytes: number, where: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const message = `${where} holds ${bytes} bytes, and there is no memory for them.`;
    throw new WakesleepError('OUT_OF_MEMORY', message, { given: bytes, where, cause });
  }
}

/** `1 byte`, `2 bytes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A byte as it stands in descriptions of formats. */
export function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
