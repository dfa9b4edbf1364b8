/** `digits-tiny` is the same set everywhere, and its digits can be told apart. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digitsTiny } from '../../dist/data/digits-tiny.js';
import { resolveData } from '../../dist/data/named.js';

describe('digits-tiny', () => {
  it('is the same bytes at every call and on every host', () => {
    const digest = (split: 'train' | 'test') => {
      const { images, labels } = digitsTiny(split);
      return createHash('sha256').update(images).update(labels).digest('hex');
    };
    expect(digest('train')).toBe('3ac8915167ae83ae3435b422ef5d2f059c3ca3b19c09c091c46b136bd60b1f76');
    expect(digest('test')).toBe('b0298fd2893f5adbcbbd45e53cd9e7772620436c9007dfbe400d85c7b2608850');
    expect(digest('train')).toBe(digest('train'));
  });

  it('is found by name, with labels that take turns', async () => {
    const { images, labels, rows, columns, height, width, classes } = await resolveData('digits-tiny:test');
    expect({ rows, columns, height, width, classes }).toEqual({
      rows: 200,
      columns: 144,
      height: 12,
      width: 12,
      classes: 10,
    });
    expect(images).toHaveLength(200 * 144);
    expect([...labels!.subarray(0, 11)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    expect((await resolveData('digits-tiny:train')).rows).toBe(1000);
  });

  it('can be learned: the nearest training digit has the right class for most test digits', () => {
    const [train, test] = [digitsTiny('train'), digitsTiny('test')];
    let errors = 0;
    for (let row = 0; row < test.rows; row += 1) {
      let [nearest, label] = [Number.POSITIVE_INFINITY, -1];
      for (let other = 0; other < train.rows; other += 1) {
        let squared = 0;
        for (let pixel = 0; pixel < 144; pixel += 1) {
          squared += (test.images[row * 144 + pixel]! - train.images[other * 144 + pixel]!) ** 2;
        }
        if (squared < nearest) [nearest, label] = [squared, train.labels[other]!];
      }
      if (label !== test.labels[row]) errors += 1;
    }
    expect(errors).toBeLessThan(20);
  });
});
