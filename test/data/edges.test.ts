/** Which filters count as edges: a bar of any direction does; points, blots, noise and what fills the square do not. */
import { describe, expect, it } from 'vitest';
import { COHERENT_FROM, edgeOf, shareOfEdgeFilters } from '../../dist/evaluate/edges.js';
import { randomSource } from '../reference/random.js';

const SIDE = 16;

/** A filter from a function of the distances to the middle. */
function filterOf(weight: (right: number, down: number) => number): number[] {
  return Array.from({ length: SIDE * SIDE }, (_, place) =>
    weight((place % SIDE) - 7.5, Math.floor(place / SIDE) - 7.5),
  );
}

/** Stripes under a bell, as simple cells have them. */
const bar = (angle: number) =>
  filterOf((x, y) => {
    const along = x * Math.cos(angle) + y * Math.sin(angle);
    return Math.exp(-(x * x + y * y) / 12) * Math.sin(along);
  });

const random = randomSource(5);
const share = (filters: number[][]) => shareOfEdgeFilters(Float32Array.from(filters.flat()), SIDE, SIDE);

describe('edges', () => {
  it('are bars of every direction', () => {
    expect(share(Array.from({ length: 12 }, (_, k) => bar((k * Math.PI) / 12)))).toBe(1);
  });

  it.each([
    ['points', () => filterOf((x, y) => Number(x === 0.5 && y === 0.5))],
    ['round blots', () => filterOf((x, y) => Math.exp(-(x * x + y * y) / 8))],
    ['noise', () => filterOf(() => random.normal())],
    ['stripes that fill the square', () => filterOf((x) => Math.sin(x))],
    ['nothing', () => filterOf(() => 0)],
  ])('are not %s', (_, make) => {
    expect(share(Array.from({ length: 50 }, make))).toBe(0);
  });

  it('noise has a coherence far below the bound', () => {
    const found = Array.from({ length: 200 }, () =>
      edgeOf(
        filterOf(() => random.normal()),
        SIDE,
        SIDE,
      ),
    );
    expect(found.reduce((sum, { coherence }) => sum + coherence, 0) / found.length).toBeLessThan(COHERENT_FROM / 4);
    expect(share([bar(1), ...Array.from({ length: 3 }, () => filterOf(() => random.normal()))])).toBe(0.25);
  });
});
