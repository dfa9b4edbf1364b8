/** Opening, using and closing engines in workers again and again lets neither threads nor memory grow (bench/soak.mjs). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const CYCLES = 30;
/** An engine that stayed would keep some 5 MB, a worker some 10. */
const MOST_MEGABYTES = 20;

it('leaves nothing behind', async () => {
  const command = ['bench/soak.mjs', '--cycles', String(CYCLES), '--dry'];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  const { cycles, threadsBefore, threadsAfter, megabytes } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  expect(cycles).toBe(CYCLES);
  expect(threadsAfter).toBe(threadsBefore);
  expect(megabytes).toHaveLength(10);
  expect(megabytes.at(-1) - megabytes[0]).toBeLessThan(MOST_MEGABYTES);
});
