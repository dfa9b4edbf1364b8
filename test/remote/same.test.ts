/** Behind a worker everything is as on this thread: bits, records, answers, errors; handles, views and signals work. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, loadInWorker, WakesleepError } from 'wakesleep';
import { trainDigitsTiny } from '../hosts/digits-tiny.mjs';
import { randomSource } from '../reference/random.js';
import { COLUMNS, exhaust, graph, openHere, openRemote, refusal, rows, training } from './small.js';

const golden = JSON.parse(readFileSync('test/golden/digits-tiny.json', 'utf8')) as { sha256: string };

let here: Awaited<ReturnType<typeof openHere>>;
let remote: Awaited<ReturnType<typeof openRemote>>;

beforeAll(async () => {
  here = await openHere();
  remote = await openRemote({ threads: 2 });
});

afterAll(async () => {
  here.engine.close();
  await remote.engine.close();
});

it.each([
  { artefact: 'st', threads: 1 },
  { artefact: 'mt', threads: 2 },
  { artefact: 'mt', threads: 3 },
])('%o trains digits-tiny to the golden bytes', async (options) => {
  const { bytes, info } = await trainDigitsTiny(pathToFileURL('dist/').href, options, 'loadInWorker');
  expect(info).toMatchObject(options);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(golden.sha256);
});

describe('a run', () => {
  it('gives the same records in order, and the same model and checkpoint', async () => {
    const [mine, theirs] = [here.engine.create(graph, { seed: 9 }), await remote.engine.create(graph, { seed: 9 })];
    const run = mine.train(here.data, training(6), { heldOut: here.data.view(0, 50) });
    const wanted = await exhaust(run);
    const remoteRun = await theirs.train(remote.data, training(6), { heldOut: await remote.data.view(0, 50) });
    expect(await remoteRun.done).toBe(false);
    const records = await exhaust(remoteRun);
    // Times differ.
    expect(records.map(({ epoch }) => epoch)).toEqual(wanted.map(({ epoch }) => epoch));
    expect(records.map(({ freeEnergyGap }) => freeEnergyGap)).toEqual(wanted.map(({ freeEnergyGap }) => freeEnergyGap));
    expect(records.map((record) => record.reconstructionError)).toEqual(
      wanted.map((record) => record.reconstructionError),
    );
    expect(await theirs.toBytes()).toEqual(mine.toBytes());
    expect(await remoteRun.toBytes()).toEqual(run.toBytes());
    expect(await remoteRun.progress).toEqual(run.progress);
    expect(await remoteRun.algorithm).toEqual(run.algorithm);
    expect(await remoteRun.done).toBe(true);
    expect(await (await remoteRun.model).toBytes()).toEqual(mine.toBytes());
    expect(await (await remoteRun.data).identity()).toEqual(here.data.identity());
  });

  it('stands still between records: after `break` the model is that of the last one, and the run goes on', async () => {
    const [mine, theirs] = [here.engine.create(graph, { seed: 2 }), await remote.engine.create(graph, { seed: 2 })];
    const run = await theirs.train(remote.data, training(5));
    for await (const record of run) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(await theirs.updates).toBe(record.epoch * 20);
      if (record.epoch === 3) break;
    }
    expect(await theirs.updates).toBe(60);
    await exhaust(mine.train(here.data, training(3)));
    expect(await (await theirs.parameter('hidden.bias')).values()).toEqual(mine.parameter('hidden.bias').values());
    expect((await exhaust(run)).map(({ epoch }) => epoch)).toEqual([4, 5]);
  });

  it('goes on from a checkpoint that a run on this thread made', async () => {
    const mine = here.engine.create(graph, { seed: 3 });
    const run = mine.train(here.data, training(4));
    for (const record of run) if (record.epoch === 2) break;
    const resumed = await remote.engine.resume(run.toBytes(), remote.data);
    await exhaust(resumed);
    await exhaust(run);
    expect(await resumed.toBytes()).toEqual(run.toBytes());
  });

  it('is aborted at any instant with a valid checkpoint, which ends with the same bits', async () => {
    const whole = here.engine.create(graph, { seed: 4 });
    await exhaust(whole.train(here.data, training(150)));
    const random = randomSource(17);
    const stops = [];
    for (let round = 0; round < 12; round += 1) {
      const model = await remote.engine.create(graph, { seed: 4 });
      const abort = new AbortController();
      const run = await model.train(remote.data, training(150), { signal: abort.signal });
      const reason = new Error('enough');
      setTimeout(() => abort.abort(reason), random.uniform() * 40);
      const error = await exhaust(run).then(
        () => undefined,
        (error) => error,
      );
      stops.push((await run.progress).updates);
      if (error !== undefined) expect(error).toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
      const resumed = here.engine.resume(await run.toBytes(), here.data);
      await exhaust(resumed);
      expect(resumed.model.toBytes()).toEqual(whole.toBytes());
      resumed.model.free();
      await model.free();
    }
    expect(new Set(stops).size).toBeGreaterThan(4);
    expect(Math.min(...stops)).toBeLessThan(3000);
  });

  it('is aborted for any reason, and told in words of one that cannot be sent', async () => {
    const model = await remote.engine.create(graph, { seed: 4 });
    const early = await model.train(remote.data, training(3), { signal: AbortSignal.abort(new Event('click')) });
    expect(await refusal(exhaust(early))).toMatchObject({ code: 'ABORTED', cause: 'an instance of Event' });
    const abort = new AbortController();
    const run = await model.train(remote.data, training(1_000_000), { signal: abort.signal });
    const refused = refusal(exhaust(run));
    abort.abort(() => {});
    expect(await refused).toMatchObject({ code: 'ABORTED', cause: 'a function' });
    await model.free();
  });

  it('is refused when it is iterated after `free()`, also in the middle, and the engine and its checkpoint work on', async () => {
    for (const { engine, data } of [here, remote]) {
      const model = await engine.create(graph, { seed: 4 });
      const run = await model.train(data as never, training(1_000_000));
      let checkpoint: Uint8Array<ArrayBuffer> | undefined;
      const refused = await refusal(
        (async () => {
          for await (const _ of run) {
            checkpoint ??= await run.toBytes();
            await run.free();
          }
        })(),
      );
      expect(refused).toMatchObject({ code: 'OPTION_INVALID', where: 'free()' });
      expect(await refusal(exhaust(run))).toMatchObject({ code: 'OPTION_INVALID', where: 'free()' });
      expect(await run.done).toBe(false);
      const resumed = await engine.resume(checkpoint!, data as never);
      for await (const { epoch } of resumed) if (epoch === 2) break;
      expect((await resumed.progress).epoch).toBe(2);
      await resumed.free();
      await model.free();
    }
  });

  it('does not begin with a signal that is aborted already', async () => {
    const model = await remote.engine.create(graph, { seed: 4 });
    const run = await model.train(remote.data, training(3), { signal: AbortSignal.abort() });
    expect(await refusal(exhaust(run))).toMatchObject({ code: 'ABORTED', cause: { name: 'AbortError' } });
    expect(await model.updates).toBe(0);
  });
});

describe('answers', () => {
  it('are those of this thread', async () => {
    const { model, data } = remote;
    expect(await model.meanHidden(data)).toEqual(here.model.meanHidden(here.data));
    expect(await model.meanHidden(rows)).toEqual(here.model.meanHidden(here.data));
    expect(await model.freeEnergy(data)).toEqual(here.model.freeEnergy(here.data));
    expect(await model.sample({ rows: 3, sweeps: 4, seed: 1 })).toEqual(
      here.model.sample({ rows: 3, sweeps: 4, seed: 1 }),
    );
    const annealed = { chains: 20, temperatures: 50, seed: 3 };
    expect(await model.annealedLogPartitionAsync(annealed)).toEqual(
      await here.model.annealedLogPartitionAsync(annealed),
    );
    expect(await model.graph).toEqual(graph);
    expect(await model.seed).toBe(5);
    expect(await model.parameterSpecs).toEqual(here.model.parameterSpecs);
    expect(await data.columnMeans()).toEqual(here.data.columnMeans());
    expect(await data.rows).toBe(200);
    expect(await (await model.engine).info).toMatchObject({ threads: 2, artefact: 'mt' });
  });

  it('may be handles, alone and in lists, which can be handed back', async () => {
    const [first, last] = await remote.data.split({ last: 30 });
    expect([await first.rows, await last.rows, await last.firstRow]).toEqual([170, 30, 170]);
    const posterior = await remote.model.aggregatedPosterior(last, { passing: 'probabilities' });
    expect(await posterior.columns).toBe(24);
    const upper = await remote.engine.dataset({ rows: await posterior.values(), columns: 24 });
    expect(await upper.values()).toEqual(await posterior.values());
    expect(await remote.model.meanHidden(last)).toEqual(await posterior.values());
    const [open] = [await remote.engine.open(await remote.model.toBytes())];
    expect(await open.toBytes()).toEqual(await remote.model.toBytes());
    await posterior.free();
  });

  it('set and read parameters', async () => {
    const model = await remote.engine.create(graph, { seed: 1 });
    const parameter = await model.parameter('visible.bias');
    expect(await parameter.name).toBe('layers.visible.bias');
    expect(await parameter.shape).toEqual([COLUMNS]);
    await parameter.set(Array.from({ length: COLUMNS }, (_, unit) => unit / 4));
    expect(Array.from(await parameter.values())).toEqual(Array.from({ length: COLUMNS }, (_, unit) => unit / 4));
  });
});

describe('errors', () => {
  const bad: [string, (door: typeof here) => unknown, (door: typeof remote) => Promise<unknown>][] = [
    [
      'an option that is not known',
      ({ engine }) => engine.create(graph, { seed: 1, sede: 2 } as never),
      ({ engine }) => engine.create(graph, { seed: 1, sede: 2 } as never),
    ],
    ['rows that do not fit', ({ model }) => model.freeEnergy([[1, 0]]), ({ model }) => model.freeEnergy([[1, 0]])],
    ['a graph that does not suit', ({ model }) => model.classify(rows), ({ model }) => model.classify(rows)],
    [
      'a file that is no file',
      ({ engine }) => engine.open(Uint8Array.of(1, 2, 3)),
      ({ engine }) => engine.open(Uint8Array.of(1, 2, 3)),
    ],
    [
      'a parameter that is not there',
      ({ model }) => model.parameter('nonsense'),
      ({ model }) => model.parameter('nonsense'),
    ],
    [
      'numbers that are not finite',
      ({ model }) => model.parameter('visible.bias').set(new Float32Array(COLUMNS).fill(Number.NaN)),
      async ({ model }) => (await model.parameter('visible.bias')).set(new Float32Array(COLUMNS).fill(Number.NaN)),
    ],
  ];

  it.each(bad)('tell the same of %s', async (_what, onThisThread, inTheWorker) => {
    const wanted = await refusal((async () => onThisThread(here))());
    const error = await refusal(inTheWorker(remote));
    expect(error).toBeInstanceOf(WakesleepError);
    expect(error.message).toBe(wanted.message);
    const told = ({ code, given, wanted, where, cause }: typeof error) => ({ code, given, wanted, where, cause });
    expect(told(error)).toEqual(told(wanted));
    expect(error.stack).toContain(wanted.message);
  });

  it('come out of iterations', async () => {
    const diverging = { ...training(3), learningRate: 1e38 };
    const mine = here.engine.create(graph, { seed: 1 });
    const wanted = await refusal(exhaust(mine.train(here.data, diverging)));
    const theirs = await remote.engine.create(graph, { seed: 1 });
    const error = await refusal(exhaust(await theirs.train(remote.data, diverging)));
    expect(error).toMatchObject({ code: 'NOT_FINITE', message: wanted.message, where: wanted.where });
  });

  it('refuse what cannot be sent, and where it is', async () => {
    const error = await refusal(
      remote.model.importanceLogLikelihoodAsync(remote.data, { particles: 2, seed: 1 }, (() => undefined) as never),
    );
    expect(error).toMatchObject({ code: 'OPTION_INVALID', where: 'importanceLogLikelihoodAsync().2' });
    const local = await refusal(remote.model.freeEnergy(here.data as never));
    expect(local).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('an instance of Dataset') });
  });

  it('keep their kind and their causes', async () => {
    await expect(loadInWorker({ threads: 1, artefact: 'mt', wasm: { mt: Uint8Array.of(1, 2) } })).rejects.toMatchObject(
      {
        code: 'THREADS_UNAVAILABLE',
        cause: { name: 'CompileError' },
      },
    );
    await expect(loadInWorker({ threads: 65 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      where: 'load.threads',
    });
    const noWasm = { threads: 1, artefact: 'st', wasm: { st: Uint8Array.of(1, 2) } } as const;
    await expect(load(noWasm)).rejects.toMatchObject({ name: 'CompileError' });
    await expect(loadInWorker(noWasm)).rejects.toMatchObject({ name: 'CompileError' });
    await expect(load({ threads: 65 })).rejects.toMatchObject({ code: 'OPTION_INVALID', where: 'load.threads' });
  });
});

describe('several engines', () => {
  it('work at once, each with its own handles', async () => {
    const others = [await openRemote(), await openRemote({ threads: 2 })];
    const [first, second] = await Promise.all(
      others.map(async ({ data, model }) => {
        await exhaust(await model.train(data, training(5)));
        return model.toBytes();
      }),
    );
    expect(second).toEqual(first);
    const error = await refusal(others[0]!.model.freeEnergy(others[1]!.data));
    expect(error).toMatchObject({ code: 'OPTION_INVALID', message: 'A Dataset of one engine was given to another.' });
    await others[0]!.engine.close();
    expect(await others[1]!.data.rows).toBe(200);
    await others[1]!.engine.close();
  });
});

describe('views', () => {
  it('show the weights while they are learned, where the memory is shared', async () => {
    const model = await remote.engine.create(graph, { seed: 6 });
    const weights = await model.parameter('visible-hidden.weight');
    const view = await weights.view();
    expect(view.live).toBe(true);
    expect(view.values.buffer).toBeInstanceOf(SharedArrayBuffer);
    const seen = new Set<number>();
    const watch = setInterval(() => seen.add(view.values[view.at(3, 7)]!), 1);
    for await (const _ of await model.train(remote.data, training(200))) {
      const values = await weights.values();
      for (const [hidden, visible] of [
        [0, 0],
        [3, 7],
        [23, 39],
      ] as const) {
        expect(view.values[view.at(hidden, visible)]).toBe(values[hidden * COLUMNS + visible]);
      }
    }
    clearInterval(watch);
    expect(seen.size).toBeGreaterThan(5);
  });

  it('are copies, and say so, where it is not', async () => {
    const { engine, model, data } = await openRemote({ threads: 1 });
    const bias = await model.parameter('hidden.bias');
    const view = await bias.view();
    const before = view.values.slice();
    expect(view.live).toBe(false);
    await exhaust(await model.train(data, training(1)));
    expect(view.values).toEqual(before);
    expect(await bias.values()).not.toEqual(before);
    const weights = await model.parameter('visible-hidden.weight');
    const copy = await weights.view();
    expect(copy.values[copy.at(20, 30)]).toBe((await weights.values())[20 * COLUMNS + 30]);
    await engine.close();
  });
});
