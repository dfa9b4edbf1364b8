/** The list of recipes. */
import { WakesleepError } from '../errors.js';
import { describeValue, nearestName } from '../options.js';
import { barsAndStripes } from './bars-and-stripes.js';
import { countsTallies, countsTopics } from './counts.js';
import { digitsTiny } from './digits-tiny.js';
import { explainingAway } from './explaining-away.js';
import { infiniteNet } from './infinite-net.js';
import { mnistDbm, mnistDbmQuick } from './mnist-dbm.js';
import { mnistDbn } from './mnist-dbn.js';
import { mnistDbnLikelihood, mnistDbnLikelihoodQuick } from './mnist-dbn-likelihood.js';
import { mnistGenerative, mnistGenerativeQuick, mnistNoise } from './mnist-generative.js';
import {
  mnistAutoencoder,
  mnistAutoencoderQuick,
  mnistBackprop,
  mnistCodes,
  mnistFewLabels,
  mnistFewLabelsQuick,
  mnistPretrainBackprop,
  mnistPretrainBackpropQuick,
  mnistPretrainDropout,
  mnistPretrainDropoutQuick,
} from './mnist-networks.js';
import { mnistRbm } from './mnist-rbm.js';
import { mnistRbmLikelihood } from './mnist-rbm-likelihood.js';
import { mnistSbn } from './mnist-sbn.js';
import { patches, patchesRelu } from './patches.js';
import type { Recipe } from './recipe.js';

export type { Demonstration, Recipe, TrainingRecipe } from './recipe.js';

/** Every recipe, in the order in which a person meets them. */
export const recipes: readonly Recipe[] = [
  digitsTiny,
  barsAndStripes,
  mnistRbm,
  mnistDbn,
  mnistGenerativeQuick,
  mnistGenerative,
  mnistNoise,
  mnistBackprop,
  mnistPretrainBackpropQuick,
  mnistPretrainBackprop,
  mnistPretrainDropoutQuick,
  mnistPretrainDropout,
  mnistAutoencoderQuick,
  mnistAutoencoder,
  mnistCodes,
  mnistFewLabelsQuick,
  mnistFewLabels,
  mnistRbmLikelihood,
  mnistDbnLikelihoodQuick,
  mnistDbnLikelihood,
  mnistDbmQuick,
  mnistDbm,
  patches,
  patchesRelu,
  countsTallies,
  countsTopics,
  explainingAway,
  mnistSbn,
  infiniteNet,
];

/** The recipe of a name; throws `OPTION_INVALID` with the nearest name. */
export function recipeNamed(name: string): Recipe {
  const found = recipes.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const names = recipes.map((recipe) => recipe.name);
  const nearest = nearestName(name, names);
  const advice = nearest === undefined ? `there are ${names.join(', ')}.` : `did you mean ${nearest}?`;
  const message = `There is no recipe called ${describeValue(name)}; ${advice} A configuration's file ends in .json.`;
  throw new WakesleepError('OPTION_INVALID', message, {
    given: name,
    wanted: nearest ?? names.join(', '),
    where: 'train',
  });
}
