/** `wakesleep score`: log-likelihoods of rows in nats, by what is exact or by an estimate that says what it is worth. */
import type { Dataset } from '../data/dataset.js';
import { type Engine, load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { unnormalised } from '../evaluate/evaluate.js';
import { isDeepBoltzmannMachine } from '../graph/deep-boltzmann.js';
import { unitsOf, visibleLayerOf } from '../graph/graph.js';
import { visibleUnitsOf } from '../graph/machines.js';
import { type AnnealedEstimate, type AnnealedState, type Bracket, bracketOf } from '../likelihood/annealed.js';
import type { Model } from '../model.js';
import { oneOf } from '../options.js';
import { unitType } from '../units/index.js';
import { loadRows, type RowsArguments, requestOf } from './data.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { Interruption } from './interruption.js';
import { type Direction, KeptChains } from './kept-chains.js';
import { openModel } from './model-source.js';
import { exitStatus, type Output, withThousands } from './output.js';
import { showShare } from './progress.js';

/** What the command line gives. */
export interface ScoreArguments extends EngineOptions, RowsArguments {
  readonly method: string;
  readonly binarise: string;
  readonly seed: number;
  readonly chains: number;
  readonly temperatures: number;
  readonly reverse?: boolean;
  readonly sweeps: number;
  readonly base?: string;
  readonly particles: number;
  readonly state?: string;
  readonly resume?: boolean;
}

const METHODS = ['exact', 'ais', 'importance', 'free-energy', 'pseudo'] as const;

/** Prints the mean over rows with its uncertainty. */
export async function score(path: string, name: string, options: ScoreArguments, output: Output): Promise<number> {
  const method = oneOf('score', 'method', options.method, METHODS);
  const kept = method === 'ais' ? KeptChains.open(options.state, options.resume === true) : undefined;
  const engine = await load(engineOptions(options));
  try {
    const model = openModel(engine, path);
    const units = visibleUnitsOf(model.graph);
    const columns = unitsOf(model.graph, visibleLayerOf(model.graph));
    const { rows } = await loadRows(engine, name, { ...requestOf(options), columns });
    const binary = unitType(units).binary(units);
    // Only binary units take intensities for chances.
    const data = binary ? binaryRows(rows, name, options) : rows;
    output.remark(`${withThousands(data.rows)} rows of ${name}, ${binarisation(data === rows, binary, options)}.`);
    const deep = isDeepBoltzmannMachine(model.graph);
    if (method === 'pseudo') report(output, 'pseudo-log-likelihood', model.pseudoLogLikelihood(data));
    else if (method === 'free-energy')
      report(output, `minus ${deep ? 'variational ' : ''}free energy (log Z is left out)`, unnormalised(model, data));
    else if (method === 'exact') report(output, 'log-likelihood', model.logLikelihood(data));
    else if (method === 'importance') await importance(model, data, options, output);
    else await annealed(engine, model, data, options, kept!, output);
    return exitStatus.done;
  } finally {
    engine.close();
  }
}

/** Rows of states: intensities are drawn once, or refused. */
function binaryRows(rows: Dataset, name: string, { binarise, seed }: ScoreArguments): Dataset {
  const way = oneOf('score', 'binarise', binarise, ['sample', 'threshold', 'none'] as const);
  if (rows.isBinary()) return rows;
  if (way === 'sample') return rows.binarised({ method: 'sample', seed });
  if (way === 'threshold') return rows.binarised({ method: 'threshold' });
  const message = `The rows of ${name} are intensities, whose free energies are not nats; give \`--binarise sample\` or \`threshold\`.`;
  throw new WakesleepError('DATA_INVALID', message, { given: 'intensities', wanted: 'rows of 0 and 1', where: name });
}

function binarisation(asTheyAre: boolean, binary: boolean, { binarise, seed }: ScoreArguments): string {
  if (asTheyAre) return binary ? 'binary as they are' : 'as they are';
  return binarise === 'sample' ? `binarised by sampling once with seed ${seed}` : 'on from an intensity of 0.5';
}

interface Moments {
  readonly mean: number;
  /** Of the mean over rows. */
  readonly standardError: number;
}

function moments(values: Float64Array): Moments {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / Math.max(1, values.length);
  let squares = 0;
  for (const value of values) squares += (value - mean) * (value - mean);
  const standardError = Math.sqrt(squares / Math.max(1, values.length - 1) / Math.max(1, values.length));
  return { mean, standardError };
}

function report(output: Output, quantity: string, values: Float64Array): void {
  const { mean, standardError } = moments(values);
  output.object({ type: 'score', quantity, rows: values.length, mean, standardError, unit: 'nats per row' });
  output.line(`${mean.toFixed(2)} nats a row: ${quantity}, mean of ${withThousands(values.length)} rows`);
  output.line(`± ${(3 * standardError).toFixed(2)}, three standard errors of that mean over rows`);
}

async function importance(model: Model, data: Dataset, options: ScoreArguments, output: Output): Promise<void> {
  const { particles, seed } = options;
  const found = await model.importanceLogLikelihoodAsync(data, { particles, seed });
  const quantity = 'log-likelihood by importance sampling';
  const { mean, standardError, warnings } = found;
  const effectiveSampleSize = moments(found.effectiveSampleSizes).mean;
  const size = { particles, effectiveSampleSize };
  const rows = data.rows;
  output.object({ type: 'score', quantity, rows, mean, standardError, unit: 'nats per row', ...size, warnings });
  output.line(`${mean.toFixed(2)} nats a row: ${quantity}, mean of ${withThousands(rows)} rows`);
  output.line(
    `${particles} particles a row, effective sample size ${effectiveSampleSize.toFixed(1)}; more raise the number`,
  );
  output.line(`± ${(3 * standardError).toFixed(2)}, three standard errors of that mean over rows`);
  for (const warning of warnings) output.remark(`Careful: ${warning}`);
}

async function annealed(
  engine: Engine,
  model: Model,
  data: Dataset,
  options: ScoreArguments,
  kept: KeptChains,
  output: Output,
): Promise<void> {
  const base =
    options.base === undefined
      ? {}
      : { base: (await loadRows(engine, options.base, { dataFolder: options.data })).rows };
  const { chains, temperatures, seed, sweeps } = options;
  const interruption = new Interruption();
  const { signal } = interruption;
  const run = async (direction: Direction) => {
    const bar = await showShare(`annealing, ${direction}`);
    const start = direction === 'reverse' ? { start: { sweeps } } : {};
    const onProgress = ({ share, state }: { readonly share: number; readonly state: AnnealedState }) => {
      bar.at(share);
      kept.keep(direction, state);
    };
    try {
      const given = { seed, chains, temperatures, direction, onProgress, signal, ...start, ...base };
      return await model.annealedLogPartitionAsync({ ...given, ...kept.resumed(direction) });
    } finally {
      bar.end();
    }
  };
  try {
    const forward = await run('forward');
    const reverse = options.reverse === true ? await run('reverse') : undefined;
    const energies = moments(unnormalised(model, data));
    const what = `${isDeepBoltzmannMachine(model.graph) ? 'lower bound on the ' : ''}log-likelihood by annealed importance sampling`;
    reportAnnealed(output, what, energies, data.rows, forward, reverse && bracketOf(forward, reverse));
  } catch (error) {
    if (signal.aborted) output.remark(kept.inWords());
    throw error;
  } finally {
    interruption.dispose();
  }
}

function reportAnnealed(
  output: Output,
  quantity: string,
  energies: Moments,
  rows: number,
  forward: AnnealedEstimate,
  bracket: Bracket | undefined,
): void {
  const nats = (logZ: number) => energies.mean - logZ;
  const [mean, low, high] = [nats(forward.logPartition), nats(forward.high), nats(forward.low)];
  const { logWeights: _, state: _kept, ...estimate } = forward;
  const ends = bracket && { low: nats(bracket.high), high: nats(bracket.low), width: bracket.width };
  const warnings = bracket?.warnings ?? forward.warnings;
  output.object({
    type: 'score',
    quantity,
    rows,
    mean,
    low,
    high,
    standardErrorOverRows: energies.standardError,
    unit: 'nats per row',
    estimate,
    ...(ends === undefined ? {} : { bracket: ends }),
    warnings,
  });
  output.line(`${mean.toFixed(2)} nats a row: ${quantity}, ${rows} rows`);
  const most = Number.isFinite(high) ? high.toFixed(2) : 'no upper end';
  output.line(`${low.toFixed(2)} to ${most}: log Z less and plus three standard errors of the mean weight`);
  if (ends !== undefined) {
    output.line(
      `${ends.low.toFixed(2)} to ${ends.high.toFixed(2)}: the bracket of forward and reverse mean log-weights`,
    );
  }
  output.line(
    `log Z ${forward.logPartition.toFixed(2)}, ${forward.chains} chains of ${forward.temperatures} steps, effective sample size ${forward.effectiveSampleSize.toFixed(1)}`,
  );
  output.line(`± ${(3 * energies.standardError).toFixed(2)}, three standard errors over rows`);
  for (const warning of warnings) output.remark(`Careful: ${warning}`);
}
