/** `wakesleep verify`: whether the engine computes what a model means, by enumeration. */
import { load } from '../engine.js';
import { verify } from '../verify/verify.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { openModel } from './model-source.js';
import { exitStatus, type Output } from './output.js';

/** What the command line gives. */
export interface VerifyArguments extends EngineOptions {
  readonly seed: number;
  readonly chains: number;
}

/** Prints the report; the status says whether every check passed. */
export async function verifyModel(path: string, options: VerifyArguments, output: Output): Promise<number> {
  const engine = await load(engineOptions(options));
  try {
    const { seed, chains } = options;
    const { passed, checks, words } = verify(openModel(engine, path), { seed, chains });
    for (const check of checks) output.object({ type: 'check', ...check });
    output.object({ type: 'summary', passed });
    output.line(words);
    return passed ? exitStatus.done : exitStatus.failed;
  } finally {
    engine.close();
  }
}
