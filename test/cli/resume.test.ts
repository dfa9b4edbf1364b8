/**
 * A run that is stopped at any instant goes on to the same bits: killed by a signal at random instants, killed at each
 * operation on files, interrupted, or out of disk. And what `--resume` refuses.
 */
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from 'wakesleep';
import { seededIntegers } from '../files/seeded-integers.mjs';
import {
  deterministicMetrics,
  forEachNumber,
  namesIn,
  RUN_FILES,
  runOf,
  sha256Of,
  smallConfiguration,
  TIMED_FILES,
  temporaryFolder,
  wakesleep,
} from './command.js';

const folder = temporaryFolder();
const small = smallConfiguration(folder, { evaluate: ['testError', 'smoothFilters'] });
const one = ['--threads', '1'];

/** Everything about a finished run that must not depend on how often it was stopped. */
function outcome(path: string) {
  const files = RUN_FILES.filter((name) => !TIMED_FILES.includes(name));
  const { status, evaluation, configuration } = runOf(path) as { configuration: object; [key: string]: unknown };
  return {
    names: namesIn(path),
    digests: Object.fromEntries(files.map((name) => [name, sha256Of(join(path, name))])),
    metrics: deterministicMetrics(path),
    events: eventsIn(path),
    status,
    evaluation,
    configuration: { ...configuration, checkpointSeconds: undefined },
  };
}

/** How many events a run's event file holds, the one with the version too; it must hold whole ones only. */
function eventsIn(path: string): number {
  const bytes = readFileSync(join(path, 'events.out.tfevents.wakesleep'));
  let count = 0;
  let at = 0;
  for (; at < bytes.length; at += Number(bytes.readBigUInt64LE(at)) + 16) count += 1;
  expect(at).toBe(bytes.length);
  return count;
}

/** Where a folder's checkpoint stands. */
function progressOf(path: string): { readonly phase: number; readonly epoch: number; readonly batch: number } {
  const { metadata } = readSafetensors(readFileSync(join(path, 'checkpoint.safetensors')), 'checkpoint');
  return JSON.parse(metadata.training!).progress;
}

describe('killed with SIGKILL', () => {
  const set = (assignment: string) => ['--set', assignment];
  // Small batches make epochs long enough for checkpoints by the clock to fall within them.
  const small = { epochs: 3, batchRows: 2, data: 'states' };
  const trainers = [
    { type: 'contrastiveDivergence', ...small, averaging: 0.99, centring: true },
    { type: 'fastPersistentContrastiveDivergence', ...small, chains: 7, hiddenDropout: 0.2 },
    { type: 'persistentContrastiveDivergence', ...small, optimiser: 'adam', sparsity: { target: 0.1, cost: 0.01 } },
  ];
  const changes = trainers.flatMap((trainer, phase) => set(`train.0.phases.${phase}=${JSON.stringify(trainer)}`));
  const args = (out: string) => ['train', 'digits-tiny', ...changes, ...set('evaluate=["testError"]'), '--out', out];

  it('at 6 instants from a printed seed', async () => {
    const whole = join(folder, 'whole');
    const startedAt = performance.now();
    expect((await wakesleep([...args(whole), ...one])).status).toBe(0);
    const wholeMs = Math.floor(performance.now() - startedAt);
    const wanted = outcome(whole);

    const seed = Number(process.env.WAKESLEEP_KILL_SEED ?? Date.now() % 1_000_000);
    console.log(`Instants of the kills are drawn from the seed ${seed} (WAKESLEEP_KILL_SEED) within ${wholeMs} ms.`);
    const below = seededIntegers(seed);
    for (let kill = 1; kill <= 6; kill += 1) {
      const out = join(folder, `killed-${kill}`);
      const afterMs = below(wholeMs);
      const often = set('checkpointSeconds=0.05');
      const send = { signal: 'SIGKILL', afterMs } as const;
      const { status, signal } = await wakesleep([...args(out), ...often, '--threads', '2'], { send });
      // The run may have been over before the signal came.
      if (status !== 0) expect(signal).toBe('SIGKILL');
      expect(await wakesleep([...args(out), ...one, '--resume']), `killed after ${afterMs} ms`).toMatchObject({
        status: 0,
      });
      expect(outcome(out), `killed after ${afterMs} ms`).toEqual(wanted);
    }
  }, 120_000);
});

/**
 * Of the operations on files every fifth, or all of them with WAKESLEEP_EVERY_OPERATION=1. A file is written by 8 of them and added to
 * by 4, so the fifth ones fall on each part of a write in turn.
 */
const STRIDE = process.env.WAKESLEEP_EVERY_OPERATION === '1' ? 1 : 5;

describe('at operations on files', () => {
  const phase = { type: 'contrastiveDivergence', epochs: 1, batchRows: 200 };
  const least = smallConfiguration(temporaryFolder(), { train: [{ type: 'greedy', phases: [phase, phase] }] });
  const whole = join(folder, 'small');
  let operations = 0;
  let wanted: ReturnType<typeof outcome>;

  beforeAll(async () => {
    const countPath = join(folder, 'count');
    const ended = await wakesleep(['train', least, '--out', whole, ...one], { fault: 'none', countPath });
    expect(ended.status).toBe(0);
    operations = Number(readFileSync(countPath, 'utf8'));
    wanted = outcome(whole);
    expect(operations).toBeGreaterThan(70);
  });

  it('killed', async () => {
    await forEachNumber(operations, STRIDE, async (operation) => {
      const out = join(folder, `operation-${operation}`);
      const args = ['train', least, '--out', out, ...one];
      const killed = await wakesleep(args, { fault: `kill:${operation}` });
      expect(killed.signal, `operation ${operation}`).toBe('SIGKILL');
      expect(await wakesleep([...args, '--resume']), `operation ${operation}`).toMatchObject({ status: 0 });
      expect(outcome(out), `operation ${operation}`).toEqual(wanted);
    });
  }, 480_000);

  it('no room from there on: a sentence, nothing half-written, and it goes on when there is room', async () => {
    await forEachNumber(operations, STRIDE, async (operation) => {
      const out = join(folder, `full-${operation}`);
      const args = ['train', least, '--out', out, ...one];
      const ended = await wakesleep(args, { fault: `ENOSPC:${operation}+` });
      const what = `operation ${operation}: ${ended.stderr}`;
      if (ended.status === 0) {
        // Nothing was left to be written.
        expect(outcome(out), what).toEqual(wanted);
        return;
      }
      expect(ended, what).toMatchObject({ status: 1, stdout: '' });
      expect(ended.stderr, what).toMatch(
        /(^|\n)\S+ could not be (written|made as a folder): the disk is full\. [^\n]+\.\n$/,
      );
      if (!existsSync(out)) return;
      expect(
        namesIn(out).filter((name) => !RUN_FILES.includes(name)),
        what,
      ).toEqual([]);
      if (existsSync(join(out, 'checkpoint.safetensors'))) progressOf(out);
      if (operation % 10 !== 1) return;
      expect(await wakesleep([...args, '--resume']), what).toMatchObject({ status: 0 });
      expect(outcome(out), what).toEqual(wanted);
    });
  }, 480_000);
});

describe('interrupted', () => {
  // Gibbs steps make the epochs long, so that the signal falls within one.
  const long = smallConfiguration(temporaryFolder(), {
    train: [
      {
        type: 'greedy',
        phases: [
          // An epoch lasts long enough for a signal to come in the middle of it, whatever else the machine does.
          { type: 'contrastiveDivergence', epochs: 2, batchRows: 1, gibbsSteps: 150 },
          { type: 'persistentContrastiveDivergence', epochs: 2, batchRows: 50 },
        ],
      },
    ],
  });

  let uninterrupted: ReturnType<typeof outcome>;
  beforeAll(async () => {
    const whole = join(folder, 'uninterrupted');
    expect((await wakesleep(['train', long, '--out', whole])).status).toBe(0);
    uninterrupted = outcome(whole);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s: a checkpoint within the epoch, status 130, and it goes on',
    async (signal) => {
      const out = join(folder, signal);
      const ended = await wakesleep(['train', long, '--out', out], {
        send: { signal, whenSaid: 'epoch 1 of', afterMs: 200 },
      });
      expect(ended).toMatchObject({ status: 130, stdout: '' });
      const checkpoint = join(out, 'checkpoint.safetensors');
      expect(ended.stderr).toContain(
        `Interrupted by ${signal}. The run stands in ${checkpoint}; go on with it with \`--resume\`.\n`,
      );
      expect(progressOf(out).phase).toBe(0);
      expect(progressOf(out).batch).toBeGreaterThan(0);
      // TensorBoard may follow a run: the version, and a record for each epoch so far.
      const { length } = deterministicMetrics(out);
      expect(length).toBeGreaterThan(0);
      expect(eventsIn(out)).toBe(1 + length);
      const { ino } = statSync(join(out, 'events.out.tfevents.wakesleep'));
      const resumed = await wakesleep(['train', long, '--out', out, '--resume']);
      expect(resumed.status).toBe(0);
      expect(resumed.stderr).toContain('going on after update ');
      expect(outcome(out)).toEqual(uninterrupted);
      // Who follows the file has it open still.
      expect(statSync(join(out, 'events.out.tfevents.wakesleep')).ino).toBe(ino);
      expect((runOf(out).resumedAt as string[]).length).toBe(1);
    },
  );

  it('a folder in use is refused, naming the process', async () => {
    const out = join(folder, 'in-use');
    let end = () => {};
    const until = new Promise<void>((resolve) => {
      end = resolve;
    });
    const send = { signal: 'SIGKILL', until } as const;
    const first = wakesleep(['train', long, '--out', out, '--set', 'train.0.phases.0.epochs=10000'], { send });
    try {
      while (!existsSync(join(out, 'checkpoint.safetensors'))) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const more of [[], ['--resume']]) {
        const second = await wakesleep(['train', long, '--out', out, ...more]);
        expect(second).toMatchObject({ status: 1, stdout: '' });
        expect(second.stderr).toMatch(
          /^\S+in-use is in use by process \d+; wait until it has ended, or give another folder\.\n$/,
        );
      }
    } finally {
      end();
    }
    expect((await first).signal).toBe('SIGKILL');
  }, 60_000);
});

describe('--resume', () => {
  const out = join(folder, 'refusals');
  const args = ['train', small, '--out', out, '--resume', ...one];
  /** A run that was stopped after its second epoch, in a folder of its own. */
  const stopped = (name: string) => {
    const path = join(folder, name);
    cpSync(out, path, { recursive: true });
    return { path, args: ['train', small, '--out', path, '--resume', ...one] };
  };
  let wanted: ReturnType<typeof outcome>;

  beforeAll(async () => {
    expect((await wakesleep(['train', small, '--out', join(folder, 'wanted'), ...one])).status).toBe(0);
    wanted = outcome(join(folder, 'wanted'));
    // The two epochs are 8 + 12 + 10 operations for the folder, run.json and events, and 16 for each record.
    for (let operation = 40; ; operation += 1) {
      rmSync(out, { recursive: true, force: true });
      expect((await wakesleep(args, { fault: `kill:${operation}` })).signal).toBe('SIGKILL');
      if (existsSync(join(out, 'checkpoint.safetensors')) && progressOf(out).epoch === 2) break;
    }
    expect(namesIn(out).filter((name) => !name.endsWith('.tmp'))).toEqual([
      'checkpoint.safetensors',
      'events.out.tfevents.wakesleep',
      'metrics.jsonl',
      'run.json',
    ]);
  }, 60_000);

  it('refuses another configuration, naming the first key that differs', async () => {
    const refusals = [
      ['--seed', '4', '`seed` is 4 here, but 3 in the run in '],
      ['--set', 'train.0.phases.1.epochs=9', '`train.0.phases.1.epochs` is 9 here, but 1 in the run in '],
      ['--set', 'evaluate=[]', '`evaluate.0` is not set here, but "testError" in the run in '],
    ] as const;
    for (const [option, value, words] of refusals) {
      const ended = await wakesleep([...args, option, value]);
      expect(ended).toMatchObject({ status: 2, stdout: '' });
      expect(ended.stderr).toBe(`${words}${out}; a run goes on with its own configuration only.\n`);
    }
  });

  it('lets threads, artefact and how often checkpoints are written differ', async () => {
    const { path, args } = stopped('differs');
    const ended = await wakesleep([
      ...args.slice(0, -2),
      '--threads',
      '2',
      '--artefact',
      'mt',
      '--set',
      'checkpointSeconds=5',
    ]);
    expect(ended.status).toBe(0);
    expect(outcome(path)).toEqual(wanted);
  });

  it('remembers that a part of it was computed by a relaxed artefact', async () => {
    const { path, args } = stopped('relaxed');
    const description = join(path, 'run.json');
    const run = JSON.parse(readFileSync(description, 'utf8'));
    expect(run.machine.portable).toBe(true);
    writeFileSync(description, JSON.stringify({ ...run, machine: { ...run.machine, portable: false } }));
    expect((await wakesleep(args)).status).toBe(0);
    expect(JSON.parse(readFileSync(description, 'utf8')).machine.portable).toBe(false);
  });

  it('cuts what the checkpoint does not know from the metrics, a torn last line too', async () => {
    const { path, args } = stopped('torn');
    const metrics = join(path, 'metrics.jsonl');
    const known = readFileSync(metrics, 'utf8').split('\n').slice(0, 2).join('\n');
    writeFileSync(metrics, `${known}\n{"phase":9}\n{"phase":0,"lay`);
    expect((await wakesleep(args)).status).toBe(0);
    expect(outcome(path)).toEqual(wanted);
  });

  it('refuses metrics that have lost lines', async () => {
    const { path, args } = stopped('lost');
    writeFileSync(join(path, 'metrics.jsonl'), '');
    const words = `${join(path, 'metrics.jsonl')} has 0 lines, but the checkpoint stands after 2; the run cannot go on.\n`;
    expect(await wakesleep(args)).toEqual({ status: 1, signal: null, stdout: '', stderr: words });
  });

  it('refuses a checkpoint of another model, of other rows, and one that is damaged', async () => {
    const { path, args } = stopped('other');
    const checkpoint = join(path, 'checkpoint.safetensors');
    const good = readFileSync(checkpoint);
    const others = [
      ['model.top.units=17', '`graph.layers.2.units.units` is 16 here, but 17 in '],
      ['seed=5', '`seed` is 3 here, but 5 in '],
      ['data.heldOut=10', 'The checkpoint was made with other rows: `digest` differs.'],
    ] as const;
    for (const [index, [assignment, words]] of others.entries()) {
      const from = join(folder, `other-${index}`);
      expect((await wakesleep(['train', small, '--set', assignment, '--out', from, ...one])).status).toBe(0);
      copyFileSync(join(from, 'checkpoint.safetensors'), checkpoint);
      const ended = await wakesleep(args);
      expect(ended).toMatchObject({ status: 2, stdout: '' });
      expect(ended.stderr.startsWith(words), ended.stderr).toBe(true);
    }
    writeFileSync(checkpoint, good.subarray(0, good.length - 8));
    const damaged = await wakesleep(args);
    expect(damaged).toMatchObject({ status: 1, stdout: '' });
    expect(damaged.stderr).toMatch(/^The checkpoint [^\n]+\.\n$/);
    writeFileSync(checkpoint, good);
    expect((await wakesleep(args)).status).toBe(0);
    expect(outcome(path)).toEqual(wanted);
  }, 60_000);

  it('refuses a run.json that describes no run', async () => {
    const { path, args } = stopped('description');
    writeFileSync(join(path, 'run.json'), '{}');
    const words = `${join(path, 'run.json')} does not describe a run of wakesleep, so nothing here can be gone on with.\n`;
    expect(await wakesleep(args)).toEqual({ status: 1, signal: null, stdout: '', stderr: words });
  });

  it('begins anew where there is no checkpoint yet, or no folder', async () => {
    const { path, args } = stopped('no-checkpoint');
    rmSync(join(path, 'checkpoint.safetensors'));
    expect((await wakesleep(args)).status).toBe(0);
    expect(outcome(path)).toEqual(wanted);
    const fresh = join(folder, 'fresh', 'deep');
    expect((await wakesleep(['train', small, '--out', fresh, '--resume', ...one])).status).toBe(0);
    expect(outcome(fresh)).toEqual(wanted);
  });

  it('says that a finished run is finished, and changes nothing', async () => {
    const path = join(folder, 'wanted');
    const before = readFileSync(join(path, 'run.json'), 'utf8');
    const ended = await wakesleep(['train', small, '--out', path, '--resume', ...one]);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toContain(`The run in ${path} is finished; there is nothing to go on with.\n`);
    expect(readFileSync(join(path, 'run.json'), 'utf8')).toBe(before);
    expect(outcome(path)).toEqual(wanted);
  });
});
