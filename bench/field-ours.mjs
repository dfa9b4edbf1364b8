/** Block Gibbs sampling of a sparse machine through the public API: a piece of work for each line on stdin. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { bernoulli, boltzmannMachine, load } from 'wakesleep';

const [file, threads, chains, sweeps] = process.argv.slice(2);
const { units, edges, weights, biases } = JSON.parse(readFileSync(file, 'utf8'));
const engine = await load({ threads: Number(threads), artefact: threads === '1' ? 'st' : 'mt' });
const model = engine.create(boltzmannMachine({ visible: bernoulli(units), edges }), { seed: 0 });
model.parameter('visible-visible.weight').set(weights);
model.parameter('visible.bias').set(biases);
console.log(
  JSON.stringify({ version: `wakesleep ${engine.info.version}, ${engine.info.artefact}, ${engine.info.host}` }),
);
let seed = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const rows = model.sample({ rows: Number(chains), sweeps: Number(sweeps), seed: ++seed, give: 'states' });
  const seconds = (performance.now() - start) / 1000;
  const activity = rows.reduce((sum, state) => sum + state, 0) / rows.length;
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ seconds, activity, megabytes }));
}
engine.close();
