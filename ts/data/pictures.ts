/** Pictures of one size in bytes, as readers of formats of pictures give them. */
import type { Labels } from './table.js';

/**
 * Pictures. `engine.dataset({ rows: pictures.images, columns: pictures.columns, scale: 1 / 255, labels: pictures.labels, classes:
 * pictures.classes })` takes them.
 */
export interface Pictures extends Labels {
  /** `[rows, columns]`, 0 to 255. With more than one channel, one whole plane after another: red, green, blue. */
  readonly images: Uint8Array;
  readonly rows: number;
  /** Numbers of a picture: `channels * height * width`. */
  readonly columns: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}
