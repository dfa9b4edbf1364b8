/**
 * Contrastive divergence on documents of several lengths follows the likelihood: with chains long enough to forget the data,
 * its step of the hidden biases is that of the exact gradient over the mean length, within what the draws let it miss.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, contrastiveDivergence, type Engine, exactGradient, load, rbm, replicatedSoftmax } from 'wakesleep';
import { refusal } from '../files/refusal.js';
import { randomSource } from '../reference/random.js';

const WORDS = 4;
const ROWS = 20_000;
const STANDARD_ERRORS = 5;

/** Rows of 1 or 15 words, the long ones of other words than the short ones. */
const rows = Array.from({ length: ROWS }, (_, row) => {
  const random = randomSource(row + 1);
  const counts = Array.from({ length: WORDS }, () => 0);
  const long = row % 2 === 1;
  for (let word = 0; word < (long ? 15 : 1); word += 1) counts[random.below(2) + (long ? 2 : 0)]! += 1;
  return counts;
});
const lengths = rows.map((row) => row.reduce((sum, count) => sum + count, 0));
const meanLength = lengths.reduce((sum, length) => sum + length, 0) / ROWS;

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const graph = rbm({ visible: replicatedSoftmax(WORDS), hidden: bernoulli(2) });
const shared = { epochs: 1, momentum: 0, weightCost: 0, initialBias: 'keep' } as const;

function stepOfHiddenBias(algorithm: Parameters<ReturnType<Engine['create']>['train']>[1], of = rows): Float32Array {
  const model = engine.create(graph, { seed: 5, weightScale: 0.7 });
  const before = [0.1, -0.05];
  model.parameter('hidden.bias').set(before);
  for (const _ of model.train(engine.dataset({ rows: of }), algorithm));
  const after = model.parameter('hidden.bias').values();
  model.free();
  return after.map((value, unit) => value - before[unit]!);
}

describe('documents of several lengths', () => {
  const divergence = { ...shared, learningRate: 1, batchRows: ROWS, gibbsSteps: 60, reconstruction: 'states' } as const;

  it('count as long as they are in the step of hidden biases', () => {
    const byEnumeration = (of: typeof rows) => {
      return stepOfHiddenBias(exactGradient({ epochs: 1, learningRate: 1, momentum: 0 }), of);
    };
    const exact = byEnumeration(rows);
    const [short, long] = [0, 1].map((half) => byEnumeration(rows.filter((_, row) => row % 2 === half)));
    const step = stepOfHiddenBias(contrastiveDivergence(divergence));
    // Means are between 0 and 1, so D (h0 - h1) / meanLength has a variance of at most the mean of (D / meanLength)^2 / 2.
    const variance = lengths.reduce((sum, length) => sum + (length / meanLength) ** 2 / 2, 0) / ROWS;
    const bound = STANDARD_ERRORS * Math.sqrt(variance / ROWS);
    for (const [unit, slope] of exact.entries()) {
      // A step in which all documents count alike is another one.
      const alike = (short![unit]! + long![unit]! / 15) / 2;
      expect(Math.abs(alike - slope / meanLength)).toBeGreaterThan(bound);
      expect(Math.abs(step[unit]! - slope / meanLength)).toBeLessThan(bound);
    }
  });

  it('are refused where the gradient is centred', () => {
    const said = refusal(() => stepOfHiddenBias(contrastiveDivergence({ ...divergence, centring: true })));
    expect(said).toBe(
      'GRAPH_UNSUITABLE: Centring does not know document lengths; the layer `visible` has counts of 4 words.',
    );
  });
});
