/** Every trainer against the best likelihood that there is, on a set small enough to know it. */
import type { ConfigurationInput } from '../config.js';
import type { Recipe } from './recipe.js';

const UPDATES = 40_000;

/**
 * Every update takes all 16 rows. Rates fall to 0, because at a constant rate of 0.1 persistent chains end nats away; from 0.1
 * to 0 in 20,000 updates is still too fast for 16 chains, which then end 1.4 to 2.8 nats away (three seeds).
 */
const shared = {
  epochs: UPDATES,
  learningRate: { from: 0.05, to: 0 },
  momentum: 0,
  weightCost: 0,
  recordEvery: 500,
} as const;
const stochastic = { ...shared, batchRows: 16, initialBias: 'keep' } as const;
const contrastive = { type: 'contrastiveDivergence', ...stochastic, reconstruction: 'states' } as const;
const persistent = { type: 'persistentContrastiveDivergence', ...stochastic, chains: 16 } as const;

const by = (algorithm: ConfigurationInput['train'][number]) => ({ train: [algorithm] });

export const barsAndStripes: Recipe = {
  name: 'bars-and-stripes',
  title: 'Every trainer on 3 × 3 bars and stripes with 16 hidden units, against the exact optimum',
  reproduces: 'Fischer and Igel, "Training restricted Boltzmann machines: an introduction" (2014), in kind.',
  published: 'none; the best log-likelihood is −2.5993 nats, and CD-1 stays away from it: its bias is to be seen',
  takes: 'about 2 minutes',
  configuration: {
    base: {
      seed: 7,
      weightScale: 0.1,
      data: { name: 'bars-and-stripes' },
      model: { type: 'rbm', visible: { type: 'bernoulli', units: 9 }, hidden: { type: 'bernoulli', units: 16 } },
      monitor: ['logLikelihood'],
    },
    variants: {
      exact: by({ type: 'exactGradient', ...shared }),
      'CD-1': by(contrastive),
      'CD-3': by({ ...contrastive, gibbsSteps: 3 }),
      'CD-10': by({ ...contrastive, gibbsSteps: 10 }),
      'CD-25': by({ ...contrastive, gibbsSteps: 25 }),
      'CD-1-centred': by({ ...contrastive, centring: true }),
      'PCD-1': by(persistent),
      'PCD-5': by({ ...persistent, gibbsSteps: 5 }),
      'PCD-1-256-chains': by({ ...persistent, chains: 256 }),
      'PCD-1-fast-weights': by({ ...persistent, type: 'fastPersistentContrastiveDivergence' }),
      'parallel-tempering': by({ ...persistent, type: 'parallelTempering', temperatures: 10 }),
    },
    compare: 'gapToOptimum',
  },
};
