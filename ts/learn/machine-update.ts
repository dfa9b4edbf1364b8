/**
 * The update of one machine's weights and biases from two phases, with corrections of the gradient.
 */
import { biasName, type Graph, unitsOf, upwardBiasName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { LayerState } from '../infer/layer-state.js';
import type { Parameters } from '../parameters.js';
import type { Optimiser } from './trainer-options.js';
import { type Step, Updates, type VectorPair } from './updates.js';

/** What one phase leaves: the lower layers in the order of the machine's connections, and the upper one. */
export interface Phase {
  readonly lowers: readonly LayerState[];
  /** Whether the lower layers count by what is listed (states, data) or by their values (means). */
  readonly states: boolean;
  readonly upper: LayerState;
}

/** What a gradient has beside the difference of the phases: `Σ_k lower_k ⊗ upper_k` for weights, and given biases. */
export interface Corrections {
  /** By the name of the lower layer: added to the sum over cases. */
  readonly weights: ReadonlyMap<string, readonly VectorPair[]>;
  /** By the name of the layer: the whole gradient of its biases, a mean over cases. */
  readonly biases: ReadonlyMap<string, Float32Array>;
}

/** What an optimiser keeps of a machine's parameters, and the steps that they take. */
export class MachineUpdate extends Updates {
  private readonly upperBias: string;

  /** For batches of at most `rows` rows or chains; throws `OUT_OF_MEMORY`. */
  constructor(
    parameters: Parameters,
    private readonly machine: Machine,
    rows: number,
    optimiser?: Optimiser,
  ) {
    super(parameters, machine.connections, biasesOf(parameters.graph, machine), rows, optimiser);
    this.upperBias = upwardBiasName(parameters.graph, machine.upper);
  }

  /**
   * Update `count` (from 1) of this machine: `Δ = ⟨·⟩ of the positive phase − ⟨·⟩ of the negative one`. Throws `NOT_FINITE`
   * naming the tensor; `update` is the model's.
   */
  apply(positive: Phase, negative: Phase, step: Step, count: number, update: number, corrections?: Corrections): void {
    this.take(step, count, update, ({ learnWeights, learnBias, stepBias }) => {
      this.machine.connections.forEach((connection, index) => {
        const data = [positive.lowers[index]!, positive.states] as const;
        const model = [negative.lowers[index]!, negative.states] as const;
        const more = corrections?.weights.get(connection.lower);
        learnWeights(connection, [data, positive.upper], [model, negative.upper], more);
        const given = corrections?.biases.get(connection.lower);
        if (given === undefined) learnBias(biasName(connection.lower), data, model);
        else stepBias(biasName(connection.lower), given);
      });
      const given = corrections?.biases.get(this.machine.upper);
      if (given === undefined) learnBias(this.upperBias, [positive.upper, false], [negative.upper, false]);
      else stepBias(this.upperBias, given);
    });
  }
}

/** The biases that a machine learns: of its lower layers, and of its upper one when driven from below. */
function biasesOf(graph: Graph, { upper, connections }: Machine) {
  const lowers = connections.map(({ lower }) => ({ name: biasName(lower), units: unitsOf(graph, lower) }));
  return [...lowers, { name: upwardBiasName(graph, upper), units: unitsOf(graph, upper) }];
}
