/**
 * Fine-tuning by conjugate gradients on large batches, as Hinton and Salakhutdinov (2006) did: on each batch a few line
 * searches, the first along the gradient.
 *
 * The loss of a batch is f(w). Along a direction d from w the search (after Nocedal and Wright, section 3.5) looks for a step
 * with `f(w + a d) ≤ f(w) + c₁ a f′` and `|f′(a)| ≤ c₂ |f′|` (the strong Wolfe conditions): it steps outward while f falls
 * steeply, then cuts the interval that must hold such a point, each time at the minimum of the cubic through its ends. Directions
 * are those of Polak and Ribière: `d ← −g + max(0, g·(g − g_before) / g_before·g_before) d`.
 */
import { WakesleepError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { biasName, weightName } from '../graph/graph.js';
import { type Network, networkOf } from '../graph/network.js';
import type { RowRange } from '../infer/source.js';
import { finiteNumber, freezeDeep, integer, refuseUnknown } from '../options.js';
import { Parameters } from '../parameters.js';
import { Batches } from './batches.js';
import { addActivity, recordOf } from './monitors.js';
import { biasesOf, checkRows, NetworkGradient } from './network-gradient.js';
import { addMissed, heldOutMissed, missedOf } from './network-monitors.js';
import { ParameterVector } from './parameter-vectors.js';
import { MAX_BATCH_ROWS } from './trainer-options.js';
import type { Training, TrainingLoop } from './training.js';
import { Updates } from './updates.js';

/** What `conjugateGradient()` takes; everything has a default. */
export interface ConjugateGradientOptions {
  /** Times that every row is seen, default 10. */
  readonly epochs?: number;
  /** Rows of a batch, 1 to 21,845, default 1,000 (the paper). */
  readonly batchRows?: number;
  /** Line searches on each batch, default 3 (the paper). */
  readonly lineSearches?: number;
  /** Evaluations of the loss in one search at most, default 10. */
  readonly evaluations?: number;
  /** L2 cost of the weights, `cost · Σ w² / 2` per case, default 0. */
  readonly weightCost?: number;
  /** Epochs at the beginning in which only the weights of the output layer learn, default 0 (the paper, for classifiers: 5). */
  readonly outputAlone?: number;
}

/** Conjugate gradients as plain data, complete. */
export interface ConjugateGradient extends Required<ConjugateGradientOptions> {
  readonly type: 'conjugateGradient';
}

/** Conjugate gradients with these options; throws `OPTION_INVALID`. */
export function conjugateGradient(options: ConjugateGradientOptions = {}): ConjugateGradient {
  const where = 'conjugateGradient()';
  const {
    epochs = 10,
    batchRows = 1000,
    lineSearches = 3,
    evaluations = 10,
    weightCost = 0,
    outputAlone = 0,
  } = options;
  refuseUnknown(where, options, ['epochs', 'batchRows', 'lineSearches', 'evaluations', 'weightCost', 'outputAlone']);
  return freezeDeep({
    type: 'conjugateGradient',
    epochs: integer(where, 'epochs', epochs, { atLeast: 1 }),
    batchRows: integer(where, 'batchRows', batchRows, { atLeast: 1, atMost: MAX_BATCH_ROWS }),
    lineSearches: integer(where, 'lineSearches', lineSearches, { atLeast: 1, atMost: 1000 }),
    evaluations: integer(where, 'evaluations', evaluations, { atLeast: 2, atMost: 1000 }),
    weightCost: finiteNumber(where, 'weightCost', weightCost, { atLeast: 0 }),
    outputAlone: integer(where, 'outputAlone', outputAlone, { atLeast: 0 }),
  });
}

/** Refuses graphs that are no feed-forward network; throws `GRAPH_UNSUITABLE`. */
export function checkConjugateGradient(graph: Graph): Network {
  return networkOf(graph, 'Training by conjugate gradients');
}

/** Trains a network. */
export function* runConjugateGradient(training: Training, options: ConjugateGradient): TrainingLoop {
  const { parameters, progress, heldOut } = training;
  const network = checkConjugateGradient(parameters.graph);
  checkRows(training, network, 'Training by conjugate gradients');
  const batches = new Batches(training, options);
  const { order } = batches;
  const objective = training.own(new Objective(training, network, batches.rows, options.weightCost));
  const walkFrom = (lowest: number) => training.own(new Walk(objective.over(lowest), options));
  const top = network.connections.length;
  const walks = { output: walkFrom(top), all: walkFrom(1) };

  for (const { epoch, first, rows } of batches.rest()) {
    const alone = epoch < options.outputAlone;
    objective.take({ order, first, rows }, alone ? top : 1);
    (alone ? walks.output : walks.all).search(objective);
    objective.measure();
    const facts = batches.finish(1);
    if (facts === undefined) {
      yield;
      continue;
    }
    const missed = missedOf(progress, heldOut && heldOutMissed(parameters, network, heldOut));
    const learned = { layer: network.output, connections: network.connections };
    yield { ...recordOf(training, learned, facts), ...missed };
  }
}

/** The mean loss of a batch as a function of a network's parameters, and its gradient. */
class Objective {
  private readonly network: NetworkGradient;
  private readonly gradients: Parameters;
  private readonly updates: Updates;
  private range: RowRange | undefined;
  private lowest = 1;

  constructor(
    private readonly training: Training,
    private readonly graph: Network,
    batchRows: number,
    private readonly weightCost: number,
  ) {
    const { parameters, seed } = training;
    this.network = new NetworkGradient(parameters, graph, batchRows, seed);
    this.gradients = new Parameters(parameters.runtime, parameters.graph);
    const biases = biasesOf(parameters, graph);
    this.updates = new Updates(this.gradients, graph.connections, biases, batchRows);
  }

  /** The parameters of the layers from the one of index `lowest` up, as a vector. */
  over(lowest: number): ParameterVector {
    return new ParameterVector(this.training.parameters, this.namesFrom(lowest));
  }

  private namesFrom(lowest: number): string[] {
    const { layers, connections } = this.graph;
    return [...layers.slice(lowest).map(biasName), ...connections.slice(lowest - 1).map(weightName)];
  }

  /** Sets the batch, and the lowest layer that learns. */
  take(range: RowRange, lowest: number): void {
    this.range = range;
    this.lowest = lowest;
  }

  /** The loss at the parameters as they are; `gradient` becomes its gradient, unless the loss is not finite. */
  at(gradient: ParameterVector): number {
    const { training, network, lowest, weightCost } = this;
    const { data, progress } = training;
    network.up(data, this.range!, 'probabilities', progress.updates);
    const { loss, rows } = network.missed();
    const [weights, all] = [this.weightsOf(training.parameters), this.over(lowest)];
    const cost = weightCost === 0 ? 0 : (weightCost / 2) * weights.dot(weights);
    if (!Number.isFinite(loss + cost)) return Number.POSITIVE_INFINITY;
    network.down(lowest);
    // One step of rate 1 from zero leaves what drives the parameters up, minus the gradient.
    const found = new ParameterVector(this.gradients, this.namesFrom(lowest));
    found.mix(0, all, 0);
    this.updates.take({ learningRate: 1, momentum: 0, weightCost: 0 }, 1, progress.updates, (steps) => {
      for (let index = lowest; index < this.graph.layers.length; index += 1) network.learn(steps, index);
    });
    gradient.mix(0, found, -1);
    if (weightCost > 0) this.weightsOf(gradient.parameters).mix(1, weights, weightCost);
    return loss / rows + cost;
  }

  private weightsOf(parameters: Parameters): ParameterVector {
    return new ParameterVector(parameters, this.graph.connections.slice(this.lowest - 1).map(weightName));
  }

  /** Adds what the batch's outputs miss at the parameters as they are to the sums of the epoch. */
  measure(): void {
    const { training, network } = this;
    network.up(training.data, this.range!, 'probabilities', training.progress.updates);
    addMissed(training.progress, network.missed());
    addActivity(training, network.layers.states.at(-2)!);
  }

  free(): void {
    for (const owned of [this.network, this.gradients, this.updates]) owned.free();
  }
}

/** A point on a line: how far, the loss there and its slope along the line. */
interface Point {
  readonly step: number;
  readonly loss: number;
  readonly slope: number;
}

/** Wolfe's constants: how much of the first slope a step must gain, and how much of it may be left. */
const ENOUGH = 0.01;
const FLAT = 0.5;

/** A walk of line searches over some parameters. */
class Walk {
  private readonly start: ParameterVector;
  private readonly gradient: ParameterVector;
  private readonly before: ParameterVector;
  private readonly direction: ParameterVector;

  constructor(
    private readonly place: ParameterVector,
    private readonly options: ConjugateGradient,
  ) {
    const empty = () => place.empty();
    [this.start, this.gradient, this.before, this.direction] = [empty(), empty(), empty(), empty()];
  }

  /** The line searches of one batch; the parameters end where the last one does. */
  search(objective: Objective): void {
    const { gradient, before, direction, options } = this;
    let loss = objective.at(gradient);
    if (!Number.isFinite(loss)) throw lost();
    direction.mix(0, gradient, -1);
    let slope = -gradient.dot(gradient);
    let step = 1 / (1 - slope);
    for (let search = 0; search < options.lineSearches && slope < 0; search += 1) {
      before.mix(0, gradient, 1);
      const found = this.along(objective, { step: 0, loss, slope }, step);
      if (found.step === 0) return;
      loss = found.loss;
      const squares = before.dot(before);
      const turn = (gradient.dot(gradient) - gradient.dot(before)) / squares;
      direction.mix(turn > 0 && Number.isFinite(turn) ? turn : 0, gradient, -1);
      let next = gradient.dot(direction);
      if (!(next < 0)) {
        direction.mix(0, gradient, -1);
        next = direction.dot(gradient);
      }
      step = next < 0 ? found.step * Math.min(10, slope / next) : 0;
      slope = next;
    }
  }

  /** The point that a search along the direction ends in, with its gradient; the start where nothing better is found. */
  private along(objective: Objective, origin: Point, first: number): Point {
    const { place, start } = this;
    start.mix(0, place, 1);
    let [near, far]: [Point, Point | undefined] = [origin, undefined];
    let step = first;
    for (let count = 0; count < this.options.evaluations; count += 1) {
      const point = this.evaluate(objective, step);
      const gains = point.loss <= origin.loss + ENOUGH * step * origin.slope && point.loss < near.loss;
      if (gains && Math.abs(point.slope) <= -FLAT * origin.slope) return point;
      if (!gains) far = point;
      else {
        if (point.slope * ((far?.step ?? Number.POSITIVE_INFINITY) - near.step) >= 0) far = near;
        near = point;
      }
      step = far === undefined ? 3 * step : between(near, far);
    }
    return this.evaluate(objective, near.step);
  }

  private evaluate(objective: Objective, step: number): Point {
    const { place, start, direction, gradient } = this;
    place.mix(0, start, 1);
    if (step !== 0) place.mix(1, direction, step);
    const loss = objective.at(gradient);
    return { step, loss, slope: Number.isFinite(loss) ? gradient.dot(direction) : Number.POSITIVE_INFINITY };
  }

  free(): void {
    for (const owned of [this.start, this.gradient, this.before, this.direction]) owned.free();
  }
}

/** Where to look between two points: the minimum of the cubic through both, kept a tenth of the way from either. */
function between(near: Point, far: Point): number {
  const width = far.step - near.step;
  if (!Number.isFinite(far.loss)) return near.step + 0.1 * width;
  const bend = near.slope + far.slope - (3 * (far.loss - near.loss)) / width;
  const root = Math.sqrt(Math.max(0, bend * bend - near.slope * far.slope)) * Math.sign(width);
  const share = 1 - (far.slope + root - bend) / (far.slope - near.slope + 2 * root);
  return near.step + width * (share >= 0.1 && share <= 0.9 ? share : 0.5);
}

function lost(): WakesleepError {
  const message = 'The loss of a batch is not finite; the parameters that training began with are too large.';
  return new WakesleepError('NOT_FINITE', message, { wanted: 'a finite loss', where: 'conjugateGradient()' });
}
