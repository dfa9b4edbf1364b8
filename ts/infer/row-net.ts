/**
 * A sigmoid belief net of binary units as the kernels take it row by row (crates/kernels/src/belief.rs): all units in one
 * row, layers with causes before their effects. Exact posteriors, Gibbs sampling and mean field work on it.
 */
import type { BeliefNet } from '../graph/belief-net.js';
import { biasName, type Graph, unitsOf, unsuitable, weightName } from '../graph/graph.js';
import type { Parameters } from '../parameters.js';
import { created, withFloats, withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { BeliefNet as KernelNet, Stream } from '../wasm/st.js';

/** The most units whose states are enumerated, and the most of a layer that one draw takes together. */
export const MAX_ENUMERATED = 20;
export const MAX_DRAWN_TOGETHER = 12;

/** Sweeps that one update's addresses hold. */
const SWEEPS_AN_UPDATE = 65_536;

/** How a sweep of Gibbs sampling moves: unit by unit, or the units of each layer together. */
export type Moves = 'units' | 'layers';

/** Where a layer's units stand in a row. */
interface Place {
  readonly layer: string;
  readonly first: number;
  readonly units: number;
}

/** A net with its present parameters. */
export class RowNet {
  /** Units of a row. */
  readonly units: number;
  /** Layers, causes first. */
  readonly places: readonly Place[];
  private readonly kernel: KernelNet;
  /** A byte for each unit: 1 where it is clamped. */
  private readonly clamped: EngineBuffer;

  /** Throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    net: BeliefNet,
  ) {
    const { graph, runtime } = parameters;
    this.places = placesOf(graph, net);
    this.units = this.places.reduce((sum, { units }) => sum + units, 0);
    const biases = this.places.flatMap(({ layer }) => Array.from(parameters.read(biasName(layer))));
    const sizes = Uint32Array.from(this.places, ({ units }) => units);
    const { BeliefNet: Kernels } = runtime.kernels;
    this.kernel = withFloats(runtime, biases, (held) => Kernels.create(sizes, held.handle));
    const place = (name: string) => this.places.findIndex(({ layer }) => layer === name);
    for (const connection of net.generation.flatMap(({ connections }) => connections)) {
      const [lower, upper] = [unitsOf(graph, connection.lower), unitsOf(graph, connection.upper)];
      withScratch(runtime, lower * upper * 4, (held) => {
        parameters.weight(weightName(connection)).read(held.handle);
        this.kernel.join(place(connection.upper), place(connection.lower), held.handle);
      });
    }
    this.clamped = runtime.allocate(this.units);
    this.clampLayers([net.visible]);
  }

  /** Clamps the units of these layers and no others. */
  clampLayers(layers: readonly string[]): void {
    this.clampUnits(this.places.flatMap(({ layer, units }) => new Array<boolean>(units).fill(layers.includes(layer))));
  }

  /** Clamps the units of a row that are marked, and no others. */
  clampUnits(marked: readonly boolean[]): void {
    this.clamped.bytes().set(marked.map(Number));
  }

  /** The places of the units that are not clamped. */
  freeUnits(): number[] {
    return Array.from(this.clamped.bytes().subarray(0, this.units)).flatMap((held, unit) => (held ? [] : [unit]));
  }

  /** Rows from the numbers of layers, `[rows, units of the layer]`; layers that are not given are 0. */
  join(rows: number, layers: ReadonlyMap<string, ArrayLike<number>>): Float32Array<ArrayBuffer> {
    const joined = new Float32Array(rows * this.units);
    for (const { layer, first, units } of this.places) {
      const values = layers.get(layer);
      if (values === undefined) continue;
      for (let row = 0; row < rows; row += 1) {
        for (let unit = 0; unit < units; unit += 1) {
          joined[row * this.units + first + unit] = values[row * units + unit]!;
        }
      }
    }
    return joined;
  }

  /** The numbers of one layer in rows of all units, `[rows, units of the layer]`. */
  take<T extends Float32Array | Float64Array>(values: T, layer: string): T {
    const { first, units } = this.places.find((place) => place.layer === layer)!;
    const rows = values.length / this.units;
    const taken = new (values.constructor as new (length: number) => T)(rows * units);
    for (let row = 0; row < rows; row += 1) {
      const start = row * this.units + first;
      taken.set(values.subarray(start, start + units), row * units);
    }
    return taken;
  }

  /** Refuses to draw layers of many free units together; throws `GRAPH_UNSUITABLE`. */
  checkMoves(moves: Moves): void {
    if (moves === 'units') return;
    const free = new Set(this.freeUnits());
    for (const { layer, first, units } of this.places) {
      const count = Array.from({ length: units }, (_, unit) => first + unit).filter((unit) => free.has(unit)).length;
      if (count <= MAX_DRAWN_TOGETHER) continue;
      const message = `\`moves: 'layers'\` draws at most ${MAX_DRAWN_TOGETHER} units together; the layer \`${layer}\` has ${count}.`;
      throw unsuitable(message, layer);
    }
  }

  /** Refuses to enumerate many units; throws `GRAPH_UNSUITABLE`. */
  checkEnumerable(what: string): void {
    const free = this.freeUnits().length;
    if (free <= MAX_ENUMERATED) return;
    const message = `${what} enumerates the states of at most ${MAX_ENUMERATED} hidden units; this net has ${free}.`;
    throw unsuitable(message, this.places[0]!.layer);
  }

  /**
   * Sweeps `first .. first + count` of Gibbs sampling from rows of states, changed in place. Sweep s is drawn at update
   * `update + floor(s / 65,536)` of the stream. `sums` take the states after each sweep, where given.
   */
  gibbs(
    states: Float32Array,
    options: {
      readonly moves: Moves;
      readonly stream: Stream;
      readonly update: number;
      readonly first: number;
      readonly count: number;
    },
    sums?: Float64Array,
  ): void {
    const { runtime } = this.parameters;
    const { moves, stream, update, first, count } = options;
    withFloats(runtime, states, (held) => {
      withScratch(runtime, sums === undefined ? 0 : sums.length * 8, (counts) => {
        if (sums !== undefined) counts.doubles().set(sums);
        for (let sweep = first; sweep < first + count; ) {
          const within = sweep % SWEEPS_AN_UPDATE;
          const together = Math.min(first + count - sweep, SWEEPS_AN_UPDATE - within);
          stream.at(update + Math.floor(sweep / SWEEPS_AN_UPDATE), 0);
          const layers = moves === 'layers';
          const counted = sums !== undefined;
          const { handle } = this.clamped;
          this.kernel.gibbs(handle, held.handle, counts.handle, layers, stream, within, together, counted);
          sweep += together;
        }
        if (sums !== undefined) sums.set(counts.doubles().subarray(0, sums.length));
      });
      states.set(held.floats().subarray(0, states.length));
    });
  }

  /**
   * The exact distribution of the free units of each row: means of all units, log-likelihoods of the clamped ones, and
   * with `table` the probability of every state of the free units, `[rows, 2^free]`, the first of them the lowest bit.
   */
  posterior(
    states: Float32Array,
    table: boolean,
  ): { readonly means: Float64Array; readonly logLikelihoods: Float64Array; readonly tables: Float64Array } {
    const { runtime } = this.parameters;
    const rows = states.length / this.units;
    const tables = table ? rows * 2 ** this.freeUnits().length : 0;
    return withFloats(runtime, states, (held) =>
      this.withDoubles([states.length, rows, tables], (out) => {
        const [means, likelihoods, probabilities] = out.map(({ handle }) => handle);
        const { handle } = this.clamped;
        const done = this.kernel.posterior(handle, held.handle, means!, likelihoods!, probabilities!);
        created(runtime, 'the states of a posterior', done || undefined);
        const [a, b, c] = out.map((buffer) => buffer.doubles().slice());
        return { means: a!, logLikelihoods: b!, tables: c! };
      }),
    );
  }

  /** Mean field from rows of means, changed in place; gives the bounds of rows, nats. */
  meanField(means: Float64Array, options: { readonly sweeps: number; readonly atOnce: boolean }): Float64Array {
    const rows = means.length / this.units;
    return this.withDoubles([means.length, rows], ([held, bounds]) => {
      held!.doubles().set(means);
      const { sweeps, atOnce } = options;
      this.kernel.meanField(this.clamped.handle, held!.handle, sweeps, atOnce, bounds!.handle);
      means.set(held!.doubles());
      return bounds!.doubles().slice();
    });
  }

  private withDoubles<T>(lengths: readonly number[], work: (buffers: readonly EngineBuffer[]) => T): T {
    const buffers: EngineBuffer[] = [];
    try {
      for (const length of lengths) buffers.push(this.parameters.runtime.allocate(length * 8));
      return work(buffers);
    } finally {
      for (const buffer of buffers) buffer.free();
    }
  }

  /** Gives the memory back. */
  free(): void {
    this.kernel.free();
    this.clamped.free();
  }
}

function placesOf(graph: Graph, { generation }: BeliefNet): Place[] {
  let first = 0;
  return generation.map(({ layer }) => {
    const units = unitsOf(graph, layer);
    const place = { layer, first, units };
    first += units;
    return place;
  });
}
