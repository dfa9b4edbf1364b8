/**
 * Explaining away: two causes that are rare, either of which explains an effect that is rarer still without them. Given the
 * effect, one of the two must have happened, and either makes the other needless: no factorial posterior can say so.
 */
import type { Engine } from '../engine.js';
import { sigmoidBeliefNet } from '../graph/constructors.js';
import type { Model } from '../model.js';
import { bernoulli } from '../units/bernoulli.js';
import type { Demonstration, Shown } from './recipe.js';

/** A way to find the posterior of the two causes, and what it says. */
export interface Approximation {
  readonly name: string;
  /** Probabilities of neither cause, the first alone, the second alone, and both. */
  readonly joint: readonly number[];
  /** What a factorial distribution pays: log-likelihood less its lower bound, nats; `null` where draws tend to the truth. */
  readonly gapNats: number | null;
  /** Of draws: the standard error of a cause's mean, and how many independent draws would have as large a one. */
  readonly standardError?: number;
  readonly effectiveSampleSize?: number;
}

const [CAUSE_BIAS, EFFECT_BIAS, WEIGHT] = [-10, -20, 20];
/** Chains, and the sweeps of each, in which draws are compared. */
const CHAINS = 64;
const SWEEPS = 1000;
/** Chains of which the last states are counted, and their sweeps. */
const ROWS = 4000;
const ROW_SWEEPS = 100;

/** The truck, the earthquake and the house that jumps. */
export const explainingAway: Demonstration = {
  name: 'explaining-away',
  title: 'Two causes of one effect: the exact posterior, and what each approximation makes of it',
  reproduces: 'Pearl (1988); the example of Hinton, "Learning multiple layers of representation" (2007).',
  published:
    'p(1,0) = p(0,1) = .4999 and p(1,1) = p(0,0) = .0001 given the effect; the digits beyond are computed here',
  takes: 'about a second',
  demonstrate,
};

function demonstrate(engine: Engine, seed: number): Shown {
  const model = engine.create(sigmoidBeliefNet({ visible: bernoulli(1), hidden: [bernoulli(2)] }), { seed });
  try {
    model.parameter('h1.bias').set([CAUSE_BIAS, CAUSE_BIAS]);
    model.parameter('visible.bias').set([EFFECT_BIAS]);
    model.parameter('h1>visible.weight').set([WEIGHT, WEIGHT]);
    // What sleep would teach a recognition net: σ(−10) without the effect, σ(0) with it.
    model.parameter('layers.h1.recognition_bias').set([CAUSE_BIAS, CAUSE_BIAS]);
    model.parameter('visible>h1.weight').set([-CAUSE_BIAS, -CAUSE_BIAS]);
    const approximations = approximationsOf(engine, model, seed);
    return {
      lines: linesOf(approximations),
      results: { approximations },
      pictures: { 'posterior.svg': svg(approximations) },
    };
  } finally {
    model.free();
  }
}

/** The exact posterior first. */
function approximationsOf(engine: Engine, model: Model, seed: number): Approximation[] {
  const effect = [[1]];
  const exact = model.posterior(effect, { method: 'exact', table: true });
  const joint = Array.from(exact.table!.probabilities);
  const log = exact.logLikelihoods[0]!;
  const factorial = (name: string, options: { start?: number; order?: 'inTurn' | 'atOnce'; sweeps?: number }) => {
    const { means, bounds } = model.posterior(effect, { method: 'meanField', seed, ...options });
    return { name, joint: jointOf(means.h1!), gapNats: log - bounds[0]! };
  };
  const drawn = (name: string, moves: 'units' | 'layers') => {
    const options = { method: 'gibbs', seed, moves, chains: CHAINS, sweeps: SWEEPS, burnIn: 100 } as const;
    const { standardErrors, effectiveSampleSizes } = model.posterior(effect, options);
    const rows = model.sample({
      rows: ROWS,
      seed,
      sweeps: ROW_SWEEPS,
      clamp: { visible: [1] },
      layer: 'h1',
      give: 'states',
      moves,
    });
    const [standardError, effectiveSampleSize] = [standardErrors.h1![0]!, effectiveSampleSizes.h1![0]!];
    return { name, joint: sharesOf(rows), gapNats: null, standardError, effectiveSampleSize };
  };
  const recognised = model.posterior(effect, { method: 'recognition' }).means.h1!;
  const divergence = divergenceOf(jointOf(recognised), joint, (x) => engine.runtime.kernels.logOf(x));
  return [
    { name: 'exact', joint, gapNats: 0 },
    factorial('mean field, in turn from a drawn start', {}),
    factorial('mean field, in turn from (.5, .5)', { start: 0.5 }),
    factorial('mean field, at once from (.1, .1), 200 passes', { start: 0.1, order: 'atOnce', sweeps: 200 }),
    factorial('mean field, at once from (.1, .1), 201 passes', { start: 0.1, order: 'atOnce', sweeps: 201 }),
    { name: 'recognition net as sleep teaches it', joint: jointOf(recognised), gapNats: divergence },
    drawn('Gibbs sampling, one cause at a time', 'units'),
    drawn('Gibbs sampling, both causes together', 'layers'),
  ];
}

function jointOf(means: ArrayLike<number>): number[] {
  const [a, b] = [means[0]!, means[1]!];
  return [(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b];
}

function sharesOf(states: Float32Array): number[] {
  const counts = [0, 0, 0, 0];
  for (let place = 0; place < states.length; place += 2) counts[states[place]! + 2 * states[place + 1]!]! += 1;
  return counts.map((count) => (2 * count) / states.length);
}

/** `Σ q log q / p`, nats. */
function divergenceOf(q: readonly number[], p: readonly number[], logOf: (x: number) => number): number {
  return q.reduce((sum, share, state) => (share > 0 ? sum + share * logOf(share / p[state]!) : sum), 0);
}

function linesOf(approximations: readonly Approximation[]): string[] {
  const header = `${'given the effect'.padEnd(46)}   p(0,0)     p(1,0)     p(0,1)     p(1,1)`;
  const lines = approximations.map(({ name, joint, gapNats, standardError, effectiveSampleSize }) => {
    const numbers = joint.map((share) => share.toFixed(7)).join('  ');
    const gap =
      gapNats === null
        ? `a mean ± ${standardError!.toFixed(4)}: as sure as ${effectiveSampleSize!.toFixed(0)} independent draws`
        : `gap ${gapNats.toFixed(4)} nats`;
    return `${name.padEnd(46)} ${numbers}  ${gap}`;
  });
  return [
    header,
    ...lines,
    '',
    `Gibbs sampling: shares of ${ROWS} chains after ${ROW_SWEEPS} sweeps; the error is that of ${CHAINS} chains of ${SWEEPS} sweeps.`,
  ];
}

/** Four bars for each approximation, one for each state of the causes. */
function svg(approximations: readonly Approximation[]): string {
  const [rowHeight, barHeight, left, bar, gap] = [70, 44, 330, 60, 12];
  const states = ['neither', 'first', 'second', 'both'];
  const width = left + 4 * (bar + gap) + 20;
  const height = 40 + approximations.length * rowHeight;
  const text = (x: number, y: number, words: string, anchor = 'start') =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`;
  const titles = states.map((state, k) => text(left + k * (bar + gap) + bar / 2, 24, state, 'middle'));
  const rows = approximations.flatMap(({ name, joint, gapNats }, place) => {
    const bottom = 40 + place * rowHeight + barHeight;
    const paid = gapNats === null ? 'draws' : `gap ${gapNats.toFixed(2)} nats`;
    const bars = joint.map((share, k) => {
      const x = left + k * (bar + gap);
      const high = (share * barHeight).toFixed(2);
      const y = (bottom - share * barHeight).toFixed(2);
      return `<rect x="${x}" y="${y}" width="${bar}" height="${high}" fill="#36c"/><path d="M${x} ${bottom}h${bar}" stroke="#888"/>`;
    });
    return [text(10, bottom - 18, name), text(10, bottom, paid), ...bars];
  });
  const style = 'font-family="sans-serif" font-size="13"';
  const body = [...titles, ...rows].join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ${style}>\n<rect width="100%" height="100%" fill="#fff"/>\n${body}\n</svg>\n`;
}
