/**
 * Bars and stripes (MacKay, "Information theory, inference and learning algorithms", 2003, section 43.3) of 3 × 3 pixels: each row
 * or each column is wholly on or wholly off.
 *
 * A draw picks the direction, then tosses a coin for each line. Each of the 16 draws is there once, so that the set is the
 * distribution itself: 14 patterns, of which the blank and the full one are twice as likely. Its entropy is 2.5993 nats,
 * and no model has a mean log-likelihood above minus that.
 */

/** Pixels of a side. */
export const BARS_SIDE = 3;

/** The 16 draws, `[16, 9]`, of 0 and 1; the same for training and test. */
export function barsAndStripes(): Float32Array<ArrayBuffer> {
  const side = BARS_SIDE;
  const draws = 2 ** side;
  const pixels = new Float32Array(2 * draws * side * side);
  for (let draw = 0; draw < 2 * draws; draw += 1) {
    for (let pixel = 0; pixel < side * side; pixel += 1) {
      const line = draw < draws ? Math.floor(pixel / side) : pixel % side;
      pixels[draw * side * side + pixel] = (draw >> line) & 1;
    }
  }
  return pixels;
}
