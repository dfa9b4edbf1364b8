/** The start of a worker that holds a whole engine. */
import { WakesleepError } from '../errors.js';
import { describeHost } from './host.js';
import type { EngineWorker } from './launch.js';

/** Starts such a worker; `onEnd` hears when it ends by itself. Throws `THREADS_UNAVAILABLE` where there are no workers. */
export async function startEngineWorker(onEnd: (cause: unknown) => void): Promise<EngineWorker> {
  const host = await describeHost();
  if (!host.hasWorkers) {
    const message = 'An engine in a worker cannot be had here: this host cannot start workers. Use `load()`.';
    throw new WakesleepError('THREADS_UNAVAILABLE', message, { where: 'loadInWorker()' });
  }
  const { startEngine } =
    host.kind === 'node' ? await import('./start-engine-node.js') : await import('./start-engine-web.js');
  return startEngine(onEnd);
}
