/** Studies: each variant is a run of its own, a killed study goes on to the same bits, and the summary compares them. */
import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { barsAndStripesOptimum } from '../reference/bars-and-stripes.js';
import { deterministicMetrics, namesIn, runOf, sha256Of, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const one = ['--threads', '1'];
const VARIANTS = ['exact', 'CD-1', 'PCD-1'];
const UPDATES = 60;

const stochastic = { epochs: UPDATES, batchRows: 16, recordEvery: 20 };
const study = {
  base: {
    seed: 5,
    weightScale: 0.1,
    data: { name: 'bars-and-stripes' },
    model: { type: 'rbm', visible: { type: 'bernoulli', units: 9 }, hidden: { type: 'bernoulli', units: 4 } },
    monitor: ['logLikelihood'],
  },
  variants: {
    exact: { train: [{ type: 'exactGradient', epochs: UPDATES, recordEvery: 20 }] },
    'CD-1': { train: [{ type: 'contrastiveDivergence', ...stochastic }] },
    'PCD-1': { train: [{ type: 'persistentContrastiveDivergence', ...stochastic, chains: 16 }], seed: 6 },
  },
  compare: 'gapToOptimum',
};

function written(name: string, content: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const source = written('tiny.json', study);

interface Summary {
  readonly compare: string;
  readonly variants: readonly {
    readonly name: string;
    readonly value: number;
    readonly updates: number;
    readonly last: { readonly gapToOptimum: number; readonly logLikelihood: number };
    readonly timing: object;
  }[];
}

function summaryOf(path: string): Summary {
  return JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8'));
}

/** Everything about a finished study that must not depend on how often it was stopped. */
function outcome(path: string) {
  const { timing: _, ...rest } = { timing: 0, ...summaryOf(path) };
  return {
    names: namesIn(path),
    summary: { ...rest, variants: rest.variants.map(({ timing: _, ...variant }) => variant) },
    plot: sha256Of(join(path, 'summary.svg')),
    runs: VARIANTS.map((name) => ({
      names: namesIn(join(path, name)),
      model: sha256Of(join(path, name, 'model.safetensors')),
      plot: sha256Of(join(path, name, 'metrics.svg')),
      metrics: deterministicMetrics(join(path, name)),
    })),
    status: runOf(path).status,
    finished: runOf(path).finished,
  };
}

const whole = join(folder, 'whole');
let said: Awaited<ReturnType<typeof wakesleep>>;
beforeAll(async () => {
  said = await wakesleep(['train', source, '--out', whole, ...one]);
  expect(said).toMatchObject({ status: 0 });
});

describe('a study', () => {
  it('trains each variant in a folder of its own and says which are done', () => {
    expect(namesIn(whole)).toEqual(['CD-1', 'PCD-1', 'exact', 'run.json', 'summary.json', 'summary.svg']);
    expect(runOf(whole)).toMatchObject({ format: 'wakesleep-study', status: 'finished', finished: VARIANTS });
    expect(VARIANTS.map((name) => (runOf(join(whole, name)).configuration as { seed: number }).seed)).toEqual([
      5, 5, 6,
    ]);
  });

  it('ends with a summary of what its last records say, and a table', () => {
    const { compare, variants } = summaryOf(whole);
    expect(compare).toBe('gapToOptimum');
    expect(variants.map(({ name, updates }) => `${name} ${updates}`)).toEqual(
      VARIANTS.map((name) => `${name} ${UPDATES}`),
    );
    for (const { name, value, last } of variants) {
      const metrics = deterministicMetrics(join(whole, name));
      expect(metrics).toHaveLength(3);
      expect(last).toEqual(metrics.at(-1));
      expect(value).toBe(last.gapToOptimum);
      expect(value + last.logLikelihood).toBeCloseTo(barsAndStripesOptimum(), 9);
      expect(said.stdout).toMatch(new RegExp(`^${name} +60 +\\S+ s +${value.toFixed(4)}$`, 'm'));
    }
    expect(said.stdout).toMatch(/^Plot {5}\S+summary\.svg$/m);
  });

  it('gives the bits of the same configuration alone, monitored or not', async () => {
    const { base, variants } = study;
    const { monitor: _, ...rest } = { ...base, ...variants['CD-1'] };
    const alone = written('alone.json', rest);
    const out = join(folder, 'alone');
    expect(await wakesleep(['train', alone, '--out', out, ...one])).toMatchObject({ status: 0 });
    expect(sha256Of(join(out, 'model.safetensors'))).toBe(sha256Of(join(whole, 'CD-1', 'model.safetensors')));
    expect(deterministicMetrics(out)[0]).not.toHaveProperty('gapToOptimum');
  });

  it('says with --json one object a line, each with its variant', async () => {
    const out = join(folder, 'json');
    const ended = await wakesleep(['train', source, '--out', out, '--json', ...one]);
    const lines = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const perVariant = VARIANTS.flatMap((name) => [...Array(3).fill(`record ${name}`), `finished ${name}`]);
    expect(lines.slice(0, 12).map(({ type, variant }) => `${type} ${variant}`)).toEqual(perVariant);
    expect(lines.slice(12).map(({ type, name }) => [type, name])).toEqual([
      ...VARIANTS.map((name) => ['variant', name]),
      ['study', undefined],
    ]);
    expect(lines.at(-1)).toMatchObject({ variants: 3, finished: 3, compare: 'gapToOptimum' });
  });

  it('changes all variants by `--set path`, one by `--set variants.NAME.path`', async () => {
    const out = join(folder, 'set');
    const set = ['--set', 'train.0.epochs=4', '--set', 'variants.CD-1.train.0.epochs=7', '--seed', '9'];
    expect(await wakesleep(['train', source, '--out', out, ...set, ...one])).toMatchObject({ status: 0 });
    expect(summaryOf(out).variants.map(({ updates }) => updates)).toEqual([4, 7, 4]);
    expect(VARIANTS.map((name) => (runOf(join(out, name)).configuration as { seed: number }).seed)).toEqual([9, 9, 9]);
  });

  it('trains only some variants where told to, and the others later', async () => {
    const out = join(folder, 'only');
    const first = await wakesleep(['train', source, '--out', out, '--only', 'CD-1', ...one]);
    expect(first).toMatchObject({ status: 0 });
    expect(first.stdout).toContain('1 of 3 variants are finished; the others follow with `--resume`.\n');
    expect(runOf(out)).toMatchObject({ status: 'unfinished', finished: ['CD-1'] });
    expect(await wakesleep(['train', source, '--out', out, '--resume', ...one])).toMatchObject({ status: 0 });
    expect(outcome(out)).toEqual(outcome(whole));
  });
});

describe('a comparison by errors', () => {
  it.each([
    { compare: 'testErrorPercent', evaluate: 'testError', rows: 200 },
    { compare: 'heldOutErrorPercent', evaluate: 'heldOutError', rows: 300 },
  ])('has $compare with its interval, in the summary, the table and the plot', async ({ compare, evaluate, rows }) => {
    const bernoulli = (units: number) => ({ type: 'bernoulli', units });
    const model = {
      type: 'deepBeliefNet',
      visible: bernoulli(144),
      hidden: [],
      label: { type: 'softmax', size: 10 },
      top: bernoulli(16),
    };
    const phase = { type: 'contrastiveDivergence', batchRows: 50 };
    const path = written(`${compare}.json`, {
      base: { seed: 3, data: { name: 'digits-tiny', heldOut: 300 }, model, evaluate: [evaluate] },
      variants: {
        short: { train: [{ ...phase, epochs: 1 }] },
        longer: { start: { from: 'short' }, train: [{ ...phase, epochs: 10 }] },
        unmeasured: { train: [{ ...phase, epochs: 1 }], evaluate: [] },
      },
      compare,
    });
    const out = join(folder, compare);
    const ended = await wakesleep(['train', path, '--out', out, ...one]);
    expect(ended).toMatchObject({ status: 0 });
    const [short, longer, unmeasured] = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')).variants;
    expect(unmeasured).toMatchObject({ value: null });
    expect(longer.value).toBeLessThan(short.value);
    for (const { name, value, low, high, evaluation } of [short, longer]) {
      expect(value).toBe(evaluation[compare]);
      // The ends of Wilson's interval lie as far from the share as 1.96 standard errors at those ends.
      for (const end of [low, high]) {
        const reach = 1.96 * 100 * Math.sqrt(((end / 100) * (1 - end / 100)) / rows);
        expect(Math.abs(end - value)).toBeCloseTo(reach, 2);
      }
      const numbers = [value, low, high].map((number) => number.toFixed(2));
      expect(ended.stdout).toMatch(new RegExp(`^${name} .* ${numbers[0]} \\(${numbers[1]} to ${numbers[2]}\\)$`, 'm'));
      expect(readFileSync(join(out, 'summary.svg'), 'utf8')).toContain(numbers[0]);
    }
    expect(ended.stdout).toMatch(/^unmeasured .* not measured$/m);
  });
});

describe('a finished study', () => {
  it('is summed up again by `--resume`, and nothing else changes', async () => {
    const files = ['run.json', 'summary.json', 'summary.svg'].map((name) => join(whole, name));
    const before = files.map((file) => readFileSync(file, 'utf8'));
    const again = await wakesleep(['train', source, '--out', whole, '--resume', ...one]);
    expect(again).toMatchObject({ status: 0, stdout: said.stdout });
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
  });
});

describe('a killed study', () => {
  it('goes on, and does not train finished variants again', async () => {
    const wanted = outcome(whole);
    const countPath = join(folder, 'count');
    const counted = await wakesleep(['train', source, '--out', join(folder, 'counted'), ...one], {
      fault: 'none',
      countPath,
    });
    expect(counted.status).toBe(0);
    const operations = Number(readFileSync(countPath, 'utf8'));
    let keptSome = false;
    // Instants over the whole study: before the first variant, within and between variants, and in the summary.
    for (let step = 0; step < 7; step += 1) {
      const operation = 1 + Math.floor((step * (operations - 1)) / 6);
      const out = join(folder, `killed-${operation}`);
      const args = ['train', source, '--out', out, ...one];
      expect((await wakesleep(args, { fault: `kill:${operation}` })).signal, `operation ${operation}`).toBe('SIGKILL');
      const done = VARIANTS.filter(
        (name) => existsSync(join(out, name, 'run.json')) && runOf(join(out, name)).status === 'finished',
      );
      const before = done.map((name) => statSync(join(out, name, 'model.safetensors')).mtimeMs);
      keptSome ||= done.length > 0 && done.length < VARIANTS.length;
      expect(await wakesleep([...args, '--resume']), `operation ${operation}`).toMatchObject({ status: 0 });
      expect(outcome(out), `operation ${operation}`).toEqual(wanted);
      expect(done.map((name) => statSync(join(out, name, 'model.safetensors')).mtimeMs)).toEqual(before);
    }
    expect(keptSome).toBe(true);
  }, 120_000);
});

describe('refusals', () => {
  const refuse = async (content: object, ...options: string[]) => {
    const path = written('refused.json', content);
    const { status, stdout, stderr } = await wakesleep(['train', path, '--out', join(folder, 'refused'), ...options]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    return stderr.trimEnd();
  };
  const { base, variants } = study;

  it.each([
    [
      { ...study, compare: 'gap' },
      '`compare` must be "gapToOptimum", "logLikelihood", "reconstructionError", "testNats", "testErrorPercent", "heldOutErrorPercent" or "testSquaredError"; got "gap".',
    ],
    [{ ...study, bse: base }, 'The study has no option `bse`; did you mean `base`?'],
    [
      { ...study, variants: {} },
      '`variants` must be an object of at least one configuration by its name; got an object.',
    ],
    [{ ...study, variants: [] }, '`variants` must be an object; got an array of 0.'],
    [
      { ...study, variants: { '../up': variants['CD-1'] } },
      'The name of a variant is that of its folder and must be of letters, digits, `-` and `_`; got "../up".',
    ],
    [
      { ...study, variants: { a: { ...variants.exact, seed: -1 } } },
      'Variant a: `seed` must be an integer of at least 0; got -1.',
    ],
    [
      { ...study, variants: { a: { ...variants.exact, sed: 1 } } },
      'Variant a: The configuration has no key `sed`; did you mean `seed`?',
    ],
    [
      { ...study, base: { ...base, monitor: ['likelihood'] } },
      'Variant exact: `monitor.0` must be "logLikelihood"; got "likelihood". Did you mean "logLikelihood"?',
    ],
  ])('%#', async (content, words) => {
    expect(await refuse(content)).toBe(words);
  });

  it('names of variants that are not there, and `--only` for a single run', async () => {
    expect(await refuse(study, '--set', 'variants.CD1.seed=1')).toBe(
      'The study has no variant called "CD1"; did you mean CD-1?',
    );
    expect(await refuse(study, '--only', 'x')).toBe(
      'The study has no variant called "x"; there are exact, CD-1, PCD-1.',
    );
    expect(await refuse({ ...base, ...variants['CD-1'] }, '--only', 'CD-1')).toBe(
      '`--only` chooses among the variants of a study, and refused is a single run.',
    );
  });

  it('another configuration, a folder in which a run is, and one that is taken', async () => {
    const other = await wakesleep(['train', source, '--out', whole, '--resume', '--seed', '4']);
    expect(other).toMatchObject({ status: 2, stdout: '' });
    expect(other.stderr).toBe(
      `\`variants.CD-1.seed\` is not what it is in the study in ${whole}; a study goes on with its own configuration only.\n`,
    );
    const single = join(folder, 'single');
    cpSync(join(whole, 'CD-1'), single, { recursive: true });
    const mixed = await wakesleep(['train', source, '--out', single, '--resume']);
    expect(mixed).toMatchObject({ status: 1, stdout: '' });
    expect(mixed.stderr).toBe(
      `${join(single, 'run.json')} does not describe a study of wakesleep, so nothing here can be gone on with. It is that of a single run.\n`,
    );
    const again = await wakesleep(['train', source, '--out', whole]);
    expect(again.stderr).toBe(
      `${whole} holds a run; go on with it with \`--resume\`, or give another folder with \`--out\`.\n`,
    );
  });

  it('a monitor that cannot measure', async () => {
    const large = {
      ...base,
      model: { type: 'rbm', visible: { type: 'bernoulli', units: 9 }, hidden: { type: 'bernoulli', units: 4 } },
    };
    const path = written('intensities.json', {
      ...large,
      data: { name: 'digits-tiny' },
      model: { ...large.model, visible: { type: 'bernoulli', units: 144 } },
      train: [{ type: 'contrastiveDivergence', epochs: 1 }],
    });
    const ended = await wakesleep(['train', path, '--out', join(folder, 'intensities')]);
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toBe(
      'The exact log-likelihood at every record needs rows of 0 and 1: intensities have none. `binarised()` draws them once.\n',
    );
  });
});
