/** The update of one machine's weights and biases from two phases: velocities, and what happens when a number is lost. */

import { WakesleepError } from '../errors.js';
import { biasName, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { LayerState } from '../infer/layer-state.js';
import { allocateVector, type Parameters } from '../parameters.js';
import { created, withScratch } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Learner } from '../wasm/st.js';

/** What one phase leaves: the lower layers in the order of the machine's connections, and the upper one. */
export interface Phase {
  readonly lowers: readonly LayerState[];
  /** Whether the lower layers count by what is listed (states, data) or by their values (means). */
  readonly states: boolean;
  readonly upper: LayerState;
}

/** One step of gradient ascent; rates are per case. */
export interface Step {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightCost: number;
}

/** The velocities of a machine's parameters, and the steps that they take. */
export class MachineUpdate {
  private readonly learners = new Map<string, Learner>();
  private readonly velocities = new Map<string, EngineBuffer>();

  /** For batches of at most `rows` rows; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly machine: Machine,
    rows: number,
  ) {
    const { graph, runtime } = parameters;
    const upper = unitsOf(graph, machine.upper);
    for (const connection of machine.connections) {
      const lower = unitsOf(graph, connection.lower);
      const learner = runtime.kernels.Learner.create(lower, upper, rows);
      this.learners.set(weightName(connection), created(runtime, 'velocities', learner));
      this.velocities.set(biasName(connection.lower), allocateVector(runtime, lower));
    }
    this.velocities.set(this.upperBias, allocateVector(runtime, upper));
  }

  private get upperBias(): string {
    return upwardBiasName(this.parameters.graph, this.machine.upper);
  }

  /** One update: `Δ = ⟨·⟩ of the positive phase − ⟨·⟩ of the negative one`. Throws `NOT_FINITE` naming the tensor. */
  apply(positive: Phase, negative: Phase, step: Step, update: number): void {
    const { learningRate, momentum, weightCost } = step;
    this.machine.connections.forEach((connection, index) => {
      const [data, model] = [positive.lowers[index]!, negative.lowers[index]!];
      const alike = positive.states === negative.states;
      if (!alike) (positive.states ? data : model).spreadStates();
      const name = weightName(connection);
      const outcome = this.learners
        .get(name)!
        .learn(
          this.parameters.weight(name),
          data.activity,
          alike && data.reads(positive.states),
          positive.upper.activity,
          model.activity,
          alike && model.reads(negative.states),
          negative.upper.activity,
          learningRate,
          momentum,
          weightCost,
        );
      this.check(outcome, name, update);
      this.learnBias(biasName(connection.lower), [data, positive.states], [model, negative.states], step, update);
    });
    this.learnBias(this.upperBias, [positive.upper, false], [negative.upper, false], step, update);
  }

  private learnBias(
    name: string,
    [data, dataStates]: [LayerState, boolean],
    [model, modelStates]: [LayerState, boolean],
    { learningRate, momentum }: Step,
    update: number,
  ): void {
    const outcome = this.parameters.runtime.kernels.learnBias(
      this.parameters.bias(name).handle,
      this.velocities.get(name)!.handle,
      data.activity,
      data.reads(dataStates),
      model.activity,
      model.reads(modelStates),
      learningRate,
      momentum,
    );
    this.check(outcome, name, update);
  }

  /** Steps a connection's weights by a given gradient, `[upper, lower]`, a mean over cases. */
  stepWeights(name: string, gradient: Float32Array, step: Step, update: number): void {
    const { runtime } = this.parameters;
    const outcome = withScratch(runtime, gradient.byteLength, (scratch) => {
      scratch.floats().set(gradient);
      const { learningRate, momentum, weightCost } = step;
      const weights = this.parameters.weight(name);
      return this.learners.get(name)!.step(weights, scratch.handle, learningRate, momentum, weightCost);
    });
    this.check(outcome, name, update);
  }

  /** Steps a layer's biases by a given gradient, a mean over cases. */
  stepBias(name: string, gradient: Float32Array, { learningRate, momentum }: Step, update: number): void {
    const { runtime } = this.parameters;
    const outcome = withScratch(runtime, gradient.byteLength, (scratch) => {
      scratch.floats().set(gradient);
      const [bias, velocity] = [this.parameters.bias(name).handle, this.velocities.get(name)!.handle];
      return runtime.kernels.stepBias(bias, velocity, scratch.handle, learningRate, momentum);
    });
    this.check(outcome, name, update);
  }

  private check(outcome: number, name: string, update: number): void {
    if (outcome === 0) return;
    created(this.parameters.runtime, 'the statistics of a batch', outcome === 2 ? undefined : outcome);
    throw new WakesleepError(
      'NOT_FINITE',
      `Update ${update} left a number in \`${name}\` that is not finite. A smaller \`learningRate\` is the likeliest remedy; the last checkpoint before it is good.`,
      { given: update, wanted: 'finite parameters', where: name },
    );
  }

  /** The velocities as named tensors, for a checkpoint. */
  tensors(): Map<string, Float32Array> {
    const { runtime } = this.parameters;
    const tensors = new Map<string, Float32Array>();
    for (const [name, velocity] of this.velocities) tensors.set(name, new Float32Array(velocity.floats()));
    for (const [name, learner] of this.learners) {
      const size = this.parameters.read(name).length;
      const values = withScratch(runtime, size * 4, (scratch) => {
        learner.read(scratch.handle);
        return new Float32Array(scratch.floats());
      });
      tensors.set(name, values);
    }
    return tensors;
  }

  /** Takes the velocities of a checkpoint. */
  restore(tensors: ReadonlyMap<string, Float32Array>): void {
    const { runtime } = this.parameters;
    for (const [name, velocity] of this.velocities) velocity.floats().set(tensors.get(name)!);
    for (const [name, learner] of this.learners) {
      const values = tensors.get(name)!;
      withScratch(runtime, values.length * 4, (scratch) => {
        scratch.floats().set(values);
        learner.write(scratch.handle);
      });
    }
  }

  /** Gives the memory back. */
  free(): void {
    for (const learner of this.learners.values()) learner.free();
    for (const velocity of this.velocities.values()) velocity.free();
  }
}
