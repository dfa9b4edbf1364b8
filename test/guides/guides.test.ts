/** Every sample of the README and of the guides does what it says: each page is run in a folder of its own, from top to bottom. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mayBeSkipped, python } from '../files/python.js';
import { type Sample, samplesOf } from './samples.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUIDES = join(ROOT, 'ts', 'guides');
const pages = readdirSync(GUIDES).filter((name) => name.endsWith('.md'));

/** A folder inside the package, where `import 'wakesleep'` finds the package itself. */
let folder = '';
const BIN = 'bin';

beforeAll(() => {
  mkdirSync(join(ROOT, 'target'), { recursive: true });
  folder = mkdtempSync(join(ROOT, 'target', 'guides-'));
  const npx = join(folder, BIN, 'npx');
  mkdirSync(join(folder, BIN));
  const command = `"${process.execPath}" "${join(ROOT, 'dist', 'cli', 'main.js')}"`;
  writeFileSync(npx, `#!/bin/sh\n[ "$1" = wakesleep ] || exit 99\nshift\nexec ${command} "$@"\n`);
  chmodSync(npx, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(page: string, sample: Sample, index: number): void {
  const cwd = join(folder, page.replace(/\W/g, '-'));
  mkdirSync(cwd, { recursive: true });
  const env = { ...process.env, PATH: `${join(folder, BIN)}${delimiter}${process.env.PATH}`, NO_COLOR: '1' };
  const [command, ...parameters] = commandFor(sample, cwd, index);
  const { status, stdout, stderr } = spawnSync(command!, parameters, { cwd, env, encoding: 'utf8', timeout: 110_000 });
  expect({ status, said: `${stdout}\n${stderr}`.slice(-2000) }, `${page}, line ${sample.line}`).toMatchObject({
    status: 0,
  });
}

function commandFor({ language, code }: Sample, cwd: string, index: number): string[] {
  const file = join(cwd, `sample-${index}.${{ js: 'mjs', sh: 'sh', python: 'py' }[language]}`);
  writeFileSync(file, `${code}\n`);
  if (language === 'js') return [process.execPath, file];
  if (language === 'sh') return ['bash', '-euo', 'pipefail', file];
  if (python === undefined) throw new Error('There is no Python with numpy and scikit-learn.');
  return [python, file];
}

describe.each(pages)('the guide %s', (page) => {
  const samples = samplesOf(readFileSync(join(GUIDES, page), 'utf8'));
  const needsPython = samples.some(({ language }) => language === 'python');

  test.skipIf(needsPython && mayBeSkipped)('does what it says', () => {
    expect(samples.length).toBeGreaterThan(0);
    for (const [index, sample] of samples.entries()) run(page, sample, index);
  });
});

test('samples of a page are programs in its order', () => {
  const page = [
    '```js',
    'let a = 1;',
    '```',
    'text',
    '<!-- given: a += 1; -->',
    '```js',
    'a += 1;',
    '```',
    '```sh',
    'true',
    '```',
    '```json',
    '{}',
    '```',
    '<!-- program -->',
    '```js',
    'b();',
    '```',
  ].join('\n');
  expect(samplesOf(page)).toEqual([
    { language: 'js', code: 'let a = 1;\na += 1;\na += 1;', line: 2 },
    { language: 'sh', code: 'true', line: 10 },
    { language: 'js', code: 'b();', line: 17 },
  ]);
});
