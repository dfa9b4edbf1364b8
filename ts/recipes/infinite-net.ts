/**
 * An RBM as an infinite directed net with tied weights, enumerated: why its posterior is factorial, how deep a net must be,
 * and what contrastive divergence leaves out (Hinton, Osindero and Teh 2006).
 *
 * Everything is made of two tables, `p(v | h)` and `p(h | v)` of a small machine. Going down one tied layer is one
 * multiplication by one of them, so distributions of nets of any depth are exact.
 */
import { unroll } from '../combine/unroll.js';
import { uniformNumbers } from '../data/uniform.js';
import type { Engine } from '../engine.js';
import { rbm } from '../graph/constructors.js';
import type { Model } from '../model.js';
import { withScratch } from '../runtime/allocation.js';
import { bernoulli } from '../units/bernoulli.js';
import { deviation } from '../verify/checks.js';
import { logChart } from './log-chart.js';
import type { Demonstration, Shown } from './recipe.js';

const [VISIBLE, HIDDEN] = [6, 4];
const BIAS = 0.5;
const SCALES = [0.5, 1, 2, 3, 5];
const SAMPLED_LAYERS = 50;
const SAMPLES = 20_000;
/** Depths whose exact distance from the machine is told. */
const DEPTHS = [2, 6, 10, 20, 50, 100];
const CURVE_LAYERS = 100;
/** How near to the machine is near enough, in total variation. */
const NEAR = 0.01;

/** Rows of probabilities, `[from state][to state]`. */
type Table = readonly Float64Array[];

/** A machine and its tables. */
interface Small {
  readonly model: Model;
  /** `p(v | h)`, `[h][v]`. */
  readonly down: Table;
  /** `p(h | v)`, `[v][h]`. */
  readonly up: Table;
  /** p(h) and p(v) of the machine. */
  readonly hidden: Float64Array;
  readonly visible: Float64Array;
  /** The distribution of the topmost layer of a directed net, from its biases alone, like the hidden or the visible layer. */
  readonly fromBias: { readonly hidden: Float64Array; readonly visible: Float64Array };
}

export const infiniteNet: Demonstration = {
  name: 'infinite-net',
  title:
    'A small RBM as a directed net of tied layers: exact posteriors, samples of 50 layers, CD as truncated learning',
  reproduces: 'Complementary priors and tied nets, Hinton, Osindero and Teh 2006, sections 2 and 3.',
  published: 'no numbers; the equalities hold to rounding',
  takes: 'about 10 seconds',
  demonstrate,
};

function demonstrate(engine: Engine, seed: number): Shown {
  const table: string[][] = [
    ['weights', 'λ₂', 'rate', 'tied', ...DEPTHS.map((layers) => `p(v), ${layers}`), 'needed', `z of ${SAMPLED_LAYERS}`],
  ];
  const lines = [`An RBM of ${VISIBLE} visible and ${HIDDEN} hidden units, all states enumerated (seed ${seed}).`];
  const scales: object[] = [];
  const curves: { readonly label: string; readonly points: [number, number][] }[] = [];
  for (const scale of SCALES) {
    const small = smallMachine(engine, seed, scale);
    try {
      const second = secondEigenvalue(small);
      const tied = Math.max(...[1, 2, 3, 4, 5].map((layers) => posteriorError(small, layers, true)));
      const distances = DEPTHS.map((layers) => distance(small, layers));
      const rate = observedRate(small);
      const needed = layersNeeded(small);
      const z = sampleFit(small, seed);
      scales.push({ scale, secondEigenvalue: second, tied, distances, rate, needed, z });
      table.push([
        scale.toFixed(1),
        second.toFixed(6),
        rate.toFixed(6),
        tied.toExponential(1),
        ...distances.map((distance) => distance.toExponential(1)),
        needed === undefined ? `> ${LAYER_LIMIT}` : String(needed),
        z.toFixed(1),
      ]);
      curves.push({ label: `scale ${scale}`, points: curveOf(small) });
    } finally {
      small.model.free();
    }
  }
  const truncated = truncation(engine, seed);
  const width = Math.max(...table.flat().map((cell) => cell.length)) + 2;
  lines.push('', ...table.map((row) => row.map((cell) => cell.padStart(width)).join('')), '');
  lines.push(
    'weights: their standard deviation. λ₂: the second eigenvalue of Gibbs sampling. rate: by how much two more purely directed',
    'layers bring the posterior of h1 nearer to σ(c + vW). tied: how far it is from that at most in nets of 1 to 5 directed tied',
    'layers topped by the machine itself. p(v), L: distance (total variation) of p(v) of L purely directed layers from the machine.',
    `needed: layers for a distance below ${NEAR}. z of ${SAMPLED_LAYERS}: χ² of ${SAMPLES} samples of ${SAMPLED_LAYERS} layers against the machine; above 5 is not deep enough.`,
  );
  lines.push('', 'Learning of the tied net on a data distribution, scale 1, largest difference from ...');
  lines.push(`  first two terms against ⟨s⁰s⁰⟩ − ⟨s¹s¹⟩, which is CD-1: ${truncated.identity.toExponential(1)}`);
  lines.push(
    `  first 2, 4, 8, 16, 32 terms against the exact gradient: ${truncated.rest.map((x) => x.toExponential(1)).join(', ')}`,
  );
  const axes = { x: 'layers (odd)', y: 'total variation from p(v) of the RBM', lowest: -12 };
  const picture = logChart('Directed nets with tied weights approach the RBM as λ₂^(L/2)', axes, curves);
  return {
    lines,
    results: { seed, scales, truncated },
    pictures: { 'infinite-net.svg': picture },
  };
}

/** Deeper nets are not tried. */
const LAYER_LIMIT = 100_000;

function smallMachine(engine: Engine, seed: number, scale: number): Small {
  const graph = rbm({ visible: bernoulli(VISIBLE), hidden: bernoulli(HIDDEN) });
  const model = engine.create(graph, { seed, weightScale: scale });
  // Any odd number starts the generator.
  const uniform = uniformNumbers((seed % 2 ** 31) * 2 + 1);
  const bias = (units: number) => Float32Array.from({ length: units }, () => uniform(-BIAS, BIAS));
  model.parameter('visible.bias').set(bias(VISIBLE));
  model.parameter('hidden.bias').set(bias(HIDDEN));
  const [lowers, uppers] = [binaryStates(VISIBLE), binaryStates(HIDDEN)];
  const W = model.parameter('visible-hidden.weight').values();
  const [b, c] = [model.parameter('visible.bias').values(), model.parameter('hidden.bias').values()];
  const negativeEnergy = (v: readonly number[], h: readonly number[]) => {
    const pairs = h.reduce((sum, y, j) => sum + y * v.reduce((inner, x, i) => inner + x * W[j * VISIBLE + i]!, 0), 0);
    return pairs + dot(v, b) + dot(h, c);
  };
  const table = (rows: readonly number[][]) => normalised(engine, rows);
  const joint = lowers.map((v) => uppers.map((h) => negativeEnergy(v, h)));
  const up = table(joint);
  const down = table(uppers.map((_, h) => joint.map((row) => row[h]!)));
  const [all] = table([joint.flat()]);
  const visible = Float64Array.from(lowers, (_, v) => sumOf(all!.subarray(v * uppers.length, (v + 1) * uppers.length)));
  const fromBias = {
    hidden: table([uppers.map((h) => dot(h, c))])[0]!,
    visible: table([lowers.map((v) => dot(v, b))])[0]!,
  };
  return { model, up, down, visible, hidden: through(visible, up), fromBias };
}

/** Each row of logarithms as probabilities. */
function normalised({ runtime }: Engine, rows: readonly (readonly number[])[]): Float64Array[] {
  const columns = rows[0]!.length;
  return withScratch(runtime, rows.length * columns * 8, (scratch) => {
    scratch.doubles().set(rows.flat());
    runtime.kernels.normaliseRows(scratch.handle, columns);
    const values = new Float64Array(scratch.doubles().subarray(0, rows.length * columns));
    return rows.map((_, row) => values.subarray(row * columns, (row + 1) * columns));
  });
}

/** The distribution one layer down, or up. */
function through(distribution: Float64Array, table: Table): Float64Array {
  const result = new Float64Array(table[0]!.length);
  distribution.forEach((share, from) => {
    for (let to = 0; to < result.length; to += 1) result[to]! += share * table[from]![to]!;
  });
  return result;
}

/**
 * The prior over h1 in a net of `layers` layers above the visible one: from the topmost down; `topped` by the machine, or by
 * the biases of the topmost layer.
 */
function priorOfFirst({ up, down, hidden, visible, fromBias }: Small, layers: number, topped: boolean): Float64Array {
  const likeHidden = layers % 2 === 1;
  const top = topped ? { hidden, visible } : fromBias;
  let distribution = likeHidden ? top.hidden : top.visible;
  for (let layer = layers; layer > 1; layer -= 1) distribution = through(distribution, layer % 2 === 1 ? down : up);
  return distribution;
}

/** Total variation of p(v) in a directed net and in the machine. */
function distance(small: Small, layers: number): number {
  return variation(through(priorOfFirst(small, layers, false), small.down), small.visible);
}

/** The largest difference, over all v and h, of the true posterior of h1 and the factorial one, `σ(c + vW)` of each unit. */
function posteriorError(small: Small, layers: number, topped: boolean): number {
  const prior = priorOfFirst(small, layers, topped);
  let most = 0;
  small.up.forEach((factorial, v) => {
    const joint = prior.map((share, h) => share * small.down[h]![v]!);
    const total = sumOf(joint);
    factorial.forEach((probability, h) => {
      most = Math.max(most, Math.abs(joint[h]! / total - probability));
    });
  });
  return most;
}

/** By how much two more layers bring the posterior nearer, where it is still far from rounding. */
function observedRate(small: Small): number {
  let [layers, rate] = [3, 0];
  let error = posteriorError(small, layers, false);
  for (; layers < 401; layers += 2) {
    const next = posteriorError(small, layers + 2, false);
    if (next < 1e-11) break;
    [rate, error] = [next / error, next];
  }
  return rate;
}

/** The second eigenvalue of a sweep of Gibbs sampling over h, by power iteration among vectors that sum to 0. */
function secondEigenvalue({ down, up, hidden }: Small): number {
  let vector: Float64Array = hidden.map((_, h) => (h === 0 ? 1 - hidden[0]! : -hidden[h]!));
  let eigenvalue = 0;
  for (let sweep = 0; sweep < 2000; sweep += 1) {
    const next = through(through(vector, down), up);
    // What rounding brings of the first eigenvector goes out again.
    const sum = sumOf(next);
    const pure = next.map((x, h) => x - sum * hidden[h]!);
    eigenvalue = norm(pure) / norm(vector);
    const size = norm(pure);
    vector = pure.map((x) => x / size);
  }
  return eigenvalue;
}

/** Layers, an odd number, until the distance is below `NEAR`. */
function layersNeeded({ down, up, visible, fromBias }: Small): number | undefined {
  let prior = fromBias.hidden;
  for (let layers = 1; layers <= LAYER_LIMIT; layers += 2) {
    const shown = through(prior, down);
    if (variation(shown, visible) < NEAR) return layers;
    prior = through(shown, up);
  }
  return undefined;
}

/** Odd numbers of layers alone, whose topmost is like the hidden one: the even ones stand a little beside that line. */
function curveOf(small: Small): [number, number][] {
  return Array.from({ length: CURVE_LAYERS / 2 }, (_, index) => [2 * index + 1, distance(small, 2 * index + 1)]);
}

/** z of χ² of samples of the unrolled net against the machine: about 0 where they match, above 5 where they do not. */
function sampleFit({ model, visible }: Small, seed: number): number {
  const net = unroll(model, SAMPLED_LAYERS);
  try {
    const rows = net.sample({ rows: SAMPLES, seed, give: 'states' });
    const counts = new Float64Array(visible.length);
    for (let row = 0; row < SAMPLES; row += 1)
      counts[stateNumber(rows.subarray(row * VISIBLE, (row + 1) * VISIBLE))]! += 1;
    return deviation(counts, visible, SAMPLES);
  } finally {
    net.free();
  }
}

/** The learning rule of the tied net, term by term, on a distribution over v. */
function truncation(engine: Engine, seed: number): { readonly identity: number; readonly rest: number[] } {
  const small = smallMachine(engine, seed, 1);
  try {
    const [lowers, uppers] = [binaryStates(VISIBLE), binaryStates(HIDDEN)];
    const uniform = uniformNumbers((seed % 2 ** 31) * 2 + 3);
    const drawn = Float64Array.from(lowers, () => uniform(0, 1));
    const data = drawn.map((share) => share / sumOf(drawn));
    const correlation = (v: Float64Array) => {
      return pairs((i, j) =>
        total(v, (share, a) => share * lowers[a]![i]! * total(small.up[a]!, (q, k) => q * uppers[k]![j]!)),
      );
    };
    const meanV = small.down.map((row) => lowers[0]!.map((_, i) => total(row, (q, a) => q * lowers[a]![i]!)));
    const meanH = small.up.map((row) => uppers[0]!.map((_, j) => total(row, (q, k) => q * uppers[k]![j]!)));
    // ⟨h (v − v̂(h))⟩ over pairs (v, h), then ⟨v (h − ĥ(v))⟩ over the pair (h, v) of the next layer, and so on.
    const terms: Float64Array[] = [];
    let v: Float64Array = data;
    for (let pair = 0; pair < 16; pair += 1) {
      const h = through(v, small.up);
      const next = through(h, small.down);
      const joint = correlation(v);
      const predicted = pairs((i, j) => total(h, (share, k) => share * uppers[k]![j]! * meanV[k]![i]!));
      terms.push(joint.map((x, place) => x - predicted[place]!));
      const repeated = pairs((i, j) => total(next, (share, a) => share * lowers[a]![i]! * meanH[a]![j]!));
      const crossed = pairs((i, j) => {
        return total(h, (share, k) => share * uppers[k]![j]! * total(small.down[k]!, (q, a) => q * lowers[a]![i]!));
      });
      terms.push(crossed.map((x, place) => x - repeated[place]!));
      v = next;
    }
    const sumOfFirst = (count: number) =>
      terms[0]!.map((_, place) => terms.slice(0, count).reduce((sum, term) => sum + term[place]!, 0));
    const start = correlation(data);
    const differenceFrom = (end: Float64Array) => start.map((x, place) => x - end[place]!);
    const one = through(through(data, small.up), small.down);
    const exact = differenceFrom(correlation(small.visible));
    return {
      identity: largestDifference(sumOfFirst(2), differenceFrom(correlation(one))),
      rest: [2, 4, 8, 16, 32].map((count) => largestDifference(sumOfFirst(count), exact)),
    };
  } finally {
    small.model.free();
  }
}

/** A number for every visible and hidden unit. */
function pairs(of: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: VISIBLE * HIDDEN }, (_, place) => of(Math.floor(place / HIDDEN), place % HIDDEN));
}

function total(values: Float64Array, term: (value: number, index: number) => number): number {
  return values.reduce((sum, value, index) => sum + term(value, index), 0);
}

function sumOf(values: Float64Array): number {
  return total(values, (value) => value);
}

function norm(values: Float64Array): number {
  return Math.sqrt(total(values, (value) => value * value));
}

function dot(x: readonly number[], y: Float32Array): number {
  return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, place) => Math.max(most, Math.abs(value - b[place]!)), 0);
}

/** Half the sum of differences. */
function variation(a: Float64Array, b: Float64Array): number {
  return total(a, (value, place) => Math.abs(value - b[place]!)) / 2;
}

/** All states of binary units, the first changing slowest. */
function binaryStates(units: number): number[][] {
  return Array.from({ length: 1 << units }, (_, state) =>
    Array.from({ length: units }, (_unused, unit) => (state >> (units - 1 - unit)) & 1),
  );
}

function stateNumber(values: Float32Array): number {
  return values.reduce((number, value) => number * 2 + value, 0);
}
