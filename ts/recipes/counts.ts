/** Machines of counts on sets whose causes are lines of a grid. */
import type { TrainingRecipe } from './recipe.js';

export const countsTallies: TrainingRecipe = {
  name: 'counts-tallies',
  title: 'Binomial units on 5,000 grids of 8 × 8 tallies, whose causes are lines',
  reproduces: 'Teh and Hinton, "Rate-coded restricted Boltzmann machines for face recognition" (2001), in kind.',
  published: 'none; the exact log-likelihood is reported',
  takes: 'about 10 seconds',
  configuration: {
    seed: 7,
    data: { name: 'tallies' },
    model: {
      type: 'rbm',
      visible: { type: 'binomial', units: 64, copies: 8 },
      hidden: { type: 'bernoulli', units: 20 },
    },
    train: [{ type: 'persistentContrastiveDivergence', epochs: 60, learningRate: { from: 0.01, to: 0 }, momentum: 0 }],
    evaluate: ['testLikelihood'],
  },
};

export const countsTopics: TrainingRecipe = {
  name: 'counts-topics',
  title: 'Replicated softmax on 5,000 documents of 100 words, whose topics are lines of a grid',
  reproduces:
    'Salakhutdinov and Hinton, "Replicated softmax" (2009), in kind; the set is that of Griffiths and Steyvers (2004).',
  published: 'none; the exact log-likelihood is reported',
  takes: 'about a minute',
  configuration: {
    seed: 7,
    data: { name: 'topics' },
    model: {
      type: 'rbm',
      visible: { type: 'replicatedSoftmax', units: 100 },
      hidden: { type: 'bernoulli', units: 20 },
    },
    train: [{ type: 'contrastiveDivergence', epochs: 100, learningRate: { from: 0.005, to: 0 } }],
    evaluate: ['testLikelihood'],
  },
};
