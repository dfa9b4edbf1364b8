import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  appendToFile,
  folderEntries,
  installFault,
  LOCK_NAME,
  lockFolder,
  makeFolder,
  readFileIfThere,
  removeTemporaries,
  writeFileAtomic,
} from '../../dist/files/atomic.js';
import { refusal } from './refusal.js';

const writer = fileURLToPath(new URL('writer.mjs', import.meta.url));
const preload = new URL('faultPreload.mjs', import.meta.url).href;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const textAt = (path: string) => readFileSync(path, 'utf8');

describe('a file is written whole or not at all', () => {
  it('replaces what was there, and leaves nothing else', () => {
    const path = join(folder, 'model');
    writeFileAtomic(path, 'first');
    writeFileAtomic(path, Uint8Array.of(0x62));
    appendToFile(path, 'c');
    expect(textAt(path)).toBe('bc');
    expect(readFileIfThere(path)).toEqual(Uint8Array.of(0x62, 0x63));
    expect(readFileIfThere(join(folder, 'other'))).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['model']);
  });

  it('keeps the old file at an error in each of its operations, and leaves no temporary', () => {
    const path = join(folder, 'model');
    writeFileAtomic(path, 'the old file');
    const counting = installFault('none');
    writeFileAtomic(path, 'the old file');
    counting.remove();
    expect(counting.operations()).toBe(8); // Open, write, sync, close, rename; open, sync and close of the folder.
    for (let operation = 1; operation <= 8; operation += 1) {
      const fault = installFault(`ENOSPC:${operation}`);
      const words = refusal(() => writeFileAtomic(path, 'the new file, longer'));
      fault.remove();
      const isReplaced = operation > 5;
      expect(words).toBe(
        `FILE_UNWRITABLE: ${path} could not be written: the disk is full. ${
          isReplaced
            ? 'The new file is in its place, but it may be lost if the machine fails now.'
            : 'The file written there before is kept, whole.'
        }`,
      );
      expect(textAt(path)).toBe(isReplaced ? 'the new file, longer' : 'the old file');
      expect(readdirSync(folder)).toEqual(['model']);
      writeFileAtomic(path, 'the old file');
    }
  });

  it('says on a disk that stays full that nothing was written, and what an unfinished line leaves', () => {
    const path = join(folder, 'model');
    const fault = installFault('ENOSPC:2+');
    try {
      expect(refusal(() => writeFileAtomic(path, 'new'))).toBe(
        `FILE_UNWRITABLE: ${path} could not be written: the disk is full. No file of that name was left there.`,
      );
      expect(readdirSync(folder)).toEqual([]);
      expect(refusal(() => makeFolder(join(folder, 'a')))).toMatch('could not be made as a folder: the disk is full');
    } finally {
      fault.remove();
    }
    appendToFile(path, 'line 1\n');
    const second = installFault('ENOSPC:2');
    expect(refusal(() => appendToFile(path, 'line 2\n'))).toBe(
      `FILE_UNWRITABLE: ${path} could not be written: the disk is full. What the file held before is kept.`,
    );
    second.remove();
    expect(textAt(path)).toMatch(/^line 1\n/);
  });

  it.each([
    ['EACCES', 'this user may not write there'],
    ['EROFS', 'the file system is read-only'],
    ['EDQUOT', 'the disk quota is used up'],
    ['EIO', 'the disk reports an error'],
    ['ESTALE', 'ESTALE: an injected fault, open'],
  ])('gives the reason for %s', (code, reason) => {
    const fault = installFault(`${code}:1`);
    expect(refusal(() => writeFileAtomic(join(folder, 'x'), ''))).toMatch(`x could not be written: ${reason}. No file`);
    fault.remove();
  });

  it('says what is wrong with a path', () => {
    writeFileSync(join(folder, 'file'), '');
    const wrong = [join(folder, 'none', 'x'), join(folder, 'file', 'x'), join(folder, 'y'.repeat(300))];
    expect(wrong.map((path) => refusal(() => writeFileAtomic(path, '')).match(/written: (.*?)\./)?.[1])).toEqual([
      'its folder does not exist',
      'a part of its path is a file, not a folder',
      'its name is too long',
    ]);
    expect(refusal(() => makeFolder(join(folder, 'file')))).toMatch(
      'a file of that name is in the way. No folder was made.',
    );
    expect(refusal(() => folderEntries(join(folder, 'file')))).toMatch(
      'file could not be read as a folder: a part of its path',
    );
  });

  it('removes and does not list what killed runs left', () => {
    const names = ['.model.wakesleep-12.tmp', LOCK_NAME, '.other.tmp', 'model'];
    for (const name of names) writeFileSync(join(folder, name), '');
    expect(folderEntries(folder)).toEqual(['.other.tmp', 'model']);
    expect(folderEntries(join(folder, 'none'))).toEqual([]);
    expect(removeTemporaries(folder)).toEqual(['.model.wakesleep-12.tmp']);
    expect(readdirSync(folder).sort()).toEqual(['.other.tmp', LOCK_NAME, 'model']);
  });

  it('refuses a fault that it does not know', () => {
    expect(refusal(() => installFault('kill:0'))).toBe(
      'OPTION_INVALID: A fault must be "none", "kill:N", "ENOSPC:N" or "ENOSPC:N+"; got "kill:0".',
    );
  });
});

describe('a program that is killed at each of its operations on files', () => {
  const run = (out: string, fault: string, count = '') =>
    spawnSync(process.execPath, ['--import', preload, writer, out], {
      env: { ...process.env, WAKESLEEP_FAULT: fault, WAKESLEEP_FAULT_COUNT: count },
      encoding: 'utf8',
    });

  it('finds whole files when it is started again, and ends with the same ones', { timeout: 120_000 }, () => {
    const countPath = join(folder, 'count');
    expect(run(join(folder, 'whole'), 'none', countPath).stdout).toBe('');
    const operations = Number(textAt(countPath));
    expect(operations).toBeGreaterThan(40);
    const wanted = textAt(join(folder, 'whole', 'state'));

    for (let operation = 1; operation <= operations; operation += 1) {
      const out = join(folder, `killed-${operation}`);
      expect(run(out, `kill:${operation}`).signal).toBe('SIGKILL');
      if (existsSync(join(out, 'state'))) expect(textAt(join(out, 'state'))).toMatch(/^[123] x{1000}$/);
      const again = run(out, 'none');
      expect([operation, again.status, again.stdout]).toEqual([operation, 0, '']);
      expect(textAt(join(out, 'state'))).toBe(wanted);
      expect(readdirSync(out).sort()).toEqual(['log', 'state']);
    }
  });
});

describe('a folder that is in use', () => {
  const lockOf = (change: Record<string, unknown>) => {
    const lock = lockFolder(folder);
    const own = JSON.parse(textAt(join(folder, LOCK_NAME)));
    lock.release();
    writeFileSync(join(folder, LOCK_NAME), JSON.stringify({ ...own, ...change }));
  };

  it('is refused while its process lives, even in the same process, and free once it is given back', () => {
    const lock = lockFolder(folder);
    expect(refusal(() => lockFolder(folder))).toBe(
      `FOLDER_IN_USE: ${folder} is in use by process ${process.pid}; wait until it has ended, or give another folder.`,
    );
    lock.release();
    lock.release();
    lockFolder(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over from a process that was killed', async () => {
    const child = await holder(folder);
    expect(refusal(() => lockFolder(folder))).toMatch(`is in use by process ${child.pid};`);
    await ended(child, 'SIGKILL');
    expect(existsSync(join(folder, LOCK_NAME))).toBe(true);
    lockFolder(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over where the number of the process is used again, or the machine was started again', () => {
    for (const change of process.platform === 'linux' ? [{ startTime: '1' }, { boot: 'another' }] : []) {
      lockOf(change);
      lockFolder(folder).release();
    }
    lockOf({ startTime: null });
    expect(refusal(() => lockFolder(folder))).toMatch(/^FOLDER_IN_USE/);
  });

  it('is taken over from a process that has ended but that nobody has collected', async () => {
    const shell = spawn('/bin/sh', ['-c', 'true & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = Number(await firstLine(shell));
    lockOf({ pid, startTime: '77' });
    const lock = lockFolder(folder);
    lock.release();
    await ended(shell, 'SIGKILL');
  });

  it('is not taken from another host, of which nothing can be known', () => {
    lockOf({ host: `not-${hostname()}`, pid: 2 ** 30 });
    expect(refusal(() => lockFolder(folder))).toBe(
      `FOLDER_IN_USE: ${folder} is in use by process 1073741824 on the host not-${hostname()}; ` +
        `if that process has ended, delete ${join(folder, LOCK_NAME)}.`,
    );
  });

  it.each(['', 'null', '{"pid":-1,"startTime":null,"boot":null,"host":"a"}'])(
    'is taken over from a lock that was never filled: %s',
    (content) => {
      writeFileSync(join(folder, LOCK_NAME), content);
      lockFolder(folder).release();
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('goes to exactly one of eight processes that find a stale lock at once', { timeout: 60_000 }, async () => {
    lockOf({ pid: 2 ** 22 + 1 });
    const children = Array.from({ length: 8 }, () => startHolder(folder));
    const answers = await Promise.all(children.map(firstLine));
    expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'FOLDER_IN_USE')).toHaveLength(7);
    await Promise.all(children.map((child) => ended(child)));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused where it cannot be written, and leaves no lock on a full disk', () => {
    expect(refusal(() => lockFolder(join(folder, 'none')))).toMatch(
      /^FILE_UNWRITABLE: .*could not be written: its folder does not exist\. The folder was not taken\.$/,
    );
    mkdirSync(join(folder, 'full'));
    const fault = installFault('ENOSPC:2');
    expect(refusal(() => lockFolder(join(folder, 'full')))).toMatch('the disk is full. The folder was not taken.');
    fault.remove();
    expect(readdirSync(join(folder, 'full'))).toEqual([]);
  });
});

function startHolder(out: string): ChildProcess {
  return spawn(process.execPath, [writer, out, 'hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function holder(out: string): Promise<ChildProcess> {
  const child = startHolder(out);
  expect(await firstLine(child)).toBe('held');
  return child;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject);
    child.stdout!.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
  });
}

/** Ends a child by a signal, or by closing its input, and waits until it is gone. */
async function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  const gone =
    child.exitCode === null && child.signalCode === null ? new Promise((resolve) => child.on('exit', resolve)) : null;
  if (signal === undefined) child.stdin!.end();
  else child.kill(signal);
  await gone;
}
