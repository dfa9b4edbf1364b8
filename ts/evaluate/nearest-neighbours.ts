/**
 * Classification by the three nearest neighbours among real digits, in Euclidean distance: a judge of generated digits that
 * knows nothing of the model that made them.
 *
 * Pixels of digits are mostly zero, so a dot product with all samples at once is the sum, over a real digit's pixels that
 * are not zero, of that pixel times one line of the transposed samples.
 */
import type { Dataset } from '../data/dataset.js';

/** How many neighbours vote. */
const NEIGHBOURS = 3;

/** Real digits that samples are compared with. */
const MOST_DIGITS = 10_000;

/** Digits compared before other work is let through. */
const DIGITS_BETWEEN_PAUSES = 500;

/**
 * The class of each sample by a vote of its three nearest neighbours among the first 10,000 rows of `real`; where the three
 * differ, the nearest decides. `samples` are `[rows, columns]`. `pause` is awaited now and then.
 */
export async function nearestNeighbourClasses(
  real: Dataset,
  samples: Float32Array,
  pause: () => Promise<void>,
): Promise<Uint8Array> {
  const { columns } = real;
  const rows = samples.length / columns;
  const digits = real.view(0, Math.min(real.rows, MOST_DIGITS));
  const labels = digits.labels();
  const lines = transposed(samples, rows, columns);
  const nearest = new Nearest(rows);
  const dots = new Float32Array(rows);
  for (let digit = 0; digit < digits.rows; digit += 1) {
    if (digit % DIGITS_BETWEEN_PAUSES === 0) await pause();
    const pixels = digits.view(digit, 1).values();
    dots.fill(0);
    let squared = 0;
    for (let column = 0; column < columns; column += 1) {
      const pixel = pixels[column]!;
      if (pixel === 0) continue;
      squared += pixel * pixel;
      const line = lines.subarray(column * rows, (column + 1) * rows);
      for (let row = 0; row < rows; row += 1) dots[row]! += pixel * line[row]!;
    }
    // The sample's own length is the same for all digits, so it is left out of the distance.
    for (let row = 0; row < rows; row += 1) nearest.offer(row, squared - 2 * dots[row]!, labels[digit]!);
  }
  return nearest.votes();
}

function transposed(samples: Float32Array, rows: number, columns: number): Float32Array {
  const lines = new Float32Array(samples.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) lines[column * rows + row] = samples[row * columns + column]!;
  }
  return lines;
}

/** The nearest neighbours of each sample so far, nearest first. */
class Nearest {
  private readonly distances: Float64Array;
  private readonly classes: Uint8Array;

  constructor(private readonly rows: number) {
    this.distances = new Float64Array(rows * NEIGHBOURS).fill(Number.POSITIVE_INFINITY);
    this.classes = new Uint8Array(rows * NEIGHBOURS);
  }

  offer(row: number, distance: number, label: number): void {
    const { distances, classes } = this;
    const first = row * NEIGHBOURS;
    let place = first + NEIGHBOURS - 1;
    if (distance >= distances[place]!) return;
    while (place > first && distances[place - 1]! > distance) {
      distances[place] = distances[place - 1]!;
      classes[place] = classes[place - 1]!;
      place -= 1;
    }
    distances[place] = distance;
    classes[place] = label;
  }

  votes(): Uint8Array {
    return Uint8Array.from({ length: this.rows }, (_, row) => {
      const [first, second, third] = this.classes.subarray(row * NEIGHBOURS, (row + 1) * NEIGHBOURS);
      return second === third && second !== first ? second! : first!;
    });
  }
}
