/** What a run's records measure, as curves over updates: a panel for each measure, and in it a line for each trained layer. */
import type { TrainingRecord } from '../learn/training.js';
import { type Axis, type LinePanel, linePlot, type Series } from './plots.js';

/** What a record says of where training stands, and what is not one number. */
type NotDrawn = 'phase' | 'layer' | 'epoch' | 'epochs' | 'updates' | 'swapRates' | 'timing';

/** Every number of a record that can be drawn over updates: how the axis is called, and whether it is logarithmic. */
export const drawnMeasures = {
  loss: { label: 'loss of training rows (mean)', log: true },
  heldOutLoss: { label: 'loss of held-out rows (mean)', log: true },
  errorPercent: { label: 'errors among training rows (%)', log: true },
  heldOutErrorPercent: { label: 'errors among held-out rows (%)', log: true },
  boundNats: { label: 'lower bound of the log-likelihood (nats a row)', log: false },
  logLikelihood: { label: 'exact log-likelihood (nats a row)', log: false },
  gapToOptimum: { label: 'gap to the best log-likelihood (nats a row)', log: true },
  reconstructionError: { label: 'reconstruction error (squared, a row)', log: false },
  sleepError: { label: 'error of recognised dreams (squared, a dream)', log: false },
  freeEnergyGap: { label: 'free energy, held-out less training rows (nats)', log: false },
  freeEnergy: { label: 'free energy of training rows (nats, mean)', log: false },
  heldOutFreeEnergy: { label: 'free energy of held-out rows (nats, mean)', log: false },
  meanActivity: { label: 'mean activity of the upper units', log: false },
  weightNorm: { label: 'root mean square of the weights', log: false },
  learningRate: { label: 'learning rate', log: false },
} as const satisfies Record<Exclude<keyof TrainingRecord, NotDrawn>, Axis>;

type DrawnMeasure = keyof typeof drawnMeasures;

/** A measure's points over updates; records without it are left out. What no trainer measured is 0 throughout. */
export function pointsOf(records: readonly TrainingRecord[], measure: DrawnMeasure): [number, number][] {
  return records.flatMap((record): [number, number][] => {
    const value = record[measure];
    return value == null ? [] : [[record.updates, value]];
  });
}

/** A panel for each measure that the records have. */
export function metricsPanels(records: readonly TrainingRecord[]): LinePanel[] {
  const phases = [...new Set(records.map(({ phase }) => phase))].map((phase) => {
    return records.filter((record) => record.phase === phase);
  });
  const panelOf = ({ label, log = false }: Axis, series: readonly Series[]): LinePanel => {
    // A logarithmic axis would leave out what has come down to 0.
    const isAbove = series.every(({ points }) => points.every(([, value]) => value > 0));
    return { x: { label: 'updates' }, y: { label, log: log && isAbove }, series };
  };
  const panels = (Object.keys(drawnMeasures) as DrawnMeasure[]).map((measure) => {
    const lines = phases.map((own) => ({ name: own[0]!.layer, points: pointsOf(own, measure) }));
    const series = lines.filter(({ points }) => points.some(([, value]) => value !== 0));
    return panelOf(drawnMeasures[measure], series);
  });
  const swaps = panelOf({ label: 'share of swaps that were done' }, phases.flatMap(swapLines));
  return [...panels, swaps].filter(({ series }) => series.length > 0);
}

/** Of parallel tempering a line for each place of the ladder and the next. */
function swapLines(records: readonly TrainingRecord[]): Series[] {
  const places = Math.max(0, ...records.map(({ swapRates = [] }) => swapRates.length));
  return Array.from({ length: places }, (_, place) => ({
    name: `${records[0]!.layer}, ${place} to ${place + 1}`,
    points: records.flatMap(({ updates, swapRates }): [number, number][] => {
      const rate = swapRates?.[place];
      return rate === undefined ? [] : [[updates, rate]];
    }),
  }));
}

/** An SVG with all panels, one below another. */
export function metricsPlot(title: string, records: readonly TrainingRecord[]): Promise<string> {
  return linePlot(title, metricsPanels(records));
}
