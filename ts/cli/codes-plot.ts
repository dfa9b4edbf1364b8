/** The codes that an autoencoder with two code units gives to rows, as points in the plane, coloured by label. */
import type { Dataset } from '../data/dataset.js';
import { unitsOf } from '../graph/graph.js';
import { CODE, isNetwork } from '../graph/network.js';
import type { Model } from '../model.js';
import { pointPlot } from './plots.js';

/** Points that are drawn at most: the first rows. */
const MOST_POINTS = 2000;

/** An SVG; undefined where the model has no code of two units. */
export async function codesPlot(title: string, model: Model, data: Dataset): Promise<string | undefined> {
  const { graph } = model;
  if (!isNetwork(graph) || !graph.layers.some(({ name }) => name === CODE) || unitsOf(graph, CODE) !== 2)
    return undefined;
  const rows = data.view(0, Math.min(MOST_POINTS, data.rows));
  const codes = model.meanHidden(rows);
  const labels = rows.classes > 0 ? rows.labels() : new Uint8Array(rows.rows);
  const series = [...new Set(labels)]
    .sort((a, b) => a - b)
    .map((label) => ({
      name: String(label),
      points: Array.from(labels.keys())
        .filter((row) => labels[row] === label)
        .map((row) => [codes[2 * row]!, codes[2 * row + 1]!] as const),
    }));
  return pointPlot(`${title}: codes of ${rows.rows} rows`, {
    x: { label: 'first code unit' },
    y: { label: 'second code unit' },
    series,
  });
}
