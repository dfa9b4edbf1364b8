/**
 * Deep Boltzmann machines against enumeration: log Z and likelihoods, the variational bound, conditionals, samplers from
 * exact starts, and annealed importance sampling. Samplers are held to χ² with z < 5 (`stationarity.test.ts` says why).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnnealedOptions,
  bernoulli,
  boltzmannMachine,
  deepBeliefNet,
  deepBoltzmannLearning,
  deepBoltzmannMachine,
  type Engine,
  type Graph,
  gaussian,
  load,
  type Model,
  readSafetensors,
  relu,
  sigmoidBeliefNet,
  softmax,
} from 'wakesleep';
import { refusal } from '../files/refusal.js';
import {
  allStates,
  binaryDbm,
  energy,
  inputsOf,
  jointDistribution,
  logLikelihoodOf,
  logPartitionOfParity,
  logPartitionOfStates,
  meanFieldOf,
  type ReferenceDbm,
  randomDbm,
  type States,
  variationalEnergyOf,
} from '../reference/deep-boltzmann.js';
import { logistic } from '../reference/logistic.js';
import { randomSource } from '../reference/random.js';
import { bernoulliLayer, softmaxLayer, unitsOfSide } from '../reference/rbm.js';
import { chiSquare } from '../reference/statistics.js';
import { deepModelOf, layerName } from './deep-counterpart.js';

const LARGEST_Z = 5;

const random = randomSource(501);
const SMALL = binaryDbm([4, 3, 3], 1.2, 0.5, random);
const DEEP = binaryDbm([3, 3, 2, 3], 1.2, 0.5, random);
const GROUPS = randomDbm([softmaxLayer(2, 3), bernoulliLayer(3), softmaxLayer(1, 3)], 1.2, 0.5, random);
const MODELS: [string, ReferenceDbm][] = [
  ['4-3-3', SMALL],
  ['3-3-2-3', DEEP],
  ['softmax(2, 3)-3-softmax(3)', GROUPS],
];

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** Every visible state, once. */
function visibleStates(dbm: ReferenceDbm): number[][] {
  return allStates({ ...dbm, layers: dbm.layers.slice(0, 1) }).map(([v]) => [...v!]);
}

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, x) => total + x, 0);
}

describe('the oracle', () => {
  it('finds log Z by all states and by either half of the layers', () => {
    for (const dbm of [SMALL, DEEP]) {
      const exact = logPartitionOfStates(dbm);
      expect(logPartitionOfParity(dbm, 0)).toBeCloseTo(exact, 11);
      expect(logPartitionOfParity(dbm, 1)).toBeCloseTo(exact, 11);
      expect(sum(jointDistribution(dbm))).toBeCloseTo(1, 11);
    }
  });
});

describe.each(MODELS)('exact answers of %s', (_, dbm) => {
  it('log Z and the log-likelihood of every visible state', () => {
    const model = deepModelOf(engine, dbm);
    const logZ = logPartitionOfStates(dbm);
    expect(Math.abs(model.logPartition() - logZ)).toBeLessThan(1e-5);
    const states = visibleStates(dbm);
    const found = model.logLikelihood(states);
    for (const [row, v] of states.entries())
      expect(Math.abs(found[row]! - logLikelihoodOf(dbm, v, logZ))).toBeLessThan(2e-5);
    expect(sum(found.map(Math.exp))).toBeCloseTo(1, 4);
    model.free();
  });

  it('a bound that is never above the log-likelihood and rises with the passes', () => {
    const model = deepModelOf(engine, dbm);
    const states = visibleStates(dbm);
    const exact = model.logLikelihood(states);
    let before = new Float64Array(states.length).fill(Number.NEGATIVE_INFINITY);
    for (const passes of [1, 2, 5, 40]) {
      const bound = model.logLikelihoodBound(states, { passes });
      for (const [row, value] of bound.entries()) {
        expect(value).toBeLessThan(exact[row]! + 1e-5);
        expect(value).toBeGreaterThan(before[row]! - 1e-5);
      }
      before = bound as Float64Array<ArrayBuffer>;
    }
    // It is a bound and not the thing itself.
    expect(sum(exact) - sum(before)).toBeGreaterThan(0.01);
    model.free();
  });
});

describe('a deep machine of binary units is a general one too', () => {
  it.each([['4-3-3', SMALL] as const, ['3-3-2-3', DEEP] as const])('%s has exact free energies and means', (_, dbm) => {
    const model = deepModelOf(engine, dbm);
    const logZ = logPartitionOfStates(dbm);
    const states = visibleStates(dbm);
    const energies = model.freeEnergy(states);
    const means = dbm.layers.map((__, l) =>
      l === 0 ? [] : model.meanHidden(states, { layer: layerName(l), method: 'exact' }),
    );
    for (const [row, v] of states.entries()) {
      const logLikelihood = logLikelihoodOf(dbm, v, logZ);
      expect(Math.abs(energies[row]! + logLikelihood + logZ)).toBeLessThan(2e-5);
      const hidden = allStates(dbm, 1);
      const p = hidden.map((own) => Math.exp(-energy(dbm, [v, ...own]) - logZ - logLikelihood));
      for (let l = 1; l < dbm.layers.length; l += 1) {
        const units = hidden[0]![l - 1]!.length;
        for (let unit = 0; unit < units; unit += 1) {
          const mean = sum(hidden.map((own, place) => p[place]! * own[l - 1]![unit]!));
          expect(Math.abs(means[l]![row * units + unit]! - mean)).toBeLessThan(2e-6);
        }
      }
    }
    model.free();
  });
});

describe('the mean field', () => {
  it.each([['4-3-3', SMALL] as const, ['3-3-2-3', DEEP] as const])(
    'of %s is that of f64, and so is its bound',
    (_, dbm) => {
      const model = deepModelOf(engine, dbm);
      const states = visibleStates(dbm);
      const logZ = logPartitionOfStates(dbm);
      for (const passes of [0, 1, 10]) {
        const fields = states.map((v) => meanFieldOf(dbm, v, passes));
        for (let l = 1; l < dbm.layers.length; l += 1) {
          const means = model.meanHidden(states, { layer: layerName(l), passes });
          fields
            .flatMap((field) => field[l]!)
            .forEach((mean, place) => {
              expect(Math.abs(means[place]! - mean)).toBeLessThan(2e-6);
            });
        }
        if (passes === 0) continue;
        const bounds = model.logLikelihoodBound(states, { passes, logPartition: logZ });
        fields.forEach((field, row) => {
          expect(Math.abs(bounds[row]! - (variationalEnergyOf(dbm, field) - logZ))).toBeLessThan(2e-5);
        });
      }
      const field = states.map((v) => meanFieldOf(dbm, v, 10));
      const seen = field.flatMap((means) => inputsOf(dbm, 0, means).map(logistic));
      model.reconstruct(states, { passes: 10 }).forEach((mean, place) => {
        expect(Math.abs(mean - seen[place]!)).toBeLessThan(2e-6);
      });
      model.free();
    },
  );

  it('damped, ends where the plain one does', () => {
    const model = deepModelOf(engine, SMALL);
    const states = visibleStates(SMALL);
    const plain = model.meanHidden(states, { passes: 300 });
    const damped = model.meanHidden(states, { passes: 300, damping: 0.5 });
    const early = model.meanHidden(states, { passes: 2, damping: 0.5 });
    for (const [place, mean] of damped.entries()) expect(Math.abs(mean - plain[place]!)).toBeLessThan(1e-5);
    expect(early).not.toEqual(model.meanHidden(states, { passes: 2 }));
    model.free();
  });

  it('gives the log-likelihood itself where the posterior is factorial', () => {
    const apart = {
      ...DEEP,
      W: DEEP.W.map((weights, l) => (l === 0 ? weights : weights.map((row) => row.map(() => 0)))),
    };
    const model = deepModelOf(engine, apart);
    const states = visibleStates(apart);
    const exact = model.logLikelihood(states);
    model.logLikelihoodBound(states, { passes: 1 }).forEach((bound, row) => {
      expect(Math.abs(bound - exact[row]!)).toBeLessThan(1e-5);
    });
    model.free();
  });

  it('holds for Gaussian data below binary layers: log-densities whose bound is below them', () => {
    const graph = deepBoltzmannMachine({ visible: gaussian(2), hidden: [bernoulli(3), bernoulli(2)] });
    const model = engine.create(graph, { seed: 3, weightScale: 0.8 });
    const rows = [
      [0.3, -0.5],
      [1.5, 0.2],
      [-2, 1],
    ];
    const density = model.logLikelihood(rows);
    const bound = model.logLikelihoodBound(rows);
    rows.forEach((_, row) => {
      expect(bound[row]!).toBeLessThan(density[row]! + 1e-5);
      expect(bound[row]!).toBeGreaterThan(density[row]! - 2);
    });
    // The density sums to 1 over a grid that leaves nothing out.
    const step = 0.25;
    const places = Array.from({ length: 81 }, (_, k) => (k - 40) * step);
    const grid = places.flatMap((x) => places.map((y) => [x, y]));
    expect(sum(model.logLikelihood(grid).map(Math.exp)) * step * step).toBeCloseTo(1, 4);
    model.free();
  });
});

const CHAINS = 12_000;

/** Chains whose states are drawn from the joint distribution: `[chains, units]` for each layer. */
function exactChains(dbm: ReferenceDbm, seed: number): Float32Array[] {
  const states = allStates(dbm);
  const p = jointDistribution(dbm);
  const source = randomSource(seed);
  const sizes = dbm.layers.map((layer) => unitsOfSide([layer]));
  const chains = sizes.map((units) => new Float32Array(CHAINS * units));
  for (let row = 0; row < CHAINS; row += 1) {
    const drawn = states[source.categorical(p)]!;
    for (const [l, state] of drawn.entries()) chains[l]!.set(state, row * sizes[l]!);
  }
  return chains;
}

/** z of the joint distribution of all layers. */
function zOf(dbm: ReferenceDbm, chains: readonly Float32Array[], p = jointDistribution(dbm)): number {
  const places = new Map(allStates(dbm).map((states, place) => [states.flat().join(''), place]));
  const counts = new Array<number>(places.size).fill(0);
  for (let row = 0; row < CHAINS; row += 1) {
    const key = chains
      .map((layer) => layer.subarray((row * layer.length) / CHAINS, ((row + 1) * layer.length) / CHAINS).join(''))
      .join('');
    counts[places.get(key)!]! += 1;
  }
  return chiSquare(counts, p, CHAINS).z;
}

/** All layers after sweeps from given states: a seed gives the same chains whichever layer is asked for. */
function swept(
  model: Model,
  dbm: ReferenceDbm,
  start: readonly Float32Array[],
  sweeps: number,
  seed: number,
): Float32Array[] {
  const named = Object.fromEntries(start.map((states, l) => [layerName(l), states]));
  return dbm.layers.map((_, l) => {
    return model.sample({ rows: CHAINS, sweeps, seed, give: 'states', start: named, layer: layerName(l) });
  });
}

describe.each(MODELS)('chains of %s', (_, dbm) => {
  it.each([1, 4, 16])('stay in the joint distribution for %i sweeps', (sweeps) => {
    const model = deepModelOf(engine, dbm);
    expect(zOf(dbm, swept(model, dbm, exactChains(dbm, sweeps), sweeps, 11))).toBeLessThan(LARGEST_Z);
    model.free();
  });

  it('are caught where all layers are drawn at once', () => {
    const model = deepModelOf(engine, dbm);
    let chains = exactChains(dbm, 7);
    for (const sweep of [1, 2]) {
      chains = chains.map((_, l) => {
        // Each layer is drawn from the old states of its neighbours, which are clamped.
        const clamp = Object.fromEntries(chains.flatMap((states, k) => (k === l ? [] : [[layerName(k), states]])));
        return model.sample({ rows: CHAINS, sweeps: 1, seed: 20 + sweep, give: 'states', clamp, layer: layerName(l) });
      });
    }
    expect(zOf(dbm, chains)).toBeGreaterThan(LARGEST_Z);
    model.free();
  });
});

describe('sampling', () => {
  it('reaches the distribution from its own start, and given what is clamped its conditional', () => {
    const model = deepModelOf(engine, SMALL);
    const own = [0, 1, 2].map((l) =>
      model.sample({ rows: CHAINS, sweeps: 30, seed: 5, give: 'states', layer: layerName(l) }),
    );
    expect(zOf(SMALL, own)).toBeLessThan(LARGEST_Z);
    const free = Number.NaN;
    const clamp = { visible: [1, free, 0, free], h2: [free, 1, free] };
    const given = [0, 1, 2].map((l) =>
      model.sample({ rows: CHAINS, sweeps: 30, seed: 6, give: 'states', layer: layerName(l), clamp }),
    );
    const fits = ([v, , h2]: States) => v![0] === 1 && v![2] === 0 && h2![1] === 1;
    const joint = jointDistribution(SMALL);
    const inside = allStates(SMALL).map((states, place) => (fits(states) ? joint[place]! : 0));
    const total = sum(inside);
    expect(
      zOf(
        SMALL,
        given,
        inside.map((p) => p / total),
      ),
    ).toBeLessThan(LARGEST_Z);
    expect(zOf(SMALL, given)).toBeGreaterThan(LARGEST_Z);
    model.free();
  });

  it('takes `null` for a unit that is free, as NaN', () => {
    const model = deepModelOf(engine, SMALL);
    const drawn = (free: number | null) =>
      model.sample({ rows: 5, sweeps: 3, seed: 2, clamp: { visible: [1, free, 0, free], h2: [free, 1, free] } });
    expect(drawn(null)).toEqual(drawn(Number.NaN));
    model.free();
  });

  it('gives the conditional means of every layer between clamped ones', () => {
    const model = deepModelOf(engine, DEEP);
    const states = allStates(DEEP).slice(-40);
    for (let l = 0; l < DEEP.layers.length; l += 1) {
      const clamp = Object.fromEntries(
        DEEP.layers.flatMap((_, k) => (k === l ? [] : [[layerName(k), states.flatMap((all) => [...all[k]!])]])),
      );
      const means = model.sample({ rows: states.length, sweeps: 1, seed: 1, clamp, layer: layerName(l) });
      states
        .flatMap((all) => inputsOf(DEEP, l, all).map(logistic))
        .forEach((mean, place) => {
          expect(Math.abs(means[place]! - mean)).toBeLessThan(1e-6);
        });
    }
    model.free();
  });

  it('fills in part of a row with the exact conditional', () => {
    const model = deepModelOf(engine, SMALL);
    const rows = new Float32Array(CHAINS * 4).map((_, place) => [1, 0, 0, 1][place % 4]!);
    const filled = model.conditional(rows, [1, 0, 1, 0], { seed: 3, sweeps: 40 });
    const logZ = logPartitionOfStates(SMALL);
    const choices = [
      [1, 0, 0, 0],
      [1, 0, 0, 1],
      [1, 1, 0, 0],
      [1, 1, 0, 1],
    ];
    const p = choices.map((v) => Math.exp(logLikelihoodOf(SMALL, v, logZ)));
    const counts = [0, 0, 0, 0];
    for (let row = 0; row < CHAINS; row += 1) {
      const v = Array.from(filled.subarray(4 * row, 4 * row + 4));
      counts[choices.findIndex((choice) => choice.every((x, unit) => x === v[unit]))]! += 1;
    }
    expect(
      chiSquare(
        counts,
        p.map((x) => x / sum(p)),
        CHAINS,
      ).z,
    ).toBeLessThan(LARGEST_Z);
    const means = model.conditional(rows.subarray(0, 4), [1, 0, 1, 0], { seed: 3, sweeps: 40, give: 'means' });
    expect([means[0], means[2]]).toEqual([1, 0]);
    expect(means[1]).toBeGreaterThan(0);
    expect(means[1]).toBeLessThan(1);
    model.free();
  });
});

describe('annealed importance sampling', () => {
  const binary = binaryDbm([6, 4, 5], 1.2, 0.6, randomSource(61));
  const data = Array.from({ length: 40 }, (_, row) =>
    Array.from({ length: 6 }, (_, unit) => Number((row + unit) % 3 === 0)),
  );
  const exact = logPartitionOfStates(binary);

  it.each(['over the layers of odd index', 'over those of even index, with a base'])(
    '%s: log Z within its errors',
    (over) => {
      const model = deepModelOf(engine, binary);
      const base = over.includes('base') ? { base: engine.dataset({ rows: data, columns: 6 }) } : {};
      const found = Array.from({ length: 20 }, (_, seed) => {
        return model.annealedLogPartition({ chains: 130, temperatures: 60, seed, ...base });
      });
      const within = (logZ: number) =>
        found.filter((one) => Math.abs(one.logPartition - logZ) <= 3 * one.standardError).length;
      expect(within(exact)).toBeGreaterThanOrEqual(19);
      expect(within(exact - Math.LN2)).toBeLessThan(5);
      const bounds = found.map(({ bound }) => bound);
      const mean = sum(bounds) / 20;
      const error = Math.sqrt(sum(bounds.map((x) => (x - mean) ** 2)) / 19 / 20);
      expect(mean).toBeLessThan(exact + 4 * error);
      base.base?.free();
      model.free();
    },
  );

  it('backward from exact states of the layers of odd index, and from long chains, ends above log Z', () => {
    const model = deepModelOf(engine, DEEP);
    const logZ = logPartitionOfStates(DEEP);
    const [, h1, , h3] = exactChains(DEEP, 9);
    const columns = 6;
    const starts = new Float32Array(2000 * columns);
    for (let row = 0; row < 2000; row += 1) {
      starts.set(h1!.subarray(3 * row, 3 * row + 3), row * columns);
      starts.set(h3!.subarray(3 * row, 3 * row + 3), row * columns + 3);
    }
    const rows = engine.dataset({ rows: starts, columns });
    const given: AnnealedOptions = { seed: 2, chains: 2000, temperatures: 80, direction: 'reverse' };
    const exactStart = model.annealedLogPartition({ ...given, start: { rows } });
    expect(exactStart.heuristic).toBe(false);
    expect(Math.abs(exactStart.logPartition - logZ)).toBeLessThan(4 * exactStart.standardError);
    expect(exactStart.bound).toBeGreaterThan(logZ - 4 * exactStart.standardError);
    const long = model.annealedLogPartition({ ...given, chains: 300, start: { sweeps: 100 } });
    expect(long.heuristic).toBe(true);
    expect(Math.abs(long.logPartition - logZ)).toBeLessThan(5 * long.standardError);
    const narrow = engine.dataset({ rows: starts, columns: 3 });
    expect(refusal(() => model.annealedLogPartition({ ...given, start: { rows: narrow } }))).toBe(
      'SHAPE_MISMATCH: The rows to start from have 3 columns; the layers `h1` and `h3` have 6 units.',
    );
    rows.free();
    narrow.free();
    model.free();
  });

  it('gives the same bits for every number of threads', async () => {
    const two = await load({ threads: 2 });
    const [here, there] = [deepModelOf(engine, binary), deepModelOf(two, binary)];
    const options = { seed: 3, chains: 120, temperatures: 30 };
    expect(there.annealedLogPartition(options)).toEqual(here.annealedLogPartition(options));
    expect(there.sample({ rows: 50, sweeps: 5, seed: 1 })).toEqual(here.sample({ rows: 50, sweeps: 5, seed: 1 }));
    expect(there.logLikelihoodBound(data)).toEqual(here.logLikelihoodBound(data));
    here.free();
    two.close();
  });
});

describe('what does not fit is refused by name', () => {
  const ask = (graph: Graph, question: (model: Model) => unknown) => {
    const model = engine.create(graph, { seed: 1 });
    try {
      return refusal(() => question(model));
    } finally {
      model.free();
    }
  };
  const deep = deepBoltzmannMachine({ visible: bernoulli(4), hidden: [bernoulli(3), bernoulli(2)] });

  it('units without an energy', () => {
    const graph = deepBoltzmannMachine({ visible: bernoulli(4), hidden: [relu(3), bernoulli(2)] });
    const lack = 'needs units with an energy; the layer `h1` has 3 rectified units';
    expect(ask(graph, (model) => model.meanHidden([[0, 0, 0, 0]]))).toContain(`GRAPH_UNSUITABLE: A mean field ${lack}`);
    expect(ask(graph, (model) => model.sample({ seed: 1 }))).toContain(
      `GRAPH_UNSUITABLE: Block Gibbs sampling ${lack}`,
    );
    expect(ask(graph, (model) => model.logPartition())).toContain(`GRAPH_UNSUITABLE: The exact log Z ${lack}`);
  });

  it('connections that make no chain', () => {
    const what = 'needs a deep Boltzmann machine, a chain of layers joined by undirected connections';
    const learn = (graph: Graph) =>
      ask(graph, (model) => {
        const data = engine.dataset({ rows: [[0, 0, 0, 0]] });
        return model.train(data, deepBoltzmannLearning());
      });
    const net = deepBeliefNet({ visible: bernoulli(4), hidden: [bernoulli(3), bernoulli(2)] });
    expect(learn(net)).toBe(`GRAPH_UNSUITABLE: Learning a deep Boltzmann machine ${what}; \`visible-h1\` is tied.`);
    const full = boltzmannMachine({ visible: bernoulli(4), hidden: bernoulli(2) });
    expect(learn(full)).toContain('`visible-visible` joins a layer to itself.');
    const labelled = deepBeliefNet({ visible: bernoulli(4), hidden: [], label: softmax(2), top: bernoulli(2) });
    expect(learn(labelled)).toContain('`label-h1` is beside the chain.');
    const directed = sigmoidBeliefNet({ visible: bernoulli(4), hidden: [bernoulli(2)] });
    expect(ask(directed, (model) => model.logLikelihoodBound([[0, 0, 0, 0]]))).toContain('`h1>visible` is directed.');
  });

  it('more configurations than anyone can wait for', () => {
    const graph = deepBoltzmannMachine({ visible: bernoulli(4), hidden: [bernoulli(22), bernoulli(22)] });
    expect(ask(graph, (model) => model.logLikelihood(new Float32Array(4 * 300)))).toBe(
      'GRAPH_UNSUITABLE: The exact log-likelihood enumerates 4194304 configurations for each of 300 rows, which are too many; `logLikelihoodBound()` is quick.',
    );
  });

  it('what is asked of a layer', () => {
    expect(ask(deep, (model) => model.meanHidden([[0, 0, 0, 0]], { layer: 'h3' }))).toBe(
      'OPTION_INVALID: `layer` must be one of h1, h2; got "h3".',
    );
    expect(ask(deep, (model) => model.sample({ seed: 1, clamp: { h1: [1, 1] } }))).toBe(
      'SHAPE_MISMATCH: `clamp.h1` has 2 numbers; it must have 3, one for each unit, or 3, one for each unit of each row.',
    );
    expect(ask(deep, (model) => model.sample({ seed: 1, start: { h2: [2, 0] } }))).toBe(
      'OPTION_INVALID: `start.h2` must hold numbers from 0 to 1; got 2.',
    );
    expect(ask(deep, (model) => model.meanHidden([[0, 0, 0, 0]], { damping: 1 }))).toContain('`damping` must be');
    expect(ask(deep, (model) => model.sampleHidden([[0, 0, 0, 0]], { seed: 1 }))).toContain('`visible-h1`');
  });
});

describe('where chains start, in a machine that keeps the state it is in', () => {
  /** Each hidden unit of h1 holds one visible unit on, and the other way round; the biases alone turn all off. */
  function bistable(): Model {
    const graph = deepBoltzmannMachine({ visible: bernoulli(3), hidden: [bernoulli(3), bernoulli(2)] });
    const model = engine.create(graph, { seed: 1, weightScale: 0 });
    model
      .parameter('connections.visible-h1.weight')
      .set([0, 4, 8].flatMap((on) => [0, 1, 2].map((i) => (on === 4 * i ? 60 : 0))));
    for (const layer of ['visible', 'h1']) model.parameter(`layers.${layer}.bias`).set([-30, -30, -30]);
    return model;
  }

  it('states of a layer of odd index alone are where sampling starts', () => {
    const model = bistable();
    const drawn = (start: Record<string, number[]>) =>
      Array.from(model.sample({ rows: 1, sweeps: 3, seed: 2, start, give: 'states' }));
    expect(drawn({})).toEqual([0, 0, 0]);
    expect(drawn({ h1: [1, 0, 1] })).toEqual([1, 0, 1]);
    expect(drawn({ visible: [0, 1, 1] })).toEqual([0, 1, 1]);
    model.free();
  });

  it.each([
    ['data', [1, 1, 0]],
    ['biases', [0, 0, 0]],
  ] as const)('chains of learning start from %s', (chainStart, expected) => {
    const model = bistable();
    const data = engine.dataset({ rows: [[1, 1, 0]] });
    const algorithm = deepBoltzmannLearning({
      epochs: 2,
      chains: 1,
      learningRate: 1e-6,
      chainStart,
      initialBias: 'keep',
    });
    const run = model.train(data, algorithm);
    for (const _ of run) break;
    const { tensors } = readSafetensors(run.toBytes(), 'checkpoint');
    expect(Array.from(tensors.get('state.chains.h1')!.values as Float32Array)).toEqual(expected);
    run.free();
    for (const owned of [model, data]) owned.free();
  });
});
