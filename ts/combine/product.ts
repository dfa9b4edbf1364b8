/**
 * Products of experts (Hinton 2002): densities multiplied and normalised anew, which is sharper than each of them where they
 * agree. Energies add, so a product of RBMs over the same visible units is one RBM with all their hidden units.
 */
import { rbm } from '../graph/constructors.js';
import { unsuitable } from '../graph/graph.js';
import type { Model } from '../model.js';
import { type Units, unitType } from '../units/index.js';
import { filledModel, inWords, onlyPartOf, type Part, readModels, resizedUnits, sameUnits } from './machine-parts.js';

/**
 * The normalised product of RBMs over the same binary or softmax visible units, as one RBM: hidden layers side by side, in
 * the order given, visible biases added. Hidden layers must be of one unit type. It has the seed of the first. Throws
 * `OPTION_INVALID`, `GRAPH_UNSUITABLE`.
 */
export function product(models: readonly Model[]): Model {
  const where = 'product()';
  const experts = readModels(where, models, 1).map((model) => onlyPartOf(model, where));
  const [first] = experts as [Part, ...Part[]];
  checkVisible(first.lower);
  experts.forEach((expert, index) => {
    checkExpert(first, expert, index);
  });
  const lowerBias = first.lowerBias.map((_, unit) => experts.reduce((sum, expert) => sum + expert.lowerBias[unit]!, 0));
  const upperBias = concatenated(experts.map((expert) => expert.upperBias));
  const part: Part = {
    ...first,
    upper: resizedUnits(first.upper, upperBias.length)!,
    weights: concatenated(experts.map(({ weights }) => weights)),
    lowerBias,
    upperBias,
  };
  return filledModel(models[0]!, rbm({ visible: part.lower, hidden: part.upper }), [part]);
}

/** Base measures multiply too, and only where they are 1 is their product what the units have. */
function checkVisible(units: Units): void {
  if (
    unitType(units)
      .finite?.states(units)
      .every(({ logBase }) => logBase === 0)
  )
    return;
  const message = `\`product()\` needs binary or softmax visible units, whose energies are their inputs alone; the layer \`visible\` has ${inWords(units)}.`;
  throw unsuitable(message, 'visible');
}

function checkExpert(first: Part, expert: Part, index: number): void {
  if (!sameUnits(first.lower, expert.lower)) {
    const message = `The models of a product must share their visible units; model 0 has ${inWords(first.lower)}, and model ${index} ${inWords(expert.lower)}.`;
    throw unsuitable(message, 'visible');
  }
  const [a, b] = [first.upper, expert.upper].map((units) => unitType(units).finite?.resized(units, 1) as Units);
  if (a !== undefined && b !== undefined && sameUnits(a, b)) return;
  const message = `The hidden layers of a product stand side by side as one, of binary, softmax or binomial units; model 0 has ${inWords(first.upper)}, and model ${index} ${inWords(expert.upper)}.`;
  throw unsuitable(message, 'hidden');
}

function concatenated(vectors: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(vectors.reduce((sum, { length }) => sum + length, 0));
  let first = 0;
  for (const vector of vectors) {
    all.set(vector, first);
    first += vector.length;
  }
  return all;
}
