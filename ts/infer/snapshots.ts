/** Chains over time: what they give after every so many sweeps. */
import { WakesleepError } from '../errors.js';
import { integer } from '../options.js';

/** The sweeps from one snapshot to the next, of which `sweeps` is a multiple; throws `OPTION_INVALID`. */
export function readEvery(where: string, given: unknown, sweeps: number): number {
  const every = integer(where, 'every', given, { atLeast: 1 });
  if (sweeps % every === 0) return every;
  const wanted = `a divisor of \`sweeps\`, which is ${sweeps}`;
  const message = `\`every\` must be ${wanted}; got ${every}.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: every, wanted, where: `${where}.every` });
}

/** Rows of chains after every so many sweeps. */
export class Snapshots {
  /** `[rows, sweeps / every, units]`. */
  readonly values: Float32Array<ArrayBuffer>;
  private readonly count: number;

  constructor(
    private readonly rows: number,
    private readonly units: number,
    sweeps: number,
    private readonly every: number,
  ) {
    this.count = sweeps / every;
    this.values = new Float32Array(rows * this.count * units);
  }

  /** Whether chains are looked at after this sweep, counted from 1. */
  isDue(sweep: number): boolean {
    return sweep % this.every === 0;
  }

  /** Takes what chains give after a sweep, `[rows, units]`; throws `DIVERGED` where they are no longer numbers. */
  take(sweep: number, given: Float32Array): void {
    if (!given.every(Number.isFinite)) throw grown(sweep);
    const { rows, units, count } = this;
    const place = sweep / this.every - 1;
    for (let row = 0; row < rows; row += 1) {
      this.values.set(given.subarray(row * units, (row + 1) * units), (row * count + place) * units);
    }
  }
}

function grown(sweeps: number): WakesleepError {
  const message = `Chains of ${sweeps} sweeps grew beyond all numbers: nothing holds the units of this model back. Fewer \`sweeps\` show where they go.`;
  const details = { given: sweeps, wanted: 'chains that stay finite', where: 'sample()' };
  return new WakesleepError('DIVERGED', message, details);
}
