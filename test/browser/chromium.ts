/** A headless Chromium, and a small server of the built files with or without the headers that isolate a page. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../crates/setup.mjs';
import { serve } from './server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SERVED = ['/dist/', '/test/', '/node_modules/comlink/'];
/** The module script has run when the page's `load` event comes, for which `goto` waits. */
const PAGE = '<!doctype html><title>wakesleep</title><script type="module" src="/test/browser/task-page.mjs"></script>';

/** Headers without which a page has no shared memory. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

// Without these it asks servers of its maker for updates and experiments, and a container has no room for its sandbox.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What a task gave, or the error that it threw. */
export interface Answer {
  readonly value?: unknown;
  readonly error?: { readonly code?: string; readonly message: string };
}

export type Meanwhile = (page: Page) => Promise<void>;

export interface Chromium {
  /** Runs a task of tasks.mjs on a fresh page's main thread, or in a worker of the page; `meanwhile` acts on the page. */
  run(
    where: 'page' | 'worker',
    isolated: boolean,
    task: string,
    options: object,
    meanwhile?: Meanwhile,
  ): Promise<Answer>;
  close(): Promise<void>;
}

/** A browser with a profile of its own, which `close` removes; throws, saying what is missing, where there is no Chromium. */
export async function openBrowser(): Promise<{ readonly context: BrowserContext; close(): Promise<void> }> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error('No Chromium was found; `node crates/setup.mjs --with-tests` installs it or says how.');
  }
  const profile = await mkdtemp(join(tmpdir(), 'wakesleep-chromium-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ARGUMENTS });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Starts both servers and the browser. */
export async function startChromium(): Promise<Chromium> {
  const browser = await openBrowser();
  const { context } = browser;
  const servers = { isolated: await serve(bodyOf, ISOLATION), plain: await serve(bodyOf, {}) };
  return {
    run: (where, isolated, task, options, meanwhile) =>
      runOnFreshPage(context, (isolated ? servers.isolated : servers.plain).url, { where, task, options }, meanwhile),
    async close() {
      await browser.close();
      for (const server of Object.values(servers)) server.close();
    },
  };
}

/** What a bundler does: names of packages become paths. In the modules that are served there is one. */
function resolved(body: Buffer): string {
  return body.toString().replaceAll("from 'comlink'", "from '/node_modules/comlink/dist/esm/comlink.mjs'");
}

/** The page, and the files of the folders that are served. */
async function bodyOf(path: string): Promise<string | Uint8Array> {
  if (path === '/index.html') return PAGE;
  if (!SERVED.some((folder) => path.startsWith(folder))) throw new Error('not served');
  const body = await readFile(join(ROOT, path));
  return ['.js', '.mjs'].includes(extname(path)) ? resolved(body) : body;
}

interface Job {
  readonly where: 'page' | 'worker';
  readonly task: string;
  readonly options: object;
}

async function runOnFreshPage(context: BrowserContext, url: string, job: Job, meanwhile?: Meanwhile): Promise<Answer> {
  const page: Page = await context.newPage();
  try {
    await page.goto(url);
    const answer = job.where === 'page' ? page.evaluate(inPage, job) : page.evaluate(inWorker, job);
    await Promise.all([answer, meanwhile?.(page)]);
    return await answer;
  } finally {
    await page.close();
  }
}

/** Runs in the page, whose module script has put `perform` there. */
function inPage(job: Job): Promise<Answer> {
  return (globalThis as unknown as { perform(job: Job): Promise<Answer> }).perform(job);
}

/** Runs in the page. */
function inWorker({ task, options }: Job): Promise<Answer> {
  const worker = new Worker('/test/browser/task-worker.mjs', { type: 'module' });
  return new Promise((resolve) => {
    worker.onerror = (event) => resolve({ error: { message: event.message || 'The worker could not be loaded.' } });
    worker.onmessage = ({ data }) => {
      if (data === 'listening') worker.postMessage({ task, options });
      else resolve(data);
    };
  });
}
