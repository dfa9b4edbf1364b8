/**
 * Every option of every trainer refused in words: out of its range, of a wrong type, not a number, and under a wrong name.
 * The table is complete: each option that a trainer's plain data have must be in it.
 */
import { describe, expect, it } from 'vitest';
import {
  contrastiveDivergence,
  exactGradient,
  expectationMaximisation,
  fastPersistentContrastiveDivergence,
  greedy,
  parallelTempering,
  persistentContrastiveDivergence,
  upDown,
} from 'wakesleep';
import { readAlgorithm } from '../../dist/learn/algorithm.js';
import { refusal } from '../files/refusal.js';

type Trainer = (options: Record<string, unknown>) => Readonly<Record<string, unknown>>;
const trainers = Object.entries({
  contrastiveDivergence,
  persistentContrastiveDivergence,
  fastPersistentContrastiveDivergence,
  parallelTempering,
  exactGradient,
  expectationMaximisation,
  upDown,
} as unknown as Record<string, Trainer>);

/** What an option must be, and numbers that it must not be. */
interface Wanted {
  readonly words: string;
  readonly outside: readonly number[];
}

const integer = (least: number, most?: number): Wanted => ({
  words: most === undefined ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`,
  outside: [least - 1, least + 0.5, ...(most === undefined ? [] : [most + 1])],
});
const positive: Wanted = { words: 'a finite number above 0', outside: [0, -0.1] };
const cost: Wanted = { words: 'a finite number of at least 0', outside: [-1e-9] };
const share: Wanted = { words: 'a finite number of at least 0 and below 1', outside: [-0.1, 1] };
const object = 'an object of options';
const passing: Wanted = { words: '"probabilities" or "states"', outside: [0] };
const optimiser: Wanted = { words: '"momentum", "nesterov" or "adam"', outside: [0] };

const OPTIONS: Record<string, Wanted> = {
  epochs: integer(1),
  batchRows: integer(1, 21_845),
  learningRate: positive,
  fastLearningRate: positive,
  generativeRate: positive,
  recognitionRate: positive,
  topRate: positive,
  momentum: share,
  optimiser,
  weightCost: cost,
  l1Cost: cost,
  topCost: cost,
  generativeCost: cost,
  recognitionCost: cost,
  maxNorm: positive,
  data: passing,
  statistics: passing,
  reconstruction: passing,
  initialBias: { words: '"data" or "keep"', outside: [0] },
  centring: { words: object, outside: [0] },
  sparsity: { words: object, outside: [0] },
  averaging: { words: 'a finite number above 0 and below 1', outside: [0, 1] },
  hiddenDropout: share,
  missingSweeps: integer(1, 65_000),
  gibbsSteps: integer(1, 65_000),
  chains: integer(1, 21_845),
  temperatures: integer(2, 100),
  adaptLadder: { words: 'true or false', outside: [0] },
  recordEvery: integer(1),
  smoothing: positive,
};

/** What is said of a value whose description is `got`. */
function sentence(name: string, option: string, value: unknown, got: string): string {
  const { words } = OPTIONS[option]!;
  const isNumber = typeof value === 'number';
  if (words === object || (option === 'averaging' && !isNumber))
    return `${name}().${option} takes ${object}; got ${got}.`;
  // A number stands for the decay.
  return `\`${option === 'averaging' ? 'decay' : option}\` must be ${words}; got ${got}.`;
}

describe.each(trainers)('%s()', (name, trainer) => {
  const options = Object.keys(trainer({})).filter((option) => option !== 'type');

  it.each(options)('refuses a wrong `%s`', (option) => {
    const values: [unknown, string][] = [
      ...[...OPTIONS[option]!.outside, Number.NaN, Number.POSITIVE_INFINITY].map((x): [number, string] => [
        x,
        String(x),
      ]),
      ['0.5', '"0.5"'],
      [[0.5], 'an array of 1'],
    ];
    for (const [value, got] of values) {
      expect(refusal(() => trainer({ [option]: value }))).toBe(`OPTION_INVALID: ${sentence(name, option, value, got)}`);
    }
  });

  it('refuses a name that is a letter off, with the right one', () => {
    for (const option of options) {
      const wrong = `${option}x`;
      expect(refusal(() => trainer({ [wrong]: 1 }))).toMatch(
        new RegExp(`^OPTION_INVALID: ${name}\\(\\) has no option \`${wrong}\`; did you mean \`${option}\`\\?$`),
      );
    }
    expect(refusal(() => trainer(7 as never))).toBe(`OPTION_INVALID: ${name}() takes an object of options; got 7.`);
  });

  it('reads its own plain data back', () => {
    expect(readAlgorithm(JSON.parse(JSON.stringify(trainer({}))))).toEqual(trainer({}));
  });
});

const decay = '`decay` must be a finite number of at least 0 and below 1';
const pairs = '`steps` must be pairs [epoch, value] that begin at epoch 0 and ascend';
it.each<[Record<string, unknown>, string]>([
  [{ learningRate: {} }, '`from` must be a finite number above 0; got undefined.'],
  [{ learningRate: { from: 1, to: -1 } }, '`to` must be a finite number of at least 0; got -1.'],
  [{ learningRate: { from: 1, to: Number.NaN } }, '`to` must be a finite number of at least 0; got NaN.'],
  [{ learningRate: { steps: [] } }, `${pairs}; got an array of 0.`],
  [{ learningRate: { steps: [[1, 0.1]] } }, `${pairs}; got an array of 1.`],
  [
    {
      learningRate: {
        steps: [
          [0, 0.1],
          [0, 0.2],
        ],
      },
    },
    `${pairs}; got an array of 2.`,
  ],
  [{ learningRate: { steps: [[0, 0]] } }, '`value` must be a finite number above 0; got 0.'],
  [{ gibbsSteps: { from: 1, to: 0 } }, '`to` must be a finite number from 1 to 65000; got 0.'],
  [{ momentum: { till: 1 } }, 'contrastiveDivergence().momentum has no option `till`; it takes `from`, `to`, `steps`.'],
  [{ optimiser: 'adm' }, '`optimiser` must be "momentum", "nesterov" or "adam"; got "adm". Did you mean "adam"?'],
  [
    { optimiser: { type: 'adam', firstDecay: 1 } },
    '`firstDecay` must be a finite number of at least 0 and below 1; got 1.',
  ],
  [
    { optimiser: { type: 'adam', secondDecay: -1 } },
    '`secondDecay` must be a finite number of at least 0 and below 1; got -1.',
  ],
  [{ optimiser: { type: 'adam', epsilon: 0 } }, '`epsilon` must be a finite number above 0; got 0.'],
  [{ optimiser: { type: 'momentum', nesterov: 1 } }, '`nesterov` must be true or false; got 1.'],
  [
    { optimiser: { type: 'momentum', epsilon: 1 } },
    'contrastiveDivergence().optimiser has no option `epsilon`; it takes `type`, `nesterov`.',
  ],
  [{ centring: { rate: 0 } }, '`rate` must be a finite number above 0 and of at most 1; got 0.'],
  [{ centring: { rate: 1.1 } }, '`rate` must be a finite number above 0 and of at most 1; got 1.1.'],
  [{ centring: { rates: 1 } }, 'contrastiveDivergence().centring has no option `rates`; did you mean `rate`?'],
  [{ sparsity: {} }, '`target` must be a finite number above 0 and below 1; got undefined.'],
  [{ sparsity: { target: 0, cost: 1 } }, '`target` must be a finite number above 0 and below 1; got 0.'],
  [{ sparsity: { target: 0.1, cost: 0 } }, '`cost` must be a finite number above 0; got 0.'],
  [{ sparsity: { target: 0.1, cost: 1, decay: 1 } }, `${decay}; got 1.`],
  [
    { sparsity: { target: 0.1, costs: 1 } },
    'contrastiveDivergence().sparsity has no option `costs`; did you mean `cost`?',
  ],
  [{ averaging: { decay: 1 } }, '`decay` must be a finite number above 0 and below 1; got 1.'],
  [{ averaging: { decays: 0.5 } }, 'contrastiveDivergence().averaging has no option `decays`; did you mean `decay`?'],
])('what is inside an option: %o', (options, words) => {
  expect(refusal(() => contrastiveDivergence(options as never))).toBe(`OPTION_INVALID: ${words}`);
});

it.each<[unknown, string]>([
  [[], 'an array of 0'],
  [undefined, 'undefined'],
  [contrastiveDivergence(), 'an object'],
  [[exactGradient()], 'an array of 1'],
])('greedy() of %o', (phases, got) => {
  expect(refusal(() => greedy(phases as never))).toBe(
    `OPTION_INVALID: \`greedy()\` takes a list of algorithms such as contrastiveDivergence(), one for each layer above the data, and deepBoltzmannLearning() only as the last; got ${got}.`,
  );
});
