/**
 * What is missing in rows, drawn from an RBM given what is known: Gibbs sampling with the known numbers clamped. The missing
 * ones start at draws from the biases alone; each sweep draws the hidden units given the whole row, then the missing
 * numbers (and labels that are not given) given them.
 */
import { biasName, layerOf, unsuitable } from '../graph/graph.js';
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
    throw unsuitable(`${what} cannot draw missing counts: a document's length would not be known.`, layer);
  }
  if (type.samples(units)) return;
  throw unsuitable(`${what} needs units that are drawn; the layer \`${layer}\` has ${type.describe(units)}.`, layer);
}

/** One machine's chains over what is missing. */
export class Completion {
  private readonly drawn: LayerState;
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
    this.drawn = new LayerState(runtime, graph, visible, rows, seed, purpose);
    this.upper = new LayerState(runtime, graph, machine.upper, rows, seed, purpose);
  }

  /** Starts what is missing at draws from the biases alone; the sweep of its draws is `draw.sweep`. */
  start(layer: LayerState, rows: KnownRows, draw: Draw): void {
    this.drawn.setRows(layer.activity.rows);
    this.drawn.inferFromBias(this.parameters.bias(biasName(this.visible)), { keep: 'means', draw });
    this.take(layer, rows);
  }

  /**
   * One sweep: hidden units given `lowers`, then what is missing of the visible layer among them, and the layers of
   * `free`, given the hidden units.
   */
  sweep(lowers: readonly LayerState[], rows: KnownRows, draw: Draw, free: readonly LayerState[] = []): void {
    const { parameters, machine, upper, drawn } = this;
    inferUpper(parameters, machine, lowers, upper, { keep: 'means', draw });
    for (const layer of [drawn, ...free]) {
      const connection = machine.connections.find(({ lower }) => lower === layer.name)!;
      const drive = downwardDrive(parameters, connection, upper, true);
      layer.infer([drive], parameters.bias(biasName(layer.name)), { keep: 'means', draw });
    }
    this.take(lowers.find(({ name }) => name === this.visible)!, rows);
  }

  /** Means of the visible layer that the last sweep drew from, `[rows, units]`. */
  means(): Float32Array<ArrayBuffer> {
    return this.drawn.values(this.parameters.runtime);
  }

  private take(layer: LayerState, { known, order, first }: KnownRows): void {
    layer.complete(this.parameters.runtime, this.drawn, known, order, first);
  }

  /** Gives the memory back. */
  free(): void {
    this.drawn.free();
    this.upper.free();
  }
}

/** Where draws are addressed. */
interface Draw {
  readonly update: number;
  readonly sweep: number;
}
