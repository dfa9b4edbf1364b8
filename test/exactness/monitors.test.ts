/** What is measured at every record: the exact likelihood against enumeration by hand, and that measuring changes no bits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Algorithm,
  bernoulli,
  contrastiveDivergence,
  type Dataset,
  type Engine,
  exactGradient,
  gaussian,
  load,
  parallelTempering,
  persistentContrastiveDivergence,
  rbm,
  type TrainingRecord,
} from 'wakesleep';
import { barsAndStripes } from '../../dist/data/bars-and-stripes.js';
import { barsAndStripesDraws, barsAndStripesOptimum } from '../reference/bars-and-stripes.js';

let engine: Engine;
let rows: Dataset;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  rows = engine.dataset({ rows: barsAndStripes(), columns: 9 });
});
afterAll(() => engine.close());

const graph = rbm({ visible: bernoulli(9), hidden: bernoulli(5) });

const withoutTiming = ({ timing: _, ...rest }: TrainingRecord) => rest;

function trained(algorithm: Algorithm, monitor: readonly 'logLikelihood'[], data = rows) {
  const model = engine.create(graph, { seed: 3 });
  const records = [...model.train(data, algorithm, { monitor })].map(withoutTiming);
  const bytes = Buffer.from(model.toBytes()).toString('base64');
  const likelihoods = model.logLikelihood(data);
  model.free();
  return { records, bytes, mean: likelihoods.reduce((sum, nats) => sum + nats, 0) / data.rows };
}

const trainers: [string, Algorithm][] = [
  ['the exact gradient', exactGradient({ epochs: 30, recordEvery: 10 })],
  ['CD-1', contrastiveDivergence({ epochs: 30, batchRows: 5, recordEvery: 10, averaging: 0.9 })],
  ['PCD-1', persistentContrastiveDivergence({ epochs: 30, batchRows: 16, recordEvery: 10 })],
  ['parallel tempering', parallelTempering({ epochs: 30, batchRows: 16, recordEvery: 10, adaptLadder: false })],
];

describe('the monitor `logLikelihood`', () => {
  it.each(trainers)('changes no bits of %s, and says what the model says', (_, algorithm) => {
    const [watched, alone] = [trained(algorithm, ['logLikelihood']), trained(algorithm, [])];
    expect(watched.bytes).toBe(alone.bytes);
    expect(watched.records.map(({ epoch }) => epoch)).toEqual([10, 20, 30]);
    expect(watched.records.map(({ logLikelihood: _, gapToOptimum: __, ...rest }) => rest)).toEqual(alone.records);
    const last = watched.records.at(-1)!;
    expect(last.logLikelihood).toBeCloseTo(watched.mean, 12);
    expect(last.gapToOptimum).toBeCloseTo(barsAndStripesOptimum() - watched.mean, 12);
    expect(alone.records[0]).not.toHaveProperty('logLikelihood');
  });

  it('counts rows as their weights say', () => {
    const distinct = [...new Set(barsAndStripesDraws().map((row) => row.join('')))].map((row) => [...row].map(Number));
    const rowWeights = distinct.map((row) => (new Set(row).size === 1 ? 2 : 1));
    const weighted = engine.dataset({ rows: distinct, rowWeights });
    const algorithm = exactGradient({ epochs: 5 });
    const [a, b] = [trained(algorithm, ['logLikelihood'], weighted), trained(algorithm, ['logLikelihood'])];
    // The two sets are one distribution; sums of 14 weighted rows and of 16 differ in rounding alone.
    expect(a.records.at(-1)!.gapToOptimum).toBeCloseTo(b.records.at(-1)!.gapToOptimum!, 5);
    weighted.free();
  });

  it('knows no best of real numbers', () => {
    const data = engine.dataset({ rows: Float32Array.of(0.5, -1, 2, 0.25, -0.75, 1), columns: 2 });
    const model = engine.create(rbm({ visible: gaussian(2), hidden: bernoulli(3) }), { seed: 1 });
    const [record] = [...model.train(data, contrastiveDivergence({ epochs: 1 }), { monitor: ['logLikelihood'] })];
    expect(record!.gapToOptimum).toBeNull();
    const likelihoods = model.logLikelihood(data);
    expect(record!.logLikelihood).toBeCloseTo((likelihoods[0]! + likelihoods[1]! + likelihoods[2]!) / 3, 12);
    model.free();
    data.free();
  });

  it('is refused before anything is learned where there is none', () => {
    const large = engine.create(rbm({ visible: bernoulli(30), hidden: bernoulli(30) }), { seed: 1 });
    const data = engine.dataset({ rows: new Float32Array(60), columns: 30 });
    const options = { monitor: ['logLikelihood'] } as const;
    expect(() => large.train(data, contrastiveDivergence({ epochs: 1 }), options)).toThrow(
      'The exact log Z enumerates one side of the model, and both have more than 2^25 configurations',
    );
    const shades = engine.dataset({ rows: new Float32Array(9).fill(0.5), columns: 9 });
    const small = engine.create(graph, { seed: 1 });
    expect(() => small.train(shades, contrastiveDivergence({ epochs: 1 }), options)).toThrow(
      'The exact log-likelihood at every record needs rows of 0 and 1: intensities have none.',
    );
    expect(() => small.train(rows, contrastiveDivergence(), { monitor: ['gap'] as never })).toThrow(
      '`monitor.0` must be "logLikelihood"; got "gap".',
    );
    expect(() => small.train(rows, contrastiveDivergence(), { monitor: 'logLikelihood' as never })).toThrow(
      '`monitor` must be a list of monitors; got "logLikelihood".',
    );
    for (const thing of [large, small, data, shades]) thing.free();
  });
});

describe('`recordEvery`', () => {
  it('gives records over so many epochs, and one after the last, of the same bits', () => {
    const options = { epochs: 7, batchRows: 4, data: 'states' } as const;
    const [each, some] = [1, 3].map((recordEvery) => trained(contrastiveDivergence({ ...options, recordEvery }), []));
    expect(some!.bytes).toBe(each!.bytes);
    expect(some!.records.map(({ epoch, updates }) => [epoch, updates])).toEqual([
      [3, 12],
      [6, 24],
      [7, 28],
    ]);
    // The first of four batches is measured in every epoch: the record is the mean over its epochs.
    const errors = each!.records.slice(0, 3).map(({ reconstructionError }) => reconstructionError);
    expect(some!.records[0]!.reconstructionError).toBeCloseTo((errors[0]! + errors[1]! + errors[2]!) / 3, 12);
    expect(() => contrastiveDivergence({ recordEvery: 0 })).toThrow(
      '`recordEvery` must be an integer of at least 1; got 0.',
    );
  });

  it('resumes within them to the same records', () => {
    const algorithm = contrastiveDivergence({ epochs: 6, batchRows: 4, recordEvery: 3 });
    const whole = trained(algorithm, ['logLikelihood']);
    const model = engine.create(graph, { seed: 3 });
    const run = model.train(rows, algorithm, { monitor: ['logLikelihood'] });
    const records: TrainingRecord[] = [];
    for (const record of run) {
      records.push(record);
      break;
    }
    const resumed = engine.resume(run.toBytes(), rows, { monitor: ['logLikelihood'] });
    records.push(...resumed);
    expect(records.map(withoutTiming)).toEqual(whole.records);
    expect(Buffer.from(resumed.model.toBytes()).toString('base64')).toBe(whole.bytes);
  });
});
