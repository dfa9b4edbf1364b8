/**
 * The bench of annealed importance sampling: log Z of a 784 × 500 machine that one epoch of CD-1 on binarised MNIST made,
 * beside PyTorch with the same parameters, base model and temperatures.
 *
 *     node bench/ais.mjs [--chains N] [--temperatures N] [--rounds N] [--threads N] [--dry]
 *
 * For 2 and 1 threads, or those given: one short run of each to warm up, then rounds in which each in turn runs once and the other idles.
 * What counts is the ratio rival / ours within a round: its median, with the range. Both estimates are recorded, because
 * a speed means nothing where the answers differ. `--dry` records nothing. Python is looked for as in `run.mjs`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'wakesleep';
import { imagesFile, readDigits } from './digits.mjs';
import { readOptions } from './options.mjs';
import { hasPython, PYTHON, start } from './participant.mjs';
import { median, record, round3 } from './record.mjs';
import { cd1 } from './workload.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const [VISIBLE, HIDDEN] = [784, 500];

const given = readOptions(import.meta.url, { chains: 1000, temperatures: 1000, rounds: 5, threads: 0 });
const { chains, temperatures, rounds } = given;

/** A tenth of the steps up to 0.5, four tenths up to 0.9, half up to 1, as the package spaces them. */
const betas = Float32Array.from({ length: temperatures + 1 }, (_, step) => {
  const share = step / temperatures;
  if (share <= 0.1) return 5 * share;
  return share <= 0.5 ? 0.4 + share : 0.8 + share / 5;
});

const { images } = readDigits(imagesFile());

/** A trained machine; the same bits for any number of threads. */
function trained(engine) {
  const run = cd1(engine, images);
  for (const _ of run) break;
  return run.model;
}

/** The rival; undefined where there is none. */
async function startRival(files, threads) {
  if (!hasPython()) return undefined;
  const words = [...files, VISIBLE, HIDDEN, chains, threads].map(String);
  return start('PyTorch', PYTHON, [join(HERE, 'rivals', 'ais_pytorch.py'), ...words]);
}

async function measure(threads, folder) {
  const engine = await load({ threads, artefact: threads === 1 ? 'st' : 'mt' });
  const model = trained(engine);
  const base = engine.dataset({ rows: images, columns: VISIBLE, scale: 1 / 255 });
  const ours = (options) => {
    const start = performance.now();
    const { logPartition, standardError } = model.annealedLogPartition({ seed: 1, chains, base, ...options });
    return { seconds: (performance.now() - start) / 1000, logPartition, standardError };
  };
  const files = ['model.f32', 'temperatures.f32'].map((name) => join(folder, name));
  writeFileSync(files[0], parametersOf(model, base));
  writeFileSync(files[1], betas);
  const rival = await startRival(files, threads);
  ours({ temperatures: 20 });
  const found = { threads, ours: [], rival: [] };
  let own;
  let other;
  if (rival) await rival.ask();
  for (let round = 1; round <= rounds; round += 1) {
    own = ours({ temperatures: [...betas] });
    found.ours.push(own.seconds);
    if (rival) {
      other = await rival.ask();
      found.rival.push(other.seconds);
    }
    const beside = other ? `, PyTorch ${other.seconds.toFixed(2)} s` : '';
    console.error(`${threads} threads, round ${round}: wakesleep ${own.seconds.toFixed(2)} s${beside}`);
  }
  rival?.end();
  const { version, artefact, host } = engine.info;
  engine.close();
  const speed = (seconds) => Math.round((chains * temperatures) / median(seconds));
  const ratios = found.rival.map((seconds, round) => seconds / found.ours[round]);
  return {
    threads,
    wakesleep: {
      version: `wakesleep ${version}, ${artefact}, ${host}`,
      medianSeconds: round3(median(found.ours)),
      chainStepsPerSecond: speed(found.ours),
      logPartition: round3(own.logPartition),
      standardError: round3(own.standardError),
    },
    ...(rival && {
      PyTorch: {
        version: rival.version,
        medianSeconds: round3(median(found.rival)),
        chainStepsPerSecond: speed(found.rival),
        logPartition: round3(other.logPartition),
      },
      ratio: round3(median(ratios)),
      ratioRange: [round3(Math.min(...ratios)), round3(Math.max(...ratios))],
    }),
  };
}

/** Weights `[hidden, visible]`, visible and hidden biases, and the base model's: the log odds of the data's means. */
function parametersOf(model, base) {
  const values = (name) => model.parameter(name).values();
  // The package brings means that are closer to 0 or 1 than this as far away.
  const closest = 1e-4;
  const odds = Float32Array.from(base.columnMeans(), (mean) => {
    const p = Math.min(Math.max(mean, closest), 1 - closest);
    return Math.log(p / (1 - p));
  });
  const all = [values('visible-hidden.weight'), values('visible.bias'), values('hidden.bias'), odds];
  return Float32Array.from(all.flatMap((part) => [...part]));
}

const folder = mkdtempSync(join(tmpdir(), 'wakesleep-ais-'));
try {
  const rows = [];
  for (const threads of given.threads > 0 ? [given.threads] : [2, 1]) {
    rows.push(await measure(threads, folder));
  }
  console.log(JSON.stringify(rows, null, 2));
  const workload = `AIS of log Z, 784 x 500 after one epoch of CD-1, ${chains} chains x ${temperatures} temperatures`;
  if (!given.dry) record('ais', { workload, seed: 7, rounds, rows });
} finally {
  rmSync(folder, { recursive: true });
}
