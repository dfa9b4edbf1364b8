/** What a whole process does: importing starts nothing, start-up is quick, nothing keeps Node from ending. */
import { expect, it } from 'vitest';
import { built, type Outcome, runFresh } from './fresh-process.js';

const MOST_START_MS = 150;
const MOST_EXIT_MS = 2000;
const FRESH_PROCESSES = 20;

const importIndex = `import { load } from '${built('index.js')}';`;

it('starts nothing on import', async () => {
  const { value, status, afterLastLineMs } = await runFresh(`
    const started = [];
    process.on('worker', () => started.push('worker'));
    for (const name of ['compile', 'instantiate', 'Memory']) {
      const original = WebAssembly[name];
      WebAssembly[name] = function (...given) { started.push(name); return Reflect.construct(original, given); };
    }
    const before = process.getActiveResourcesInfo().length;
    await import('${built('index.js')}');
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(JSON.stringify({ started, resources: process.getActiveResourcesInfo().length - before }));`);
  expect(value).toEqual({ started: [], resources: 0 });
  expect(status).toBe(0);
  expect(afterLastLineMs).toBeLessThan(MOST_EXIT_MS);
});

it.each([
  ['with close()', 'engine.close();'],
  ['without close()', ''],
])('lets Node end %s', async (_title, close) => {
  const { status, stderr, afterLastLineMs } = await runFresh(`
    ${importIndex}
    const engine = await load({ threads: 3 });
    ${close}
    console.log(JSON.stringify(engine.info.threads));`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(afterLastLineMs).toBeLessThan(MOST_EXIT_MS);
});

it(`loads two threads within ${MOST_START_MS} ms, the median of ${FRESH_PROCESSES} processes`, async () => {
  const times: number[] = [];
  for (let round = 0; round < FRESH_PROCESSES; round += 1) {
    const { value, stderr }: Outcome = await runFresh(`
      ${importIndex}
      const start = performance.now();
      await load({ threads: 2 });
      console.log(JSON.stringify(performance.now() - start));`);
    expect(stderr).toBe('');
    times.push(value as number);
  }
  times.sort((a, b) => a - b);
  const median = (times[FRESH_PROCESSES / 2 - 1]! + times[FRESH_PROCESSES / 2]!) / 2;
  expect(median, `of ${times.map((time) => time.toFixed(0)).join(', ')} ms`).toBeLessThanOrEqual(MOST_START_MS);
});
