/**
 * Errors of a feed-forward network on a batch, and what they say of its parameters (Rumelhart, Hinton and Williams 1986):
 *
 * 1. up: means of every layer, hidden ones with units left out where there is dropout;
 * 2. `δ = target − output` at the output, minus the slope of its loss by the total inputs;
 * 3. down: `δ_below = f′ ∘ (Wᵀ δ)`, and 0 where a unit was left out;
 * 4. the gradient of a weight is the mean over rows of `mean below · δ`, that of a bias the mean of δ.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { biasName, layerOf, unitsOf, weightName } from '../graph/graph.js';
import type { Network } from '../graph/network.js';
import { likeliest } from '../infer/classify.js';
import { LayerState } from '../infer/layer-state.js';
import { NetworkLayers } from '../infer/network-layers.js';
import { checkData, checkLabels, type Passing, type RowRange, refuseMissing } from '../infer/source.js';
import { noiseStream } from '../noise.js';
import { allocateVector, type Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import type { Stream } from '../wasm/st.js';
import type { Training } from './training.js';
import type { BiasSpec, Steps } from './updates.js';

/** Shares of units that are left out for a case. */
export interface Dropout {
  readonly visible: number;
  readonly hidden: number;
}

/** What a network's outputs miss of their targets, summed over rows. */
export interface Missed {
  /** Nats, or half the squared error. */
  readonly loss: number;
  readonly squaredError: number;
  /** Rows whose likeliest class is not their label; absent where the targets are the rows. */
  readonly errors?: number;
  readonly rows: number;
}

/** Layers, targets and errors of a network for batches of rows. */
export class NetworkGradient {
  readonly layers: NetworkLayers;
  private readonly targets: LayerState;
  /** By the index of the layer; none for the data. */
  private readonly errors: readonly (LayerState | undefined)[];
  /** Layers without rows: the phase that a gradient does not have. */
  private readonly none: readonly LayerState[];
  private readonly noBias: EngineBuffer;
  private readonly draws: readonly Stream[];
  private update = 0;

  /** For batches of at most `rows` rows; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly network: Network,
    rows: number,
    seed: number,
    private readonly dropout: Dropout = { visible: 0, hidden: 0 },
  ) {
    const { runtime, graph } = parameters;
    const state = (name: string, room: number) => new LayerState(runtime, graph, name, room, seed, 'train');
    this.layers = new NetworkLayers(parameters, network, rows, seed, 'train');
    this.targets = state(network.target === 'labels' ? network.output : network.visible, rows);
    this.errors = network.layers.map((name, index) => (index === 0 ? undefined : state(name, rows)));
    this.none = network.layers.map((name) => state(name, 0));
    this.noBias = allocateVector(runtime, Math.max(...network.layers.map((name) => unitsOf(graph, name))));
    this.draws = network.layers.map((_, index) => noiseStream(runtime, seed, 'dropout', index));
  }

  /** Reads a batch and its targets, and passes it up; what is drawn belongs to `update`. */
  up(data: Dataset, range: RowRange, passing: Passing, update: number): void {
    const { layers, targets, network, parameters } = this;
    this.update = update;
    layers.read(data, range, passing, update);
    if (network.target === 'labels') targets.gatherLabels(data.labelMemory(), range.order, range.first, range.rows);
    else
      targets.copyRows(
        parameters.runtime,
        layers.visible,
        Uint32Array.from({ length: range.rows }, (_, row) => row),
      );
    layers.pass(undefined, (index, state) => {
      this.drop(index, state);
      this.list(index, state);
    });
  }

  /** Leaves units out, the same ones of a layer whenever it is asked for an update. */
  private drop(index: number, state: LayerState): void {
    const keep = this.keepOf(index);
    if (keep === 1) return;
    const draw = this.draws[index]!;
    draw.at(this.update, 0);
    state.dropUnitsScaled(keep, draw);
  }

  /** Lists the units of a hidden layer that are not zero, where many are: sums over them are then made from the lists. */
  private list(index: number, state: LayerState): void {
    const { units } = layerOf(this.parameters.graph, this.network.layers[index]!);
    const hasZeros = this.keepOf(index) < 1 || units.type === 'relu';
    if (index > 0 && hasZeros) state.listValues(this.parameters.runtime);
  }

  private keepOf(index: number): number {
    if (index === 0) return 1 - this.dropout.visible;
    return index === this.network.layers.length - 1 ? 1 : 1 - this.dropout.hidden;
  }

  /** How far the outputs are off, in rows as they are. */
  missed(): Missed {
    return missedBy(this.parameters, this.network, this.targets, this.layers.output);
  }

  /** Errors of the layers from the output down to that of index `lowest`; gives them, for weights of rows. */
  down(lowest: number): LayerState[] {
    const { parameters, network, layers, targets, errors } = this;
    const found = errors.slice(lowest) as LayerState[];
    const last = network.layers.length - 1;
    errors[last]!.setRows(layers.output.activity.rows);
    errors[last]!.activity.subtractOutputs(targets.activity, targets.reads(true), layers.output.activity);
    for (let index = last - 1; index >= lowest; index -= 1) {
      const [error, above] = [errors[index]!, errors[index + 1]!];
      const weights = parameters.weight(weightName(network.connections[index]!));
      error.infer([{ source: above, states: true, weights, direction: 'down' }], this.noBias, { keep: 'inputs' });
      const { units } = layerOf(parameters.graph, network.layers[index]!);
      const { code, size } = unitType(units).kernel(units);
      error.activity.multiplyBySlopes(layers.states[index]!.activity, code, size, this.keepOf(index));
      this.drop(index, error);
      // Of the lowest errors nothing more is summed.
      if (index > lowest) this.list(index, error);
    }
    return found;
  }

  /** Steps the parameters of the layer of an index, and the weights into it, by the errors that are there. */
  learn(steps: Steps, index: number): void {
    const { network, layers, errors, none } = this;
    const [below, error] = [layers.states[index - 1]!, errors[index]!];
    steps.learnWeights(
      network.connections[index - 1]!,
      [[below, true], error],
      [[none[index - 1]!, false], none[index]!],
    );
    steps.learnBias(biasName(error.name), [error, false], [none[index]!, false]);
  }

  /** Gives the memory back. */
  free(): void {
    for (const owned of [this.layers, this.targets, ...this.errors, ...this.none, this.noBias, ...this.draws])
      owned?.free();
  }
}

/** How far outputs are off their targets, over the rows of a batch. */
export function missedBy(parameters: Parameters, network: Network, targets: LayerState, output: LayerState): Missed {
  const { units } = layerOf(parameters.graph, network.output);
  const loss = unitType(units).passes!(units)!.loss!;
  const { rows } = output.activity;
  const squaredError = targets.activity.squaredDistance(targets.reads(true), output.activity);
  const nats =
    loss === 'squared'
      ? squaredError / 2
      : output.activity.crossEntropy(targets.activity, targets.reads(true), loss === 'logistic');
  if (network.target === 'rows') return { loss: nats, squaredError, rows };
  return { loss: nats, squaredError, rows, errors: wrongRows(parameters, targets, output) };
}

function wrongRows({ runtime }: Parameters, targets: LayerState, output: LayerState): number {
  const { units, rows } = output.activity;
  const [wanted, given] = [targets.statesOf(runtime, rows), output.values(runtime)];
  let wrong = 0;
  for (let row = 0; row < rows; row += 1) {
    if (wanted[row * units + likeliest(given, row * units, units)] !== 1) wrong += 1;
  }
  return wrong;
}

/** The biases that a network learns. */
export function biasesOf({ graph }: Parameters, { layers }: Network): BiasSpec[] {
  return layers.slice(1).map((name) => ({ name: biasName(name), units: unitsOf(graph, name) }));
}

/** Refuses rows that a network cannot learn from or be compared on; `what` learns. */
export function checkRows({ parameters, data, heldOut }: Training, network: Network, what: string): void {
  const { visible, output, target } = network;
  refuseMissing(data, what);
  for (const rows of heldOut === undefined ? [data] : [data, heldOut]) {
    checkData(parameters.graph, visible, rows);
    if (target === 'labels') checkLabels(parameters.graph, output, rows);
  }
  if (heldOut !== undefined) refuseOverlap(data, heldOut);
}

/** Refuses held-out rows that are among those trained on: views of one data set that overlap, or equal rows. */
function refuseOverlap(data: Dataset, heldOut: Dataset): void {
  const together = data.storage === heldOut.storage;
  const apart = data.firstRow + data.rows <= heldOut.firstRow || heldOut.firstRow + heldOut.rows <= data.firstRow;
  const same = together ? !apart : data.rows === heldOut.rows && data.identity().digest === heldOut.identity().digest;
  if (!same || data.rows === 0 || heldOut.rows === 0) return;
  const message = 'The held-out rows are among the rows trained on; hold others out, with `split()` or `view()`.';
  throw new WakesleepError('OPTION_INVALID', message, { wanted: 'other rows', where: 'heldOut' });
}
