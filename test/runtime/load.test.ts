/** Loading decides well: which artefact, how many threads, why; and refuses what cannot be had, in words. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type LoadOptions, load } from '../../dist/runtime/load.js';
import { built, runFresh } from './fresh-process.js';

const wasmOf = (name: string) => new URL(built(`wasm/${name}.wasm`));

async function refusal(options: unknown): Promise<{ code?: string; message: string }> {
  const outcome = load(options as LoadOptions).then(
    () => undefined,
    (error) => error,
  );
  const error = await outcome;
  expect(error, 'an error').toBeDefined();
  return error;
}

describe('threads and artefacts', () => {
  it.each([1, 2, 3])('starts %i threads, each of which really runs', async (threads) => {
    using runtime = await load({ threads, artefact: threads === 1 ? 'mt' : 'auto' });
    expect(runtime.info).toMatchObject({ artefact: 'mt', threads });
    expect(runtime.kernels.poolSelfTest()).toBe((threads * (threads + 1)) / 2);
  });

  it('takes the artefact without threads for one thread', async () => {
    using runtime = await load({ threads: 1 });
    expect(runtime.info).toMatchObject({
      artefact: 'st',
      threads: 1,
      reason: 'One thread was asked for.',
      warnings: [],
    });
    expect(runtime.kernels.poolSelfTest()).toBe(1);
  });

  it('says why there are not more threads', async () => {
    using runtime = await load();
    expect(runtime.info.threads).toBeLessThanOrEqual(availableParallelism());
    expect(runtime.info.reason).toMatch(
      /^The (system|control group's quota of .*|function's .* MB) grants? \d+ cores?\.$/,
    );
    using single = await load({ artefact: 'st' });
    expect(single.info.reason).toBe('The artefact `st` has one thread.');
  });

  it('warns of more threads than cores, and works', async () => {
    const threads = availableParallelism() + 1;
    using runtime = await load({ threads });
    expect(runtime.info.warnings).toEqual([expect.stringMatching(`^${threads} threads share \\d+ cores?, `)]);
    runtime.kernels.emptyRegions(1000, 16);
  });

  it('has the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    using runtime = await load({ threads: 1 });
    expect(runtime.info.version).toBe(version);
    expect(runtime.info.streamVersion).toBeGreaterThanOrEqual(1);
    expect(runtime.info.host).toContain(process.versions.node);
  });
});

describe('wasm from elsewhere', () => {
  it.each(['st', 'mt'] as const)('takes %s as a URL, bytes or a module', async (name) => {
    const bytes = readFileSync(wasmOf(name));
    for (const source of [wasmOf(name), bytes, new WebAssembly.Module(bytes)]) {
      using runtime = await load({ artefact: name, threads: name === 'st' ? 1 : 2, wasm: { [name]: source } });
      expect(runtime.info.artefact).toBe(name);
    }
  });

  it('falls back to one thread where threads do not start, and says why', async () => {
    const text = `
      import { load } from '${built('runtime/load.js')}';
      import os from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      const runtime = await load({ wasm: { mt: new URL('${built('wasm/missing.wasm')}') } });
      console.log(JSON.stringify(runtime.info));`;
    const { value } = await runFresh(text);
    const info = value as { artefact: string; threads: number; reason: string; warnings: string[] };
    expect(info).toMatchObject({ artefact: 'st', threads: 1 });
    if (availableParallelism() > 1) {
      expect(info.reason).toMatch(/^\d+ threads did not start: ENOENT/);
      expect(info.warnings).toEqual([info.reason]);
    }
  });

  it('refuses an explicit number of threads that does not start', async () => {
    const error = await refusal({ threads: 2, wasm: { mt: new URL(built('wasm/missing.wasm')) } });
    expect(error).toMatchObject({ code: 'THREADS_UNAVAILABLE' });
    expect(error.message).toMatch(/^2 threads did not start: ENOENT/);
  });
});

describe('what cannot be had', () => {
  it('refuses threads of the artefact without them', async () => {
    expect(await refusal({ threads: 2, artefact: 'st' })).toMatchObject({
      code: 'THREADS_UNAVAILABLE',
      message: '`threads: 2` cannot be had here: The artefact `st` has one thread.',
    });
  });

  it('refuses threads, and gives one, where the host has no shared memory', async () => {
    const { value, stderr } = await runFresh(`
      const { load } = await import('${built('runtime/load.js')}');
      delete globalThis.SharedArrayBuffer;
      const refused = await Promise.all([{ threads: 2 }, { artefact: 'mt' }].map((options) => load(options).catch((e) => e)));
      const { info } = await load();
      console.log(JSON.stringify([refused.map(({ code, message }) => [code, message]), info.artefact, info.reason]));`);
    const why = 'This host has no shared memory.';
    expect(stderr).toBe('');
    expect(value).toEqual([
      [
        ['THREADS_UNAVAILABLE', `\`threads: 2\` cannot be had here: ${why}`],
        ['THREADS_UNAVAILABLE', `The artefact \`mt\` cannot be had here: ${why}`],
      ],
      'st',
      why,
    ]);
  });

  it.each([
    [{ thread: 2 }, 'load has no option `thread`; did you mean `threads`?'],
    [{ threads: 0 }, '`threads` must be an integer from 1 to 64; got 0.'],
    [{ threads: 65 }, '`threads` must be an integer from 1 to 64; got 65.'],
    [{ threads: 1.5 }, '`threads` must be an integer from 1 to 64; got 1.5.'],
    [{ threads: 'two' }, '`threads` must be "auto" or an integer from 1 to 64; got "two".'],
    [
      { artefact: 'mtt' },
      '`artefact` must be "auto", "st", "mt", "st-relaxed" or "mt-relaxed"; got "mtt". Did you mean "mt"?',
    ],
    [{ maxMemoryBytes: 1024 }, '`maxMemoryBytes` must be an integer from 4194304 to 4294967296; got 1024.'],
    [{ wasm: { st: 'file.wasm' } }, '`st` must be a WebAssembly.Module, a URL or bytes; got string.'],
    [{ wasm: { mtx: 1 } }, 'load.wasm has no option `mtx`; did you mean `mt`?'],
  ])('refuses the options %j', async (options, message) => {
    expect(await refusal(options)).toMatchObject({ code: 'OPTION_INVALID', message });
  });
});
