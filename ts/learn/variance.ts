/**
 * Learning the log-variances of Gaussian layers that hold data. With `ζ = log σ²`,
 * `∂(−E)/∂ζ = (v − b)² / 2σ² − ½ (v / σ) Σ W h`, data minus model, at fixed b (MODELS, I).
 *
 * A trainer calls `apply` with the same phases as its other updates, before them, so that both see the same weights. The
 * rate is the learning rate times the layer's `varianceRate`; variances stop at the layer's `floor`.
 */
import { WakesleepError } from '../errors.js';
import { biasName, type Connection } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import { downwardDrive } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { allocateVector, type Parameters } from '../parameters.js';
import { withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { ScaledLayer } from '../scaled-layer.js';
import type { Phase } from './machine-update.js';
import type { Training } from './training.js';
import type { Step } from './updates.js';

/**
 * Takes the statistics that standardise the data, before a model's first update, where the machine of this depth holds data
 * of a layer that asks for it.
 */
export function standardiseFromData({ parameters, data, progress }: Training, depth: number): void {
  if (depth === 0 && progress.updates === 0)
    parameters.scaledLayer(stackOf(parameters.graph).visible)?.standardise(data);
}

/** One lower layer whose log-variances are learned. */
interface Learned {
  readonly place: number;
  readonly connection: Connection;
  readonly layer: ScaledLayer;
  readonly logVariance: EngineBuffer;
  readonly velocity: EngineBuffer;
  /** Total inputs from above. */
  readonly inputs: LayerState;
  readonly units: number;
}

/** The log-variances of a machine's lower layers; most machines have none, and then nothing is done. */
export class VarianceUpdates {
  private readonly learned: Learned[] = [];

  /** For batches of at most `rows` rows; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    machine: Machine,
    rows: number,
  ) {
    const { graph, runtime } = parameters;
    machine.connections.forEach((connection, place) => {
      const layer = parameters.scaledLayer(connection.lower);
      const logVariance = layer?.logVariance;
      if (layer === undefined || logVariance === undefined) return;
      const inputs = new LayerState(runtime, graph, connection.lower, rows, 0, 'train');
      const { units } = inputs.activity;
      const velocity = allocateVector(runtime, units);
      this.learned.push({ place, connection, layer, logVariance, velocity, inputs, units });
    });
  }

  /** One update of every log-variance; the biases stay what they are. Throws `NOT_FINITE`. */
  apply(positive: Phase, negative: Phase, step: Step, update: number): void {
    const { runtime } = this.parameters;
    const cases = positive.upper.activity.rows;
    for (const learned of this.learned) {
      withScratch(runtime, learned.units * 8, (ofData) =>
        withScratch(runtime, learned.units * 8, (ofModel) => {
          this.statistics(learned, positive, cases, ofData);
          this.statistics(learned, negative, cases, ofModel);
          this.step(learned, ofData, ofModel, step, update);
        }),
      );
    }
  }

  /** As `apply`, by given gradients, means over cases, by the name of the layer. */
  applyGiven(gradients: ReadonlyMap<string, Float64Array>, step: Step, update: number): void {
    const { runtime } = this.parameters;
    for (const learned of this.learned) {
      withScratch(runtime, learned.units * 8, (gradient) =>
        withScratch(runtime, learned.units * 8, (nothing) => {
          gradient.doubles().set(gradients.get(learned.connection.lower)!);
          nothing.doubles().fill(0);
          this.step(learned, gradient, nothing, step, update);
        }),
      );
    }
  }

  /** Moves log-variances by `positive − negative`. */
  private step(
    { units, layer, logVariance, velocity, connection }: Learned,
    positive: EngineBuffer,
    negative: EngineBuffer,
    { learningRate, momentum }: Step,
    update: number,
  ): void {
    const { kernels } = this.parameters.runtime;
    const outcome = kernels.stepLogVariance(
      units,
      logVariance.handle,
      velocity.handle,
      positive.handle,
      negative.handle,
      learningRate * layer.options.rate,
      momentum,
      kernels.logOf(layer.options.floor),
    );
    layer.refresh();
    const name = velocityName(connection.lower);
    if (outcome !== 0 || !layer.hasFiniteDeviations()) {
      throw new WakesleepError(
        'NOT_FINITE',
        `Update ${update} left a number in \`${name}\` that is not finite. A smaller \`learningRate\` is the likeliest remedy, and \`standardise\` where columns have very different scales; the last checkpoint before it is good.`,
        { given: update, wanted: 'finite parameters', where: name },
      );
    }
  }

  private statistics({ place, connection, inputs }: Learned, phase: Phase, cases: number, out: EngineBuffer): void {
    const bias = this.parameters.bias(biasName(connection.lower));
    inputs.infer([downwardDrive(this.parameters, connection, phase.upper, false)], bias, { keep: 'inputs' });
    const states = phase.lowers[place]!;
    const lists = states.reads(phase.states);
    // Means lack the noise that states have: their expected square is larger by the variance, which is 1 here.
    const noise = phase.states ? 0 : 1;
    states.activity.logVarianceStatistics(lists, inputs.activity, bias.handle, noise, cases, out.handle);
  }

  /** The velocities as named tensors, for a checkpoint. */
  tensors(): Map<string, Float32Array> {
    return new Map(
      this.learned.map(({ connection, velocity }) => [
        velocityName(connection.lower),
        new Float32Array(velocity.floats()),
      ]),
    );
  }

  /** Takes the velocities of a checkpoint. */
  restore(tensors: ReadonlyMap<string, Float32Array>): void {
    for (const { connection, velocity } of this.learned) {
      velocity.floats().set(tensors.get(velocityName(connection.lower))!);
    }
  }

  /** Gives the memory back. */
  free(): void {
    for (const { velocity, inputs } of this.learned) {
      velocity.free();
      inputs.free();
    }
  }
}

function velocityName(layer: string): string {
  return `velocity.layers.${layer}.log_variance`;
}
