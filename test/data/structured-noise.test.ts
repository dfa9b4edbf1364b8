/** Noise on pictures: none at level 0, more at higher levels, the same bits for every storage, view and host. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dataset, type Engine, load, type StructuredNoiseKind, withStructuredNoise } from 'wakesleep';
import { resolveData } from '../../dist/data/named.js';
import { refusal } from '../files/refusal.js';

let engine: Engine;
let digits: Dataset;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  const { images, columns, labels, classes, scale } = await resolveData('digits-tiny:test');
  digits = engine.dataset({ rows: images, columns, scale, labels: labels!, classes: classes! });
});
afterAll(() => engine.close());

const size = { height: 12, width: 12 };
const sha256 = (values: Float32Array) => createHash('sha256').update(values).digest('hex').slice(0, 16);
/** The share of pixels that two sets of rows differ in. */
const changedShare = (a: Float32Array, b: Float32Array) => a.filter((x, place) => x !== b[place]).length / a.length;

/** Where level 1 ends, over the pixels that are not white anyway; and the digest of level 0.5 of seed 4. */
const kinds: [StructuredNoiseKind, least: number, most: number, digest: string][] = [
  ['lines', 0.3, 0.5, '57a42562332c73e2'],
  ['blobs', 0.15, 0.4, '3e40406dedba96f9'],
  ['border', 0.4, 0.7, '24dcee7760dabaca'],
  ['pixels', 0.95, 1, '39dd0bfada7290df'],
];

describe.each(kinds)('%s', (kind, least, most, digest) => {
  const noisy = (level: number, seed = 4, data = digits) => {
    const copy = withStructuredNoise(data, { ...size, kind, level, seed });
    const values = copy.values();
    expect(values.every((x) => x >= 0 && x <= 1)).toBe(true);
    expect(copy).toMatchObject({ rows: data.rows, columns: 144, classes: data.classes });
    copy.free();
    return values;
  };

  it('leaves rows as they are at level 0, and changes more of them the higher the level', () => {
    const clean = digits.values();
    expect(noisy(0)).toEqual(clean);
    const shares = [0.25, 0.5, 0.75, 1].map((level) => changedShare(noisy(level), clean));
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(new Set(shares).size).toBe(4);
    expect(shares[3]).toBeGreaterThan(least);
    expect(shares[3]).toBeLessThan(most);
    expect(digits.values()).toEqual(clean);
  });

  it('has the same bits on every host, others for another seed, and those of the whole set in a view', () => {
    const whole = noisy(0.5);
    expect(sha256(whole)).toBe(digest);
    expect(changedShare(noisy(0.5, 5), whole)).toBeGreaterThan(0.02);
    const [, last] = digits.split({ last: 30 });
    expect(noisy(0.5, 4, last)).toEqual(whole.slice(-30 * 144));
  });

  it('differs from row to row', () => {
    const black = engine.dataset({ rows: new Uint8Array(40 * 144), columns: 144 });
    const rows = noisy(0.5, 4, black);
    const digests = Array.from({ length: 40 }, (_, row) => sha256(rows.slice(row * 144, (row + 1) * 144)));
    expect(new Set(digests).size).toBeGreaterThan(kind === 'border' ? 5 : 35);
  });
});

it('draws on numbers as on bytes, and brings along what belongs to rows', () => {
  const rows = Float32Array.from(digits.values(), (x) => x * 0.7);
  const known = Uint8Array.from(rows, (_, place) => Number(place % 7 !== 0));
  const rowWeights = Array.from({ length: digits.rows }, (_, row) => 1 + (row % 3));
  const labels = digits.labels();
  const floats = engine.dataset({ rows, columns: 144, scale: 1 / 0.7, labels, classes: 10, known, rowWeights });
  const options = { ...size, kind: 'lines', level: 0.5, seed: 4 } as const;
  const [onFloats, onBytes] = [floats, digits].map((data) => withStructuredNoise(data, options));
  const wanted = onBytes!.values();
  onFloats!.values().forEach((x, place) => {
    if (known[place] === 0) expect(x).toBeNaN();
    else expect(Math.abs(x - wanted[place]!)).toBeLessThan(1e-6);
  });
  expect(onFloats!.labels()).toEqual(labels);
  const states = engine.dataset({ rows: Uint8Array.from(wanted, (x) => Number(x > 0.5)), columns: 144 });
  expect(withStructuredNoise(states, { ...options, kind: 'pixels' }).isBinary()).toBe(true);
});

it('refuses pictures of another size, numbers that are no greys, and options that are not there', () => {
  const options = { ...size, kind: 'lines', level: 0.5, seed: 4 } as const;
  const refused = (change: object, data = digits) =>
    refusal(() => withStructuredNoise(data, { ...options, ...change }));
  expect(refused({ height: 13 })).toBe('SHAPE_MISMATCH: Rows of 144 numbers are no pictures of 13 × 12 pixels.');
  expect(refused({ level: 1.5 })).toBe('OPTION_INVALID: `level` must be a finite number from 0 to 1; got 1.5.');
  expect(refused({ kind: 'line' })).toBe(
    'OPTION_INVALID: `kind` must be "lines", "blobs", "border" or "pixels"; got "line". Did you mean "lines"?',
  );
  expect(refused({ seed: undefined })).toMatch(/^OPTION_INVALID: `seed` must be an integer/);
  expect(refused({ levl: 1 })).toMatch(/^OPTION_INVALID: .*`levl`.*`level`/);
  const large = engine.dataset({ rows: [new Array(144).fill(2)] });
  expect(refused({}, large)).toBe(
    'DATA_INVALID: Pictures with noise are of numbers from 0 to 1; row 0, column 0 has 2.',
  );
});
