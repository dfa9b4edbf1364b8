/**
 * Fuzzes every parser of foreign bytes with at least 10 million bytes of mutated input each, and records in `bench/results/` how the
 * inputs ended, the longest time for one, and the peak of memory.
 *
 *     node bench/fuzz.mjs [TARGET...] [--dry]
 *
 * Each target runs in a process of its own. It begins with mutated files of about 2 megabytes, with the garbage collected after each,
 * which says how far the peak of the resident set is above where it was with the file alone. It may rise to 10 times the file and 64 MB: the
 * space of Node's young objects (up to 32 MB, which fills whatever is read) and what one piece of 16 KiB may inflate to (17 MB).
 *
 * Exits with 1 where an input ended in anything but acceptance or a refusal, took longer than 10 seconds, or took more memory.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fuzz, largeSamples, REFUSALS, targets } from '../test/data/fuzz-targets.mjs';
import { readOptions } from './options.mjs';
import { record, round3 } from './record.mjs';

const BYTES = 10_000_000;
/** Of files of about 2 million bytes, over which memory is measured. */
const LARGE_BYTES = 5_000_000;
const SEED = 20_261_125;
const MOST_MS = 10_000;
const [MOST_TIMES, FLOOR_BYTES] = [10, 64e6];
const MINUTES = 20;
const SIDE_BY_SIDE = 4;
const execute = promisify(execFile);

/** Runs one target here and prints the result as JSON. */
async function run(name) {
  const result = { target: name, bytes: 0, inputs: 0, endings: {}, worstMs: 0, findings: [] };
  const count = ({ input, ending, error, milliseconds }) => {
    result.bytes += input.length;
    result.inputs += 1;
    result.endings[ending] = (result.endings[ending] ?? 0) + 1;
    result.worstMs = Math.max(result.worstMs, milliseconds);
    const isRefused = ending === 'accepted' || REFUSALS.includes(ending);
    if (isRefused && milliseconds <= MOST_MS) return;
    if (result.findings.length > 9) return;
    const head = Buffer.from(input.subarray(0, 200)).toString('base64');
    result.findings.push({ ending, message: String(error?.message), milliseconds, bytes: input.length, head });
  };
  const large = largeSamples[name]();
  globalThis.gc();
  const before = process.memoryUsage.rss();
  let largest = 0;
  const collect = (ending) => {
    largest = Math.max(largest, ending.input.length);
    count(ending);
    globalThis.gc();
  };
  await fuzz(name, SEED + 1, LARGE_BYTES, collect, [large]);
  const rise = process.resourceUsage().maxRSS * 1024 - before;
  result.memory = { fileBytes: largest, riseBytes: rise, timesTheFile: round3(rise / largest) };
  if (rise > MOST_TIMES * largest + FLOOR_BYTES) result.findings.push({ ending: 'MEMORY', ...result.memory });
  await fuzz(name, SEED, BYTES, count);
  result.worstMs = round3(result.worstMs);
  console.log(JSON.stringify(result));
}

async function runApart(name) {
  const parameters = ['--expose-gc', fileURLToPath(import.meta.url), '--here', name];
  let result;
  try {
    const { stdout } = await execute(process.execPath, parameters, { timeout: MINUTES * 60_000 });
    result = JSON.parse(stdout);
  } catch (error) {
    result = { target: name, findings: [{ ending: 'DIED', message: String(error).slice(-2000) }] };
  }
  const { bytes, inputs, endings, worstMs, memory, findings } = result;
  console.log(`${name}: ${inputs} inputs of ${bytes} bytes ${JSON.stringify(endings)}, worst ${worstMs} ms,`);
  console.log(`  memory ${memory?.timesTheFile} times the file, ${findings.length} findings`);
  return result;
}

/** Runs targets one after another, a few such lines side by side. */
async function runAll(names) {
  const results = new Map();
  const left = [...names];
  const line = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) results.set(name, await runApart(name));
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, line));
  return names.map((name) => results.get(name));
}

const { here, words, dry } = readOptions(import.meta.url, { here: undefined }, (word) => Object.hasOwn(targets, word));
if (here !== undefined) await run(here);
else {
  const results = await runAll(words.length > 0 ? words : Object.keys(targets));
  const workload = `${BYTES} bytes of mutated input for each parser`;
  if (!dry) record('fuzz', { workload, seed: SEED, node: process.version, results });
  if (results.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
}
