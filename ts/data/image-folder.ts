/**
 * Reads a folder of PNG pictures of one size. Pictures in sub-folders belong to classes, which are called like these and counted off in the
 * order of their names; pictures in the folder itself have none. Rows are in the order of classes, then of names.
 */
import { WakesleepError } from '../errors.js';
import { type Picture, readPng } from '../files/png-reader.js';
import { allocatedBytes, corrupt, refuseTooLarge } from './corrupt.js';
import type { Pictures } from './pictures.js';
import { MAX_CLASSES, MAX_COLUMNS, NO_LABELS, refuseClassNames } from './table.js';

/** What `readImages` and `readImageFolder` take. */
export interface ImageFolderOptions {
  /** What the classes are called, in the order of their numbers, as another part of the set has them. */
  readonly classNames?: readonly string[] | undefined;
}

/** A file of a folder: its path from there, with `/` between, and its bytes. */
export type NamedFile = readonly [path: string, bytes: Uint8Array];

const isPicture = (path: string) => path.toLowerCase().endsWith('.png');
const byCodeUnits = (a: string, b: string) => Number(a > b) - Number(a < b);

/**
 * Pictures from files that are at hand, wherever they come from: `3/first.png` is of the class `3`. Files of other endings are left
 * out. `where` names the folder in errors. Throws `DATA_CORRUPT` for a picture that is damaged and for a folder without any,
 * `SHAPE_MISMATCH` for pictures of different sizes.
 */
export function readImages(files: Iterable<NamedFile>, where: string, options: ImageFolderOptions = {}): Pictures {
  const found = new Map([...files].filter(([path]) => isPicture(path)));
  const collected = new CollectedPictures([...found.keys()], where, options);
  for (const path of collected.paths) collected.add(path, found.get(path)!);
  return collected.finish();
}

/** Pictures from a folder of this machine's; as `readImages`, but only one file at a time is in memory. Throws `DATA_MISSING` too. */
export async function readImageFolder(folder: string, options: ImageFolderOptions = {}): Promise<Pictures> {
  // Asked for, not imported: bundlers for browsers would look for these modules.
  const builtin = globalThis.process?.getBuiltinModule;
  if (builtin === undefined) {
    const message = `${folder} cannot be read: this host has no folders. Use \`readImages()\` with the files' bytes.`;
    throw new WakesleepError('DATA_MISSING', message, { where: folder });
  }
  const { readdir, readFile } = builtin('node:fs/promises');
  const { join } = builtin('node:path');
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const inside = await Promise.all(
      entries.map(async (entry) => {
        if (!entry.isDirectory()) return [entry.name];
        return (await readdir(join(folder, entry.name))).map((name) => `${entry.name}/${name}`);
      }),
    );
    const collected = new CollectedPictures(inside.flat().filter(isPicture), folder, options);
    for (const path of collected.paths) collected.add(path, await readFile(join(folder, path)));
    return collected.finish();
  } catch (cause) {
    if (cause instanceof WakesleepError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WakesleepError('DATA_MISSING', `${folder} cannot be read as a folder of pictures: ${reason}.`, {
      where: folder,
      cause,
    });
  }
}

class CollectedPictures {
  /** In the order in which they are to be added. */
  readonly paths: readonly string[];
  private readonly classNames: readonly string[] | undefined;
  private readonly labels: number[] = [];
  private images: Uint8Array = new Uint8Array(0);
  private first: { readonly path: string; readonly picture: Picture } | undefined;

  constructor(
    paths: readonly string[],
    private readonly where: string,
    { classNames }: ImageFolderOptions,
  ) {
    refuseClassNames(classNames);
    if (paths.length === 0)
      throw corrupt(where, 'holds no pictures; files that end in .png are wanted, in it or in folders of classes');
    const classOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const classes = [...new Set(paths.map(classOf))].sort(byCodeUnits);
    if (classes.length > 1 && classes[0] === '') {
      const inClass = paths.find((path) => path.includes('/'));
      throw corrupt(
        where,
        `holds pictures of no class (${paths.find((path) => !path.includes('/'))}) and of classes (${inClass})`,
      );
    }
    const stranger = classNames && classes.find((name) => !classNames.includes(name));
    if (stranger !== undefined)
      throw corrupt(where, `holds pictures of the class ${stranger}, and the classes are ${classNames!.join(', ')}`);
    if (classes.length > MAX_CLASSES)
      throw corrupt(where, `holds ${classes.length} classes; at most ${MAX_CLASSES} are told apart`);
    if (classes[0] !== '') this.classNames = classNames ?? classes;
    this.paths = [...paths].sort((a, b) => byCodeUnits(classOf(a), classOf(b)) || byCodeUnits(a, b));
  }

  add(path: string, bytes: Uint8Array): void {
    const file = `${this.where}/${path}`;
    const picture = readPng(bytes, file);
    const { pixels } = picture;
    if (this.first === undefined) {
      if (pixels.length > MAX_COLUMNS) {
        throw corrupt(file, `has ${pixels.length} numbers; a row has at most ${MAX_COLUMNS}`);
      }
      refuseTooLarge(this.paths.length * pixels.length, this.where);
      this.images = allocatedBytes(this.paths.length * pixels.length, this.where);
      this.first = { path, picture };
    } else if (sizeOf(picture) !== sizeOf(this.first.picture)) {
      const message = `${file} is ${sizeOf(picture)}, and ${this.first.path} is ${sizeOf(this.first.picture)}; all must be alike.`;
      const details = { given: sizeOf(picture), wanted: sizeOf(this.first.picture), where: file };
      throw new WakesleepError('SHAPE_MISMATCH', message, details);
    }
    this.images.set(pixels, this.labels.length * pixels.length);
    this.labels.push(this.classNames?.indexOf(path.slice(0, path.lastIndexOf('/'))) ?? 0);
  }

  finish(): Pictures {
    const { height, width, channels } = this.first!.picture;
    const { classNames, images, labels } = this;
    const own = classNames && { labels: Uint8Array.from(labels), classes: classNames.length, classNames };
    const columns = channels * height * width;
    return { images, rows: labels.length, columns, height, width, channels, ...(own ?? NO_LABELS) };
  }
}

function sizeOf({ height, width, channels }: Picture): string {
  return `${height} × ${width} in ${channels === 1 ? 'grey' : 'colour'}`;
}
