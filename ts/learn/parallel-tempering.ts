/**
 * Parallel tempering for the negative phase (Desjardins et al. 2010; Cho, Raiko and Ilin 2010).
 *
 * Beside the model's own chains (β = 1) run others at lower β, whose distribution `p_β(v) ∝ Σ_h e^(−β E)` is flatter; base
 * measures stay. After the sweeps of an update neighbours on the ladder may change places: with
 * `d_ij(v) = log p*_j(v) − log p*_i(v)` replicas i and j of one ladder swap with probability `min(1, e^(d_ij(v_i) + d_ji(v_j)))`, hidden
 * units summed out. Even and odd neighbours take turns. The statistics are those of the replicas that are at β = 1.
 */

import { biasName } from '../graph/graph.js';
import { downwardDrive, inferUpper } from '../infer/drives.js';
import type { LayerState } from '../infer/layer-state.js';
import { checkEnergies } from '../likelihood/free-energy.js';
import { noiseStream } from '../noise.js';
import { boolean, freezeDeep, integer, refuseUnknown } from '../options.js';
import { exponentials, readFloats, withScratch } from '../runtime/allocation.js';
import { EnergyTraining } from './energy-training.js';
import { chainOptionNames, type PersistentOptions, readChainOptions } from './persistent.js';
import { type Schedule, scheduledCount } from './schedule.js';
import type { CompleteTrainerOptions } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';

/** What `parallelTempering()` takes; everything has a default. */
export interface ParallelTemperingOptions extends PersistentOptions {
  /** Replicas on a ladder, 2 to 100, default 10: β from 1 down to 0, evenly at first. There are `chains` ladders. */
  readonly temperatures?: number;
  /** Whether the ladder moves after each epoch, towards neighbours that swap equally often; default false. While it moves,
   * replicas are a little behind their new β. */
  readonly adaptLadder?: boolean;
}

/** Parallel tempering as plain data, complete. */
export interface ParallelTempering extends CompleteTrainerOptions {
  readonly type: 'parallelTempering';
  readonly gibbsSteps: Schedule;
  readonly chains: number;
  readonly temperatures: number;
  readonly adaptLadder: boolean;
}

/** Parallel tempering with these options; throws `OPTION_INVALID`. */
export function parallelTempering(options: ParallelTemperingOptions = {}): ParallelTempering {
  const where = 'parallelTempering()';
  refuseUnknown(where, options, [...chainOptionNames, 'temperatures', 'adaptLadder']);
  return freezeDeep({
    type: 'parallelTempering',
    ...readChainOptions(where, options),
    temperatures: integer(where, 'temperatures', options.temperatures ?? 10, { atLeast: 2, atMost: 100 }),
    adaptLadder: boolean(where, 'adaptLadder', options.adaptLadder ?? false),
  });
}

/** Trains the machine of index `depth` of a stack; throws `GRAPH_UNSUITABLE` where units have no energy to temper. */
export function* runParallelTempering(training: Training, depth: number, options: ParallelTempering): TrainingLoop {
  const { chains, temperatures } = options;
  const work = new EnergyTraining(training, depth, options, chains);
  work.requireChains();
  const { parameters, machine, kept } = work;
  checkEnergies(parameters, machine, 'Parallel tempering');
  const { runtime } = parameters;
  const ladders = new Ladders(training, depth, work, chains, temperatures);
  const lowers = work.lowerLayers(chains);
  const upper = work.layer(machine.upper, chains);
  const room = work.lowerLayers(work.rows);
  work.offer(() => ladders.tensors());
  for (const batch of work.work()) {
    if (batch.measured) work.measureReconstruction(room);
    const { update } = batch;
    const steps = scheduledCount(options.gibbsSteps, batch.epoch, batch.share);
    ladders.sweep(steps, update);
    ladders.swap(update);
    const own = ladders.ownRows();
    lowers.forEach((lower, index) => {
      lower.copyRows(runtime, ladders.lowers[index]!, own);
    });
    inferUpper(
      parameters,
      machine,
      lowers,
      upper,
      kept === 'means' ? { keep: kept } : { keep: kept, draw: { update, sweep: steps + 1 } },
    );
    work.drop(upper, update);
    const record = work.finish(batch, { lowers, states: true, upper });
    if (record === undefined) yield;
    else yield { ...record, swapRates: ladders.endEpoch(options.adaptLadder) };
  }
}

/** All replicas: ladder l has rows `l · temperatures ..`; which of them is at which β changes with every swap. */
class Ladders {
  readonly lowers: readonly LayerState[];
  private readonly upper: LayerState;
  /** Ascending places of the ladder: β of each, from 1 down to 0. */
  private readonly betas: Float32Array;
  /** For each row its place on the ladder. */
  private readonly places: Uint32Array;
  /** Swaps done and tried between places m and m + 1. */
  private readonly done: Float64Array;
  private readonly tried: Float64Array;
  private started = false;

  constructor(
    private readonly training: Training,
    private readonly depth: number,
    private readonly work: EnergyTraining,
    private readonly chains: number,
    private readonly temperatures: number,
  ) {
    const rows = chains * temperatures;
    this.lowers = work.lowerLayers(rows);
    this.upper = work.layer(work.machine.upper, rows);
    this.betas = Float32Array.from({ length: temperatures }, (_, place) => 1 - place / (temperatures - 1));
    this.places = Uint32Array.from({ length: rows }, (_, row) => row % temperatures);
    this.done = new Float64Array(temperatures - 1);
    this.tried = new Float64Array(temperatures - 1);
    this.restore();
  }

  /** Gibbs sweeps of every replica at its own β. */
  sweep(steps: number, update: number): void {
    const { parameters, machine } = this.work;
    if (!this.started) {
      const draw = { update, sweep: 0 };
      for (const lower of this.lowers)
        lower.inferFromBias(parameters.bias(biasName(lower.name)), { keep: 'means', draw });
      this.started = true;
    }
    const scales = this.scales();
    for (let sweep = 1; sweep <= steps; sweep += 1) {
      const draw = { update, sweep };
      inferUpper(parameters, machine, this.lowers, this.upper, { keep: 'inputs' });
      this.upper.settleTempered(scales, undefined, { keep: 'inputs', draw });
      this.lowers.forEach((lower, index) => {
        const drive = downwardDrive(parameters, machine.connections[index]!, this.upper, true);
        lower.infer([drive], parameters.bias(biasName(lower.name)), { keep: 'inputs' });
        lower.settleTempered(scales, undefined, { keep: 'inputs', draw });
      });
    }
  }

  /** Lets neighbours change places: those at even places of the ladder with the next, at odd updates those at odd ones. */
  swap(update: number): void {
    const { chains, temperatures, places } = this;
    const parity = update % 2;
    const partner = Uint32Array.from(places, (place) => {
      const other = place % 2 === parity ? place + 1 : place - 1;
      return other >= 0 && other < temperatures ? other : place;
    });
    const gains = this.logRatios(partner);
    const rowAt = new Uint32Array(chains * temperatures);
    places.forEach((place, row) => {
      rowAt[Math.floor(row / temperatures) * temperatures + place] = row;
    });
    const pairs: [number, number, number][] = [];
    for (let ladder = 0; ladder < chains; ladder += 1) {
      for (let place = parity; place + 1 < temperatures; place += 2) {
        pairs.push([place, rowAt[ladder * temperatures + place]!, rowAt[ladder * temperatures + place + 1]!]);
      }
    }
    const chances = this.chances(pairs.map(([, a, b]) => gains[a]! + gains[b]!));
    const uniforms = this.uniforms(update, pairs.length);
    pairs.forEach(([place, a, b], pair) => {
      this.tried[place]! += 1;
      if (uniforms[pair]! >= chances[pair]!) return;
      this.done[place]! += 1;
      [places[a], places[b]] = [places[b]!, places[a]!];
    });
  }

  /** `log p*_partner(v) − log p*_own(v)` of every replica. */
  private logRatios(partner: Uint32Array): Float64Array {
    const { parameters, machine } = this.work;
    const { runtime } = parameters;
    const rows = this.places.length;
    inferUpper(parameters, machine, this.lowers, this.upper, { keep: 'inputs' });
    const [from, to] = [this.scales(), Float32Array.from(partner, (place) => this.betas[place]!)];
    const read = (add: (out: ReturnType<typeof runtime.allocate>) => void) =>
      withScratch(runtime, rows * 8, (out) => {
        out.doubles().fill(0);
        add(out);
        return new Float64Array(out.doubles());
      });
    const upper = read((out) => this.upper.addTemperedDifference(from, to, out));
    const dots = read((out) => {
      for (const lower of this.lowers) {
        lower.activity.addDots(lower.reads(true), parameters.bias(biasName(lower.name)).handle, out.handle);
      }
    });
    return upper.map((difference, row) => difference + (to[row]! - from[row]!) * dots[row]!);
  }

  /** `min(1, e^x)` of each, by the kernels' exponential. */
  private chances(logs: readonly number[]): Float32Array {
    return exponentials(
      this.work.parameters.runtime,
      logs.map((x) => Math.min(0, x)),
    );
  }

  private uniforms(update: number, count: number): Float32Array {
    const { runtime } = this.work.parameters;
    const stream = noiseStream(runtime, this.training.seed, 'swap', this.depth);
    stream.at(update, 0);
    const uniforms = readFloats(runtime, count, (out) => stream.uniforms(0, out.handle, count));
    stream.free();
    return uniforms;
  }

  private scales(): Float32Array {
    return Float32Array.from(this.places, (place) => this.betas[place]!);
  }

  /** The row of each ladder that is at β = 1. */
  ownRows(): Uint32Array {
    const rows = new Uint32Array(this.chains);
    this.places.forEach((place, row) => {
      if (place === 0) rows[Math.floor(row / this.temperatures)] = row;
    });
    return rows;
  }

  /**
   * The share of tried swaps that were done between each place and the next; 0 where none was tried. Once all neighbours have
   * tried, the ladder may move, and counting begins anew.
   */
  endEpoch(adapt: boolean): number[] {
    const rates = Array.from(this.done, (done, place) => (this.tried[place]! > 0 ? done / this.tried[place]! : 0));
    if (this.tried.every((tried) => tried > 0)) {
      if (adapt) this.adapt(rates);
      this.done.fill(0);
      this.tried.fill(0);
    }
    return rates;
  }

  /** Widens steps of the ladder that swap often and narrows those that do not. */
  private adapt(rates: readonly number[]): void {
    const gaps = rates.map((rate, place) => (this.betas[place]! - this.betas[place + 1]!) * (0.5 + rate));
    const total = gaps.reduce((sum, gap) => sum + gap, 0);
    let beta = 1;
    gaps.forEach((gap, place) => {
      beta -= gap / total;
      this.betas[place + 1] = place + 2 === this.betas.length ? 0 : beta;
    });
  }

  /** What a checkpoint keeps. */
  *tensors(): Generator<[string, Float32Array]> {
    yield ['ladder.betas', this.betas.slice()];
    yield ['ladder.places', Float32Array.from(this.places)];
    yield ['ladder.swaps', Float32Array.from([...this.done, ...this.tried])];
    if (!this.started) return;
    const { runtime } = this.work.parameters;
    for (const lower of this.lowers) yield [`ladder.${lower.name}`, lower.statesOf(runtime, this.places.length)];
  }

  private restore(): void {
    const { restored } = this.training;
    const betas = restored.get('ladder.betas');
    if (betas === undefined) return;
    this.betas.set(betas);
    this.places.set(restored.get('ladder.places')!);
    const swaps = restored.get('ladder.swaps')!;
    this.done.set(swaps.subarray(0, this.done.length));
    this.tried.set(swaps.subarray(this.done.length));
    for (const lower of this.lowers) {
      const states = restored.get(`ladder.${lower.name}`);
      if (states === undefined) continue;
      lower.write(this.work.parameters.runtime, states);
      this.started = true;
    }
  }
}
