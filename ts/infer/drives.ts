/** A machine's connections as what drives its layers, upward and downward. */
import { type Connection, weightName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { Drive, LayerState } from './layer-state.js';

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
