/** The same bits in Chromium: in a worker of an isolated page with threads, and without isolation with one. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChromium } from '../../crates/setup.mjs';
import { startServer } from './server.js';

const native = JSON.parse(readFileSync('target/digests/native.json', 'utf8'));
const golden = JSON.parse(readFileSync('test/golden/digits-tiny.json', 'utf8')) as { sha256: string };
const profile = mkdtempSync(join(tmpdir(), 'wakesleep-chromium-'));
let browser: BrowserContext;

beforeAll(async () => {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error('Chromium is not there; `node crates/setup.mjs --with-tests` says how.');
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  const args = ['--no-sandbox', ...quiet, '--disable-component-update', '--disable-sync'];
  browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args });
});

afterAll(async () => {
  await browser?.close();
  rmSync(profile, { recursive: true, force: true });
});

interface Answer {
  readonly error?: string;
  readonly digests?: Record<string, string>;
  readonly bytes?: number[];
  readonly info?: { artefact: string; threads: number; reason: string };
  readonly isolated?: boolean;
}

/** Runs the test's worker in a page and gives what it posts. */
async function inWorker(isolated: boolean, options: object): Promise<Answer> {
  const { url, server } = await startServer(isolated);
  const page = await browser.newPage();
  try {
    await page.goto(url);
    return await page.evaluate(
      (given) =>
        new Promise<Answer>((resolve) => {
          const worker = new Worker('/test/browser/pages/worker.mjs', { type: 'module' });
          worker.onmessage = ({ data }) => resolve({ ...data, bytes: data.bytes && Array.from(data.bytes) });
          worker.onerror = ({ message }) => resolve({ error: `worker: ${message}` });
          worker.postMessage(given);
        }),
      options,
    );
  } finally {
    await page.close();
    server.close();
  }
}

function sha256(bytes: number[] | undefined): string {
  return createHash('sha256')
    .update(Uint8Array.from(bytes ?? []))
    .digest('hex');
}

test('an isolated page has two threads in a worker, and the native bits', async () => {
  const answer = await inWorker(true, { threads: 2 });
  expect(answer.error).toBeUndefined();
  expect(answer.isolated).toBe(true);
  expect(answer.info).toMatchObject({ artefact: 'mt', threads: 2 });
  expect(answer.digests).toEqual(native);
  expect(sha256(answer.bytes)).toBe(golden.sha256);
});

test('a page without isolation has one thread, says why, and has the same bits', async () => {
  const answer = await inWorker(false, {});
  expect(answer.error).toBeUndefined();
  expect(answer.isolated).toBe(false);
  expect(answer.info).toMatchObject({ artefact: 'st', threads: 1 });
  expect(answer.info?.reason).toMatch(/isolat/i);
  expect(sha256(answer.bytes)).toBe(golden.sha256);
});

test('threads asked for without isolation are refused with the reason', async () => {
  const answer = await inWorker(false, { threads: 2 });
  expect(answer.error).toMatch(/^THREADS_UNAVAILABLE: .*isolat/i);
});

test("the page's own thread gets one thread and is never blocked", async () => {
  const { url, server } = await startServer(true);
  const page = await browser.newPage();
  await page.goto(url);
  // As text, because the test runner rewrites imports in functions.
  const info = (await page.evaluate(`import('/dist/engine.js').then(async ({ load }) => {
    const engine = await load();
    engine.close();
    return engine.info;
  })`)) as { threads: number; reason: string };
  expect(info.threads).toBe(1);
  expect(info.reason).toMatch(/main thread/i);
  await page.close();
  server.close();
});
