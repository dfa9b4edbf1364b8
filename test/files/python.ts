/**
 * The Python that opens our files in tests: numpy, safetensors, scikit-learn and TensorBoard are in it. Set-up makes it in the user's cache folder;
 * WAKESLEEP_PYTHON names another one.
 */
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wakesleep');
const candidates = [process.env.WAKESLEEP_PYTHON, join(cache, 'python-3', 'bin', 'python')];

/** The path of a Python with these packages, or `undefined`. */
export const python = candidates.find(
  (path) => path && spawnSync(path, ['-c', 'import numpy, safetensors.numpy, sklearn, tensorboard']).status === 0,
);

/** Under CI a missing Python is a failure, never a skip. */
export const mayBeSkipped = python === undefined && process.env.CI !== 'true';

/** Runs a program with arguments and returns what it prints. */
export function runPython(program: string, ...args: string[]): string {
  if (python === undefined)
    throw new Error(
      `No Python with numpy, safetensors, scikit-learn and TensorBoard; looked at ${candidates.join(', ')}.`,
    );
  const { status, stdout, stderr } = spawnSync(python, ['-c', program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
