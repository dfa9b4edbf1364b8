/** report.html in a browser: whole without a network, readable in light and dark, and nothing in it taken for markup. */
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../browser/chromium.js';
import { runOf, smallConfiguration, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const out = join(folder, 'run');
const NAME = `<i>&amp;"it's`;
let browser: Awaited<ReturnType<typeof openBrowser>>;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  const path = join(folder, `${NAME}.json`);
  renameSync(
    smallConfiguration(folder, {
      data: { name: 'digits-tiny', heldOut: 100 },
      evaluate: ['testError', 'classification'],
    }),
    path,
  );
  expect(await wakesleep(['train', path, '--out', out, '--threads', '1'])).toMatchObject({ status: 0 });
  browser = await openBrowser();
  page = await browser.context.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) complaints.push(request.url());
  });
  await page.goto(pathToFileURL(join(out, 'report.html')).href);
});
afterAll(() => browser?.close());

describe('report.html', () => {
  it('asks for nothing but itself, and the browser has nothing to complain of', () => {
    expect(complaints).toEqual([pathToFileURL(join(out, 'report.html')).href]);
  });

  it('says what the run is called, letter for letter', async () => {
    expect(await page.title()).toBe(`${NAME} · wakesleep`);
    expect(await page.textContent('h1')).toBe(NAME);
    expect(await page.locator('i').count()).toBe(await page.locator('.legend li').count());
  });

  it('has a curve of every measure for each layer', async () => {
    const labels = await page.locator('.curves svg').evaluateAll((plots) => plots.map((plot) => plot.textContent));
    const measures = [
      'reconstruction error',
      'free energy, held-out',
      'free energy of training',
      'free energy of held',
    ];
    const others = ['mean activity', 'root mean square of the weights', 'learning rate'];
    expect(labels).toHaveLength(measures.length + others.length);
    for (const name of [...measures, ...others]) expect(labels.some((label) => label?.includes(name))).toBe(true);
    expect(await page.locator('.legend li').allTextContents()).toEqual(['h1', 'h2']);
    expect(await page.locator('.curves svg [aria-label="line"] path').count()).toBe(2 * labels.length);
  });

  it('has the pictures in it', async () => {
    const widths = await page.locator('figure img').evaluateAll((images) => {
      return (images as HTMLImageElement[]).map((image) => [image.alt, image.complete, image.naturalWidth > 0]);
    });
    expect(widths).toHaveLength(7);
    for (const [, ...loaded] of widths) expect(loaded).toEqual([true, true]);
    const { pictures } = runOf(out) as { pictures: string[] };
    expect(pictures.filter((name) => name !== 'metrics.svg')).toHaveLength(7);
  });

  it('has results, configuration, digests and versions as run.json has them', async () => {
    const text = (await page.textContent('main'))!;
    const { model, data, versions, configuration, evaluation } = runOf(out) as {
      model: { sha256: string };
      data: { sha256: string }[];
      versions: { wakesleep: string };
      configuration: object;
      evaluation: { testErrorPercent: number };
    };
    for (const { sha256 } of [model, ...data]) expect(text).toContain(sha256);
    expect(text).toContain(`wakesleep${versions.wakesleep}, random streams version`);
    expect(text).toContain(`test error (%)${Number(evaluation.testErrorPercent.toPrecision(5))}`);
    expect(JSON.parse((await page.textContent('pre'))!)).toEqual(configuration);
  });

  it('follows the choice of light or dark, and words stand out from the page in both', async () => {
    /** The contrast of two colours (WCAG 2.1), which is to be at least 4.5 for text. */
    const contrastOf = () =>
      page.evaluate(() => {
        const luminance = (colour: string) => {
          const parts = colour.match(/[\d.]+/g)!.slice(0, 3);
          const [red, green, blue] = parts.map((part) => {
            const share = Number(part) / 255;
            return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
        };
        const background = getComputedStyle(document.body).backgroundColor;
        const words = ['h1', 'header p', 'th', 'td', 'figcaption', '.curves svg text'].map((name) => {
          const style = getComputedStyle(document.querySelector(name)!);
          return name.endsWith('text') ? style.fill : style.color;
        });
        const contrasts = words.map((colour) => {
          const [light, dark] = [luminance(colour), luminance(background)].sort((a, b) => b - a);
          return (light! + 0.05) / (dark! + 0.05);
        });
        return { background, least: Math.min(...contrasts) };
      });
    const seen = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      seen.push(await contrastOf());
    }
    expect(seen.map(({ background }) => background)).toEqual(['rgb(255, 255, 255)', 'rgb(20, 23, 28)']);
    for (const { least } of seen) expect(least).toBeGreaterThan(4.5);
  });

  it('is no wider than a telephone', async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });

  it('is one file that names no other host', () => {
    const text = readFileSync(join(out, 'report.html'), 'utf8').replaceAll('http://www.w3.org/2000/svg', '');
    expect(text).not.toMatch(/https?:|src="(?!data:)|<link|<script|@import/);
  });
});
