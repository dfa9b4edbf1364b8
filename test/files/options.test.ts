import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WakesleepError } from '../../dist/errors.js';
import {
  boolean,
  finiteNumber,
  freezeDeep,
  integer,
  isPlainObject,
  nearestName,
  oneOf,
  refuseUnknown,
  seed,
} from '../../dist/options.js';
import { refusal } from './refusal.js';

describe('an error', () => {
  it('carries its code, what was given and wanted, where, and its cause', () => {
    const cause = new Error('below');
    const error = new WakesleepError('DATA_CORRUPT', 'A sentence.', {
      given: undefined,
      wanted: 'b',
      where: 'c',
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'WakesleepError', code: 'DATA_CORRUPT', message: 'A sentence.' });
    expect(error).toMatchObject({ given: undefined, wanted: 'b', where: 'c', cause });
    expect(new WakesleepError('ABORTED', 'A sentence.')).not.toHaveProperty('cause');
  });
});

describe('options are refused in words', () => {
  const cases: readonly (readonly [() => unknown, string])[] = [
    [
      () => finiteNumber('cd', 'learningRate', -0.1, { above: 0 }),
      '`learningRate` must be a finite number above 0; got -0.1.',
    ],
    [
      () => finiteNumber('cd', 'learningRate', 0, { above: 0 }),
      '`learningRate` must be a finite number above 0; got 0.',
    ],
    [() => finiteNumber('cd', 'rate', '1'), '`rate` must be a finite number; got "1".'],
    [() => finiteNumber('cd', 'rate', Number.NaN), '`rate` must be a finite number; got NaN.'],
    [
      () => finiteNumber('cd', 'momentum', 1, { atLeast: 0, below: 1 }),
      '`momentum` must be a finite number of at least 0 and below 1; got 1.',
    ],
    [
      () => integer('load', 'threads', 0, { atLeast: 1, atMost: 64 }),
      '`threads` must be an integer from 1 to 64; got 0.',
    ],
    [() => integer('cd', 'epochs', 1.5, { atLeast: 1 }), '`epochs` must be an integer of at least 1; got 1.5.'],
    [() => integer('cd', 'epochs', [1, 2]), '`epochs` must be an integer; got an array of 2.'],
    [() => boolean('cd', 'shuffle', 'yes'), '`shuffle` must be true or false; got "yes".'],
    [
      () => oneOf('load', 'artefact', 'sta', ['auto', 'st', 'mt']),
      '`artefact` must be "auto", "st" or "mt"; got "sta". Did you mean "st"?',
    ],
    [() => oneOf('load', 'artefact', 7, ['st', 'mt']), '`artefact` must be "st" or "mt"; got 7.'],
    [() => seed('create', undefined), '`seed` must be an integer from 0 to 9007199254740991; got undefined.'],
    [() => seed('create', 2 ** 53), '`seed` must be an integer from 0 to 9007199254740991; got 9007199254740992.'],
    [
      () => refuseUnknown('contrastiveDivergence', { learnRate: 1 }, ['epochs', 'learningRate']),
      'contrastiveDivergence has no option `learnRate`; did you mean `learningRate`?',
    ],
    [
      () => refuseUnknown('load', { colour: 1 }, ['threads', 'st']),
      'load has no option `colour`; it takes `threads`, `st`.',
    ],
    [() => refuseUnknown('load', { colour: 1 }, []), 'load has no option `colour`; it takes none.'],
    [() => refuseUnknown('load', 7, ['threads']), 'load takes an object of options; got 7.'],
    [() => refuseUnknown('load', new Map(), []), 'load takes an object of options; got an instance of Map.'],
    [
      () => freezeDeep({ a: [{ b: () => 1 }] }),
      '`a.0.b` must be null, a boolean, a finite number, a string, an array or a plain object; got a function.',
    ],
  ];
  it.each(cases)('%s', (action, words) => {
    expect(refusal(action)).toBe(`OPTION_INVALID: ${words}`);
  });
});

describe('options are read', () => {
  it('within their bounds, ends included where they are', () => {
    expect(finiteNumber('cd', 'rate', 0.5, { above: 0, atMost: 0.5 })).toBe(0.5);
    expect(Object.is(finiteNumber('cd', 'rate', -0), 0)).toBe(true);
    expect(seed('create', Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    expect(oneOf('load', 'artefact', 'st', ['st', 'mt'])).toBe('st');
    expect(() => refuseUnknown('load', Object.create(null), [])).not.toThrow();
  });

  it('with the nearest name, and with none where none is near', () => {
    const names = ['learningRate', 'momentum', 'weightCost', 'epochs'];
    expect(names.map((name) => nearestName(name.toUpperCase(), names))).toEqual(names);
    expect(nearestName('momnetum', names)).toBe('momentum');
    expect(nearestName('weight', ['weightCost', 'epochs'])).toBeUndefined();
    expect(nearestName('zzzz', names)).toBeUndefined();
    expect(nearestName('m'.repeat(1e6), names)).toBeUndefined();
  });

  it('finds a name again after one insertion, deletion, replacement or swap', () => {
    const name = fc.stringMatching(/^[a-z]{4,12}$/);
    const edit = fc.record({ at: fc.nat(), letter: fc.stringMatching(/^[a-z]$/), kind: fc.nat(3) });
    fc.assert(
      fc.property(name, edit, (right, { at, letter, kind }) => {
        const i = at % right.length;
        const [before, here, after] = [right.slice(0, i), right.slice(i, i + 1), right.slice(i + 1)];
        const wrong = [`${before}${letter}${here}${after}`, before + after, before + letter + after][kind];
        const swapped = before + after.slice(0, 1) + here + after.slice(1);
        expect(nearestName(wrong ?? swapped, ['0123456789', right])).toBe(right);
      }),
      { seed: 1 },
    );
  });

  it('into a frozen copy, which leaves the given object alone', () => {
    const given = { a: [1, { b: 'c' }], none: undefined, zero: -0 };
    const frozen = freezeDeep(given);
    expect(frozen).toEqual({ a: [1, { b: 'c' }], zero: 0 });
    expect(Object.keys(frozen)).toEqual(['a', 'zero']);
    expect([frozen, frozen.a, frozen.a[1]].every(Object.isFrozen)).toBe(true);
    expect(Object.isFrozen(given.a)).toBe(false);
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(() => freezeDeep(cyclic)).toThrow('`self` must be');
    expect(Object.getPrototypeOf(freezeDeep(JSON.parse('{"__proto__":{"x":1}}')))).toBe(Object.prototype);
  });

  it('knowing a plain object from others', () => {
    expect([{}, Object.create(null), JSON.parse('{}')].every(isPlainObject)).toBe(true);
    expect([null, [], new Map(), new Date(), () => 1, 'a', new (class A {})()].some(isPlainObject)).toBe(false);
  });
});
