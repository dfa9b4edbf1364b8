/**
 * Steps of parameters and what the optimiser keeps of them: statistics of two phases, or given gradients, for any set of
 * connections and biases; and what happens when a number is lost.
 *
 * A statistic costs least where the states of its lists are the same in both phases. For most connections those are the lower
 * layer's, in different phases; for directed ones the cause's, which are the same beside what happened and what was predicted.
 * So the weights of directed connections are turned while they are learned, and what an optimiser keeps of them is `[to, from]`
 * as in files.
 */

import { WakesleepError } from '../errors.js';
import { type Connection, isTransposed, unitsOf, weightName } from '../graph/graph.js';
import type { LayerState } from '../infer/layer-state.js';
import { allocateVector, type Parameters } from '../parameters.js';
import { created, readFloats, withFloats } from '../runtime/allocation.js';
import type { EngineBuffer } from '../runtime/memory.js';
import type { Step as KernelStep, Learner, Weights } from '../wasm/st.js';
import type { Optimiser } from './trainer-options.js';

/** One step of gradient ascent; rates are per case. */
export interface Step {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightCost: number;
  readonly l1Cost?: number;
  /** L2 cost of the biases, which normally have none. */
  readonly biasCost?: number;
}

/** One side of a statistic: a layer, and whether what is listed of it counts (states, data) or its values (means). */
export type Side = readonly [layer: LayerState, states: boolean];

/** What a phase leaves of each layer, by the name of the layer. */
export type Sides = ReadonlyMap<string, Side>;

/** A bias by name, and how many units it has. */
export interface BiasSpec {
  readonly name: string;
  readonly units: number;
}

/**
 * What one phase leaves of a connection: its lower side, and its upper layer, whose values count. Of a directed connection the
 * cause comes first, as a side, and then the effect, whose values count.
 */
export type Pair = readonly [lower: Side, upper: LayerState];

/** The steps that one update may take; each throws `NOT_FINITE` naming the tensor in which a number is lost. */
export interface Steps {
  /** By `⟨lower upper⟩` of the data minus that of the model, plus `Σ_k lower_k ⊗ upper_k`. */
  learnWeights(connection: Connection, data: Pair, model: Pair, corrections?: readonly VectorPair[]): void;
  /** By the layer's mean in the data minus that in the model. */
  learnBias(name: string, data: Side, model: Side): void;
  /** By a given gradient, a mean over cases, `[upper, lower]`; of directed connections `[to, from]`, of listed pairs one number each. */
  stepWeights(name: string, gradient: Float32Array): void;
  /** By a given gradient, a mean over cases. */
  stepBias(name: string, gradient: Float32Array): void;
}

/** Two vectors, one number a unit of the lower and of the upper layer. */
export type VectorPair = readonly [lower: Float32Array, upper: Float32Array];

/** What an optimiser keeps of parameters, and the steps that they take. */
export class Updates {
  private readonly learners = new Map<string, Learner>();
  /** The weights that are turned while they are learned. */
  private readonly turned = new Set<string>();
  /** Of each bias, and of weights of listed pairs: velocities, then (Adam) means of squares. */
  private readonly kept = new Map<string, EngineBuffer>();
  /** The weights of listed pairs. */
  private readonly listed = new Set<string>();
  private readonly scratch: [EngineBuffer, EngineBuffer];

  /** For batches of at most `rows` rows or chains; throws `OUT_OF_MEMORY`. */
  constructor(
    private readonly parameters: Parameters,
    connections: readonly Connection[],
    biases: readonly BiasSpec[],
    rows: number,
    private readonly optimiser: Optimiser = { type: 'momentum', nesterov: false },
  ) {
    const { graph, runtime } = parameters;
    const planes = optimiser.type === 'adam' ? 2 : 1;
    for (const connection of connections) {
      if (connection.edges !== undefined) {
        const name = weightName(connection);
        this.listed.add(name);
        this.kept.set(name, allocateVector(runtime, connection.edges.lower.length, planes));
        continue;
      }
      const [lower, upper] = [unitsOf(graph, connection.lower), unitsOf(graph, connection.upper)];
      if (isTransposed(connection)) this.turned.add(weightName(connection));
      const [listed, valued] = isTransposed(connection) ? [upper, lower] : [lower, upper];
      const learner = runtime.kernels.Learner.create(listed, valued, rows);
      this.learners.set(weightName(connection), created(runtime, 'velocities', learner));
    }
    for (const { name, units } of biases) this.kept.set(name, allocateVector(runtime, units, planes));
    const sides = connections.flatMap(({ lower, upper }) => [unitsOf(graph, lower), unitsOf(graph, upper)]);
    const widest = Math.max(1, ...sides);
    this.scratch = [allocateVector(runtime, widest), allocateVector(runtime, widest)];
  }

  /** Update `count` (from 1): `use` takes the steps; `update`, the model's own count, is what a `NOT_FINITE` names. */
  take(step: Step, count: number, update: number, use: (steps: Steps) => void): void {
    const by = this.kernelStep(step, count);
    try {
      use({
        learnWeights: (connection, data, model, corrections) => {
          this.learnWeights(connection, data, model, corrections ?? [], by, update);
        },
        learnBias: (name, data, model) => this.learnBias(name, data, model, by, update),
        stepWeights: (name, gradient) => this.stepWeights(name, gradient, by, update),
        stepBias: (name, gradient) => this.stepBias(name, gradient, by, update),
      });
    } finally {
      by.free();
    }
  }

  /** By given gradients, means over cases: weights as `stepWeights` takes them, by the names of parameters. */
  applyGiven(gradients: ReadonlyMap<string, Float32Array>, step: Step, count: number, update: number): void {
    this.take(step, count, update, ({ stepBias, stepWeights }) => {
      const isBias = (name: string) => this.kept.has(name) && !this.listed.has(name);
      for (const [name, gradient] of gradients) (isBias(name) ? stepBias : stepWeights)(name, gradient);
    });
  }

  /** Shortens the weights from each lower layer into a unit to at most `limit`. */
  limitNorms(limit: number): void {
    for (const name of this.learners.keys()) this.parameters.weight(name).limitNorms(limit);
  }

  private kernelStep(step: Step, count: number): KernelStep {
    const { Step: Kinds } = this.parameters.runtime.kernels;
    const { learningRate, momentum, weightCost, l1Cost = 0, biasCost = 0 } = step;
    const { optimiser } = this;
    if (optimiser.type === 'momentum')
      return Kinds.momentum(learningRate, weightCost, l1Cost, biasCost, momentum, optimiser.nesterov);
    const { firstDecay, secondDecay, epsilon } = optimiser;
    const [first, second] = [firstDecay, secondDecay].map((decay) => 1 / (1 - power(decay, count))) as [number, number];
    return Kinds.adam(learningRate, weightCost, l1Cost, biasCost, firstDecay, secondDecay, epsilon, first, second);
  }

  private learnWeights(
    connection: Connection,
    [[dataLower, dataStates], dataUpper]: Pair,
    [[modelLower, modelStates], modelUpper]: Pair,
    corrections: readonly VectorPair[],
    by: KernelStep,
    update: number,
  ): void {
    const name = weightName(connection);
    for (const pair of corrections) this.correct(name, pair);
    const outcome = this.withWeights(name, (weights) =>
      this.learners
        .get(name)!
        .learn(
          weights,
          dataLower.activity,
          dataLower.reads(dataStates),
          dataUpper.activity,
          modelLower.activity,
          modelLower.reads(modelStates),
          modelUpper.activity,
          by,
        ),
    );
    this.check(outcome, name, update);
  }

  /** Weights as their learner has them. */
  private withWeights<T>(name: string, work: (weights: Weights) => T): T {
    const weights = this.parameters.weight(name);
    if (!this.turned.has(name)) return work(weights);
    weights.turn();
    try {
      return work(weights);
    } finally {
      weights.turn();
    }
  }

  private correct(name: string, vectors: VectorPair): void {
    vectors.forEach((vector, side) => {
      this.scratch[side]!.floats().set(vector);
    });
    const done = this.learners.get(name)!.correct(this.scratch[0].handle, this.scratch[1].handle);
    created(this.parameters.runtime, 'a correction', done || undefined);
  }

  private learnBias(
    name: string,
    [data, dataStates]: Side,
    [model, modelStates]: Side,
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
    const { parameters } = this;
    const outcome = withFloats(parameters.runtime, gradient, (held) => {
      if (!this.listed.has(name))
        return this.withWeights(name, (weights) => this.learners.get(name)!.step(weights, held.handle, by));
      const weights = parameters.bias(name).handle;
      return parameters.runtime.kernels.stepListed(weights, this.kept.get(name)!.handle, held.handle, by);
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
