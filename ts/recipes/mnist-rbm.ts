/** A restricted Boltzmann machine on MNIST. */
import type { TrainingRecipe } from './recipe.js';

export const mnistRbm: TrainingRecipe = {
  name: 'mnist-rbm',
  title: 'A restricted Boltzmann machine with 500 hidden units on MNIST, CD-1',
  reproduces: 'Receptive fields of strokes, as in Hinton, "A practical guide to training RBMs" (2010).',
  published: 'about −125.5 nats a test image for CD-1 (Salakhutdinov and Murray 2008); not estimated here',
  takes: 'about half a minute',
  configuration: {
    seed: 7,
    data: { name: 'mnist', heldOut: 10_000 },
    model: {
      type: 'rbm',
      visible: { type: 'bernoulli', units: 784 },
      hidden: { type: 'bernoulli', units: 500 },
    },
    train: [
      {
        type: 'contrastiveDivergence',
        epochs: 10,
        batchRows: 100,
        learningRate: { from: 0.1, to: 0.01 },
        data: 'states',
        reconstruction: 'states',
      },
    ],
    evaluate: ['smoothFilters'],
  },
};
