/** The same calls give the same bits natively, in each artefact, and with any number of threads. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { load } from '../../dist/runtime/load.js';
import { digests } from './calls.mjs';

/** Written by `cargo test`, which `npm run check` runs before. */
const native = JSON.parse(readFileSync(new URL('../../target/digests/native.json', import.meta.url), 'utf8'));

it.each([
  { artefact: 'st', threads: 1 },
  { artefact: 'mt', threads: 1 },
  { artefact: 'mt', threads: 2 },
  { artefact: 'mt', threads: 3 },
] as const)('$artefact with $threads threads', async (options) => {
  using runtime = await load(options);
  expect(digests(runtime)).toEqual(native);
});
