/**
 * The documentation in `target/site`: every public name, the guides, and what the page of the demonstration looks like. Its pictures
 * are those that the tests of the page take, so they show the page as it is, and none is kept in the repository.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';

const MODULES = join(ROOT, 'node_modules');
const SCREENSHOTS = join(ROOT, 'target', 'screenshots');

function run(...parameters) {
  const { status } = spawnSync(process.execPath, parameters, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const configuration = join(ROOT, 'test', 'vitest.config.mjs');
run(join(MODULES, 'vitest', 'vitest.mjs'), 'run', '--config', configuration, 'test/browser/demo.test.ts');
const page = join(SCREENSHOTS, 'the-demo.md');
copyFileSync(join(ROOT, 'ts', 'demo', 'the-demo.md'), page);
const { typedocOptions } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const documents = [...typedocOptions.projectDocuments, page].flatMap((path) => ['--projectDocuments', path]);
run(join(MODULES, 'typedoc', 'bin', 'typedoc'), '--logLevel', 'Warn', ...documents);
