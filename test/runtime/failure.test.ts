/** A failed thread never hangs a caller: the engine ends with an error that says what happened, and stays ended. */
import { describe, expect, it } from 'vitest';
import { load } from '../../dist/runtime/load.js';

/** What `work` throws, and how long that took. */
function thrown(work: () => unknown): { error: { code?: string; message: string }; milliseconds: number } {
  const start = performance.now();
  try {
    work();
  } catch (error) {
    return { error: error as Error, milliseconds: performance.now() - start };
  }
  throw new Error('Nothing was thrown.');
}

const MOST_MILLISECONDS = 2000;

describe.each([
  { threads: 1, index: 0, artefact: 'st' },
  { threads: 1, index: 0, artefact: 'mt' },
  { threads: 2, index: 0, artefact: 'mt' },
  { threads: 2, index: 1, artefact: 'mt' },
  { threads: 3, index: 0, artefact: 'mt' },
  { threads: 3, index: 1, artefact: 'mt' },
  { threads: 3, index: 2, artefact: 'mt' },
] as const)('a panic on thread $index of $threads ($artefact)', ({ threads, index, artefact }) => {
  it('ends the engine with what the panic said', async () => {
    using runtime = await load({ threads, artefact });
    const buffer = runtime.allocate(64);
    const { error, milliseconds } = thrown(() => runtime.kernels.panicOnThread(index));
    const message = `The engine has failed and can do no further work: Thread ${index} panicked on purpose. Load a new one.`;
    expect(error).toMatchObject({ code: 'ENGINE_FAILED', message });
    expect(milliseconds).toBeLessThan(MOST_MILLISECONDS);

    for (const work of [
      () => runtime.kernels.poolSelfTest(),
      () => runtime.kernels.emptyRegions(1, 2),
      () => runtime.allocate(64),
      () => runtime.kernels.Buffer.allocate(64),
      () => new runtime.kernels.Stream(0, 0, 1, 0),
      () => runtime.assertOpen(),
    ]) {
      const later = thrown(work);
      expect(later.error).toMatchObject({ code: 'ENGINE_FAILED', message });
      expect(later.milliseconds).toBeLessThan(MOST_MILLISECONDS);
    }
    expect(runtime.failure).toMatchObject({ code: 'ENGINE_FAILED' });
    expect(() => buffer.free()).not.toThrow();
  });
});

it('leaves other engines alone', async () => {
  using sound = await load({ threads: 2 });
  using failing = await load({ threads: 2 });
  expect(() => failing.kernels.panicOnThread(1)).toThrow(/panicked on purpose/);
  expect(sound.kernels.poolSelfTest()).toBe(3);
  using next = await load({ threads: 2 });
  expect(next.kernels.poolSelfTest()).toBe(3);
});

it('fails when a worker ends while nothing runs', async () => {
  const ended: (() => Promise<number>)[] = [];
  const watch = (worker: { terminate(): Promise<number> }) => void ended.push(() => worker.terminate());
  process.on('worker', watch as never);
  using runtime = await load({ threads: 2 });
  process.off('worker', watch as never);
  expect(ended).toHaveLength(1);
  await ended[0]!();
  await expect
    .poll(() => runtime.failure?.message, { timeout: MOST_MILLISECONDS })
    .toMatch(/A worker ended with code 1\./);
  expect(() => runtime.kernels.poolSelfTest()).toThrow(/A worker ended/);
});
