/**
 * Guards of training on real-valued data: rows that a Gaussian layer of variance 1 cannot model are refused, and a run whose
 * reconstructions leave the data behind stops before its numbers are lost.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { layerOf } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import { unitType } from '../units/index.js';
import { DEFAULT_LEARNING_RATE } from './trainer-options.js';

/** The standard deviations of columns that a layer of variance 1 takes: none larger, and not all smaller. */
const USABLE = { least: 0.1, most: 10 };
/** How many times the data's own squared deviations a reconstruction may miss. */
const FACTOR = 1e4;

/** Watches the machine that holds real-valued data. */
export class DivergenceGuard {
  private constructor(
    private readonly layer: string,
    /** The most squared error of a row. */
    private readonly most: number,
  ) {}

  /** For a machine whose visible layer is Gaussian; undefined for others. Throws `DATA_INVALID`. */
  static of(parameters: Parameters, machine: Machine, data: Dataset): DivergenceGuard | undefined {
    const { visible } = stackOf(parameters.graph);
    if (machine.connections.every(({ lower }) => lower !== visible)) return undefined;
    const { units } = layerOf(parameters.graph, visible);
    const deviation = unitType(units).deviation?.(units);
    if (deviation === undefined) return undefined;
    const deviations = data.columnDeviations();
    if (!deviation.learned && !deviation.standardise) checkScales(visible, deviations);
    const own = deviation.learned || deviation.standardise ? deviations.map(() => 1) : deviations;
    return new DivergenceGuard(visible, FACTOR * own.reduce((sum, x) => sum + Math.max(1, x * x), 0));
  }

  /** Refuses a reconstruction whose squared error of a row is beyond all bounds; throws `DIVERGED`. */
  check(error: number, update: number): void {
    if (error <= this.most) return;
    const times = Number.isFinite(error)
      ? `${(FACTOR * (error / this.most)).toExponential(0)} times its own squared deviations`
      : 'more than numbers can hold';
    const message = `Training diverges: at update ${update} reconstructions of \`${this.layer}\` miss the data by ${times}. A smaller \`learningRate\` is the likeliest remedy (${DEFAULT_LEARNING_RATE / 10} is the default for Gaussian units); outliers and columns of very different scales want \`standardise: true\`. The last checkpoint before it is good.`;
    throw new WakesleepError('DIVERGED', message, { given: error, wanted: `at most ${this.most}`, where: this.layer });
  }
}

function checkScales(layer: string, deviations: Float64Array): void {
  const column = deviations.indexOf(Math.max(...deviations));
  const largest = deviations[column] ?? 1;
  // Constant columns are modelled by their means.
  if (largest === 0 || (largest >= USABLE.least && largest <= USABLE.most)) return;
  const deviation = Number(deviations[column]!.toPrecision(3));
  const message = `Column ${column} has the largest standard deviation, ${deviation}, and the Gaussian units of \`${layer}\` have 1. Make the layer \`gaussian(${deviations.length}, { standardise: true, variance: 'learned' })\`, or scale the columns to deviations near 1.`;
  throw new WakesleepError('DATA_INVALID', message, {
    given: deviation,
    wanted: `a largest standard deviation from ${USABLE.least} to ${USABLE.most}`,
    where: `column ${column}`,
  });
}
