/** Small grey pictures on canvases, side by side. */

/** A number for each pixel, 0 black to 1 white, by picture and place. */
export type Greys = (picture: number, pixel: number) => number;

/** Draws pictures of `side` × `side` pixels in a grid; the canvas gets a point for each pixel, and the page enlarges it. */
export function drawPictures(
  canvas: HTMLCanvasElement,
  { count, side, columns }: { readonly count: number; readonly side: number; readonly columns: number },
  greys: Greys,
): void {
  const step = side + 1;
  const [width, height] = [columns * step + 1, Math.ceil(count / columns) * step + 1];
  const context = contextOf(canvas, width, height);
  const image = context.createImageData(width, height);
  // The lines between pictures, and places without one, are grey.
  image.data.fill(128);
  for (let alpha = 3; alpha < image.data.length; alpha += 4) image.data[alpha] = 255;
  for (let picture = 0; picture < count; picture += 1) {
    const left = (picture % columns) * step + 1;
    const top = Math.floor(picture / columns) * step + 1;
    for (let pixel = 0; pixel < side * side; pixel += 1) {
      const place = 4 * ((top + Math.floor(pixel / side)) * width + left + (pixel % side));
      image.data.fill(Math.round(255 * greys(picture, pixel)), place, place + 3);
    }
  }
  context.putImageData(image, 0, 0);
}

/** Weights as greys: nought in the middle, the largest of each picture black or white. */
export function weightGreys(weights: (picture: number, pixel: number) => number, count: number, pixels: number): Greys {
  const largest = Array.from({ length: count }, (_, picture) => {
    let most = 1e-9;
    for (let pixel = 0; pixel < pixels; pixel += 1) most = Math.max(most, Math.abs(weights(picture, pixel)));
    return most;
  });
  return (picture, pixel) => 0.5 + weights(picture, pixel) / largest[picture]! / 2;
}

/** Rows of numbers from 0 to 1. */
export function rowGreys(rows: ArrayLike<number>, pixels: number): Greys {
  return (picture, pixel) => rows[picture * pixels + pixel]!;
}

function contextOf(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return canvas.getContext('2d')!;
}
