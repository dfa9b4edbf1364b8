/**
 * Free energies: `F(v) = −b·v − Σ_j Λ_j(c_j + Σ_i v_i W_ij)`, in nats, with Λ the log-partition of an upper unit
 * (softplus for a binary one), and less `log m(v)` for states that have a base measure. Hinton 2002; for a binary RBM
 * `p(v) = e^−F(v) / Z`.
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, unsuitable, upwardBiasName } from '../graph/graph.js';
import { countedLayer, type Machine, stackOf } from '../graph/machines.js';
import { withBlocks } from '../infer/blocks.js';
import { upwardDrives } from '../infer/drives.js';
import type { Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';
import { freeEnergyOffset } from './offsets.js';

/** Refuses a machine with a layer whose units have no energy. */
export function checkEnergies(parameters: Parameters, machine: Machine, what: string): void {
  checkEnergiesOf(parameters, [machine.upper, ...machine.connections.map((connection) => connection.lower)], what);
}

/** Refuses layers whose units have no energy. */
export function checkEnergiesOf({ graph }: Pick<Parameters, 'graph'>, layers: readonly string[], what: string): void {
  for (const name of layers) {
    const { units } = layerOf(graph, name);
    const type = unitType(units);
    if (type.hasEnergy(units)) continue;
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
  const lowers = machine.connections.map(({ lower }) => lower);
  const below = lowers.reduce((sum, name) => sum + freeEnergyOffset(parameters, name), 0);
  const above = freeEnergyOffset(parameters, machine.upper);
  const counted = countedLayer(parameters.graph, machine) !== undefined;
  // What multiplies the biases above.
  const lengths = depth === 0 && counted ? data.rowSums() : undefined;
  const constant = (row: number) => below + above * (lengths === undefined ? 1 : lengths[row]! * lengths[row]!);
  withBlocks(parameters, data, depth, labels, (source, upper, first, rows, out) => {
    const bias = parameters.bias(upwardBiasName(parameters.graph, machine.upper));
    upper.infer(upwardDrives(parameters, machine, source.lowers), bias, { keep: 'inputs' });
    out.doubles().fill(0);
    for (const lower of source.lowers) {
      lower.activity.addDots(lower.reads(true), parameters.bias(biasName(lower.name)).handle, out.handle);
      lower.addLogBase(out);
    }
    upper.addLogPartition(out);
    energies.set(
      out
        .doubles()
        .subarray(0, rows)
        .map((value, row) => constant(first + row) - value),
      first,
    );
  });
  return energies;
}
