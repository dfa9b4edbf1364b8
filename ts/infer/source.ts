/**
 * How a batch of data reaches the lower layers of a machine: read from the data set, then sent up through the
 * recognition weights of the machines below it, as drawn states or as means.
 */

import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { type Graph, layerOf, upwardBiasName } from '../graph/graph.js';
import { type Stack, stackOf } from '../graph/machines.js';
import { noiseStream, type purposes } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import type { Range } from '../units/unit.js';
import type { Stream } from '../wasm/st.js';
import { Completion } from './completion.js';
import { upwardDrive } from './drives.js';
import { LayerState } from './layer-state.js';

/** What is passed on: drawn states, or the numbers as probabilities and means. */
export type Passing = 'states' | 'probabilities';

/** Where a source's draws are addressed. */
export interface SourceOptions {
  readonly seed: number;
  readonly purpose: keyof typeof purposes;
  readonly passing: Passing;
  /** What hidden layers pass on, where it is not what the rows are read as. */
  readonly hidden?: Passing;
  /** Rows of the largest batch. */
  readonly rows: number;
  /** Whether the labels are read too, where the machine joins them. */
  readonly labels: boolean;
  /** Sweeps in which what is missing in a row is drawn given the rest. */
  readonly missingSweeps?: number;
}

/** The lower side of one machine of a stack, filled from a data set. */
export class Source {
  private readonly stack: Stack;
  private readonly visible: LayerState;
  private readonly above: LayerState[];
  private readonly label: LayerState | undefined;
  private readonly binarise: Stream;
  private readonly completion: Completion | undefined;

  /** For the machine of index `depth`, bottom first; throws `SHAPE_MISMATCH`, `DATA_INVALID`, `DATA_MISSING`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly data: Dataset,
    private readonly depth: number,
    private readonly options: SourceOptions,
  ) {
    const { graph, runtime } = parameters;
    this.stack = stackOf(graph);
    const { visible, label, machines } = this.stack;
    checkData(graph, visible, data);
    const state = (name: string) => new LayerState(runtime, graph, name, options.rows, options.seed, options.purpose);
    const usesLabels = options.labels && label !== undefined && depth === machines.length - 1;
    if (usesLabels) checkLabels(graph, label, data);
    this.visible = state(visible);
    this.above = machines.slice(0, depth).map((machine) => state(machine.upper));
    this.label = usesLabels ? state(label) : undefined;
    this.binarise = noiseStream(runtime, options.seed, 'binarise', 0);
    if (data.hasMissing) {
      this.completion = new Completion(parameters, machines[0]!, visible, options.rows, options.seed, 'missing');
    }
  }

  /** The layers that a batch goes through, the visible one first. */
  get layers(): readonly LayerState[] {
    return [this.visible, ...this.above];
  }

  /** The layers that a batch ends in, in the order of the machine's connections. */
  get lowers(): readonly LayerState[] {
    const main = this.above.at(-1) ?? this.visible;
    if (this.label === undefined) return [main];
    const first = this.stack.machines[this.depth]!.connections[0]!.lower;
    return first === main.name ? [main, this.label] : [this.label, main];
  }

  /** Reads data-set rows `order[first .. first + rows]` and sends them up; draws belong to `update`. */
  read(order: EngineBuffer, first: number, rows: number, update: number): void {
    gatherRows(
      this.parameters,
      this.visible,
      this.data,
      { order, first, rows },
      this.options.passing,
      this.binarise,
      update,
    );
    this.label?.gatherLabels(this.data.labelMemory(), order, first, rows);
    this.completeRows(order, first, update);
    this.sendUp(update);
  }

  /** Draws what is missing in the visible rows from the lowest machine, given what is known. */
  private completeRows(order: EngineBuffer, first: number, update: number): void {
    const { known } = this.data.storage;
    if (this.completion === undefined || known === undefined) return;
    const rows = { known, order, first };
    const lowers = this.depth === 0 ? this.lowers : [this.visible];
    this.completion.start(this.visible, rows, { update, sweep: 0 });
    for (let sweep = 1; sweep <= (this.options.missingSweeps ?? 0); sweep += 1) {
      this.completion.sweep(lowers, rows, { update, sweep });
    }
  }

  private sendUp(update: number): void {
    const { graph } = this.parameters;
    const states = (this.options.hidden ?? this.options.passing) === 'states';
    let below = this.visible;
    this.above.forEach((layer, index) => {
      const connection = this.stack.machines[index]!.connections[0]!;
      const bias = this.parameters.bias(upwardBiasName(graph, layer.name));
      const driven = upwardDrive(this.parameters, connection, below);
      layer.infer([driven], bias, states ? { keep: 'means', draw: { update, sweep: 0 } } : { keep: 'means' });
      below = layer;
    });
  }

  /** Gives the memory back. */
  free(): void {
    for (const layer of [this.visible, ...this.above, this.label]) layer?.free();
    this.binarise.free();
    this.completion?.free();
  }
}

/** Which rows of a data set: `order[first .. first + rows]`. */
export interface RowRange {
  readonly order: EngineBuffer;
  readonly first: number;
  readonly rows: number;
}

/** Reads rows into the layer that holds the data: as they are or, where states are passed on, drawn by `binarise` at `update`. */
export function gatherRows(
  parameters: Parameters,
  visible: LayerState,
  data: Dataset,
  { order, first, rows }: RowRange,
  passing: Passing,
  binarise: Stream,
  update: number,
): void {
  if (passing === 'states' && visible.drawsData) {
    binarise.at(update, 0);
    visible.gatherStates(data, order, first, rows, binarise);
  } else {
    visible.gather(data, order, first, rows);
    parameters.scaledLayer(visible.name)?.takeIn(visible);
  }
}

/** Refuses rows in which numbers are missing; `what` is what cannot use them. */
export function refuseMissing(data: Dataset, what: string): void {
  if (!data.hasMissing) return;
  const message = `${what} needs whole rows, and numbers are missing in this data set; \`fillMissing()\` and \`conditional()\` fill them.`;
  throw new WakesleepError('DATA_INVALID', message, { given: 'missing numbers', wanted: 'whole rows' });
}

/** Refuses rows that are not states of binary units; `what` is what needs them. */
export function refuseIntensities(data: Dataset, what: string): void {
  refuseMissing(data, what);
  if (data.isBinary()) return;
  const message = `${what} needs rows of 0 and 1, and there are intensities; \`binarised()\` makes states of them.`;
  throw new WakesleepError('DATA_INVALID', message, { given: 'intensities', wanted: 'rows of 0 and 1' });
}

/** Refuses data that does not fit the layer that is to hold it. */
export function checkData(graph: Graph, visible: string, data: Dataset): void {
  const { units } = layerOf(graph, visible);
  const type = unitType(units);
  const wanted = type.units(units);
  if (data.columns !== wanted) {
    const message = `The data has ${data.columns} columns; the layer \`${visible}\` has ${wanted} units.`;
    throw new WakesleepError('SHAPE_MISMATCH', message, {
      given: data.columns,
      wanted: String(wanted),
      where: visible,
    });
  }
  const range = type.range(units);
  const outside = data.outside(range);
  if (outside === undefined) return;
  const place = `row ${outside.row}, column ${outside.column}`;
  const words = rangeInWords(range);
  throw new WakesleepError(
    'DATA_INVALID',
    `Data for ${type.describe(units)} must ${words}; ${place} is ${outside.value}. Pass \`scale\`, or bring the columns into that range.`,
    { given: outside.value, wanted: words, where: place },
  );
}

function rangeInWords({ least, most, integers }: Range): string {
  if (most === Number.POSITIVE_INFINITY)
    return integers ? `be whole numbers of at least ${least}` : `be at least ${least}`;
  return integers ? `be whole numbers from ${least} to ${most}` : `lie in [${least}, ${most}]`;
}

/** Refuses labels that do not fit the layer that is to hold them. */
export function checkLabels(graph: Graph, label: string, data: Dataset): void {
  const { units } = layerOf(graph, label);
  const wanted = unitType(units).units(units);
  if (data.classes === 0) {
    const message = `The layer \`${label}\` needs a label for each row, and this data set has none.`;
    throw new WakesleepError('DATA_MISSING', message, { wanted: 'labels', where: label });
  }
  if (data.classes === wanted) return;
  const message = `The data has ${data.classes} classes; the layer \`${label}\` has ${wanted} units.`;
  throw new WakesleepError('SHAPE_MISMATCH', message, { given: data.classes, wanted: String(wanted), where: label });
}
