/**
 * Exact answers of a restricted Boltzmann machine by enumeration, in f64: one side's configurations are enumerated and
 * the other side is summed in closed form. For models with a side of at most 2^25 configurations.
 */
import { biasName, layerOf, unitsOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { type Machine, machineOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';
import { checkEnergies } from './free-energy.js';
import { logPartitionOffset } from './offsets.js';

/** A machine as the kernels' enumeration takes it: one matrix over all lower units, with layouts of both sides. */
export class Enumeration {
  readonly lowerUnits: number;
  readonly upperUnits: number;
  private readonly machine: Machine;
  private readonly owned: EngineBuffer[] = [];
  private readonly weights: EngineBuffer;
  private readonly lowerBias: EngineBuffer;
  private readonly upperBias: EngineBuffer;
  private readonly lowerLayout: EngineBuffer;
  private readonly upperLayout: EngineBuffer;
  private readonly pairs: EngineBuffer;
  private readonly lower: EngineBuffer;
  private readonly upper: EngineBuffer;

  /** Room for the one machine of an RBM; throws `GRAPH_UNSUITABLE`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly what: string,
    /** Draws of every row, where a lower layer counts them. */
    private readonly length = 1,
  ) {
    const { graph } = parameters;
    this.machine = machineOf(graph, what);
    checkEnergies(parameters, this.machine, what);
    const lowers = this.machine.connections.map((connection) => connection.lower);
    this.lowerUnits = lowers.reduce((sum, name) => sum + unitsOf(graph, name), 0);
    this.upperUnits = unitsOf(graph, this.machine.upper);
    this.weights = this.allocate(this.lowerUnits * this.upperUnits * 4);
    this.lowerBias = this.allocate(this.lowerUnits * 4);
    this.upperBias = this.allocate(this.upperUnits * 4);
    this.lowerLayout = this.layout(lowers);
    this.upperLayout = this.layout([this.machine.upper]);
    this.pairs = this.allocate(this.lowerUnits * this.upperUnits * 8);
    this.lower = this.allocate(this.lowerUnits * 8);
    this.upper = this.allocate(this.upperUnits * 8);
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
    const { parameters, machine, lowerUnits, upperUnits } = this;
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
    this.upperBias.floats().set(this.countsDraws ? upperBias.map((bias) => bias * this.length) : upperBias);
  }

  private get countsDraws(): boolean {
    const { graph } = this.parameters;
    return this.machine.connections.some(({ lower }) => {
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
    const { upper } = this.machine;
    const lack =
      verdict === 1
        ? 'the weights between its real-valued units are so large that it has none'
        : 'the weights between its real-valued units are so large that it is not known to have one';
    throw unsuitable(`${this.what} needs a model with a finite log Z; ${lack}. Smaller weights have one.`, upper);
  }

  /** What Gaussian layers add to the log Z of natural states. */
  private get offset(): number {
    const layers = [this.machine.upper, ...this.machine.connections.map(({ lower }) => lower)];
    return layers.reduce((sum, name) => sum + logPartitionOffset(this.parameters, name), 0);
  }

  /** log Z, nats; throws `GRAPH_UNSUITABLE` where both sides have too many configurations. */
  logPartition(): number {
    this.requireNormalisable();
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
  const enumeration = new Enumeration(parameters, 'The exact log Z', length);
  try {
    return enumeration.logPartition();
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
