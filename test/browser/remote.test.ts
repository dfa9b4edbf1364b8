/** A page's engine in a worker: threads where the page is isolated, live weights, and calls that settle whatever happens. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Chromium, startChromium } from './chromium.js';

const TWO_THREADS = { threads: 2 };

let browser: Chromium;

beforeAll(async () => {
  browser = await startChromium();
});

afterAll(() => browser?.close());

describe('an engine that a page has in a worker', () => {
  it.each([
    [true, { threads: 2 }],
    [false, {}],
  ] as const)('trains the same model as Node (isolated: %s)', async (isolated, options) => {
    const { sha256 } = JSON.parse(readFileSync('test/golden/digits-tiny.json', 'utf8'));
    const { value } = await browser.run('page', isolated, 'digitsTiny', { door: 'loadInWorker', ...options });
    expect(value).toMatchObject({ sha256, info: isolated ? options : { threads: 1 } });
  });

  it('lets the page draw the weights while they are learned, and hears its signal', async () => {
    const { value } = await browser.run('page', true, 'watch', TWO_THREADS);
    expect(value).toEqual({ code: 'ABORTED', live: true, shared: 'SharedArrayBuffer', values: 6, threads: 2 });
  });

  it('gives copies to a page that is not isolated', async () => {
    const { value } = await browser.run('page', false, 'watch', {});
    expect(value).toEqual({ code: 'ABORTED', live: false, shared: 'ArrayBuffer', values: 1, threads: 1 });
  });

  it.each([true, false])('refuses what is under way when it is closed (isolated: %s)', async (isolated) => {
    const { value } = await browser.run('page', isolated, 'end', { close: true });
    expect(value).toEqual(Array(2).fill('ENGINE_CLOSED: The engine is closed.'));
  });

  it('refuses what is under way when the worker goes without a word', async () => {
    const message = 'The engine has failed and can do no further work: The worker ended. Load a new one.';
    const { value } = await browser.run('page', true, 'end', { threads: 2 }, endEngineWorkers);
    expect(value).toEqual(Array(2).fill(`ENGINE_FAILED: ${message}`));
  });
});

/** Ends the page's workers from inside once the task says that they run: the page gets no event of that. */
async function endEngineWorkers(page: Page): Promise<void> {
  await page.waitForFunction(() => (globalThis as { isRunning?: boolean }).isRunning);
  const engine = page.workers().find((worker) => worker.url().endsWith('/engine-web.js'));
  await engine!.evaluate(() => (globalThis as unknown as { close(): void }).close());
}
