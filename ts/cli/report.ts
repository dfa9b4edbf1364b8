/** The last lines of a run: what was reached, where the pictures are, and what to try next. */
import type { ClassificationResults } from '../evaluate/evaluate.js';
import type { NoiseResult } from '../evaluate/noise.js';
import { type Graph, unitsOf } from '../graph/graph.js';
import { labelLayerOf } from '../graph/machines.js';
import { isNetwork } from '../graph/network.js';
import { testSetOf } from './data.js';
import { duration, type Output, withThousands } from './output.js';
import { type RunDescription, type RunFolder, resultNames } from './run-folder.js';

/** How far confidence can be believed, and the two classes that are confused most often. */
function saidOf({ confusion, expectedCalibrationError }: ClassificationResults): string {
  const believed = `expected calibration error ${(100 * expectedCalibrationError).toFixed(2)} %`;
  const wrong = confusion.flatMap((line, label) =>
    line.flatMap((times, said) => (said === label ? [] : [{ label, said, times }])),
  );
  const [most] = wrong.sort((a, b) => b.times - a.times);
  if (most === undefined || most.times === 0) return `${believed}; nothing is wrong`;
  return `${believed}; most often wrong: ${most.label} taken for ${most.said}, ${most.times} ${most.times === 1 ? 'time' : 'times'}`;
}

/** Errors in structured noise, a line for each kind and level. */
function noiseLines(table: readonly NoiseResult[]): string[] {
  if (table.length === 0) return [];
  const { rows, seeds, cleaned } = table[0]!;
  const title = `Errors in noise        ${withThousands(rows)} test rows, mean over ${seeds} draws of the noise, %`;
  const heads = ['noise', 'level', 'noisy', ...cleaned.map(({ step }) => `step ${step}`)];
  const lines = table.map(({ kind, level, noisyErrorPercent, cleaned: steps }) => [
    kind,
    String(level),
    noisyErrorPercent.toFixed(1),
    ...steps.map(({ errorPercent, spread }) => `${errorPercent.toFixed(1)}±${spread.toFixed(1)}`),
  ]);
  return [title, ...[heads, ...lines].map((cells) => `  ${cells.map((cell) => cell.padEnd(10)).join('')}`.trimEnd())];
}

/** What a person may want to see of a model: what a network says of test rows, or samples, of one class where there are any. */
function nextCommand(graph: Graph, model: string, data: RunDescription['configuration']['data']): string {
  const label = labelLayerOf(graph);
  if (isNetwork(graph)) {
    const testSet = testSetOf(data);
    return label !== undefined && testSet !== undefined
      ? `classify ${model} ${testSet}`
      : `show ${model} --out pictures`;
  }
  if (label === undefined) return `sample ${model} --out samples.png`;
  const chosen = Math.min(3, unitsOf(graph, label) - 1);
  return `sample ${model} --clamp label=${chosen} --out label-${chosen}.png`;
}

/** Says what a finished run reached. */
export function reportRun(folder: RunFolder, graph: Graph, description: RunDescription, output: Output): void {
  const { evaluation = {}, seconds, model, pictures = [], configuration } = description;
  output.object({ type: 'finished', out: folder.path, model, evaluation, seconds, pictures });
  const { testErrorPercent, testErrors, testRows, heldOutErrorPercent, heldOutErrors, heldOutRows } = evaluation;
  const { recognisedSamplesPercent, smoothFiltersPercent, edgeFiltersPercent } = evaluation;
  const { testNats, testNatsLow, testNatsHigh } = evaluation;
  if (testErrorPercent !== undefined) {
    output.line(
      `Test error             ${testErrorPercent.toFixed(2)} % (${testErrors} of ${withThousands(testRows!)} rows)`,
    );
  }
  if (heldOutErrorPercent !== undefined) {
    output.line(
      `Held-out error         ${heldOutErrorPercent.toFixed(2)} % (${heldOutErrors} of ${withThousands(heldOutRows!)} rows)`,
    );
  }
  if (evaluation.classification !== undefined)
    output.line(`Classification         ${saidOf(evaluation.classification)}`);
  if (recognisedSamplesPercent !== undefined) {
    const judge = 'of samples are of their class to a 3-nearest-neighbour classifier';
    output.line(`Recognised samples     ${recognisedSamplesPercent.toFixed(1)} % ${judge}`);
  }
  if (testNats !== undefined) {
    const bracket = `bracket ${testNatsLow?.toFixed(2)} to ${testNatsHigh?.toFixed(2)}`;
    const { testParticles, testNatsError, testIsBound } = evaluation;
    const sampled = `importance sampling with ${testParticles} particles, ±${testNatsError?.toFixed(2)} over rows`;
    const given = testNatsLow === undefined ? 'exact' : bracket;
    const bounded = testNatsLow === undefined ? 'lower bound, log Z exact' : `lower bound, ${bracket}`;
    const how = testParticles !== undefined ? sampled : testIsBound ? bounded : given;
    const drawn = configuration.data.name === 'mnist' || configuration.data.name === 'digits-tiny';
    output.line(
      `Test likelihood        ${testNats.toFixed(2)} nats a row${drawn ? ', binarised by sampling once' : ''} (${how})`,
    );
  }
  for (const line of noiseLines(evaluation.noise ?? [])) output.line(line);
  const { diagonalGaussianNats, fullGaussianNats, testSquaredError } = evaluation;
  if (testSquaredError !== undefined)
    output.line(`Reconstruction         squared error ${testSquaredError.toFixed(3)} a test row`);
  if (diagonalGaussianNats !== undefined) {
    const full = `full covariance ${fullGaussianNats?.toFixed(2)}`;
    output.line(`Gaussians              diagonal ${diagonalGaussianNats.toFixed(2)} nats a row, ${full}`);
  }
  if (smoothFiltersPercent !== undefined) {
    const what = 'of first-layer filters have a lag-1 spatial correlation of at least 0.5';
    output.line(`Smooth filters         ${smoothFiltersPercent.toFixed(1)} % ${what}`);
  }
  if (edgeFiltersPercent !== undefined) {
    output.line(
      `Edge filters           ${edgeFiltersPercent.toFixed(1)} % of first-layer filters are localised and oriented`,
    );
  }
  if (seconds !== undefined) {
    output.line(
      `Time                   training ${duration(seconds.training)}, evaluation ${duration(seconds.evaluation)}`,
    );
  }
  output.line(`Model                  ${folder.modelPath}`);
  if (model !== undefined) output.line(`SHA-256                ${model.sha256}`);
  if (pictures.length > 0 && !pictures.includes('generated.png') && !isNetwork(graph)) {
    output.line('Generated              none: chains of this model grow beyond all numbers');
  }
  output.line(`Pictures               ${pictures.map((name) => folder.shown(name)).join(', ')}`);
  output.line(`Report                 ${folder.shown(resultNames.page)}`);
  output.line(`Try next               npx wakesleep ${nextCommand(graph, folder.modelPath, configuration.data)}`);
}
