/** The checkpoint that this browser keeps, in IndexedDB: it outlives the page. */
import { del, get, set } from 'idb-keyval';
import type { TrainingRecord } from 'wakesleep';

/** What is kept. */
export interface Kept {
  readonly checkpoint: Uint8Array<ArrayBuffer>;
  readonly records: readonly TrainingRecord[];
}

const KEY = 'wakesleep demo';

export function keep(kept: Kept): Promise<void> {
  return set(KEY, kept);
}

/** Undefined where nothing is kept, or the browser keeps nothing (a private window). */
export async function kept(): Promise<Kept | undefined> {
  try {
    return await get<Kept>(KEY);
  } catch {
    return undefined;
  }
}

export function forget(): Promise<void> {
  return del(KEY);
}
