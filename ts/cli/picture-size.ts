/** How the visible units of a model are a picture: a model's file does not say, so a square is assumed unless told. */
import { WakesleepError } from '../errors.js';
import { type Graph, unitsOf, visibleLayerOf } from '../graph/graph.js';
import type { PictureSize } from './pictures.js';

/** The size for a width in pixels, or a square; throws `OPTION_INVALID` where the units do not fill it. */
export function pictureSizeOf(graph: Graph, width: number | undefined): PictureSize {
  const units = unitsOf(graph, visibleLayerOf(graph));
  const wide = width ?? Math.round(Math.sqrt(units));
  if (units % wide === 0 && (width !== undefined || wide * wide === units))
    return { height: units / wide, width: wide };
  const message =
    width === undefined
      ? `${units} visible units are not a square picture; give \`--width\`, or a file that ends in .npy.`
      : `${units} visible units do not fill a picture ${width} pixels wide.`;
  throw new WakesleepError('OPTION_INVALID', message, {
    given: width,
    wanted: `a divisor of ${units}`,
    where: '--width',
  });
}
