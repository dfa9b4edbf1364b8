/**
 * A lower bound on the log-likelihood of rows under a deep belief net of binary units (Hinton, Osindero and Teh 2006;
 * Salakhutdinov and Murray 2008, section 4). With the recognition distribution q, layer by layer, and the free energy F of the
 * topmost machine,
 *
 *     log p(v) ≥ E_q [ Σ_l log p(h_(l−1) | h_l) − log q(h_l | h_(l−1)) − F(h_n) ] − log Z,    h_0 = v,
 *
 * h_n the layer below the topmost. The expectation is over draws of each row; log Z is that of the topmost machine.
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, unsuitable, upwardBiasName } from '../graph/graph.js';
import { type Machine, type Stack, stackOf } from '../graph/machines.js';
import { withBlocks } from '../infer/blocks.js';
import { downwardDrive, inferUpper, upwardDrives } from '../infer/drives.js';
import { LayerState } from '../infer/layer-state.js';
import { refuseIntensities } from '../infer/source.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';

/** Draws for each row, and their seed. */
export interface BoundDraws {
  readonly draws: number;
  readonly seed: number;
}

/** The bound of each row but for the `− log Z`, `[rows]`, nats. Throws `GRAPH_UNSUITABLE`, `DATA_INVALID`. */
export function stackBounds(parameters: Parameters, data: Dataset, { draws, seed }: BoundDraws): Float64Array {
  const stack = stackOf(parameters.graph);
  checkStack(parameters, stack);
  refuseIntensities(data, WHAT);
  const bounds = new Float64Array(data.rows);
  withBlocks(parameters, data, 0, false, (source, _upper, first, rows, _out, block) => {
    const path = new Path(parameters, stack, rows, seed);
    try {
      for (let draw = 0; draw < draws; draw += 1) {
        path.of(source.lowers[0]!, { update: block, sweep: draw }).forEach((log, row) => {
          bounds[first + row]! += log / draws;
        });
      }
    } finally {
      path.free();
    }
  });
  return bounds;
}

const WHAT = 'The bound of a deep belief net';

function checkStack({ graph }: Parameters, { label }: Stack): void {
  if (label !== undefined) throw unsuitable(`${WHAT} is of the data alone, and this graph has labels.`, label);
  for (const { name } of graph.layers) {
    const { units } = layerOf(graph, name);
    const type = unitType(units);
    if (type.binary(units) && type.samples(units)) continue;
    throw unsuitable(`${WHAT} needs binary units; the layer \`${name}\` has ${type.describe(units)}.`, name);
  }
}

/** Draws of the hidden layers of a block of rows, and what they say of the rows. */
class Path {
  /** Of each machine below the topmost: its upper layer, and its lower one as that predicts it. */
  private readonly steps: readonly {
    readonly machine: Machine;
    readonly drawn: LayerState;
    readonly predicted: LayerState;
  }[];
  private readonly top: LayerState;
  private readonly generated: EngineBuffer;
  private readonly recognised: EngineBuffer;

  constructor(
    private readonly parameters: Parameters,
    private readonly stack: Stack,
    private readonly rows: number,
    seed: number,
  ) {
    const { runtime, graph } = parameters;
    const layer = (name: string) => new LayerState(runtime, graph, name, rows, seed, 'score');
    this.steps = stack.machines.slice(0, -1).map((machine) => {
      return { machine, drawn: layer(machine.upper), predicted: layer(machine.connections[0]!.lower) };
    });
    this.top = layer(stack.machines.at(-1)!.upper);
    [this.generated, this.recognised] = [runtime.allocate(rows * 8), runtime.allocate(rows * 8)];
  }

  /** `Σ log p − log q − F` of one draw of each row, nats. */
  of(visible: LayerState, draw: { readonly update: number; readonly sweep: number }): Float64Array {
    const { parameters, stack, steps, top, generated, recognised, rows } = this;
    for (const out of [generated, recognised]) out.doubles().fill(0);
    let below = visible;
    for (const { machine, drawn, predicted } of steps) {
      const up = upwardDrives(parameters, machine, [below]);
      drawn.infer(up, parameters.bias(upwardBiasName(parameters.graph, machine.upper)), { keep: 'inputs', draw });
      drawn.addLogProbability(drawn, recognised);
      const down = downwardDrive(parameters, machine.connections[0]!, drawn, true);
      predicted.infer([down], parameters.bias(biasName(predicted.name)), { keep: 'inputs' });
      predicted.addLogProbability(below, generated);
      below = drawn;
    }
    inferUpper(parameters, stack.machines.at(-1)!, [below], top, { keep: 'inputs' });
    below.activity.addDots(below.reads(true), parameters.bias(biasName(below.name)).handle, generated.handle);
    top.addLogPartition(generated);
    const q = recognised.doubles();
    return generated
      .doubles()
      .slice(0, rows)
      .map((log, row) => log - q[row]!);
  }

  free(): void {
    const layers = this.steps.flatMap(({ drawn, predicted }) => [drawn, predicted]);
    for (const owned of [...layers, this.top, this.generated, this.recognised]) owned.free();
  }
}
