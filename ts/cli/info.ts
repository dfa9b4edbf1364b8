/** `wakesleep info`: which artefact, how many threads and why, host and versions. */
import { cpus } from 'node:os';
import { load } from '../engine.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { exitStatus, type Output } from './output.js';

/** Starts an engine and says what it is. */
export async function info(options: EngineOptions, output: Output): Promise<number> {
  const engine = await load(engineOptions(options));
  try {
    const { artefact, threads, reason, warnings, host, version, streamVersion, maxMemoryBytes } = engine.info;
    const cpu = cpus()[0]?.model ?? 'unknown';
    output.object({ type: 'info', ...engine.info, cpu });
    output.line(`wakesleep ${version}, random streams version ${streamVersion}`);
    output.line(`Host      ${host}, ${cpu}`);
    output.line(`Artefact  ${artefact}`);
    output.line(`Threads   ${threads}: ${reason}`);
    output.line(`Memory    up to ${(maxMemoryBytes / 2 ** 30).toFixed(2)} GiB`);
    for (const warning of warnings) output.line(`Warning   ${warning}`);
    return exitStatus.done;
  } finally {
    engine.close();
  }
}
