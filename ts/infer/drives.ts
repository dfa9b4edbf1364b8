/** A machine's connections as what drives its layers, upward and downward. */
import { biasName, type Connection, upwardBiasName, weightName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { Drive, LayerState, Settling } from './layer-state.js';

/** The connections of a machine as drives of its upper layer. */
export function upwardDrives(parameters: Parameters, machine: Machine, lowers: readonly LayerState[]): Drive[] {
  return lowers.map((source) => {
    const connection = machine.connections.find((candidate) => candidate.lower === source.name)!;
    return { source, states: true, weights: parameters.weight(weightName(connection)), direction: 'up' };
  });
}

/** A connection as the drive of its lower layer, by what is listed in `source` (`states`) or by its means. */
export function downwardDrive(
  parameters: Parameters,
  connection: Connection,
  source: LayerState,
  states: boolean,
): Drive {
  return { source, states, weights: parameters.weight(weightName(connection)), direction: 'down' };
}

/** A machine's upper layer given its lower ones. */
export function inferUpper(
  parameters: Parameters,
  machine: Machine,
  lowers: readonly LayerState[],
  upper: LayerState,
  settling: Settling,
): void {
  const bias = parameters.bias(upwardBiasName(parameters.graph, machine.upper));
  upper.infer(upwardDrives(parameters, machine, lowers), bias, settling);
}

/** A machine's lower layers, in the order of its connections, given states of its upper one. */
export function inferLowers(
  parameters: Parameters,
  machine: Machine,
  upper: LayerState,
  lowers: readonly LayerState[],
  settling: Settling,
): void {
  lowers.forEach((lower, index) => {
    const drive = downwardDrive(parameters, machine.connections[index]!, upper, true);
    lower.infer([drive], parameters.bias(biasName(lower.name)), settling);
  });
}
