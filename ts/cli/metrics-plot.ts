/** The plot of a run's metrics: reconstruction error, and where they are known free-energy gap and exact gap to the optimum. */
import type { TrainingRecord } from '../learn/training.js';
import { type LinePanel, linePlot } from './plots.js';

/** Numbers of a record that can be drawn over updates: how the axis is called, and whether it is logarithmic. */
export const drawnMeasures = {
  gapToOptimum: { label: 'gap to the best log-likelihood (nats a row)', log: true },
  logLikelihood: { label: 'exact log-likelihood (nats a row)', log: false },
  reconstructionError: { label: 'reconstruction error (squared, a row)', log: false },
  weightNorm: { label: 'root mean square of the weights', log: false },
  loss: { label: 'loss of training rows (mean)', log: true },
  heldOutLoss: { label: 'loss of held-out rows (mean)', log: true },
  heldOutErrorPercent: { label: 'errors among held-out rows (%)', log: true },
  freeEnergyGap: { label: 'free energy, held-out less training rows (nats)', log: false },
} as const satisfies Partial<Record<keyof TrainingRecord, object>>;

export type DrawnMeasure = keyof typeof drawnMeasures;

/** A measure's points over updates; records without it are left out. What no trainer measured is 0 throughout. */
export function pointsOf(records: readonly TrainingRecord[], measure: DrawnMeasure): [number, number][] {
  return records.flatMap((record): [number, number][] => {
    const value = record[measure];
    return value == null ? [] : [[record.updates, value]];
  });
}

/** An SVG with a panel for each measure that the records have, and in it a line for each trained layer. */
export function metricsPlot(title: string, records: readonly TrainingRecord[]): Promise<string> {
  const phases = [...new Set(records.map(({ phase }) => phase))];
  const panelOf = (measure: DrawnMeasure): LinePanel => {
    const lines = phases.map((phase) => {
      const own = records.filter((record) => record.phase === phase);
      return { name: own[0]!.layer, points: pointsOf(own, measure) };
    });
    const series = lines.filter(({ points }) => points.some(([, value]) => value !== 0));
    return { x: { label: 'updates' }, y: drawnMeasures[measure], series };
  };
  const panels = (
    ['loss', 'heldOutLoss', 'heldOutErrorPercent', 'reconstructionError', 'freeEnergyGap', 'gapToOptimum'] as const
  )
    .map(panelOf)
    .filter(({ series }) => series.length > 0);
  // Trainers that reconstruct nothing have at least weights that grow.
  return linePlot(title, panels.length === 0 ? [panelOf('weightNorm')] : panels);
}
