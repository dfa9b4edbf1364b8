/**
 * The update of one machine's weights and biases from two phases: what the optimiser keeps, corrections of the gradient,
 * limits of norms, and what happens when a number is lost.
 */

import { WakesleepError } from '../errors.js';
import { biasName, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { LayerState } from '../infer/layer-state.js';
import { allocateVector, type Parameters } from '../parameters.js';
import { created, readFloats, withFloats } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Step as KernelStep, Learner } from '../wasm/st.js';
import type { Optimiser } from './trainer-options.js';

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
  readonly l1Cost?: number;
  /** L2 cost of the biases, which normally have none. */
  readonly biasCost?: number;
}

/** What a gradient has beside the difference of the phases: `Σ_k lower_k ⊗ upper_k` for weights, and given biases. */
export interface Corrections {
  /** By the name of the lower layer: pairs of vectors, one number a unit, added to the sum over cases. */
  readonly weights: ReadonlyMap<string, readonly (readonly [lower: Float32Array, upper: Float32Array])[]>;
  /** By the name of the layer: the whole gradient of its biases, a mean over cases. */
  readonly biases: ReadonlyMap<string, Float32Array>;
}

/** What an optimiser keeps of a machine's parameters, and the steps that they take. */
export class MachineUpdate {
  private readonly learners = new Map<string, Learner>();
  /** Of each bias: velocities, then (Adam) means of squares. */
  private readonly kept = new Map<string, EngineBuffer>();
  private readonly scratch: [EngineBuffer, EngineBuffer];

  /** For batches of at most `rows` rows or chains; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    private readonly machine: Machine,
    rows: number,
    private readonly optimiser: Optimiser = { type: 'momentum', nesterov: false },
  ) {
    const { graph, runtime } = parameters;
    const planes = optimiser.type === 'adam' ? 2 : 1;
    const upper = unitsOf(graph, machine.upper);
    let widest = upper;
    for (const connection of machine.connections) {
      const lower = unitsOf(graph, connection.lower);
      widest = Math.max(widest, lower);
      const learner = runtime.kernels.Learner.create(lower, upper, rows);
      this.learners.set(weightName(connection), created(runtime, 'velocities', learner));
      this.kept.set(biasName(connection.lower), allocateVector(runtime, lower, planes));
    }
    this.kept.set(this.upperBias, allocateVector(runtime, upper, planes));
    this.scratch = [allocateVector(runtime, widest), allocateVector(runtime, widest)];
  }

  private get upperBias(): string {
    return upwardBiasName(this.parameters.graph, this.machine.upper);
  }

  /**
   * Update `count` (from 1) of this machine: `Δ = ⟨·⟩ of the positive phase − ⟨·⟩ of the negative one`. Throws `NOT_FINITE`
   * naming the tensor; `update` is the model's.
   */
  apply(positive: Phase, negative: Phase, step: Step, count: number, update: number, corrections?: Corrections): void {
    this.withStep(step, count, (by) => {
      this.machine.connections.forEach((connection, index) => {
        const [data, model] = [positive.lowers[index]!, negative.lowers[index]!];
        const name = weightName(connection);
        for (const pair of corrections?.weights.get(connection.lower) ?? []) this.correct(name, pair);
        const outcome = this.learners
          .get(name)!
          .learn(
            this.parameters.weight(name),
            data.activity,
            data.reads(positive.states),
            positive.upper.activity,
            model.activity,
            model.reads(negative.states),
            negative.upper.activity,
            by,
          );
        this.check(outcome, name, update);
        const bias = biasName(connection.lower);
        const given = corrections?.biases.get(connection.lower);
        if (given === undefined) {
          this.learnBias(bias, [data, positive.states], [model, negative.states], by, update);
        } else this.stepBias(bias, given, by, update);
      });
      const given = corrections?.biases.get(this.machine.upper);
      if (given === undefined)
        this.learnBias(this.upperBias, [positive.upper, false], [negative.upper, false], by, update);
      else this.stepBias(this.upperBias, given, by, update);
    });
  }

  /** As `apply`, by given gradients, means over cases: weights as `[upper, lower]`, by the names of parameters. */
  applyGiven(gradients: ReadonlyMap<string, Float32Array>, step: Step, count: number, update: number): void {
    this.withStep(step, count, (by) => {
      for (const [name, gradient] of gradients) {
        if (this.kept.has(name)) this.stepBias(name, gradient, by, update);
        else this.stepWeights(name, gradient, by, update);
      }
    });
  }

  /** Shortens the weights from each lower layer into a unit to at most `limit`. */
  limitNorms(limit: number): void {
    for (const connection of this.machine.connections) this.parameters.weight(weightName(connection)).limitNorms(limit);
  }

  private withStep<T>(step: Step, count: number, use: (by: KernelStep) => T): T {
    const { Step: Steps } = this.parameters.runtime.kernels;
    const { learningRate, momentum, weightCost, l1Cost = 0, biasCost = 0 } = step;
    const { optimiser } = this;
    const by =
      optimiser.type === 'momentum'
        ? Steps.momentum(learningRate, weightCost, l1Cost, biasCost, momentum, optimiser.nesterov)
        : Steps.adam(
            learningRate,
            weightCost,
            l1Cost,
            biasCost,
            optimiser.firstDecay,
            optimiser.secondDecay,
            optimiser.epsilon,
            1 / (1 - power(optimiser.firstDecay, count)),
            1 / (1 - power(optimiser.secondDecay, count)),
          );
    try {
      return use(by);
    } finally {
      by.free();
    }
  }

  private correct(name: string, vectors: readonly [Float32Array, Float32Array]): void {
    vectors.forEach((vector, side) => {
      this.scratch[side]!.floats().set(vector);
    });
    const done = this.learners.get(name)!.correct(this.scratch[0].handle, this.scratch[1].handle);
    created(this.parameters.runtime, 'a correction', done || undefined);
  }

  private learnBias(
    name: string,
    [data, dataStates]: [LayerState, boolean],
    [model, modelStates]: [LayerState, boolean],
    by: KernelStep,
    update: number,
  ): void {
    const outcome = this.parameters.runtime.kernels.learnBias(
      this.parameters.bias(name).handle,
      this.kept.get(name)!.handle,
      data.activity,
      data.reads(dataStates),
      model.activity,
      model.reads(modelStates),
      by,
    );
    this.check(outcome, name, update);
  }

  private stepWeights(name: string, gradient: Float32Array, by: KernelStep, update: number): void {
    const outcome = withFloats(this.parameters.runtime, gradient, (held) => {
      return this.learners.get(name)!.step(this.parameters.weight(name), held.handle, by);
    });
    this.check(outcome, name, update);
  }

  private stepBias(name: string, gradient: Float32Array, by: KernelStep, update: number): void {
    const { runtime } = this.parameters;
    const outcome = withFloats(runtime, gradient, (held) => {
      return runtime.kernels.stepBias(this.parameters.bias(name).handle, this.kept.get(name)!.handle, held.handle, by);
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

  /** What the optimiser keeps, as named tensors for a checkpoint. */
  tensors(): Map<string, Float32Array> {
    const tensors = new Map<string, Float32Array>();
    for (const [name, kept] of this.kept) tensors.set(`velocity.${name}`, new Float32Array(kept.floats()));
    for (const [name, learner] of this.learners) {
      tensors.set(
        `velocity.${name}`,
        this.readWeights(name, (out) => learner.read(out.handle)),
      );
      if (this.optimiser.type !== 'adam') continue;
      tensors.set(
        `square.${name}`,
        this.readWeights(name, (out) => learner.readSquares(out.handle)),
      );
    }
    return tensors;
  }

  private readWeights(name: string, read: (out: EngineBuffer) => void): Float32Array {
    const size = this.parameters.specOf(name).shape.reduce((product, side) => product * side, 1);
    return readFloats(this.parameters.runtime, size, read);
  }

  /** Takes what the optimiser kept from a checkpoint. */
  restore(tensors: ReadonlyMap<string, Float32Array>): void {
    const { runtime } = this.parameters;
    for (const [name, kept] of this.kept) kept.floats().set(tensors.get(`velocity.${name}`)!);
    for (const [name, learner] of this.learners) {
      withFloats(runtime, tensors.get(`velocity.${name}`)!, (held) => learner.write(held.handle));
      if (this.optimiser.type !== 'adam') continue;
      withFloats(runtime, tensors.get(`square.${name}`)!, (held) => {
        created(runtime, 'means of squares', learner.writeSquares(held.handle) || undefined);
      });
    }
  }

  /** Gives the memory back. */
  free(): void {
    for (const owned of [...this.learners.values(), ...this.kept.values(), ...this.scratch]) owned.free();
  }
}

/** `base^exponent` by squaring: products alone, the same bits everywhere. */
function power(base: number, exponent: number): number {
  let [result, square] = [1, base];
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
