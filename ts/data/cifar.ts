/**
 * Reads the binary versions of CIFAR-10 and CIFAR-100, records of one length and no header:
 *
 *     CIFAR-10     1 byte of class, 3072 bytes of picture
 *     CIFAR-100    1 byte of coarse class, 1 byte of fine class, 3072 bytes of picture
 *
 * A picture is 32 × 32 pixels: all its red, then its green, then its blue, each row by row. (Krizhevsky, "Learning multiple layers
 * of features from tiny images", 2009, and the set's own page.)
 */
import { WakesleepError } from '../errors.js';
import { describeValue, oneOf, refuseUnknown } from '../options.js';
import { allocatedBytes, corrupt } from './corrupt.js';
import { unpacked } from './gzip.js';
import type { Pictures } from './pictures.js';

/** What `readCifar` takes. */
export interface CifarOptions {
  /** Which set it is, 10 or 100; default: the one that the length of the file is of. */
  readonly classes?: 10 | 100 | undefined;
  /** Of CIFAR-100: the 100 classes (the default), or the 20 that they are gathered in. */
  readonly labels?: 'fine' | 'coarse' | undefined;
}

const SIDE = 32;
const CHANNELS = 3;
const pictureBytes = CHANNELS * SIDE * SIDE;

/** Reads a file of pictures and their classes; `where` names it in errors. Throws `DATA_CORRUPT`. */
export function readCifar(given: Uint8Array, where: string, options: CifarOptions = {}): Pictures {
  const received: unknown = options;
  refuseUnknown('readCifar()', received, ['classes', 'labels']);
  const kind = oneOf('readCifar()', 'labels', options.labels ?? 'fine', ['fine', 'coarse']);
  const bytes = unpacked(given, where);
  const labelBytes = setOf(bytes.length, where, options.classes) === 10 ? 1 : 2;
  if (labelBytes === 1 && options.labels !== undefined) {
    const message = '`labels` is for CIFAR-100, and this is a file of CIFAR-10.';
    throw new WakesleepError('OPTION_INVALID', message, { given: options.labels, where: 'readCifar().labels' });
  }
  const recordBytes = labelBytes + pictureBytes;
  const rows = bytes.length / recordBytes;
  const classes = labelBytes === 1 ? 10 : kind === 'fine' ? 100 : 20;
  const labelAt = labelBytes === 2 && kind === 'fine' ? 1 : 0;
  const labels = allocatedBytes(rows, where);
  const images = allocatedBytes(rows * pictureBytes, where);
  for (let row = 0; row < rows; row += 1) {
    const begin = row * recordBytes;
    const label = bytes[begin + labelAt]!;
    if (label >= classes) {
      const wanted = `classes are from 0 to ${classes - 1}`;
      throw corrupt(where, `has the class ${label} at byte ${begin + labelAt}, in row ${row}; ${wanted}`);
    }
    labels[row] = label;
    images.set(bytes.subarray(begin + labelBytes, begin + recordBytes), row * pictureBytes);
  }
  const size = { columns: pictureBytes, height: SIDE, width: SIDE, channels: CHANNELS };
  return { images, rows, ...size, labels, classes, classNames: undefined };
}

/** The set whose records a file of that length is made of. */
function setOf(length: number, where: string, given: 10 | 100 | undefined): 10 | 100 {
  if (given !== undefined && given !== 10 && given !== 100) {
    const message = `\`classes\` must be 10 or 100; got ${describeValue(given)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given, wanted: '10 or 100', where: 'readCifar().classes' });
  }
  if (length === 0) throw corrupt(where, 'is empty; a file of CIFAR is wanted');
  const fits = ([10, 100] as const).filter((set) => length % (pictureBytes + (set === 10 ? 1 : 2)) === 0);
  if (given !== undefined ? fits.includes(given) : fits.length === 1) return given ?? fits[0]!;
  if (fits.length === 2) {
    const message = `${where} may be of CIFAR-10 or of CIFAR-100 by its length; say \`classes\`.`;
    throw new WakesleepError('OPTION_INVALID', message, { wanted: '10 or 100', where: 'readCifar().classes' });
  }
  const wanted = given === 10 ? '3073' : given === 100 ? '3074' : '3073 (CIFAR-10) or 3074 (CIFAR-100)';
  throw corrupt(where, `has ${length} bytes, which are no whole number of records of ${wanted} bytes`);
}
