import { expect, it } from 'vitest';
import { bernoulli, load, rbm } from 'wakesleep';

it('sums are right where the copy of the parameters makes the memory grow', async () => {
  const engine = await load({ threads: 1, artefact: 'st' });
  // The parameters' copies are the largest things in an engine that has done nothing else, so one of them grows its memory.
  const model = engine.create(rbm({ visible: bernoulli(1500), hidden: bernoulli(700) }), { seed: 1, weightScale: 0 });
  const { logPartition } = model.annealedLogPartition({ seed: 1, chains: 1, temperatures: 1 });
  expect(Math.abs(logPartition - 2200 * Math.LN2)).toBeLessThan(1e-3);
  engine.close();
});
