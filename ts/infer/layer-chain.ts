/**
 * The states of a deep Boltzmann machine for a batch of rows, and the moves that sampling, mean fields and learning are made
 * of: a layer given its neighbours, and all layers of even or of odd index given the others.
 */
import type { Chain } from '../graph/deep-boltzmann.js';
import { biasName } from '../graph/graph.js';
import type { purposes } from '../noise.js';
import type { Parameters } from '../parameters.js';
import { drivesOf, upwardDrive } from './drives.js';
import { LayerState, type Settling } from './layer-state.js';

/** 0: layers of even index, the visible one among them; 1: of odd index. */
export type Parity = 0 | 1;

/** How a mean field is found. */
export interface MeanFieldOptions {
  /** Passes over all hidden layers, those of odd index and then those of even index. */
  readonly passes: number;
  /** The share of its last means that a layer keeps in all passes but the last, 0 to below 1. */
  readonly damping: number;
}

export class LayerChain {
  /** The visible layer first. */
  readonly layers: readonly LayerState[];

  /** Room for `rows` rows of every layer; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly chain: Chain,
    rows: number,
    seed: number,
    purpose: keyof typeof purposes,
  ) {
    const { runtime, graph } = parameters;
    this.layers = chain.layers.map((name) => new LayerState(runtime, graph, name, rows, seed, purpose));
  }

  /** The layer that holds the data. */
  get visible(): LayerState {
    return this.layers[0]!;
  }

  /** The layers above it. */
  get hidden(): readonly LayerState[] {
    return this.layers.slice(1);
  }

  /** The layers of one parity, lowest first. */
  of(parity: Parity): LayerState[] {
    return this.layers.filter((_, index) => index % 2 === parity);
  }

  /** Uses the first `rows` rows of every layer from now on. */
  setRows(rows: number): void {
    for (const layer of this.layers) layer.setRows(rows);
  }

  /** One layer given its neighbours, by what is listed of them or, without a list, by their means. */
  infer(layer: LayerState, settling: Settling): void {
    const { parameters, chain, layers } = this;
    layer.infer(drivesOf(parameters, chain.connections, layer.name, layers), this.bias(layer), settling);
  }

  /** The layers of one parity given the others, but for the visible one where it is to stay. */
  inferAll(parity: Parity, settling: Settling, visibleStays = false): void {
    for (const layer of this.of(parity)) {
      if (!(visibleStays && layer === this.visible)) this.infer(layer, settling);
    }
  }

  /** One layer from its biases alone. */
  inferFromBias(layer: LayerState, settling: Settling): void {
    layer.inferFromBias(this.bias(layer), settling);
  }

  /**
   * Means of the hidden layers by a pass up from the visible one. What comes from below counts twice, in place of what is
   * to come from above; not into the topmost layer, which has nothing above it.
   */
  passUp(): void {
    this.hidden.forEach((layer, index) => {
      const top = index === this.hidden.length - 1;
      const drive = upwardDrive(this.parameters, this.chain.connections[index]!, this.layers[index]!);
      layer.infer([{ ...drive, twice: !top }], this.bias(layer), { keep: 'means' });
    });
  }

  /**
   * The factorial posterior of the hidden layers given the visible one, as means: from `passUp`, each layer in turn takes
   * the means that its neighbours' means give it, which never lowers the bound on log p(v).
   */
  findMeanField({ passes, damping }: MeanFieldOptions): void {
    const { runtime } = this.parameters;
    this.passUp();
    for (let pass = 1; pass <= passes; pass += 1) {
      for (const layer of [...this.of(1), ...this.of(0).slice(1)]) {
        const before = damping > 0 && pass < passes ? layer.values(runtime) : undefined;
        this.infer(layer, { keep: 'means' });
        if (before !== undefined) layer.damp(runtime, before, damping);
      }
    }
  }

  private bias({ name }: LayerState) {
    return this.parameters.bias(biasName(name));
  }

  /** Gives the memory back. */
  free(): void {
    for (const layer of this.layers) layer.free();
  }
}
