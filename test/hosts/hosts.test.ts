/** The same bits on every host: Deno and Bun train, `workerd` scores, one file with the wasm inside does. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, contrastiveDivergence, load, rbm } from 'wakesleep';
import * as inline from 'wakesleep/inline';
import { testHostPath } from '../../crates/setup.mjs';
import { answers } from './answers.mjs';
import { bundleForEdge, type EdgeServer, serveOnEdge, serveOnEdgeLight } from './edge.js';

const run = promisify(execFile);
const HOSTS = {
  deno: { parameters: ['run', '--allow-all', '--node-modules-dir=manual'], name: /^Deno 2/ },
  bun: { parameters: [], name: /^Bun 1/ },
};

let folder: string;
/** A small trained machine, and what it answers on this thread. */
let model: Uint8Array;
let wanted: ReturnType<typeof answers>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wakesleep-hosts-'));
  using engine = await load({ threads: 1 });
  const rows = Array.from({ length: 100 }, (_, row) => Array.from({ length: 50 }, (_, unit) => (row * unit) % 2));
  const machine = engine.create(rbm({ visible: bernoulli(50), hidden: bernoulli(10) }), { seed: 8 });
  for (const _ of machine.train(engine.dataset({ rows }), contrastiveDivergence({ epochs: 5 }))) {
    // Only the model counts.
  }
  model = machine.toBytes();
  wanted = answers(engine, model);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(Object.keys(HOSTS) as (keyof typeof HOSTS)[])('%s', (host) => {
  it.each([
    [1, 'load'],
    [2, 'load'],
    [2, 'loadInWorker'],
  ] as const)('trains digits-tiny to the golden bytes with %i threads (%s)', async (threads, door) => {
    const { sha256 } = JSON.parse(await readFile('test/golden/digits-tiny.json', 'utf8'));
    const { parameters, name } = HOSTS[host];
    const command = [...parameters, 'test/hosts/print-digits-tiny.mjs', String(threads), door];
    const { stdout } = await run(executableOf(host), command);
    const artefact = threads === 1 ? 'st' : 'mt';
    expect(JSON.parse(stdout)).toMatchObject({ sha256, threads, artefact, host: expect.stringMatching(name) });
  });
});

/** An expression for some bytes in programs that can read no file. */
function bytesInSource(bytes: Uint8Array): string {
  return `Uint8Array.from(atob('${Buffer.from(bytes).toString('base64')}'), (letter) => letter.charCodeAt(0))`;
}

function executableOf(host: keyof typeof HOSTS): string {
  const path = testHostPath(host);
  if (!existsSync(path)) throw new Error(`${host} is not there; \`node crates/setup.mjs --with-tests\` brings it.`);
  return path;
}

describe('the edge runtime workerd', () => {
  let server: EdgeServer;

  beforeAll(async () => {
    const sources = resolve('target', 'edge-worker');
    await mkdir(sources, { recursive: true });
    for (const file of ['edge-worker.mjs', 'answers.mjs']) {
      await writeFile(join(sources, file), await readFile(`test/hosts/${file}`));
    }
    await writeFile(join(sources, 'model.bin'), model);
    const bundled = join(folder, 'edge');
    await bundleForEdge(join(sources, 'edge-worker.mjs'), bundled);
    server = await serveOnEdge(bundled);
  });

  afterAll(() => server?.close());

  it.each(['module', 'inline'])('scores to the same bits as Node (%s)', async (way) => {
    for (let request = 0; request < 2; request += 1) {
      expect(await server.ask(way)).toEqual({
        info: expect.objectContaining({ artefact: 'st', threads: 1, host: 'workerd' }),
        scores: wanted,
      });
    }
  });

  it('says what it lacks', async () => {
    const wish = expect.stringContaining("import st from 'wakesleep/st.wasm'");
    expect(await server.ask('nothing')).toEqual({ code: 'ARTEFACT_UNAVAILABLE', message: wish });
    expect(await server.ask('bytes')).toEqual({ code: 'ARTEFACT_UNAVAILABLE', message: wish });
    expect(await server.ask('threads')).toEqual({
      code: 'THREADS_UNAVAILABLE',
      message: '`threads: 2` cannot be had here: An edge runtime starts no threads.',
    });
    expect(await server.ask('worker')).toMatchObject({ code: 'THREADS_UNAVAILABLE' });
  });
});

describe('the edge runtime edge-light', () => {
  it('scores to the same bits as Node, and says what it lacks', async () => {
    const source = `import { load } from 'wakesleep/inline';
      import { answers } from './test/hosts/answers.mjs';
      const bytes = ${bytesInSource(model)};
      const tasks = {
        score: async () => { const engine = await load(); return { info: engine.info, scores: answers(engine, bytes) }; },
        threads: () => load({ threads: 2 }),
      };
      addEventListener('fetch', (event) => event.respondWith((async () => {
        try {
          return Response.json(await tasks[new URL(event.request.url).pathname.slice(1)]());
        } catch ({ code, message }) {
          return Response.json({ code, message });
        }
      })()));`;
    const server = await serveOnEdgeLight(source, resolve('.'));
    expect(await server.ask('score')).toEqual({
      info: expect.objectContaining({ artefact: 'st', threads: 1, host: 'edge runtime edge-runtime' }),
      scores: wanted,
    });
    expect(await server.ask('threads')).toMatchObject({ code: 'THREADS_UNAVAILABLE' });
  });
});

describe('`wakesleep/inline`', () => {
  it('has the same names, and the same bits', async () => {
    const names = Object.keys(await import('wakesleep')).sort();
    expect(Object.keys(inline).sort()).toEqual(names);
    using engine = await inline.load();
    expect(engine.info).toMatchObject({ artefact: 'st', threads: 1 });
    expect(answers(engine as never, model)).toEqual(wanted);
    const remote = await inline.loadInWorker();
    expect(await (await remote.open(model)).toBytes()).toEqual(model);
    await remote.close();
  });

  it('reads other artefacts where they are asked for', async () => {
    using engine = await inline.load({ threads: 2, artefact: 'mt' });
    expect(engine.info).toMatchObject({ artefact: 'mt', threads: 2 });
    await expect(inline.load({ threads: 2 })).rejects.toMatchObject({ code: 'THREADS_UNAVAILABLE' });
  });

  it.each(['node', 'deno', 'bun'] as const)('runs from one file alone (%s)', async (host) => {
    const source = `import { load } from 'wakesleep/inline';
      import { answers } from './test/hosts/answers.mjs';
      const engine = await load();
      const bytes = ${bytesInSource(model)};
      console.log(JSON.stringify(answers(engine, bytes)));`;
    const alone = join(folder, `alone-${host}`);
    await build({
      stdin: { contents: source, resolveDir: resolve('.') },
      outfile: join(alone, 'alone.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'error',
    });
    const command = host === 'deno' ? ['run', '--no-config', 'alone.mjs'] : ['alone.mjs'];
    const { stdout } = await run(host === 'node' ? process.execPath : executableOf(host), command, { cwd: alone });
    expect(JSON.parse(stdout)).toEqual(wanted);
  });
});
