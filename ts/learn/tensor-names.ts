/** Names of what a checkpoint keeps: tensors that belong together, under names that begin alike. */

/** Tensors under names that begin with `prefix`. */
export function prefixed(prefix: string, tensors: ReadonlyMap<string, Float32Array>): [string, Float32Array][] {
  return [...tensors].map(([name, values]) => [prefix + name, values]);
}

/** The tensors whose names begin with `prefix`, under the rest of their names. */
export function withoutPrefix(
  prefix: string,
  tensors: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, Float32Array> {
  const named = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(named.map(([name, values]) => [name.slice(prefix.length), values]));
}
