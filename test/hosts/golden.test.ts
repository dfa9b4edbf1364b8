/** The golden digest of `digits-tiny`: the same model bytes with every artefact and number of threads, on this Node. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { trainDigitsTiny } from './digits-tiny.mjs';

const golden = JSON.parse(readFileSync('test/golden/digits-tiny.json', 'utf8')) as { sha256: string };
const dist = pathToFileURL('dist/').href;

test.each([
  { artefact: 'st', threads: 1 },
  { artefact: 'mt', threads: 1 },
  { artefact: 'mt', threads: 2 },
  { artefact: 'mt', threads: 3 },
])('%o trains digits-tiny to the golden bytes', async (options) => {
  const { bytes, info } = await trainDigitsTiny(dist, options);
  expect(info).toMatchObject(options);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(golden.sha256);
});
