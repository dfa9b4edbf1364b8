/**
 * One cold start, as a serverless function has it: import, an engine of one thread, a model from its file, the first row classified.
 * Prints milliseconds of each as JSON, and of all since the process began.
 *
 *     node bench/cold-start-ours.mjs wakesleep|wakesleep/inline MODEL
 */
import { readFileSync } from 'node:fs';

const [entry, file] = process.argv.slice(2);
const marks = [performance.now()];
const mark = () => marks.push(performance.now());

const { load } = await import(entry);
mark();
const engine = await load({ threads: 1 });
mark();
const model = engine.open(readFileSync(file));
mark();
const { labels } = model.classify([Float32Array.from({ length: 784 }, (_, unit) => (unit % 7) / 7)]);
mark();
const [importMs, loadMs, openMs, classifyMs] = marks.slice(1).map((time, place) => time - marks[place]);
console.log(JSON.stringify({ importMs, loadMs, openMs, classifyMs, totalMs: marks.at(-1), label: labels[0] }));
