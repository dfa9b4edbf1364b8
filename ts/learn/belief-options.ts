/**
 * Options that every trainer of a sigmoid belief net takes, with their defaults: those of the stochastic trainers that make
 * sense without an energy. Adam is the default here, since a net's layers learn at very different speeds.
 */
import {
  type CommonOption,
  type CompleteTrainerOptions,
  commonOptionNames,
  readTrainerOptions,
  type TrainerOptions,
} from './trainer-options.js';

/** The names of those of trainers that take rows of states only, drawn where the data are intensities. */
export const drawnOptionNames = commonOptionNames.filter((name) => name !== 'data');

/**
 * What a trainer of belief nets takes; everything has a default, that of `TrainerOptions` but for `optimiser` (`adam`),
 * `learningRate` (0.001, or 0.05 for other optimisers), `weightCost` (0) and `data` (`states`).
 */
export type BeliefOptions = Pick<TrainerOptions, CommonOption>;

/** The options, complete. */
export type CompleteBeliefOptions = Pick<CompleteTrainerOptions, CommonOption>;

/** Checks and completes the options. Throws `OPTION_INVALID`. */
export function readBeliefOptions(where: string, options: BeliefOptions): CompleteBeliefOptions {
  const adam = options.optimiser ?? 'adam';
  const isAdam = adam === 'adam' || (typeof adam === 'object' && adam.type === 'adam');
  const given = Object.fromEntries(
    commonOptionNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
  const defaults = { optimiser: 'adam', learningRate: isAdam ? 0.001 : 0.05, weightCost: 0, data: 'states' } as const;
  const complete = readTrainerOptions(where, given, defaults);
  return Object.fromEntries(
    commonOptionNames.map((name) => [name, complete[name]]),
  ) as unknown as CompleteBeliefOptions;
}
