/**
 * Fine-tuning from the command line: a study whose later stages make a classifier, autoencoders and an untied net of a stack,
 * what each leaves in its folder, and that it stops and goes on.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { EvaluationResults } from '../../dist/evaluate/evaluate.js';
import { namesIn, runOf, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const one = ['--threads', '1'];
const binary = (units: number) => ({ type: 'bernoulli', units });
const machine = { type: 'contrastiveDivergence', epochs: 15 };
const adam = { type: 'backpropagation', epochs: 20, optimiser: 'adam' };
const label = { type: 'softmax', size: 10 };

const study = {
  base: { seed: 3, data: { name: 'digits-tiny', heldOut: 100 } },
  variants: {
    stack: {
      model: { type: 'deepBeliefNet', visible: binary(144), hidden: [binary(40), binary(30)] },
      train: [{ type: 'greedy', phases: [machine, machine] }],
    },
    classifier: {
      start: { from: 'stack', as: 'classifier', label },
      train: [{ type: 'backpropagation', epochs: 200, learningRate: 0.5, patience: 3 }],
      evaluate: ['testError', 'heldOutError', 'classification'],
    },
    autoencoder: {
      start: { from: 'stack', as: 'autoencoder', code: 'linear' },
      train: [adam],
      evaluate: ['testReconstruction'],
    },
    codes: {
      model: { type: 'deepBeliefNet', visible: binary(144), hidden: [binary(40), { type: 'gaussian', units: 2 }] },
      train: [{ type: 'greedy', phases: [machine, { ...machine, learningRate: 0.001 }] }],
      evaluate: [],
    },
    plane: { start: { from: 'codes', as: 'autoencoder' }, train: [adam], evaluate: ['testReconstruction'] },
    joint: {
      model: { type: 'deepBeliefNet', visible: binary(144), hidden: [binary(40)], label, top: binary(60) },
      train: [{ type: 'greedy', phases: [machine, machine] }],
      evaluate: ['testError'],
    },
    tuned: {
      start: { from: 'joint', as: 'untied' },
      train: [{ type: 'upDown', epochs: 10 }],
      evaluate: ['testError', 'structuredNoise'],
    },
    searched: {
      start: { from: 'joint', as: 'classifier' },
      train: [{ type: 'conjugateGradient', epochs: 3, batchRows: 200 }],
      evaluate: ['testError'],
    },
  },
  compare: 'testErrorPercent',
};

const source = join(folder, 'study.json');
const out = join(folder, 'out');
const evaluationOf = (variant: string) => runOf(join(out, variant)).evaluation as EvaluationResults;
const filesOf = (variant: string) => namesIn(join(out, variant));

beforeAll(async () => {
  writeFileSync(source, JSON.stringify(study));
  expect(await wakesleep(['train', source, '--out', out, ...one])).toMatchObject({ status: 0 });
});

it('a classifier says its errors, draws what it confuses and generates nothing', () => {
  const evaluation = evaluationOf('classifier');
  const { configuration } = runOf(join(out, 'classifier'));
  expect(configuration).toMatchObject({ start: { from: 'stack', as: 'classifier', label: { size: 10 } } });
  expect(evaluation.testErrorPercent).toBeLessThan(15);
  expect(evaluation.heldOutErrorPercent).toBeLessThan(15);
  expect(filesOf('classifier')).toEqual(
    expect.arrayContaining(['filters.png', 'metrics.svg', 'confusion.svg', 'calibration.svg']),
  );
  expect(filesOf('classifier')).not.toContain('generated.png');
  const records = readFileSync(join(out, 'classifier', 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(records.length).toBeLessThan(200);
  expect(records.at(-1)).toMatchObject({
    layer: 'label',
    heldOutErrorPercent: expect.any(Number),
    loss: expect.any(Number),
  });
  // The best parameters are those that stay.
  const best = Math.min(...records.map(({ heldOutErrorPercent }) => heldOutErrorPercent));
  expect(evaluation.heldOutErrorPercent).toBe(best);
});

it('autoencoders give rows back, and codes of two units are drawn', () => {
  const [deep, plane] = ['autoencoder', 'plane'].map((name) => evaluationOf(name).testSquaredError!) as [
    number,
    number,
  ];
  expect(deep).toBeLessThan(plane);
  expect(plane).toBeLessThan(20);
  expect(filesOf('plane')).toEqual(expect.arrayContaining(['codes.svg', 'reconstructions.png']));
  expect(filesOf('autoencoder')).not.toContain('codes.svg');
});

it('an untied net is tuned by up-down, and its errors in noise are a table and a picture', () => {
  const evaluation = evaluationOf('tuned');
  expect(evaluation.testErrorPercent).toBeLessThan(evaluationOf('joint').testErrorPercent! + 5);
  expect(evaluation.noise).toHaveLength(6);
  for (const { noisyErrorPercent, cleaned, seeds } of evaluation.noise!) {
    expect(seeds).toBe(3);
    expect(noisyErrorPercent).toBeGreaterThan(evaluation.testErrorPercent!);
    expect(cleaned.map(({ step }) => step)).toEqual([0, 3, 5, 7, 10]);
  }
  expect(filesOf('tuned')).toEqual(expect.arrayContaining(['noise.png', 'generated.png']));
});

it('conjugate gradients tune the joint net as a classifier', () => {
  expect(evaluationOf('searched').testErrorPercent).toBeLessThan(15);
});

it('a tuned model classifies and is shown', async () => {
  const model = join(out, 'classifier', 'model.safetensors');
  const said = await wakesleep(['classify', model, 'digits-tiny:test', '--json', ...one]);
  expect(said).toMatchObject({ status: 0, stdout: /"errorPercent"|errors/ });
  const shown = await wakesleep(['show', model]);
  expect(shown).toMatchObject({ status: 0, stdout: /visible>h1 +forward +144 × 40/ });
});

it.each([
  ['testReconstruction', 'a model that gives its rows back'],
  ['structuredNoise', 'a deep belief net'],
  ['recognisedSamples', 'a model that generates'],
])('%s of a classifier is refused before anything is trained', async (name, lack) => {
  const wrong = { ...study.variants.classifier, evaluate: [name] };
  const path = join(folder, 'wrong.json');
  writeFileSync(path, JSON.stringify({ ...study, variants: { stack: study.variants.stack, classifier: wrong } }));
  expect(await wakesleep(['train', path, '--out', join(folder, 'wrong'), ...one])).toMatchObject({
    status: 2,
    stderr: `Variant classifier: \`evaluate\` asks for ${name}, which needs ${lack}.\n`,
  });
});
