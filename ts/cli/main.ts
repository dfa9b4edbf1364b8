#!/usr/bin/env node
/**
 * The command `wakesleep`: its commands and options. What each does is in the file of its name, which is loaded only when it
 * is to run, so that `--help` answers at once.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { VERSION } from '../runtime/version.js';
import type { ClassifyArguments } from './classify.js';
import type { ConvertArguments } from './convert.js';
import { type EngineOptions, withEngine } from './engine-options.js';
import { exitStatus, Output, reportError } from './output.js';
import type { SampleArguments } from './sample.js';
import type { ScoreArguments } from './score.js';
import type { ShowArguments } from './show.js';
import type { TrainArguments } from './train.js';
import type { VerifyArguments } from './verify.js';

const DATA =
  'mnist:test or another named set, a file of rows by its ending (csv, npy, mat, ...), or a folder of pictures';
const endings = 'Exit status: 0 done, 1 failed, 2 bad usage, 130 interrupted.';

/** The program; `finish` takes the status that a command ends with. */
function program(output: Output, finish: (status: number) => void): Command {
  const root = new Command('wakesleep')
    .description('Boltzmann machines and deep belief nets on ordinary CPUs: the same seed, the same bits.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('--help', 'say what a command does')
    .helpCommand(false)
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', `\n${endings}`);
  const command = (name: string, description: string) =>
    root.command(name).description(description).option('--json', 'print one JSON object a line, and nothing else');

  withEngine(command('info', 'Say which artefact runs here, on how many threads, and why.')).action(
    async (options: EngineOptions) => finish(await (await import('./info.js')).info(options, output)),
  );
  command('recipes', 'List what can be trained by name, what it reproduces and how long it takes.').action(async () =>
    finish((await import('./recipes.js')).listRecipes(output)),
  );
  withEngine(command('train', 'Train a recipe or a configuration; a demonstration is shown.'))
    .argument('[recipe|config.json]', 'a name that `wakesleep recipes` lists, or a file that ends in .json')
    .option('--out <dir>', 'where the run goes (default: target/runs/NAME)')
    .option('--resume', 'go on with the run in that folder')
    .option('--seed <N>', 'seed of the weights and of all noise', integer)
    .option('--set <path=value>', 'change the configuration: train.0.epochs=5 (may be repeated)', collected, [])
    .option('--data <dir>', 'folder that holds the files of a named set')
    .option('--only <variant>', 'of a study, train this variant now (may be repeated)', collected, [])
    .option('--schema', 'print the JSON Schema of a configuration instead')
    .action(
      async (source: string | undefined, options: TrainArguments & { readonly schema?: boolean }, self: Command) => {
        if (options.schema === true) return finish(await printSchema(output));
        if (source === undefined) self.error("error: missing argument 'recipe|config.json'");
        const { train } = await import('./train.js');
        finish(await train(source, options, output));
      },
    );
  withEngine(command('sample', 'Draw rows from a model.'))
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors')
    .requiredOption('--out <file>', 'a .png picture, or a .npy array [rows, units]')
    .option('--rows <N>', 'rows to draw', integer, 100)
    .option('--sweeps <N>', 'sweeps of Gibbs sampling', integer, 1000)
    .option(
      '--anneal <N>',
      'sweeps, among them, at temperatures that fall to 1 (of machines and deep belief nets)',
      integer,
    )
    .option('--every <N>', 'show each chain after every N sweeps: a line, or [rows, sweeps / N, units]', integer)
    .option('--clamp <label=N>', 'hold the label at a class')
    .option('--seed <N>', 'seed of the draws', integer, 1)
    .option('--width <N>', 'width of a picture in pixels (default: a square)', integer)
    .action(async (model: string, options: SampleArguments) =>
      finish(await (await import('./sample.js')).sample(model, options, output)),
    );
  withEngine(command('classify', 'Classify rows; the error rate too where labels are known.'))
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors')
    .argument('<data>', DATA)
    .option('--labels <file>', 'labels in a file of their own: idx, npy, csv or of NORB')
    .option('--label-column <column>', 'the column of classes by name or number, or the array that holds them', column)
    .option('--array <name>', 'the array that holds the rows, in a file of several')
    .option('--first-index <0|1>', 'of sparse rows (default: 0 where the file has an index 0, else 1)', firstIndex)
    .option('--scale <number>', 'what numbers are multiplied by (default: 1/255 for pictures, else 1)', scale)
    .option('--data <dir>', 'folder that holds the files of a named set')
    .action(async (model: string, data: string, options: ClassifyArguments) =>
      finish(await (await import('./classify.js')).classify(model, data, options, output)),
    );
  withEngine(command('score', 'Say how likely rows are under a model, in nats a row, and how sure that is.'))
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors')
    .argument('<data>', DATA)
    .option('--label-column <column>', 'the column of classes by name or number, which is left out', column)
    .option('--array <name>', 'the array that holds the rows, in a file of several')
    .option('--first-index <0|1>', 'of sparse rows (default: 0 where the file has an index 0, else 1)', firstIndex)
    .option('--scale <number>', 'what numbers are multiplied by (default: 1/255 for pictures, else 1)', scale)
    .option('--method <exact|ais|importance|free-energy|pseudo>', 'how it is found out', 'exact')
    .option('--binarise <sample|threshold|none>', 'what becomes of intensities; sample once', 'sample')
    .option('--seed <N>', 'seed of the binarisation and of all chains', integer, 1)
    .option('--chains <N>', 'ais: independent chains', integer, 100)
    .option('--temperatures <N>', 'ais: steps from the base model to the model', integer, 10_000)
    .option('--particles <N>', 'importance: draws of the hidden units for each row', integer, 1000)
    .option('--base <data>', 'ais: whose means the base model has (default: the biases of the model)')
    .option('--reverse', 'ais: also from samples of the model, for the other end of a bracket')
    .option('--sweeps <N>', 'ais: Gibbs sweeps before the reverse starts', integer, 10_000)
    .option('--state <file>', 'ais: keep finished chains in this file, each hundred as it is done')
    .option('--resume', 'ais: go on from the chains that the file of --state keeps')
    .option('--data <dir>', 'folder that holds the files of a named set')
    .action(async (model: string, data: string, options: ScoreArguments) =>
      finish(await (await import('./score.js')).score(model, data, options, output)),
    );
  withEngine(
    command('verify', 'Check a model by enumeration: energies, log Z, means, stationarity of chains, gradients.'),
  )
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors')
    .option('--seed <N>', 'seed of the chains, and of the units that stand for a large model', integer, 1)
    .option('--chains <N>', 'chains that start from the exact distribution', integer, 40_000)
    .action(async (model: string, options: VerifyArguments) =>
      finish(await (await import('./verify.js')).verifyModel(model, options, output)),
    );
  withEngine(command('show', 'Say what a model is made of, and draw pictures of it.'))
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors')
    .option('--out <dir>', 'draw the graph, receptive fields and generated rows into this folder')
    .option('--seed <N>', 'seed of the generated rows', integer, 1)
    .option('--width <N>', 'width of a picture in pixels (default: a square)', integer)
    .action(async (model: string, options: ShowArguments) =>
      finish(await (await import('./show.js')).show(model, options, output)),
    );
  withEngine(command('convert', 'Write a model as a file of another kind.'))
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors')
    .requiredOption('--to <onnx|npz|safetensors>', 'ONNX, arrays for NumPy (scikit-learn), or parameters alone')
    .requiredOption('--out <file>', 'the file, which must not be there yet')
    .option('--pass <up|down>', 'onnx: from rows to means of hidden units (default), or from these to rows')
    .option('--layer <name>', 'onnx: the layer whose means come out on the way up')
    .action(async (model: string, options: ConvertArguments) =>
      finish(await (await import('./convert.js')).convert(model, options, output)),
    );
  command('completion', 'Print a script that lets a shell complete this command.')
    .argument(
      '<bash|zsh|fish>',
      'the shell: eval "$(wakesleep completion bash)"; in fish: wakesleep completion fish | source',
    )
    .action(async (shell: string) => finish((await import('./completion.js')).completion(root, shell, output)));
  return root;
}

async function printSchema(output: Output): Promise<number> {
  const { configurationJsonSchema } = await import('../config.js');
  const schema = configurationJsonSchema();
  output.object({ type: 'schema', schema });
  output.line(JSON.stringify(schema, null, 2));
  return exitStatus.done;
}

function integer(text: string): number {
  if (/^-?\d{1,16}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be an integer.');
}

/** A column by its number or its name. */
function column(text: string): string | number {
  return /^-?\d{1,5}$/.test(text) ? Number(text) : text;
}

function firstIndex(text: string): 0 | 1 {
  if (text === '0' || text === '1') return text === '0' ? 0 : 1;
  throw new InvalidArgumentError('It must be 0 or 1.');
}

/** A number above 0, or one over another: 1/255. */
function scale(text: string): number {
  const [, over = '', under = '1'] = /^([\d.e+-]+)(?:\/([\d.e+-]+))?$/i.exec(text) ?? [];
  const value = over === '' ? Number.NaN : Number(over) / Number(under);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0, or two with / between.');
}

function collected(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Runs one command line; returns the status to end with. */
async function main(args: readonly string[]): Promise<number> {
  const output = new Output(args.includes('--json'));
  let status: number = exitStatus.done;
  try {
    const root = program(output, (ended) => {
      status = ended;
    });
    if (args.length === 0) {
      root.outputHelp({ error: true });
      return exitStatus.badUsage;
    }
    await root.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitStatus.done;
    return reportError(error, output);
  }
}

// A reader that has seen enough (`| head`) closes the pipe; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2));
