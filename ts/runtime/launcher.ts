/** The launcher of this host, and the start of a worker that holds a whole engine. */
import { WakesleepError } from '../errors.js';
import { describeHost, type Host } from './host.js';
import type { EngineWorker, Launcher } from './launch.js';

export async function launcherOf({ kind }: Host): Promise<Launcher> {
  return (kind === 'node' ? await import('./launch-node.js') : await import('./launch-web.js')).launcher;
}

/** Starts such a worker; `onEnd` hears when it ends by itself. Throws `THREADS_UNAVAILABLE` where there are no workers. */
export async function startEngineWorker(onEnd: (cause: unknown) => void): Promise<EngineWorker> {
  const host = await describeHost();
  if (!host.hasWorkers) {
    const message = 'An engine in a worker cannot be had here: this host cannot start workers. Use `load()`.';
    throw new WakesleepError('THREADS_UNAVAILABLE', message, { where: 'loadInWorker()' });
  }
  return (await launcherOf(host)).startEngine(onEnd);
}
