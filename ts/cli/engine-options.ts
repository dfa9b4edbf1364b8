/** The options of every command that starts an engine. */
import type { Command } from 'commander';
import type { LoadOptions } from '../runtime/load.js';

/** As the command line gives them: not checked yet. */
export interface EngineOptions {
  readonly threads?: string;
  readonly artefact?: string;
}

/** Adds `--threads` and `--artefact`. */
export function withEngine(command: Command): Command {
  return command
    .option('--threads <N>', 'threads that compute, 1 to 64, or auto (default: what the machine grants)')
    .option(
      '--artefact <auto|st|mt|st-relaxed|mt-relaxed>',
      'one thread (st) or threads (mt), by default auto; relaxed: faster dense layers, bits that depend on the host',
    );
}

/** What `load()` takes; it checks the values and says what is wrong with them. */
export function engineOptions({ threads = 'auto', artefact = 'auto' }: EngineOptions): LoadOptions {
  const wanted = /^-?\d+(\.\d+)?$/.test(threads) ? Number(threads) : threads;
  return { threads: wanted, artefact } as LoadOptions;
}
