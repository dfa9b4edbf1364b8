/** Whatever becomes of the worker, every call settles, the process can end, and nothing is left behind. */
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadInWorker } from 'wakesleep';
import { randomSource } from '../reference/random.js';
import { built, runFresh } from '../runtime/fresh-process.js';
import { exhaust, openRemote, refusal, training } from './small.js';

const MOST_MILLISECONDS = 2000;
/** Much longer than any of these tests waits. */
const ENDLESS = 1_000_000;

const workers: Worker[] = [];
let running = 0;

function watch(worker: Worker): void {
  workers.push(worker);
  running += 1;
  worker.once('exit', () => {
    running -= 1;
  });
}

beforeAll(() => {
  process.on('worker', watch);
});

afterAll(() => {
  process.off('worker', watch);
});

/** An engine with calls of every sort under way: an iteration, a long computation behind it, a property. */
async function busy(options = { threads: 1 }) {
  const { engine, model, data } = await openRemote(options);
  const worker = workers.at(-1)!;
  const run = await model.train(data, training(ENDLESS));
  const iteration = exhaust(run);
  await expect.poll(async () => model.updates).toBeGreaterThan(20);
  const calls = [iteration, model.annealedLogPartition({ chains: 1000, temperatures: 100_000, seed: 1 }), data.rows];
  return { engine, model, worker, run, refusals: Promise.all(calls.map(refusal)) };
}

const closed = expect.objectContaining({ code: 'ENGINE_CLOSED', message: 'The engine is closed.' });
const failed = expect.objectContaining({
  code: 'ENGINE_FAILED',
  message: 'The engine has failed and can do no further work: The worker ended with code 1. Load a new one.',
});

describe.each([{ threads: 1 }, { threads: 3 }])('with %o', (options) => {
  it('refuses what is under way when the engine is closed, and ends the worker', async () => {
    const { engine, model, refusals } = await busy(options);
    const start = performance.now();
    const closing = engine.close();
    expect(await refusals).toEqual([closed, closed, closed]);
    await closing;
    await engine.close();
    expect(performance.now() - start).toBeLessThan(MOST_MILLISECONDS);
    expect(await refusal(model.toBytes())).toEqual(closed);
    expect(await refusal(model.updates)).toEqual(closed);
    expect(running).toBe(0);
  });

  it('refuses what is under way when the worker dies, and everything after', async () => {
    const other = await openRemote();
    const { engine, model, worker, run, refusals } = await busy(options);
    const start = performance.now();
    void worker.terminate();
    expect(await refusals).toEqual([failed, failed, failed]);
    expect(performance.now() - start).toBeLessThan(MOST_MILLISECONDS);
    expect(await refusal(model.toBytes())).toEqual(failed);
    expect(await refusal(exhaust(run))).toEqual(failed);
    await engine.close();
    expect(await refusal(model.toBytes())).toEqual(closed);
    expect(await other.data.rows).toBe(200);
    await other.engine.close();
    expect(running).toBe(0);
  });
});

it('lets a loop end in its own way when the engine is closed inside it', async () => {
  const { engine, model, data } = await openRemote();
  for await (const _ of await model.train(data, training(ENDLESS))) {
    await engine.close();
    break;
  }
  expect(await refusal(model.updates)).toEqual(closed);
});

it('is closed at random instants without a call that waits for ever', async () => {
  const random = randomSource(5);
  for (let round = 0; round < 10; round += 1) {
    const { engine, model, data } = await openRemote({ threads: 1 + (round % 3) });
    const work = refusal(
      (async () => {
        await exhaust(await model.train(data, training(ENDLESS)));
      })(),
    );
    const others = Array.from({ length: 5 }, () =>
      model.meanHidden(data).then(
        () => undefined,
        (error) => error,
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, random.uniform() * 30));
    await engine.close();
    expect(await work).toEqual(closed);
    for (const other of await Promise.all(others)) if (other !== undefined) expect(other).toEqual(closed);
  }
  expect(running).toBe(0);
});

it('ends the worker of an engine that could not be loaded', async () => {
  expect(await refusal(loadInWorker({ threads: 100 }))).toMatchObject({ code: 'OPTION_INVALID' });
  expect(running).toBe(0);
});

it('closes at the end of `await using`', async () => {
  let model: Awaited<ReturnType<typeof openRemote>>['model'];
  {
    const opened = await openRemote();
    await using _engine = opened.engine;
    model = opened.model;
    expect(await model.updates).toBe(0);
  }
  expect(await refusal(model.updates)).toEqual(closed);
});

describe('the process', () => {
  const head = `import { loadInWorker, rbm, bernoulli, contrastiveDivergence } from '${built('index.js')}';
    const engine = await loadInWorker({ threads: 2 });
    const data = await engine.dataset({ rows: Array.from({ length: 50 }, (_, row) => [row % 2, 1, 0, 1]) });
    const model = await engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(3) }), { seed: 1 });
    const train = (epochs) => model.train(data, contrastiveDivergence({ epochs, batchRows: 10, learningRate: 0.1 }));`;

  it.each([
    ['when nothing is under way', ''],
    ['after close()', 'await engine.close();'],
  ])('ends %s', async (_when, last) => {
    const { value, status, stderr, afterLastLineMs } = await runFresh(`${head}
      for await (const record of await train(2)) ;
      ${last}
      console.log(JSON.stringify('done'));`);
    expect({ value, status, stderr }).toEqual({ value: 'done', status: 0, stderr: '' });
    expect(afterLastLineMs).toBeLessThan(MOST_MILLISECONDS);
  });

  it('stays while a call is under way', async () => {
    const { value, status } = await runFresh(`${head}
      model.annealedLogPartition({ chains: 100, temperatures: 3000, seed: 1 }).then(() => console.log(JSON.stringify('answered')));`);
    expect({ value, status }).toEqual({ value: 'answered', status: 0 });
  });

  it('does not forget calls under way when handles and memory are collected', async () => {
    const { value, status } = await runFresh(`
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      setFlagsFromString('--expose-gc');
      const gc = runInNewContext('gc');
      import { loadInWorker, rbm, bernoulli } from '${built('index.js')}';
      const answer = (async () => {
        const engine = await loadInWorker({ threads: 1 });
        const model = await engine.create(rbm({ visible: bernoulli(4), hidden: bernoulli(3) }), { seed: 1 });
        return model.annealedLogPartition({ chains: 100, temperatures: 2000, seed: 1 });
      })();
      const timer = setInterval(gc, 5);
      const { logPartition } = await answer.finally(() => clearInterval(timer));
      console.log(JSON.stringify(typeof logPartition));`);
    expect({ value, status }).toEqual({ value: 'number', status: 0 });
  });

  it('gives up signals of runs that are over', async () => {
    const { value, status } = await runFresh(`${head}
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      setFlagsFromString('--expose-gc');
      const gc = runInNewContext('gc');
      async function runWithSignal() {
        const { signal } = new AbortController();
        for await (const record of await model.train(data, contrastiveDivergence({ epochs: 1 }), { signal })) ;
        return new WeakRef(signal);
      }
      const signals = [];
      for (let round = 0; round < 5; round += 1) signals.push(await runWithSignal());
      for (let round = 0; round < 10; round += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      // The last one may still be on the stack.
      console.log(JSON.stringify(signals.filter((signal) => signal.deref() !== undefined).length <= 1));
      await engine.close();`);
    expect({ value, status }).toEqual({ value: true, status: 0 });
  });
});
