/**
 * Sets of counts, drawn by seeded code, whose causes are lines of a grid and can be seen in what is learned:
 *
 * - `topics`: documents over 100 words, the cells of a 10 × 10 grid. A topic is one row or column of it, with equal chances
 *   for its ten words (Griffiths and Steyvers, "Finding scientific topics", 2004). A document draws 1 to 3 topics and 60 to
 *   140 words from them in equal parts.
 * - `tallies`: an 8 × 8 grid of 8 trials each. Every row and column of the grid is on with chance 1/8; trials succeed with
 *   chance 0.9 where a line that is on passes, and 0.1 elsewhere.
 */
import { type Uniform, uniformNumbers } from './uniform.js';

/** The rows of each split. */
export const COUNT_ROWS = { train: 5000, test: 1000 } as const;
/** Cells of the grids in each direction. */
export const [TOPICS_SIDE, TALLIES_SIDE] = [10, 8];
/** Trials of a tally. */
export const TALLY_TRIALS = 8;

const seeds = { train: 20_040_401, test: 20_040_402 } as const;
const [ON, OFF] = [0.9, 0.1];

type Draw = (row: Float32Array, between: Uniform) => void;

function drawn(split: keyof typeof COUNT_ROWS, cells: number, draw: Draw): Float32Array<ArrayBuffer> {
  const between = uniformNumbers(seeds[split]);
  const counts = new Float32Array(COUNT_ROWS[split] * cells);
  for (let first = 0; first < counts.length; first += cells) draw(counts.subarray(first, first + cells), between);
  return counts;
}

const below = (between: Uniform, limit: number) => Math.floor(between(0, limit));

/** Documents of a split, `[rows, 100]`. */
export function drawTopics(split: keyof typeof COUNT_ROWS): Float32Array<ArrayBuffer> {
  const side = TOPICS_SIDE;
  return drawn(split, side * side, (row, between) => {
    const topics = Array.from({ length: 1 + below(between, 3) }, () => below(between, 2 * side));
    const words = 60 + below(between, 81);
    for (let word = 0; word < words; word += 1) {
      const topic = topics[below(between, topics.length)]!;
      const along = below(between, side);
      row[topic < side ? topic * side + along : along * side + topic - side]! += 1;
    }
  });
}

/** Tallies of a split, `[rows, 64]`, each 0 to 8. */
export function drawTallies(split: keyof typeof COUNT_ROWS): Float32Array<ArrayBuffer> {
  const side = TALLIES_SIDE;
  return drawn(split, side * side, (row, between) => {
    const lines = Array.from({ length: 2 * side }, () => between(0, 1) < 1 / 8);
    for (let cell = 0; cell < row.length; cell += 1) {
      const on = lines[Math.floor(cell / side)] || lines[side + (cell % side)];
      for (let trial = 0; trial < TALLY_TRIALS; trial += 1) row[cell]! += Number(between(0, 1) < (on ? ON : OFF));
    }
  });
}
