/** What the package exports to each kind of host. */
import { existsSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { built, runFresh } from '../runtime/fresh-process.js';

const { exports, sideEffects } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, string | Record<string, string>>;
  sideEffects: boolean;
};

it('names only files that are there, with every artefact and every entry of a worker', () => {
  const files = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
  expect(Object.keys(exports)).toEqual(
    expect.arrayContaining([
      ...['./st.wasm', './mt.wasm', './st-relaxed.wasm', './mt-relaxed.wasm'],
      ...['./worker-node.js', './worker-web.js', './engine-node.js', './engine-web.js'],
    ]),
  );
  expect(sideEffects).toBe(false);
});

describe.each(['wakesleep', 'wakesleep/inline'])('%s', (entry) => {
  it('is one module to `import` and `require`', async () => {
    const { value, status } = await runFresh(`
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.resolve('wakesleep/package.json'))('${entry}');
      const imported = await import('${entry}');
      const engine = await required.load({ threads: 1 });
      console.log(JSON.stringify([imported.load === required.load, engine.info.artefact]));`);
    expect({ value, status }).toEqual({ value: [true, 'st'], status: 0 });
  });

  it('does nothing when it is imported', async () => {
    const { value } = await runFresh(`
      const done = [];
      process.on('worker', () => done.push('worker'));
      for (const name of ['compile', 'instantiate', 'Module', 'Memory']) {
        const original = WebAssembly[name];
        WebAssembly[name] = function (...given) { done.push(name); return Reflect.construct(original, given); };
      }
      globalThis.fetch = globalThis.atob = () => done.push('read');
      await import('${entry}');
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(JSON.stringify(done));`);
    expect(value).toEqual([]);
  });

  it('is bundled for a page without a warning, and with nothing of Node', async () => {
    const { warnings, outputFiles } = await build({
      stdin: { contents: `export * from '${entry}';`, resolveDir: process.cwd() },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
    });
    expect(warnings).toEqual([]);
    expect(outputFiles[0]!.text).not.toMatch(/\b(?:from|import\()\s*["']node:/);
  });
});

it.each([
  ['workerd', 'inline/workerd.js'],
  ['edge-light', 'inline/edge-light.js'],
  ['browser', 'inline/bytes.js'],
])('gives hosts that go by the condition `%s` the file %s', async (condition, file) => {
  const { value } = await runFresh(
    `console.log(JSON.stringify([import.meta.resolve('wakesleep/inline'), import.meta.resolve('wakesleep/st.wasm')]));`,
    ['--conditions', condition],
  );
  expect(value).toEqual([expect.stringMatching(`/dist/${file}$`), expect.stringMatching('/dist/wasm/st.wasm$')]);
});

it('brings the wasm of its own build inside', async () => {
  const { base64 } = await import(new URL('../../dist/wasm/st-inline.js', import.meta.url).href);
  expect(Buffer.from(base64, 'base64').equals(readFileSync('dist/wasm/st.wasm'))).toBe(true);
});

it('takes the wasm inside for options that are given as undefined, as for those that are not given', async () => {
  const { value } = await runFresh(`
    import { load } from 'wakesleep/inline';
    globalThis.fetch = () => Promise.reject(new Error('Something is fetched.'));
    const compile = WebAssembly.compile;
    const lengths = [];
    WebAssembly.compile = (bytes) => {
      lengths.push(bytes.byteLength);
      return compile(bytes);
    };
    const { info } = await load({ artefact: undefined, wasm: { st: undefined } });
    const { base64 } = await import('${built('wasm/st-inline.js')}');
    console.log(JSON.stringify([info.artefact, lengths.length, lengths[0] === atob(base64).length]));`);
  expect(value).toEqual(['st', 1, true]);
});
