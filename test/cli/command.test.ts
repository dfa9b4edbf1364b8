/** The command line: help, JSON lines, exit status, and the sentence for everything that is refused. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Ended, MAIN, namesIn, smallConfiguration, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const run = join(folder, 'run');
const model = join(run, 'model.safetensors');
const small = smallConfiguration(folder);

/** Every line of stdout as JSON; fails where one is not. */
function jsonLines({ stdout }: Ended): Record<string, unknown>[] {
  expect(stdout.endsWith('\n')).toBe(true);
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

beforeAll(async () => {
  expect(await wakesleep(['train', small, '--out', run])).toMatchObject({ status: 0 });
});

describe('help', () => {
  it.each([
    ['info', '--threads'],
    ['recipes', '--json'],
    ['train', '--resume'],
    ['sample', '--clamp'],
    ['classify', '--labels'],
    ['show', '--out'],
    ['convert', '--to'],
    ['completion', '--json'],
  ])('%s explains itself', async (name, option) => {
    const { status, stdout, stderr } = await wakesleep([name, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Usage: wakesleep ${name}`);
    expect(stdout).toContain(option);
    expect(stdout).toContain('--json');
  });

  it('lists the commands, and is given as bad usage where no command is', async () => {
    const asked = await wakesleep(['--help']);
    expect(asked.status).toBe(0);
    for (const name of [
      'info',
      'recipes',
      'train',
      'sample',
      'classify',
      'show',
      'convert',
      'completion',
      'Exit status',
    ]) {
      expect(asked.stdout).toContain(name);
    }
    expect(await wakesleep([])).toEqual({ status: 2, signal: null, stdout: '', stderr: asked.stdout });
  });

  it('says the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await wakesleep(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('--json prints JSON lines and nothing else', () => {
  it('info', async () => {
    const ended = await wakesleep(['info', '--json', '--threads', '1']);
    expect(ended.status).toBe(0);
    expect(jsonLines(ended)).toMatchObject([
      { type: 'info', artefact: 'st', threads: 1, reason: 'One thread was asked for.' },
    ]);
  });

  it('recipes', async () => {
    const ended = await wakesleep(['recipes', '--json']);
    const recipes = jsonLines(ended);
    expect(recipes.map(({ name }) => name)).toEqual([
      'digits-tiny',
      'bars-and-stripes',
      'mnist-rbm',
      'mnist-dbn',
      'mnist-generative-quick',
      'mnist-generative',
      'mnist-noise',
      'mnist-backprop',
      'mnist-pretrain-backprop-quick',
      'mnist-pretrain-backprop',
      'mnist-pretrain-dropout-quick',
      'mnist-pretrain-dropout',
      'mnist-autoencoder-quick',
      'mnist-autoencoder',
      'mnist-codes',
      'mnist-few-labels-quick',
      'mnist-few-labels',
      'mnist-rbm-likelihood',
      'mnist-dbn-likelihood-quick',
      'mnist-dbn-likelihood',
      'mnist-dbm-quick',
      'mnist-dbm',
      'patches',
      'patches-relu',
      'counts-tallies',
      'counts-topics',
      'explaining-away',
      'mnist-sbn',
      'infinite-net',
    ]);
    for (const recipe of recipes) {
      for (const key of ['title', 'reproduces', 'published', 'takes']) expect(recipe[key]).toMatch(/\w/);
    }
  });

  it('a demonstration', async () => {
    const out = join(folder, 'demonstrated');
    const ended = await wakesleep(['train', 'explaining-away', '--json', '--threads', '1', '--out', out]);
    const [shown] = jsonLines(ended);
    expect(shown).toMatchObject({ type: 'shown', name: 'explaining-away', pictures: [join(out, 'posterior.svg')] });
    const refused = await wakesleep(['train', 'explaining-away', '--set', 'seed=3']);
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.stderr).toContain('explaining-away trains nothing, so `--set` means nothing to it');
  });

  it('train', async () => {
    const out = join(folder, 'json');
    const ended = await wakesleep(['train', small, '--out', out, '--json']);
    const lines = jsonLines(ended);
    expect(lines.map(({ type }) => type)).toEqual(['record', 'record', 'record', 'finished']);
    expect(lines[2]).toMatchObject({ layer: 'h2', epoch: 1, epochs: 1, timing: {} });
    expect(lines[3]).toMatchObject({ out, model: { file: 'model.safetensors' } });
    expect(ended.stderr).toMatch(/^h1, epoch 2 of 2: error \S+, \S+ % active, [\d,]+ rows\/s, \S+ s left$/m);
  });

  it('sample, classify and show', async () => {
    const out = join(folder, 'json.npy');
    const sampled = await wakesleep(['sample', model, '--rows', '3', '--sweeps', '2', '--out', out, '--json']);
    expect(jsonLines(sampled)).toEqual([{ type: 'sample', out, rows: 3, units: 144, sweeps: 2, seed: 1 }]);
    const classified = jsonLines(await wakesleep(['classify', model, 'digits-tiny:test', '--json']));
    expect(classified).toHaveLength(201);
    expect(classified[7]).toMatchObject({ type: 'row', row: 7, given: 7 });
    expect(classified[200]).toMatchObject({ type: 'summary', rows: 200 });
    const [shown] = jsonLines(await wakesleep(['show', model, '--json']));
    expect(shown).toMatchObject({ type: 'model', seed: 3, updates: 15, pictures: [] });
  });

  it('errors', async () => {
    const ended = await wakesleep(['train', 'digits-tiny', '--threads', '0', '--json']);
    const message = '`threads` must be an integer from 1 to 64; got 0.';
    expect(jsonLines(ended)).toEqual([{ type: 'error', code: 'OPTION_INVALID', message }]);
    expect(ended).toMatchObject({ status: 2, stderr: `${message}\n` });
  });
});

describe('on a terminal', () => {
  /** What a command says to a terminal, stdout and stderr together. */
  function onTerminal(args: readonly string[], variables: Record<string, string>): string {
    const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
    const { status, stdout } = spawnSync('python3', ['-c', program, process.execPath, MAIN, ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, TERM: 'xterm-256color', ...variables },
    });
    expect(status).toBe(0);
    return stdout;
  }

  // The sequences that set colours and weights end in m (ECMA-48, SGR).
  it.each<Record<string, string>>([{ NO_COLOR: '1' }, { NO_COLOR: '1', FORCE_COLOR: '1' }])(
    'shows a bar, and no colour with %j',
    (variables) => {
      const said = onTerminal(['train', small, '--out', join(folder, `terminal-${Object.keys(variables)}`)], variables);
      expect(said).toMatch(/[=-]{40} \d+ % \| h1, epoch 1 of 2/);
      for (const text of [said, onTerminal(['recipes'], variables), onTerminal(['train', '--help'], variables)]) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
        expect(text).not.toMatch(/\x1b\[[\d;]*m/);
      }
    },
  );
});

describe('sample, classify and show', () => {
  it('sample gives a picture or an array, the same for the same seed', async () => {
    const files = ['a.npy', 'b.npy', 'c.npy', 'threes.png'].map((name) => join(folder, name));
    const options = ['--rows', '4', '--sweeps', '5', '--clamp', 'label=3'];
    for (const [index, file] of files.entries()) {
      const ended = await wakesleep(['sample', model, ...options, '--seed', index === 2 ? '2' : '1', '--out', file]);
      const seed = index === 2 ? 2 : 1;
      expect(ended).toMatchObject({ status: 0, stdout: `4 rows after 5 sweeps (seed ${seed}) are in ${file}.\n` });
    }
    const [a, b, c, png] = files.map((file) => readFileSync(file));
    expect(a!.equals(b!)).toBe(true);
    expect(a!.equals(c!)).toBe(false);
    expect(a!.subarray(1, 6).toString('latin1')).toBe('NUMPY');
    expect(a!.length).toBe(128 + 4 * 144 * 4);
    expect(png!.subarray(1, 4).toString('latin1')).toBe('PNG');
  });

  it('sample shows chains over time: what each would be had it ended there', async () => {
    const draw = async (name: string, ...options: string[]) => {
      const out = join(folder, name);
      const ended = await wakesleep(['sample', model, '--rows', '3', '--clamp', 'label=3', ...options, '--out', out]);
      expect(ended.status).toBe(0);
      return { bytes: readFileSync(out), ended, out };
    };
    const values = ({ bytes }: { bytes: Buffer }) => new Float32Array(bytes.buffer.slice(bytes.byteOffset + 128));
    const { ended, out, ...chains } = await draw('chains.npy', '--sweeps', '6', '--every', '2');
    expect(ended.stdout).toBe(`3 chains, each after every 2 of 6 sweeps (seed 1), are in ${out}.\n`);
    expect(chains.bytes.subarray(0, 128).toString('latin1')).toContain("'shape': (3, 3, 144)");
    for (const [snapshot, sweeps] of [2, 4, 6].entries()) {
      const alone = values(await draw(`after-${sweeps}.npy`, '--sweeps', String(sweeps)));
      for (let row = 0; row < 3; row += 1) {
        const place = (3 * row + snapshot) * 144;
        expect(values(chains).subarray(place, place + 144)).toEqual(alone.subarray(144 * row, 144 * (row + 1)));
      }
    }
    // A line for each chain: as many tiles across as there are snapshots, twice as large, with gaps of one pixel.
    const { bytes } = await draw('chains.png', '--sweeps', '8', '--every', '2');
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([4 * 25 + 1, 3 * 25 + 1]);
  });

  // Halfway, that is: chains of such weak weights that share their draws soon share their states too.
  it('sample anneals, and says so', async () => {
    const draw = async (name: string, ...options: string[]) => {
      const out = join(folder, name);
      const ended = await wakesleep([
        'sample',
        model,
        '--rows',
        '2',
        '--sweeps',
        '8',
        '--every',
        '4',
        ...options,
        '--json',
        '--out',
        out,
      ]);
      return { said: JSON.parse(ended.stdout) as Record<string, unknown>, bytes: readFileSync(out) };
    };
    const plain = await draw('plain.npy');
    const annealed = await draw('annealed.npy', '--anneal', '8');
    expect(plain.said).not.toHaveProperty('anneal');
    expect(annealed.said).toMatchObject({ type: 'sample', sweeps: 8, anneal: 8, every: 4 });
    expect(annealed.bytes.equals(plain.bytes)).toBe(false);
  });

  it('sample reads a checkpoint too', async () => {
    const out = join(folder, 'checkpoint.npy');
    const checkpoint = join(run, 'checkpoint.safetensors');
    expect((await wakesleep(['sample', checkpoint, '--rows', '1', '--sweeps', '1', '--out', out])).status).toBe(0);
  });

  it('classify prints a class a row, and on stderr how many are wrong', async () => {
    const { status, stdout, stderr } = await wakesleep(['classify', model, 'digits-tiny:test']);
    expect(status).toBe(0);
    const labels = stdout.trimEnd().split('\n').map(Number);
    const errors = labels.filter((label, row) => label !== row % 10).length;
    expect(labels).toHaveLength(200);
    expect(stderr).toBe(`${errors} of 200 rows are wrong: ${(errors / 2).toFixed(2)} %.\n`);
  });

  it('classify reads idx files, with labels or without', async () => {
    const head = (...words: number[]) => {
      const bytes = Buffer.alloc(4 * words.length);
      for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, 4 * index);
      return bytes;
    };
    const [images, labels] = [join(folder, 'images.idx'), join(folder, 'labels.idx')];
    writeFileSync(images, Buffer.concat([head(0x803, 2, 12, 12), Buffer.alloc(2 * 144)]));
    writeFileSync(labels, Buffer.concat([head(0x801, 2), Buffer.from([1, 9])]));
    const without = await wakesleep(['classify', model, images]);
    expect(without).toMatchObject({ status: 0, stderr: '' });
    const withLabels = await wakesleep(['classify', model, images, '--labels', labels]);
    expect(withLabels.stdout).toBe(without.stdout);
    expect(withLabels.stderr).toMatch(/^[12] of 2 rows are wrong: (50|100)\.00 %\.\n$/);
  });

  it('show says what a model is made of, and draws', async () => {
    const out = join(folder, 'shown');
    const { status, stdout } = await wakesleep(['show', model, '--out', out]);
    expect(status).toBe(0);
    expect(stdout).toContain('seed 3, 15 updates, SHA-256 ');
    expect(stdout).toMatch(/^visible {4}144 binary units$/m);
    expect(stdout).toMatch(/^visible-h1 tied {7}144 × 16$/m);
    expect(stdout).toMatch(/^connections\.visible-h1\.weight +16 × 144 /m);
    expect(namesIn(out)).toEqual(['filters.png', 'generated.png', 'graph.svg']);
  });
});

describe('refusals are sentences with status 2', () => {
  it.each([
    [['tain'], "Unknown command 'tain'. Did you mean train?"],
    [['train', 'digits-tiny', '--thread', '2'], "Unknown option '--thread'. Did you mean --threads?"],
    [['train'], "Missing argument 'recipe|config.json'."],
    [
      ['train', 'mnist-rmb'],
      'There is no recipe called "mnist-rmb"; did you mean mnist-rbm? A configuration\'s file ends in .json.',
    ],
    [
      ['train', 'x'],
      'There is no recipe called "x"; there are digits-tiny, bars-and-stripes, mnist-rbm, mnist-dbn, mnist-generative-quick, mnist-generative, mnist-noise, mnist-backprop, mnist-pretrain-backprop-quick, mnist-pretrain-backprop, mnist-pretrain-dropout-quick, mnist-pretrain-dropout, mnist-autoencoder-quick, mnist-autoencoder, mnist-codes, mnist-few-labels-quick, mnist-few-labels, mnist-rbm-likelihood, mnist-dbn-likelihood-quick, mnist-dbn-likelihood, mnist-dbm-quick, mnist-dbm, patches, patches-relu, counts-tallies, counts-topics, explaining-away, mnist-sbn, infinite-net. A configuration\'s file ends in .json.',
    ],
    [['train', 'digits-tiny', '--threads', '1000'], '`threads` must be an integer from 1 to 64; got 1000.'],
    [['train', 'digits-tiny', '--threads', 'many'], '`threads` must be "auto" or an integer from 1 to 64; got "many".'],
    [
      ['train', 'digits-tiny', '--threads', '2', '--artefact', 'st'],
      '`threads: 2` cannot be had here: The artefact `st` has one thread.',
    ],
    [
      ['train', 'digits-tiny', '--artefact', 'xt'],
      '`artefact` must be "auto", "st", "mt", "st-relaxed" or "mt-relaxed"; got "xt". Did you mean "st"?',
    ],
    [
      ['train', 'digits-tiny', '--seed', '1.5'],
      "Option '--seed <N>' argument '1.5' is invalid. It must be an integer.",
    ],
    [['train', 'digits-tiny', '--seed', '-1'], '`seed` must be an integer of at least 0; got -1.'],
    [['train', 'digits-tiny', '--set', 'sed=1'], 'The configuration has no key `sed`; did you mean `seed`?'],
    [['sample', model], "Required option '--out <file>' not specified."],
    [['sample', model, '--out', 'a.gif'], '`--out` must be a file that ends in .png or .npy; got "a.gif".'],
    [
      ['sample', model, '--out', 'a.png', '--clamp', 'digit=3'],
      '`--clamp` takes label=CLASS, such as label=3; got "digit=3".',
    ],
    [['sample', model, '--out', 'a.png', '--clamp', 'label=10'], '`label` must be an integer from 0 to 9; got 10.'],
    [['sample', model, '--out', 'a.png', '--rows', '0'], '`rows` must be an integer of at least 1; got 0.'],
    [
      ['sample', model, '--out', 'a.png', '--sweeps', '10', '--every', '3'],
      '`every` must be a divisor of `sweeps`, which is 10; got 3.',
    ],
    [
      ['sample', model, '--out', 'a.png', '--sweeps', '10', '--anneal', '11'],
      '`anneal` must be an integer from 0 to 10; got 11.',
    ],
    [['sample', model, '--out', 'a.png', '--every', '0'], '`every` must be an integer of at least 1; got 0.'],
    [['sample', model, '--out', 'a.png', '--width', '7'], '144 visible units do not fill a picture 7 pixels wide.'],
    [
      ['classify', model, 'digits-tiny:tst'],
      'There are no data called "digits-tiny:tst"; did you mean digits-tiny:test?',
    ],
  ])('%j', async (args, words) => {
    expect(await wakesleep(args, { cwd: folder })).toEqual({
      status: 2,
      signal: null,
      stdout: '',
      stderr: `${words}\n`,
    });
  });
});

describe('failures are sentences with status 1', () => {
  const notThere = join(folder, 'nothing.safetensors');
  const broken = join(folder, 'broken.safetensors');
  const aFile = join(folder, 'a-file');
  beforeAll(() => {
    writeFileSync(broken, readFileSync(model).subarray(0, 999));
    writeFileSync(aFile, '');
    mkdirSync(join(folder, 'no-mnist'));
  });

  it.each([
    [['show', notThere], `${notThere} cannot be read: there is no such file.`],
    [['show', folder], `${folder} cannot be read: it is a folder.`],
    [['train', join(folder, 'nothing.json')], `${join(folder, 'nothing.json')} cannot be read: there is no such file.`],
    [
      ['train', 'digits-tiny', '--out', aFile],
      `${aFile} could not be made as a folder: a file of that name is in the way. No folder was made.`,
    ],
    [
      ['train', 'digits-tiny', '--out', join(aFile, 'x')],
      `${join(aFile, 'x')} could not be made as a folder: a part of its path is a file, not a folder. No folder was made.`,
    ],
    [
      ['sample', model, '--rows', '1', '--sweeps', '1', '--out', join(aFile, 'x.png')],
      `${join(aFile, 'x.png')} could not be written: a part of its path is a file, not a folder. No file of that name was left there.`,
    ],
    [
      ['classify', model, 'nothing.idx'],
      'nothing.idx cannot be read as data: there is no such file. Give the path of a file of data, or one of mnist:train, mnist:test, digits-tiny:train, digits-tiny:test, patches:train, patches:test, patches-normalised:train, patches-normalised:test, tallies:train, tallies:test, topics:train, topics:test, bars-and-stripes:train, bars-and-stripes:test.',
    ],
  ])('%j', async (args, words) => {
    expect(await wakesleep(args, { cwd: folder })).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr: `${words}\n`,
    });
  });

  it('a damaged model', async () => {
    const { status, stdout, stderr } = await wakesleep(['show', broken]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^\S+broken\.safetensors: .+\.\n$/);
  });

  it('data that are not there', async () => {
    const args = ['train', 'mnist-rbm', '--data', join(folder, 'no-mnist'), '--out', join(folder, 'no-data')];
    const { status, stdout, stderr } = await wakesleep(args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^The data mnist:train were not found: train-images-idx3-ubyte is not in \S+no-mnist\. Use .+\.\n$/,
    );
    expect(namesIn(join(folder, 'no-data'))).toEqual([]);
  });

  it('a model without labels cannot classify', async () => {
    const rbm = smallConfiguration(folder, {
      model: { type: 'rbm', visible: { type: 'bernoulli', units: 144 }, hidden: { type: 'bernoulli', units: 4 } },
      train: [{ type: 'contrastiveDivergence', epochs: 1, batchRows: 500 }],
    });
    const out = join(folder, 'rbm');
    expect((await wakesleep(['train', rbm, '--out', out])).status).toBe(0);
    const ended = await wakesleep(['classify', join(out, 'model.safetensors'), 'digits-tiny:test']);
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toBe('Classification needs a layer of labels, and this graph has none.\n');
  });

  it('a number that is not finite stops training; the last good checkpoint is kept', async () => {
    const out = join(folder, 'not-finite');
    const steps = '{"steps":[[0,0.1],[1,1e38]]}';
    const phase = 'train.0.phases.0';
    const fresh = smallConfiguration(folder);
    const ended = await wakesleep([
      'train',
      fresh,
      '--out',
      out,
      '--set',
      `${phase}.learningRate=${steps}`,
      '--set',
      `${phase}.epochs=3`,
    ]);
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toMatch(
      /Update \d+ left a number in `\S+` that is not finite\. A smaller `learningRate` is the likeliest remedy/,
    );
    const kept = ['checkpoint.safetensors', 'events.out.tfevents.wakesleep', 'metrics.jsonl', 'run.json'];
    expect(namesIn(out)).toEqual(kept);
    expect((await wakesleep(['show', join(out, 'checkpoint.safetensors')])).status).toBe(0);
  });
});
