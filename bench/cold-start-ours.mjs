/**
 * One cold start, as a serverless function has it: import, an engine of one thread, a model from its file, the first row classified.
 * Prints milliseconds of each as JSON, of all since the process began, and the rows a second after that.
 *
 *     node bench/cold-start-ours.mjs wakesleep|wakesleep/inline MODEL
 */
import { readFileSync } from 'node:fs';
import { report, row } from './cold-start-report.mjs';

const [entry, file] = process.argv.slice(2);
const marks = [performance.now()];
const mark = () => marks.push(performance.now());

const { load } = await import(entry);
mark();
const engine = await load({ threads: 1 });
mark();
const model = engine.open(readFileSync(file));
mark();
const classify = (rows) => model.classify(rows).labels[0];
const label = classify(row);
mark();
await report(marks, label, classify);
