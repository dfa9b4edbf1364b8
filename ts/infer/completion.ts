/**
 * What is missing in rows, drawn from an RBM given what is known: Gibbs sampling with the known numbers clamped. The missing
 * ones start at draws from the biases alone; each sweep draws the hidden units given the whole row, then the missing
 * numbers (and labels that are not given) given them.
 */
import { biasName, type Connection, layerOf, unsuitable } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { purposes } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import { downwardDrive, inferUpper } from './drives.js';
import { LayerState } from './layer-state.js';

/** Rows of a data set, by `order[first …]`, and which of their numbers are known. */
export interface KnownRows {
  readonly known: EngineBuffer;
  readonly order: EngineBuffer;
  readonly first: number;
}

/** Refuses a layer whose missing numbers cannot be drawn; `what` is what wants them. */
export function checkCompletion(parameters: Parameters, layer: string, what: string): void {
  const { units } = layerOf(parameters.graph, layer);
  const type = unitType(units);
  if (type.countsDraws === true) {
    throw unsuitable(
      `${what} cannot draw missing counts of the layer \`${layer}\`: a document's length would not be known.`,
      layer,
    );
  }
  if (type.samples(units)) return;
  throw unsuitable(`${what} needs units that are drawn; the layer \`${layer}\` has ${type.describe(units)}.`, layer);
}

/** What is missing of the visible layer, drawn from the biases or from a layer above it; what is known stays. */
export class Filling {
  private readonly drawn: LayerState;

  /** For at most `rows` rows of the layer `visible`; throws `GRAPH_UNSUITABLE`, `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly visible: string,
    rows: number,
    seed: number,
    purpose: keyof typeof purposes,
  ) {
    const { runtime, graph } = parameters;
    checkCompletion(parameters, visible, 'Clamped sampling');
    this.drawn = new LayerState(runtime, graph, visible, rows, seed, purpose);
  }

  /** From the biases alone. */
  start(layer: LayerState, rows: KnownRows, draw: Draw): void {
    this.drawn.setRows(layer.activity.rows);
    this.drawn.inferFromBias(this.parameters.bias(biasName(this.visible)), { keep: 'means', draw });
    this.take(layer, rows);
  }

  /** Given states of the layer above, which `connection` leads to. */
  fill(layer: LayerState, connection: Connection, above: LayerState, rows: KnownRows, draw: Draw): void {
    drawDown(this.parameters, connection, above, this.drawn, draw);
    this.take(layer, rows);
  }

  /** Means of the visible layer that it was drawn from last, `[rows, units]`. */
  means(): Float32Array<ArrayBuffer> {
    return this.drawn.values(this.parameters.runtime);
  }

  private take(layer: LayerState, { known, order, first }: KnownRows): void {
    layer.complete(this.parameters.runtime, this.drawn, known, order, first);
  }

  /** Gives the memory back. */
  free(): void {
    this.drawn.free();
  }
}

/** One machine's chains over what is missing. */
export class Completion {
  private readonly filling: Filling;
  private readonly upper: LayerState;

  /** For at most `rows` rows of the layer `visible`; throws `GRAPH_UNSUITABLE`, `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly machine: Machine,
    private readonly visible: string,
    rows: number,
    seed: number,
    purpose: keyof typeof purposes,
  ) {
    const { runtime, graph } = parameters;
    checkCompletion(parameters, visible, 'Clamped sampling');
    checkCompletion(parameters, machine.upper, 'Clamped sampling');
    this.filling = new Filling(parameters, visible, rows, seed, purpose);
    this.upper = new LayerState(runtime, graph, machine.upper, rows, seed, purpose);
  }

  /** Starts what is missing at draws from the biases alone; the sweep of its draws is `draw.sweep`. */
  start(layer: LayerState, rows: KnownRows, draw: Draw): void {
    this.filling.start(layer, rows, draw);
  }

  /**
   * One sweep: hidden units given `lowers`, then what is missing of the visible layer among them, and the layers of
   * `free`, given the hidden units.
   */
  sweep(lowers: readonly LayerState[], rows: KnownRows, draw: Draw, free: readonly LayerState[] = []): void {
    const { parameters, machine, upper, filling, visible } = this;
    inferUpper(parameters, machine, lowers, upper, { keep: 'means', draw });
    const to = (layer: string) => machine.connections.find(({ lower }) => lower === layer)!;
    filling.fill(lowers.find(({ name }) => name === visible)!, to(visible), upper, rows, draw);
    for (const layer of free) drawDown(parameters, to(layer.name), upper, layer, draw);
  }

  /** Means of the visible layer that the last sweep drew from, `[rows, units]`. */
  means(): Float32Array<ArrayBuffer> {
    return this.filling.means();
  }

  /** Gives the memory back. */
  free(): void {
    this.filling.free();
    this.upper.free();
  }
}

/** Draws the lower layer of a connection given states of the upper one; its values are the means. */
export function drawDown(
  parameters: Parameters,
  connection: Connection,
  upper: LayerState,
  lower: LayerState,
  draw: Draw,
): void {
  const drive = downwardDrive(parameters, connection, upper, true);
  lower.infer([drive], parameters.bias(biasName(lower.name)), { keep: 'means', draw });
}

/** Where draws are addressed. */
export interface Draw {
  readonly update: number;
  readonly sweep: number;
}
