/**
 * Exact answers of a restricted Boltzmann machine by enumeration, in f64: one side's configurations are enumerated and
 * the other side is summed in closed form. For models with a side of at most 2^25 configurations.
 */
import { WakesleepError } from '../errors.js';
import { biasName, layerOf, unitsOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { countedLayer, type Machine, machineOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import { checkEnergies } from './free-energy.js';
import { logPartitionOffset } from './offsets.js';

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

/** A machine as the kernels' enumeration takes it: one matrix over all lower units, with layouts of both sides. */
export class Enumeration {
  readonly lowerUnits: number;
  readonly upperUnits: number;
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

  /** Room for a machine, by default the one of an RBM; `what` is what asks. Throws `GRAPH_UNSUITABLE`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly what: string,
    private readonly machine: Machine = machineOf(parameters.graph, what),
  ) {
    const { graph } = parameters;
    checkEnergies(parameters, machine, what);
    const lowers = machine.connections.map((connection) => connection.lower);
    this.lowerUnits = lowers.reduce((sum, name) => sum + unitsOf(graph, name), 0);
    this.upperUnits = unitsOf(graph, this.machine.upper);
    this.weights = this.allocate(this.lowerUnits * this.upperUnits * 4);
    this.lowerBias = this.allocate(this.lowerUnits * 4);
    this.upperBias = this.allocate(this.upperUnits * 4);
    this.lowerLayout = this.allocate(lowers.length * 12);
    this.upperLayout = this.allocate(12);
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
    const { parameters, machine, lowerUnits, upperUnits } = this;
    const lowers = machine.connections.map((connection) => connection.lower);
    this.lowerLayout.words().set(this.layout(lowers, length));
    this.upperLayout.words().set(this.layout([machine.upper], length));
    let offset = 0;
    for (const connection of machine.connections) {
      const units = unitsOf(parameters.graph, connection.lower);
      const values = parameters.read(weightName(connection));
      // Reading may have made the memory grow, so this view is taken after it.
      const weights = this.weights.floats();
      for (let row = 0; row < upperUnits; row += 1) {
        weights.set(values.subarray(row * units, (row + 1) * units), row * lowerUnits + offset);
      }
      const bias = parameters.bias(biasName(connection.lower)).floats();
      this.lowerBias.floats().set(bias.subarray(0, units), offset);
      offset += units;
    }
    const upperBias = parameters.read(upwardBiasName(parameters.graph, machine.upper));
    this.upperBias.floats().set(this.countsDraws ? upperBias.map((bias) => bias * length) : upperBias);
  }

  private get countsDraws(): boolean {
    return countedLayer(this.parameters.graph, this.machine) !== undefined;
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
    const { upper } = this.machine;
    const lack =
      verdict === 'no'
        ? 'the weights between its real-valued units are so large that it has none'
        : 'the weights between its real-valued units are so large that it is not known to have one';
    throw unsuitable(`${this.what} needs a model with a finite log Z; ${lack}. Smaller weights have one.`, upper);
  }

  /** What Gaussian layers add to the log Z of natural states. */
  private get offset(): number {
    const layers = [this.machine.upper, ...this.machine.connections.map(({ lower }) => lower)];
    return layers.reduce((sum, name) => sum + logPartitionOffset(this.parameters, name), 0);
  }

  /**
   * log Z, nats, of rows of `length` draws where a lower layer counts them; throws `GRAPH_UNSUITABLE` where both sides have
   * too many configurations.
   */
  logPartition(length = 1): number {
    this.requireNormalisable(length);
    const { kernels } = this.parameters.runtime;
    return (
      this.offset +
      this.checked(
        kernels.exactLogPartition(
          this.weights.handle,
          this.lowerBias.handle,
          this.upperBias.handle,
          this.lowerLayout.handle,
          this.upperLayout.handle,
        ),
      )
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
        { wanted: 'a finite log Z', where: this.machine.upper },
      );
    }
    throw unsuitable(
      `${this.what} enumerates one side of the model, and both have more than 2^25 configurations, or no finite number of them.`,
      this.machine.upper,
    );
  }

  /** Gives the memory back. */
  free(): void {
    for (const buffer of this.owned.splice(0)) buffer.free();
  }
}

/** log Z of an RBM, nats; of rows of `length` draws, where its data are counts. */
export function logPartition(parameters: Parameters, length = 1): number {
  const enumeration = new Enumeration(parameters, 'The exact log Z');
  try {
    return enumeration.logPartition(length);
  } finally {
    enumeration.free();
  }
}

/** Refuses an RBM that has no log Z, or of which that is not known; throws `GRAPH_UNSUITABLE`. */
export function requireNormalisable(parameters: Parameters, what: string): void {
  const enumeration = new Enumeration(parameters, what);
  try {
    enumeration.requireNormalisable();
  } finally {
    enumeration.free();
  }
}
