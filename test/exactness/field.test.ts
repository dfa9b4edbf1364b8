/**
 * General Boltzmann machines against enumeration in f64: energies, log Z and free energies, sweeps that leave the
 * distribution as it is (by the exact map of distributions, and by χ² over chains from exact starts), clamping, and what is
 * said where a question does not apply. χ² bounds are as in stationarity.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  boltzmannMachine,
  deepBoltzmannMachine,
  type Engine,
  load,
  type Model,
  rbm,
  softmax,
} from 'wakesleep';
import { Field, FieldStates } from '../../dist/infer/field.js';
import { refusal } from '../files/refusal.js';
import {
  conditionalOf,
  distance,
  distributionOf,
  energy,
  logPartition,
  logSumExp,
  marginalOf,
  type ReferenceField,
  randomField,
  statesOf,
  swept,
} from '../reference/field.js';

import { type RandomSource, randomSource } from '../reference/random.js';
import { chiSquare } from '../reference/statistics.js';
import { colourGroups, countsOf, drawnStates, modelOfField } from './field-models.js';
import { graphCount, largestZ } from './random-graphs.js';

const CHAINS = 20_000;
const LARGEST_Z = 5;
const SWEEPS = [1, 4, 16];

let engine: Engine;
beforeAll(async () => {
  engine = await load({ threads: 1 });
});
afterAll(() => engine.close());

/** A machine of up to `most` units with a density of its own, complete ones among them, and how many are visible. */
function anyField(most: number, random: RandomSource): { field: ReferenceField; visible: number } {
  const units = 2 + random.below(most - 1);
  const density = random.bernoulli(0.25) === 1 ? 1 : 0.2 + 0.6 * random.uniform();
  const field = randomField(units, density, 1, 0.5, random);
  return { field, visible: 1 + random.below(units) };
}

/** Whether the package takes the graph for a field: some pair is joined, and not as in an RBM. */
function isJoined({ joined }: ReferenceField): boolean {
  return joined.flat().some(Boolean);
}

describe('random graphs of up to 10 units', () => {
  it('have the energies, log Z, free energies and hidden means of enumeration', () => {
    const random = randomSource(301);
    for (let seed = 0; seed < 150; seed++) {
      const { field, visible } = anyField(10, random);
      if (!isJoined(field)) continue;
      const units = field.bias.length;
      const model = modelOfField(engine, field, visible);
      const states = statesOf(units);
      const energies = model.energy(states.flat());
      for (const [a, state] of states.entries()) {
        expect(Math.abs(energies[a]! - energy(field, state))).toBeLessThan(1e-12 * (1 + units));
      }
      expect(Math.abs(model.logPartition() - logPartition(field))).toBeLessThan(1e-12 * (1 + units));
      const row = states[random.below(states.length)]!.slice(0, visible);
      const compatible = states.filter((state) => row.every((value, i) => state[i] === value));
      const freeEnergy = -logSumExp(compatible.map((state) => -energy(field, state)));
      expect(Math.abs(model.freeEnergy([row])[0]! - freeEnergy)).toBeLessThan(1e-11);
      expect(model.logLikelihood([row])[0]!).toBeCloseTo(-freeEnergy - logPartition(field), 10);
      if (visible < units) {
        const weights = compatible.map((state) => Math.exp(freeEnergy - energy(field, state)));
        const means = model.meanHidden([row], { method: 'exact' });
        means.forEach((mean, j) => {
          const exact = compatible.reduce((sum, state, k) => sum + weights[k]! * state[visible + j]!, 0);
          expect(Math.abs(mean - exact)).toBeLessThan(1e-7);
        });
      }
      model.free();
    }
  });

  it('are saved and loaded bit for bit, and then draw the same', () => {
    const random = randomSource(302);
    for (let seed = 0; seed < 40; seed++) {
      const { field, visible } = anyField(12, random);
      if (!isJoined(field)) continue;
      const model = modelOfField(engine, field, visible);
      const bytes = model.toBytes();
      const other = engine.open(bytes);
      expect(other.toBytes()).toEqual(bytes);
      const options = { rows: 3, sweeps: 5, seed: 11, layers: 'all', give: 'states' } as const;
      expect(other.sample(options)).toEqual(model.sample(options));
      model.free();
      other.free();
    }
  });
});

describe('sweeps as maps of distributions', () => {
  it('leave the distribution as it is, for the colours that the kernels use', () => {
    const random = randomSource(303);
    let largest = 0;
    for (let seed = 0; seed < graphCount(80); seed++) {
      const { field, visible } = anyField(8, random);
      if (!isJoined(field)) continue;
      const model = modelOfField(engine, field, visible);
      const groups = colourGroups(model);
      largest = Math.max(largest, ...groups.map(({ length }) => length));
      for (const group of groups) for (const i of group) for (const j of group) expect(field.joined[i]![j]).toBe(false);
      const p = distributionOf(field);
      expect(distance(swept(field, p, groups), p)).toBeLessThan(1e-12);
      model.free();
    }
    expect(largest).toBeGreaterThan(3);
  });

  it('do not where joined units are drawn at once', () => {
    const field = randomField(6, 1, 1, 0.5, randomSource(304));
    const p = distributionOf(field);
    expect(distance(swept(field, p, [[0, 1, 2, 3, 4, 5]]), p)).toBeGreaterThan(0.05);
  });
});

const MODELS: [string, ReferenceField, number][] = [
  ['a full machine of 4 + 3 units', randomField(7, 1, 0.8, 0.5, randomSource(311)), 4],
  ['8 units, sparse, 5 of them visible', randomField(8, 0.35, 1, 0.5, randomSource(312)), 5],
  ['6 visible units', randomField(6, 0.7, 1, 0.5, randomSource(313)), 6],
];

/** States of all chains after some sweeps from exact starts. */
function afterSweeps(model: Model, field: ReferenceField, sweeps: number, chains: number, seed: number): Float32Array {
  const start = drawnStates(distributionOf(field), field.bias.length, chains, randomSource(seed));
  return model.sample({ rows: chains, sweeps, seed, start, layers: 'all', give: 'states' });
}

/** One sweep with the fault that every unit is drawn given the others before it: the package's means, drawn at once. */
function parallelSweep(model: Model, states: Float32Array, units: number, random: RandomSource): Float32Array {
  const field = new Field((model as unknown as { parameters: never }).parameters, 'A test');
  const chains = new FieldStates(field, states.length / units, { seed: 0, purpose: 'sample', layer: 0 });
  chains.write(states);
  const next = chains.means().map((mean: number) => random.bernoulli(mean));
  chains.free();
  field.free();
  return next;
}

describe.each(MODELS)('chains of %s', (_, field, visible) => {
  const units = field.bias.length;

  it.each(SWEEPS)('stay in the distribution for %i sweeps', (sweeps) => {
    const model = modelOfField(engine, field, visible);
    const rows = afterSweeps(model, field, sweeps, CHAINS, 400 + sweeps);
    expect(chiSquare(countsOf(rows, units), distributionOf(field), CHAINS).z).toBeLessThan(LARGEST_Z);
    model.free();
  });

  it('leave it where all units are drawn at once', () => {
    const model = modelOfField(engine, field, visible);
    const random = randomSource(420);
    let rows: Float32Array = drawnStates(distributionOf(field), units, CHAINS, random);
    for (let sweep = 1; sweep <= 16; sweep++) {
      rows = parallelSweep(model, rows, units, random);
      if (!SWEEPS.includes(sweep)) continue;
      expect(chiSquare(countsOf(rows, units), distributionOf(field), CHAINS).z).toBeGreaterThan(LARGEST_Z);
    }
    model.free();
  });

  it('reach it from their own start, and are not there after one sweep', () => {
    const model = modelOfField(engine, field, visible);
    const z = (sweeps: number) => {
      const rows = model.sample({ rows: CHAINS, sweeps, seed: 9, layers: 'all', give: 'states' });
      return chiSquare(countsOf(rows, units), distributionOf(field), CHAINS).z;
    };
    expect(z(60)).toBeLessThan(LARGEST_Z);
    expect(z(1)).toBeGreaterThan(LARGEST_Z);
    model.free();
  });

  it('are the same whether a chain runs alone or beside others', () => {
    const model = modelOfField(engine, field, visible);
    const options = { sweeps: 20, seed: 5, layers: 'all', give: 'states' } as const;
    const many = model.sample({ rows: 6, ...options });
    expect(model.sample({ rows: 1, ...options })).toEqual(many.subarray(0, units));
    model.free();
  });
});

it('random graphs of up to 12 units stay in their distribution from exact starts', () => {
  const random = randomSource(305);
  const chains = 3000;
  const count = graphCount(60);
  let tests = 0;
  for (let seed = 0; seed < count; seed++) {
    const { field, visible } = anyField(12, random);
    if (!isJoined(field)) continue;
    const units = field.bias.length;
    const model = modelOfField(engine, field, visible);
    const rows = afterSweeps(model, field, 1 + (seed % 4), chains, 1000 + seed);
    expect(chiSquare(countsOf(rows, units), distributionOf(field), chains).z).toBeLessThan(largestZ(count));
    tests += 1;
    model.free();
  }
  expect(tests).toBeGreaterThan(0.8 * count);
});

describe('clamped units', () => {
  const [, field, visible] = MODELS[1]!;
  const units = field.bias.length;

  it('never change, and the rest has the conditional distribution', () => {
    const model = modelOfField(engine, field, visible);
    const clamp = { visible: [1, Number.NaN, 0, Number.NaN, Number.NaN], hidden: [Number.NaN, 1, Number.NaN] };
    const [mask, given] = [0b1000101, 0b1000001];
    const rows = model.sample({ rows: CHAINS, sweeps: 60, seed: 3, clamp, layers: 'all', give: 'states' });
    const counts = countsOf(rows, units);
    counts.forEach((count, a) => {
      if ((a & mask) !== given) expect(count).toBe(0);
    });
    expect(chiSquare(counts, conditionalOf(field, mask, given), CHAINS).z).toBeLessThan(LARGEST_Z);
    const means = model.sample({ rows: 2, sweeps: 3, seed: 3, clamp, layers: 'all' });
    expect([means[0], means[2], means[6], means[8]]).toEqual([1, 0, 1, 1]);
    model.free();
  });

  it('differ from row to row in `conditional()`', () => {
    const model = modelOfField(engine, field, visible);
    const patterns = [0b00011, 0b11100];
    const row = [1, 0, 1, 1, 0];
    const rows = new Float32Array(CHAINS * visible).map((_, place) => row[place % visible]!);
    const mask = rows.map((_, place) => (patterns[Math.floor(place / visible) % 2]! >> (place % visible)) & 1);
    const drawn = model.conditional(rows, mask, { seed: 8, sweeps: 60 });
    const all = Array.from({ length: visible }, (_, unit) => unit);
    patterns.forEach((pattern, which) => {
      const own = drawn.filter((_, place) => Math.floor(place / visible) % 2 === which);
      const exact = marginalOf(conditionalOf(field, pattern, 0b01101), all);
      expect(chiSquare(countsOf(own, visible), exact, CHAINS / 2).z).toBeLessThan(LARGEST_Z);
    });
    model.free();
  });

  it('give hidden means near the exact ones by Gibbs sampling, and mean field where units hardly interact', () => {
    const model = modelOfField(engine, field, visible);
    const row = [[1, 0, 1, 1, 0]];
    const exact = model.meanHidden(row, { method: 'exact' });
    // The mean of 4,000 sweeps of means, each with variance below ¼; the machine forgets within a few sweeps.
    const gibbs = model.meanHidden(row, { method: 'gibbs', sweeps: 8000, seed: 4 });
    for (const [j, mean] of gibbs.entries()) {
      expect(Math.abs(mean - exact[j]!)).toBeLessThan(5 * Math.sqrt((0.25 * 5) / 4000));
    }
    model.free();
    const weak = modelOfField(engine, randomField(6, 1, 0.05, 0.5, randomSource(5)), 3);
    const means = weak.meanHidden([[1, 1, 0]]);
    weak.meanHidden([[1, 1, 0]], { method: 'exact' }).forEach((mean, j) => {
      expect(means[j]!).toBeCloseTo(mean, 3);
    });
    weak.free();
  });
});

describe('threads and artefacts', () => {
  it('give the same bits on a graph of 7,000 units, whose colours are shared out, for one chain and for several', async () => {
    const random = randomSource(306);
    const edges = new Map<string, [number, number]>();
    while (edges.size < 140_000) {
      const [i, j] = [random.below(7000), random.below(7000)].sort((a, b) => a - b) as [number, number];
      if (i < j) edges.set(`${i} ${j}`, [i, j]);
    }
    const graph = boltzmannMachine({ visible: bernoulli(4000), hidden: bernoulli(3000), edges: [...edges.values()] });
    const found: Float32Array[][] = [];
    for (const options of [
      { threads: 1, artefact: 'st' },
      { threads: 1, artefact: 'mt' },
      { threads: 2, artefact: 'mt' },
      { threads: 3, artefact: 'mt' },
    ] as const) {
      const other = await load(options);
      const model = other.create(graph, { seed: 1, weightScale: 0.5 });
      found.push([1, 9].map((rows) => model.sample({ rows, sweeps: 7, seed: 2, layers: 'all' })));
      other.close();
    }
    for (const rows of found.slice(1)) expect(rows).toEqual(found[0]);
    expect(found[0]![0]).toEqual(found[0]![1]!.subarray(0, 7000));
  });
});

describe('what does not apply is refused in words', () => {
  it('names the connection, the layer or the units at fault', () => {
    const potts = engine.create(deepBoltzmannMachine({ visible: softmax(3), hidden: [bernoulli(2), bernoulli(2)] }), {
      seed: 0,
    });
    expect(refusal(() => potts.energy(new Float32Array(7)))).toBe(
      'GRAPH_UNSUITABLE: An energy needs a Boltzmann machine, binary units joined by undirected connections; the layer `visible` has one of 3.',
    );
    potts.free();
    const large = engine.create(boltzmannMachine({ visible: bernoulli(20), hidden: bernoulli(26) }), { seed: 0 });
    expect(refusal(() => large.logPartition())).toBe(
      'GRAPH_UNSUITABLE: The exact log Z sums over the states of the units of `visible`, `hidden`, 46 together; at most 25 can be enumerated.',
    );
    expect(refusal(() => large.freeEnergy([new Array(20).fill(0)]))).toBe(
      'GRAPH_UNSUITABLE: A free energy sums over the states of the units of `hidden`, 26 together; at most 25 can be enumerated.',
    );
    expect(refusal(() => large.sample({ seed: 1, clamp: { visable: [1] } }))).toBe(
      'GRAPH_UNSUITABLE: There is no layer `visable` to clamp; the layers are `visible`, `hidden`.',
    );
    expect(refusal(() => large.sample({ seed: 1, rows: 2, clamp: { hidden: [1, 0] } }))).toBe(
      'SHAPE_MISMATCH: `clamp.hidden` must have 26 numbers, one for each unit, or 52, one for each unit of each row; got 2.',
    );
    expect(refusal(() => large.sample({ seed: 1, start: [1] }))).toBe(
      'SHAPE_MISMATCH: `start` has 1 numbers; 1 rows of 46 units have 46.',
    );
    expect(refusal(() => large.meanHidden([new Array(20).fill(0)], { method: 'gibbs' }))).toContain('`seed`');
    expect(refusal(() => large.energy([1, 2]))).toContain('all 46 units');
    expect(refusal(() => large.sampleHidden([new Array(20).fill(0)], { seed: 1 }))).toContain('`visible-visible`');
    large.free();
    const alone = engine.create(boltzmannMachine({ visible: bernoulli(3) }), { seed: 0 });
    expect(refusal(() => alone.meanHidden([[1, 0, 1]]))).toContain('no unit is hidden');
    alone.free();
    const restricted = engine.create(rbm({ visible: bernoulli(3), hidden: bernoulli(2) }), { seed: 0 });
    expect(refusal(() => restricted.sample({ seed: 1, start: [1, 1, 1, 0, 0] }))).toContain('`start`');
    restricted.free();
  });
});
