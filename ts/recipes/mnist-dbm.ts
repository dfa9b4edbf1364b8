/** A deep Boltzmann machine on binarised MNIST: a good machine of one hidden layer, to which a second is added in learning. */
import type { TrainingRecipe } from './recipe.js';

const common = { batchRows: 100, data: 'states', momentum: 0, weightCost: 0, chains: 500, averaging: 0.9995 } as const;

/**
 * The lowest machine is trained as the best machine of one layer (`mnist-rbm-likelihood`), and the topmost is left with weights
 * close to 0, so that learning all layers starts at the likelihood of the lowest machine, and with chains that mix. After the
 * paper's way, contrastive divergence with sides that count twice, chains from the biases stayed for ever in one state far
 * from all data, and annealed bounds meant nothing (`bench/results/mnist-dbm-trial-2026-11-25.json`).
 */
const lowest = {
  ...common,
  type: 'persistentContrastiveDivergence',
  learningRate: { from: 0.1, to: 0 },
} as const;

/** The paper's rate, but falling to 0; at 0.02, with 100 chains, the bound fell by 20 nats within an epoch. */
const together = {
  ...common,
  type: 'deepBoltzmannLearning',
  meanFieldPasses: 5,
  gibbsSteps: 1,
  learningRate: { from: 0.005, to: 0 },
} as const;

function recipe(name: string, takes: string, [first, all]: readonly [number, number]): TrainingRecipe {
  const quick = name.endsWith('-quick');
  return {
    name,
    title: `A deep Boltzmann machine 784-500-1000 on binarised MNIST, its lowest machine first, then all layers${quick ? ', briefly' : ''}`,
    reproduces: 'Salakhutdinov and Hinton, "Deep Boltzmann machines" (2009), table 1, the machine of two layers.',
    published: `a lower bound of −84.62 nats a test image${quick ? '; this one only shows that everything works' : ''}`,
    takes,
    configuration: {
      seed: 7,
      data: { name: 'mnist' },
      model: {
        type: 'deepBoltzmannMachine',
        visible: { type: 'bernoulli', units: 784 },
        hidden: [
          { type: 'bernoulli', units: 500 },
          { type: 'bernoulli', units: 1000 },
        ],
      },
      train: [
        {
          type: 'greedy',
          phases: [{ ...lowest, epochs: first }, null, { ...together, epochs: all }],
        },
      ],
      evaluate: ['testLikelihood', 'smoothFilters'],
    },
  };
}

export const mnistDbm = recipe('mnist-dbm', 'about an hour', [60, 30]);
export const mnistDbmQuick = recipe('mnist-dbm-quick', 'about 15 minutes, most of it annealing', [10, 2]);
