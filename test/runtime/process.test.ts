/** What a whole process does: importing starts nothing, nothing keeps Node from ending. */
import { expect, it } from 'vitest';
import { built, runFresh } from './fresh-process.js';

const MOST_EXIT_MS = 2000;

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
