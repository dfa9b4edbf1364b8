/** How one input ended. */
export interface Ending {
  readonly input: Uint8Array;
  /** `accepted`, the code of an error, or `CRASH`. */
  readonly ending: string;
  readonly error: unknown;
  readonly milliseconds: number;
}

export interface Target {
  readonly samples: readonly Uint8Array[];
  readonly read: (bytes: Uint8Array) => unknown;
  readonly wrap?: (bytes: Uint8Array) => Uint8Array;
}

export const REFUSALS: readonly string[];
export const targets: Readonly<Record<string, Target>>;
export const largeSamples: Readonly<Record<string, () => Uint8Array>>;
export function mutated(bytes: Uint8Array, below: (limit: number) => number, other: Uint8Array): Uint8Array;
export function fuzz(
  name: string,
  seed: number,
  bytes: number,
  onInput: (ending: Ending) => void,
  samples?: readonly Uint8Array[],
): Promise<void>;
