/** A copy of `bytes` with one to four changes: a byte replaced or a bit flipped, bytes removed, doubled or cut off. */
export function mutated(bytes: Uint8Array, below: (limit: number) => number): Uint8Array {
  let result = Uint8Array.from(bytes);
  for (let changes = 1 + below(4); changes > 0; changes -= 1) {
    const at = below(result.length + 1);
    const length = below(5);
    const kind = below(6);
    if (kind === 0 && at < result.length) result[at] = below(256);
    else if (kind === 1 && at < result.length) result[at]! ^= 1 << below(8);
    else if (kind === 2 && at < result.length) result[at] = 0x30 + below(10);
    else if (kind === 3) result = joined(result.subarray(0, at), result.subarray(at + length));
    else if (kind === 4) result = joined(result.subarray(0, at + length), result.subarray(at));
    else if (kind === 5 && below(4) === 0) result = result.slice(0, at);
  }
  return result;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
