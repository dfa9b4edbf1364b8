/** Bytes in pieces, as a stream gives them. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A text as the bytes of a file. */
export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
