/**
 * What one layer of a model does for a batch of rows: a kernels' activity together with what the layer's unit type and
 * biases make of a total input. All of inference and learning is written in terms of these few verbs.
 */

import type { Dataset } from '../data/dataset.js';
import { type Graph, layerOf } from '../graph/graph.js';
import { noiseStream, type purposes } from '../noise.js';
import { created, readFloats, withFloats } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Runtime } from '../runtime/runtime.js';
import { unitType } from '../units/index.js';
import type { Activity, Stream, Weights } from '../wasm/st.js';

/** What stays readable as numbers: total inputs, means or drawn states. */
export type Keep = 'inputs' | 'means' | 'states';

const keepCodes: Record<Keep, number> = { inputs: 0, means: 1, states: 2 };

/** A layer that drives another one, through a connection. */
export interface Drive {
  readonly source: LayerState;
  /** Whether what is listed drives (drawn states, gathered numbers) or the values (means). */
  readonly states: boolean;
  readonly weights: Weights;
  readonly direction: 'up' | 'down';
  /** Whether it counts twice, as if the source were there two times; default once. */
  readonly twice?: boolean;
}

/** How a total input is settled. */
export interface Settling {
  readonly keep: Keep;
  /** The address of the draw; without one no states are drawn. */
  readonly draw?: { readonly update: number; readonly sweep: number };
}

/** A layer's activity for a batch of rows. */
export class LayerState {
  readonly activity: Activity;
  private readonly stream: Stream;
  private readonly code: number;
  private readonly size: number;
  private readonly drawsStates: boolean;
  private readonly binary: boolean;
  private readonly countsDraws: boolean;
  /** Whether it is known how many draws each row's counts sum to, here or in the layer that drove this one. */
  private hasLengths = false;
  private readonly noOffset: EngineBuffer;
  private readonly kernels: Runtime['kernels'];
  private listed = false;
  private rowWeights: Float32Array = new Float32Array();

  /** Room for `rows` rows of the layer `name`; throws `OUT_OF_MEMORY`. */
  constructor(
    runtime: Runtime,
    graph: Graph,
    readonly name: string,
    rows: number,
    seed: number,
    purpose: keyof typeof purposes,
  ) {
    const { units } = layerOf(graph, name);
    const type = unitType(units);
    ({ code: this.code, size: this.size } = type.kernel(units));
    this.drawsStates = type.samples(units);
    this.binary = type.binary(units);
    this.countsDraws = type.countsDraws === true;
    this.activity = created(
      runtime,
      'layer activities',
      runtime.kernels.Activity.create(rows, type.units(units), !this.binary),
    );
    const index = graph.layers.findIndex((layer) => layer.name === name);
    this.kernels = runtime.kernels;
    this.noOffset = runtime.allocate(0);
    this.stream = noiseStream(runtime, seed, purpose, index);
  }

  /** Uses the first `rows` rows from now on. */
  setRows(rows: number): void {
    if (this.activity.rows !== rows) this.activity.setRows(rows);
  }

  /** Whether states of this layer are drawn at all, or means stand in for them. */
  get samples(): boolean {
    return this.drawsStates;
  }

  /** Whether numbers from outside may count as probabilities that states are drawn with. */
  get drawsData(): boolean {
    return this.drawsStates && this.binary;
  }

  /** Says that each row's counts sum to so many draws, where the layer's units are counts. */
  setLength(runtime: Runtime, length: number): void {
    if (!this.countsDraws) return;
    created(runtime, 'a batch', this.activity.setLength(length) || undefined);
    this.hasLengths = true;
  }

  /** Whether a kernel is to read lists where states are asked for. */
  reads(states: boolean): boolean {
    return states && this.listed;
  }

  /** Reads rows of a data set into values and lists. */
  gather(data: Dataset, order: EngineBuffer, first: number, rows: number): void {
    const { storage } = data;
    this.setRows(rows);
    const done = storage.stored.gather(this.activity, { scale: storage.scale, order, first });
    created(storage.runtime, 'a batch', done || undefined);
    this.listed = true;
    this.countLengths(storage.runtime);
  }

  /** Reads rows of a data set as probabilities and draws binary states, listed; `binarise` is at the right update. */
  gatherStates(data: Dataset, order: EngineBuffer, first: number, rows: number, binarise: Stream): void {
    const { storage } = data;
    this.setRows(rows);
    storage.stored.gatherStates(this.activity, { scale: storage.scale, order, first }, binarise);
    this.listed = true;
  }

  /** One-hot states of the rows' labels. */
  gatherLabels(labels: EngineBuffer, order: EngineBuffer, first: number, rows: number): void {
    this.setRows(rows);
    this.activity.gatherLabels(labels.handle, order.handle, first);
    this.listed = true;
  }

  /** Lets each row count as much as its weight in statistics; one weight stands for all rows, none lets all count as 1. */
  weighRows(runtime: Runtime, weights: Float32Array): void {
    this.rowWeights = weights;
    created(runtime, 'weights of rows', this.activity.weighRows(weights) || undefined);
  }

  /** How much a row counts in statistics. */
  rowWeight(row: number): number {
    return this.rowWeights.length > 1 ? this.rowWeights[row]! : (this.rowWeights[0] ?? 1);
  }

  /** Takes over rows of another state of the same layer, in a given order, behind the first `kept` rows that are there. */
  copyRows(runtime: Runtime, from: LayerState, rows: Uint32Array, kept = 0): void {
    created(runtime, 'rows', this.activity.copyRows(from.activity, rows, kept) || undefined);
    this.listed = from.listed;
  }

  /** Lists what is not zero in the values, whatever was listed before. */
  listValues(runtime: Runtime): void {
    created(runtime, 'a batch', this.activity.listValues() || undefined);
    this.listed = true;
  }

  /** Keeps what is known of a data set's rows `order[first …]` and takes the states of `drawn` for the rest. */
  complete(runtime: Runtime, drawn: LayerState, known: EngineBuffer, order: EngineBuffer, first: number): void {
    const { handle } = known;
    const done = this.activity.complete(drawn.activity, drawn.reads(true), handle, order.handle, first);
    created(runtime, 'a batch', done || undefined);
    this.listed = true;
  }

  /** Turns off the units that the draw leaves out: each stays with probability `keep`. */
  dropUnits(keep: number, draw: Stream): void {
    this.activity.dropUnits(keep, draw);
  }

  /** As `dropUnits`, and those that stay become `1 / keep` times as large: the mean over draws is what was there. */
  dropUnitsScaled(keep: number, draw: Stream): void {
    this.activity.dropUnits(keep, draw);
    this.activity.scale(1 / keep);
  }

  /** Takes values from outside, `[rows, units]`, and lists what is not zero. */
  write(runtime: Runtime, values: Float32Array): void {
    withFloats(runtime, values, (held) => {
      created(runtime, 'a batch', this.activity.writeValues(held.handle) || undefined);
    });
    this.listed = true;
    this.countLengths(runtime);
  }

  /** Makes the values say what the lists say: drawn states in place of means. */
  spreadStates(): void {
    if (this.listed) this.activity.spreadLists();
  }

  /** Total input from one or more layers and the bias, then what the unit type makes of it. */
  infer(given: readonly Drive[], bias: EngineBuffer, settling: Settling): void {
    const drives = given.flatMap((drive) => (drive.twice ? [drive, drive] : [drive]));
    const draw = this.prepareDraw(settling);
    this.setRows(drives[0]!.source.activity.rows);
    const counted = drives.find(({ source }) => source.countsDraws && !this.countsDraws)?.source;
    const lengths = counted ?? (this.countsDraws ? drives[0]!.source : undefined);
    if (lengths?.hasLengths) {
      this.activity.takeLengths(lengths.activity);
      this.hasLengths = true;
    }
    if (counted !== undefined) this.activity.startAtLengths(bias.handle);
    drives.forEach(({ source, states, weights, direction }, index) => {
      const last = index === drives.length - 1;
      this.activity.propagate(
        source.activity,
        source.reads(states),
        weights,
        direction === 'up',
        bias.handle,
        index > 0 || counted !== undefined,
        this.code,
        this.size,
        keepCodes[last ? settling.keep : 'inputs'],
        last && draw,
        this.stream,
      );
    });
  }

  /** What the unit type makes of the biases alone: a layer that nothing drives yet. */
  inferFromBias(bias: EngineBuffer, settling: Settling): void {
    const draw = this.prepareDraw(settling);
    const keep = keepCodes[settling.keep];
    this.activity.settleOnBias(bias.handle, this.code, this.size, keep, draw, this.stream);
  }

  /** What the unit type makes of `scale · x + offset` in place of the total inputs x; a scale for each row, or one for all. */
  settleTempered(scales: Float32Array, offset: EngineBuffer | undefined, settling: Settling): void {
    const draw = this.prepareDraw(settling);
    const keep = keepCodes[settling.keep];
    const { activity, code, size, stream } = this;
    const unused = offset ?? this.noOffset;
    activity.settleTempered(scales, unused.handle, offset !== undefined, code, size, keep, draw, stream);
  }

  /** `out[row] += Λ(to · x) − Λ(from · x)` of the total inputs x, nats; `out` holds f64. */
  addTemperedDifference(from: Float32Array, to: Float32Array, out: EngineBuffer): void {
    this.activity.addTemperedDifference(this.code, this.size, from, to, out.handle);
  }

  /** `out[row] += log m(s)`, the base measure of the layer's states as they are read, nats; `out` holds f64. */
  addLogBase(out: EngineBuffer): void {
    if (!this.binary) this.activity.addLogBase(this.reads(true), this.code, this.size, out.handle);
  }

  /** `out[row] += log Σ_s exp(s · x)` of the total inputs, nats; `out` holds f64. */
  addLogPartition(out: EngineBuffer): void {
    this.activity.addLogPartition(this.code, this.size, out.handle);
  }

  /** As `addLogPartition`, as if unit `unit` of the lower layer of `weights` were on too. */
  addLogPartitionWith(weights: Weights, unit: number, out: EngineBuffer): void {
    this.activity.addLogPartitionWith(this.code, this.size, weights, unit, out.handle);
  }

  /**
   * `out[row] += Σ log p(v_g | rest)` of this layer's states, nats, given `upper` with its total inputs; of every unit or
   * softmax group g or, with `chosen`, of one for each row, times their number.
   */
  addPseudoLogLikelihoods(
    bias: EngineBuffer,
    weights: Weights,
    upper: LayerState,
    chosen: Uint32Array,
    out: EngineBuffer,
  ): void {
    const { activity, code, size } = this;
    this.kernels.addPseudoLogLikelihoods(
      activity,
      this.reads(true),
      code,
      size,
      bias.handle,
      weights,
      upper.activity,
      upper.code,
      upper.size,
      chosen,
      out.handle,
    );
  }

  /** `values ← values + damping · (before − values)`, with what `values()` gave before: the layer counts by its values. */
  damp(runtime: Runtime, before: Float32Array, damping: number): void {
    const { address, rows, stride, units } = this.activity;
    const values = runtime.views.floats(address, rows * stride);
    for (let row = 0; row < rows; row += 1) {
      for (let unit = 0; unit < units; unit += 1) {
        const place = row * stride + unit;
        values[place]! += damping * (before[row * units + unit]! - values[place]!);
      }
    }
  }

  /** `out[row] += log p(s | x)` of the states of `layer`, as they are listed, from the total inputs here; nats, f64. */
  addLogProbability(layer: LayerState, out: EngineBuffer): void {
    this.activity.addLogProbability(layer.activity, layer.reads(true), this.code, this.size, out.handle);
  }

  /** A copy of the values, `[rows, units]`. */
  values(runtime: Runtime): Float32Array<ArrayBuffer> {
    const { activity } = this;
    return readFloats(runtime, activity.rows * activity.units, (out) => activity.readValues(out.handle));
  }

  /** A copy of what is listed in the first `rows` rows, `[rows, units]`; the values are left as they are. */
  statesOf(runtime: Runtime, rows: number): Float32Array<ArrayBuffer> {
    const { activity } = this;
    const current = activity.rows;
    activity.setRows(rows);
    const states = readFloats(runtime, rows * activity.units, (out) => activity.readLists(out.handle));
    activity.setRows(current);
    return states;
  }

  /** Gives the memory back. */
  free(): void {
    this.activity.free();
    this.noOffset.free();
    this.stream.free();
  }

  private countLengths(runtime: Runtime): void {
    if (!this.countsDraws) return;
    created(runtime, 'a batch', this.activity.countLengths() || undefined);
    this.hasLengths = true;
  }

  private prepareDraw({ keep, draw }: Settling): boolean {
    if (draw === undefined || !this.drawsStates) {
      if (keep === 'states') throw new Error(`States of \`${this.name}\` are asked for without a draw.`);
      this.listed = false;
      return false;
    }
    this.stream.at(draw.update, draw.sweep);
    this.listed = true;
    return true;
  }
}
