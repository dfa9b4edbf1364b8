/**
 * The documentation in `target/site`: every public name, the guides, and what the page of the demonstration looks like. Its pictures
 * are those that the tests of the page take, so they show the page as it is, and none is kept in the repository.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';
import { runOrThrow } from './stamps.mjs';

const MODULES = join(ROOT, 'node_modules');
const SCREENSHOTS = join(ROOT, 'target', 'screenshots');

const configuration = join(ROOT, 'test', 'vitest.config.mjs');
const vitest = join(MODULES, 'vitest', 'vitest.mjs');
runOrThrow(process.execPath, [vitest, 'run', '--config', configuration, 'test/browser/demo.test.ts']);
const page = join(SCREENSHOTS, 'the-demo.md');
copyFileSync(join(ROOT, 'ts', 'demo', 'the-demo.md'), page);
const { typedocOptions } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const documents = [...typedocOptions.projectDocuments, page].flatMap((path) => ['--projectDocuments', path]);
runOrThrow(process.execPath, [join(MODULES, 'typedoc', 'bin', 'typedoc'), '--logLevel', 'Warn', ...documents]);
