/** Doing only what is needed: each part of the build keeps the hash of its inputs in `target/stamps/`. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from './setup.mjs';

export const TARGET = join(ROOT, 'target');
export const DIST = join(ROOT, 'dist');
/** Where TypeScript finds the declarations of the artefacts (`rootDirs` in tsconfig.json). */
export const GENERATED = join(TARGET, 'generated', 'wasm');

/** Runs `work` unless it was done with these inputs and all its outputs are there. */
export function unlessDone(name, hash, outputs, work) {
  if (isDone(name, hash, outputs)) return;
  process.stdout.write(`build: ${name}\n`);
  work();
  markDone(name, hash);
}

/** Whether a part was built of these inputs and all its outputs are there. Where not, its mark is taken away. */
export function isDone(name, hash, outputs) {
  const stamp = stampOf(name);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((file) => existsSync(file)))
    return true;
  rmSync(stamp, { force: true });
  return false;
}

export function markDone(name, hash) {
  writeFileSync(stampOf(name), hash);
}

function stampOf(name) {
  return join(TARGET, 'stamps', name);
}

export function hashOf(files, text = '') {
  const hash = createHash('sha256').update(text);
  for (const file of files) hash.update(`\n${relative(ROOT, file)}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile())
    .sort();
}

export function copyIfChanged(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  if (!existsSync(to) || !readFileSync(from).equals(readFileSync(to))) copyFileSync(from, to);
}

/** Runs a program in the project's folder; throws where it fails. */
export function runOrThrow(command, parameters, options = {}) {
  const { status, error } = spawnSync(command, parameters, { stdio: 'inherit', cwd: ROOT, ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${relative(ROOT, command)} ended with status ${status}.`);
}
