/** What every bench shares: medians, and a result written with machine, commit and date. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
export const round3 = (value) => Math.round(value * 1000) / 1000;

/** A file that is not there yet: NAME.json, NAME-2.json, and so on. */
function freeFile(folder, name) {
  let file = join(folder, `${name}.json`);
  for (let number = 2; existsSync(file); number += 1) file = join(folder, `${name}-${number}.json`);
  return file;
}

/** Writes `bench/results/NAME-DATE-COMMIT.json`, or a numbered one beside it, and says where it is. */
export function record(name, { workload, ...result }) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: HERE, encoding: 'utf8' }).trim();
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB`;
  const folder = join(HERE, 'results');
  mkdirSync(folder, { recursive: true });
  const file = freeFile(folder, `${name}-${date}-${commit}`);
  writeFileSync(file, `${JSON.stringify({ workload, date, commit, machine, ...result }, null, 2)}\n`);
  console.log(`Recorded in ${file}`);
}
