/**
 * Cold start: how long a new process takes on one core until it has classified its first row with a 784-500-500-2000-10 network.
 *
 *     node bench/cold-start.mjs [--processes N] [--dry]      N defaults to 20; --dry records nothing
 *
 * In each round every participant in turn is a process of its own, held to one core by `taskset` where there is one. Medians with
 * ranges, in milliseconds, the files in the system's cache; then rows a second, in calls of one row and of 100. A rival is a line in `participants`: a script that gets the folder
 * of the model and prints what cold-start-ours.mjs does. All must give the same label. Recorded in `bench/results/`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bernoulli, load, network, softmax, writeOnnx } from 'wakesleep';
import { readOptions } from './options.mjs';
import { median, record, round3 } from './record.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const { processes, dry } = readOptions(import.meta.url, { processes: 20 });
const hasTaskset = spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** A function as it is deployed, in one file with what it imports and the wasm. */
async function bundle(folder) {
  const text = readFileSync(join(HERE, 'cold-start-ours.mjs'), 'utf8');
  const contents = text.replace('import(entry)', "import('wakesleep/inline')");
  if (contents === text) throw new Error('cold-start-ours.mjs imports in another way than is known here.');
  const stdin = { contents, resolveDir: HERE };
  await build({
    stdin,
    outfile: join(folder, 'bundled.mjs'),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
  });
}

const ours = (entry) => (folder) => [join(HERE, 'cold-start-ours.mjs'), entry, join(folder, 'model.safetensors')];

/** Name, and what Node runs. */
const participants = [
  ['wakesleep', ours('wakesleep')],
  ['wakesleep/inline', ours('wakesleep/inline')],
  ['onnxruntime-web', (folder) => [join(HERE, 'rivals', 'onnx-cold-start.mjs'), join(folder, 'model.onnx')]],
  ['wakesleep/inline, bundled', (folder) => [join(folder, 'bundled.mjs'), '', join(folder, 'model.safetensors')]],
];

/** The network that is classified with; its weights are as drawn. */
async function writeModel(folder) {
  const engine = await load({ threads: 1 });
  const hidden = [bernoulli(500), bernoulli(500), bernoulli(2000)];
  const model = engine.create(network({ visible: bernoulli(784), hidden, label: softmax(10) }), { seed: 1 });
  writeFileSync(join(folder, 'model.safetensors'), model.toBytes());
  writeFileSync(join(folder, 'model.onnx'), writeOnnx(model));
  engine.close();
}

function once(parameters) {
  const command = [process.execPath, ...parameters];
  const [file, ...rest] = hasTaskset ? ['taskset', '-c', '0', ...command] : command;
  return JSON.parse(execFileSync(file, rest, { cwd: HERE, encoding: 'utf8' }));
}

const folder = mkdtempSync(join(tmpdir(), 'wakesleep-cold-start-'));
try {
  await writeModel(folder);
  await bundle(folder);
  const runs = new Map(participants.map(([name]) => [name, []]));
  for (let round = 0; round < processes; round += 1) {
    for (const [name, command] of participants) runs.get(name).push(once(command(folder)));
  }
  const labels = new Set([...runs.values()].flat().map(({ label }) => label));
  if (labels.size !== 1) throw new Error(`The labels differ: ${[...labels].join(', ')}.`);
  const rows = [...runs].map(([name, all]) => {
    const phases = Object.keys(all[0]).filter((key) => key !== 'label');
    const summary = phases.map((phase) => {
      const times = all.map((run) => run[phase]);
      return [phase, { median: round3(median(times)), range: [Math.min(...times), Math.max(...times)].map(round3) }];
    });
    return { name, ...Object.fromEntries(summary) };
  });
  for (const { name, totalMs, ...phases } of rows) {
    const parts = Object.entries(phases).map(([phase, { median }]) => `${phase} ${median}`);
    console.log(
      `${name}: ${totalMs.median} ms of ${processes} processes (${totalMs.range.join(' to ')}); ${parts.join(', ')}`,
    );
  }
  const workload = 'a new process until the first row is classified, 784-500-500-2000-10';
  const result = { workload, node: process.versions.node, processes, oneCore: hasTaskset, rows };
  if (!dry) record('cold-start', result);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
