/** The scripts of `bench/` say what they take, and refuse anything else before they measure or record. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const BENCH = fileURLToPath(new URL('../../bench', import.meta.url));
const RECORDS = join(BENCH, 'results');
const sourceOf = (script: string) => readFileSync(join(BENCH, script), 'utf8');
const scripts = readdirSync(BENCH).filter(
  (name) => name.endsWith('.mjs') && /readOptions\(\s*import\.meta\.url/.test(sourceOf(name)),
);

function run(script: string, ...words: string[]) {
  const records = readdirSync(RECORDS);
  const ended = spawnSync(process.execPath, [join(BENCH, script), ...words], { encoding: 'utf8', timeout: 60_000 });
  expect(readdirSync(RECORDS)).toEqual(records);
  return ended;
}

describe('the benches', () => {
  it('are all found', () => {
    expect(scripts).toEqual(expect.arrayContaining(['run.mjs', 'fantasies.mjs', 'profile.mjs', 'epoch.mjs']));
  });

  it.each(scripts)('%s prints the comment that it begins with', (script) => {
    const { status, stdout, stderr } = run(script, '--help');
    const comment = sourceOf(script)
      .split('*/')[0]!
      .replaceAll(/^(\/\*\*| \*) ?/gm, '');
    expect({ status, stderr, stdout: stdout.trim() }).toEqual({ status: 0, stderr: '', stdout: comment.trim() });
  });

  it.each(scripts)('%s refuses an option that it does not have', (script) => {
    const { status, stdout, stderr } = run(script, '--no-such-option');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('no-such-option');
  });

  it.each(scripts)('%s refuses a word that is nothing to it', (script) => {
    const { status, stdout, stderr } = run(script, 'toString');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('"toString"');
  });

  it.each(['0', '-1', '2.5', 'many', ''])('a number of rounds of "%s" is refused', (rounds) => {
    const { status, stderr } = run('run.mjs', `--rounds=${rounds}`);
    expect(status).toBe(2);
    expect(stderr).toContain('whole number of at least 1');
  });
});
