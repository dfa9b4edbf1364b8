/** CD-1 on MNIST, 784 × 500, batch 100, through the public API; answers each line on stdin with one epoch's time. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { bernoulli, contrastiveDivergence, load, rbm, readIdxImages } from 'wakesleep';

const [file, threads] = process.argv.slice(2);
const engine = await load({ threads: Number(threads), artefact: threads === '1' ? 'st' : 'mt' });
const { images } = readIdxImages(readFileSync(file), file);
const data = engine.dataset({ rows: images, columns: 784, scale: 1 / 255 });
const model = engine.create(rbm({ visible: bernoulli(784), hidden: bernoulli(500) }), { seed: 7 });
const algorithm = contrastiveDivergence({
  epochs: 1000,
  batchRows: 100,
  learningRate: 0.05,
  momentum: 0.5,
  weightCost: 2e-4,
  data: 'states',
  reconstruction: 'states',
  initialBias: 'keep',
});
const epochs = model.train(data, algorithm)[Symbol.iterator]();
console.log(
  JSON.stringify({ version: `wakesleep ${engine.info.version}, ${engine.info.artefact}, ${engine.info.host}` }),
);
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const { value } = epochs.next();
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, activity: value.meanActivity }));
}
engine.close();
