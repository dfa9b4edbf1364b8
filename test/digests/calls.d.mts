/** Digests of seeded calls by name; see calls.mjs. */
export function digests(runtime: unknown): Record<string, string>;
