/**
 * `npm run check`: everything that CI does, in order, stopping at the first step that fails. The last line sums up all
 * tests: `N passed, N failed`.
 *
 * 1. Format and lint (Biome, rustfmt, clippy).
 * 2. Rust tests of the kernels and of the pool, natively; they also write the native digests.
 * 3. The build, the documentation (every public name has a text, every link leads somewhere), the types of tests and page.
 * 4. All TypeScript tests on this Node; those of runtime, digests and determinism again on the other Node versions.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findNativeCargo, ROOT, TEST_NODES, testNodePath, withFirstOnPath } from './setup.mjs';

const TARGET = join(ROOT, 'target');
const counts = { passed: 0, failed: 0, skipped: 0 };
const MODULES = join(ROOT, 'node_modules');

/** What depends on the engine's host, beside the runtime. */
const HOST_TESTS = ['test/digests', 'test/hosts', 'test/remote', 'test/exactness/determinism'];

/** What needs the cores for itself: how long a page is busy shows little beside other tests. */
const ALONE = ['test/runtime', 'test/browser/demo.test.ts'];

function main() {
  mkdirSync(TARGET, { recursive: true });
  const steps = [
    [
      'format and lint',
      () => node([join(MODULES, '@biomejs', 'biome', 'bin', 'biome'), 'ci', '--error-on-warnings', '.']),
    ],
    ['rustfmt', () => cargo(['fmt', '--all', '--check'])],
    ['clippy', () => cargo(['clippy', '--workspace', '--all-targets', '--quiet', '--', '-D', 'warnings'])],
    [
      'clippy of the pool',
      () => cargo(['clippy', '-p', 'wakesleep-wasm', '--features', 'threads', '--quiet', '--', '-D', 'warnings']),
    ],
    ['Rust tests', () => rustTests(['test', '--workspace', '--quiet'])],
    ['Rust tests of the pool', () => rustTests(['test', '-p', 'wakesleep-wasm', '--features', 'threads', '--quiet'])],
    ['build', () => node([join(ROOT, 'crates', 'build.mjs')])],
    ['documentation', () => node([join(MODULES, 'typedoc', 'bin', 'typedoc'), '--logLevel', 'Warn'])],
    ['unused code', () => node([join(MODULES, 'knip', 'bin', 'knip.js')])],
    ...['test', 'ts/demo'].map((folder) => [
      `types of ${folder}`,
      () => node([join(MODULES, 'typescript', 'bin', 'tsc'), '-p', `${folder}/tsconfig.json`]),
    ]),
    [
      `tests of the runtime and the page on Node ${process.versions.node}`,
      () => vitest(process.execPath, [...ALONE, '--no-file-parallelism']),
    ],
    [
      `tests on Node ${process.versions.node}`,
      () =>
        vitest(
          process.execPath,
          ALONE.flatMap((path) => ['--exclude', `${path}{,/**}`]),
        ),
    ],
    ...TEST_NODES.map((version) => [`tests on Node ${version}`, () => vitestOn(version)]),
  ];
  for (const [name, step] of steps) {
    console.log(`check: ${name}`);
    if (!step()) {
      console.log(`check: ${name} FAILED`);
      finish(1);
    }
  }
  finish(0);
}

function finish(status) {
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  process.exit(counts.skipped > 0 && process.env.CI ? 1 : status);
}

function node(parameters) {
  return spawnSync(process.execPath, parameters, { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

function cargo(parameters, stdio = 'inherit') {
  const found = findNativeCargo();
  if (found === undefined) throw new Error('No native cargo was found; `node crates/setup.mjs` says what to do.');
  const env = withFirstOnPath(found);
  const result = spawnSync('cargo', parameters, { cwd: ROOT, env, stdio, encoding: 'utf8', maxBuffer: 1 << 28 });
  return stdio === 'inherit' ? result.status === 0 : result;
}

function rustTests(parameters) {
  const { status, stdout } = cargo(parameters, ['ignore', 'pipe', 'inherit']);
  for (const [, passed, failed, ignored] of stdout.matchAll(/(\d+) passed; (\d+) failed; (\d+) ignored/g)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  if (status !== 0) console.log(stdout);
  return status === 0;
}

function vitest(executable, parameters) {
  const report = join(TARGET, 'vitest.json');
  rmSync(report, { force: true });
  const command = [
    join(MODULES, 'vitest', 'vitest.mjs'),
    'run',
    '--config',
    join(ROOT, 'test', 'vitest.config.mjs'),
    '--reporter=dot',
    '--reporter=json',
  ];
  command.push(`--outputFile.json=${report}`, ...parameters);
  const { status } = spawnSync(executable, command, { cwd: ROOT, stdio: 'inherit' });
  if (!existsSync(report)) return false;
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, 'utf8'));
  counts.passed += numPassedTests;
  counts.failed += numFailedTests;
  counts.skipped += numPendingTests + numTodoTests;
  return status === 0 && numPassedTests > 0;
}

/** Other Node versions run what depends on the engine's host. */
function vitestOn(version) {
  const executable = testNodePath(version);
  if (existsSync(executable)) {
    return vitest(executable, HOST_TESTS) && vitest(executable, ['test/runtime', '--no-file-parallelism']);
  }
  console.log(`Node ${version} is not there; \`node crates/setup.mjs --with-tests\` brings it.`);
  return false;
}

main();
