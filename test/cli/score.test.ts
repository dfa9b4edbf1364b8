/** `wakesleep score`: the numbers of the API, with what they are worth, and intensities never scored as they are. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bernoulli, type Engine, load, type Model, rbm, sigmoidBeliefNet } from 'wakesleep';
import { resolveData } from '../../dist/data/named.js';
import { temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const path = join(folder, 'model.safetensors');
const one = ['--threads', '1', '--json'];

let engine: Engine;
let model: Model;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  model = engine.create(rbm({ visible: bernoulli(144), hidden: bernoulli(8) }), { seed: 3, weightScale: 0.3 });
  writeFileSync(path, model.toBytes());
});
afterAll(() => engine.close());

/** The test rows of digits-tiny as the command binarises them. */
async function binarised(seed: number) {
  const { images, columns } = await resolveData('digits-tiny:test');
  return engine.dataset({ rows: images, columns, scale: 1 / 255 }).binarised({ method: 'sample', seed });
}

const mean = (values: Float64Array) => values.reduce((sum, x) => sum + x, 0) / values.length;

async function scored(...args: string[]) {
  const { status, stdout } = await wakesleep(['score', path, 'digits-tiny:test', ...one, ...args]);
  expect(status).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!);
}

describe('score gives', () => {
  it('the exact log-likelihood of rows that are drawn once', async () => {
    const said = await scored('--seed', '5');
    const data = await binarised(5);
    expect(said).toMatchObject({ type: 'score', quantity: 'log-likelihood', unit: 'nats per row', rows: data.rows });
    expect(said.mean).toBe(mean(model.logLikelihood(data)));
    expect((await scored('--seed', '6')).mean).not.toBe(said.mean);
  });

  it('pseudo-log-likelihoods and free energies', async () => {
    const data = await binarised(1);
    expect((await scored('--method', 'pseudo')).mean).toBe(mean(model.pseudoLogLikelihood(data)));
    expect((await scored('--method', 'free-energy')).mean).toBe(-mean(model.freeEnergy(data)));
  });

  it('importance-sampled likelihoods of a belief net, with how many particles they took', async () => {
    const net = engine.create(sigmoidBeliefNet({ visible: bernoulli(144), hidden: [bernoulli(3)] }), { seed: 3 });
    const file = join(folder, 'net.safetensors');
    writeFileSync(file, net.toBytes());
    const asked = ['score', file, 'digits-tiny:test', ...one, '--method', 'importance', '--particles', '9'];
    const said = JSON.parse((await wakesleep(asked)).stdout);
    const { mean: wanted, standardError } = net.importanceLogLikelihood(await binarised(1), { particles: 9, seed: 1 });
    expect(said).toMatchObject({ mean: wanted, standardError, particles: 9, warnings: [] });
    net.free();
  });

  it('annealed estimates, with a bracket that holds the exact number', async () => {
    const annealed = ['--method', 'ais', '--chains', '200', '--temperatures', '400', '--reverse', '--sweeps', '200'];
    const said = await scored(...annealed);
    const exact = mean(model.logLikelihood(await binarised(1)));
    expect(Math.abs(said.mean - exact)).toBeLessThan(4 * said.estimate.standardError);
    expect(said.estimate).not.toHaveProperty('state');
    expect(said.low).toBeLessThan(said.mean);
    expect(said.high).toBeGreaterThan(said.mean);
    expect(said.bracket.width).toBeLessThan(1);
    expect(said.warnings.at(-1)).toMatch(/it is a heuristic, not a bound\.$/);
  });

  it('words for a person', async () => {
    const { status, stdout, stderr } = await wakesleep(['score', path, 'digits-tiny:test', '--threads', '1']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^-\d+\.\d\d nats a row: log-likelihood, mean of [\d,]+ rows\n± \d+\.\d\d, three standard errors/,
    );
    expect(stderr).toMatch(/^[\d,]+ rows of digits-tiny:test, binarised by sampling once with seed 1\.\n$/);
  });
});

describe('score --method ais --state', () => {
  const ais = ['--method', 'ais', '--chains', '400', '--temperatures', '4000'];
  const ask = ['score', path, 'digits-tiny:test', ...one, ...ais];

  it('interrupted, keeps the chains that are done, and goes on to the same numbers', async () => {
    const state = join(folder, 'chains.json');
    const whole = await wakesleep(ask);
    const stopped = await wakesleep([...ask, '--state', state], {
      send: { signal: 'SIGINT', whenSaid: 'annealing, forward: 50 %' },
    });
    expect(stopped.status).toBe(130);
    expect(stopped.stderr).toMatch(
      /[123]00 finished chains are in .*chains\.json; the same command with `--resume` goes on from there\./,
    );
    const done = JSON.parse(readFileSync(state, 'utf8')).forward.logWeights.length;
    expect(done).toBeGreaterThanOrEqual(100);
    expect(done).toBeLessThan(400);
    const resumed = await wakesleep([...ask, '--state', state, '--resume']);
    expect(resumed.status).toBe(0);
    expect(resumed.stdout).toBe(whole.stdout);
    // It does not begin again: what is said first is a share beyond the chains that were kept.
    expect(resumed.stderr).not.toContain('annealing, forward: 10 %');
    expect(resumed.stderr).toMatch(/annealing, forward: [3-9]0 %, ([\d.]+ s left|starting)\n/);
  });

  it('refuses a file without --resume, chains of other options, and files that hold none', async () => {
    const state = join(folder, 'kept.json');
    const few = [
      'score',
      path,
      'digits-tiny:test',
      ...one,
      '--method',
      'ais',
      '--chains',
      '100',
      '--temperatures',
      '20',
    ];
    expect((await wakesleep([...few, '--state', state])).status).toBe(0);
    const refused = async (...args: string[]) => {
      const { status, stderr } = await wakesleep([...few, ...args]);
      return `${status} ${stderr.trimEnd().split('\n').at(-1)}`;
    };
    expect(await refused('--state', state)).toBe(
      `2 ${state} keeps the chains of an estimate already; give \`--resume\` to go on from it, or another name.`,
    );
    expect(await refused('--state', state, '--resume', '--seed', '2')).toBe(
      '2 The chains to go on from had another `seed`: 1 there, 2 here.',
    );
    expect(await refused('--resume')).toBe('2 `--resume` needs `--state FILE`, the file that keeps the chains.');
    writeFileSync(state, '{"forward":[1,2]}');
    expect(await refused('--state', state, '--resume')).toBe(
      `1 ${state} cannot be used: it is not the state of an estimate.`,
    );
  });
});

describe('score refuses', () => {
  it.each([
    [
      ['--binarise', 'none'],
      1,
      'The rows of digits-tiny:test are intensities, whose free energies are not nats; give `--binarise sample` or `threshold`.',
    ],
    [
      ['--method', 'exakt'],
      2,
      '`method` must be "exact", "ais", "importance", "free-energy" or "pseudo"; got "exakt". Did you mean "exact"?',
    ],
    [['--binarise', 'round'], 2, '`binarise` must be "sample", "threshold" or "none"; got "round".'],
    [['--method', 'ais', '--chains', '0'], 2, '`chains` must be an integer from 1 to 1000000; got 0.'],
  ] as [string[], number, string][])('%j', async (args, wanted, words) => {
    const { status, stderr } = await wakesleep(['score', path, 'digits-tiny:test', '--threads', '1', ...args]);
    expect(status).toBe(wanted);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(words);
  });
});

describe('verify', () => {
  it('says in words and as JSON that a model passes', async () => {
    const { status, stdout } = await wakesleep(['verify', path, '--threads', '1']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^visible-hidden: \d+ of 144 and \d+ of \d+ units, drawn, /);
    expect(stdout.match(/^ {2}passed {2}/gm)).toHaveLength(6);
    const json = await wakesleep(['verify', path, '--threads', '1', '--json', '--seed', '3']);
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toEqual({ type: 'summary', passed: true });
    expect(lines.slice(0, -1).map(({ type }) => type)).toEqual(new Array(6).fill('check'));
  });

  it('refuses too few chains as bad usage', async () => {
    const { status, stderr } = await wakesleep(['verify', path, '--chains', '3']);
    expect(status).toBe(2);
    expect(stderr).toContain('`chains` must be an integer from 1000 to 1000000; got 3.');
  });
});
