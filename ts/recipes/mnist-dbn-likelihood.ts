/** A deep belief net as a density model of binarised MNIST: a second machine improves on the prior of the first. */
import type { TrainingRecipe } from './recipe.js';

const persistent = {
  type: 'persistentContrastiveDivergence',
  batchRows: 100,
  data: 'states',
  momentum: 0,
  weightCost: 0,
  averaging: 0.9995,
} as const;

function recipe(name: string, takes: string, [first, second]: readonly [number, number]): TrainingRecipe {
  return {
    name,
    title: 'A deep belief net 784-500-2000 on binarised MNIST: the second machine starts as the first upside down',
    reproduces: 'Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks" (2008).',
    published: 'a lower bound of −86.22 nats a test image; at least −87, and above the first machine, is the aim here',
    takes,
    configuration: {
      base: { seed: 7, data: { name: 'mnist' }, evaluate: ['testLikelihood'] },
      variants: {
        first: {
          model: {
            type: 'rbm',
            visible: { type: 'bernoulli', units: 784 },
            hidden: { type: 'bernoulli', units: 500 },
          },
          train: [{ ...persistent, epochs: first, chains: 500, learningRate: { from: 0.1, to: 0 } }],
        },
        net: {
          start: { from: 'first', as: 'tied', units: 2000, bias: -2 },
          train: [
            {
              type: 'greedy',
              phases: [null, { ...persistent, epochs: second, chains: 100, learningRate: { from: 0.01, to: 0 } }],
            },
          ],
        },
      },
      compare: 'testNats',
    },
  };
}

export const mnistDbnLikelihood = recipe('mnist-dbn-likelihood', 'about 20 minutes', [60, 60]);
export const mnistDbnLikelihoodQuick = recipe('mnist-dbn-likelihood-quick', 'about 5 minutes', [10, 5]);
