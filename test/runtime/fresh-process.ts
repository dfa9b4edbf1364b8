/** Runs a module's text in a process of its own, on the Node that runs the tests. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../../dist/', import.meta.url);

/** The URL of a built file, to be imported by the text. */
export function built(path: string): string {
  return new URL(path, DIST).href;
}

/** What a process printed (as JSON, its last line), how it ended and when. */
export interface Outcome {
  readonly value: unknown;
  readonly status: number | null;
  readonly stderr: string;
  /** From its last line to its end, in milliseconds. */
  readonly afterLastLineMs: number;
}

export function runFresh(text: string, options: readonly string[] = []): Promise<Outcome> {
  const child = spawn(process.execPath, [...options, '--input-type=module', '--eval', text], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, lastLineAt] = ['', '', performance.now()];
  child.stdout.setEncoding('utf8').on('data', (part) => {
    stdout += part;
    lastLineAt = performance.now();
  });
  child.stderr.setEncoding('utf8').on('data', (part) => {
    stderr += part;
  });
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
    child.on('error', reject);
    child.on('exit', (status) => {
      clearTimeout(limit);
      const afterLastLineMs = performance.now() - lastLineAt;
      const lastLine = stdout.trim().split('\n').at(-1);
      resolve({ value: lastLine ? JSON.parse(lastLine) : undefined, status, stderr, afterLastLineMs });
    });
  });
}
