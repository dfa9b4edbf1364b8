/**
 * Trains `digits-tiny` on the host that runs this (Node, Deno, Bun) and prints, as JSON, the SHA-256 of the model and what was
 * loaded.
 *
 *     HOST print-digits-tiny.mjs THREADS load|loadInWorker
 */
import { createHash } from 'node:crypto';
import process from 'node:process';
import { trainDigitsTiny } from './digits-tiny.mjs';

const [threads, door] = process.argv.slice(2);
const dist = new URL('../../dist/', import.meta.url);
const { bytes, info } = await trainDigitsTiny(dist, { threads: Number(threads) }, door);
console.log(JSON.stringify({ sha256: createHash('sha256').update(bytes).digest('hex'), ...info }));
