/** Gaussian machines on patches that have edges, with binary and with rectified hidden units. */
import type { Recipe } from './recipe.js';

const visible = { type: 'gaussian', units: 256, variance: 'learned', standardise: true } as const;
const learning = { type: 'contrastiveDivergence', momentum: 0.5, weightCost: 0 } as const;

export const patches: Recipe = {
  name: 'patches',
  title: 'A Gaussian-Bernoulli machine 256-100 on 10,000 patches of 16 × 16 pixels that have edges',
  reproduces: 'TODO',
  published: 'none; the run reports nats beside the diagonal and the full-covariance Gaussian',
  takes: 'about 2 minutes',
  configuration: {
    seed: 7,
    data: { name: 'patches-normalised' },
    model: { type: 'rbm', visible, hidden: { type: 'bernoulli', units: 100 } },
    train: [
      {
        ...learning,
        epochs: 50,
        learningRate: { from: 0.01, to: 0.001 },
        sparsity: { target: 0.02, cost: 3 },
        l1Cost: 0.003,
      },
    ],
    evaluate: ['testLikelihood', 'gaussianBaselines', 'edgeFilters'],
  },
};

export const patchesRelu: Recipe = {
  name: 'patches-relu',
  title: 'The same patches with 100 noisy rectified hidden units',
  reproduces:
    'Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010), in kind: most filters are bars, localised and of all directions.',
  published: 'none; such a machine has no likelihood, and its filters are what is to be seen',
  takes: 'about a minute',
  configuration: {
    seed: 7,
    data: { name: 'patches-normalised' },
    model: { type: 'rbm', visible, hidden: { type: 'relu', units: 100 } },
    train: [
      {
        ...learning,
        epochs: 50,
        learningRate: { from: 0.01, to: 0.0005 },
        sparsity: { target: 0.1, cost: 0.5 },
        l1Cost: 0.001,
      },
    ],
    evaluate: ['edgeFilters'],
  },
};
