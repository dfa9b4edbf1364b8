/** The demonstration page as a visitor has it: built, served, and used in a browser. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  contrastiveDivergence,
  deepBeliefNet,
  digitsTiny,
  greedy,
  load,
  readSafetensors,
  softmax,
} from 'wakesleep';
import { ISOLATION, openBrowser } from './chromium.js';
import { type Served, serve } from './server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = join(ROOT, 'target', 'demo');
/** Pictures of the page, for people. */
const SCREENSHOTS = join(ROOT, 'target', 'screenshots');
const MEGABYTE = 1_000_000;

/** A server of the built page that compresses, as servers do, and counts what it sends. */
interface ServedDemo extends Served {
  sentBytes(): number;
}

async function serveDemo(headers: Record<string, string>): Promise<ServedDemo> {
  let sent = 0;
  const bodyOf = async (path: string) => {
    const body = gzipSync(await readFile(join(BUILT, path)));
    sent += body.length;
    return body;
  };
  return { ...(await serve(bodyOf, { 'Content-Encoding': 'gzip', ...headers })), sentBytes: () => sent };
}

let browser: { readonly context: BrowserContext; close(): Promise<void> };
let isolated: ServedDemo;
let plain: ServedDemo;
const complaints: string[] = [];

beforeAll(async () => {
  await build({ configFile: join(ROOT, 'ts', 'demo', 'vite.config.mjs'), logLevel: 'error' });
  await mkdir(SCREENSHOTS, { recursive: true });
  [browser, isolated, plain] = await Promise.all([openBrowser(), serveDemo(ISOLATION), serveDemo({})]);
}, 120_000);

afterEach(() => expect(complaints.splice(0)).toEqual([]));

afterAll(async () => {
  await browser?.close();
  isolated?.close();
  plain?.close();
});

async function openPage({ url }: Served): Promise<Page> {
  const page = await browser.context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(url);
  await isReady(page);
  return page;
}

const isReady = (page: Page) => page.locator('#train:enabled').waitFor();
const statusOf = async (page: Page) => (await page.textContent('#status'))!;

async function train(page: Page, epochs: number): Promise<void> {
  await page.fill('[name=epochs]', String(epochs));
  await page.click('#train');
}

async function untilDone(page: Page): Promise<void> {
  await page.waitForFunction(() => document.getElementById('status')!.textContent!.startsWith('Done'));
  await isReady(page);
}

/** Draws lines between points, on a lattice 4 wide and 6 high, with the mouse. */
async function draw(page: Page, stroke: readonly (readonly [number, number])[]): Promise<void> {
  await page.click('#clear');
  await page.locator('#pad').scrollIntoViewIfNeeded();
  const { x, y, width } = (await page.locator('#pad').boundingBox())!;
  const at = ([right, down]: readonly [number, number]) =>
    [x + width * (0.25 + right / 8), y + width * (0.15 + down / 9)] as const;
  await page.mouse.move(...at(stroke[0]!));
  await page.mouse.down();
  for (const point of stroke.slice(1)) await page.mouse.move(...at(point), { steps: 8 });
  await page.mouse.up();
}

/** The parameters in the checkpoint that the page hands out, as the hash of a model's file. */
async function downloadedModel(page: Page): Promise<string> {
  const coming = page.waitForEvent('download');
  await page.click('#download');
  const download = await coming;
  return hashOfModel(readFileSync(await download.path()));
}

async function hashOfModel(checkpoint: Uint8Array): Promise<string> {
  const engine = await load({ threads: 1 });
  const hash = createHash('sha256');
  const { tensors } = readSafetensors(engine.open(checkpoint).toBytes(), 'The model');
  for (const [name, { values }] of tensors) hash.update(name).update(new Uint8Array(values.buffer));
  engine.close();
  return hash.digest('hex');
}

/** What the page's form asks for with so many epochs and its other fields untouched, trained in Node. */
async function trainedInNode(epochs: number): Promise<string> {
  const engine = await load({ threads: 1 });
  const { images, labels, columns, classes } = digitsTiny('train');
  const data = engine.dataset({ rows: images, columns, scale: 1 / 255, labels, classes, name: 'digits-tiny' });
  const graph = deepBeliefNet({
    visible: bernoulli(columns),
    hidden: [bernoulli(64)],
    label: softmax(classes),
    top: bernoulli(128),
  });
  const machine = contrastiveDivergence({
    epochs,
    batchRows: 20,
    data: 'states',
    reconstruction: 'states',
    learningRate: { from: 0.1, to: 0.1 / 5 },
  });
  const model = engine.create(graph, { seed: 7 });
  for (const _ of model.train(data, greedy([machine, machine])));
  const hash = await hashOfModel(model.toBytes());
  engine.close();
  return hash;
}

/** Lengths of the page's long tasks (50 ms or more) over ten seconds, as the browser itself reports them, in ms. */
function longTasks(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const found: number[] = [];
    const observer = new PerformanceObserver((list) =>
      found.push(...list.getEntries().map(({ duration }) => duration)),
    );
    observer.observe({ type: 'longtask' });
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    observer.disconnect();
    return found;
  });
}

const isFree = (lengths: readonly number[]) => lengths.length <= 1 && lengths.every((length) => length <= 100);

describe('the demonstration page', () => {
  it('is less than a megabyte, and has threads where it is isolated', async () => {
    const before = isolated.sentBytes();
    const page = await openPage(isolated);
    expect(await page.textContent('#engine')).toMatch(/^\d+ threads\./);
    const sent = isolated.sentBytes() - before;
    expect(sent).toBeGreaterThan(MEGABYTE / 10);
    expect(sent).toBeLessThan(MEGABYTE);
    await page.close();
  });

  it('learns, dreams, and tells apart what is drawn', async () => {
    const page = await openPage(isolated);
    await train(page, 60);
    await untilDone(page);
    await draw(page, [
      [0, 0],
      [4, 0],
      [1.6, 6],
    ]);
    await page.waitForFunction(() => document.getElementById('verdict')!.textContent!.includes('for a 7'));
    await draw(page, [
      [3, 6],
      [3, 0],
      [0, 4],
      [4, 4],
    ]);
    await page.waitForFunction(() => document.getElementById('verdict')!.textContent!.includes('for a 4'));
    await page.click('#cross');
    await page.getByRole('button', { name: '3', exact: true }).click();
    await page.waitForFunction(() => document.getElementById('dream')!.ariaLabel === 'The net dreams a 3');
    expect(await page.isVisible('#strip')).toBe(true);
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(SCREENSHOTS, 'demo-light.png'), fullPage: true });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 390, height: 800 });
    await page.screenshot({ path: join(SCREENSHOTS, 'demo-dark-phone.png'), fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await page.close();
  });

  it('draws by keys alone', async () => {
    const page = await openPage(isolated);
    await page.focus('#pad');
    await page.keyboard.press('Space');
    for (let step = 0; step < 8; step += 1) await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => document.getElementById('verdict')!.textContent!.startsWith('The net takes'));
    await page.close();
  });

  it('goes on after a pause and a reload, to the bits of a run without', async () => {
    const page = await openPage(isolated);
    await train(page, 90);
    await page.waitForFunction(() => document.getElementById('status')!.textContent!.startsWith('Learning'));
    await page.click('#pause');
    await page.locator('#resume:enabled').waitFor();
    expect(await statusOf(page)).toMatch(/^Paused/);
    await page.reload();
    await isReady(page);
    expect(await statusOf(page)).toMatch(/^Paused.*It was kept in this browser\.$/);
    await page.click('#resume');
    await untilDone(page);
    expect(await downloadedModel(page)).toBe(await trainedInNode(90));
    await page.close();
  });

  it('leaves the page free while it learns', async () => {
    const page = await openPage(isolated);
    // Large enough to learn for longer than is watched, on any machine.
    await page.fill('[name=hidden]', '500');
    await train(page, 1000);
    await page.waitForTimeout(1000);
    const first = await longTasks(page);
    // What else this machine does can only make tasks longer: one quiet window is enough.
    const lengths = isFree(first) ? first : await longTasks(page);
    expect(await statusOf(page)).toMatch(/^Learning/);
    // Nobody is told of every epoch aloud.
    expect(await page.getAttribute('#status', 'aria-live')).toBe('off');
    expect(isFree(lengths), `${first}; ${lengths} ms`).toBe(true);
    await page.click('#pause');
    await page.locator('#resume:enabled').waitFor();
    await page.close();
  });

  it('learns on one thread where it is not isolated, and says why', async () => {
    const page = await openPage(plain);
    expect(await page.textContent('#engine')).toMatch(/^One thread\. .*isolated/);
    await page.selectOption('[name=model]', 'rbm');
    await train(page, 3);
    await untilDone(page);
    await page.click('#example');
    await page.waitForFunction(() => document.getElementById('verdict')!.textContent!.startsWith('The net takes'));
    await page.locator('#strip').waitFor({ state: 'hidden' });
    await page.close();
  });

  it('refuses a file that holds no net of digits, and keeps the one it has', async () => {
    const page = await openPage(isolated);
    await page.setInputFiles('#file', { name: 'x.safetensors', mimeType: '', buffer: Buffer.from('nothing') });
    await page.locator('#trouble:visible').waitFor();
    expect(await page.textContent('#trouble')).toMatch(/FILE_CORRUPT/);
    await page.close();
  });
});
