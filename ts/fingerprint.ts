/** A short digest by which data and models are told apart: FNV-1a of 32 bits. It guards against mistakes, not malice. */

/** Eight hexadecimal digits for bytes, part after part. */
export function fingerprint(parts: Iterable<Uint8Array>): string {
  let hash = 0x811c9dc5;
  for (const bytes of parts) {
    for (let i = 0; i < bytes.length; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
