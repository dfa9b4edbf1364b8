/**
 * Builds everything into `dist/`: the artefacts (artefacts.mjs), then the TypeScript, then what the package has beside them
 * (package.mjs). What has not changed since the last build is left alone.
 *
 *     node crates/build.mjs [--names]      --names keeps function names in the wasm, for profiles
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildArtefacts } from './artefacts.mjs';
import { packageFiles, writePackageFiles } from './package.mjs';
import { ROOT } from './setup.mjs';
import { DIST, filesBelow, GENERATED, hashOf, runOrThrow, TARGET, unlessDone } from './stamps.mjs';

export async function build({ names = false } = {}) {
  mkdirSync(join(TARGET, 'stamps'), { recursive: true });
  const release = takeLock();
  try {
    buildArtefacts(names);
    buildTypeScript();
    await writePackageFiles();
  } finally {
    release();
  }
}

function buildTypeScript() {
  const sources = filesBelow(join(ROOT, 'ts')).filter(isOfThePackage);
  const declarations = filesBelow(GENERATED).filter((file) => file.endsWith('.d.ts'));
  const configuration = ['tsconfig.json', 'package-lock.json', 'crates/declarations.d.ts'].map((file) =>
    join(ROOT, file),
  );
  const outputs = sources.flatMap((file) => ['.js', '.d.ts'].map((ending) => emitted(file, ending)));
  unlessDone('typescript', hashOf([...sources, ...declarations, ...configuration]), outputs, () => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    runOrThrow(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.json')]);
  });
  removeAllBut(
    new Set([
      ...outputs,
      ...packageFiles,
      ...filesBelow(GENERATED).map((file) => join(DIST, 'wasm', relative(GENERATED, file))),
    ]),
  );
}

/** The page of the demonstration is built by itself, and guides are text. */
function isOfThePackage(file) {
  return file.endsWith('.ts') && !file.startsWith(join(ROOT, 'ts', 'demo'));
}

function emitted(source, ending) {
  return join(DIST, relative(join(ROOT, 'ts'), source).replace(/\.ts$/, ending));
}

/** Removes what earlier builds left of sources that are gone. */
function removeAllBut(wanted) {
  for (const file of filesBelow(DIST)) if (!wanted.has(file)) rmSync(file);
}

/** Two builds at once would write each other's files: the second waits. A lock whose owner is gone counts for nothing. */
function takeLock() {
  const lock = join(TARGET, 'build.lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (lockIsStale(lock)) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function lockIsStale(lock) {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    // An empty file is a lock in the making.
    if (owner > 0) process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await build({ names: process.argv.includes('--names') });
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  }
}
