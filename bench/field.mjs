/**
 * The bench of general Boltzmann machines: block Gibbs sampling of 10,000 units in a random graph of degree 6, one chain and
 * 100 chains, on 1 and 2 threads, beside numpy with numba (rivals/field_numba.py).
 *
 *     node bench/field.mjs [--rounds N] [--dry]
 *
 * Each participant is a process that runs some sweeps when asked, from a fresh start. 5 rounds, in each of which every
 * participant in turn does one warm-up and two timed pieces. What counts is the ratio rival / ours within a round: its
 * median, with the range. Ours goes through `model.sample()`, which lays the graph out anew in every piece; the rival does
 * so once. `--dry` records nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.mjs';
import { hasPython, PYTHON, start } from './participant.mjs';
import { median, record, round3 } from './record.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const UNITS = 10_000;
/** Chains, and the sweeps of a piece. */
const WORK = [
  { chains: 1, sweeps: 5000 },
  { chains: 100, sweeps: 100 },
];
const { rounds, dry } = readOptions(import.meta.url, { rounds: 5 });

/** Three cycles through all units in seeded orders: every unit has six neighbours, but for edges that two cycles share. */
function graph() {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const edges = new Map();
  for (let cycle = 0; cycle < 3; cycle += 1) {
    const order = Array.from({ length: UNITS }, (_, unit) => unit);
    for (let i = UNITS - 1; i > 0; i -= 1) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    order.forEach((unit, i) => {
      const pair = [unit, order[(i + 1) % UNITS]].sort((a, b) => a - b);
      edges.set(pair.join(), pair);
    });
  }
  const spread = (scale) => scale * (2 * random() - 1);
  return {
    units: UNITS,
    edges: [...edges.values()],
    weights: Array.from(edges, () => spread(1)),
    biases: Array.from({ length: UNITS }, () => spread(0.5)),
  };
}

async function measure(file, { chains, sweeps }, threads) {
  const parameters = [file, threads, chains, sweeps].map(String);
  const ours = await start('wakesleep', process.execPath, [join(HERE, 'field-ours.mjs'), ...parameters]);
  const rival = hasPython()
    ? await start('numba', PYTHON, [join(HERE, 'rivals', 'field_numba.py'), ...parameters])
    : undefined;
  const all = [ours, rival].filter((participant) => participant !== undefined);
  const seconds = new Map(all.map(({ name }) => [name, []]));
  const last = new Map();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, ask } of all) {
      await ask();
      const [a, b] = [await ask(), await ask()];
      seconds.get(name).push((a.seconds + b.seconds) / 2);
      last.set(name, b);
    }
  }
  for (const { end } of all) end();
  return all.map(({ name, version }) => {
    const ratios = seconds.get(name).map((time, round) => time / seconds.get('wakesleep')[round]);
    return {
      threads,
      chains,
      name,
      version,
      sweepsPerSecond: round3((chains * sweeps) / median(seconds.get(name))),
      ratio: round3(median(ratios)),
      ratioRange: [round3(Math.min(...ratios)), round3(Math.max(...ratios))],
      meanActivity: round3(last.get(name).activity),
      megabytes: last.get(name).megabytes,
    };
  });
}

const folder = mkdtempSync(join(tmpdir(), 'wakesleep-bench-'));
const file = join(folder, 'graph.json');
writeFileSync(file, JSON.stringify(graph()));
const rows = [];
for (const work of WORK) for (const threads of [2, 1]) rows.push(...(await measure(file, work, threads)));
rmSync(folder, { recursive: true });
for (const { threads, chains, name, sweepsPerSecond, ratio, ratioRange, meanActivity } of rows) {
  const range = `${ratioRange[0]} to ${ratioRange[1]}`;
  const speed = `${sweepsPerSecond} sweeps of a chain a second`;
  console.log(
    `${threads} threads  ${chains} chains  ${name.padEnd(10)} ${speed}  ratio ${ratio} (${range})  mean ${meanActivity}`,
  );
}
const workload = 'block Gibbs sampling, 10,000 binary units in a random graph of degree 6';
if (!dry) record('field', { workload, rounds, rows });
