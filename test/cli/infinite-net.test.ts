/** The recipe `infinite-net`: what it claims of tied nets holds to the numbers that it prints. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, wakesleep } from './command.js';

interface Results {
  readonly scales: readonly {
    readonly scale: number;
    readonly secondEigenvalue: number;
    readonly rate: number;
    readonly tied: number;
    readonly distances: readonly number[];
    readonly needed: number;
    readonly z: number;
  }[];
  readonly truncated: { readonly identity: number; readonly rest: readonly number[] };
}

describe('wakesleep train infinite-net', () => {
  const folder = temporaryFolder();

  it('shows factorial posteriors, the rate of approach, how deep a net must be, and CD as truncated learning', async () => {
    const out = join(folder, 'shown');
    const ended = await wakesleep(['train', 'infinite-net', '--json', '--out', out, '--threads', '1']);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const { scales, truncated } = JSON.parse(ended.stdout) as Results;
    expect(scales.map(({ scale }) => scale)).toEqual([0.5, 1, 2, 3, 5]);
    for (const { secondEigenvalue, rate, tied, distances, scale, z } of scales) {
      expect(tied).toBeLessThan(1e-10);
      expect(Math.abs(rate / secondEigenvalue - 1)).toBeLessThan(1e-3);
      expect(distances[0]).toBeGreaterThan(distances.at(-1)!);
      // At a scale of 5 fifty layers are 3 % away from the machine, which 20,000 rows tell.
      if (scale <= 1) expect(z).toBeLessThan(5);
      if (scale === 5) expect(z).toBeGreaterThan(5);
    }
    const needed = scales.map((found) => found.needed);
    expect(needed).toEqual([...needed].sort((a, b) => a - b));
    expect(needed[3]).toBeGreaterThan(4 * needed[1]!);
    expect(truncated.identity).toBeLessThan(1e-12);
    truncated.rest.slice(1).forEach((left, k) => {
      expect(left).toBeLessThan(truncated.rest[k]!);
    });
    expect(readFileSync(join(out, 'infinite-net.svg'), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  });

  it('takes nothing of training', async () => {
    const out = join(folder, 'refused');
    const { status, stderr } = await wakesleep(['train', 'infinite-net', '--out', out, '--set', 'seed=3']);
    expect({ status, left: existsSync(out) }).toEqual({ status: 2, left: false });
    expect(stderr).toBe(
      'infinite-net trains nothing, so `--set` means nothing to it; it takes `--out` and `--seed`.\n',
    );
  });
});
