/** Opening, using and closing engines in workers again and again lets neither threads nor memory grow (bench/soak.mjs). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const CYCLES = 30;
/** Of resident memory, where an engine that stayed would keep some 5 MB and a worker some 10; the allocator keeps more or less of it. */
const MOST_RESIDENT = 20;
/** Of what JavaScript holds, compiled code included: .2 MB as measured. */
const MOST_HELD = 1;

it('leaves nothing behind', async () => {
  const command = ['bench/soak.mjs', '--cycles', String(CYCLES), '--dry'];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  const { cycles, threadsBefore, threadsAfter, megabytes } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  expect(cycles).toBe(CYCLES);
  expect(threadsAfter).toBe(threadsBefore);
  const { resident, held } = megabytes as Record<'resident' | 'held', number[]>;
  expect([resident.length, held.length]).toEqual([10, 10]);
  expect(resident.at(-1)! - resident[0]!).toBeLessThan(MOST_RESIDENT);
  expect(held.at(-1)! - held[0]!).toBeLessThan(MOST_HELD);
});
