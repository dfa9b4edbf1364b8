/** The digits of the page: small ones that are drawn by code, or test images of MNIST that are fetched from beside it. */
import { digitsTiny, readIdxImages, readIdxLabels } from 'wakesleep';

export type DigitsName = 'digits-tiny' | 'mnist';

/** Pictures to learn from, and others to try the net on. */
export interface Digits {
  readonly name: DigitsName;
  /** Pixels of a picture in each direction. */
  readonly side: number;
  /** The box that a written digit fills, and the breadth of its strokes, in pixels. */
  readonly box: { readonly width: number; readonly height: number; readonly stroke: number };
  readonly train: Pictures;
  readonly unseen: Pictures;
}

/** `[rows, side²]` bytes, and a label for each row. */
export interface Pictures {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** Rows of MNIST's test images that are learned from here; the others are left unseen. */
const MNIST_ROWS = 9000;

/** Brings a set; throws where MNIST cannot be fetched. */
export async function bringDigits(name: DigitsName): Promise<Digits> {
  return name === 'mnist' ? bringMnist() : small();
}

function small(): Digits {
  const box = { width: 6, height: 9, stroke: 1.7 };
  return { name: 'digits-tiny', side: 12, box, train: digitsTiny('train'), unseen: digitsTiny('test') };
}

async function bringMnist(): Promise<Digits> {
  const [imageBytes, labelBytes] = await Promise.all(['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'].map(fetched));
  const { images, width, columns } = readIdxImages(imageBytes!, 'MNIST');
  const labels = readIdxLabels(labelBytes!, 'the labels of MNIST');
  const part = (from: number, to?: number) => ({
    images: images.subarray(from * columns, to === undefined ? undefined : to * columns),
    labels: labels.subarray(from, to),
  });
  const box = { width: 20, height: 20, stroke: 2.4 };
  return { name: 'mnist', side: width, box, train: part(0, MNIST_ROWS), unseen: part(MNIST_ROWS) };
}

async function fetched(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(`./mnist/${name}.gz.bin`).catch((cause) => {
    throw new Error('MNIST could not be fetched: is there a network?', { cause });
  });
  if (!response.ok || response.body === null) {
    throw new Error(`MNIST is not beside this page (${response.status}): \`npm run demo\` puts it there.`);
  }
  const unpacked = response.body.pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
