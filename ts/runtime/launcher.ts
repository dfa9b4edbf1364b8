/** The launcher of this host. */
import type { Host } from './host.js';
import type { Launcher } from './launch.js';

export async function launcherOf({ kind }: Host): Promise<Launcher> {
  return (kind === 'node' ? await import('./launch-node.js') : await import('./launch-web.js')).launcher;
}
