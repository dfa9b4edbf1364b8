/** The serverless examples of the guide, as they stand there: a function of AWS Lambda's shape, and an edge worker. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, type Engine, load, rbm } from 'wakesleep';
import { runFresh } from '../runtime/fresh-process.js';
import { bundleForEdge, type EdgeServer, serveOnEdge } from './edge.js';

/** Inside of the project, so that the examples find the package by its name. */
const FOLDER = resolve('target', 'guide-examples');
const COLUMNS = 12;
const rows = Array.from({ length: 5 }, (_, row) => Array.from({ length: COLUMNS }, (_, unit) => (row + unit) % 2));

/** The example that begins with `// name`. */
async function example(name: string): Promise<string> {
  const guide = await readFile('ts/guides/browser-and-serverless.md', 'utf8');
  const found = [...guide.matchAll(/^```javascript\n(\/\/ (\S+)[\s\S]*?)^```$/gm)].find(([, , head]) => head === name);
  if (found === undefined) throw new Error(`The guide has no example ${name}.`);
  return found[1]!;
}

let nats: number[];

beforeAll(async () => {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  using engine: Engine = await load({ threads: 1 });
  const model = engine.create(rbm({ visible: bernoulli(COLUMNS), hidden: bernoulli(6) }), {
    seed: 1,
    weightScale: 0.5,
  });
  nats = Array.from(model.freeEnergy(rows));
  await writeFile(join(FOLDER, 'model.safetensors'), model.toBytes());
  await writeFile(join(FOLDER, 'model.bin'), model.toBytes());
  for (const name of ['handler.mjs', 'worker.mjs']) await writeFile(join(FOLDER, name), await example(name));
});

afterAll(() => rm(FOLDER, { recursive: true, force: true }));

it.each([
  [undefined, /^The system grants|^The control group/],
  [1024, /^The function's 1024 MB grant 1 core\.$/],
])('answers as a function of Lambda with %s MB, with as many threads as they pay for', async (megabytes, reason) => {
  const { value, status, stderr } = await runFresh(`
    ${megabytes === undefined ? '' : `process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE = '${megabytes}';`}
    const { handler } = await import('${pathToFileURL(join(FOLDER, 'handler.mjs')).href}');
    const event = { body: '${JSON.stringify({ rows })}' };
    const answers = [await handler(event), await handler(event)];
    const { load } = await import('wakesleep');
    const { threads, reason } = (await load()).info;
    console.log(JSON.stringify({ answers, threads, reason }));`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { answers, ...info } = value as { answers: { statusCode: number; body: string }[]; threads: number };
  for (const { statusCode, body } of answers) expect([statusCode, JSON.parse(body)]).toEqual([200, { nats }]);
  expect(info).toMatchObject({ reason: expect.stringMatching(reason) });
  if (megabytes !== undefined) expect(info.threads).toBe(1);
});

describe('the edge worker', () => {
  let server: EdgeServer;

  beforeAll(async () => {
    const bundled = join(FOLDER, 'bundled');
    await bundleForEdge(join(FOLDER, 'worker.mjs'), bundled);
    server = await serveOnEdge(bundled);
  });

  afterAll(() => server?.close());

  it('answers to the same bits', async () => {
    expect(await server.ask('', { rows })).toEqual({ nats });
    expect(await Promise.all([server.ask('', { rows }), server.ask('', { rows })])).toEqual([{ nats }, { nats }]);
  });
});
