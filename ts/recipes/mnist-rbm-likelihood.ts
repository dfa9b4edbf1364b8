/** A restricted Boltzmann machine on binarised MNIST, trained for its likelihood. */
import type { TrainingRecipe } from './recipe.js';

/**
 * Rates that fall to 0 and averaged parameters, because annealed estimates mean something only where the weights have come
 * to rest; 500 chains, because with 100 a region that no chain visits may take over the model (seen with one of two seeds).
 */
export const mnistRbmLikelihood: TrainingRecipe = {
  name: 'mnist-rbm-likelihood',
  title: 'A restricted Boltzmann machine 784-500 on binarised MNIST by persistent chains, and its likelihood',
  reproduces: 'Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks" (2008), table 1.',
  published: '−86.34 nats a test image for CD-25; `node bench/likelihood.mjs` runs the whole table',
  takes: 'about 4 minutes',
  configuration: {
    seed: 7,
    data: { name: 'mnist' },
    model: {
      type: 'rbm',
      visible: { type: 'bernoulli', units: 784 },
      hidden: { type: 'bernoulli', units: 500 },
    },
    train: [
      {
        type: 'persistentContrastiveDivergence',
        epochs: 60,
        batchRows: 100,
        chains: 500,
        learningRate: { from: 0.1, to: 0 },
        momentum: 0,
        weightCost: 0,
        data: 'states',
        averaging: 0.9995,
      },
    ],
    evaluate: ['testLikelihood', 'smoothFilters'],
  },
};
