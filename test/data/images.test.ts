import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NamedFile, readImageFolder, readImages, readPng } from 'wakesleep';
import { refusal, refusalOf } from '../files/refusal.js';

/** A chunk as the standard lays it out. */
function chunk(name: string, contents: ArrayLike<number>): number[] {
  const body = [...new TextEncoder().encode(name), ...Array.from(contents)];
  return [...word(contents.length), ...body, ...word(checksum(Uint8Array.from(body)))];
}

const word = (value: number) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];

/** CRC-32, bit by bit as the standard defines it. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const signature = [137, 80, 78, 71, 13, 10, 26, 10];
const header = (width: number, height: number, depth: number, colour: number, interlace = 0) =>
  chunk('IHDR', [...word(width), ...word(height), depth, colour, 0, 0, interlace]);
const pixels = (...lines: readonly (readonly number[])[]) => chunk('IDAT', deflateSync(Uint8Array.from(lines.flat())));
const png = (...chunks: readonly number[][]) => Uint8Array.from([...signature, ...chunks.flat(), ...chunk('IEND', [])]);

const grey = (height: number, width: number, first: number) =>
  encode({
    width,
    height,
    data: Uint8Array.from({ length: height * width }, (_, i) => first + i),
    depth: 8,
    channels: 1,
  });

describe('a PNG picture', () => {
  it.each<[string, Uint8Array, readonly number[], number]>([
    ['8 bits of grey', png(header(3, 2, 8, 0), pixels([0, 1, 2, 3], [0, 4, 5, 255])), [1, 2, 3, 4, 5, 255], 1],
    ['lines by their neighbours', png(header(3, 2, 8, 0), pixels([1, 1, 1, 1], [2, 1, 1, 1])), [1, 2, 3, 2, 3, 4], 1],
    ['1 bit', png(header(3, 2, 1, 0), pixels([0, 0b10100000], [0, 0b01000000])), [255, 0, 255, 0, 255, 0], 1],
    ['2 bits', png(header(4, 1, 2, 0), pixels([0, 0b00011011])), [0, 85, 170, 255], 1],
    ['4 bits', png(header(3, 1, 4, 0), pixels([0, 0x0f, 0x80])), [0, 255, 136], 1],
    ['16 bits', png(header(2, 1, 16, 0), pixels([0, 0x12, 0x34, 0xff, 0xff])), [0x12, 0xff], 1],
    ['grey with transparency', png(header(2, 1, 8, 4), pixels([0, 7, 0, 9, 255])), [7, 9], 1],
    ['colour, in planes', png(header(2, 1, 8, 2), pixels([0, 1, 2, 3, 4, 5, 6])), [1, 4, 2, 5, 3, 6], 3],
    ['colour with transparency', png(header(1, 1, 8, 6), pixels([0, 1, 2, 3, 4])), [1, 2, 3], 3],
    ['colour of 16 bits', png(header(1, 1, 16, 2), pixels([0, 1, 0, 2, 0, 3, 0])), [1, 2, 3], 3],
    [
      'a palette',
      png(header(3, 1, 2, 3), chunk('PLTE', [9, 8, 7, 6, 5, 4]), chunk('tRNS', [0]), pixels([0, 0b01000100])),
      [6, 9, 6, 5, 8, 5, 4, 7, 4],
      3,
    ],
    [
      'chunks that do not matter, and pixels in two',
      png(header(1, 1, 8, 0), chunk('tEXt', [65, 0, 66]), ...halves(deflateSync(Uint8Array.of(0, 77)))),
      [77],
      1,
    ],
    [
      // Pass 1 has the first pixel, pass 6 the second of its line, pass 7 the line below.
      'interlaced',
      png(header(2, 2, 8, 0, 1), pixels([0, 10], [0, 20], [0, 30, 40])),
      [10, 20, 30, 40],
      1,
    ],
  ])('has %s', (_, bytes, wanted, channels) => {
    const read = readPng(bytes, 'f');
    expect([[...read.pixels], read.channels]).toEqual([wanted, channels]);
    expect(read.pixels).toHaveLength(read.height * read.width * channels);
  });

  function halves(bytes: Uint8Array): number[][] {
    return [chunk('IDAT', bytes.subarray(0, 3)), chunk('IDAT', bytes.subarray(3))];
  }

  const whole = png(header(2, 1, 8, 0), pixels([0, 1, 2]));
  const flipped = Uint8Array.from(whole);
  flipped[45]! ^= 1;
  const bomb = chunk('IDAT', deflateSync(new Uint8Array(5_000_000)));
  it.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(0), 'does not begin as a PNG picture.'],
    [
      'another format',
      Uint8Array.from(new TextEncoder().encode('GIF89a and more')),
      'does not begin as a PNG picture.',
    ],
    ['cut', whole.subarray(0, 40), 'is cut short within the chunk at byte 33.'],
    [
      'cut within a chunk',
      whole.subarray(0, 50),
      'is cut short: the chunk at byte 33 claims 11 bytes, and 5 are there.',
    ],
    ['without an end', whole.subarray(0, -12), 'is cut short: it has no IEND chunk.'],
    ['a flipped bit', flipped, 'is damaged: the checksum of the chunk at byte 33 does not fit its contents.'],
    ['no header', png(pixels([0, 1, 2])), 'must have one IHDR chunk of 13 bytes at byte 8.'],
    [
      'a depth of 3',
      png(header(2, 1, 3, 0), pixels([0, 1, 2])),
      'has a header that PNG does not know, from byte 24 on: depth 3, colour 0, compression 0, filter 0, interlacing 0.',
    ],
    ['no pixels', png(header(0, 1, 8, 0), pixels([0])), 'claims 0 × 1 pixels at byte 16; 1 to 268435456 are read.'],
    [
      'a size beyond any picture',
      png(header(2 ** 31, 2 ** 31, 8, 0), pixels([0])),
      'claims 2147483648 × 2147483648 pixels at byte 16; 1 to 268435456 are read.',
    ],
    [
      'a size beyond its bytes',
      png(header(16_384, 16_384, 8, 0), pixels([0])),
      'claims 16384 × 16384 pixels at byte 16, more than its 9 compressed bytes can hold.',
    ],
    [
      'too few pixels',
      png(header(2, 2, 8, 0), pixels([0, 1, 2])),
      'is cut short: 2 × 2 pixels take 6 bytes, and 3 are there.',
    ],
    [
      'a bomb',
      png(header(2, 2, 8, 0), bomb),
      'has more pixels than the 2 × 2 pixels that its header claims at byte 16.',
    ],
    ['a filter of 9', png(header(2, 1, 8, 0), pixels([9, 1, 2])), 'is damaged: its pixels cannot be decoded.'],
    [
      'no palette',
      png(header(1, 1, 8, 3), pixels([0, 0])),
      'has no palette; one of 1 to 256 colours before the pixels is wanted.',
    ],
    [
      'a palette that is too small',
      png(header(2, 1, 8, 3), chunk('PLTE', [1, 2, 3]), pixels([0, 0, 1])),
      'has the colour 1 in row 0, column 1, beyond its palette.',
    ],
    [
      'a palette of 4 bytes',
      png(header(1, 1, 8, 3), chunk('PLTE', [1, 2, 3, 4]), pixels([0, 0])),
      'has a palette of 4 bytes at byte 33; one of 1 to 256 colours before the pixels is wanted.',
    ],
    [
      'interlaced bits',
      png(header(2, 2, 1, 0, 1), pixels([0, 0])),
      'is interlaced with 1 bits; those of 8 or 16 bits are read.',
    ],
  ])('that is bad is refused in words: %s', (_, bytes, words) => {
    expect(refusal(() => readPng(bytes, 'f'))).toBe(`DATA_CORRUPT: f ${words}`);
  });
});

describe('a folder of pictures', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const write = (name: string, files: readonly NamedFile[]) => {
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(folder, name, path)), { recursive: true });
      writeFileSync(join(folder, name, path), bytes);
    }
    return join(folder, name);
  };
  const files: readonly NamedFile[] = [
    ['seven/b.png', grey(2, 3, 30)],
    ['seven/a.PNG', grey(2, 3, 20)],
    ['one/z.png', grey(2, 3, 10)],
    ['one/notes.txt', Uint8Array.of(1)],
    ['README.md', Uint8Array.of(1)],
  ];
  const wanted = {
    images: Uint8Array.from([10, 20, 30].flatMap((first) => Array.from({ length: 6 }, (_, i) => first + i))),
    rows: 3,
    columns: 6,
    height: 2,
    width: 3,
    channels: 1,
    labels: Uint8Array.of(0, 1, 1),
    classes: 2,
    classNames: ['one', 'seven'],
  };

  it('has a class for each folder in it', async () => {
    expect(readImages(files, 'set')).toEqual(wanted);
    expect(await readImageFolder(write('set', files))).toEqual(wanted);
    const classNames = ['zero', 'one', 'seven'];
    expect(readImages(files, 'set', { classNames })).toMatchObject({ labels: Uint8Array.of(1, 2, 2), classes: 3 });
  });

  it('has no classes where it has no folders', async () => {
    const flat: NamedFile[] = [
      ['2.png', grey(1, 2, 5)],
      ['10.png', grey(1, 2, 1)],
    ];
    const images = { images: Uint8Array.of(1, 2, 5, 6), rows: 2, labels: undefined, classes: undefined };
    expect(readImages(flat, 'set')).toMatchObject(images);
    expect(await readImageFolder(write('flat', flat))).toMatchObject(images);
  });

  it('that is bad is refused in words', async () => {
    const words = (given: readonly NamedFile[], options = {}) => refusal(() => readImages(given, 'set', options));
    expect([
      words([['a.txt', Uint8Array.of(1)]]),
      words([...files, ['top.png', grey(2, 3, 1)]]),
      words([...files, ['one/y.png', grey(3, 2, 1)]]),
      words([['a.png', Uint8Array.of(1)]]),
      words(files, { classNames: ['one', 'two'] }),
    ]).toEqual([
      'DATA_CORRUPT: set holds no pictures; files that end in .png are wanted, in it or in folders of classes.',
      'DATA_CORRUPT: set holds pictures of no class (top.png) and of classes (seven/b.png).',
      'SHAPE_MISMATCH: set/one/z.png is 2 × 3 in grey, and one/y.png is 3 × 2 in grey; all must be alike.',
      'DATA_CORRUPT: set/a.png does not begin as a PNG picture.',
      'DATA_CORRUPT: set holds pictures of the class seven, and the classes are one, two.',
    ]);
    expect(await refusalOf(() => readImageFolder(join(folder, 'none')))).toMatch(
      /^DATA_MISSING: .*none cannot be read as a folder/,
    );
  });
});
