/**
 * Gaussian machines on patches that have edges, with binary and with rectified hidden units. Settings were chosen by the share
 * of filters that are edges (`edgeFilters`), which only sparse units on normalised patches have. With the defaults, dense units
 * on `patches` have filters that are points and noise.
 */
import type { TrainingRecipe } from './recipe.js';

const visible = { type: 'gaussian', units: 256, variance: 'learned', standardise: true } as const;
const learning = { type: 'contrastiveDivergence', momentum: 0.5, weightCost: 0 } as const;

export const patches: TrainingRecipe = {
  name: 'patches',
  title: 'A Gaussian-Bernoulli machine 256-100 on 10,000 patches of 16 × 16 pixels that have edges',
  reproduces:
    'Lee, Ekanadham and Ng, "Sparse deep belief net model for visual area V2" (2008), in kind: filters are localised, and seven in ten are short bars, a light stroke beside a dark one; the rest are spots. The sparsity that makes them so leaves units that chains of the model hardly ever turn on: features, not a generator.',
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
        learningRate: { from: 0.03, to: 0.001 },
        statistics: 'states',
        sparsity: { target: 0.04, cost: 4 },
        l1Cost: 0.003,
      },
    ],
    evaluate: ['testLikelihood', 'gaussianBaselines', 'edgeFilters'],
  },
};

export const patchesRelu: TrainingRecipe = {
  name: 'patches-relu',
  title: 'The same patches with 100 noisy rectified hidden units',
  reproduces:
    'Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010), in kind: nearly all filters are short bars in all places and directions, as simple cells have them.',
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
