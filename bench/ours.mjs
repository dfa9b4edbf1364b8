/** One workload through the public API; answers each line on stdin with the time of one piece of work and the memory. */
import { createInterface } from 'node:readline';
import { load } from 'wakesleep';
import { readDigits } from './digits.mjs';
import { workloads } from './workload.mjs';

const [file, threads, name, form = ''] = process.argv.slice(2);
const engine = await load({ threads: Number(threads), artefact: `${threads === '1' ? 'st' : 'mt'}${form}` });
const { images, labels } = readDigits(file);
const work = workloads[name].begin(engine, images, labels);
console.log(
  JSON.stringify({ version: `wakesleep ${engine.info.version}, ${engine.info.artefact}, ${engine.info.host}` }),
);
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const { value } = work.next();
  const seconds = (performance.now() - start) / 1000;
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ seconds, activity: value, megabytes }));
}
engine.close();
