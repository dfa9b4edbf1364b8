/** Training through the command: the same bits whatever computes them, and what a run leaves behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from 'wakesleep';
import {
  deterministicMetrics,
  namesIn,
  RUN_FILES,
  runOf,
  sha256Of,
  smallConfiguration,
  temporaryFolder,
  wakesleep,
} from './command.js';

const folder = temporaryFolder();

describe('digits-tiny', () => {
  it('has the golden digest, and the same metrics, for every number of threads and both artefacts', async () => {
    const ways = [
      ['--threads', '1', '--artefact', 'st'],
      ['--threads', '1', '--artefact', 'mt'],
      ['--threads', '2'],
      ['--threads', '3'],
    ];
    const seen = [];
    for (const [index, way] of ways.entries()) {
      const out = join(folder, `way-${index}`);
      expect(await wakesleep(['train', 'digits-tiny', '--out', out, ...way])).toMatchObject({ status: 0 });
      const { evaluation, machine } = runOf(out) as {
        evaluation: unknown;
        machine: { artefact: string; portable: boolean; threads: number };
      };
      const artefact = index === 0 ? 'st' : 'mt';
      expect(machine).toMatchObject({ threads: Number(way[1]), artefact, portable: true });
      const pictures = RUN_FILES.filter((name) => name.endsWith('.png')).map((name) => sha256Of(join(out, name)));
      seen.push({
        model: sha256Of(join(out, 'model.safetensors')),
        checkpoint: sha256Of(join(out, 'checkpoint.safetensors')),
        evaluation,
        pictures,
        metrics: deterministicMetrics(out),
      });
    }
    for (const run of seen) expect(run).toEqual(seen[0]);
    const golden = JSON.parse(readFileSync(new URL('../golden/digits-tiny.json', import.meta.url), 'utf8'));
    expect(seen[0]!.model).toBe(golden.sha256);
  }, 120_000);

  it('learns: it classifies, generates, and its filters are smooth', () => {
    const { evaluation } = runOf(join(folder, 'way-0')) as { evaluation: Record<string, number> };
    // Chance is 90 % wrong and 10 % recognised.
    expect(evaluation.testErrorPercent).toBeLessThan(5);
    expect(evaluation.recognisedSamplesPercent).toBeGreaterThan(70);
    expect(evaluation.smoothFiltersPercent).toBeGreaterThan(50);
  });
});

describe("a run's folder", () => {
  const small = smallConfiguration(folder, {
    evaluate: ['testError', 'heldOutError', 'smoothFilters'],
    data: { name: 'digits-tiny', heldOut: 100 },
  });
  const out = join(folder, 'small');

  it('holds everything that came of the run', async () => {
    const ended = await wakesleep(['train', small, '--out', out, '--seed', '11', '--threads', '1']);
    expect(ended.status).toBe(0);
    expect(namesIn(out)).toEqual(RUN_FILES);
    expect(existsSync(join(out, '.wakesleep-lock'))).toBe(false);
    const run = runOf(out);
    expect(run).toMatchObject({
      format: 'wakesleep-run',
      status: 'finished',
      source: 'small',
      configuration: { seed: 11, checkpointSeconds: 30, data: { heldOut: 100 } },
      machine: { threads: 1, artefact: 'st' },
      data: [
        { name: 'digits-tiny:train', rows: 1000 },
        { name: 'digits-tiny:test', rows: 200 },
      ],
      resumedAt: [],
      model: { sha256: sha256Of(join(out, 'model.safetensors')), updates: 15 },
      evaluation: { testRows: 200 },
      pictures: ['filters.png', 'reconstructions.png', 'generated.png', 'chains.png', 'metrics.svg'],
    });
    expect(Object.keys(run.evaluation as object)).toEqual([
      'testErrors',
      'testRows',
      'testErrorPercent',
      'heldOutErrors',
      'heldOutRows',
      'heldOutErrorPercent',
      'smoothFiltersPercent',
    ]);
  });

  it('says at the end what was reached, where the pictures are, and what to try next', async () => {
    const { stdout, stderr } = await wakesleep(['train', small, '--out', join(folder, 'said'), '--seed', '11']);
    expect(stdout).toMatch(/^Test error +[\d.]+ % \(\d+ of 200 rows\)$/m);
    expect(stdout).toMatch(
      /^Pictures +\S+filters\.png, \S+reconstructions\.png, \S+generated\.png, \S+chains\.png, \S+metrics\.svg$/m,
    );
    expect(stdout).toMatch(
      /^Try next +npx wakesleep sample \S+model\.safetensors --clamp label=3 --out label-3\.png$/m,
    );
    expect(stderr.trimEnd().split('\n')).toHaveLength(1 + 3);
  });

  it('has a line of metrics for each epoch, machine-dependent numbers apart', () => {
    const metrics = deterministicMetrics(out) as { layer: string; epoch: number; freeEnergyGap: number | null }[];
    expect(metrics.map(({ layer, epoch }) => `${layer} ${epoch}`)).toEqual(['h1 1', 'h1 2', 'h2 1']);
    expect(Object.keys(metrics[0]!)).not.toContain('seconds');
    expect(metrics[0]!.freeEnergyGap).toEqual(expect.any(Number));
  });

  it('has files whose names and shapes are those of the graph', () => {
    const { tensors, metadata } = readSafetensors(readFileSync(join(out, 'model.safetensors')), 'model');
    expect([...tensors].map(([name, { shape }]) => `${name} ${shape.join('x')}`)).toEqual([
      'connections.h1-h2.weight 16x16',
      'connections.label-h2.weight 16x10',
      'connections.visible-h1.weight 16x144',
      'layers.h1.bias 16',
      'layers.h1.recognition_bias 16',
      'layers.h2.bias 16',
      'layers.label.bias 10',
      'layers.visible.bias 144',
    ]);
    expect(Object.keys(metadata).sort()).toEqual(['format', 'model', 'streamVersion', 'version']);
  });

  it('is refused by a second run, with and without `--resume`', async () => {
    const again = await wakesleep(['train', small, '--out', out]);
    const words = `${out} holds a run; go on with it with \`--resume\`, or give another folder with \`--out\`.\n`;
    expect(again).toEqual({ status: 2, signal: null, stdout: '', stderr: words });
    const other = await wakesleep(['train', small, '--out', folder, '--resume']);
    expect(other.status).toBe(2);
    expect(other.stderr).toBe(
      `${folder} is not empty and holds no run of wakesleep; give another folder with \`--out\`.\n`,
    );
  });
});

describe('graphs that are no stacks', () => {
  const visible = { type: 'bernoulli', units: 144 };
  const hidden = { type: 'bernoulli', units: 6 };
  const pictures = ['filters.png', 'reconstructions.png', 'generated.png', 'chains.png', 'metrics.svg'];
  const without = (name: string) => pictures.filter((picture) => picture !== name);
  const machine = { type: 'contrastiveDivergence', epochs: 1 };

  it.each([
    [
      'a deep Boltzmann machine',
      { type: 'deepBoltzmannMachine', visible, hidden: [hidden, hidden] },
      { type: 'greedy', phases: [machine, machine, { type: 'deepBoltzmannLearning', epochs: 1 }] },
      pictures,
    ],
    [
      'a general Boltzmann machine',
      { type: 'boltzmannMachine', visible, hidden },
      { type: 'boltzmannLearning', epochs: 1, chains: 10 },
      without('reconstructions.png'),
    ],
    [
      'a belief net',
      { type: 'sigmoidBeliefNet', visible, hidden: [hidden], recognition: true },
      { type: 'wakeSleep', epochs: 1 },
      without('chains.png'),
    ],
  ])('%s ends with the pictures that there are of it', async (name, model, algorithm, wanted) => {
    const path = join(folder, `${name}.json`);
    const configuration = { seed: 3, data: { name: 'digits-tiny' }, model, train: [algorithm], evaluate: [] };
    writeFileSync(path, JSON.stringify(configuration));
    const out = join(folder, name);
    expect(await wakesleep(['train', path, '--out', out])).toMatchObject({ status: 0 });
    expect(runOf(out)).toMatchObject({ status: 'finished', pictures: wanted });
    expect(namesIn(out)).toEqual(expect.arrayContaining(wanted));
  });

  it('the likelihood of a deep Boltzmann machine is called a lower bound', async () => {
    const model = { type: 'deepBoltzmannMachine', visible, hidden: [hidden, hidden] };
    const train = [{ type: 'deepBoltzmannLearning', epochs: 1, centring: true }];
    const path = join(folder, 'bound.json');
    const configuration = { seed: 3, data: { name: 'digits-tiny' }, model, train, evaluate: ['testLikelihood'] };
    writeFileSync(path, JSON.stringify(configuration));
    const { status, stdout } = await wakesleep(['train', path, '--out', join(folder, 'bound')]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Test likelihood .* nats a row, binarised by sampling once \(lower bound, log Z exact\)$/m);
  });
});
