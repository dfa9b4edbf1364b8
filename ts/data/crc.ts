/**
 * Cyclic redundancy checks of 32 bits, the lowest bit first, by a table of remainders of all bytes (RFC 1952, section 8). Files
 * hold the complement of what `crcOver` gives for all their bytes from `CRC_START` on.
 */

/** The polynomial of gzip, zip and PNG. */
const IEEE_POLYNOMIAL = 0xedb88320;
/** Castagnoli's, of CRC-32C (RFC 3720, appendix B.4). */
export const CASTAGNOLI_POLYNOMIAL = 0x82f63b78;

export const CRC_START = 0xffffffff;

const tables = new Map<number, Uint32Array>();

/** The check of more bytes, going on from `crc`. */
export function crcOver(bytes: Uint8Array, crc: number, polynomial = IEEE_POLYNOMIAL): number {
  const remainders = tableOf(polynomial);
  let rest = crc;
  for (let index = 0; index < bytes.length; index += 1) {
    rest = remainders[(rest ^ bytes[index]!) & 0xff]! ^ (rest >>> 8);
  }
  return rest;
}

function tableOf(polynomial: number): Uint32Array {
  const known = tables.get(polynomial);
  if (known !== undefined) return known;
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
    return rest;
  });
  tables.set(polynomial, table);
  return table;
}
