/**
 * Files of a run, on Node: written so that a reader, or the run itself after a kill at any instant, finds either the
 * whole old file or the whole new one; and a lock, so that two runs never share a folder.
 *
 * Writing goes: a temporary name in the same folder, the bytes, fsync, rename over the old name, fsync of the folder.
 * (Pillai and others, "All File Systems Are Not Created Equal", OSDI 2014, on why each step is needed.)
 *
 * Every operation on a file goes through `fileOperations`, one object, so that a test can make the N-th one fail or end the
 * process there. The operations are synchronous: their order and number are then the same in every run.
 */
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { WakesleepError } from '../errors.js';

/** What this file does to a file system. */
export interface FileOperations {
  open(path: string, flags: string): number;
  /** Writes some of the bytes, and says how many. */
  write(file: number, bytes: Uint8Array): number;
  sync(file: number): void;
  close(file: number): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  makeFolder(path: string): void;
  readFolder(path: string): string[];
  readFile(path: string): Uint8Array;
}

/** The operations in use. Only `installFault` puts others in their place. */
export const fileOperations: FileOperations = {
  open: (path, flags) => fs.openSync(path, flags),
  write: (file, bytes) => fs.writeSync(file, bytes),
  sync: (file) => fs.fsyncSync(file),
  close: (file) => fs.closeSync(file),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  makeFolder: (path) => {
    fs.mkdirSync(path, { recursive: true });
  },
  readFolder: (path) => fs.readdirSync(path),
  readFile: (path) => fs.readFileSync(path),
};

/** The name of the lock in a folder that is in use. */
export const LOCK_NAME = '.wakesleep-lock';

const temporaryPattern = /^\..+\.wakesleep-\d+\.tmp$/;

// ---------------------------------------------------------------------------------------------------------- writing

/**
 * Puts `bytes` at `path`, whole or not at all; a file that was there is replaced. On an error the old file is as it was and
 * no temporary is left. Throws `FILE_UNWRITABLE`.
 */
export function writeFileAtomic(path: string, bytes: Uint8Array | string): void {
  const folder = dirname(resolve(path));
  const temporary = join(folder, `.${basename(path)}.wakesleep-${process.pid}.tmp`);
  try {
    writeWhole(temporary, 'w', bytesOf(bytes));
    fileOperations.rename(temporary, path);
  } catch (cause) {
    removeIfThere(temporary);
    throw unwritable(path, cause, keptInWords(path));
  }
  try {
    syncFolder(folder);
  } catch (cause) {
    throw unwritable(path, cause, 'The new file is in its place, but it may be lost if the machine fails now');
  }
}

/**
 * Adds to the end of a file, which is made where it is missing, and flushes it. A kill may leave a part of `bytes` at the
 * end: whoever reads a file of lines leaves out a last line without a line feed. Throws `FILE_UNWRITABLE`.
 */
export function appendToFile(path: string, bytes: Uint8Array | string): void {
  try {
    writeWhole(path, 'a', bytesOf(bytes));
  } catch (cause) {
    throw unwritable(path, cause, 'What the file held before is kept');
  }
}

/** Makes a folder and those above it; one that is there already is left as it is. Throws `FILE_UNWRITABLE`. */
export function makeFolder(path: string): void {
  try {
    fileOperations.makeFolder(path);
  } catch (cause) {
    throw unwritable(path, cause, 'No folder was made', 'be made as a folder');
  }
}

/** The bytes of a file, or `undefined` where there is none. Other errors of the file system are thrown as they are. */
export function readFileIfThere(path: string): Uint8Array | undefined {
  try {
    const { buffer, byteOffset, byteLength } = fileOperations.readFile(path);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The sorted names in a folder, without a lock and left-over temporaries; none where there is no such folder. */
export function folderEntries(folder: string): string[] {
  return namesIn(folder).filter((name) => name !== LOCK_NAME && !temporaryPattern.test(name));
}

/** Removes the temporaries of runs that were killed, and returns their names. Call it with the folder locked. */
export function removeTemporaries(folder: string): string[] {
  const names = namesIn(folder).filter((name) => temporaryPattern.test(name));
  for (const name of names) {
    try {
      fileOperations.unlink(join(folder, name));
    } catch (cause) {
      throw unwritable(join(folder, name), cause, 'It is left over from a run that was killed', 'be removed');
    }
  }
  return names;
}

function namesIn(folder: string): string[] {
  try {
    return fileOperations.readFolder(folder).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw unwritable(folder, error, 'Nothing was changed', 'be read as a folder');
  }
}

function bytesOf(bytes: Uint8Array | string): Uint8Array {
  return typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
}

function writeWhole(path: string, flags: string, bytes: Uint8Array): void {
  fillAndClose(fileOperations.open(path, flags), bytes);
}

function fillAndClose(file: number, bytes: Uint8Array): void {
  try {
    let written = 0;
    while (written < bytes.length) written += fileOperations.write(file, bytes.subarray(written));
    fileOperations.sync(file);
  } finally {
    fileOperations.close(file);
  }
}

/** Makes a rename outlive a power cut. Windows cannot open folders, and some file systems cannot flush them. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const file = fileOperations.open(folder, 'r');
  try {
    fileOperations.sync(file);
  } catch (error) {
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'ENOTSUP') throw error;
  } finally {
    fileOperations.close(file);
  }
}

function removeIfThere(path: string): void {
  try {
    fileOperations.unlink(path);
  } catch {
    // It was never made, or cannot be removed; the error that led here says more, and `removeTemporaries` comes later.
  }
}

// ----------------------------------------------------------------------------------------------------------- errors

const causesInWords: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it is larger than a file may be here',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EEXIST: 'a file of that name is in the way',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports an error',
};

function unwritable(path: string, cause: unknown, kept: string, action = 'be written'): WakesleepError {
  const code = systemCode(cause) ?? '';
  const reason = causesInWords[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const message = `${resolve(path)} could not ${action}: ${reason}. ${kept}.`;
  return new WakesleepError('FILE_UNWRITABLE', message, { where: resolve(path), given: code, cause });
}

function keptInWords(path: string): string {
  return fs.existsSync(path) ? 'The file written there before is kept, whole' : 'No file of that name was left there';
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

// ---------------------------------------------------------------------------------------------------------- locking

/** A folder that this process holds. */
export interface FolderLock {
  /** Gives the folder back; a second call does nothing. */
  release(): void;
}

/**
 * Who holds a lock. A process number alone does not name a process, because numbers are used again: the time at which it
 * started (Linux; in ticks since boot) and the boot tell a later process of the same number apart.
 */
interface LockHolder {
  readonly pid: number;
  readonly startTime: string | null;
  readonly boot: string | null;
  readonly host: string;
}

/**
 * Takes a folder for this process, by making a lock file in it that must not exist yet. A lock whose process is dead is
 * taken over. Throws `FOLDER_IN_USE`, naming the process, where it lives or cannot be asked because it belongs to another
 * host, and `FILE_UNWRITABLE` where the folder cannot be written.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(resolve(folder), LOCK_NAME);
  const own = JSON.stringify(thisProcess());
  while (!tryToCreate(path, own)) {
    const found = readLock(path);
    if (found === undefined) continue; // It was given back in between.
    const holder = parseHolder(found);
    if (holder !== undefined && mayBeAlive(holder)) throw inUse(folder, path, holder);
    takeAway(folder, path, found);
  }
  let held = true;
  return {
    release: () => {
      if (held && readLock(path) === own) removeIfThere(path);
      held = false;
    },
  };
}

/** Whether the lock could be made; `false` where there is one, or where another process took it while it was empty. */
function tryToCreate(path: string, content: string): boolean {
  let file: number;
  try {
    file = fileOperations.open(path, 'wx');
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return false;
    throw unwritable(path, cause, 'The folder was not taken');
  }
  try {
    fillAndClose(file, bytesOf(content));
  } catch (cause) {
    removeIfThere(path);
    throw unwritable(path, cause, 'The folder was not taken');
  }
  return readTextIfThere(path) === content;
}

/**
 * The content of a lock, or `undefined` where there is none. Between being made and being filled a lock is empty, for less
 * than a second; one that stays so belongs to a process that was killed just there.
 */
function readLock(path: string): string | undefined {
  const pauseMs = 50;
  for (let waitedMs = 0; waitedMs < 1000; waitedMs += pauseMs) {
    const content = readTextIfThere(path);
    if (content === undefined || parseHolder(content) !== undefined) return content;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
  return readTextIfThere(path);
}

function readTextIfThere(path: string): string | undefined {
  try {
    const bytes = readFileIfThere(path);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  } catch (cause) {
    throw unwritable(path, cause, 'The folder was not taken', 'be read');
  }
}

/**
 * Removes a lock that was found to be stale. Two processes may find it so at once, and the slower must not remove the new
 * lock of the faster: so the lock is first renamed, which only one of them can do, and then looked at again.
 */
function takeAway(folder: string, path: string, staleContent: string): void {
  const aside = `${path}.wakesleep-${process.pid}.tmp`;
  try {
    fileOperations.rename(path, aside);
    const taken = readTextIfThere(aside);
    const holder = taken === staleContent ? undefined : parseHolder(taken ?? '');
    if (holder !== undefined) {
      fileOperations.rename(aside, path);
      throw inUse(folder, path, holder);
    }
    fileOperations.unlink(aside);
  } catch (cause) {
    if (cause instanceof WakesleepError) throw cause;
    if (systemCode(cause) !== 'ENOENT') throw unwritable(path, cause, 'The folder was not taken', 'be removed');
  }
}

function inUse(folder: string, path: string, { pid, host }: LockHolder): WakesleepError {
  const given = resolve(folder);
  const message =
    host === hostname()
      ? `${given} is in use by process ${pid}; wait until it has ended, or give another folder.`
      : `${given} is in use by process ${pid} on the host ${host}; if that process has ended, delete ${path}.`;
  return new WakesleepError('FOLDER_IN_USE', message, { given, where: path, wanted: 'a folder that no run is using' });
}

function thisProcess(): LockHolder {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? null, boot: bootOfMachine(), host: hostname() };
}

function parseHolder(content: string): LockHolder | undefined {
  try {
    const { pid, startTime, boot, host } = JSON.parse(content) as Record<string, unknown>;
    const isSound =
      Number.isSafeInteger(pid) &&
      (pid as number) > 0 &&
      (startTime === null || typeof startTime === 'string') &&
      (boot === null || typeof boot === 'string') &&
      typeof host === 'string';
    return isSound ? ({ pid, startTime, boot, host } as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

function mayBeAlive({ pid, startTime, boot, host }: LockHolder): boolean {
  if (host !== hostname()) return true; // Another machine, or another container: its processes cannot be seen from here.
  if (boot !== null && boot !== bootOfMachine()) return false;
  if (!answersSignals(pid)) return false;
  const startedAt = startTimeOf(pid);
  return startTime === null || startedAt === undefined || startedAt === startTime;
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH'; // EPERM: it lives, and belongs to another user.
  }
}

/**
 * When a process started, in clock ticks since boot (Linux only, else `undefined`); `dead` for one that has ended and has
 * not been collected by its parent, which still has its number. Fields 3 and 22 of proc(5)'s `stat`; the second field, a
 * name in brackets, may hold anything.
 */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : fields[19];
  } catch {
    return undefined;
  }
}

function bootOfMachine(): string | null {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return null;
  }
}

// ----------------------------------------------------------------------------------------------------------- faults

/** A fault that was installed. */
export interface InstalledFault {
  /** How many operations there have been since. */
  operations(): number;
  /** Puts the real operations back. */
  remove(): void;
}

/**
 * For tests: makes an operation on files go wrong, counted from 1 over all of `fileOperations`.
 * - `kill:7` ends this process with SIGKILL at the seventh; a write has then written half of its bytes.
 * - `ENOSPC:7` (or another code of the system) makes the seventh fail; a write has then written half of its bytes.
 * - `ENOSPC:7+` makes each operation that needs room fail from the seventh on, as a disk does that stays full.
 * - `none` only counts.
 */
export function installFault(fault: string): InstalledFault {
  const match = /^(?:none|(kill|E[A-Z]+):([1-9]\d*)(\+?))$/.exec(fault);
  if (match === null) {
    const wanted = '"none", "kill:N", "ENOSPC:N" or "ENOSPC:N+"';
    const message = `A fault must be ${wanted}; got ${JSON.stringify(fault)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: fault, wanted });
  }
  const [, kind = 'none', first = '0', lasting = ''] = match;
  const real = { ...fileOperations };
  let count = 0;

  const isDue = (needsRoom: boolean): boolean => {
    count += 1;
    if (kind === 'none') return false;
    return lasting === '+' ? count >= Number(first) && needsRoom : count === Number(first);
  };
  const strike = (operation: string): never => {
    if (kind === 'kill') {
      process.kill(process.pid, 'SIGKILL');
      // The signal is on its way; nothing may happen in between.
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    }
    throw Object.assign(new Error(`${kind}: an injected fault, ${operation}`), { code: kind });
  };
  const guarded = <A extends unknown[], R>(name: string, operation: (...a: A) => R, needsRoom: boolean) => {
    return (...args: A): R => (isDue(needsRoom) ? strike(name) : operation(...args));
  };

  Object.assign(fileOperations, {
    open: (path: string, flags: string) => (isDue(flags !== 'r') ? strike('open') : real.open(path, flags)),
    write: (file: number, bytes: Uint8Array) => {
      if (!isDue(true)) return real.write(file, bytes);
      real.write(file, bytes.subarray(0, bytes.length >> 1));
      return strike('write');
    },
    sync: guarded('sync', real.sync, true),
    close: (file: number) => {
      if (!isDue(false)) return real.close(file);
      real.close(file);
      return strike('close');
    },
    rename: guarded('rename', real.rename, true),
    unlink: guarded('unlink', real.unlink, false),
    makeFolder: guarded('makeFolder', real.makeFolder, true),
    readFolder: guarded('readFolder', real.readFolder, false),
    readFile: guarded('readFile', real.readFile, false),
  } satisfies FileOperations);
  return { operations: () => count, remove: () => Object.assign(fileOperations, real) };
}
