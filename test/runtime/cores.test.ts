/** The number of cores is what the system grants, not what the machine has. */
import { expect, it } from 'vitest';
import { coresGranted } from '../../dist/runtime/cores.js';

function granted(parallelism: number, files: Record<string, string>, environment: Record<string, string> = {}) {
  return coresGranted({ parallelism, environment, readText: (path) => files[path] });
}

it('is what the system reports where nothing limits it', () => {
  expect(granted(8, {})).toEqual({ cores: 8, reason: 'The system grants 8 cores.' });
  expect(granted(1, {})).toEqual({ cores: 1, reason: 'The system grants 1 core.' });
});

it('is cut by a quota of control groups, version 2, wherever in the tree it is', () => {
  const membership = { '/proc/self/cgroup': '0::/kubepods/pod7/box\n' };
  const quota = (group: string, text: string) =>
    granted(8, { ...membership, [`/sys/fs/cgroup${group}/cpu.max`]: text });
  expect(quota('/kubepods/pod7/box', 'max 100000\n').cores).toBe(8);
  expect(quota('/kubepods/pod7/box', '300000 100000\n').cores).toBe(3);
  expect(quota('/kubepods/pod7', '250000 100000\n')).toEqual({
    cores: 2,
    reason: "The control group's quota of 2.5 grants 2 cores.",
  });
  expect(quota('', '50000 100000\n').cores).toBe(1);
  expect(quota('', '9900000 100000\n').cores).toBe(8);
});

it('is cut by a quota of control groups, version 1', () => {
  const files = (quota: string) => ({
    '/proc/self/cgroup': '5:memory:/box\n4:cpu,cpuacct:/box\n',
    '/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us': quota,
    '/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us': '100000\n',
  });
  expect(granted(8, files('200000\n')).cores).toBe(2);
  expect(granted(8, files('-1\n')).cores).toBe(8);
});

it("is cut by a function's share of memory", () => {
  const lambda = (megabytes: number) => granted(6, {}, { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(megabytes) });
  expect(lambda(1024)).toEqual({ cores: 1, reason: "The function's 1024 MB grant 1 core." });
  expect(lambda(4096).cores).toBe(2);
  expect(lambda(10_240).cores).toBe(5);
});
