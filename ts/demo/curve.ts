/** The plot of the run: reconstruction errors over all epochs, a line for each layer. */
import { axisX, axisY, lineY, plot } from '@observablehq/plot';
import type { TrainingRecord } from 'wakesleep';

/** Points of a line at most; of longer runs some are left out. */
const MOST_POINTS = 120;

export function drawCurve(place: HTMLElement, records: readonly TrainingRecord[]): void {
  const every = Math.ceil(records.length / MOST_POINTS);
  const points = records
    .map(({ layer, reconstructionError }, index) => ({ epoch: index + 1, error: reconstructionError, layer }))
    .filter(({ epoch }) => epoch % every === 0 || epoch === records.length);
  const chart = plot({
    width: 420,
    height: 180,
    marginLeft: 45,
    color: { legend: true, scheme: 'observable10' },
    style: { background: 'transparent' },
    x: { label: 'epoch' },
    y: { label: 'error', zero: true, grid: true },
    marks: [axisX({ ticks: 5 }), axisY({ ticks: 4 }), lineY(points, { x: 'epoch', y: 'error', stroke: 'layer' })],
  });
  place.replaceChildren(chart);
}
