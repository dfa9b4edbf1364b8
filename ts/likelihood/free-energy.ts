/**
 * Free energies: `F(v) = −b·v − Σ_j Λ_j(c_j + Σ_i v_i W_ij)`, in nats, with Λ the log-partition of an upper unit
 * (softplus for a binary one). Hinton 2002; for a binary RBM `p(v) = e^−F(v) / Z`.
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, unsuitable, upwardBiasName, weightName } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import { type Drive, LayerState } from '../infer/layer-state.js';
import { Source } from '../infer/source.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { unitType } from '../units/index.js';

/** Rows that are worked on together. */
const BLOCK = 500;

/** The connections of a machine as drives of its upper layer. */
export function upwardDrives(parameters: Parameters, machine: Machine, lowers: readonly LayerState[]): Drive[] {
  return lowers.map((source) => {
    const connection = machine.connections.find((candidate) => candidate.lower === source.name)!;
    return { source, states: true, weights: parameters.weight(weightName(connection)), direction: 'up' };
  });
}

/** Refuses layers whose units have no energy. */
export function checkEnergies(parameters: Parameters, machine: Machine, what: string): void {
  for (const name of [machine.upper, ...machine.connections.map((connection) => connection.lower)]) {
    const { units } = layerOf(parameters.graph, name);
    const type = unitType(units);
    if (type.samples(units)) continue;
    throw unsuitable(`${what} needs units with an energy; the layer \`${name}\` has ${type.describe(units)}.`, name);
  }
}

/**
 * Free energy of each row in the machine of index `depth`, nats, up to that machine's log Z. Above the first machine
 * the rows are the means that the recognition pass gives.
 */
export function freeEnergies(parameters: Parameters, data: Dataset, depth: number, labels: boolean): Float64Array {
  const energies = new Float64Array(data.rows);
  const machine = stackOf(parameters.graph).machines[depth]!;
  withBlocks(parameters, data, depth, labels, (source, upper, first, rows, out) => {
    const bias = parameters.bias(upwardBiasName(parameters.graph, machine.upper));
    upper.infer(upwardDrives(parameters, machine, source.lowers), bias, { keep: 'inputs' });
    out.doubles().fill(0);
    for (const lower of source.lowers) {
      lower.activity.addDots(lower.reads(true), parameters.bias(biasName(lower.name)).handle, out.handle);
    }
    upper.addLogPartition(out);
    energies.set(
      out
        .doubles()
        .subarray(0, rows)
        .map((value) => -value),
      first,
    );
  });
  return energies;
}

/** Sends a data set up to a machine in blocks of rows; `out` has room for one f64 a row. */
export function withBlocks(
  parameters: Parameters,
  data: Dataset,
  depth: number,
  labels: boolean,
  work: (source: Source, upper: LayerState, first: number, rows: number, out: EngineBuffer) => void,
): void {
  const { runtime, graph } = parameters;
  const block = Math.min(BLOCK, Math.max(1, data.rows));
  const owned: { free(): void }[] = [];
  const own = <T extends { free(): void }>(thing: T): T => {
    owned.push(thing);
    return thing;
  };
  try {
    const machine = stackOf(graph).machines[depth]!;
    const order = own(runtime.allocate(Math.max(1, data.rows) * 4));
    const words = order.words();
    for (let row = 0; row < data.rows; row += 1) words[row] = data.firstRow + row;
    const passing = 'probabilities' as const;
    const source = own(
      new Source(parameters, data, depth, { seed: 0, purpose: 'sample', passing, rows: block, labels }),
    );
    const upper = own(new LayerState(runtime, graph, machine.upper, block, 0, 'sample'));
    const out = own(runtime.allocate(block * 8));
    for (let first = 0; first < data.rows; first += block) {
      const rows = Math.min(block, data.rows - first);
      source.read(order, first, rows, 0);
      work(source, upper, first, rows, out);
    }
  } finally {
    for (const thing of owned) thing.free();
  }
}
