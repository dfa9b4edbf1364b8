/**
 * The chains of `wakesleep score --method ais` in a file, block after block, so that an interrupted estimate goes on where it
 * was, and a finished one takes more chains. One JSON object: a state for each direction.
 */
import { WakesleepError } from '../errors.js';
import { readFileIfThere, writeFileAtomic } from '../files/atomic.js';
import { canonicalJson } from '../files/json.js';
import type { AnnealedState } from '../likelihood/annealed.js';
import { isPlainObject } from '../options.js';

export type Direction = AnnealedState['options']['direction'];

/** The states of both directions, kept in a file where there is one. */
export class KeptChains {
  private constructor(
    private readonly path: string | undefined,
    private readonly states: Partial<Record<Direction, AnnealedState>>,
  ) {}

  /**
   * Nothing yet, or what the file holds with `resume`. Throws `FILE_EXISTS` for a file without `resume`, `OPTION_INVALID` for
   * `resume` without a file's name, `FILE_CORRUPT`.
   */
  static open(path: string | undefined, resume: boolean): KeptChains {
    if (path === undefined) {
      if (!resume) return new KeptChains(undefined, {});
      const message = '`--resume` needs `--state FILE`, the file that keeps the chains.';
      throw new WakesleepError('OPTION_INVALID', message, { where: '--resume', wanted: '--state FILE' });
    }
    const bytes = readFileIfThere(path);
    if (bytes === undefined) return new KeptChains(path, {});
    if (!resume) {
      const message = `${path} keeps the chains of an estimate already; give \`--resume\` to go on from it, or another name.`;
      throw new WakesleepError('FILE_EXISTS', message, { given: path, where: '--state' });
    }
    return new KeptChains(path, readStates(path, bytes));
  }

  /** What a direction goes on from, as options of the estimate. */
  resumed(direction: Direction): { readonly resume?: AnnealedState } {
    const resume = this.states[direction];
    return resume === undefined ? {} : { resume };
  }

  /** Keeps the chains that are done, where they are more than before. */
  keep(direction: Direction, state: AnnealedState): void {
    if (state.logWeights.length <= (this.states[direction]?.logWeights.length ?? 0)) return;
    this.states[direction] = state;
    if (this.path !== undefined) writeFileAtomic(this.path, `${canonicalJson(this.states)}\n`);
  }

  /** A sentence for whoever interrupted. */
  inWords(): string {
    const { forward, reverse } = this.states;
    const done = (forward?.logWeights.length ?? 0) + (reverse?.logWeights.length ?? 0);
    if (this.path === undefined) return `${done} finished chains are lost; \`--state FILE\` keeps them.`;
    return `${done} finished chains are in ${this.path}; the same command with \`--resume\` goes on from there.`;
  }
}

function readStates(path: string, bytes: Uint8Array): Partial<Record<Direction, AnnealedState>> {
  const corrupt = (cause?: unknown) => {
    const message = `${path} cannot be used: it is not the state of an estimate.`;
    return new WakesleepError('FILE_CORRUPT', message, { where: path, cause });
  };
  let states: unknown;
  try {
    states = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw corrupt(error);
  }
  const known = ['forward', 'reverse'];
  if (!isPlainObject(states) || Object.keys(states).some((name) => !known.includes(name))) throw corrupt();
  for (const state of Object.values(states)) {
    if (!isPlainObject(state) || !isPlainObject(state.options) || !Array.isArray(state.logWeights)) throw corrupt();
  }
  return states;
}
