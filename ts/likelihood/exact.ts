/**
 * Exact answers of a restricted or deep Boltzmann machine by enumeration, in f64: one side's configurations are enumerated
 * and the other side is summed in closed form. The sides of a deep one are its layers of even and of odd index, joined by
 * one matrix with blocks of zeros. For models with a side of at most 2^25 configurations.
 */
import { type Sides, sidesOf } from '../graph/deep-boltzmann.js';
import { biasName, type Connection, layerOf, unitsOf, unsuitable, weightName } from '../graph/graph.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import { checkEnergiesOf } from './free-energy.js';
import { logPartitionOffset } from './offsets.js';

/** Configurations that one question may enumerate, of all its rows together. */
const MOST_CONFIGURATIONS = 2 ** 30;

/** A model as the kernels' enumeration takes it: one matrix over all units of both sides, with the layouts of these. */
export class Enumeration {
  readonly lowerUnits: number;
  readonly upperUnits: number;
  /** A layer that an error names. */
  private readonly named: string;
  private readonly owned: EngineBuffer[] = [];
  private readonly weights: EngineBuffer;
  private readonly lowerBias: EngineBuffer;
  private readonly upperBias: EngineBuffer;
  private readonly lowerLayout: EngineBuffer;
  private readonly upperLayout: EngineBuffer;
  private readonly pairs: EngineBuffer;
  private readonly lower: EngineBuffer;
  private readonly upper: EngineBuffer;

  /** Room for a restricted or deep Boltzmann machine, or for `sides` of it; throws `GRAPH_UNSUITABLE`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly what: string,
    /** Draws of every row, where a lower layer counts them. */
    private readonly length = 1,
    private readonly sides: Sides = sidesOf(parameters.graph, what),
  ) {
    const { lowers, uppers } = sides;
    checkEnergiesOf(parameters, [...uppers, ...lowers], what);
    this.named = uppers[0]!;
    this.lowerUnits = this.unitsOfAll(lowers);
    this.upperUnits = this.unitsOfAll(uppers);
    this.weights = this.allocate(this.lowerUnits * this.upperUnits * 4);
    this.lowerBias = this.allocate(this.lowerUnits * 4);
    this.upperBias = this.allocate(this.upperUnits * 4);
    this.lowerLayout = this.layout(lowers);
    this.upperLayout = this.layout(uppers);
    this.pairs = this.allocate(this.lowerUnits * this.upperUnits * 8);
    this.lower = this.allocate(this.lowerUnits * 8);
    this.upper = this.allocate(this.upperUnits * 8);
  }

  private unitsOfAll(layers: readonly string[]): number {
    return layers.reduce((sum, name) => sum + unitsOf(this.parameters.graph, name), 0);
  }

  private allocate(bytes: number): EngineBuffer {
    const buffer = this.parameters.runtime.allocate(bytes);
    this.owned.push(buffer);
    return buffer;
  }

  /** Kind, units and group size of each layer of a side. */
  private layout(layers: readonly string[]): EngineBuffer {
    const { graph } = this.parameters;
    const buffer = this.allocate(layers.length * 12);
    const words = layers.flatMap((name) => {
      const { units } = layerOf(graph, name);
      const type = unitType(units);
      const { code, size } = type.kernel(units);
      return [code, type.units(units), type.countsDraws ? this.length : size];
    });
    buffer.words().set(words);
    return buffer;
  }

  /** Copies the parameters as they are now. */
  private refresh(): void {
    const { sides } = this;
    for (const connection of sides.connections) this.placeWeights(connection);
    this.lowerBias.floats().set(this.biases(sides.lowers));
    const upperBias = this.biases(sides.uppers);
    this.upperBias.floats().set(this.countsDraws ? upperBias.map((bias) => bias * this.length) : upperBias);
  }

  /** Puts a connection's weights where its layers stand in the two sides. */
  private placeWeights(connection: Connection): void {
    const { parameters, sides, lowerUnits } = this;
    const values = parameters.read(weightName(connection));
    // Reading may have made the memory grow, so this view is taken after it.
    const weights = this.weights.floats();
    const columns = unitsOf(parameters.graph, connection.lower);
    // Of a chain some connections lead from the side of odd layers up to that of even ones.
    const turned = !sides.lowers.includes(connection.lower);
    const [low, high] = turned ? [connection.upper, connection.lower] : [connection.lower, connection.upper];
    const lowStart = this.unitsOfAll(sides.lowers.slice(0, sides.lowers.indexOf(low)));
    const highStart = this.unitsOfAll(sides.uppers.slice(0, sides.uppers.indexOf(high)));
    values.forEach((value, place) => {
      const [row, column] = [Math.floor(place / columns), place % columns];
      const [above, below] = turned ? [column, row] : [row, column];
      weights[(highStart + above) * lowerUnits + lowStart + below] = value;
    });
  }

  /** Biases of layers, side by side, as they drive the layers. */
  private biases(layers: readonly string[]): Float32Array {
    const { parameters } = this;
    const values = layers.flatMap((name) => {
      return Array.from(parameters.bias(biasName(name)).floats().subarray(0, unitsOf(parameters.graph, name)));
    });
    return Float32Array.from(values);
  }

  private get countsDraws(): boolean {
    const { graph } = this.parameters;
    return this.sides.lowers.some((lower) => {
      const { units } = layerOf(graph, lower);
      return unitType(units).countsDraws === true;
    });
  }

  /** Refuses models that cannot be normalised as they are now, or of which it is not known; throws `GRAPH_UNSUITABLE`. */
  requireNormalisable(): void {
    this.refresh();
    this.checkNormalisable();
  }

  private checkNormalisable(): void {
    const verdict = this.parameters.runtime.kernels.exactNormalisable(
      this.weights.handle,
      this.lowerBias.handle,
      this.upperBias.handle,
      this.lowerLayout.handle,
      this.upperLayout.handle,
    );
    if (verdict === 0) return;
    const lack =
      verdict === 1
        ? 'the weights between its real-valued units are so large that it has none'
        : 'the weights between its real-valued units are so large that it is not known to have one';
    throw unsuitable(`${this.what} needs a model with a finite log Z; ${lack}. Smaller weights have one.`, this.named);
  }

  /** What Gaussian layers add to the log Z of natural states. */
  private get offset(): number {
    const layers = [...this.sides.uppers, ...this.sides.lowers];
    return layers.reduce((sum, name) => sum + logPartitionOffset(this.parameters, name), 0);
  }

  /** log Z, nats; throws `GRAPH_UNSUITABLE` where both sides have too many configurations. */
  logPartition(): number {
    this.requireNormalisable();
    return this.offset + this.sum();
  }

  /**
   * log Z for each row of other biases of the first upper layer, as many as it has units, nats: what layers that are
   * clamped make of them. Throws as `logPartition`.
   */
  logPartitionsWith(upperBiases: Float32Array, units: number): Float64Array {
    this.requireNormalisable();
    this.checkWork(upperBiases.length / units);
    const { offset } = this;
    return Float64Array.from({ length: upperBiases.length / units }, (_, row) => {
      this.upperBias.floats().set(upperBiases.subarray(row * units, (row + 1) * units));
      return offset + this.sum();
    });
  }

  /** Refuses rows of which each would have so many configurations that there is no end to it. */
  private checkWork(rows: number): void {
    const { exactStates } = this.parameters.runtime.kernels;
    const states = Math.min(exactStates(this.lowerLayout.handle), exactStates(this.upperLayout.handle));
    if (!(rows * states > MOST_CONFIGURATIONS)) return;
    const message = `${this.what} enumerates ${states} configurations for each of ${rows} rows, which are too many; \`logLikelihoodBound()\` is quick.`;
    throw unsuitable(message, this.named);
  }

  private sum(): number {
    return this.checked(
      this.parameters.runtime.kernels.exactLogPartition(
        this.weights.handle,
        this.lowerBias.handle,
        this.upperBias.handle,
        this.lowerLayout.handle,
        this.upperLayout.handle,
      ),
    );
  }

  /** Averages under the model: `⟨v_i h_j⟩` as `[upper, lower]`, `⟨v_i⟩`, `⟨h_j⟩`; views, until the memory grows. */
  expectations(): { readonly pairs: Float64Array; readonly lower: Float64Array; readonly upper: Float64Array } {
    this.requireNormalisable();
    const { kernels } = this.parameters.runtime;
    this.checked(
      kernels.exactExpectations(
        this.weights.handle,
        this.lowerBias.handle,
        this.upperBias.handle,
        this.lowerLayout.handle,
        this.upperLayout.handle,
        this.pairs.handle,
        this.lower.handle,
        this.upper.handle,
      ),
    );
    return { pairs: this.pairs.doubles(), lower: this.lower.doubles(), upper: this.upper.doubles() };
  }

  private checked(logZ: number): number {
    if (!Number.isNaN(logZ)) return logZ;
    throw unsuitable(
      `${this.what} enumerates one side of the model, and both have more than 2^25 configurations, or no finite number of them.`,
      this.named,
    );
  }

  /** Gives the memory back. */
  free(): void {
    for (const buffer of this.owned.splice(0)) buffer.free();
  }
}

/** log Z of a restricted or deep Boltzmann machine, nats; of rows of `length` draws, where its data are counts. */
export function logPartition(parameters: Parameters, length = 1): number {
  const enumeration = new Enumeration(parameters, 'The exact log Z', length);
  try {
    return enumeration.logPartition();
  } finally {
    enumeration.free();
  }
}

/** Refuses a restricted or deep Boltzmann machine that has no log Z, or of which that is not known; throws `GRAPH_UNSUITABLE`. */
export function requireNormalisable(parameters: Parameters, what: string): void {
  const enumeration = new Enumeration(parameters, what);
  try {
    enumeration.requireNormalisable();
  } finally {
    enumeration.free();
  }
}
