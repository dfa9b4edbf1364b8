/** A sigmoid belief net on binarised MNIST, by wake-sleep and by reweighted wake-sleep. */
import type { TrainingRecipe } from './recipe.js';

const binary = (units: number) => ({ type: 'bernoulli', units }) as const;

/** Adam at 0.001 that falls in the second half. */
const falling = (epochs: number, first: readonly [number, number][]) => ({
  epochs,
  batchRows: 100,
  learningRate: {
    steps: [
      ...first,
      ...[6e-4, 4e-4, 2e-4, 1e-4, 5e-5].map((rate, place): [number, number] => [(epochs * (5 + place)) / 10, rate]),
    ] satisfies [number, number][],
  },
});

export const mnistSbn: TrainingRecipe = {
  name: 'mnist-sbn',
  title: 'A sigmoid belief net 784-200-200 on binarised MNIST by wake-sleep and by reweighted wake-sleep, 5 particles',
  reproduces:
    'Hinton, Dayan, Frey and Neal, "The wake-sleep algorithm" (1995), and Bornschein and Bengio, "Reweighted wake-sleep" (2015), table 1.',
  published: 'about −107 and −93 nats a test image after hundreds of epochs; 2.5 nats between the two are the aim here',
  takes: 'about an hour',
  configuration: {
    base: {
      seed: 7,
      weightScale: 0.05,
      data: { name: 'mnist' },
      model: { type: 'sigmoidBeliefNet', visible: binary(784), hidden: [binary(200), binary(200)] },
      evaluate: ['testLikelihood'],
    },
    variants: {
      'wake-sleep': {
        train: [
          {
            type: 'wakeSleep',
            averaging: 0.999,
            ...falling(200, [
              [0, 2e-3],
              [20, 1e-3],
            ]),
          },
        ],
      },
      'reweighted-wake-sleep': { train: [{ type: 'reweightedWakeSleep', particles: 5, ...falling(100, [[0, 1e-3]]) }] },
    },
    compare: 'testNats',
  },
};
