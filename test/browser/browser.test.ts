/**
 * The same engine in Chromium: threads in a worker of an isolated page, one thread elsewhere with the reason, the same
 * bits as everywhere.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainDigitsTiny } from '../hosts/digits-tiny.mjs';
import { type Chromium, startChromium } from './chromium.js';

const native = JSON.parse(readFileSync(new URL('../../target/digests/native.json', import.meta.url), 'utf8'));
const TWO_THREADS = { threads: 2 };

let browser: Chromium;

beforeAll(async () => {
  browser = await startChromium();
});

afterAll(() => browser?.close());

describe('a worker of an isolated page', () => {
  it('has threads', async () => {
    const { value } = await browser.run('worker', true, 'describe', TWO_THREADS);
    expect(value).toMatchObject({ info: { artefact: 'mt', threads: 2 }, selfTest: 3 });
  });

  it('says how many threads it takes by itself, and why', async () => {
    const { value } = await browser.run('worker', true, 'describe', {});
    expect(value).toMatchObject({ info: { reason: expect.stringMatching(/^The browser reports \d+ cores?\.$/) } });
  });

  it.each([1, 2, 3])('gives the native digests with %i threads', async (threads) => {
    const { value } = await browser.run('worker', true, 'digest', { threads, artefact: 'mt' });
    expect(value).toEqual(native);
  });

  it.each([0, 1])('ends the engine when thread %i panics', async (index) => {
    const { value } = await browser.run('worker', true, 'panic', { index, ...TWO_THREADS });
    const failed = {
      code: 'ENGINE_FAILED',
      message: `The engine has failed and can do no further work: Thread ${index} panicked on purpose. Load a new one.`,
    };
    expect(value).toMatchObject({ first: failed, later: failed });
    expect((value as { milliseconds: number }).milliseconds).toBeLessThan(2000);
  });

  it('opens engine after engine', async () => {
    expect(await browser.run('worker', true, 'reopen', { times: 20, ...TWO_THREADS })).toEqual({ value: 20 });
  });
});

describe('without isolation, or on the main thread', () => {
  it('gives one thread and says which headers are missing', async () => {
    for (const where of ['page', 'worker'] as const) {
      const { value } = await browser.run(where, false, 'describe', {});
      expect(value).toMatchObject({
        info: {
          artefact: 'st',
          threads: 1,
          reason: expect.stringContaining('Cross-Origin-Embedder-Policy: require-corp'),
        },
        selfTest: 1,
      });
    }
  });

  it('gives one thread on the main thread of an isolated page', async () => {
    const { value } = await browser.run('page', true, 'describe', {});
    expect(value).toMatchObject({
      info: { artefact: 'st', threads: 1, reason: expect.stringContaining('must not block') },
    });
  });

  it.each([
    ['worker', false],
    ['page', true],
    ['page', false],
  ] as const)('refuses an explicit number of threads (%s, isolated: %s)', async (where, isolated) => {
    const { error } = await browser.run(where, isolated, 'describe', TWO_THREADS);
    expect(error).toMatchObject({ code: 'THREADS_UNAVAILABLE' });
  });

  it('gives the native digests on the main thread', async () => {
    expect((await browser.run('page', false, 'digest', {})).value).toEqual(native);
  });
});

it('trains the same model as Node, with one thread and with two', async () => {
  const { bytes } = await trainDigitsTiny(new URL('../../dist/', import.meta.url).href, { threads: 1 });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  expect(JSON.parse(readFileSync('test/golden/digits-tiny.json', 'utf8'))).toMatchObject({ sha256 });
  expect((await browser.run('page', false, 'digitsTiny', {})).value).toMatchObject({
    sha256,
    info: { artefact: 'st' },
  });
  expect((await browser.run('worker', true, 'digitsTiny', TWO_THREADS)).value).toMatchObject({
    sha256,
    info: { artefact: 'mt', threads: 2 },
  });
});
