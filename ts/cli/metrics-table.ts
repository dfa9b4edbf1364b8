/** A run's records as flat tables: CSV, and the numbers that an event file takes. */
import type { TrainingRecord } from '../learn/training.js';

type Cell = readonly [name: string, value: number | string | null];

/** Every field of a record by its name; of lists and objects each part, with a dot between (`timing.seconds`). */
export function cellsOf(record: TrainingRecord): Cell[] {
  const parts = (value: unknown, name: string): Cell[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, part]) => parts(part, name === '' ? key : `${name}.${key}`))
      : [[name, value as Cell[1]]];
  return parts(record, '');
}

/** A line for each record below one of names; a cell is empty where a record lacks the field. */
export function metricsCsv(records: readonly TrainingRecord[]): string {
  const rows = records.map((record) => new Map(cellsOf(record)));
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  // Names are those of layers and fields: letters, digits, underscores and dots, which need no quotes.
  const lines = [names, ...rows.map((row) => names.map((name) => String(row.get(name) ?? '')))];
  return lines.map((cells) => `${cells.join(',')}\n`).join('');
}
