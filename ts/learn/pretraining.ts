/**
 * Greedy pretraining of a deep Boltzmann machine (Salakhutdinov and Hinton 2009): a stack of restricted Boltzmann machines,
 * learned bottom first, in which what a layer will hear from its other side is stood in for by counting the one side twice.
 *
 * - The lowest machine counts the data twice on the way up, and its hidden units once on the way down.
 * - The topmost one counts its upper units twice on the way down, and its data once on the way up.
 * - A machine between two others counts twice both ways: an ordinary machine, whose weights are halved afterwards.
 *
 * A layer between two machines has a bias in each, and its own becomes the mean of the two: the machines' two conditionals
 * for it, multiplied and their logarithms halved, are then that of the whole.
 *
 * Machines at the top may be left as they were created, with weights close to 0: what is said of the topmost machine then
 * holds for the topmost of the others, and where that is the lowest too, it is an ordinary machine. The whole then starts as
 * good a model of the data as that machine is.
 *
 * While this goes on the stack has parameters of its own, which checkpoints keep; after every epoch they are put together in
 * the model.
 */
import { type Chain, chainOf, stackOfChain } from '../graph/deep-boltzmann.js';
import { biasName, connectionName, parameterSpecs, upwardBiasName, weightName } from '../graph/graph.js';
import { type Doubled, Parameters } from '../parameters.js';
import { type MachineTrainer, runMachineTrainer } from './machine-trainers.js';
import { prefixed, withoutPrefix } from './tensor-names.js';
import type { Training, TrainingLoop } from './training.js';

/** What the names of the stack's parameters in a checkpoint begin with. */
const PREFIX = 'stack.';

type Tensors = ReadonlyMap<string, Float32Array>;

/** A chain of which the lowest `trained` machines are trained, and the others left as they are. */
interface Plan extends Chain {
  readonly trained: number;
}

/** Trains the machines that stand for the lowest connections of a chain, one a trainer, from the phase where the training stands. */
export function* runPretraining(training: Training, trainers: readonly MachineTrainer[]): TrainingLoop {
  const { progress, parameters: whole } = training;
  const plan: Plan = { ...chainOf(whole.graph, 'Pretraining'), trained: trainers.length };
  const graph = stackOfChain(whole.graph, plan);
  let kept: Tensors = stackTensors(training.restored) ?? takenApart(whole, plan);
  while (progress.phase < plan.trained) {
    const stack = training.own(new Parameters(whole.runtime, graph, doubledOf(plan)));
    for (const [name, values] of kept) stack.write(name, values);
    for (const record of runMachineTrainer(within(training, stack), progress.phase, trainers[progress.phase]!)) {
      if (record !== undefined) assemble(whole, plan, stack);
      yield record;
    }
    kept = startedAbove(tensorsOf(stack), plan, progress.phase + 1);
    training.release();
    progress.phase += 1;
    progress.epoch = 0;
  }
}

/** A training whose parameters are the stack's, which every checkpoint keeps beside what the trainer offers. */
function within(training: Training, stack: Parameters): Training {
  return {
    parameters: stack,
    seed: training.seed,
    data: training.data,
    // A machine that counts a side twice has no free energy to compare, and no likelihood.
    heldOut: undefined,
    likelihood: undefined,
    progress: training.progress,
    get restored() {
      return new Map([...training.restored].filter(([name]) => !name.startsWith(PREFIX)));
    },
    own: (thing) => training.own(thing),
    offer: (tensors) => {
      training.offer(() => {
        return new Map([...tensors(), ...prefixed(PREFIX, tensorsOf(stack))]);
      });
    },
    release: () => training.release(),
  };
}

/** The directions in which the machines' connections count twice; those between two machines have doubled weights instead. */
function doubledOf({ connections, trained }: Plan): Doubled[] {
  // One alone is an ordinary machine.
  if (trained === 1) return [];
  return [
    { connection: connectionName(connections[0]!), direction: 'up' },
    { connection: connectionName(connections[trained - 1]!), direction: 'down' },
  ];
}

/** How many times a connection's weights are in the stack what they are in the whole. */
function timesOf({ trained }: Plan, index: number): number {
  return index > 0 && index < trained - 1 ? 2 : 1;
}

/** The whole's parameters as those of the stack that starts from them. */
function takenApart(whole: Parameters, plan: Plan): Tensors {
  const stack = stackOfChain(whole.graph, plan);
  const tensors = new Map<string, Float32Array>();
  for (const layer of plan.layers) {
    const bias = whole.read(biasName(layer));
    tensors.set(biasName(layer), bias);
    tensors.set(upwardBiasName(stack, layer), bias);
  }
  plan.connections.forEach((connection, index) => {
    const times = timesOf(plan, index);
    tensors.set(
      weightName(connection),
      whole.read(weightName(connection)).map((weight) => times * weight),
    );
  });
  return tensors;
}

/** Lets the data layer of the machine of this index start from the bias that the machine below has learned for it. */
function startedAbove(tensors: Tensors, { layers, trained }: Plan, phase: number): Tensors {
  if (phase >= trained) return tensors;
  const layer = layers[phase]!;
  return new Map([...tensors, [biasName(layer), tensors.get(`layers.${layer}.recognition_bias`)!]]);
}

/** Puts the stack's parameters together in the whole. */
function assemble(whole: Parameters, plan: Plan, stack: Parameters): void {
  plan.layers.forEach((layer, index) => {
    const upward = stack.read(upwardBiasName(stack.graph, layer));
    // Where no machine above is trained, the layer has learned one bias alone.
    const downward = index < plan.trained ? stack.read(biasName(layer)) : upward;
    whole.write(
      biasName(layer),
      downward.map((bias, unit) => (bias + upward[unit]!) / 2),
    );
  });
  plan.connections.forEach((connection, index) => {
    const times = timesOf(plan, index);
    whole.write(
      weightName(connection),
      stack.read(weightName(connection)).map((weight) => weight / times),
    );
  });
}

function tensorsOf(parameters: Parameters): Tensors {
  return new Map(parameterSpecs(parameters.graph).map(({ name }) => [name, parameters.read(name)]));
}

/** The stack's parameters in a checkpoint, or undefined where it holds none. */
function stackTensors(restored: Tensors): Tensors | undefined {
  const own = withoutPrefix(PREFIX, restored);
  return own.size === 0 ? undefined : own;
}
