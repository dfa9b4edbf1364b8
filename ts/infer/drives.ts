/** A machine's connections as what drives its layers, upward and downward. */
import { biasName, type Connection, upwardBiasName, upwardConnection, weightName } from '../graph/graph.js';
import type { Machine } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { Drive, LayerState, Settling } from './layer-state.js';

/** The connections of a machine as drives of its upper layer. */
export function upwardDrives(parameters: Parameters, machine: Machine, lowers: readonly LayerState[]): Drive[] {
  return lowers.map((source) => {
    const connection = machine.connections.find((candidate) => candidate.lower === source.name)!;
    return upwardDrive(parameters, connection, source);
  });
}

/**
 * A connection as the drive of its upper layer, by what is listed in `source` or, without a list, by its means; where the
 * connection only leads down, the recognition one beside it.
 */
export function upwardDrive(parameters: Parameters, connection: Connection, source: LayerState): Drive {
  const weights = parameters.weight(weightName(upwardConnection(parameters.graph, connection)));
  return { source, states: true, weights, direction: 'up', twice: parameters.isDoubled(connection, 'up') };
}

/** A connection as the drive of its lower layer, by what is listed in `source` (`states`) or by its means. */
export function downwardDrive(
  parameters: Parameters,
  connection: Connection,
  source: LayerState,
  states: boolean,
): Drive {
  const weights = parameters.weight(weightName(connection));
  return { source, states, weights, direction: 'down', twice: parameters.isDoubled(connection, 'down') };
}

/** What drives the layer `target`: those of `sources` that connections join it to, from either side. */
export function drivesOf(
  parameters: Parameters,
  connections: readonly Connection[],
  target: string,
  sources: readonly LayerState[],
): Drive[] {
  return connections.flatMap((connection) => {
    const other = connection.upper === target ? connection.lower : connection.upper;
    const source = sources.find(({ name }) => name === other);
    if (source === undefined || (connection.upper !== target && connection.lower !== target)) return [];
    if (connection.upper === target) return [upwardDrive(parameters, connection, source)];
    return [downwardDrive(parameters, connection, source, true)];
  });
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
