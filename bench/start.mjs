/**
 * How long `load({ threads: 2 })` takes, self-test included, in fresh processes: median and range over 20, for two
 * threads and for one. Recorded in `bench/results/`, unless `--dry` is there.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.mjs';
import { median, record } from './record.mjs';

const { dry } = readOptions(import.meta.url);
const PROCESSES = 20;
const LOAD = `import { load } from 'wakesleep';
const start = performance.now();
const engine = await load({ threads: Number(process.argv[1]) });
console.log(performance.now() - start);
engine.close();`;

function measure(threads) {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const once = () => Number(execFileSync(process.execPath, ['--input-type=module', '-e', LOAD, threads], { cwd }));
  const times = Array.from({ length: PROCESSES }, once).sort((a, b) => a - b);
  return {
    threads: Number(threads),
    medianMs: Math.round(median(times)),
    rangeMs: [times[0], times.at(-1)].map(Math.round),
  };
}

const rows = ['2', '1'].map(measure);
for (const { threads, medianMs, rangeMs } of rows) {
  console.log(
    `load({ threads: ${threads} }): median ${medianMs} ms of ${PROCESSES} processes, ${rangeMs.join(' to ')} ms`,
  );
}
if (!dry) record('start', { workload: 'load() with self-test in a fresh process', processes: PROCESSES, rows });
