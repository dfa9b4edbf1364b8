/**
 * The exact log-likelihood of the training rows while a small machine learns, and how far it is below the best there is.
 *
 * 1. `log p(v) = −F(v) − log Z`, mean over the rows, with log Z by enumeration of one side.
 * 2. No model gives the rows more than minus the entropy of their own distribution, `Σ_k n_k/N log n_k/N` over distinct rows:
 *    the gap is the Kullback-Leibler divergence of the model from that distribution. Of real numbers there is no best.
 *
 * Reading changes no bits of the training: nothing is drawn, and no parameter is written.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { layerOf } from '../graph/graph.js';
import { machineOf, refuseCounts, stackOf } from '../graph/machines.js';
import { refuseMissing } from '../infer/source.js';
import { logPartition } from '../likelihood/exact.js';
import { freeEnergies } from '../likelihood/free-energy.js';
import type { Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';

const WHAT = 'The exact log-likelihood at every record';

export class LikelihoodMonitor {
  /** The largest mean log-likelihood that a model can give the rows, nats; null where there is none. */
  private readonly best: number | null;

  /**
   * Throws `GRAPH_UNSUITABLE` for a model whose log Z cannot be enumerated, `DATA_INVALID` for rows that have no likelihood:
   * intensities, or rows in which numbers are missing.
   */
  constructor(
    private readonly parameters: Parameters,
    private readonly data: Dataset,
  ) {
    const { graph } = parameters;
    const machine = machineOf(graph, WHAT);
    refuseCounts(graph, machine, `${WHAT} needs rows of one length`);
    const { visible, label } = stackOf(graph);
    const { units } = layerOf(graph, visible);
    const type = unitType(units);
    refuseMissing(data, WHAT);
    if (type.binary(units) && !data.isBinary()) {
      const message = `${WHAT} needs rows of 0 and 1: intensities have none. \`binarised()\` draws them once.`;
      throw new WakesleepError('DATA_INVALID', message, { given: 'intensities', wanted: 'rows of 0 and 1' });
    }
    this.best = type.finite === undefined ? null : bestOf(parameters, data, label !== undefined);
    // A machine that is too large is refused here, before anything is learned.
    this.read();
  }

  /** The two measures of a record, under the parameters as they are now. */
  read(): { readonly logLikelihood: number; readonly gapToOptimum: number | null } {
    const { parameters, data, best } = this;
    const logZ = logPartition(parameters);
    const energies = freeEnergies(parameters, data, 0, true);
    const weights = rowWeightsOf(data);
    let sum = 0;
    energies.forEach((energy, row) => {
      sum += (weights?.[row] ?? 1) * (-energy - logZ);
    });
    const logLikelihood = sum / totalOf(data, weights);
    return { logLikelihood, gapToOptimum: best === null ? null : best - logLikelihood };
  }
}

/** Minus the entropy of the rows' distribution, nats; each row counts as its weight says, labels are part of a row. */
function bestOf({ runtime }: Parameters, data: Dataset, labelled: boolean): number {
  const values = data.values();
  const labels = labelled ? data.labels() : undefined;
  const weights = rowWeightsOf(data);
  const counts = new Map<string, number>();
  for (let row = 0; row < data.rows; row += 1) {
    const name = `${values.subarray(row * data.columns, (row + 1) * data.columns).join()} ${labels?.[row]}`;
    counts.set(name, (counts.get(name) ?? 0) + (weights?.[row] ?? 1));
  }
  const total = totalOf(data, weights);
  let best = 0;
  for (const count of counts.values()) {
    if (count > 0) best += (count / total) * runtime.kernels.logOf(count / total);
  }
  return best;
}

function rowWeightsOf({ storage, firstRow, rows }: Dataset): Float32Array | undefined {
  return storage.rowWeights?.subarray(firstRow, firstRow + rows);
}

function totalOf({ rows }: Dataset, weights: Float32Array | undefined): number {
  return weights === undefined ? rows : weights.reduce((sum, weight) => sum + weight, 0);
}
