/** The pictures of what a trained classifier says: who is taken for whom, how far it can be believed, where it is wrong and sure. */
import type { EvaluationData, EvaluationResults } from '../evaluate/evaluate.js';
import type { Model } from '../model.js';
import { samplesPicture } from './pictures.js';
import { linePlot, matrixPlot } from './plots.js';

/** By their names in a run's folder; none where `classification` was not measured, and no digits where none is wrong. */
export async function classificationPictures(
  title: string,
  model: Model,
  data: EvaluationData,
  { classification }: EvaluationResults,
): Promise<Record<string, Uint8Array | string | undefined>> {
  if (classification === undefined) return {};
  const { confusion, bins, mostConfused } = classification;
  const names = confusion.map((_, label) => String(label));
  const said = { label: 'what the model says' };
  const x = { label: 'confidence' };
  return {
    'confusion.svg': await matrixPlot(`${title}: test rows`, {
      x: said,
      y: { label: 'what is right' },
      names,
      counts: confusion,
    }),
    'calibration.svg': await linePlot(`${title}: how far its confidence can be believed`, [
      {
        x,
        y: { label: 'share of test rows that are right' },
        series: [
          { name: 'model', points: bins.map(({ confidence, right }) => [confidence, right] as const) },
          {
            name: 'confidence as it should be',
            points: bins.map(({ confidence }) => [confidence, confidence] as const),
          },
        ],
      },
      {
        x,
        y: { label: 'test rows', log: true },
        series: [{ name: 'rows of a bin', points: bins.map(({ confidence, rows }) => [confidence, rows] as const) }],
      },
    ]),
    'confused.png': mostConfused.length === 0 ? undefined : confusedPicture(model, data, mostConfused),
  };
}

/** Rows about which the model is wrong, the surest first. */
function confusedPicture(model: Model, { test, height, width }: EvaluationData, rows: readonly { row: number }[]) {
  const tiles = new Float32Array(rows.length * height * width);
  rows.forEach(({ row }, place) => {
    tiles.set(test!.view(row, 1).values(), place * height * width);
  });
  return samplesPicture(model, tiles, rows.length, { height, width });
}
