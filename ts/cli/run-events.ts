/** A run's event file, which TensorBoard may follow: every measure over updates by layer, and at the end parameters and pictures. */
import { eventBytes, eventFileStart, type SummaryValue } from '../files/tensorboard.js';
import type { TrainingRecord } from '../learn/training.js';
import type { Model } from '../model.js';
import { cellsOf } from './metrics-table.js';
import { type RunFolder, resultNames } from './run-folder.js';

/** Fields of a record that say where training stands. */
const PLACE = ['phase', 'layer', 'epoch', 'epochs', 'updates'];

/**
 * The file grows with every record. A run that goes on leaves it as it is where it has the records that the run has given, so that
 * a TensorBoard that follows it goes on too; after a kill it is written anew, and nothing in it is torn or told twice.
 */
export class RunEvents {
  private time: number;
  private step = 0;

  /** Begins the file with the records that the run has given already; `startedAt` is when it began, as run.json says it. */
  constructor(
    private readonly folder: RunFolder,
    startedAt: string,
    records: readonly TrainingRecord[],
  ) {
    this.time = Date.parse(startedAt) / 1000;
    const start = eventFileStart(this.time);
    folder.keepOrWrite(resultNames.events, Buffer.concat([start, ...records.map((record) => this.bytesOf(record))]));
  }

  add(record: TrainingRecord): void {
    this.folder.append(resultNames.events, this.bytesOf(record));
  }

  /** Ends the file with the parameters as histograms and the pictures that are PNGs. */
  finish(model: Model, pictures: readonly { readonly name: string; readonly bytes: Uint8Array | string }[]): void {
    const histograms = model.parameterSpecs.map(({ name }): SummaryValue => {
      return { tag: name, values: model.parameter(name).values() };
    });
    const images = pictures.flatMap(({ name, bytes }): SummaryValue[] => {
      return typeof bytes === 'string' || !name.endsWith('.png') ? [] : [{ tag: name.slice(0, -4), png: bytes }];
    });
    this.folder.append(resultNames.events, this.event([...histograms, ...images]));
  }

  private bytesOf(record: TrainingRecord): Uint8Array {
    this.time += record.timing.seconds;
    this.step = record.updates;
    return this.event(scalarsOf(record));
  }

  private event(values: readonly SummaryValue[]): Uint8Array {
    return eventBytes({ time: this.time, step: this.step, values });
  }
}

function scalarsOf(record: TrainingRecord): SummaryValue[] {
  return cellsOf(record).flatMap(([name, value]): SummaryValue[] => {
    return typeof value === 'number' && !PLACE.includes(name)
      ? [{ tag: `${record.layer}/${name}`, scalar: value }]
      : [];
  });
}
