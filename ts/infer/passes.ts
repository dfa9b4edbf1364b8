/** Single passes through a model: means and states of one layer given another, reconstructions. */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { binaryBeliefNetOf, isBeliefNet, requireRecognition } from '../graph/belief-net.js';
import { biasName, unitsOf, upwardBiasName, weightName } from '../graph/graph.js';
import { machineOf, stackOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import { freeLayers, meansOfLayer, netLayers } from './belief-layers.js';
import { withBlocks } from './blocks.js';
import { downwardDrive, upwardDrives } from './drives.js';
import { LayerState } from './layer-state.js';
import { recognitionMeans } from './posterior.js';

/** Means of a layer given the data, `[rows, units]`; layers between pass their means on. Labels count as absent. */
export function meansAbove(parameters: Parameters, data: Dataset, layer: string): Float32Array<ArrayBuffer> {
  const { graph, runtime } = parameters;
  const { machines } = stackOf(graph);
  const depth = machines.findIndex((machine) => machine.upper === layer);
  if (depth < 0) {
    const wanted = machines.map((machine) => machine.upper).join(', ');
    const message = `\`layer\` must be one of ${wanted}; got ${JSON.stringify(layer)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: layer, wanted, where: 'meanHidden().layer' });
  }
  const units = unitsOf(graph, layer);
  const means = new Float32Array(data.rows * units);
  const bias = parameters.bias(upwardBiasName(graph, layer));
  withBlocks(parameters, data, depth, false, (source, upper, first) => {
    upper.infer(upwardDrives(parameters, machines[depth]!, source.lowers), bias, { keep: 'means' });
    means.set(upper.values(runtime), first * units);
  });
  return means;
}

/**
 * Means of the visible layer after a pass of means to the topmost layer and back, `[rows, visible units]`; of a belief net,
 * what the means of its recognition net predict.
 */
export function reconstruct(parameters: Parameters, data: Dataset): Float32Array<ArrayBuffer> {
  const { graph, runtime } = parameters;
  if (isBeliefNet(graph)) return reconstructFromCauses(parameters, data);
  const { machines, visible, label } = stackOf(graph);
  const means = new Float32Array(data.rows * data.columns);
  withBlocks(parameters, data, machines.length - 1, false, (source, upper, first, rows) => {
    const top = machines.at(-1)!;
    const drives = upwardDrives(parameters, top, source.lowers);
    upper.infer(drives, parameters.bias(upwardBiasName(graph, top.upper)), { keep: 'means' });
    const states: LayerState[] = [];
    let above = upper;
    try {
      for (const { connections } of [...machines].reverse()) {
        const connection = connections.find(({ lower }) => lower !== label)!;
        const below = new LayerState(runtime, graph, connection.lower, rows, 0, 'sample');
        states.push(below);
        below.infer(
          [downwardDrive(parameters, connection, above, false)],
          parameters.bias(biasName(connection.lower)),
          { keep: 'means' },
        );
        above = below;
      }
      if (above.name === visible) means.set(givenOut(parameters, above), first * data.columns);
    } finally {
      for (const state of states) state.free();
    }
  });
  return means;
}

/** Means of a belief net's visible layer given the means that its recognition net has of the causes. */
function reconstructFromCauses(parameters: Parameters, data: Dataset): Float32Array<ArrayBuffer> {
  const { graph, runtime } = parameters;
  const what = 'A reconstruction';
  const net = binaryBeliefNetOf(graph, what);
  requireRecognition(net, what);
  const means = recognitionMeans(parameters, net, data);
  const layers = netLayers(parameters, net, data.rows, 0, 'sample');
  try {
    for (const [name, values] of means) layers.get(name)!.write(runtime, values);
    const visible = layers.get(net.visible)!;
    meansOfLayer(parameters, net, net.visible, layers, visible);
    return visible.values(runtime);
  } finally {
    freeLayers(layers);
  }
}

/** A copy of a layer's values as rows are given, `[rows, units]`. */
export function givenOut(parameters: Parameters, layer: LayerState): Float32Array<ArrayBuffer> {
  const values = layer.values(parameters.runtime);
  return parameters.scaledLayer(layer.name)?.giveOut(values) ?? values;
}

/** One pass through the machine of a restricted Boltzmann machine, up or down: means, or states where seeded. */
export function passThrough(
  parameters: Parameters,
  values: Float32Array,
  direction: 'up' | 'down',
  seed: number | undefined,
  length: number | undefined,
): Float32Array<ArrayBuffer> {
  const { graph, runtime } = parameters;
  const machine = machineOf(graph, 'A single pass between two layers');
  const connection = machine.connections[0]!;
  const [from, to] = direction === 'up' ? [connection.lower, connection.upper] : [connection.upper, connection.lower];
  const rows = values.length / unitsOf(graph, from);
  const source = new LayerState(runtime, graph, from, rows, seed ?? 0, 'sample');
  const target = new LayerState(runtime, graph, to, rows, seed ?? 0, 'sample');
  try {
    source.write(runtime, values);
    parameters.scaledLayer(from)?.takeIn(source);
    if (length !== undefined) target.setLength(runtime, length);
    const weights = parameters.weight(weightName(connection));
    const bias = parameters.bias(direction === 'up' ? upwardBiasName(graph, to) : biasName(to));
    const draw = { update: 0, sweep: 0 };
    const settling = seed === undefined ? { keep: 'means' as const } : { keep: 'states' as const, draw };
    target.infer([{ source, states: true, weights, direction }], bias, settling);
    return givenOut(parameters, target);
  } finally {
    source.free();
    target.free();
  }
}
