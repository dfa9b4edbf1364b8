import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WakesleepError } from '../../dist/errors.js';
import { readSafetensors, type TensorToWrite, writeSafetensors } from '../../dist/files/safetensors.js';
import { mutated } from './mutated.js';
import { mayBeSkipped, runPython } from './python.js';
import { refusal } from './refusal.js';
import { seededIntegers } from './seeded-integers.mjs';

const small = () =>
  writeSafetensors(
    new Map<string, TensorToWrite>([
      ['w', { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, -0) }],
      ['bytes', { shape: [3], values: Uint8Array.of(1, 2, 255) }],
      ['state.updates', { shape: [], values: BigInt64Array.of(-5n) }],
      ['none', { shape: [0, 4], values: new Float64Array(0) }],
    ]),
    { format: 'wakesleep', model: '{"a":"ü"}' },
  );

/** A file with a header of our own words and that many bytes of data. */
function forged(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('a safetensors file', () => {
  it('is canonical: sorted, without white space but the padding, data at a multiple of 8', () => {
    const bytes = small();
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes));
    expect(header.trimEnd()).toBe(
      '{"__metadata__":{"format":"wakesleep","model":"{\\"a\\":\\"ü\\"}"},' +
        '"bytes":{"data_offsets":[0,3],"dtype":"U8","shape":[3]},' +
        '"none":{"data_offsets":[3,3],"dtype":"F64","shape":[0,4]},' +
        '"state.updates":{"data_offsets":[3,11],"dtype":"I64","shape":[]},' +
        '"w":{"data_offsets":[11,35],"dtype":"F32","shape":[2,3]}}',
    );
    expect((8 + headerBytes) % 8).toBe(0);
    expect(bytes.length).toBe(8 + headerBytes + 35);
  });

  it('reads back as what was written, whatever it holds and however the values lie in their memory', () => {
    const values = fc.oneof(
      fc.float32Array({ maxLength: 20 }),
      fc.float64Array({ maxLength: 20 }),
      fc.int8Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 20 }),
      fc.int16Array({ maxLength: 20 }),
      fc.uint16Array({ maxLength: 20 }),
      fc.int32Array({ maxLength: 20 }),
      fc.uint32Array({ maxLength: 20 }),
      fc.bigInt64Array({ maxLength: 20 }),
      fc.bigUint64Array({ maxLength: 20 }),
    );
    const name = fc
      .string({ unit: 'binary' })
      .filter((text) => !['__metadata__', '__proto__'].includes(text) && isWellFormed(text));
    const tensors = fc.dictionary(name, values, { maxKeys: 6 });
    const metadata = fc.dictionary(name, fc.string(), { maxKeys: 4 });
    fc.assert(
      fc.property(tensors, metadata, (given, strings) => {
        const wanted = new Map(
          Object.entries(given).map(([key, array]) => {
            // A view into the middle of shared memory, as the engine's tensors are.
            const shared = new Uint8Array(new SharedArrayBuffer(array.byteLength + 16), 8, array.byteLength);
            shared.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
            const Same = array.constructor as Float32ArrayConstructor;
            return [
              key,
              { shape: [1, array.length], values: new Same(shared.buffer as never, 8, array.length) },
            ] as const;
          }),
        );
        const bytes = writeSafetensors(wanted, strings);
        const read = readSafetensors(bytes, 'x');
        expect(read.metadata).toEqual({ ...strings });
        expect([...read.tensors.keys()].sort()).toEqual([...wanted.keys()].sort());
        for (const [key, { shape, values: array }] of read.tensors) {
          expect(shape).toEqual(wanted.get(key)!.shape);
          expect(array.constructor).toBe(given[key]!.constructor);
          expect(new Uint8Array(array.buffer)).toEqual(Uint8Array.from(new Uint8Array(given[key]!.buffer)));
        }
        const reversedTensors = new Map([...wanted].reverse());
        expect(writeSafetensors(reversedTensors, strings)).toEqual(bytes);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('reads from bytes that begin anywhere in their memory, and keeps nothing of them', () => {
    const bytes = small();
    const shifted = new Uint8Array(bytes.length + 3).subarray(3);
    shifted.set(bytes);
    const { tensors } = readSafetensors(shifted, 'x');
    shifted.fill(0);
    expect(tensors.get('w')).toEqual({ dtype: 'F32', shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, -0) });
    expect(tensors.get('state.updates')?.values).toEqual(BigInt64Array.of(-5n));
  });

  it('is refused when it is cut at any byte, or longer than it says', () => {
    const bytes = small();
    expect(() => readSafetensors(bytes, 'x')).not.toThrow();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(refusal(() => readSafetensors(bytes.subarray(0, length), 'x'))).toMatch(/^FILE_CORRUPT: x is not a sound/);
    }
    const longer = new Uint8Array([...bytes, 0]);
    expect(refusal(() => readSafetensors(longer, 'x'))).toBe(
      'FILE_CORRUPT: x is not a sound safetensors file: 1 bytes follow its last tensor.',
    );
  });

  it('never fails in another way than with a WakesleepError, over 30,000 mutations', () => {
    const below = seededIntegers(20240607);
    const bytes = small();
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 30_000; round += 1) {
      try {
        readSafetensors(mutated(bytes, below), 'x');
        outcomes.read += 1;
      } catch (error) {
        if (!(error instanceof WakesleepError)) throw error;
        outcomes.refused += 1;
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(10_000);
  });
});

describe('a file that is not sound is refused in words', () => {
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true);
  const whole = small();
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['empty', new Uint8Array(0), 'it has 0 bytes, and the length of its header alone takes 8'],
    [
      'a header that claims too much',
      huge,
      'its header claims 9223372036854775808 bytes, more than the 100000000 that are allowed',
    ],
    [
      'cut within the header',
      whole.subarray(0, 100),
      'it is cut short within its header, of which 92 of 304 bytes are there',
    ],
    [
      'cut within the data',
      whole.subarray(0, whole.length - 1),
      'it is cut short: the tensor "w" ends at byte 35 of the data, which has 34',
    ],
    ['no text', forged('\u00ff', 0).map((byte, i) => (i === 8 ? 0xff : byte)), 'its header is not UTF-8 text'],
    ['no JSON', forged('{"a":', 0), 'its header is not JSON'],
    ['a list', forged([], 0), 'its header is not a JSON object'],
    ['space before the header', forged(' {}', 0), 'its header is not a JSON object'],
    ['a byte order mark', forged('\ufeff{}', 0), 'its header is not JSON'],
    [
      'a name twice',
      forged(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      'its header has the key "a" twice',
    ],
    [
      'an offset key twice',
      forged('{"a":{"dtype":"U8","shape":[1],"shape":[0],"data_offsets":[0,0]}}', 0),
      'its header has the key "shape" twice',
    ],
    [
      'metadata that are a list',
      forged({ __metadata__: [] }, 0),
      'its metadata are an array of 0 instead of an object',
    ],
    ['metadata of numbers', forged({ __metadata__: { a: 1 } }, 0), 'its metadata must be strings, but "a" is 1'],
    ['a tensor without a description', forged({ a: 1 }, 0), 'the tensor "a" is described by 1, not by an object'],
    ['an unknown key', forged({ a: { ...f32([0], 0, 0), extra: 1 } }, 0), 'the tensor "a" has the unknown key "extra"'],
    [
      'an unknown type',
      forged({ a: { ...f32([2], 0, 4), dtype: 'F16' } }, 4),
      'the tensor "a" has the type "F16"; the types read here are F32, F64, I8, U8, I16, U16, I32, U32, I64, U64',
    ],
    [
      'no type',
      forged({ a: { shape: [0], data_offsets: [0, 0] } }, 0),
      'the tensor "a" has the type undefined; the types',
    ],
    ['a type from a prototype', forged({ a: { ...f32([0], 0, 0), dtype: 'toString' } }, 0), 'has the type "toString"'],
    [
      'a shape with a fraction',
      forged({ a: f32([1.5], 0, 6) }, 6),
      'the tensor "a" has a shape that is not a list of integers of at least 0',
    ],
    ['a negative shape', forged({ a: f32([-1, -1], 0, 4) }, 4), 'a shape that is not a list of integers of at least 0'],
    [
      'a shape that is a string',
      forged({ a: f32('1', 0, 4) }, 4),
      'a shape that is not a list of integers of at least 0',
    ],
    [
      'one offset',
      forged({ a: { dtype: 'F32', shape: [1], data_offsets: [0] } }, 4),
      'the tensor "a" has data_offsets that are not two integers of at least 0',
    ],
    ['a negative offset', forged({ a: f32([1], -4, 0) }, 4), 'data_offsets that are not two integers of at least 0'],
    [
      'offsets the wrong way round',
      forged({ a: f32([1], 4, 0) }, 4),
      'the tensor "a" ends at byte 0, before it begins at byte 4',
    ],
    [
      'too few bytes for the shape',
      forged({ a: f32([2], 0, 4) }, 4),
      'the tensor "a" has 4 bytes, but F32 of shape [2] takes 8',
    ],
    [
      'a shape whose product is beyond all numbers',
      forged({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
      'the tensor "a" has 4 bytes, but F32 of shape [1099511627776, 1099511627776] takes 4.835703278458517e+24',
    ],
    [
      'offsets beyond the end',
      forged({ a: f32([2 ** 40], 0, 2 ** 42) }, 4),
      'it is cut short: the tensor "a" ends at byte 4398046511104 of the data, which has 4',
    ],
    [
      'tensors that overlap',
      forged({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
      'the tensors "a" and "b" overlap at byte 4 of the data',
    ],
    [
      'two tensors in the same place',
      forged({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4),
      'the tensors "a" and "b" overlap at byte 0 of the data',
    ],
    ['a hole', forged({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), 'bytes 4 to 8 of the data belong to no tensor'],
    ['a hole at the beginning', forged({ b: f32([1], 4, 8) }, 8), 'bytes 0 to 4 of the data belong to no tensor'],
  ];
  it.each(cases)('%s', (_, bytes, reason) => {
    const words = refusal(() => readSafetensors(bytes, 'model.safetensors'));
    expect(words.startsWith('FILE_CORRUPT: model.safetensors is not a sound safetensors file: ')).toBe(true);
    expect(words).toContain(reason);
  });

  it('takes no memory because a header asks for it', () => {
    const before = process.memoryUsage().arrayBuffers;
    const bytes = forged({ a: f32([2 ** 30], 0, 2 ** 32) }, 4);
    expect(refusal(() => readSafetensors(bytes, 'x'))).toMatch('cut short');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});

describe('what the format cannot hold is refused when it is written', () => {
  const one = Float32Array.of(1);
  it.each([
    ['w', [2], 'SHAPE_MISMATCH: `w` has 1 values, but its shape [2] wants 2.'],
    ['w', [-1], 'OPTION_INVALID: The shape of `w` must be integers of at least 0; got [-1].'],
    [
      '__metadata__',
      [1],
      'OPTION_INVALID: A tensor cannot be named `__metadata__`; the name has a meaning of its own.',
    ],
  ])('%s %o', (name, shape, words) => {
    expect(refusal(() => writeSafetensors(new Map([[name, { shape, values: one }]]), {}))).toBe(words);
  });

  it('metadata that are no strings', () => {
    expect(refusal(() => writeSafetensors(new Map(), { a: 1 } as never))).toBe(
      'OPTION_INVALID: The metadata of a safetensors file must be strings; `a` is 1.',
    );
  });
});

describe.skipIf(mayBeSkipped)("Python's safetensors", () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('opens what is written here, with the same names, shapes, types, numbers and metadata', () => {
    const path = join(folder, 'ours.safetensors');
    writeFileSync(path, small());
    const program = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework="numpy") as f:
    tensors = {k: [list(f.get_tensor(k).shape), str(f.get_tensor(k).dtype), f.get_tensor(k).tolist()] for k in f.keys()}
    print(json.dumps([f.metadata(), tensors]))`;
    expect(JSON.parse(runPython(program, path))).toEqual([
      { format: 'wakesleep', model: '{"a":"ü"}' },
      {
        w: [
          [2, 3],
          'float32',
          [
            [1, 2, 3],
            [4, 5, -0],
          ],
        ],
        bytes: [[3], 'uint8', [1, 2, 255]],
        'state.updates': [[], 'int64', -5],
        none: [[0, 4], 'float64', []],
      },
    ]);
  });

  it('writes what is read here', () => {
    const path = join(folder, 'theirs.safetensors');
    const program = `
import numpy, sys
from safetensors.numpy import save_file
save_file({"a": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "z": numpy.array([2**40], dtype=numpy.int64),
           "u": numpy.array([7, 8], dtype=numpy.uint8)}, sys.argv[1], metadata={"format": "pt"})`;
    runPython(program, path);
    const { tensors, metadata } = readSafetensors(readFileSync(path), path);
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors.get('a')).toEqual({ dtype: 'F32', shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) });
    expect(tensors.get('z')).toEqual({ dtype: 'I64', shape: [1], values: BigInt64Array.of(2n ** 40n) });
    expect(tensors.get('u')).toEqual({ dtype: 'U8', shape: [2], values: Uint8Array.of(7, 8) });
  });
});

/** Text with a lone surrogate has no UTF-8 form, so no file can name a tensor so. */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}
