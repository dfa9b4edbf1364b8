/** `wakesleep score`: the numbers of the API, with what they are worth, and intensities never scored as they are. */
import { writeFileSync } from 'node:fs';
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
