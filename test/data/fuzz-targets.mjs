/**
 * What is fuzzed, and how: a deterministic mutator, samples of each format that are valid, and the parser that each goes to. `bench/fuzz.mjs`
 * runs them for long and records it, `fuzz.test.ts` a slice of the same.
 *
 * A mutation is one of: bits flipped, bytes replaced, a stretch removed, doubled, or taken from another sample, the end cut off, a field of
 * 1 to 8 bytes set to an extreme, digits changed, a number in text made extreme. One to four of them make an input. Formats with
 * checksums (PNG) or compression get inputs too that were mutated beneath these, or nothing would come past them.
 */
import { readFileSync } from 'node:fs';
import { deflateSync, gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import { zipSync } from 'fflate';
import {
  readAmat,
  readCifar,
  readCsv,
  readIdx,
  readLibsvm,
  readMat,
  readNorb,
  readNpy,
  readNpz,
  readParquet,
  readPng,
  readRows,
  readSafetensors,
  WakesleepError,
  writeNpy,
  writeSafetensors,
} from 'wakesleep';
import { parseConfiguration, readConfiguration } from '../../dist/config.js';
import { seededIntegers } from '../files/seeded-integers.mjs';

/** Codes that refuse a bad input; any other end but acceptance is a finding. */
export const REFUSALS = ['DATA_CORRUPT', 'FILE_CORRUPT', 'SHAPE_MISMATCH', 'OPTION_INVALID', 'OUT_OF_MEMORY'];

// ---- The mutator ----

const extremes = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn];
const words = [
  '',
  '-1',
  '0',
  '65535',
  '65536',
  '4294967295',
  '1e308',
  '1e-308',
  'NaN',
  'inf',
  '"',
  '\n',
  ',',
  ':',
  '{',
  ']',
];

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const changes = [
  function flipBit(bytes, below) {
    if (bytes.length > 0) bytes[below(bytes.length)] ^= 1 << below(8);
    return bytes;
  },
  function replaceByte(bytes, below) {
    if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
    return bytes;
  },
  function replaceDigit(bytes, below) {
    if (bytes.length > 0) bytes[below(bytes.length)] = 0x30 + below(10);
    return bytes;
  },
  function setField(bytes, below) {
    const width = 1 << below(4);
    if (bytes.length < width) return bytes;
    // Lengths stand near the beginning more often than not.
    const at = below(2) === 0 ? below(Math.min(64, bytes.length - width + 1)) : below(bytes.length - width + 1);
    const value = BigInt.asUintN(64, extremes[below(extremes.length)] - BigInt(below(2)));
    const field = new DataView(new ArrayBuffer(8));
    field.setBigUint64(0, value, true);
    const little = new Uint8Array(field.buffer, 0, width);
    bytes.set(below(2) === 0 ? little : little.slice().reverse(), at);
    return bytes;
  },
  function insertWord(bytes, below) {
    const at = below(bytes.length + 1);
    const word = new TextEncoder().encode(words[below(words.length)]);
    return joined(bytes.subarray(0, at), word, bytes.subarray(at + below(word.length + 1)));
  },
  function remove(bytes, below) {
    const at = below(bytes.length + 1);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + below(below(8) === 0 ? 200 : 8)));
  },
  function double(bytes, below) {
    const at = below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + below(below(8) === 0 ? 200 : 8));
    return joined(bytes.subarray(0, end), bytes.subarray(at));
  },
  function splice(bytes, below, other) {
    const from = below(other.length + 1);
    const part = other.subarray(from, from + below(64));
    const at = below(bytes.length + 1);
    return joined(bytes.subarray(0, at), part, bytes.subarray(at + (below(2) === 0 ? part.length : 0)));
  },
  function cut(bytes, below) {
    return bytes.slice(0, below(bytes.length + 1));
  },
];

/** A mutated copy. */
export function mutated(bytes, below, other) {
  let result = Uint8Array.from(bytes);
  for (let count = 1 + below(4); count > 0; count -= 1) {
    // Cutting leaves little to look at, and is done less often.
    const change = changes[below(below(4) === 0 ? changes.length : changes.length - 1)];
    result = change(result, below, other);
  }
  return result;
}

// ---- Samples ----

const text = (string) => new TextEncoder().encode(string);
const bytesOf = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function idx(type, shape, data) {
  const head = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  head.setUint32(0, (type << 8) | shape.length);
  for (const [index, side] of shape.entries()) head.setUint32(4 + 4 * index, side);
  return joined(bytesOf(head), data);
}

function matElement(type, bytes) {
  return joined(bytesOf(Uint32Array.of(type, bytes.length)), bytes, new Uint8Array((8 - (bytes.length % 8)) % 8));
}

function matArray(name, classCode, shape, type, values) {
  const flags = matElement(6, bytesOf(Uint32Array.of(classCode, 0)));
  const sides = matElement(5, bytesOf(Int32Array.from(shape)));
  return matElement(14, joined(flags, sides, matElement(1, text(name)), matElement(type, bytesOf(values))));
}

function matFile(...elements) {
  const head = new Uint8Array(128).fill(32);
  head.set([0, 1, 0x49, 0x4d], 124);
  return joined(head, ...elements);
}

const packedElement = (element) => {
  const packed = deflateSync(element);
  return joined(bytesOf(Uint32Array.of(15, packed.length)), packed);
};

function pngChunk(name, contents) {
  const body = joined(text(name), contents);
  let crc = 0xffffffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const word = (value) => Uint8Array.of(value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255);
  return joined(word(contents.length), body, word(~crc));
}

const pngSignature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** A picture around a header, a palette and filtered lines, with checksums that fit. */
function pngAround(bytes) {
  const [header, palette, lines] = [bytes.subarray(0, 13), bytes.subarray(13, 25), bytes.subarray(25)];
  const parts = [
    ['IHDR', header],
    ['PLTE', palette],
    ['IDAT', deflateSync(lines)],
    ['IEND', new Uint8Array(0)],
  ];
  return joined(pngSignature, ...parts.map(([name, contents]) => pngChunk(name, contents)));
}

const grey = Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 3, 8, 0, 0, 0, 0);
const indexed = Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 3, 2, 3, 0, 0, 0);
const interlaced = Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 1);
const colours = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

function norb(magic, shape, data) {
  const sides = [...shape, 1, 1].slice(0, Math.max(3, shape.length));
  return joined(bytesOf(Int32Array.of(magic, shape.length, ...sides)), data);
}

/** A file of pyarrow's. */
const parquetFixture = (name) => new Uint8Array(readFileSync(new URL(`fixtures/${name}.parquet`, import.meta.url)));

/** Fields of Thrift's compact protocol: what their values are, as the type of the protocol says. */
const thriftNumber = (type) => (value) => ({ type, bytes: varint(2 * value) });
const [i32, i64] = [thriftNumber(5), thriftNumber(6)];
const thriftText = (string) => ({ type: 8, bytes: joined(varint(string.length), text(string)) });
const thriftList = (items) => {
  const head = Uint8Array.of((15 << 4) | items[0].type);
  return { type: 9, bytes: joined(head, varint(items.length), ...items.map(({ bytes }) => bytes)) };
};
const thriftStruct = (fields) => {
  const parts = Object.entries(fields).map(([id, { type, bytes }]) =>
    joined(Uint8Array.of(type), varint(2 * id), bytes),
  );
  return { type: 12, bytes: joined(...parts, Uint8Array.of(0)) };
};

function varint(value) {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : 128 + (rest % 128));
    if (rest < 128) return Uint8Array.from(bytes);
  }
}

/** A Parquet file of one row group whose columns of f32 are plain and not compressed, a page each. */
function parquetFile(columns) {
  const magic = text('PAR1');
  const rows = Object.values(columns)[0].length;
  const chunks = [];
  const pages = [magic];
  for (const [name, values] of Object.entries(columns)) {
    const data = bytesOf(values);
    const sizes = { 1: i32(rows), 2: i32(0), 3: i32(3), 4: i32(3) };
    const head = thriftStruct({ 1: i32(0), 2: i32(data.length), 3: i32(data.length), 5: thriftStruct(sizes) });
    const at = i64(pages.reduce((sum, page) => sum + page.length, 0));
    const size = i64(head.bytes.length + data.length);
    const meta = { 1: i32(4), 2: thriftList([i32(0)]), 3: thriftList([thriftText(name)]), 4: i32(0), 5: i64(rows) };
    chunks.push(thriftStruct({ 2: at, 3: thriftStruct({ ...meta, 6: size, 7: size, 9: at }) }));
    pages.push(head.bytes, data);
  }
  const leaves = Object.keys(columns).map((name) => thriftStruct({ 1: i32(4), 3: i32(0), 4: thriftText(name) }));
  const root = thriftStruct({ 4: thriftText('schema'), 5: i32(leaves.length) });
  const group = thriftStruct({ 1: thriftList(chunks), 2: i64(0), 3: i64(rows) });
  const { bytes } = thriftStruct({ 1: i32(2), 2: thriftList([root, ...leaves]), 3: i64(rows), 4: thriftList([group]) });
  return joined(...pages, bytes, bytesOf(Uint32Array.of(bytes.length)), magic);
}

const ramp = Uint8Array.from({ length: 96 }, (_, place) => place);
const floats = Float32Array.from({ length: 24 }, (_, place) => place / 3 - 2);
const table = 'width,"the ""height""",kind\n1,2.5,"rose"\n-3e-2,,iris\nNA,4,"a\nb"\n0.125,+7,rose\n';
const sparse = '# made by a test\n1 1:0.5 3:-2 17:1e-3 # one\n-1\n1 2:1 20:255\n3 1:1\n';
const amat = '#size: 3 4\n 0.5   0.25 1 3.000e+00\n1e-3\t0 1 9\n1 2 3 4\n';
const fixtureTensors = new Map([
  ['hidden.bias', { shape: [24], values: floats }],
  ['connections.visible-hidden.weight', { shape: [4, 6], values: floats }],
  ['labels', { shape: [2], values: BigInt64Array.of(3n, -1n) }],
]);
const configuration = {
  seed: 7,
  weightScale: 0.01,
  data: { name: 'mnist', heldOut: 10, labelled: 100, subset: 2 },
  model: { type: 'rbm', visible: { type: 'bernoulli', units: 784 }, hidden: { type: 'gaussian', units: 50 } },
  train: [
    {
      type: 'contrastiveDivergence',
      epochs: 3,
      gibbsSteps: {
        steps: [
          [0, 1],
          [2, 5],
        ],
      },
      learningRate: { from: 0.1, to: 0.01 },
      optimiser: { type: 'adam', epsilon: 1e-8 },
      sparsity: { target: 0.1, cost: 0.01 },
    },
  ],
  evaluate: ['smoothFilters'],
};
const rows = '[{"row":[1,2,3],"label":"b"},{"row":[1,null,3],"label":"a"},{"row":[4,5.5,6],"label":7}]';

/** A text of JSON as rows: what is no JSON is refused here as a program would. */
function readJsonRows(bytes) {
  let given;
  try {
    given = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new WakesleepError('DATA_CORRUPT', 'The rows are no JSON.', { cause });
  }
  return readRows(given);
}

/** By name: valid samples, what reads them, and how a mutated sample becomes an input where that is not by itself. */
export const targets = {
  idx: {
    samples: [idx(8, [4, 4, 6], ramp), idx(0x0d, [24], bytesOf(floats)), gzipSync(idx(8, [96], ramp))],
    read: (bytes) => readIdx(bytes, 'f'),
  },
  'idx inside gzip': { samples: [idx(8, [4, 4, 6], ramp)], wrap: gzipSync, read: (bytes) => readIdx(bytes, 'f') },
  npy: {
    samples: [writeNpy(floats, [4, 6]), writeNpy(ramp, [2, 6, 8]), writeNpy(Float64Array.from(floats), [24])],
    read: (bytes) => readNpy(bytes),
  },
  npz: {
    samples: [
      zipSync({ 'a.npy': writeNpy(floats, [4, 6]), 'b.npy': writeNpy(ramp, [96]) }),
      zipSync({ 'a.npy': [writeNpy(floats, [4, 6]), { level: 0 }] }),
    ],
    read: (bytes) => readNpz(bytes),
  },
  safetensors: {
    samples: [writeSafetensors(fixtureTensors, { format: 'wakesleep', version: '1' })],
    read: (bytes) => readSafetensors(bytes, 'f'),
  },
  png: {
    samples: [
      encode({ width: 8, height: 12, data: ramp, depth: 8, channels: 1 }),
      encode({ width: 8, height: 4, data: ramp, depth: 8, channels: 3 }),
    ],
    read: (bytes) => readPng(bytes, 'f'),
  },
  'png inside checksums': {
    samples: [
      joined(grey, colours, Uint8Array.of(0, 1, 2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 4, 0, 2, 0, 2, 0)),
      joined(indexed, colours, Uint8Array.of(0, 0x1b, 0, 2, 0xe4, 0, 0, 0, 0)),
      joined(interlaced, colours, Uint8Array.of(0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12)),
    ],
    wrap: pngAround,
    read: (bytes) => readPng(bytes, 'f'),
  },
  csv: {
    samples: [text(table), text('1,2,3\n4,5,6\n'), gzipSync(table)],
    read: (bytes) => readCsv(bytes, 'f', { labelColumn: -1 }),
  },
  libsvm: { samples: [text(sparse), text('0 0:1 5:2\n')], read: (bytes) => readLibsvm(bytes, 'f') },
  amat: { samples: [text(amat), text('1 2\n3 4')], read: (bytes) => readAmat(bytes, 'f') },
  mat: {
    samples: [
      matFile(matArray('x', 6, [4, 6], 9, Float64Array.from(floats)), matArray('y', 9, [2, 2, 2], 2, ramp.slice(0, 8))),
      matFile(packedElement(matArray('x', 7, [4, 6], 7, floats))),
    ],
    read: (bytes) => readMat(bytes, 'f'),
  },
  'mat inside zlib': {
    samples: [matArray('x', 7, [4, 6], 7, floats), matArray('mask', 9, [3, 2, 2], 2, ramp.slice(0, 12))],
    wrap: (bytes) => matFile(packedElement(bytes)),
    read: (bytes) => readMat(bytes, 'f'),
  },
  cifar: {
    samples: [new Uint8Array(3073).fill(7), new Uint8Array(2 * 3074).fill(9), gzipSync(new Uint8Array(3073).fill(3))],
    read: (bytes) => readCifar(bytes, 'f'),
  },
  norb: {
    samples: [
      norb(0x1e3d4c55, [2, 2, 4, 6], ramp),
      norb(0x1e3d4c54, [6], ramp.slice(0, 24)),
      norb(0x1e3d4c53, [3, 1], ramp.slice(0, 24)),
    ],
    read: (bytes) => readNorb(bytes, 'f'),
  },
  parquet: {
    samples: ['plain', 'snappy', 'gzip'].map(parquetFixture),
    read: (bytes) => readParquet(bytes, 'f', { labelColumn: 'kind' }),
  },
  rows: { samples: [text(rows)], read: readJsonRows },
  configuration: {
    samples: [text(JSON.stringify(configuration))],
    read: (bytes) => readConfiguration(parseConfiguration(new TextDecoder().decode(bytes), 'f')),
  },
};

const numbers = (count, text) => Array.from({ length: count }, (_, place) => text(place));
const noise = (length) => {
  const below = seededIntegers(length);
  return Uint8Array.from({ length }, () => below(256));
};

/** By name: a valid file of a megabyte or more, against which memory is measured. */
export const largeSamples = {
  idx: () => idx(8, [1000, 40, 50], noise(2_000_000)),
  'idx inside gzip': () => idx(8, [1000, 40, 50], noise(2_000_000)),
  npy: () => writeNpy(new Float32Array(noise(2_000_000).buffer), [500, 1000]),
  npz: () => zipSync({ 'a.npy': writeNpy(noise(2_000_000), [2_000_000]) }),
  safetensors: () => writeSafetensors(new Map([['a', { shape: [2_000_000], values: noise(2_000_000) }]]), {}),
  png: () => encode({ width: 1000, height: 2000, data: noise(2_000_000), depth: 8, channels: 1 }),
  'png inside checksums': () => {
    const lines = noise(2000 * 1001).map((byte, place) => (place % 1001 === 0 ? byte % 5 : byte));
    return joined(Uint8Array.of(0, 0, 3, 232, 0, 0, 7, 208, 8, 0, 0, 0, 0), colours, lines);
  },
  csv: () => text(numbers(20_000, (row) => `${numbers(40, (column) => (row * column) % 100)},${row % 10}`).join('\n')),
  libsvm: () => text(numbers(50_000, (row) => `${row % 10} 1:1 ${2 + (row % 50)}:0.5 60:3`).join('\n')),
  amat: () =>
    text(numbers(20_000, (row) => `${numbers(40, (column) => (row * column) % 100).join(' ')} ${row % 10}`).join('\n')),
  mat: () => matFile(matArray('x', 9, [1000, 2000], 2, noise(2_000_000))),
  'mat inside zlib': () => matArray('x', 9, [1000, 2000], 2, noise(2_000_000)),
  cifar: () => noise(3073 * 600).map((byte, place) => (place % 3073 === 0 ? byte % 10 : byte)),
  norb: () => norb(0x1e3d4c55, [100, 2, 100, 100], noise(2_000_000)),
  parquet: () =>
    parquetFile({
      left: Float32Array.from({ length: 200_000 }, (_, row) => row / 3),
      right: Float32Array.from({ length: 200_000 }, (_, row) => -row),
      kind: Float32Array.from({ length: 200_000 }, (_, row) => row % 10),
    }),
  rows: () => text(`[${numbers(20_000, (row) => `[${numbers(20, (column) => row + column + 0.5)}]`)}]`),
  configuration: () => text(JSON.stringify(configuration, null, 20_000).slice(0, 2_000_000)),
};

/** Runs a target for so many bytes of input; `onInput` hears of each one: its bytes, how it ended and how long it took. */
export async function fuzz(name, seed, bytes, onInput, samples = targets[name].samples) {
  const { read, wrap = (input) => input } = targets[name];
  const below = seededIntegers(seed);
  for (let done = 0; done < bytes; ) {
    const sample = samples[below(samples.length)];
    const input = wrap(mutated(sample, below, samples[below(samples.length)]));
    done += Math.max(1, input.length);
    const start = performance.now();
    let ending = 'accepted';
    let error;
    try {
      await read(input);
    } catch (thrown) {
      ending = thrown instanceof WakesleepError ? thrown.code : 'CRASH';
      error = thrown;
    }
    onInput({ input, ending, error, milliseconds: performance.now() - start });
  }
}
