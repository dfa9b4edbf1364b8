/**
 * The aggregated posterior of a hidden layer, the average over the data of `p(h | v)`, as a data set: one row of states, or
 * of means, for each row of data. It is what the next machine of a stack learns from.
 */
import { createDataset, type Dataset } from '../data/dataset.js';
import { layerOf, unitsOf, upwardBiasName } from '../graph/graph.js';
import { stackOf } from '../graph/machines.js';
import { oneOf, seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';
import { withBlocks } from './blocks.js';
import { upwardDrives } from './drives.js';
import type { Passing } from './source.js';

/** What `aggregatedPosterior` takes. */
export interface AggregatedOptions {
  /** The hidden layer; default the highest one that the data alone determine (below the top of a net with labels). */
  readonly layer?: string;
  /** `states` (default), drawn all the way up, or `probabilities`: means of means. */
  readonly passing?: Passing;
  /** The seed of all draws, 0 to 2^53 − 1; needed with `states`, and of no use without. */
  readonly seed?: number;
}

/** The highest layer that the data alone determine. */
export function highestLayer(parameters: Parameters): string {
  const { machines, label } = stackOf(parameters.graph);
  return machines.at(label === undefined || machines.length === 1 ? -1 : -2)!.upper;
}

/** Rows of a hidden layer, with the labels and weights of the data's rows. */
export function aggregatedPosterior(parameters: Parameters, data: Dataset, options: AggregatedOptions): Dataset {
  const where = 'aggregatedPosterior()';
  refuseUnknown(where, options, ['layer', 'passing', 'seed']);
  const { graph, runtime } = parameters;
  const { machines } = stackOf(graph);
  const uppers = machines.map(({ upper }) => upper);
  const layer = oneOf(where, 'layer', options.layer ?? highestLayer(parameters), uppers);
  const passing = oneOf(where, 'passing', options.passing ?? 'states', ['states', 'probabilities'] as const);
  const seed = passing === 'states' ? readSeed(where, options.seed) : 0;
  const depth = uppers.indexOf(layer);
  const units = unitsOf(graph, layer);
  const { units: spec } = layerOf(graph, layer);
  const type = unitType(spec);
  const states = passing === 'states' && type.samples(spec);
  // States of binary units are kept as bytes, a quarter of the memory.
  const rows = new (states && type.binary(spec) ? Uint8Array : Float32Array)(data.rows * units);
  const bias = parameters.bias(upwardBiasName(graph, layer));
  withBlocks(
    parameters,
    data,
    depth,
    false,
    (source, upper, first, _rows, _out, block) => {
      const draw = { update: block, sweep: 0 };
      upper.infer(
        upwardDrives(parameters, machines[depth]!, source.lowers),
        bias,
        states ? { keep: 'states', draw } : { keep: 'means' },
      );
      rows.set(upper.values(runtime), first * units);
    },
    { seed, passing },
  );
  const { classes, storage } = data;
  const labels = classes > 0 ? { labels: data.labels(), classes } : {};
  const { rowWeights } = storage;
  const weights =
    rowWeights === undefined ? {} : { rowWeights: rowWeights.subarray(data.firstRow, data.firstRow + data.rows) };
  const name = `${storage.name} (${layer})`;
  return createDataset(runtime, { rows, columns: units, name, ...labels, ...weights });
}
