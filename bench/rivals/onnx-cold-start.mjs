/**
 * One cold start of onnxruntime-web on its wasm backend, one thread, with the network that wakesleep has exported: the rival of
 * cold-start-ours.mjs, which says what is printed.
 *
 *     node bench/rivals/onnx-cold-start.mjs MODEL.onnx
 */
import { readFileSync } from 'node:fs';
import { columns, report, row } from '../cold-start-report.mjs';

const [file] = process.argv.slice(2);
const marks = [performance.now()];
const mark = () => marks.push(performance.now());

const ort = await import('onnxruntime-web/wasm');
mark();
ort.env.wasm.numThreads = 1;
mark();
const session = await ort.InferenceSession.create(readFileSync(file));
mark();
const [input] = session.inputNames;
const [output] = session.outputNames;
const classify = async (rows, count) => {
  const { [output]: answer } = await session.run({ [input]: new ort.Tensor('float32', rows, [count, columns]) });
  const probabilities = answer.data;
  let best = 0;
  for (let label = 1; label < 10; label += 1) if (probabilities[label] > probabilities[best]) best = label;
  return best;
};
const label = await classify(row, 1);
mark();
await report(marks, label, classify);
