/** CD-1 on MNIST, 784 × 500, batch 100, through the public API; answers each line on stdin with one epoch's time. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { load, readIdxImages } from 'wakesleep';
import { cd1 } from './workload.mjs';

const [file, threads] = process.argv.slice(2);
const engine = await load({ threads: Number(threads), artefact: threads === '1' ? 'st' : 'mt' });
const { images } = readIdxImages(readFileSync(file), file);
const epochs = cd1(engine, images)[Symbol.iterator]();
console.log(
  JSON.stringify({ version: `wakesleep ${engine.info.version}, ${engine.info.artefact}, ${engine.info.host}` }),
);
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const { value } = epochs.next();
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, activity: value.meanActivity }));
}
engine.close();
