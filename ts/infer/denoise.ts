/**
 * Removing structured noise by top-down effects (Hinton, tutorial on deep belief nets, NIPS 2007): what is in an image but not in
 * the model of images has no support from above.
 *
 * 1. A bottom-up pass: each hidden layer given the one below it, from the noisy row to the topmost layer. Labels count as absent.
 * 2. In step t of T the share of what comes from above is s = t / T. The layers h1, ..., h(n−1) in turn, from the bottom up,
 *    have the total input
 *
 *        (1 − s) · (upward bias + recognition weights · layer below) + s · (bias + generative weights · layer above)
 *
 *    with the layer below as it is now (for h1 always the noisy row) and the layer above as the step before has left it. Then
 *    the topmost layer has its input from h(n−1) and s times that from the labels, which are what it says of them itself.
 * 3. At the start and after every step h1 predicts the visible units: what it would like to reconstruct.
 *
 * At the end, s = 1, the row drives nothing any more: h1 is what the layers above have made of it.
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, type Connection, unsuitable, upwardBiasName } from '../graph/graph.js';
import { type Machine, type Stack, stackOf } from '../graph/machines.js';
import { integer, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { withBlocks } from './blocks.js';
import { downwardDrive, inferUpper, upwardDrives } from './drives.js';
import { type Drive, LayerState, type Settling } from './layer-state.js';
import { givenOut } from './passes.js';

/** What `denoise()` takes. */
export interface DenoiseOptions {
  /** Steps from the bottom-up pass to effects from above alone, 1 to 10,000; default 10. */
  readonly steps?: number;
  /** Lets hidden layers and labels pass on drawn states, the same for the same seed; default none: they pass on means. */
  readonly seed?: number;
}

/** What the first hidden layer would reconstruct, `[steps + 1, rows, visible units]`; throws `GRAPH_UNSUITABLE`, `OPTION_INVALID`. */
export function denoise(parameters: Parameters, data: Dataset, options: DenoiseOptions): Float32Array<ArrayBuffer> {
  const where = 'denoise()';
  refuseUnknown(where, options, ['steps', 'seed']);
  const steps = integer(where, 'steps', options.steps ?? 10, { atLeast: 1, atMost: 10_000 });
  const seed = options.seed === undefined ? undefined : readSeed(where, options.seed);
  const stack = stackOf(parameters.graph);
  const { upper } = stack.machines[0]!;
  if (stack.machines.length === 1) {
    const message = `Removing noise needs a deep belief net, with a layer above the first hidden one; nothing is above \`${upper}\`.`;
    throw unsuitable(message, upper);
  }
  const found = new Float32Array((steps + 1) * data.rows * data.columns);
  withBlocks(
    parameters,
    data,
    0,
    false,
    (source, lowest, first, rows, _out, block) => {
      const blend = new Blend(parameters, stack, source.lowers[0]!, lowest, { rows, seed, block });
      try {
        blend.passUp();
        found.set(blend.reconstruction(), first * data.columns);
        for (let step = 1; step <= steps; step += 1) {
          blend.step(step, step / steps);
          found.set(blend.reconstruction(), (step * data.rows + first) * data.columns);
        }
      } finally {
        blend.free();
      }
    },
    { seed: seed ?? 0, passing: 'probabilities' },
  );
  return found;
}

/** The hidden layers of a batch of rows, between what comes from below and what comes from above. */
class Blend {
  /** Lowest first. */
  private readonly hidden: readonly LayerState[];
  private readonly label: LayerState | undefined;
  private readonly predicted: LayerState;
  private readonly owned: LayerState[] = [];

  constructor(
    private readonly parameters: Parameters,
    private readonly stack: Stack,
    private readonly noisy: LayerState,
    lowest: LayerState,
    private readonly draws: { readonly rows: number; readonly seed: number | undefined; readonly block: number },
  ) {
    const { runtime, graph } = parameters;
    const room = (name: string) => {
      const state = new LayerState(runtime, graph, name, draws.rows, draws.seed ?? 0, 'sample');
      this.owned.push(state);
      return state;
    };
    try {
      this.hidden = [lowest, ...stack.machines.slice(1).map(({ upper }) => room(upper))];
      this.label = stack.label === undefined ? undefined : room(stack.label);
      this.predicted = room(stack.visible);
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Each hidden layer given the one below it. */
  passUp(): void {
    this.stack.machines.forEach((machine, depth) => {
      inferUpper(this.parameters, machine, [this.below(depth)], this.hidden[depth]!, this.settling(0));
    });
  }

  /** Each hidden layer in turn, lowest first, with so large a share of what comes from above. */
  step(step: number, share: number): void {
    const { parameters, hidden } = this;
    const { machines } = this.stack;
    const settling = this.settling(step);
    machines.slice(0, -1).forEach((machine, depth) => {
      const above = machines[depth + 1]!;
      const layer = hidden[depth]!;
      const fromAbove = downwardDrive(parameters, this.connectionTo(above, layer.name), hidden[depth + 1]!, true);
      this.settle(layer, upwardDrives(parameters, machine, [this.below(depth)]), [fromAbove], share, settling);
    });
    this.inferTop(machines.at(-1)!, share, settling);
  }

  /** The topmost layer given the one below it, and by a share the labels that it stands for. */
  private inferTop(machine: Machine, share: number, settling: Settling): void {
    const { parameters, label } = this;
    const [top, below] = [this.hidden.at(-1)!, this.hidden.at(-2)!];
    if (label === undefined) {
      inferUpper(parameters, machine, [below], top, settling);
      return;
    }
    const drive = downwardDrive(parameters, this.connectionTo(machine, label.name), top, true);
    label.infer([drive], parameters.bias(biasName(label.name)), settling);
    const alone = upwardDrives(parameters, machine, [below]);
    this.settle(top, alone, upwardDrives(parameters, machine, [below, label]), share, settling);
  }

  /** A layer given `(1 − share)` of what `up` drives it with and `share` of what `down` does. */
  private settle(layer: LayerState, up: readonly Drive[], down: readonly Drive[], share: number, how: Settling): void {
    const { parameters } = this;
    const { runtime, graph } = parameters;
    const inputs = (drives: readonly Drive[], bias: string) => {
      layer.infer(drives, parameters.bias(bias), { keep: 'inputs' });
      return layer.values(runtime);
    };
    const fromBelow = inputs(up, upwardBiasName(graph, layer.name));
    const fromAbove = inputs(down, biasName(layer.name));
    layer.write(
      runtime,
      fromBelow.map((x, place) => (1 - share) * x + share * fromAbove[place]!),
    );
    layer.settleTempered(Float32Array.of(1), undefined, how);
  }

  /** Means of the visible units given the lowest hidden layer, as rows are given. */
  reconstruction(): Float32Array<ArrayBuffer> {
    const { parameters, predicted, stack, hidden } = this;
    const drive = downwardDrive(parameters, stack.machines[0]!.connections[0]!, hidden[0]!, true);
    predicted.infer([drive], parameters.bias(biasName(predicted.name)), { keep: 'means' });
    return givenOut(parameters, predicted);
  }

  private below(depth: number): LayerState {
    return this.hidden[depth - 1] ?? this.noisy;
  }

  private connectionTo({ connections }: Machine, layer: string): Connection {
    return connections.find(({ lower }) => lower === layer)!;
  }

  private settling(step: number): Settling {
    const { seed, block } = this.draws;
    return seed === undefined ? { keep: 'means' } : { keep: 'means', draw: { update: step, sweep: block } };
  }

  /** Gives the memory back. */
  free(): void {
    for (const state of this.owned.splice(0)) state.free();
  }
}
