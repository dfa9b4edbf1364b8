/** Plots: well-formed XML with one path for each series, equal text for equal series, and nothing loaded before the first. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { linePlot, valuePlot } from '../../dist/cli/plots.js';
import { mayBeSkipped, runPython } from '../files/python.js';
import { smallConfiguration, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const many = Array.from({ length: 12 }, (_, index) => ({
  name: `series <${index}> & more`,
  points: Array.from({ length: 50 }, (_, x): [number, number] => [x + 1, (index + 1) / (x + 1)]),
}));
const panel = { x: { label: 'updates', log: true }, y: { label: 'gap (nats)', log: true }, series: many };

/** The curves of each panel. */
function curvesIn(svg: string): string[] {
  return [...svg.matchAll(/<g[^>]*aria-label="line"[^>]*>(.*?)<\/g>/gs)].flatMap(([, inside]) =>
    [...inside!.matchAll(/<path d="([^"]*)"/g)].map(([, d]) => d!),
  );
}

describe('a plot of lines', () => {
  it('has one path for each series, its name, the title and both axes', async () => {
    const svg = await linePlot('Gaps & more', [panel]);
    expect(curvesIn(svg)).toHaveLength(many.length);
    expect(new Set(curvesIn(svg)).size).toBe(many.length);
    for (const words of ['Gaps &amp; more', 'series &lt;11&gt; &amp; more', 'updates', 'gap (nats)'])
      expect(svg).toContain(words);
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).toContain('fill="white"');
    expect(await linePlot('Gaps & more', [panel])).toBe(svg);
  });

  it('leaves out what a logarithm cannot show', async () => {
    const points: [number, number][] = [
      [0, 1],
      [1, 0],
      [2, 4],
      [3, -1],
      [4, 2],
      [5, Number.NaN],
    ];
    const [drawn] = curvesIn(await linePlot('t', [{ ...panel, series: [{ name: 'a', points }] }]));
    expect(drawn!.match(/[ML]/g)).toHaveLength(2);
    const linear = await linePlot('t', [{ x: { label: 'x' }, y: { label: 'y' }, series: [{ name: 'a', points }] }]);
    expect(curvesIn(linear)[0]!.match(/[ML]/g)).toHaveLength(5);
  });

  it.skipIf(mayBeSkipped)('is well-formed XML, with values too', async () => {
    const values = [
      { name: 'a & b', value: -86.2, low: -87, high: -86 },
      { name: 'c', value: -140 },
    ];
    for (const svg of [
      await linePlot('a < b', [panel, panel]),
      await valuePlot('v', { x: { label: 'nats' }, values }),
    ]) {
      const program = `
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.argv[1])
print(root.tag, sum(1 for _ in root.iter('{http://www.w3.org/2000/svg}text')) > 4)`;
      expect(runPython(program, svg).trim()).toBe('{http://www.w3.org/2000/svg}svg True');
    }
  });
});

describe('a plot of values', () => {
  it('has a mark and a number for each, and a bracket where there is one', async () => {
    const values = [
      { name: 'PCD', value: -86.25, low: -87, high: -86 },
      { name: 'mixture', value: -137.5 },
    ];
    const svg = await valuePlot('Likelihoods', { x: { label: 'nats' }, values });
    expect(svg.match(/<circle /g)).toHaveLength(2);
    for (const words of ['-86.25', '-137.50', 'PCD', 'mixture', 'nats']) expect(svg).toContain(words);
    expect([...svg.matchAll(/<g[^>]*aria-label="rule"[^>]*>(.*?)<\/g>/gs)][0]![1]!.match(/<line /g)).toHaveLength(1);
  });
});

describe('metrics.svg', () => {
  it('has a panel for every measure of the records, and in it a line for each layer', async () => {
    const configuration = smallConfiguration(folder, { data: { name: 'digits-tiny', heldOut: 100 } });
    const out = join(folder, 'run');
    expect(await wakesleep(['train', configuration, '--out', out])).toMatchObject({ status: 0 });
    const svg = readFileSync(join(out, 'metrics.svg'), 'utf8');
    const measures = [
      'reconstruction error',
      'free energy, held-out',
      'free energy of training rows',
      'free energy of held-out rows',
      'mean activity',
      'root mean square of the weights',
      'learning rate',
    ];
    expect(curvesIn(svg)).toHaveLength(2 * measures.length);
    for (const words of [...measures, 'h1', 'h2']) expect(svg).toContain(words);
  });
});

it('the libraries that draw are not loaded by the package or by `wakesleep info`', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  // Every module that Node resolves passes this hook.
  const hook = `export async function resolve(name, context, next) {
    const found = await next(name, context);
    if (/observablehq|linkedom/.test(found.url)) throw new Error('loaded ' + found.url);
    return found;
  }`;
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))});`;
  const preload = `data:text/javascript,${encodeURIComponent(register)}`;
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ['--import', preload, ...args], { cwd: root, encoding: 'utf8' });
  expect(run('dist/cli/main.js', 'info')).toContain('Artefact');
  expect(run('--input-type=module', '-e', "await import('wakesleep'); console.log('loaded')")).toBe('loaded\n');
  expect(() => run('--input-type=module', '-e', "await import('linkedom')")).toThrow();
});
