/** Gaussian machines on patches with natural statistics, with binary and with rectified hidden units. */
import type { TrainingRecipe } from './recipe.js';

/** Rates and all else are the defaults, which a machine of real-valued data must do well with. */
const shared = {
  seed: 7,
  data: { name: 'patches' },
  train: [{ type: 'contrastiveDivergence', epochs: 50 }],
} as const satisfies Partial<TrainingRecipe['configuration']>;

const visible = { type: 'gaussian', units: 256, variance: 'learned', standardise: true } as const;

export const patches: TrainingRecipe = {
  name: 'patches',
  title: 'A Gaussian-Bernoulli machine 256-256 on 10,000 patches of 16 × 16 pixels with natural statistics',
  reproduces: 'Nothing published. With the defaults filters become points and noise, not edges.',
  published: 'none; the run reports nats beside the diagonal and the full-covariance Gaussian',
  takes: 'about a minute',
  configuration: {
    ...shared,
    model: { type: 'rbm', visible, hidden: { type: 'bernoulli', units: 256 } },
    evaluate: ['testLikelihood', 'gaussianBaselines'],
  },
};

export const patchesRelu: TrainingRecipe = {
  name: 'patches-relu',
  title: 'The same patches with noisy rectified hidden units',
  reproduces: 'Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010), in kind.',
  published: 'none; such a machine has no likelihood, and its filters are what is to be seen',
  takes: 'about a minute',
  configuration: {
    ...shared,
    model: { type: 'rbm', visible, hidden: { type: 'relu', units: 256 } },
    evaluate: [],
  },
};
