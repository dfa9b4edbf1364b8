/**
 * Learning deep Boltzmann machines: the chains of the negative phase against enumeration, one update against f64, how the
 * machines of pretraining count twice and are put together, what a small problem reaches, and the same bits however
 * training is cut.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  contrastiveDivergence,
  type DeepBoltzmannOptions,
  deepBoltzmannLearning,
  deepBoltzmannMachine,
  type Engine,
  type Greedy,
  gaussian,
  greedy,
  load,
  type Model,
  parallelTempering,
  persistentContrastiveDivergence,
  rbm,
  replicatedSoftmax,
  type TrainingRecord,
} from 'wakesleep';
import { readSafetensors } from '../../dist/files/safetensors.js';
import { refusal } from '../files/refusal.js';
import {
  allStates,
  binaryDbm,
  inputsOf,
  jointDistribution,
  meanFieldOf,
  type ReferenceDbm,
  type States,
} from '../reference/deep-boltzmann.js';
import { logistic } from '../reference/logistic.js';
import { randomSource } from '../reference/random.js';
import { chiSquare } from '../reference/statistics.js';
import { deepModelOf, referenceOf } from './deep-counterpart.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

const SMALL = binaryDbm([4, 3, 3], 1.2, 0.5, randomSource(701));
const DEEP = binaryDbm([5, 4, 3, 4], 0.8, 0.5, randomSource(702));

/** A rate at which f32 parameters stay what they are. */
const STILL = 1e-30;

/** The tensors of a checkpoint's state. */
function stateOf(bytes: Uint8Array): Map<string, Float32Array> {
  const { tensors } = readSafetensors(bytes, 'the checkpoint');
  return new Map([...tensors].map(([name, { values }]) => [name.replace(/^state\./, ''), values as Float32Array]));
}

/** The records of a run without what depends on the machine. */
function recordsOf(run: Iterable<TrainingRecord>) {
  return Array.from(run, ({ timing: _, ...record }) => record);
}

describe('the chains of the negative phase', () => {
  it('reach the distribution of the model, which they do not start from', () => {
    const model = deepModelOf(engine, SMALL);
    const data = engine.dataset({ rows: [[1, 1, 0, 0]] });
    const chains = 10_000;
    const p = jointDistribution(SMALL);
    const marginal = new Array<number>(8).fill(0);
    for (const [place, states] of allStates(SMALL).entries())
      marginal[Number.parseInt(states[1]!.join(''), 2)]! += p[place]!;
    const zAfter = (epochs: number, gibbsSteps: number) => {
      const options = { epochs, gibbsSteps, chains, learningRate: STILL, weightCost: 0, initialBias: 'keep' } as const;
      const run = model.train(data, deepBoltzmannLearning(options));
      let h1 = new Float32Array();
      for (const { epoch } of run) if (epoch === epochs) h1 = stateOf(run.toBytes()).get('chains.h1')! as typeof h1;
      const counts = new Array<number>(8).fill(0);
      for (let row = 0; row < chains; row += 1) {
        counts[Number.parseInt(Array.from(h1.subarray(3 * row, 3 * row + 3)).join(''), 2)]! += 1;
      }
      return chiSquare(counts, marginal, chains).z;
    };
    expect(zAfter(8, 5)).toBeLessThan(5);
    expect(zAfter(1, 1)).toBeGreaterThan(5);
    model.free();
  });
});

describe('one update', () => {
  /** Statistics of the model as the chains leave them after an update: `⟨s E(s′ | s)⟩`. */
  function modelStatistics(dbm: ReferenceDbm): { W: number[][][]; b: number[][] } {
    const p = jointDistribution(dbm);
    const sums = {
      W: dbm.W.map((weights) => weights.map((row) => row.map(() => 0))),
      b: dbm.b.map((bias) => bias.map(() => 0)),
    };
    for (const [place, states] of allStates(dbm).entries()) addStatistics(sums, states, p[place]!);
    return sums;
  }

  function addStatistics(sums: { W: number[][][]; b: number[][] }, states: States, share: number): void {
    for (const [l, state] of states.entries()) {
      for (const [i, s] of state.entries()) {
        sums.b[l]![i]! += share * s;
        for (const [j, t] of (states[l + 1] ?? []).entries()) sums.W[l]![i]![j]! += share * s * t;
      }
    }
  }

  const rows = [
    [1, 0, 1, 1],
    [0, 0, 1, 0],
    [1, 1, 0, 0],
  ];

  /** What an update changed of every parameter, divided by the rate. */
  function changes(options: DeepBoltzmannOptions): { W: number[][][]; b: number[][] } {
    const learningRate = 2 ** -6;
    const model = deepModelOf(engine, SMALL);
    const data = engine.dataset({ rows });
    // Thousands of sweeps bring the chains to the model's distribution before the one update that counts.
    const run = model.train(
      data,
      deepBoltzmannLearning({
        epochs: 1,
        gibbsSteps: 60,
        chains: 20_000,
        weightCost: 0,
        momentum: 0,
        initialBias: 'keep',
        ...options,
        learningRate,
      }),
    );
    expect([...run].length).toBe(1);
    const after = referenceOf(model, SMALL);
    model.free();
    const slope = (x: number, y: number) => (x - y) / learningRate;
    return {
      W: after.W.map((weights, l) => weights.map((row, i) => row.map((w, j) => slope(w, SMALL.W[l]![i]![j]!)))),
      b: after.b.map((bias, l) => bias.map((x, i) => slope(x, SMALL.b[l]![i]!))),
    };
  }

  /** Data statistics less those of the model, in f64. */
  function exactDirection(): { W: number[][][]; b: number[][]; data: { b: number[][] } } {
    const data = {
      W: SMALL.W.map((weights) => weights.map((row) => row.map(() => 0))),
      b: SMALL.b.map((bias) => bias.map(() => 0)),
    };
    for (const v of rows) addStatistics(data, meanFieldOf(SMALL, v, 10), 1 / rows.length);
    const own = modelStatistics(SMALL);
    return {
      W: data.W.map((weights, l) => weights.map((row, i) => row.map((x, j) => x - own.W[l]![i]![j]!))),
      b: data.b.map((bias, l) => bias.map((x, i) => x - own.b[l]![i]!)),
      data,
    };
  }

  // A statistic is a mean over 20,000 chains of numbers from 0 to 1, so its standard error is at most 0.5 / √20,000.
  const BARS = (5 * 0.5) / Math.sqrt(20_000);

  it('goes by the statistics of the mean field less those of the model', () => {
    const taken = changes({});
    const { W, b } = exactDirection();
    const misses = (x: number[], y: number[]) => Math.max(...x.map((value, k) => Math.abs(value - y[k]!)));
    expect(misses(taken.W.flat(2), W.flat(2))).toBeLessThan(BARS);
    expect(misses(taken.b.flat(), b.flat())).toBeLessThan(BARS);
    // The twin: a direction whose sign is wrong for one connection is far away.
    expect(
      misses(
        taken.W[1]!.flat(),
        W[1]!.flat().map((x) => -x),
      ),
    ).toBeGreaterThan(2 * BARS);
  });

  it('centred, is that of units less the means of the batch', () => {
    const taken = changes({ centring: { rate: 1 } });
    const { W, b, data } = exactDirection();
    const mean = data.b;
    // ⟨(s − μ)(t − λ)⟩ of the data less that of the model.
    const centred = W.map((weights, l) =>
      weights.map((row, i) => row.map((x, j) => x - mean[l]![i]! * b[l + 1]![j]! - b[l]![i]! * mean[l + 1]![j]!)),
    );
    const biases = b.map((bias, l) =>
      bias.map((x, i) => {
        const above = l < 2 ? centred[l]![i]!.reduce((sum, g, j) => sum + g * mean[l + 1]![j]!, 0) : 0;
        const below = l > 0 ? centred[l - 1]!.reduce((sum, row, k) => sum + row[i]! * mean[l - 1]![k]!, 0) : 0;
        return x - above - below;
      }),
    );
    for (const [place, x] of centred.flat(2).entries())
      expect(Math.abs(taken.W.flat(2)[place]! - x)).toBeLessThan(2 * BARS);
    // A bias sums what up to seven weights send to it.
    for (const [place, x] of biases.flat().entries())
      expect(Math.abs(taken.b.flat()[place]! - x)).toBeLessThan(4 * BARS);
    const plain = exactDirection().b.flat();
    expect(Math.max(...biases.flat().map((x, place) => Math.abs(x - plain[place]!)))).toBeGreaterThan(8 * BARS);
  });
});

describe('pretraining', () => {
  /** Hidden states without chance: biases that decide every unit. */
  function decided(): ReferenceDbm {
    const b = DEEP.b.map((bias, l) => (l === 0 ? bias : bias.map((x, unit) => x + (unit % 2 === 0 ? 60 : -60))));
    return { ...DEEP, b: b.map((bias) => bias.map(Math.fround)) };
  }
  const rows = [
    [1, 0, 1, 1, 0],
    [0, 1, 1, 0, 0],
  ];
  const still = {
    epochs: 1,
    learningRate: STILL,
    weightCost: 0,
    initialBias: 'keep',
    statistics: 'probabilities',
  } as const;

  it('counts the data twice into the lowest machine, both sides of the next, once into the topmost', () => {
    const model = deepModelOf(engine, DEEP);
    const data = engine.dataset({ rows });
    const phase = contrastiveDivergence({ ...still, data: 'probabilities' });
    const records = [...model.train(data, greedy([phase, phase, phase]))];
    expect(records.map(({ layer }) => layer)).toEqual(['h1', 'h2', 'h3']);
    const means = rows.map((v) => {
      const h1 = inputsOf(DEEP, 1, [v], 2, 0).map(logistic);
      const h2 = inputsOf(DEEP, 2, [v, h1], 2, 0).map(logistic);
      const h3 = inputsOf(DEEP, 3, [v, h1, h2], 1, 0).map(logistic);
      return [h1, h2, h3];
    });
    records.forEach((record, l) => {
      const own = means.flatMap((field) => field[l]!);
      const mean = own.reduce((sum, x) => sum + x, 0) / own.length;
      expect(Math.abs(record.meanActivity - mean)).toBeLessThan(1e-6);
    });
    model.free();
  });

  it('counts the hidden units once on the way down to the data, and twice above', () => {
    const dbm = decided();
    const model = deepModelOf(engine, dbm);
    const data = engine.dataset({ rows });
    const phase = contrastiveDivergence({ ...still, data: 'probabilities' });
    const records = [...model.train(data, greedy([phase, phase, phase]))];
    // Units of even index are on and the others off, whatever drives them.
    const on = (l: number) => dbm.b[l]!.map((_, unit) => Number(unit % 2 === 0));
    const missed = (l: number, below: readonly number[], times: number) => {
      const states = [0, 1, 2, 3].map((k) => (k === l + 1 ? on(k) : []));
      const means = inputsOf(dbm, l, states, 0, times).map(logistic);
      return below.reduce((sum, x, unit) => sum + (x - means[unit]!) ** 2, 0);
    };
    const lowest = rows.reduce((sum, v) => sum + missed(0, v, 1) / rows.length, 0);
    expect(Math.abs(records[0]!.reconstructionError - lowest)).toBeLessThan(1e-5);
    model.free();

    // Above, the lower side must not be decided for its reconstruction to say anything.
    const loose = { ...dbm, b: dbm.b.map((bias, l) => (l === 1 || l === 2 ? DEEP.b[l]! : bias)) };
    const another = deepModelOf(engine, loose);
    const more = [...another.train(data, greedy([phase, phase, phase]))];
    const errors = rows.map((v) => {
      const h1 = inputsOf(loose, 1, [v], 2, 0).map(logistic);
      const h2 = inputsOf(loose, 2, [v, h1], 2, 0).map(logistic);
      const states = [[], [], [], on(3)];
      const means = inputsOf(loose, 2, states, 0, 2).map(logistic);
      return h2.reduce((sum, x, unit) => sum + (x - means[unit]!) ** 2, 0);
    });
    const topmost = (errors[0]! + errors[1]!) / 2;
    expect(Math.abs(more[2]!.reconstructionError - topmost)).toBeLessThan(1e-5);
    another.free();
  });

  it('is put together exactly: doubled weights halved, and of two biases the mean', () => {
    const model = deepModelOf(engine, DEEP);
    const before = model.toBytes();
    const data = engine.dataset({ rows });
    const phase = contrastiveDivergence(still);
    const run = model.train(data, greedy([phase, phase, phase]));
    for (const record of run) {
      expect(record.epochs).toBe(1);
      const state = stateOf(run.toBytes());
      const doubled = model
        .parameter('h1-h2.weight')
        .values()
        .map((w) => 2 * w);
      expect(state.get('stack.connections.h1-h2.weight')).toEqual(doubled);
    }
    // Nothing was learned, so the whole is what it was, but for the count of updates.
    const parts = (bytes: Uint8Array) =>
      [...readSafetensors(bytes, 'the model').tensors].map(([name, { values }]) => [name, values]);
    expect(parts(model.toBytes())).toEqual(parts(before));

    const learning = contrastiveDivergence({ ...still, learningRate: 0.1, epochs: 3 });
    const trained = model.train(data, greedy([learning, learning, learning]));
    for (const record of trained) {
      if (record.layer !== 'h3') continue;
      const state = stateOf(trained.toBytes());
      const [up, down] = ['recognition_bias', 'bias'].map((kind) => state.get(`stack.layers.h2.${kind}`)!);
      expect(up).not.toEqual(down);
      expect(model.parameter('h2.bias').values()).toEqual(up!.map((x, unit) => Math.fround((x + down![unit]!) / 2)));
    }
    model.free();
  });

  it('of the lowest machine alone is that of an ordinary machine, and leaves the rest as it was', () => {
    const phase = persistentContrastiveDivergence({
      ...still,
      learningRate: 0.1,
      epochs: 3,
      chains: 4,
      averaging: 0.5,
    });
    const data = engine.dataset({ rows });
    const single = engine.create(rbm({ visible: bernoulli(5), hidden: bernoulli(4) }), { seed: 3 });
    const deep = engine.create(
      deepBoltzmannMachine({ visible: bernoulli(5), hidden: [bernoulli(4), bernoulli(3), bernoulli(4)] }),
      {
        seed: 3,
      },
    );
    single.parameter('visible-hidden.weight').set(deep.parameter('visible-h1.weight').values());
    const values = (name: string) => deep.parameter(name).values();
    const above = ['h1-h2.weight', 'h2-h3.weight', 'h2.bias', 'h3.bias'];
    const before = above.map(values);

    const monitors = ({ epoch, reconstructionError, meanActivity }: TrainingRecord) => [
      epoch,
      reconstructionError,
      meanActivity,
    ];
    const records = Array.from(single.train(data, phase), monitors);
    const together = deepBoltzmannLearning({ epochs: 1, chains: 2, learningRate: STILL, initialBias: 'keep' });
    const own: unknown[] = [];
    for (const record of deep.train(data, greedy([phase, null, null, together]))) {
      own.push(monitors(record));
      if (own.length === records.length) break;
    }
    expect(own).toEqual(records);
    expect(values('visible-h1.weight')).toEqual(single.parameter('visible-hidden.weight').values());
    expect(values('visible.bias')).toEqual(single.parameter('visible.bias').values());
    expect(values('h1.bias')).toEqual(single.parameter('hidden.bias').values());
    expect(above.map(values)).toEqual(before);
    single.free();
    deep.free();
  });
});

/** 2×2 bars and stripes: six patterns, the full and the empty one by two draws each. */
const PATTERNS = [
  [0, 0, 0, 0],
  [0, 0, 0, 0],
  [1, 1, 1, 1],
  [1, 1, 1, 1],
  [1, 1, 0, 0],
  [0, 0, 1, 1],
  [1, 0, 1, 0],
  [0, 1, 0, 1],
];
/** Nats: two patterns of 1/4 and four of 1/8. */
const ENTROPY = 0.5 * Math.log(4) + 0.5 * Math.log(8);

describe('a small problem', () => {
  /** Nats a row above the least that any model needs. */
  const gapOf = (model: Model) => {
    const mean = model.logLikelihood(PATTERNS).reduce((sum, x) => sum + x, 0) / PATTERNS.length;
    return -mean - ENTROPY;
  };
  const learned = (algorithm: ReturnType<typeof deepBoltzmannLearning> | ReturnType<typeof greedy>) => {
    const graph = deepBoltzmannMachine({ visible: bernoulli(4), hidden: [bernoulli(8), bernoulli(4)] });
    const model = engine.create(graph, { seed: 5, weightScale: 0.1 });
    const data = engine.dataset({ rows: PATTERNS });
    const before = gapOf(model);
    const records = [...model.train(data, algorithm, { heldOut: data })];
    const after = gapOf(model);
    model.free();
    return { before, after, records };
  };
  const together = {
    epochs: 2000,
    chains: 200,
    momentum: 0.5,
    weightCost: 0,
    averaging: 0.99,
    learningRate: { from: 0.2, to: 0 },
  };

  it('is learned by centring alone to within 0.1 nat of its entropy', () => {
    const { before, after, records } = learned(deepBoltzmannLearning({ ...together, centring: true }));
    expect(before).toBeGreaterThan(0.6);
    expect(after).toBeLessThan(0.1);
    // The variational free energy falls too, less log Z.
    expect(Number.isFinite(records.at(-1)!.freeEnergy)).toBe(true);
    expect(records.at(-1)!.freeEnergyGap).toBe(0);
  });

  it('is learned after pretraining, which alone does not reach it', () => {
    const single = { epochs: 300, learningRate: 0.1, weightCost: 0, momentum: 0.5 };
    const phases = [contrastiveDivergence(single), persistentContrastiveDivergence({ ...single, chains: 20 })] as const;
    const pretrained = learned(greedy(phases));
    const whole = learned(greedy([...phases, deepBoltzmannLearning(together)]));
    expect(whole.after).toBeLessThan(0.1);
    expect(whole.after).toBeLessThan(pretrained.after - 0.05);
  });
});

describe('the same bits', () => {
  const rows = Array.from({ length: 23 }, (_, row) =>
    Array.from({ length: 12 }, (_, unit) => ((row * 7 + unit * 5) % 11) / 10),
  );
  const graph = deepBoltzmannMachine({ visible: bernoulli(12), hidden: [bernoulli(20), bernoulli(7), bernoulli(9)] });
  const phase = contrastiveDivergence({ epochs: 1, batchRows: 10, learningRate: 0.1, data: 'states' });
  const persistent = persistentContrastiveDivergence({
    epochs: 1,
    batchRows: 10,
    chains: 7,
    learningRate: 0.1,
    averaging: 0.9,
  });
  const together = deepBoltzmannLearning({
    epochs: 2,
    batchRows: 10,
    chains: 13,
    learningRate: 0.1,
    data: 'states',
    centring: true,
    sparsity: { target: 0.2, cost: 0.1 },
    averaging: 0.9,
    damping: 0.2,
    maxNorm: 3,
  });
  const algorithms = [
    { algorithm: greedy([phase, persistent, phase, together]), batches: 3 * 5 },
    { algorithm: greedy([persistent, phase, null, together]), batches: 3 * 4 },
    { algorithm: greedy([persistent, null, null, together]), batches: 3 * 3 },
  ];
  const trained = (on: Engine, algorithm: Greedy) => {
    const model = on.create(graph, { seed: 9, weightScale: 0.1 });
    const records = recordsOf(model.train(on.dataset({ rows }), algorithm));
    return { bytes: model.toBytes(), records };
  };

  it('with one thread and two', async () => {
    const two = await load({ threads: 2 });
    for (const { algorithm } of algorithms) expect(trained(two, algorithm)).toEqual(trained(engine, algorithm));
    two.close();
  });

  it.each(algorithms)('when a run is killed at any of $batches batches and goes on', ({ algorithm, batches }) => {
    const whole = trained(engine, algorithm);
    for (let kill = 0; kill <= batches; kill += 1) {
      const model = engine.create(graph, { seed: 9, weightScale: 0.1 });
      const stop = new AbortController();
      const run = model.train(engine.dataset({ rows }), algorithm, { signal: stop.signal });
      const records: unknown[] = [];
      try {
        const stepwise = run as unknown as { step(): TrainingRecord | undefined | 'end' };
        for (let step = 0; step < kill; step += 1) {
          const record = stepwise.step();
          if (record === undefined || record === 'end') continue;
          const { timing: _, ...rest } = record;
          records.push(rest);
        }
        const bytes = run.toBytes();
        run.free();
        const resumed = engine.resume(bytes, engine.dataset({ rows }));
        records.push(...recordsOf(resumed));
        expect(records).toEqual(whole.records);
        expect(resumed.model.toBytes()).toEqual(whole.bytes);
        resumed.model.free();
      } finally {
        model.free();
      }
    }
  });
});

describe('what is refused', () => {
  const graph = deepBoltzmannMachine({ visible: bernoulli(4), hidden: [bernoulli(3), bernoulli(2)] });
  const ask = (algorithm: Parameters<Model['train']>[1], on = graph) => {
    const model = engine.create(on, { seed: 1 });
    const data = engine.dataset({ rows: [[0, 0, 1, 1]] });
    try {
      return refusal(() => [...model.train(data, algorithm)]);
    } finally {
      model.free();
      data.free();
    }
  };
  const phase = contrastiveDivergence({ epochs: 1 });

  it('phases that do not fit', () => {
    expect(ask(greedy([phase]))).toBe(
      'GRAPH_UNSUITABLE: greedy() has 1 phases for a graph of 2 layers above the data.',
    );
    expect(ask(greedy([phase, parallelTempering({ epochs: 1 })]))).toBe(
      'GRAPH_UNSUITABLE: Pretraining a deep Boltzmann machine takes contrastiveDivergence or persistentContrastiveDivergence, and null for machines above the last that is trained; the phase of `h2` is parallelTempering.',
    );
    expect(ask(greedy([null, phase]))).toContain('the phase of `h1` is null');
    expect(ask(greedy([null, null, deepBoltzmannLearning({ epochs: 1 })]))).toContain('the phase of `h1` is null');
    expect(refusal(() => greedy([phase, deepBoltzmannLearning(), phase]))).toContain('only as the last');
    expect(ask(phase)).toContain('`visible-h1` below the top must be tied');
  });

  it('layers that cannot be learned', () => {
    const learned = deepBoltzmannMachine({
      visible: gaussian(4, { variance: 'learned' }),
      hidden: [bernoulli(3), bernoulli(2)],
    });
    expect(ask(deepBoltzmannLearning(), learned)).toContain('the layer `visible` has units that do');
    const counts = deepBoltzmannMachine({ visible: replicatedSoftmax(4), hidden: [bernoulli(3), bernoulli(2)] });
    expect(ask(deepBoltzmannLearning(), counts)).toContain('needs rows of one length; the layer `visible`');
    const means = deepBoltzmannMachine({
      visible: bernoulli(4),
      hidden: [bernoulli(3), bernoulli(2, { meanField: true })],
    });
    expect(ask(deepBoltzmannLearning(), means)).toContain('the layer `h2` has 2 mean-field logistic units');
  });

  it('options that make no sense', () => {
    expect(refusal(() => deepBoltzmannLearning({ damping: 1 }))).toContain('`damping` must be');
    expect(refusal(() => deepBoltzmannLearning({ hiddenDropout: 0.5 } as DeepBoltzmannOptions))).toContain(
      'hiddenDropout',
    );
    expect(refusal(() => deepBoltzmannLearning({ chains: 0 }))).toContain('`chains` must be');
  });

  it('a rate at which numbers are lost, naming the tensor', () => {
    expect(ask(deepBoltzmannLearning({ epochs: 50, learningRate: 1e38 }))).toMatch(
      /^NOT_FINITE: Update \d+ left a number in `(connections|layers)\.[a-z0-9.-]+` that is not finite/,
    );
  });
});
