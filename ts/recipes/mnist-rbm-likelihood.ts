/** Likelihoods on binarised MNIST: machines by the length of their chains, and mixtures of Bernoullis beside them. */
import type { ConfigurationInput } from '../config.js';
import type { Recipe } from './recipe.js';

const binary = (units: number) => ({ type: 'bernoulli', units }) as const;
const machine = (hidden: number) => ({ type: 'rbm', visible: binary(784), hidden: binary(hidden) }) as const;

const common = { batchRows: 100, data: 'states', momentum: 0, weightCost: 0 } as const;

/**
 * Rates that fall to 0 and averaged parameters, because annealed estimates mean something only where the weights have come
 * to rest; 500 chains, because with 100 a region that no chain visits may take over the model (seen with one of two seeds).
 */
const falling = { ...common, learningRate: { from: 0.1, to: 0 }, averaging: 0.9995 } as const;
const persistent = { type: 'persistentContrastiveDivergence', ...falling } as const;
const contrastive = { type: 'contrastiveDivergence', ...common, reconstruction: 'states' } as const;
const constant = { ...contrastive, epochs: 10, learningRate: 0.05 } as const;

const by = (algorithm: ConfigurationInput['train'][number], hidden = 500) => ({
  model: machine(hidden),
  train: [algorithm],
});

/** A mixture is a machine with one group of hidden units of which exactly one is on: log Z is 0. */
const mixture = (components: number, epochs: number, smoothing: number) => ({
  model: { type: 'rbm', visible: binary(784), hidden: { type: 'softmax', size: components } } as const,
  train: [{ type: 'expectationMaximisation' as const, epochs, smoothing }],
});

export const mnistRbmLikelihood: Recipe = {
  name: 'mnist-rbm-likelihood',
  title: 'Likelihoods on binarised MNIST: machines of 500 and 20 hidden units by CD and persistent chains, mixtures',
  reproduces: 'Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks" (2008), table 1.',
  published: 'CD-1 −125.53, CD-3 −105.50, CD-25 −86.34; mixtures of 10, 100, 500 −168.95, −142.63, −137.64 nats',
  takes: 'about half an hour; PCD-1 alone (`--only PCD-1`) about 4 minutes',
  configuration: {
    base: { seed: 7, data: { name: 'mnist' }, evaluate: ['testLikelihood', 'smoothFilters'] },
    variants: {
      'PCD-1': by({ ...persistent, epochs: 60, chains: 500 }),
      'mixture-10': mixture(10, 40, 1),
      'mixture-100': mixture(100, 40, 1),
      'mixture-500': mixture(500, 20, 0.1),
      'RBM-20': by({ ...persistent, epochs: 30 }, 20),
      'CD-1': by(constant),
      'CD-3': by({ ...constant, gibbsSteps: 3 }),
      'CD-25': by({ ...contrastive, ...falling, epochs: 15, gibbsSteps: 25 }),
    },
    compare: 'testNats',
  },
};
