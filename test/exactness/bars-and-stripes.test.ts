/**
 * Learning 3×3 bars and stripes with 16 hidden units: the exact gradient and CD-25 come within 0.05 nat of the best
 * likelihood there is, and CD-1 stays away from it, because its fixed points are not those of maximum likelihood.
 *
 * Rate 0.1, every update over the whole data: the exact gradient is about 0.04 nat short of it after 7,000 updates (0.01
 * after 20,000), and CD-25 within the bound after 10,000; CD-1 is about 0.6 short by then and drifts off further. CD draws
 * its noise for 10 copies of each row.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Algorithm, bernoulli, contrastiveDivergence, type Engine, exactGradient, load, rbm } from 'wakesleep';
import { barsAndStripesDraws, barsAndStripesOptimum, barsAndStripesUnits } from '../reference/bars-and-stripes.js';

const LARGEST_GAP = 0.05;
/** CD-1 is biased by more than this; so a trainer that is CD-1 in disguise cannot pass the bound above. */
const BIAS_OF_ONE_STEP = 0.1;
const SEEDS = [1, 2, 3];
const EXACT_UPDATES = 7000;
const UPDATES = 10_000;
const COPIES = 10;
const TIMEOUT_MS = 120_000;

const draws = barsAndStripesDraws();

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** How far the trained model's mean log-likelihood is from the optimum, nats per row. */
function gapAfter(algorithm: Algorithm, copies: number, seed: number): number {
  const data = engine.dataset({ rows: Array.from({ length: copies }, () => draws).flat() });
  const graph = rbm({ visible: bernoulli(barsAndStripesUnits), hidden: bernoulli(16) });
  const model = engine.create(graph, { seed, weightScale: 0.1 });
  let updates = 0;
  for (const record of model.train(data, algorithm)) updates = record.updates;
  expect(updates).toBe(algorithm.type === 'exactGradient' ? EXACT_UPDATES : UPDATES);
  const likelihoods = model.logLikelihood(draws);
  model.free();
  data.free();
  return barsAndStripesOptimum() - likelihoods.reduce((sum, nats) => sum + nats / draws.length, 0);
}

function contrastive(gibbsSteps: number): Algorithm {
  return contrastiveDivergence({
    gibbsSteps,
    epochs: UPDATES,
    batchRows: COPIES * draws.length,
    learningRate: 0.1,
    momentum: 0,
    weightCost: 0,
    reconstruction: 'states',
    initialBias: 'keep',
  });
}

describe.each(SEEDS)('bars and stripes, seed %i', (seed) => {
  it('are learned by the exact gradient', { timeout: TIMEOUT_MS }, () => {
    const gap = gapAfter(exactGradient({ epochs: EXACT_UPDATES, learningRate: 0.1 }), 1, seed);
    expect(gap).toBeGreaterThan(0);
    expect(gap).toBeLessThan(LARGEST_GAP);
  });

  it('are learned by CD-25, and not by CD-1', { timeout: TIMEOUT_MS }, () => {
    const many = gapAfter(contrastive(25), COPIES, seed);
    const one = gapAfter(contrastive(1), COPIES, seed);
    expect(many).toBeGreaterThan(0);
    expect(many).toBeLessThan(LARGEST_GAP);
    expect(one).toBeGreaterThan(BIAS_OF_ONE_STEP);
    expect(one).toBeGreaterThan(many);
  });
});
