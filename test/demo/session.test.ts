/** What the demonstration page does with its engine, without the page: nothing that goes wrong loses a model or a run. */
import { afterEach, describe, expect, it } from 'vitest';
import { bernoulli, digitsTiny, load, rbm, type TrainingRecord } from 'wakesleep';
import { Session, type Settings } from '../../ts/demo/session.js';

const settings: Settings = { data: 'digits-tiny', model: 'rbm', hidden: 8, epochs: 2, rate: 0.1, seed: 7 };
const endless: Settings = { ...settings, epochs: 1000 };

const sessions: Session[] = [];

async function opened(keep: Session['keep'] = async () => {}): Promise<Session> {
  const session = await Session.open(keep);
  sessions.push(session);
  return session;
}

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close();
});

describe('a session', () => {
  it('begins one run at a time, and can be paused before its digits are there', async () => {
    const session = await opened();
    const run = session.begin(endless);
    expect([session.isBusy, session.isTraining, session.isStarting]).toEqual([true, true, true]);
    await expect(session.begin(settings)).rejects.toThrow(/^Another model is being trained or opened/);
    await expect(session.open(new Uint8Array(8), [])).rejects.toThrow(/^Another model is being trained or opened/);
    session.pause();
    await run;
    expect([session.isBusy, session.isTraining, session.canGoOn]).toEqual([false, false, true]);
    expect(session.records).toEqual([]);
  });

  it('trains on where the browser keeps nothing, says why, and has the checkpoint all the same', async () => {
    const session = await opened(() => Promise.reject(new Error('The disk is full.')));
    await session.begin(settings);
    expect(session.isDone).toBe(true);
    expect(session.notKept).toBe('The disk is full.');
    expect(session.records).toHaveLength(2);
    const other = await opened();
    await other.open((await session.toBytes())!, []);
    expect([other.isDone, other.canGoOn]).toEqual([true, false]);
  });

  it('goes on from a checkpoint, with a model to ask at every moment', async () => {
    let stopped: { checkpoint: Uint8Array<ArrayBuffer>; records: TrainingRecord[] } | undefined;
    const first = await opened(async (checkpoint, records) => {
      stopped = { checkpoint, records: [...records] };
    });
    const run = first.begin(endless);
    await expect.poll(() => first.records.length).toBeGreaterThan(0);
    first.pause();
    await run;
    const session = await opened();
    await session.open(stopped!.checkpoint, stopped!.records);
    expect(session.canGoOn).toBe(true);
    const goingOn = session.goOn();
    const answers = [];
    while (session.isStarting) answers.push((await session.model!.toBytes()).length);
    session.pause();
    await goingOn;
    expect(new Set(answers)).toEqual(new Set([(await session.model!.toBytes()).length]));
    expect(session.records.length).toBeGreaterThanOrEqual(stopped!.records.length);
  });

  it('keeps the model that it has where another cannot be had', async () => {
    const session = await opened();
    await session.begin(settings);
    const before = await session.model!.toBytes();
    // There is no MNIST beside this test.
    await expect(session.begin({ ...settings, data: 'mnist' })).rejects.toThrow(/^MNIST could not be fetched/);
    const engine = await load({ threads: 1 });
    const stranger = engine.create(rbm({ visible: bernoulli(5), hidden: bernoulli(3) }), { seed: 1 });
    await expect(session.open(stranger.toBytes(), [])).rejects.toThrow(/^This page shows nets of/);
    await expect(session.open(new Uint8Array(8), [])).rejects.toMatchObject({ code: 'FILE_CORRUPT' });
    engine.close();
    expect(await session.model!.toBytes()).toEqual(before);
    expect([session.digits!.name, session.isDone, session.isBusy]).toEqual(['digits-tiny', true, false]);
    const { images } = digitsTiny('test');
    const row = Float32Array.from(images.subarray(0, 144), (value) => value / 255);
    expect((await session.model!.classify([row])).labels).toHaveLength(1);
  });
});
