import type { Engine } from 'wakesleep';

/** See answers.mjs. */
export function answers(
  engine: Engine,
  bytes: Uint8Array,
): { nats: number[]; hidden: number[]; drawn: number[]; logZ: number };
