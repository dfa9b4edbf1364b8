/**
 * Annealed importance sampling of log Z (Neal 2001; for restricted Boltzmann machines Salakhutdinov and Murray, "On the
 * quantitative analysis of deep belief networks", 2008), and its reverse (Burda, Grosse and Salakhutdinov 2015).
 *
 * Between a base model without weights (β = 0) and the model (β = 1) stand distributions whose visible natural parameters
 * are `(1 − β) a + β (b + W h)` and hidden ones `β (c + v W)`, with a the base model's biases; base measures stay. A chain
 * passes through all of them, and its log-weight adds `log p*_β'(v) − log p*_β(v)` at every step. Forward, the mean of the
 * log-weights is below log Z on average; backward from samples of the model it is above, so the two bracket log Z. A single
 * forward number is too small on average, which flatters the model: it is never given without its uncertainty.
 *
 * Chains are over one of a model's two sides, as v is above, and the other side is summed out. In a deep Boltzmann machine
 * they are over the layers of odd index (Salakhutdinov and Hinton 2009), or with `base` over those of even index, of which
 * the visible layer has the base model's biases. On a 784-500-1000 machine trained briefly on 6,000 digits (November 2026, 50
 * chains) effective sample sizes were 4 and 6 over the odd layers with 1,000 and 3,000 steps, and 25 and 32 with `base`.
 *
 * Chains run in blocks of 100, one block after another; a chain's draws depend on its number alone.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { firstDifference, valueAt } from '../files/json.js';
import { isDeepBoltzmannMachine, sidesOf } from '../graph/deep-boltzmann.js';
import { biasName, type Connection, layerOf, unitsOf, unsuitable, visibleLayerOf } from '../graph/graph.js';
import { refuseCounts } from '../graph/machines.js';
import { drivesOf } from '../infer/drives.js';
import { LayerState, type Settling } from '../infer/layer-state.js';
import { checkData } from '../infer/source.js';
import {
  describeValue,
  finiteNumber,
  freezeDeep,
  integer,
  oneOf,
  seed as readSeed,
  refuseUnknown,
} from '../options.js';
import { allocateVector, type Parameters } from '../parameters.js';
import { logarithms } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { oddsOf } from '../units/odds.js';
import { requireNormalisable } from './exact.js';
import { checkEnergiesOf } from './free-energy.js';
import { logPartitionOffset } from './offsets.js';

/** What `annealedImportanceSampling()` takes. */
export interface AnnealedOptions {
  /** Of all draws, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /** `forward` (default), or `reverse` from samples of the model. */
  readonly direction?: 'forward' | 'reverse';
  /** Independent chains, default 100. */
  readonly chains?: number;
  /**
   * Steps from β = 0 to 1, default 10,000: a tenth of them evenly up to 0.5, four tenths up to 0.9, half up to 1. Or the βs
   * themselves, ascending from 0 to 1.
   */
  readonly temperatures?: number | readonly number[];
  /** Whose column means the base model has (binary visible units); without it the base model has the model's own biases. */
  readonly base?: Dataset;
  /**
   * Of the reverse: Gibbs sweeps before each chain's start, default 10,000, or rows that are samples of the model: visible
   * ones, or of a deep Boltzmann machine those of all layers that its chains are over, side by side.
   */
  readonly start?: { readonly sweeps: number } | { readonly rows: Dataset };
  /**
   * The state of an estimate of the same model with the same options but for the number of chains: its whole blocks of 100
   * chains are not run again. Of another model or other options it throws `RESUME_MISMATCH`.
   */
  readonly resume?: AnnealedState;
  /** Hears how far it is; `state` holds the chains that are done, to be kept for `resume`. */
  readonly onProgress?: (done: {
    readonly chains: number;
    readonly share: number;
    readonly state: AnnealedState;
  }) => void;
  /** Ends the work at the next step, which then throws `ABORTED` with the `AnnealedState` so far as `partial`. */
  readonly signal?: AbortSignal;
}

/** What an estimate, whole or stopped, goes on from: plain data, to be kept as JSON. */
export interface AnnealedState {
  /** What the chains depend on; data and the model by their digests. */
  readonly options: {
    readonly model: string;
    readonly seed: number;
    readonly direction: 'forward' | 'reverse';
    readonly temperatures: number | readonly number[];
    readonly base: string | null;
    readonly start: { readonly sweeps: number } | { readonly rows: string } | null;
  };
  /** Log-weights of the chains that are done. */
  readonly logWeights: readonly number[];
}

/** What annealed importance sampling says of log Z; all in nats. */
export interface AnnealedEstimate {
  readonly direction: 'forward' | 'reverse';
  /** The estimate: log of the mean weight. */
  readonly logPartition: number;
  /** The standard error of the estimate, from the spread of the weights. */
  readonly standardError: number;
  /** The estimate with the mean weight less and plus three standard errors; −∞ where that is not above 0. */
  readonly low: number;
  readonly high: number;
  /** From the mean of log-weights: below log Z on average (forward), or above it (reverse, from exact samples). */
  readonly bound: number;
  /** `(Σ w)² / Σ w²` of the chains' weights. */
  readonly effectiveSampleSize: number;
  /** Whether the bound needs samples that only long chains stood in for. */
  readonly heuristic: boolean;
  readonly chains: number;
  readonly temperatures: number;
  /** The chains' log-weights. */
  readonly logWeights: readonly number[];
  /** What `resume` adds chains to. */
  readonly state: AnnealedState;
  /** What should make a reader doubt, in sentences. */
  readonly warnings: readonly string[];
}

/** Chains that run together. */
const BLOCK = 100;
/** Steps from the base model to the model where none are given. */
const STEPS = 10_000;
/** Below this share of the chains an effective sample size is too small. */
const LEAST_EFFECTIVE = 0.05;

/** What is annealed: the layers that chains are over, and the others, which are summed out given them. */
interface Annealed {
  readonly sampled: readonly string[];
  readonly summed: readonly string[];
  readonly connections: readonly Connection[];
}

interface Settings {
  readonly seed: number;
  readonly direction: 'forward' | 'reverse';
  readonly chains: number;
  readonly betas: Float32Array;
  readonly sweeps: number;
  readonly rows: Dataset | undefined;
}

/** Runs all chains; throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`, `RESUME_MISMATCH`, `ABORTED`. */
export function annealedImportanceSampling(parameters: Parameters, options: AnnealedOptions): AnnealedEstimate {
  const work = annealing(parameters, options);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** As above, giving up the thread between steps whenever `pause` says so. */
export async function annealedImportanceSamplingAsync(
  parameters: Parameters,
  options: AnnealedOptions,
  pause: () => Promise<void> | undefined,
): Promise<AnnealedEstimate> {
  const work = annealing(parameters, options);
  try {
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
      await pause();
    }
  } finally {
    work.return(undefined as never);
  }
}

function* annealing(parameters: Parameters, options: AnnealedOptions): Generator<void, AnnealedEstimate, void> {
  const what = 'Annealed importance sampling';
  const annealed = annealedOf(parameters, what, options.base !== undefined);
  checkEnergiesOf(parameters, [...annealed.summed, ...annealed.sampled], what);
  refuseCounts(parameters.graph, annealed, `${what} needs rows of one length`);
  requireNormalisable(parameters, what);
  const settings = readSettings(parameters, annealed, options);
  const { chains, betas } = settings;
  const stateOf = describeStates(parameters, settings, options);
  const logWeights = options.resume === undefined ? [] : weightsToGoOnFrom(options.resume, chains, stateOf);
  let state = stateOf(logWeights);
  const block = new Block(parameters, annealed, settings, options.base);
  try {
    while (logWeights.length < chains) {
      const first = logWeights.length;
      const rows = Math.min(BLOCK, chains - first);
      for (const share of block.run(first, rows)) {
        options.signal?.throwIfAborted();
        options.onProgress?.({ chains: first, share: (first + share * rows) / chains, state });
        yield;
      }
      logWeights.push(...block.logWeights(rows));
      state = stateOf(logWeights);
    }
    options.onProgress?.({ chains, share: 1, state });
    const offset = [...annealed.summed, ...annealed.sampled].reduce(
      (sum, layer) => sum + logPartitionOffset(parameters, layer),
      0,
    );
    return estimate(parameters, settings, betas.length - 1, block.logBase() + offset, state);
  } catch (error) {
    if (!options.signal?.aborted || error !== options.signal.reason) throw error;
    const message = `Annealed importance sampling was aborted with ${logWeights.length} of ${chains} chains done.`;
    throw new WakesleepError('ABORTED', message, { cause: error, partial: state });
  } finally {
    block.free();
  }
}

/** Which layers chains are over. */
function annealedOf({ graph }: Parameters, what: string, hasBase: boolean): Annealed {
  const { lowers, uppers, connections } = sidesOf(graph, what);
  if (isDeepBoltzmannMachine(graph) && !hasBase) return { sampled: uppers, summed: lowers, connections };
  return { sampled: lowers, summed: uppers, connections };
}

/** Makes states of log-weights: what is the same in all of them is found once. */
function describeStates(
  parameters: Parameters,
  { seed, direction, sweeps, rows }: Settings,
  { temperatures, base }: AnnealedOptions,
): (logWeights: readonly number[]) => AnnealedState {
  const reverse = direction === 'reverse';
  const common = {
    model: parameters.fingerprint(),
    seed,
    direction,
    temperatures: typeof temperatures === 'object' ? [...temperatures] : (temperatures ?? STEPS),
    base: base === undefined ? null : base.identity().digest,
  };
  return (logWeights) => {
    const whole = wholeBlocks(logWeights.length);
    // Rows for further chains may be added, so only those that were used count.
    const used = rows?.view(0, Math.min(whole, rows.rows)).identity().digest;
    const start = !reverse ? null : used === undefined ? { sweeps } : { rows: used };
    const described = freezeDeep({ ...common, start });
    return Object.freeze({ options: described, logWeights: Object.freeze([...logWeights]) });
  };
}

/** Log-weights of whole blocks that need not be run again; throws `RESUME_MISMATCH`, `OPTION_INVALID`. */
function weightsToGoOnFrom(
  given: AnnealedState,
  chains: number,
  stateOf: (logWeights: readonly number[]) => AnnealedState,
): number[] {
  const where = 'annealedImportanceSampling().resume';
  refuseUnknown(where, given, ['options', 'logWeights']);
  refuseUnknown(`${where}.options`, given.options, ['model', 'seed', 'direction', 'temperatures', 'base', 'start']);
  const weights = Array.isArray(given.logWeights) ? given.logWeights : [];
  const read = weights.map((weight, chain) => finiteNumber(where, `logWeights.${chain}`, weight));
  const now = stateOf(read).options;
  const path = firstDifference(given.options, now);
  if (path !== undefined) {
    const [there, here] = [valueAt(given.options, path), valueAt(now, path)].map(describeValue);
    const message = `The chains to go on from had another \`${path}\`: ${there} there, ${here} here.`;
    throw new WakesleepError('RESUME_MISMATCH', message, { given: here, wanted: there, where: path });
  }
  return read.slice(0, wholeBlocks(Math.min(chains, read.length)));
}

function wholeBlocks(chains: number): number {
  return chains - (chains % BLOCK);
}

function readSettings(parameters: Parameters, annealed: Annealed, options: AnnealedOptions): Settings {
  const where = 'annealedImportanceSampling()';
  refuseUnknown(where, options, [
    'seed',
    'direction',
    'chains',
    'temperatures',
    'base',
    'start',
    'resume',
    'onProgress',
    'signal',
  ]);
  const direction = oneOf(where, 'direction', options.direction ?? 'forward', ['forward', 'reverse'] as const);
  const { start, base } = options;
  if (start !== undefined) refuseUnknown(`${where}.start`, start, ['sweeps', 'rows']);
  if (start !== undefined && direction === 'forward') {
    const message = '`start` says where the reverse begins; forward chains begin at samples of the base model.';
    throw new WakesleepError('OPTION_INVALID', message, { given: start, where: `${where}.start` });
  }
  const chains = integer(where, 'chains', options.chains ?? 100, { atLeast: 1, atMost: 1_000_000 });
  const visible = visibleLayerOf(parameters.graph);
  if (base !== undefined) {
    checkData(parameters.graph, visible, base);
    if (layerOf(parameters.graph, visible).units.type !== 'bernoulli') {
      throw unsuitable('`base` is for binary visible units; others have the biases of the model.', visible);
    }
  }
  const rows = start !== undefined && 'rows' in start ? start.rows : undefined;
  if (rows !== undefined) {
    checkStarts(parameters, annealed, rows);
    if (rows.rows < chains) {
      const message = `There are ${rows.rows} rows to start ${chains} chains from.`;
      throw new WakesleepError('SHAPE_MISMATCH', message, { given: rows.rows, wanted: String(chains), where });
    }
  }
  const sweeps = start !== undefined && 'sweeps' in start ? start.sweeps : 10_000;
  return {
    seed: readSeed(where, options.seed),
    direction,
    chains,
    betas: readTemperatures(where, options.temperatures ?? STEPS),
    sweeps: integer(`${where}.start`, 'sweeps', sweeps, { atLeast: 1, atMost: 2 ** 31 }),
    rows,
  };
}

/** Refuses rows that do not fit the layers that chains are over. */
function checkStarts({ graph }: Parameters, { sampled }: Annealed, rows: Dataset): void {
  if (sampled.length === 1) {
    checkData(graph, sampled[0]!, rows);
    return;
  }
  const wanted = sampled.reduce((sum, layer) => sum + unitsOf(graph, layer), 0);
  if (rows.columns === wanted) return;
  const layers = sampled.map((layer) => `\`${layer}\``).join(' and ');
  const message = `The rows to start from have ${rows.columns} columns; the layers ${layers} have ${wanted} units.`;
  const where = 'annealedImportanceSampling().start.rows';
  throw new WakesleepError('SHAPE_MISMATCH', message, { given: rows.columns, wanted: String(wanted), where });
}

function readTemperatures(where: string, given: number | readonly number[]): Float32Array {
  if (typeof given === 'number') {
    const steps = integer(where, 'temperatures', given, { atLeast: 1, atMost: 10_000_000 });
    return Float32Array.from({ length: steps + 1 }, (_, k) => standardBeta(k / steps));
  }
  const betas = Float32Array.from(given, (beta, k) => {
    return finiteNumber(where, `temperatures.${k}`, beta, { atLeast: 0, atMost: 1 });
  });
  const ascends = betas.every((beta, k) => k === 0 || beta > betas[k - 1]!);
  if (betas.length >= 2 && betas[0] === 0 && betas.at(-1) === 1 && ascends) return betas;
  const wanted = 'a number of steps, or at least two numbers that ascend from 0 to 1';
  throw new WakesleepError('OPTION_INVALID', `\`temperatures\` must be ${wanted}.`, { given, wanted, where });
}

/** A tenth of the steps up to 0.5, four tenths up to 0.9, half up to 1. */
function standardBeta(share: number): number {
  if (share <= 0.1) return 5 * share;
  if (share <= 0.5) return 0.5 + (share - 0.1);
  return 0.9 + (share - 0.5) / 5;
}

/** Room for one block of chains, and what it does. */
class Block {
  private readonly sampled: readonly LayerState[];
  private readonly summed: readonly LayerState[];
  private readonly owned: { free(): void }[] = [];
  /** Of each sampled layer: the base model's biases, these times 1 − β, and what the model's biases have more than they. */
  private readonly bases: { readonly base: EngineBuffer; readonly scaled: EngineBuffer; readonly more: Float32Array }[];
  private readonly dotted: EngineBuffer;
  private readonly weights: EngineBuffer;
  private readonly nothing: EngineBuffer;
  private rows = BLOCK;

  constructor(
    private readonly parameters: Parameters,
    private readonly annealed: Annealed,
    private readonly settings: Settings,
    base: Dataset | undefined,
  ) {
    const { runtime, graph } = parameters;
    const own = <T extends { free(): void }>(thing: T): T => {
      this.owned.push(thing);
      return thing;
    };
    const rows = Math.min(BLOCK, settings.chains);
    const layer = (name: string) => own(new LayerState(runtime, graph, name, rows, settings.seed, 'anneal'));
    this.sampled = annealed.sampled.map(layer);
    this.summed = annealed.summed.map(layer);
    this.weights = own(runtime.allocate(rows * 8));
    const widest = (layers: readonly string[]) => Math.max(...layers.map((name) => unitsOf(graph, name)));
    this.nothing = own(allocateVector(runtime, widest(annealed.summed)));
    this.dotted = own(allocateVector(runtime, widest(annealed.sampled)));
    const visible = visibleLayerOf(graph);
    this.bases = annealed.sampled.map((name) => {
      const units = unitsOf(graph, name);
      const own0 = own(allocateVector(runtime, units));
      const scaled = own(allocateVector(runtime, units));
      const biases = parameters.bias(biasName(name)).floats().slice(0, units);
      const given =
        name === visible && base !== undefined
          ? logarithms(
              runtime,
              Array.from(base.columnMeans(), (mean) => oddsOf(mean).odds),
            )
          : biases;
      own0.floats().set(given);
      return { base: own0, scaled, more: biases.map((bias, unit) => bias - own0.floats()[unit]!) };
    });
  }

  /** Runs chains `first ..`, yielding now and then the share that is done. */
  *run(first: number, rows: number): Generator<number, void, void> {
    const { betas, direction } = this.settings;
    this.rows = rows;
    for (const layer of [...this.sampled, ...this.summed]) layer.setRows(rows);
    this.weights.doubles().fill(0);
    const block = first / BLOCK;
    const steps = betas.length - 1;
    if (direction === 'forward') this.drawBase(block);
    else yield* this.drawModel(first, rows);
    for (let step = 1; step <= steps; step += 1) {
      const [from, to] = direction === 'forward' ? [step - 1, step] : [steps + 1 - step, steps - step];
      this.infer(this.summed, this.sampled, { keep: 'inputs' });
      this.addStep(betas[from]!, betas[to]!);
      if (step < steps) this.sweep(betas[to]!, { update: to, sweep: block });
      if (step % 16 === 0) yield step / steps;
    }
  }

  /** Layers of one side given the other. */
  private infer(targets: readonly LayerState[], sources: readonly LayerState[], settling: Settling): void {
    const { parameters, annealed } = this;
    for (const target of targets) {
      const drives = drivesOf(parameters, annealed.connections, target.name, sources);
      target.infer(drives, parameters.bias(biasName(target.name)), settling);
    }
  }

  private drawBase(block: number): void {
    const draw = { update: 0, sweep: block };
    this.sampled.forEach((layer, index) => {
      layer.inferFromBias(this.bases[index]!.base, { keep: 'means', draw });
    });
  }

  /** Samples of the model: given ones, or the ends of long chains. */
  private *drawModel(first: number, rows: number): Generator<number, void, void> {
    const { rows: given, sweeps, betas } = this.settings;
    if (given !== undefined) {
      const values = given.view(first, rows).values();
      this.writeSampled(values, rows);
      return;
    }
    const block = first / BLOCK;
    this.drawBase(block);
    for (let sweep = 1; sweep <= sweeps; sweep += 1) {
      // Updates beyond those of the temperatures are free.
      const draw = { update: betas.length + sweep, sweep: block };
      this.infer(this.summed, this.sampled, { keep: 'means', draw });
      this.infer(this.sampled, this.summed, { keep: 'means', draw });
      if (sweep % 16 === 0) yield 0;
    }
  }

  /** Starts the sampled layers at rows that hold them side by side. */
  private writeSampled(values: Float32Array, rows: number): void {
    const columns = values.length / rows;
    let start = 0;
    for (const layer of this.sampled) {
      const { units } = layer.activity;
      const first = start;
      const own = Float32Array.from({ length: rows * units }, (_, place) => {
        return values[Math.floor(place / units) * columns + first + (place % units)]!;
      });
      layer.write(this.parameters.runtime, own);
      start += units;
    }
  }

  /** Adds `log p*_to(v) − log p*_from(v)`; the summed layers hold their total inputs. */
  private addStep(from: number, to: number): void {
    const [before, after] = [Float32Array.of(from), Float32Array.of(to)];
    for (const layer of this.summed) layer.addTemperedDifference(before, after, this.weights);
    this.sampled.forEach((lower, index) => {
      const { more } = this.bases[index]!;
      if (more.every((bias) => bias === 0)) return;
      const vector = this.dotted.floats();
      vector.fill(0);
      for (let unit = 0; unit < more.length; unit += 1) vector[unit] = (to - from) * more[unit]!;
      lower.activity.addDots(lower.reads(true), this.dotted.handle, this.weights.handle);
    });
  }

  /** One Gibbs sweep at β; the summed layers hold their total inputs. */
  private sweep(beta: number, draw: { readonly update: number; readonly sweep: number }): void {
    const scale = Float32Array.of(beta);
    for (const layer of this.summed) layer.settleTempered(scale, undefined, { keep: 'inputs', draw });
    this.sampled.forEach((lower, index) => {
      const { base, scaled } = this.bases[index]!;
      const [from, to] = [base.floats(), scaled.floats()];
      for (let unit = 0; unit < to.length; unit += 1) to[unit] = (1 - beta) * from[unit]!;
      this.infer([lower], this.summed, { keep: 'inputs' });
      lower.settleTempered(scale, scaled, { keep: 'inputs', draw });
    });
  }

  /** log Z of the base model, nats. */
  logBase(): number {
    const out = this.parameters.runtime.allocate(8);
    for (const [index, lower] of this.sampled.entries()) {
      lower.setRows(1);
      lower.inferFromBias(this.bases[index]!.base, { keep: 'inputs' });
      lower.addLogPartition(out);
    }
    for (const layer of this.summed) {
      layer.setRows(1);
      layer.inferFromBias(this.nothing, { keep: 'inputs' });
      layer.addLogPartition(out);
    }
    const logBase = out.doubles()[0]!;
    out.free();
    return logBase;
  }

  logWeights(rows: number): number[] {
    return Array.from(this.weights.doubles().subarray(0, Math.min(rows, this.rows)));
  }

  free(): void {
    for (const owned of this.owned.splice(0)) owned.free();
  }
}

function estimate(
  { runtime }: Parameters,
  { direction, rows, chains }: Settings,
  temperatures: number,
  logBase: number,
  state: AnnealedState,
): AnnealedEstimate {
  const { logWeights } = state;
  const buffer = runtime.allocate(chains * 8);
  buffer.doubles().set(logWeights);
  const summary = runtime.kernels.summariseWeights(buffer.handle, chains);
  buffer.free();
  const [logMean, logLow, logHigh, standardError, meanLog, effectiveSampleSize] = summary as unknown as number[];
  const forward = direction === 'forward';
  const warnings: string[] = [];
  if (effectiveSampleSize! < LEAST_EFFECTIVE * chains) {
    warnings.push(
      `The effective sample size is ${effectiveSampleSize!.toFixed(1)} of ${chains} chains: the estimate hangs on a few of them. Take more temperatures.`,
    );
  }
  const heuristic = !forward && rows === undefined;
  const at = (log: number) => (forward ? logBase + log : logBase - log);
  return {
    direction,
    logPartition: at(logMean!),
    standardError: standardError!,
    low: at(forward ? logLow! : logHigh!),
    high: at(forward ? logHigh! : logLow!),
    bound: at(meanLog!),
    effectiveSampleSize: effectiveSampleSize!,
    heuristic,
    chains,
    temperatures,
    logWeights,
    state,
    warnings,
  };
}

/** What forward and reverse estimates say together. */
export interface Bracket {
  /** The mean log-weights of both: log Z lies between them on average. */
  readonly low: number;
  readonly high: number;
  readonly width: number;
  readonly warnings: readonly string[];
}

/** The bracket of two estimates of one model; throws `OPTION_INVALID` where they do not make one. */
export function bracketOf(forward: AnnealedEstimate, reverse: AnnealedEstimate): Bracket {
  if (forward.direction !== 'forward' || reverse.direction !== 'reverse') {
    const message = 'A bracket takes a forward estimate and a reverse one.';
    throw new WakesleepError('OPTION_INVALID', message, { given: [forward.direction, reverse.direction] });
  }
  const [low, high] = [forward.bound, reverse.bound];
  const width = high - low;
  const warnings = [...forward.warnings, ...reverse.warnings];
  if (!(width <= 1)) {
    warnings.push(
      `The bracket of log Z is ${width.toFixed(2)} nats wide, and more than 1 is too much to trust: take more temperatures.`,
    );
  }
  if (reverse.heuristic) {
    warnings.push(
      'The upper end comes from long chains in place of exact samples of the model: it is a heuristic, not a bound.',
    );
  }
  return { low, high, width, warnings };
}
