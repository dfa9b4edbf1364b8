/** Runs the built command as a process of its own, as a person would. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The built command. */
export const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const FAULT_PRELOAD = join(ROOT, 'test', 'files', 'faultPreload.mjs');

/** How a process ended and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What may be asked of a process. */
export interface Asked {
  readonly cwd?: string;
  /** A fault for `installFault`: `kill:7`, `ENOSPC:3`, `none`. */
  readonly fault?: string;
  /** The file that takes the number of operations on files. */
  readonly countPath?: string;
  /** A signal, and when to send it: so many milliseconds after the start, after stderr holds some words, or after `until`. */
  readonly send?: {
    readonly signal: NodeJS.Signals;
    readonly afterMs?: number;
    readonly whenSaid?: string;
    readonly until?: Promise<void>;
  };
}

/** Runs `wakesleep` with these arguments to its end. */
export function wakesleep(args: readonly string[], asked: Asked = {}): Promise<Ended> {
  const { cwd = ROOT, fault, countPath, send } = asked;
  const preload = fault === undefined ? [] : ['--import', FAULT_PRELOAD];
  const env = { ...process.env, WAKESLEEP_FAULT: fault ?? '', WAKESLEEP_FAULT_COUNT: countPath ?? '' };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...preload, MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    let timer: NodeJS.Timeout | undefined;
    const sendLater = () => {
      if (send !== undefined) timer ??= setTimeout(() => child.kill(send.signal), send.afterMs ?? 0);
    };
    if (send?.until !== undefined) send.until.then(sendLater);
    else if (send?.whenSaid === undefined) sendLater();
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (send?.whenSaid !== undefined && stderr.includes(send.whenSaid)) sendLater();
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stdout, stderr });
    });
  });
}

/** A folder that is removed when the file's tests are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wakesleep-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The SHA-256 of a file. */
export function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** The lines of a run's metrics without what depends on the machine. */
export function deterministicMetrics(folder: string): unknown[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { timing: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return rest;
  });
}

/** What run.json of a folder says. */
export function runOf(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
}

/** Every name in a folder, hidden ones too, but not the lock of a process that was killed. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name !== '.wakesleep-lock')
    .sort();
}

/** What a finished run leaves. */
export const RUN_FILES = [
  'chains.png',
  'checkpoint.safetensors',
  'events.out.tfevents.wakesleep',
  'filters.png',
  'generated.png',
  'metrics.csv',
  'metrics.jsonl',
  'metrics.svg',
  'model.safetensors',
  'reconstructions.png',
  'report.html',
  'run.json',
];

/** Those of them in which times stand, so that they differ from run to run. */
export const TIMED_FILES = ['events.out.tfevents.wakesleep', 'metrics.csv', 'metrics.jsonl', 'report.html', 'run.json'];

/** A small net with labels on `digits-tiny`, in a file: three epochs of a few milliseconds. */
export function smallConfiguration(folder: string, changes: object = {}): string {
  const path = join(folder, 'small.json');
  const phase = { type: 'contrastiveDivergence', batchRows: 200, data: 'states' };
  const configuration = {
    seed: 3,
    data: { name: 'digits-tiny' },
    model: {
      type: 'deepBeliefNet',
      visible: { type: 'bernoulli', units: 144 },
      hidden: [{ type: 'bernoulli', units: 16 }],
      label: { type: 'softmax', size: 10 },
      top: { type: 'bernoulli', units: 16 },
    },
    train: [
      {
        type: 'greedy',
        phases: [
          { ...phase, epochs: 2 },
          { ...phase, epochs: 1 },
        ],
      },
    ],
    ...changes,
  };
  writeFileSync(path, JSON.stringify(configuration));
  return path;
}

/** Does `work` for 1, 1 + `stride` and so on up to `count`, a few at a time: most of the time is spent waiting for the disk. */
export async function forEachNumber(
  count: number,
  stride: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = 1;
  const worker = async () => {
    while (next <= count) {
      const number = next;
      next += stride;
      await work(number);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
}
