/**
 * Philox4x32-10 in plain BigInt arithmetic: the definition that the kernels' generator is held against.
 *
 * Ten rounds turn a counter of four 32-bit words and a key of two into four random words. A round multiplies words 0
 * and 2 by fixed constants, and sends the high halves, exclusive-ored with a neighbour and the key, to the even places
 * and the low halves to the odd ones; between rounds the key moves on by the Weyl constants.
 * Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
 */

/** Four 32-bit words, the least significant first, each from 0 to 2^32 − 1. */
export type PhiloxCounter = readonly [number, number, number, number];

/** Two 32-bit words, the least significant first. */
export type PhiloxKey = readonly [number, number];

const ROUNDS = 10;
const WORD = 0xffffffffn;
const MULTIPLIER_0 = 0xd2511f53n;
const MULTIPLIER_1 = 0xcd9e8d57n;
const WEYL_0 = 0x9e3779b9n;
const WEYL_1 = 0xbb67ae85n;

/** The known answers of the Random123 distribution (`kat_vectors`, `philox4x32 10`). */
export const philoxKnownAnswers: readonly {
  readonly counter: PhiloxCounter;
  readonly key: PhiloxKey;
  readonly words: PhiloxCounter;
}[] = [
  {
    counter: [0, 0, 0, 0],
    key: [0, 0],
    words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
];

/** The four random words of a counter and a key. */
export function philox4x32(counter: PhiloxCounter, key: PhiloxKey): [number, number, number, number] {
  let c0 = BigInt(counter[0]);
  let c1 = BigInt(counter[1]);
  let c2 = BigInt(counter[2]);
  let c3 = BigInt(counter[3]);
  let k0 = BigInt(key[0]);
  let k1 = BigInt(key[1]);
  for (let round = 0; round < ROUNDS; round++) {
    const product0 = MULTIPLIER_0 * c0;
    const product1 = MULTIPLIER_1 * c2;
    c0 = (product1 >> 32n) ^ c1 ^ k0;
    c1 = product1 & WORD;
    c2 = (product0 >> 32n) ^ c3 ^ k1;
    c3 = product0 & WORD;
    k0 = (k0 + WEYL_0) & WORD;
    k1 = (k1 + WEYL_1) & WORD;
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}
