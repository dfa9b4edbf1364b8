/**
 * The bench of trainers and sampling: a workload of workload.mjs (default `cd1`) beside PyTorch, and CD-1 beside scikit-learn.
 *
 *     node bench/run.mjs [cd1|cd10|pcd|tempering|gaussian|relu|sampling|backprop|backprop-relu|backprop-dropout|up-down]... [--rounds N] [--tensorflow] [--node NODE] [--dry]
 *
 * Each participant is a process that does a piece of work (an epoch) when asked. For 1 and 2 threads: 5 rounds, in each of
 * which every participant in turn runs one warm-up and two timed pieces; the others idle meanwhile. What counts is the ratio
 * rival / ours within a round: its median, with the range; memory is the most that each process held. Both sides shuffle, gather, binarise at every presentation,
 * draw once per layer and step, use momentum and weight cost (scikit-learn has neither, and is persistent). Of backpropagation
 * the mean is that of the loss.
 *
 * Python is looked for at $WAKESLEEP_BENCH_PYTHON, then in a venv of the user's cache folder; without it (or without a
 * rival's package) the bench says so and runs the rest. `--tensorflow` runs backpropagation and up-down in TensorFlow.js too, a tenth
 * of a piece, whose time counts tenfold: `npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm` in $WAKESLEEP_BENCH_NODE, or in
 * `wakesleep/bench-node` of the user's cache folder. `--node` runs ours on that Node (24 or later): as it is, with pairs of
 * vectors made one where the CPU has twice as wide ones (`--experimental-wasm-revectorize`, same bits), and with the relaxed
 * artefact. `--dry` records nothing.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imagesFile } from './digits.mjs';
import { readOptions } from './options.mjs';
import { hasPython, PYTHON, start } from './participant.mjs';
import { median, record, round3 } from './record.mjs';
import { workloads } from './workload.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const IMAGES = imagesFile();
/** The rivals' scripts of what trains more than one machine. */
const backpropagation = { pytorch: 'backprop.py', tensorflow: 'tfjs.mjs' };
const SCRIPTS = {
  backprop: backpropagation,
  'backprop-relu': backpropagation,
  'backprop-dropout': backpropagation,
  'up-down': { pytorch: 'up_down.py', tensorflow: 'tfjs_up_down.mjs' },
};
const {
  rounds,
  node: otherNode,
  tensorflow,
  dry,
  words,
} = readOptions(import.meta.url, { rounds: 5, node: undefined, tensorflow: false }, (word) =>
  Object.hasOwn(workloads, word),
);

async function participants(workload, threads) {
  const work = [join(HERE, 'ours.mjs'), IMAGES, String(threads), workload];
  const all = [await start('wakesleep', otherNode ?? process.execPath, work)];
  if (otherNode !== undefined) {
    all.push(await start('wide', otherNode, ['--experimental-wasm-revectorize', ...work]));
    all.push(await start('relaxed', otherNode, [...work, '-relaxed']));
  }
  if (tensorflow && workload in SCRIPTS) {
    const script = join(HERE, 'rivals', SCRIPTS[workload].tensorflow);
    all.push(await start('TensorFlow.js', process.execPath, [script, IMAGES, String(threads), workload]));
  }
  if (!hasPython()) return all.filter((participant) => participant !== undefined);
  const rival = (name, script) =>
    start(name, PYTHON, [join(HERE, 'rivals', script), IMAGES, String(threads), workload]);
  all.push(await rival('PyTorch', SCRIPTS[workload]?.pytorch ?? 'trainers.py'));
  if (workload === 'cd1') all.push(await rival('scikit-learn', 'scikit_learn.py'));
  return all.filter((participant) => participant !== undefined);
}

async function measure(workload, threads) {
  const all = await participants(workload, threads);
  const times = new Map(all.map(({ name }) => [name, []]));
  const activity = {};
  const megabytes = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, ask } of all) {
      await ask();
      const [a, b] = [await ask(), await ask()];
      times.get(name).push((a.seconds + b.seconds) / 2);
      activity[name] = round3(b.activity);
      megabytes[name] = b.megabytes;
      console.error(`${threads} threads, round ${round + 1}: ${name} ${((a.seconds + b.seconds) / 2).toFixed(3)} s`);
    }
  }
  for (const { end } of all) end();
  const ours = times.get('wakesleep');
  return all.map(({ name, version }) => {
    const ratios = times.get(name).map((seconds, round) => seconds / ours[round]);
    return {
      threads,
      name,
      version,
      medianSeconds: round3(median(times.get(name))),
      ratio: round3(median(ratios)),
      ratioRange: [round3(Math.min(...ratios)), round3(Math.max(...ratios))],
      meanActivity: activity[name],
      megabytes: megabytes[name],
    };
  });
}

async function bench(workload) {
  const rows = [...(await measure(workload, 2)), ...(await measure(workload, 1))];
  const oursAt = (threads) => rows.find((row) => row.threads === threads && row.name === 'wakesleep').medianSeconds;
  console.log(workloads[workload].title);
  for (const { threads, name, medianSeconds, ratio, ratioRange, meanActivity, megabytes } of rows) {
    const range = `${ratioRange[0]} to ${ratioRange[1]}`;
    const rest = `ratio ${ratio} (${range})  mean ${meanActivity}  ${megabytes} MB`;
    console.log(`${threads} threads  ${name.padEnd(13)} ${medianSeconds} s  ${rest}`);
  }
  const secondThreadSpeedup = round3(oursAt(1) / oursAt(2));
  console.log(`Second thread: ${secondThreadSpeedup} times.`);
  if (dry) return;
  record(workload, { workload: workloads[workload].title, rounds, secondThreadSpeedup, rows });
}

for (const workload of words.length === 0 ? ['cd1'] : words) await bench(workload);
