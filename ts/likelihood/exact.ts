/**
 * Exact answers of a restricted or deep Boltzmann machine by enumeration, in f64: one side's configurations are enumerated
 * and the other side is summed in closed form. The sides of a deep one are its layers of even and of odd index, joined by
 * one matrix with blocks of zeros. For models with a side of at most 2^25 configurations.
 */
import { WakesleepError } from '../errors.js';
import { type Sides, sidesOf } from '../graph/deep-boltzmann.js';
import { biasName, type Connection, layerOf, unitsOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { countedLayer } from '../graph/machines.js';
import { type Parameters, transpose } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import { checkEnergiesOf } from './free-energy.js';
import { logPartitionOffset } from './offsets.js';

/** Configurations that one question may enumerate, of all its rows together. */
const MOST_CONFIGURATIONS = 2 ** 30;

/** Whether a model has a finite log Z: in between, no known condition decides. */
export type Normalisable = 'yes' | 'no' | 'unknown';

/** By the kernels' codes. */
const verdicts: readonly Normalisable[] = ['yes', 'no', 'unknown'];

/** Averages under a model: `⟨v_i h_j⟩` as `[upper, lower]`, `⟨v_i⟩`, `⟨h_j⟩`. */
export interface Expectations {
  readonly pairs: Float64Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

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
  /** Whether a log Z has been found, so that what is not a number is not for want of an enumeration. */
  private enumerable = false;
  /** Room for averages, once they are asked for. */
  private averages: Record<'pairs' | 'lower' | 'upper', EngineBuffer> | undefined;

  /** Room for two sides, by default those of a restricted or deep Boltzmann machine; `what` is what asks. Throws `GRAPH_UNSUITABLE`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly what: string,
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
    this.lowerLayout = this.allocate(lowers.length * 12);
    this.upperLayout = this.allocate(uppers.length * 12);
  }

  private unitsOfAll(layers: readonly string[]): number {
    return layers.reduce((sum, name) => sum + unitsOf(this.parameters.graph, name), 0);
  }

  private allocate(bytes: number): EngineBuffer {
    const buffer = this.parameters.runtime.allocate(bytes);
    this.owned.push(buffer);
    return buffer;
  }

  /** Kind, units and group size of each layer of a side; of counts, the draws of a row. */
  private layout(layers: readonly string[], length: number): number[] {
    return layers.flatMap((name) => {
      const { units } = layerOf(this.parameters.graph, name);
      const type = unitType(units);
      const { code, size } = type.kernel(units);
      return [code, type.units(units), type.countsDraws ? length : size];
    });
  }

  /** Copies the parameters as they are now, for rows of `length` draws. */
  private refresh(length: number): void {
    const { sides, parameters } = this;
    this.lowerLayout.words().set(this.layout(sides.lowers, length));
    this.upperLayout.words().set(this.layout(sides.uppers, length));
    for (const connection of sides.connections) this.placeWeights(connection);
    this.lowerBias.floats().set(this.biases(sides.lowers.map(biasName)));
    const upperBias = this.biases(sides.uppers.map((layer) => upwardBiasName(parameters.graph, layer)));
    this.upperBias.floats().set(this.countsDraws ? upperBias.map((bias) => bias * length) : upperBias);
  }

  /** Puts a connection's weights where its layers stand in the two sides. */
  private placeWeights(connection: Connection): void {
    const { parameters, sides, lowerUnits } = this;
    const { lower, upper } = connection;
    const found = parameters.read(weightName(connection));
    // Of a chain some connections lead from the side of odd layers up to that of even ones.
    const turned = !sides.lowers.includes(lower);
    const values = turned ? transpose(found, unitsOf(parameters.graph, upper)) : found;
    const [low, high] = turned ? [upper, lower] : [lower, upper];
    const [columns, rows] = [unitsOf(parameters.graph, low), unitsOf(parameters.graph, high)];
    const column = this.unitsOfAll(sides.lowers.slice(0, sides.lowers.indexOf(low)));
    const first = this.unitsOfAll(sides.uppers.slice(0, sides.uppers.indexOf(high)));
    // Reading may have made the memory grow, so this view is taken after it.
    const weights = this.weights.floats();
    for (let row = 0; row < rows; row += 1) {
      weights.set(values.subarray(row * columns, (row + 1) * columns), (first + row) * lowerUnits + column);
    }
  }

  /** Biases of these names side by side, as they drive the layers. */
  private biases(names: readonly string[]): Float32Array {
    const { parameters } = this;
    return Float32Array.from(
      names.flatMap((name) => Array.from(parameters.bias(name).floats().subarray(0, parameters.sidesOf(name)[0]))),
    );
  }

  private get countsDraws(): boolean {
    return countedLayer(this.parameters.graph, this.sides) !== undefined;
  }

  /** Whether the machine as it is now has a finite log Z. */
  normalisable(length = 1): Normalisable {
    this.refresh(length);
    const verdict = this.parameters.runtime.kernels.exactNormalisable(
      this.weights.handle,
      this.lowerBias.handle,
      this.upperBias.handle,
      this.lowerLayout.handle,
      this.upperLayout.handle,
    );
    return verdicts[verdict]!;
  }

  /** Refuses models that cannot be normalised as they are now, or of which it is not known; throws `GRAPH_UNSUITABLE`. */
  requireNormalisable(length = 1): void {
    const verdict = this.normalisable(length);
    if (verdict === 'yes') return;
    const lack =
      verdict === 'no'
        ? 'the weights between its real-valued units are so large that it has none'
        : 'the weights between its real-valued units are so large that it is not known to have one';
    throw unsuitable(`${this.what} needs a model with a finite log Z; ${lack}. Smaller weights have one.`, this.named);
  }

  /** What Gaussian layers add to the log Z of natural states. */
  private get offset(): number {
    const layers = [...this.sides.uppers, ...this.sides.lowers];
    return layers.reduce((sum, name) => sum + logPartitionOffset(this.parameters, name), 0);
  }

  /**
   * log Z, nats, of rows of `length` draws where a lower layer counts them; throws `GRAPH_UNSUITABLE` where both sides have
   * too many configurations.
   */
  logPartition(length = 1): number {
    this.requireNormalisable(length);
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

  /**
   * Averages under the model, of natural states and of rows of `length` draws where a lower layer counts them; views, until
   * the memory grows. Throws as `logPartition` does.
   */
  expectations(length = 1): Expectations {
    this.requireNormalisable(length);
    const { kernels } = this.parameters.runtime;
    this.averages ??= {
      pairs: this.allocate(this.lowerUnits * this.upperUnits * 8),
      lower: this.allocate(this.lowerUnits * 8),
      upper: this.allocate(this.upperUnits * 8),
    };
    const { pairs, lower, upper } = this.averages;
    this.checked(
      kernels.exactExpectations(
        this.weights.handle,
        this.lowerBias.handle,
        this.upperBias.handle,
        this.lowerLayout.handle,
        this.upperLayout.handle,
        pairs.handle,
        lower.handle,
        upper.handle,
      ),
    );
    return { pairs: pairs.doubles(), lower: lower.doubles(), upper: upper.doubles() };
  }

  private checked(logZ: number): number {
    if (!Number.isNaN(logZ)) {
      this.enumerable = true;
      return logZ;
    }
    if (this.enumerable) {
      throw new WakesleepError(
        'NOT_FINITE',
        `${this.what} finds a log Z that is not a number: parameters have become too large. A smaller \`learningRate\` is the likeliest remedy; the last checkpoint before it is good.`,
        { wanted: 'a finite log Z', where: this.named },
      );
    }
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
  const enumeration = new Enumeration(parameters, 'The exact log Z');
  try {
    return enumeration.logPartition(length);
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
