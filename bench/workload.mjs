/** The CD-1 workload: MNIST, 784 × 500, batch 100, binarised at every presentation. */
import { bernoulli, contrastiveDivergence, rbm } from 'wakesleep';

/** A run of it over `images`, an epoch for each record. */
export function cd1(engine, images) {
  const data = engine.dataset({ rows: images, columns: 784, scale: 1 / 255 });
  const model = engine.create(rbm({ visible: bernoulli(784), hidden: bernoulli(500) }), { seed: 7 });
  const algorithm = contrastiveDivergence({
    epochs: 1000,
    batchRows: 100,
    learningRate: 0.05,
    momentum: 0.5,
    weightCost: 2e-4,
    data: 'states',
    reconstruction: 'states',
    initialBias: 'keep',
  });
  return model.train(data, algorithm);
}
