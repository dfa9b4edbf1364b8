/**
 * What a classifier says, beside what is right: which classes it takes for which, how far its probabilities can be believed,
 * and the rows about which it is wrong and sure.
 */
import { WakesleepError } from '../errors.js';
import { integer } from '../options.js';

/** What is right and what a classifier says of the same rows. */
export interface Judged {
  /** `[rows]`, each from 0 to `classes - 1`. */
  readonly labels: ArrayLike<number>;
  /** `[rows, classes]`, row-major. */
  readonly probabilities: ArrayLike<number>;
  readonly classes: number;
}

/** The rows whose confidence lies within `(from, to]`. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** The mean probability of what is said of them. */
  readonly confidence: number;
  /** The share of them of which that is right. */
  readonly right: number;
}

/** How far a classifier's probabilities can be believed. */
export interface Calibration {
  /** Ascending; those without rows are left out. */
  readonly bins: readonly ReliabilityBin[];
  /** The mean over rows of the distance between a bin's confidence and its share that is right, 0 to 1. */
  readonly expectedError: number;
}

/** A row about which a classifier is wrong. */
export interface ConfusedRow {
  readonly row: number;
  readonly label: number;
  readonly said: number;
  /** The probability of what is said. */
  readonly confidence: number;
}

/**
 * Counts of rows by what is right and what is said, `[classes][classes]`: the line is the label, the column the likeliest
 * class, the first of equals. Throws `SHAPE_MISMATCH`, `DATA_INVALID`.
 */
export function confusionMatrix(judged: Judged): number[][] {
  const { classes } = judged;
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, said } of saidOf(judged)) counts[label]![said]! += 1;
  return counts;
}

/**
 * Reliability in bins of equal width, by default 10, and the expected calibration error (Guo et al., "On calibration of modern
 * neural networks", 2017, equation 3); 0 without rows. Throws `SHAPE_MISMATCH`, `DATA_INVALID`, `OPTION_INVALID`.
 */
export function calibration(judged: Judged, bins = 10): Calibration {
  integer('calibration()', 'bins', bins, { atLeast: 1 });
  const sums = Array.from({ length: bins }, () => ({ rows: 0, confidence: 0, right: 0 }));
  const rows = saidOf(judged);
  for (const { label, said, confidence } of rows) {
    const sum = sums[Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))]!;
    sum.rows += 1;
    sum.confidence += confidence;
    sum.right += Number(label === said);
  }
  const expectedError =
    sums.reduce((total, { confidence, right }) => total + Math.abs(confidence - right), 0) / Math.max(1, rows.length);
  const filled = sums.flatMap(({ rows, confidence, right }, bin) =>
    rows === 0
      ? []
      : [{ from: bin / bins, to: (bin + 1) / bins, rows, confidence: confidence / rows, right: right / rows }],
  );
  return { bins: filled, expectedError };
}

/** The wrong rows, at most `count`, the surest first, and of equals the first. Throws `SHAPE_MISMATCH`, `DATA_INVALID`. */
export function mostConfused(judged: Judged, count: number): ConfusedRow[] {
  const wrong = saidOf(judged).filter(({ label, said }) => label !== said);
  return wrong.sort((a, b) => b.confidence - a.confidence || a.row - b.row).slice(0, count);
}

/** What is said of each row: the likeliest class, the first of equals. */
function saidOf({ labels, probabilities, classes }: Judged): ConfusedRow[] {
  if (probabilities.length !== labels.length * classes) {
    const wanted = `${labels.length} × ${classes}`;
    const message = `There are ${probabilities.length} probabilities; ${labels.length} rows of ${classes} classes have ${wanted}.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, { given: probabilities.length, wanted });
  }
  return Array.from(labels, (label, row) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      const wanted = `an integer from 0 to ${classes - 1}`;
      const message = `The label of row ${row} must be ${wanted}; got ${label}.`;
      throw new WakesleepError('DATA_INVALID', message, { given: label, wanted });
    }
    let said = 0;
    for (let other = 1; other < classes; other += 1) {
      if (probabilities[row * classes + other]! > probabilities[row * classes + said]!) said = other;
    }
    return { row, label, said, confidence: probabilities[row * classes + said]! };
  });
}
