/** A sigmoid belief net on binarised MNIST, by wake-sleep and by reweighted wake-sleep. */
import type { TrainingRecipe } from './recipe.js';

const EPOCHS = 100;

/** What both recipes share: Adam at 0.001 that falls in the second half. */
const shared = {
  epochs: EPOCHS,
  batchRows: 100,
  learningRate: {
    steps: [
      [0, 1e-3],
      [50, 6e-4],
      [60, 4e-4],
      [70, 2e-4],
      [80, 1e-4],
      [90, 5e-5],
    ] satisfies [number, number][],
  },
};

const set = {
  seed: 7,
  weightScale: 0.05,
  data: { name: 'mnist' },
  model: {
    type: 'sigmoidBeliefNet',
    visible: { type: 'bernoulli', units: 784 },
    hidden: [
      { type: 'bernoulli', units: 200 },
      { type: 'bernoulli', units: 200 },
    ],
  },
  evaluate: ['testLikelihood'],
} as const satisfies Omit<TrainingRecipe['configuration'], 'train'>;

export const mnistSbn: TrainingRecipe = {
  name: 'mnist-sbn',
  title: 'A sigmoid belief net 784-200-200 on binarised MNIST by reweighted wake-sleep, 5 particles',
  reproduces: 'Bornschein and Bengio, "Reweighted wake-sleep" (2015), table 1.',
  published:
    'about −93 nats a test image after hundreds of epochs; at least 2.5 better than wake-sleep is the aim here',
  takes: 'about half an hour',
  configuration: {
    ...set,
    evaluate: [...set.evaluate],
    train: [{ type: 'reweightedWakeSleep', particles: 5, ...shared }],
  },
};

export const mnistSbnWakeSleep: TrainingRecipe = {
  name: 'mnist-sbn-wake-sleep',
  title: 'A sigmoid belief net 784-200-200 on binarised MNIST by wake-sleep',
  reproduces: 'Hinton, Dayan, Frey and Neal, "The wake-sleep algorithm" (1995), on a net of today.',
  published: 'none for this net; −104.5 nats a test image (1,000 particles) or better is the aim here',
  takes: 'about a quarter of an hour',
  configuration: { ...set, evaluate: [...set.evaluate], train: [{ type: 'wakeSleep', ...shared }] },
};
