/**
 * The published JSON Schema of configurations, by a validator of its own (Ajv): what the command trains is valid, and what the
 * schema refuses, the command refuses.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { isStudy, parseConfiguration, readConfiguration, readStudy } from '../../dist/config.js';
import { recipes } from '../../dist/recipes/index.js';
import { runOf, smallConfiguration, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const published = fileURLToPath(import.meta.resolve('wakesleep/configuration.schema.json'));
const schema = JSON.parse(readFileSync(published, 'utf8'));
const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(
  schema,
);

/** Ajv's complaints; none where the configuration is valid. */
function complaints(configuration: unknown): unknown {
  return validate(configuration) ? [] : validate.errors;
}

/** A configuration that is valid, to be changed. */
const small = () => JSON.parse(readFileSync(smallConfiguration(folder), 'utf8'));

describe('the published schema', () => {
  it('takes every recipe', () => {
    const trained = recipes.flatMap((recipe) => ('configuration' in recipe ? [recipe] : []));
    expect(trained.length).toBeGreaterThan(20);
    for (const { name, configuration } of trained) {
      expect({ name, complaints: complaints(configuration) }).toEqual({ name, complaints: [] });
    }
  });

  it('takes what a run has made of a configuration, and a name of itself', async () => {
    const path = join(folder, 'named.json');
    const named = { $schema: './node_modules/wakesleep/dist/configuration.schema.json', ...small() };
    writeFileSync(path, JSON.stringify(named));
    expect(complaints(named)).toEqual([]);
    const out = join(folder, 'run');
    expect(await wakesleep(['train', path, '--out', out, '--threads', '1'])).toMatchObject({ status: 0 });
    const { configuration } = runOf(out) as { configuration: object };
    expect(configuration).not.toHaveProperty('$schema');
    expect(complaints(configuration)).toEqual([]);
    // The name is no part of what decides a run's bits.
    const again = await wakesleep(['train', smallConfiguration(folder), '--out', out, '--resume']);
    expect(again).toMatchObject({ status: 0, stderr: '' });
    const study = { $schema: 'x', variants: { a: small(), b: { ...small(), seed: 4 } }, compare: 'testErrorPercent' };
    expect(complaints(study)).toEqual([]);
    const read = readStudy(parseConfiguration(JSON.stringify(study), 'x'), (variant) => variant);
    expect(read.variants).toHaveLength(2);
  });

  const phase = (changes: object) => ({
    train: [
      { type: 'greedy', phases: [{ type: 'contrastiveDivergence', ...changes }, { type: 'contrastiveDivergence' }] },
    ],
  });
  const machine = (visible: object) => ({ type: 'rbm', visible, hidden: { type: 'bernoulli', units: 4 } });
  it('takes what the refused ones below are made from', () => {
    const model = machine({ type: 'bernoulli', units: 144 });
    const single = { train: [{ type: 'contrastiveDivergence' }] };
    for (const valid of [small(), { ...small(), ...phase({}) }, { ...small(), model, ...single }]) {
      expect(complaints(valid)).toEqual([]);
      readConfiguration(valid);
    }
  });

  it.each<[string, (valid: Record<string, unknown>) => unknown]>([
    ['no object', () => 7],
    ['an unknown key', (valid) => ({ ...valid, sed: 3 })],
    ['no seed', ({ seed: _, ...rest }) => rest],
    ['a seed below 0', (valid) => ({ ...valid, seed: -1 })],
    ['a broken seed', (valid) => ({ ...valid, seed: 1.5 })],
    ['no model', ({ model: _, ...rest }) => rest],
    ['a model and a start', (valid) => ({ ...valid, start: { from: 'runs/a' } })],
    ['an unknown unit type', (valid) => ({ ...valid, model: machine({ type: 'bernouli', units: 144 }) })],
    ['a unit type without its number', (valid) => ({ ...valid, model: machine({ type: 'bernoulli' }) })],
    ['two algorithms', (valid) => ({ ...valid, train: [{ type: 'exactGradient' }, { type: 'exactGradient' }] })],
    ['no algorithm', (valid) => ({ ...valid, train: [] })],
    ['an unknown algorithm', (valid) => ({ ...valid, train: [{ type: 'contrastive' }] })],
    ["another algorithm's option", (valid) => ({ ...valid, ...phase({ temperatures: 3 }) })],
    ['a rate of 0', (valid) => ({ ...valid, ...phase({ learningRate: 0 }) })],
    ['a schedule of nothing', (valid) => ({ ...valid, ...phase({ learningRate: { steps: [] } }) })],
    ['a momentum of 1', (valid) => ({ ...valid, ...phase({ momentum: 1 }) })],
    ['too large a batch', (valid) => ({ ...valid, ...phase({ batchRows: 21_846 }) })],
    ['an unknown set', (valid) => ({ ...valid, data: { name: 'minst' } })],
    ['a label set where there are no labels', (valid) => ({ ...valid, data: { name: 'patches', labelled: 10 } })],
    ['an unknown evaluation', (valid) => ({ ...valid, evaluate: ['testErrors'] })],
    ['a study without a comparison', (valid) => ({ variants: { a: valid } })],
    ['a variant with a slash', (valid) => ({ variants: { 'a/b': valid }, compare: 'testNats' })],
    ["a variant's unknown key", (valid) => ({ variants: { a: { ...valid, sed: 3 } }, compare: 'testNats' })],
    ['a name of the schema that is no name', (valid) => ({ ...valid, $schema: 7 })],
  ])('refuses %s, as the command does', (_, change) => {
    const wrong = change(small());
    expect(complaints(wrong)).not.toEqual([]);
    const given = parseConfiguration(JSON.stringify(wrong), 'x');
    expect(() => (isStudy(given) ? readStudy(given, (variant) => variant) : readConfiguration(given))).toThrow();
  });

  describe('train --schema', () => {
    let printed: string;
    beforeAll(async () => {
      printed = (await wakesleep(['train', '--schema'])).stdout;
    });
    it('prints it, and with --json as one line', async () => {
      expect(JSON.parse(printed)).toEqual(schema);
      const { stdout, status } = await wakesleep(['train', '--schema', '--json']);
      expect(status).toBe(0);
      expect(stdout.trimEnd().split('\n')).toHaveLength(1);
      expect(JSON.parse(stdout)).toEqual({ type: 'schema', schema });
    });
  });
});
