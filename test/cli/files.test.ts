/** Rows in files of every-day formats, from training to classification, on the command line. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeNpy } from 'wakesleep';
import { resolveData } from '../../dist/data/named.js';
import type { EvaluationResults } from '../../dist/evaluate/evaluate.js';
import { runOf, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const one = ['--threads', '1'];
const at = (name: string) => join(folder, name);
let testLabels: readonly number[] = [];

beforeAll(async () => {
  for (const split of ['train', 'test']) {
    const { images, labels, rows, columns } = await resolveData(`digits-tiny:${split}`);
    const lines = Array.from({ length: rows }, (_, row) =>
      [
        ...(images as Uint8Array).subarray(row * columns, (row + 1) * columns),
        ['none', 'single', 'pair'][labels![row]!] ?? labels![row]!,
      ].join(),
    );
    const names = Array.from({ length: columns }, (_, column) => `pixel ${column}`);
    writeFileSync(at(`${split}.csv.gz`), gzipSync(`${[...names, 'digit'].join()}\n${lines.join('\n')}\n`));
    if (split === 'train') continue;
    writeFileSync(at('rows.npy'), writeNpy(images as Uint8Array, [rows, columns]));
    writeFileSync(at('labels.npy'), writeNpy(labels!, [rows]));
    testLabels = [...labels!];
  }
  const configuration = {
    seed: 3,
    data: { file: at('train.csv.gz'), testFile: at('test.csv.gz'), labelColumn: 'digit', scale: 1 / 255, heldOut: 100 },
    model: {
      type: 'network',
      visible: { type: 'bernoulli', units: 144 },
      hidden: [],
      label: { type: 'softmax', size: 10 },
    },
    train: [{ type: 'backpropagation', epochs: 20, learningRate: 0.1 }],
    evaluate: ['testError'],
  };
  writeFileSync(at('config.json'), JSON.stringify(configuration));
});

describe('rows in files', () => {
  let errorPercent: number | undefined;

  it('train a model, whose test error counts the classes by their names', async () => {
    const { status } = await wakesleep(['train', at('config.json'), '--out', at('run'), ...one]);
    expect(status).toBe(0);
    const { evaluation } = runOf(at('run')) as { readonly evaluation: EvaluationResults };
    errorPercent = evaluation.testErrorPercent;
    expect(errorPercent).toBeLessThan(30);
  });

  it('are classified alike, whatever the format', async () => {
    const run = async (...args: string[]) => {
      const { status, stdout } = await wakesleep(['classify', at('run/model.safetensors'), ...args, '--json', ...one]);
      expect(status).toBe(0);
      const objects = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const labels = objects.filter(({ type }) => type === 'row').map(({ label }) => label);
      return { labels, summary: objects.at(-1) };
    };
    const table = await run(at('test.csv.gz'), '--label-column', 'digit', '--scale', '1/255');
    const array = await run(at('rows.npy'), '--labels', at('labels.npy'), '--scale', '1/255');
    expect(table.summary.errorPercent).toBe(errorPercent);
    // Classes that words name are counted off: the digits from 3 on come first, then none, pair and single.
    const places = ['3', '4', '5', '6', '7', '8', '9', 'none', 'pair', 'single'];
    const classOf = (digit: number) => places.indexOf(['none', 'single', 'pair'][digit] ?? String(digit));
    expect(array.labels).toEqual(table.labels);
    const wrong = testLabels.filter((digit, row) => classOf(digit) !== table.labels[row]).length;
    expect(table.summary.errors).toBe(wrong);
    const unlabelled = await run(at('rows.npy'), '--scale', '1/255');
    expect(unlabelled).toEqual({ labels: table.labels, summary: { type: 'summary', rows: testLabels.length } });
  });

  it('of a machine are scored', async () => {
    const rows = '0,1,1\n1,0,1\n0,0,0\n';
    writeFileSync(at('bits.csv'), rows);
    writeFileSync(at('bits.libsvm'), '0 2:1 3:1\n0 1:1 3:1\n0\n');
    const binary = (units: number) => ({ type: 'bernoulli', units });
    const configuration = {
      seed: 1,
      data: { file: at('bits.csv') },
      model: { type: 'rbm', visible: binary(3), hidden: binary(2) },
      train: [{ type: 'contrastiveDivergence', epochs: 5 }],
    };
    writeFileSync(at('bits.json'), JSON.stringify(configuration));
    expect((await wakesleep(['train', at('bits.json'), '--out', at('bits'), ...one])).status).toBe(0);
    const scores = await Promise.all(
      ['bits.csv', 'bits.libsvm'].map((name) => wakesleep(['score', at('bits/model.safetensors'), at(name), ...one])),
    );
    expect(scores[0]!.stdout).toMatch(/nats a row: log-likelihood, mean of 3 rows/);
    expect(scores[1]!.stdout).toBe(scores[0]!.stdout);
  });

  it('that are sparse are trained on as tables are, and test rows begin with the index that training rows begin with', async () => {
    const rows = [
      [1, 0, 1, 0],
      [0, 1, 0, 1],
      [0, 1, 1, 0],
      [0, 0, 0, 1],
    ];
    const pairs = (row: number[]) =>
      row.flatMap((value, column) => (value === 0 ? [] : [`${column}:${value}`])).join(' ');
    const table = (some: number[][]) => some.map((row, at) => `${row.join(',')},${at % 2}\n`).join('');
    const sparse = (some: number[][]) => some.map((row, at) => `${at % 2} ${pairs(row)}\n`).join('');
    // Only the training rows have an index 0.
    for (const [name, some] of [
      ['train', rows],
      ['test', rows.slice(1)],
    ] as const) {
      writeFileSync(at(`${name}.csv`), table(some));
      writeFileSync(at(`${name}.svm`), sparse(some));
    }
    const binary = (units: number) => ({ type: 'bernoulli', units });
    const label = { type: 'softmax', size: 2 };
    const trained = async (ending: string, data: object) => {
      const file = at(`${ending}.json`);
      const configuration = {
        seed: 1,
        data: { file: at(`train.${ending}`), testFile: at(`test.${ending}`), ...data },
        model: { type: 'deepBeliefNet', visible: binary(4), hidden: [binary(3)], label, top: binary(4) },
        train: [{ type: 'greedy', phases: [{ type: 'contrastiveDivergence' }, { type: 'contrastiveDivergence' }] }],
        evaluate: ['testError'],
      };
      writeFileSync(file, JSON.stringify(configuration));
      const out = at(`out-${ending}`);
      expect(await wakesleep(['train', file, '--out', out, ...one])).toMatchObject({ status: 0 });
      const { evaluation, model } = runOf(out);
      return { evaluation, model };
    };
    expect(await trained('svm', {})).toEqual(await trained('csv', { labelColumn: -1 }));
    const model = at('out-svm/model.safetensors');
    const classified = (...args: string[]) => wakesleep(['classify', model, ...args, ...one, '--json']);
    const wanted = await classified(at('test.csv'), '--label-column', '-1');
    expect(wanted.status).toBe(0);
    expect((await classified(at('test.svm'), '--first-index', '0')).stdout).toBe(wanted.stdout);
    // Read one column off, its probabilities are others.
    expect((await classified(at('test.svm'))).stdout).not.toBe(wanted.stdout);
    expect(await classified(at('test.svm'), '--first-index', '2')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('It must be 0 or 1.'),
    });
  });

  it('train a model of which the command that is said to be next can be given', async () => {
    writeFileSync(at('sides.csv'), '1,1,0,0,left\n0,0,1,1,right\n');
    const unit = { type: 'bernoulli', units: 4 };
    const sides = {
      seed: 1,
      data: { file: at('sides.csv'), labelColumn: -1 },
      model: { type: 'deepBeliefNet', visible: unit, hidden: [unit], label: { type: 'softmax', size: 2 }, top: unit },
      train: [{ type: 'greedy', phases: [1, 2].map(() => ({ type: 'contrastiveDivergence', epochs: 1 })) }],
    };
    writeFileSync(at('sides.json'), JSON.stringify(sides));
    const next = async (name: string) => {
      const { stdout } = await wakesleep(['train', at(`${name}.json`), '--out', at(`next-${name}`), ...one]);
      const words = /^Try next +npx wakesleep (.+)$/m.exec(stdout)![1]!.split(' ');
      const place = words.indexOf('--out') + 1;
      const out = place > 0 ? at(words[place]!) : undefined;
      const { status } = await wakesleep([...words.map((word, index) => (index === place && out) || word), ...one]);
      return [words[0], status, out === undefined ? words.at(-1) : existsSync(out)];
    };
    expect(await next('sides')).toEqual(['sample', 0, true]);
    expect(await next('config')).toEqual(['show', 0, true]);
    const config = JSON.parse(readFileSync(at('config.json'), 'utf8'));
    writeFileSync(at('named.json'), JSON.stringify({ ...config, data: { name: 'digits-tiny' } }));
    expect(await next('named')).toEqual(['classify', 0, 'digits-tiny:test']);
  });

  it('that do not fit are refused in words', async () => {
    writeFileSync(at('narrow.csv'), '1,2,3\n');
    writeFileSync(at('two.csv'), `${'0,'.repeat(144)}yes\n${'1,'.repeat(144)}no\n`);
    const words = async (...args: string[]) => {
      const { status, stderr } = await wakesleep(['classify', at('run/model.safetensors'), ...args, ...one]);
      return [status, stderr.trim().replaceAll(folder, '')];
    };
    expect(await words(at('narrow.csv'))).toEqual([1, '/narrow.csv has rows of 3 numbers, but 144 are wanted.']);
    expect(await words(at('two.csv'), '--label-column', '-1')).toEqual([
      1,
      '/two.csv has 2 classes (no, yes), and the model has 10; give labels as numbers from 0 to 9.',
    ]);
    expect(await words(at('two.csv'), '--scale', '0')).toEqual([
      2,
      expect.stringContaining('It must be a number above 0, or two with / between.'),
    ]);
    writeFileSync(at('three.csv'), '0,1,0\n1,0,1\n1,1,2\n');
    writeFileSync(at('minus.csv'), '0,1,-1\n1,0,0\n1,1,1\n');
    const counted = {
      seed: 1,
      data: { file: at('three.csv'), testFile: at('minus.csv'), labelColumn: -1 },
      model: {
        type: 'network',
        visible: { type: 'bernoulli', units: 2 },
        hidden: [],
        label: { type: 'softmax', size: 3 },
      },
      train: [{ type: 'backpropagation', epochs: 1 }],
    };
    writeFileSync(at('counted.json'), JSON.stringify(counted));
    const minus = await wakesleep(['train', at('counted.json'), '--out', at('counted'), ...one]);
    expect(minus.stderr.replaceAll(folder, '')).toContain(
      '/minus.csv has the label "-1" in line 1, and the classes are 0, 1, 2.',
    );
    const wrong = { seed: 1, data: { file: 'x.csv', labelColumn: true }, model: {}, train: [] };
    writeFileSync(at('wrong.json'), JSON.stringify(wrong));
    const { stderr } = await wakesleep(['train', at('wrong.json'), '--out', at('wrong')]);
    expect(stderr).toContain('`data.labelColumn` must be a string or an integer; got true.');
  });
});
