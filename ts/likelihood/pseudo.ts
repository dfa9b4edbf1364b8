/**
 * Pseudo-log-likelihood of visible rows, nats a row: `Σ_i log p(v_i | all other units of the row)` (Besag 1975). It needs no log
 * Z, and compares models only with itself: it is not a likelihood. A softmax group counts as one unit of several values.
 */
import type { Dataset } from '../data/dataset.js';
import { biasName, layerOf, unsuitable, weightName } from '../graph/graph.js';
import { machineOf } from '../graph/machines.js';
import { withBlocks } from '../infer/blocks.js';
import { inferUpper } from '../infer/drives.js';
import { noiseStream } from '../noise.js';
import { seed as readSeed, refuseUnknown } from '../options.js';
import type { Parameters } from '../parameters.js';
import { readFloats } from '../runtime/allocation.js';
import { unitType } from '../units/index.js';
import { checkEnergies } from './free-energy.js';

/** What `pseudoLogLikelihood()` takes. */
export interface PseudoOptions {
  /** With a seed, an unbiased estimate from one unit of each row, drawn at random, times their number. */
  readonly stochastic?: { readonly seed: number };
}

/** Of each row of states; throws `GRAPH_UNSUITABLE`. */
export function pseudoLogLikelihoods(parameters: Parameters, data: Dataset, options: PseudoOptions = {}): Float64Array {
  const what = 'A pseudo-likelihood';
  refuseUnknown('pseudoLogLikelihood()', options, ['stochastic']);
  const { stochastic } = options;
  if (stochastic !== undefined) refuseUnknown('pseudoLogLikelihood().stochastic', stochastic, ['seed']);
  const seed = stochastic && readSeed('pseudoLogLikelihood().stochastic', stochastic.seed);
  const { graph } = parameters;
  const machine = machineOf(graph, what);
  checkEnergies(parameters, machine, what);
  const { lower } = machine.connections[0]!;
  const { units } = layerOf(graph, lower);
  const wants = `${what} needs one visible layer of binary units or softmax groups`;
  const beside = machine.connections[1]?.lower;
  if (beside !== undefined) throw unsuitable(`${wants}; the layer \`${beside}\` stands beside \`${lower}\`.`, beside);
  if (units.type !== 'bernoulli' && units.type !== 'softmax') {
    throw unsuitable(`${wants}; the layer \`${lower}\` has ${unitType(units).describe(units)}.`, lower);
  }
  const groups = units.type === 'softmax' ? units.groups : units.units;
  const found = new Float64Array(data.rows);
  withBlocks(parameters, data, 0, false, (source, upper, first, rows, out) => {
    inferUpper(parameters, machine, source.lowers, upper, { keep: 'inputs' });
    out.doubles().fill(0);
    const chosen = seed === undefined ? new Uint32Array() : chooseGroups(parameters, seed, first, rows, groups);
    const weights = parameters.weight(weightName(machine.connections[0]!));
    source.lowers[0]!.addPseudoLogLikelihoods(parameters.bias(biasName(lower)), weights, upper, chosen, out);
    found.set(out.doubles().subarray(0, rows), first);
  });
  return found;
}

/** A group for each row, drawn by the row's number. */
function chooseGroups({ runtime }: Parameters, seed: number, first: number, rows: number, groups: number): Uint32Array {
  const stream = noiseStream(runtime, seed, 'score', 0);
  const uniforms = readFloats(runtime, rows, (out) => stream.uniform(first, out.handle, rows));
  stream.free();
  return Uint32Array.from(uniforms, (uniform) => Math.min(groups - 1, Math.floor(uniform * groups)));
}
