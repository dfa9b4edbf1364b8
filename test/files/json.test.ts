import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, duplicateKey, firstDifference, valueAt } from '../../dist/files/json.js';
import { refusal } from './refusal.js';

describe('canonical JSON', () => {
  it('sorts keys at every depth and has no white space', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x"y' }], a: true, A: -0 })).toBe(
      '{"A":0,"a":true,"b":[1,{"c":"x\\"y","d":null}]}',
    );
  });

  it('is the same for the same keys in another order, and reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const plain = JSON.parse(JSON.stringify(value));
        const text = canonicalJson(plain);
        expect(JSON.parse(text)).toEqual(plain);
        expect(canonicalJson(reversed(plain))).toBe(text);
        expect(firstDifference(plain, JSON.parse(text))).toBeUndefined();
        expect(duplicateKey(text)).toBeUndefined();
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it.each([
    [{ a: { b: Number.NaN } }, '`a.b` cannot be written as JSON; got NaN.'],
    [[1, Number.POSITIVE_INFINITY], '`1` cannot be written as JSON; got Infinity.'],
    [{ a: undefined }, '`a` cannot be written as JSON; got undefined.'],
    [[() => 1], '`0` cannot be written as JSON; got a function.'],
    [1n, 'The value cannot be written as JSON; got 1n.'],
    [{ a: new Float32Array(2) }, '`a` cannot be written as JSON; got a Float32Array.'],
    [{ a: new Date(0) }, '`a` cannot be written as JSON; got an instance of Date.'],
  ])('refuses what JSON cannot say: %o', (value, words) => {
    expect(refusal(() => canonicalJson(value))).toBe(`OPTION_INVALID: ${words}`);
  });

  it('refuses an object that contains itself', () => {
    const cyclic: unknown[] = [];
    cyclic.push({ cyclic });
    expect(refusal(() => canonicalJson(cyclic))).toMatch('got an object that contains itself.');
  });
});

describe('the first difference', () => {
  const a = { seed: 7, train: [{ learningRate: 0.1, epochs: 2, threads: 1 }], model: { x: 1 } };
  it.each([
    [{ ...a }, undefined],
    [{ ...a, seed: 8 }, 'seed'],
    [{ ...a, train: [{ ...a.train[0], learningRate: 0.2 }] }, 'train.0.learningRate'],
    [{ ...a, train: [...a.train, {}] }, 'train.1'],
    [{ ...a, train: {} }, 'train'],
    [{ ...a, extra: 1 }, 'extra'],
    [{ ...a, extra: undefined }, undefined],
    [{ seed: 7, train: a.train }, 'model'],
    [7, ''],
    [{ ...a, train: [{ ...a.train[0], threads: 4 }] }, undefined],
    [{ ...a, out: '/tmp' }, undefined],
  ])('of %o is at %s', (b, path) => {
    expect(firstDifference(a, b, ['train.*.threads', 'out'])).toBe(path);
    expect(firstDifference(b, a, ['train.*.threads', 'out'])).toBe(path);
  });

  it('has a value on either side', () => {
    expect(valueAt(a, 'train.0.learningRate')).toBe(0.1);
    expect(valueAt(a, 'train.3.learningRate')).toBeUndefined();
    expect(valueAt(a, 'constructor')).toBeUndefined();
    expect(valueAt(a, '')).toBe(a);
  });
});

describe('a key that occurs twice', () => {
  it.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}', undefined],
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1, "\\u0061" : 2}', 'a'],
    ['{"x":[{"k\\"":1,"k\\"":2}]}', 'k"'],
    ['{"a":"a","b":"\\"a\\":1,{"}', undefined],
    ['{"\\\\":1,"b":"\\\\","\\\\":2}', '\\'],
  ])('in %s is %s', (text, key) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(duplicateKey(text)).toBe(key);
  });

  it('is looked for in a megabyte of text without a deep stack', () => {
    expect(duplicateKey(JSON.stringify({ a: 'x'.repeat(1e6), b: 1 }))).toBeUndefined();
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
