/** Engines come and go: several at once, many in turn, and `close()` ends every worker. */
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { load } from '../../dist/runtime/load.js';

let running = 0;
let started = 0;

function count(worker: Worker): void {
  running += 1;
  started += 1;
  worker.once('exit', () => {
    running -= 1;
  });
}

beforeAll(() => {
  process.on('worker', count);
});

afterAll(() => {
  process.off('worker', count);
});

it('lets engines work side by side without seeing each other', async () => {
  using first = await load({ threads: 2 });
  using second = await load({ threads: 3 });
  using third = await load({ threads: 1 });
  const buffers = [first, second, third].map((runtime, index) => {
    const buffer = runtime.allocate(4096);
    buffer.words().fill(index + 1);
    return buffer;
  });
  for (let round = 0; round < 100; round += 1) {
    expect([first, second, third].map(({ kernels }) => kernels.poolSelfTest())).toEqual([3, 6, 1]);
  }
  buffers.forEach((buffer, index) => {
    expect(new Set(buffer.words())).toEqual(new Set([index + 1]));
  });
});

it('ends every worker of 50 engines opened in turn', async () => {
  const before = started;
  for (let round = 0; round < 50; round += 1) {
    const runtime = await load({ threads: 3 });
    expect(runtime.kernels.poolSelfTest()).toBe(6);
    runtime.close();
    runtime.close();
  }
  expect(started - before).toBe(100);
  await expect.poll(() => running, { timeout: 5000 }).toBe(0);
});

it.each(['st', 'mt'] as const)('refuses work on a closed engine (%s)', async (artefact) => {
  const runtime = await load({ threads: 1, artefact });
  const buffer = runtime.allocate(64);
  expect(runtime.isClosed).toBe(false);
  runtime.close();
  expect(runtime.isClosed).toBe(true);
  const closed = expect.objectContaining({ code: 'ENGINE_CLOSED', message: 'The engine is closed.' });
  expect(() => runtime.kernels.poolSelfTest()).toThrow(closed);
  expect(() => runtime.allocate(64)).toThrow(closed);
  expect(() => buffer.free()).not.toThrow();
});
