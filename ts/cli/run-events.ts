/** What a run's event file tells TensorBoard: every measure over updates by layer, and at the end parameters and pictures. */
import { type SummaryEvent, type SummaryValue, writeEvents } from '../files/tensorboard.js';
import type { TrainingRecord } from '../learn/training.js';
import type { Model } from '../model.js';
import { cellsOf } from './metrics-table.js';

/** Fields of a record that say where training stands. */
const PLACE = ['phase', 'layer', 'epoch', 'epochs', 'updates'];

/** The bytes of the file; `startedAt` is when the run began, as run.json says it. */
export function runEvents(
  startedAt: string,
  records: readonly TrainingRecord[],
  model: Model,
  pictures: readonly { readonly name: string; readonly bytes: Uint8Array | string }[],
): Uint8Array {
  const start = Date.parse(startedAt) / 1000;
  let time = start;
  const measured = records.map((record): SummaryEvent => {
    time += record.timing.seconds;
    return { time, step: record.updates, values: scalarsOf(record) };
  });
  const histograms = model.parameterSpecs.map(({ name }): SummaryValue => {
    return { tag: name, values: model.parameter(name).values() };
  });
  const images = pictures.flatMap(({ name, bytes }): SummaryValue[] => {
    return typeof bytes === 'string' || !name.endsWith('.png') ? [] : [{ tag: name.slice(0, -4), png: bytes }];
  });
  const step = records.at(-1)?.updates ?? model.updates;
  return writeEvents(start, [...measured, { time, step, values: [...histograms, ...images] }]);
}

function scalarsOf(record: TrainingRecord): SummaryValue[] {
  return cellsOf(record).flatMap(([name, value]): SummaryValue[] => {
    return typeof value === 'number' && !PLACE.includes(name)
      ? [{ tag: `${record.layer}/${name}`, scalar: value }]
      : [];
  });
}
