/** A feed-forward network at work on rows: means go up, layer by layer, and nothing is drawn. */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { biasName, unitsOf } from '../graph/graph.js';
import { CODE, type Network, networkOf } from '../graph/network.js';
import { noiseStream, type purposes } from '../noise.js';
import type { Parameters } from '../parameters.js';
import type { Stream } from '../wasm/st.js';
import { upwardDrive } from './drives.js';
import { LayerState } from './layer-state.js';
import { checkData, gatherRows, type Passing, type RowRange, refuseMissing } from './source.js';

/** Rows that are worked on together. */
const BLOCK = 500;

/** The layers of a network for a batch of rows. */
export class NetworkLayers {
  /** From the data to the output. */
  readonly states: readonly LayerState[];
  private readonly binarise: Stream;

  /** Room for `rows` rows; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly network: Network,
    rows: number,
    seed: number,
    purpose: keyof typeof purposes,
  ) {
    const { runtime, graph } = parameters;
    this.states = network.layers.map((name) => new LayerState(runtime, graph, name, rows, seed, purpose));
    this.binarise = noiseStream(runtime, seed, 'binarise', 0);
  }

  get visible(): LayerState {
    return this.states[0]!;
  }

  get output(): LayerState {
    return this.states.at(-1)!;
  }

  /** Reads rows of a data set into the visible layer, as probabilities or, where asked, as states drawn at `update`. */
  read(data: Dataset, range: RowRange, passing: Passing, update: number): void {
    gatherRows(this.parameters, this.visible, data, range, passing, this.binarise, update);
  }

  /** Means of all layers above the data up to `last`, by default the output; `settled` may change each but the output before it is passed on. */
  pass(last = this.states.length - 1, settled?: (index: number, state: LayerState) => void): void {
    settled?.(0, this.visible);
    for (let index = 1; index <= last; index += 1) {
      const state = this.states[index]!;
      const drive = upwardDrive(this.parameters, this.network.connections[index - 1]!, this.states[index - 1]!);
      state.infer([drive], this.parameters.bias(biasName(state.name)), { keep: 'means' });
      if (index < this.states.length - 1) settled?.(index, state);
    }
  }

  /** Gives the memory back. */
  free(): void {
    for (const state of this.states) state.free();
    this.binarise.free();
  }
}

/** Visits a network's layers after they have been passed up to `last` for blocks of rows, `first` being each block's first row. */
export function passBlocks(
  parameters: Parameters,
  network: Network,
  data: Dataset,
  last: number,
  visit: (layers: NetworkLayers, range: RowRange) => void,
): void {
  checkData(parameters.graph, network.visible, data);
  refuseMissing(data, 'A pass through a network');
  const block = Math.min(BLOCK, Math.max(1, data.rows));
  const layers = new NetworkLayers(parameters, network, block, 0, 'sample');
  const order = parameters.runtime.allocate(Math.max(1, data.rows) * 4);
  try {
    order.words().forEach((_, row, words) => {
      words[row] = data.firstRow + row;
    });
    for (let first = 0; first < data.rows; first += block) {
      const range = { order, first, rows: Math.min(block, data.rows - first) };
      layers.read(data, range, 'probabilities', 0);
      layers.pass(last);
      visit(layers, range);
    }
  } finally {
    order.free();
    layers.free();
  }
}

/** Means of a layer of a network, by default of the topmost hidden one, `[rows, units]`. */
export function networkMeans(parameters: Parameters, data: Dataset, layer?: string): Float32Array<ArrayBuffer> {
  const network = networkOf(parameters.graph, 'Means of a network');
  const above = network.layers.slice(1);
  const wanted = layer ?? hiddenByDefault(network);
  const index = network.layers.indexOf(wanted);
  if (index < 1) {
    const message = `\`layer\` must be one of ${above.join(', ')}; got ${JSON.stringify(layer)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: layer, wanted: above.join(', '), where: 'layer' });
  }
  const units = unitsOf(parameters.graph, wanted);
  const means = new Float32Array(data.rows * units);
  passBlocks(parameters, network, data, index, (layers, { first }) => {
    means.set(layers.states[index]!.values(parameters.runtime), first * units);
  });
  return means;
}

/** The hidden layer that is asked for where none is named: the code, or the topmost. */
function hiddenByDefault({ layers }: Network): string {
  return layers.includes(CODE) ? CODE : layers.at(-2)!;
}

/** What a network that reproduces its rows makes of them, `[rows, visible units]`; throws `GRAPH_UNSUITABLE` for others. */
export function networkReconstructions(parameters: Parameters, data: Dataset): Float32Array<ArrayBuffer> {
  const network = networkOf(parameters.graph, 'A reconstruction');
  if (network.target !== 'rows') {
    const message = `A reconstruction needs a network that reproduces its rows; the output of this one is \`${network.output}\`.`;
    throw new WakesleepError('GRAPH_UNSUITABLE', message, { where: network.output });
  }
  const means = new Float32Array(data.rows * data.columns);
  passBlocks(parameters, network, data, network.layers.length - 1, (layers, { first }) => {
    const values = layers.output.values(parameters.runtime);
    means.set(parameters.scaledLayer(network.visible)?.giveOut(values) ?? values, first * data.columns);
  });
  return means;
}
