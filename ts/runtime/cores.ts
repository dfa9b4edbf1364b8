/**
 * How many cores a server process is really granted: the smallest of what the system reports, a control group's quota and
 * a function's share by memory. A container with half a core still reports all cores of its machine.
 */
import { countCores } from './host.js';

/** What the system knows, as functions, so that tests can play any system. */
export interface SystemFacts {
  /** `os.availableParallelism()`. */
  readonly parallelism: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of a file, or `undefined` where it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

/** Megabytes of an AWS Lambda function for which it gets one whole virtual core (AWS's documentation of Lambda). */
const LAMBDA_MEGABYTES_A_CORE = 1769;

/** The number of cores and the sentence that says why not more. */
export function coresGranted(facts: SystemFacts): { cores: number; reason: string } {
  const parallelism = Math.max(1, facts.parallelism);
  let granted = { cores: parallelism, reason: `The system grants ${countCores(parallelism)}.` };
  const quota = controlGroupQuota(facts);
  if (quota !== undefined) {
    granted = fewer(granted, quota, (cores) => `The control group's quota of ${quota} grants ${countCores(cores)}.`);
  }
  const megabytes = Number(facts.environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE);
  if (megabytes > 0) {
    const share = megabytes / LAMBDA_MEGABYTES_A_CORE;
    granted = fewer(granted, share, (cores) => `The function's ${megabytes} MB grant ${countCores(cores)}.`);
  }
  return granted;
}

type Grant = { cores: number; reason: string };

/** Parts of a core are left out: a thread that is often throttled makes the others wait for it. */
function fewer(granted: Grant, share: number, reason: (cores: number) => string): Grant {
  const cores = Math.max(1, Math.floor(share));
  return cores < granted.cores ? { cores, reason: reason(cores) } : granted;
}

/** The smallest quota, in cores, of this process's control group and those around it, in either version's files. */
function controlGroupQuota({ readText }: SystemFacts): number | undefined {
  const memberships = readText('/proc/self/cgroup')?.trim().split('\n') ?? [];
  const quotas = memberships.flatMap((membership) => {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(membership) ?? [];
    if (controllers === '') return withParents(path).map((group) => unifiedQuota(readText, group));
    if (!controllers.split(',').includes('cpu')) return [];
    return withParents(path).map((group) => legacyQuota(readText, group));
  });
  const known = quotas.filter((quota) => quota !== undefined && quota > 0) as number[];
  return known.length === 0 ? undefined : Math.min(...known);
}

/** `/a/b`, `/a` and the root, which is where a container that sees only its own group finds it. */
function withParents(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`).concat('');
}

/** Version 2: `cpu.max` holds "quota period", or "max period". */
function unifiedQuota(readText: SystemFacts['readText'], group: string): number | undefined {
  const [quota, period] = (readText(`/sys/fs/cgroup${group}/cpu.max`) ?? 'max').trim().split(/\s+/);
  return quota === 'max' ? undefined : Number(quota) / Number(period);
}

/** Version 1: two files; a quota of -1 means none. */
function legacyQuota(readText: SystemFacts['readText'], group: string): number | undefined {
  for (const mount of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct']) {
    const quota = Number(readText(`${mount}${group}/cpu.cfs_quota_us`) ?? '-1');
    const period = Number(readText(`${mount}${group}/cpu.cfs_period_us`) ?? '0');
    if (quota > 0 && period > 0) return quota / period;
  }
  return undefined;
}
