/** A participant of a bench: a process that does one piece of work for each line on its stdin and answers with a line of JSON. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const CACHE = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');

/** The Python of the rivals: `$WAKESLEEP_BENCH_PYTHON`, or that of a venv in the user's cache folder. */
export const PYTHON = process.env.WAKESLEEP_BENCH_PYTHON ?? join(CACHE, 'wakesleep', 'bench-venv', 'bin', 'python');

/** Whether there is that Python; says so where there is none. */
export function hasPython() {
  if (existsSync(PYTHON)) return true;
  console.error(`There is no Python at ${PYTHON}: ours runs alone. Set WAKESLEEP_BENCH_PYTHON to one with PyTorch.`);
  return false;
}

/** `ask()` has one piece of work done, `end()` ends the process. Undefined where it does not start. */
export async function start(name, command, parameters) {
  // Some machines set these for old BLAS builds; they slow a current one down.
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...env } = process.env;
  const child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'pipe'], env });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  child.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) {
    console.error(`${name} did not start and is left out: ${said.trim().split('\n').at(-1) ?? command}`);
    return undefined;
  }
  const ask = async () => {
    child.stdin.write('go\n');
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended: ${said}`);
    return JSON.parse(value);
  };
  return { name, version: JSON.parse(first.value).version, ask, end: () => child.stdin.end() };
}
