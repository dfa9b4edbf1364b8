/**
 * Runs that start from another run's model: from a file, and as later variants of a study. They end with the bits of one
 * model that is trained twice, go on after a kill, and refuse every other source.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  contrastiveDivergence,
  load,
  persistentContrastiveDivergence,
  rbm,
  readSafetensors,
} from 'wakesleep';
import { resolveData } from '../../dist/data/named.js';
import { namesIn, runOf, sha256Of, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const one = ['--threads', '1'];

const first = { type: 'contrastiveDivergence', epochs: 20, batchRows: 16, recordEvery: 10 };
const second = { type: 'persistentContrastiveDivergence', epochs: 20, batchRows: 16, chains: 16, recordEvery: 10 };
const visible = { type: 'bernoulli', units: 9 };
const study = {
  base: {
    seed: 5,
    weightScale: 0.1,
    data: { name: 'bars-and-stripes' },
    model: { type: 'rbm', visible, hidden: { type: 'bernoulli', units: 4 } },
  },
  variants: {
    pretrained: { train: [first] },
    tuned: { start: { from: 'pretrained' }, train: [second] },
    again: { start: { from: 'tuned', as: 'same' }, seed: 6, train: [first] },
  },
  compare: 'reconstructionError',
};

function written(name: string, content: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const modelIn = (...path: string[]) => join(folder, ...path, 'model.safetensors');
const source = written('stages.json', study);
const whole = join(folder, 'whole');
const VARIANTS = ['pretrained', 'tuned', 'again'];

beforeAll(async () => {
  expect(await wakesleep(['train', source, '--out', whole, ...one])).toMatchObject({ status: 0, stderr: /tuned/ });
});

describe('stages of a study', () => {
  it('record what they started from', () => {
    expect(runOf(join(whole, 'pretrained'))).not.toHaveProperty('start');
    expect(runOf(join(whole, 'tuned'))).toMatchObject({
      start: { file: modelIn('whole', 'pretrained'), sha256: sha256Of(modelIn('whole', 'pretrained')) },
      configuration: { start: { from: 'pretrained', as: 'same' } },
      model: { updates: 40 },
    });
    expect(runOf(join(whole, 'again'))).toMatchObject({
      start: { sha256: sha256Of(modelIn('whole', 'tuned')) },
      model: { updates: 60 },
    });
    const { metadata } = readSafetensors(readFileSync(modelIn('whole', 'again')), 'model');
    expect(JSON.parse(metadata.model!)).toMatchObject({ seed: 6, updates: 60 });
  });

  it('end with the bits of one model that is trained twice', async () => {
    const engine = await load({ threads: 1 });
    const { images, columns } = await resolveData('bars-and-stripes:train');
    const data = engine.dataset({ rows: images, columns });
    const graph = rbm({ visible: bernoulli(9), hidden: bernoulli(4) });
    const model = engine.create(graph, { seed: 5, weightScale: 0.1 });
    const train = (algorithm: Parameters<typeof model.train>[1]) => {
      for (const record of model.train(data, algorithm)) expect(record.updates).toBeGreaterThan(0);
    };
    train(contrastiveDivergence({ epochs: 20, batchRows: 16 }));
    train(persistentContrastiveDivergence({ epochs: 20, batchRows: 16, chains: 16, initialBias: 'keep' }));
    expect(Buffer.compare(model.toBytes(), readFileSync(modelIn('whole', 'tuned')))).toBe(0);
    engine.close();
  });

  it('go on after a kill at any stage to the same bits', async () => {
    const countPath = join(folder, 'count');
    await wakesleep(['train', source, '--out', join(folder, 'counted'), ...one], { fault: 'none', countPath });
    const operations = Number(readFileSync(countPath, 'utf8'));
    let startedLater = 0;
    for (const share of [0.3, 0.5, 0.7, 0.9]) {
      const operation = Math.floor(share * operations);
      const args = ['train', source, '--out', join(folder, `killed-${operation}`), ...one];
      expect((await wakesleep(args, { fault: `kill:${operation}` })).signal).toBe('SIGKILL');
      startedLater += Number(existsSync(join(folder, `killed-${operation}`, 'tuned')));
      expect(await wakesleep([...args, '--resume'])).toMatchObject({ status: 0 });
      for (const name of VARIANTS) {
        expect(sha256Of(modelIn(`killed-${operation}`, name))).toBe(sha256Of(modelIn('whole', name)));
      }
    }
    expect(startedLater).toBeGreaterThan(1);
  }, 120_000);

  it('are trained by `--only` once their source is finished', async () => {
    const out = join(folder, 'only');
    const tuned = ['train', source, '--out', out, '--only', 'tuned', ...one];
    expect(await wakesleep(tuned)).toMatchObject({
      status: 2,
      stderr: `Variant tuned starts from pretrained, which is not finished in ${out}; train it first, or with \`--only pretrained\` too.\n`,
    });
    expect(namesIn(out)).toEqual([]);
    expect(await wakesleep(['train', source, '--out', out, '--only', 'pretrained', ...one])).toMatchObject({
      status: 0,
    });
    expect(await wakesleep([...tuned, '--resume'])).toMatchObject({ status: 0 });
    expect(sha256Of(modelIn('only', 'tuned'))).toBe(sha256Of(modelIn('whole', 'tuned')));
    const both = join(folder, 'both');
    const names = ['--only', 'tuned', '--only', 'pretrained'];
    expect(await wakesleep(['train', source, '--out', both, ...names, ...one])).toMatchObject({ status: 0 });
    expect(sha256Of(modelIn('both', 'tuned'))).toBe(sha256Of(modelIn('whole', 'tuned')));
  });

  it('take the graph of the first, and what `--set` makes of it', async () => {
    const out = join(folder, 'set');
    const set = ['--set', 'model.hidden.units=3', '--set', 'variants.again.start.from=pretrained'];
    expect(await wakesleep(['train', source, '--out', out, ...set, ...one])).toMatchObject({ status: 0 });
    expect(runOf(join(out, 'again')).start).toMatchObject({ file: modelIn('set', 'pretrained') });
  });

  it('do not go on from a source that has been trained anew since', async () => {
    const out = join(folder, 'changed');
    cpSync(whole, out, { recursive: true });
    rmSync(join(out, 'pretrained'), { recursive: true });
    rmSync(join(out, 'tuned', 'model.safetensors'));
    const run = runOf(join(out, 'tuned'));
    writeFileSync(join(out, 'tuned', 'run.json'), JSON.stringify({ ...run, status: 'unfinished' }));
    cpSync(join(whole, 'again'), join(out, 'pretrained'), { recursive: true });
    const words = `${modelIn('changed', 'pretrained')} is not the model that the run in ${join(out, 'tuned')} started from (its SHA-256 is another); a run goes on from its own start only.\n`;
    const args = ['train', source, '--out', out, '--resume', ...one];
    expect(await wakesleep(args)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`Variant tuned: ${words}`),
    });
    writeFileSync(join(out, 'tuned', 'run.json'), JSON.stringify(run));
    expect(await wakesleep(args)).toMatchObject({ status: 2, stderr: expect.stringContaining(words) });
  });
});

describe('a run that starts from a file', () => {
  const configuration = (start: object) => ({
    seed: 5,
    data: { name: 'bars-and-stripes' },
    start,
    train: [second],
  });
  const trained = (name: string, start: object, ...args: string[]) =>
    wakesleep(['train', written(`${name}.json`, configuration(start)), '--out', join(folder, name), ...one, ...args]);

  it('or a folder ends with the bits of the stage', async () => {
    const file = modelIn('whole', 'pretrained');
    expect(await trained('file', { from: file })).toMatchObject({ status: 0 });
    expect(await trained('folder', { from: join(whole, 'pretrained') })).toMatchObject({ status: 0 });
    for (const name of ['file', 'folder']) {
      expect(sha256Of(modelIn(name))).toBe(sha256Of(modelIn('whole', 'tuned')));
      expect(runOf(join(folder, name)).start).toEqual({ file, sha256: sha256Of(file) });
    }
  });

  it('does not go on when the file is another', async () => {
    const moved = join(folder, 'moved.safetensors');
    cpSync(modelIn('whole', 'pretrained'), moved);
    expect(await trained('kept', { from: moved })).toMatchObject({ status: 0 });
    cpSync(modelIn('whole', 'tuned'), moved);
    expect(await trained('kept', { from: moved }, '--resume')).toMatchObject({
      status: 2,
      stderr: `${moved} is not the model that the run in ${join(folder, 'kept')} started from (its SHA-256 is another); a run goes on from its own start only.\n`,
    });
  });

  it.each([
    ['no-such.safetensors', 1, () => 'no-such.safetensors cannot be read: there is no such file.'],
    ['stages.json', 1, (path: string) => `${path} is not a sound safetensors file: `],
    ['.', 1, (path: string) => `${path} holds no model.safetensors: it is not the folder of a finished run.`],
    [
      'whole/pretrained/checkpoint.safetensors',
      2,
      (path: string) =>
        `${path} is a checkpoint, whose training may not be over; a run starts from a model.safetensors.`,
    ],
  ])('refuses %s', async (from, status, words) => {
    const path = from.startsWith('no') ? from : join(folder, from);
    const ended = await trained('refused', { from: path });
    expect(ended.status).toBe(status);
    expect(ended.stderr).toContain(words(path));
  });

  it('refuses a graph that the algorithm cannot train', async () => {
    const path = written('unsuitable.json', {
      ...configuration({ from: modelIn('whole', 'pretrained') }),
      train: [{ type: 'wakeSleep' }],
    });
    const ended = await wakesleep(['train', path, '--out', join(folder, 'refused'), ...one]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/belief net/);
  });
});

describe('a study refuses', () => {
  const { base, variants } = study;
  it.each([
    [
      { tuned: { ...variants.tuned, start: { from: 'pretrain' } }, pretrained: variants.pretrained },
      'Variant tuned: The study has no variant called "pretrain"; did you mean pretrained? A path has a slash or a dot in it.',
    ],
    [
      { tuned: variants.tuned, pretrained: variants.pretrained },
      'Variant tuned: `start.from` names pretrained, which comes later; a variant starts from an earlier one.',
    ],
    [
      { ...variants, tuned: { ...variants.tuned, start: { from: 'tuned' } } },
      'Variant tuned: `start.from` names the variant itself; a variant starts from an earlier one.',
    ],
    [
      { ...variants, tuned: { ...variants.tuned, model: base.model } },
      'Variant tuned: A configuration has either `model` or `start`, not both: a run that starts from a model takes its graph.',
    ],
    [
      { ...variants, tuned: { ...variants.tuned, start: { from: './gone.safetensors' } } },
      'Variant tuned: ./gone.safetensors cannot be read: there is no such file.',
    ],
  ])('%#', async (changed, words) => {
    const path = written('refused.json', { ...study, variants: changed });
    const ended = await wakesleep(['train', path, '--out', join(folder, 'refused')]);
    expect(ended.stderr).toBe(`${words}\n`);
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });

  it('a base with both', async () => {
    const path = written('refused.json', { ...study, base: { ...base, start: { from: 'x/y' } } });
    const ended = await wakesleep(['train', path, '--out', join(folder, 'refused')]);
    expect(ended.stderr).toMatch(/^The base of a study has either `model` or `start`, not both/);
  });
});
