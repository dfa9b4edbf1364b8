/**
 * Guards of training with real-valued units: rows that a Gaussian layer of variance 1 cannot model are refused, a run whose
 * reconstructions leave the data behind stops before its numbers are lost, and so does one whose weights leave no
 * distribution behind.
 */
import type { Dataset } from '../data/dataset.js';
import { WakesleepError } from '../errors.js';
import { sidesOfMachine } from '../graph/deep-boltzmann.js';
import { layerOf, unitsOf } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import { Enumeration } from '../likelihood/exact.js';
import type { Parameters } from '../parameters.js';
import { type Units, unitType } from '../units/index.js';
import { DEFAULT_LEARNING_RATE } from './trainer-options.js';

/** The standard deviations of columns that a layer of variance 1 takes: none larger, and not all smaller. */
const USABLE = { least: 0.1, most: 10 };
/** How many times the data's own squared deviations a reconstruction may miss. */
const FACTOR = 1e4;
/** Rows trained on for each upper unit before weights are checked again: a check costs as much as some rows for each. */
const ROWS_A_CHECK = 64;

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

/**
 * Watches the weights between two sides of real-valued units with an energy, which must stay small enough for their
 * distribution to be normalised: Gaussian units with Gaussian ones, for example, need a spectral norm below 1 (MODELS, I).
 * Weights of which nothing is known, in between, may go on.
 */
export class NormalisabilityGuard {
  private constructor(
    private readonly parameters: Parameters,
    private readonly machine: Machine,
    /** Epochs from one check to the next. */
    private readonly every: number,
  ) {}

  /** For a machine that sees `rows` rows an epoch; undefined for machines that always have a log Z, or never. */
  static of(parameters: Parameters, machine: Machine, rows: number): NormalisabilityGuard | undefined {
    const { graph } = parameters;
    const lowers = machine.connections.map(({ lower }) => lower);
    const specs = [machine.upper, ...lowers].map((name) => layerOf(graph, name).units);
    if (!specs.every((units) => unitType(units).hasEnergy(units))) return undefined;
    const [upper, ...below] = specs.map(isUnbounded);
    if (!upper || !below.includes(true)) return undefined;
    return new NormalisabilityGuard(
      parameters,
      machine,
      Math.ceil((ROWS_A_CHECK * unitsOf(graph, machine.upper)) / rows),
    );
  }

  /** At the end of an epoch, from 1 on: checks now and then, and after the last. Throws `DIVERGED`. */
  afterEpoch(epoch: number, epochs: number, update: number): void {
    if (epoch % this.every === 0 || epoch === epochs) this.check(update);
  }

  /** Refuses weights with which there is no distribution; throws `DIVERGED`. */
  check(update: number): void {
    const enumeration = new Enumeration(this.parameters, 'Training', sidesOfMachine(this.machine));
    const verdict = enumeration.normalisable();
    enumeration.free();
    if (verdict !== 'no') return;
    const { upper, connections } = this.machine;
    const lowers = connections.map(({ lower }) => `\`${lower}\``).join(' and ');
    const message = `Training diverges: after ${update} updates the weights between the real-valued units of ${lowers} and \`${upper}\` are so large that no distribution is left, log Z is infinite. A smaller \`learningRate\` is the likeliest remedy; a larger \`weightCost\`, or a \`maxNorm\` well below 1, holds weights back. Go on from an earlier checkpoint.`;
    throw new WakesleepError('DIVERGED', message, { given: update, wanted: 'a finite log Z', where: upper });
  }
}

/** Whether states may be any number from somewhere on, so that weights can outgrow the energy that holds them. */
function isUnbounded(units: Units): boolean {
  const type = unitType(units);
  return type.range(units).most === Number.POSITIVE_INFINITY && !type.countsDraws;
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
