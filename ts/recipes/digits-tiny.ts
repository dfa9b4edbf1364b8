/** A deep belief net with labels on digits drawn by code: every part of the package, in a few seconds. */
import type { TrainingRecipe } from './recipe.js';

const learning = {
  type: 'contrastiveDivergence',
  batchRows: 20,
  learningRate: { from: 0.1, to: 0.02 },
  data: 'states',
  reconstruction: 'states',
} as const;

export const digitsTiny: TrainingRecipe = {
  name: 'digits-tiny',
  title: 'A deep belief net on 1,000 digits of 12 × 12 pixels, drawn by seeded code',
  reproduces: 'Nothing published: it shows and tests every part without any download.',
  published: 'none',
  takes: 'about 3 seconds',
  configuration: {
    seed: 7,
    data: { name: 'digits-tiny' },
    model: {
      type: 'deepBeliefNet',
      visible: { type: 'bernoulli', units: 144 },
      hidden: [
        { type: 'bernoulli', units: 64 },
        { type: 'bernoulli', units: 64 },
      ],
      label: { type: 'softmax', size: 10 },
      top: { type: 'bernoulli', units: 128 },
    },
    train: [
      {
        type: 'greedy',
        phases: [
          { ...learning, epochs: 20 },
          { ...learning, epochs: 20 },
          { ...learning, epochs: 120 },
        ],
      },
    ],
    evaluate: ['testError', 'recognisedSamples', 'smoothFilters'],
  },
};
