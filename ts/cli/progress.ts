/** How training is shown on stderr: a bar with rate and time left on a terminal, a line for each epoch otherwise. */

import { isBeliefNet } from '../graph/belief-net.js';
import { chainOf, isDeepBoltzmannMachine } from '../graph/deep-boltzmann.js';
import type { Graph } from '../graph/graph.js';
import { unitsOf } from '../graph/graph.js';
import { type Machine, stackOf } from '../graph/machines.js';
import { isNetwork } from '../graph/network.js';
import type { Algorithm } from '../learn/algorithm.js';
import type { Run } from '../learn/run.js';
import { scheduledCount } from '../learn/schedule.js';
import { epochsOf } from '../learn/trainer-options.js';
import type { Progress, TrainingRecord } from '../learn/training.js';
import { duration, withThousands } from './output.js';

/** Shows one run. */
export interface ProgressDisplay {
  /** An epoch has ended. */
  record(record: TrainingRecord): void;
  /** Takes the display away. */
  stop(): void;
}

/** One phase of a run, for telling how much of all work is done. */
interface PhaseWork {
  readonly layer: string;
  readonly epochs: number;
  readonly batches: number;
  readonly batchRows: number;
  /** Work of one batch; only the ratio between phases counts. */
  readonly weight: number;
}

/** How often the bar is drawn anew, in milliseconds. */
const BAR_MS = 250;

/** Starts showing a run that is about to be iterated. */
export async function showProgress(run: Run): Promise<ProgressDisplay> {
  const work = workOf(run.model.graph, run.algorithm, run.data.rows);
  const clock = new Clock(work, run.progress);
  return process.stderr.isTTY ? showBar(run, work, clock) : showLines(run, clock);
}

function showLines(run: Run, clock: Clock): ProgressDisplay {
  return {
    record: (record) => {
      const { left } = clock.read(run.progress);
      process.stderr.write(`${epochInWords(record)}, ${left}\n`);
    },
    stop: () => {},
  };
}

async function showBar(run: Run, work: readonly PhaseWork[], clock: Clock): Promise<ProgressDisplay> {
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage} % | {what} | {rate} rows/s | {left}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  const draw = () => {
    const { progress } = run;
    const phase = work[Math.min(progress.phase, work.length - 1)]!;
    const epoch = Math.min(progress.epoch + 1, phase.epochs);
    const { share, rowsPerSecond, left } = clock.read(progress);
    const rate = rowsPerSecond === undefined ? '-' : withThousands(rowsPerSecond);
    return [
      Math.floor(share * 1000),
      { what: `${phase.layer}, epoch ${epoch} of ${phase.epochs}`, rate, left },
    ] as const;
  };
  bar.start(1000, ...draw());
  const timer = setInterval(() => bar.update(...draw()), BAR_MS);
  return {
    record: () => bar.update(...draw()),
    stop: () => {
      clearInterval(timer);
      bar.stop();
    },
  };
}

/** A bar of one piece of work on a terminal, and elsewhere a line at each tenth. */
export async function showShare(title: string): Promise<{ at(share: number): void; end(): void }> {
  const startedAt = performance.now();
  // Work that goes on from before begins beyond 0, and that part took no time here.
  let begun: number | undefined;
  const left = (share: number) => {
    begun ??= share;
    const seconds = (performance.now() - startedAt) / 1000;
    return share > begun ? `${duration((seconds / (share - begun)) * (1 - share))} left` : 'starting';
  };
  if (!process.stderr.isTTY) {
    let tenths = 0;
    const at = (share: number) => {
      begun ??= share;
      if (Math.floor(10 * share) <= tenths) return;
      tenths = Math.floor(10 * share);
      process.stderr.write(`${title}: ${10 * tenths} %, ${left(share)}\n`);
    };
    return { at, end: () => {} };
  }
  const { default: cliProgress } = await import('cli-progress');
  const format = `{bar} {percentage} % | ${title} | {left}`;
  const bar = new cliProgress.SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: true });
  bar.start(1000, 0, { left: 'starting' });
  return { at: (share) => bar.update(Math.floor(1000 * share), { left: left(share) }), end: () => bar.stop() };
}

function epochInWords(record: TrainingRecord): string {
  const { layer, epoch, epochs, reconstructionError, meanActivity, timing } = record;
  const error = record.loss === undefined ? `error ${reconstructionError.toPrecision(4)}` : missedInWords(record);
  const active = record.loss === undefined ? `, ${(100 * meanActivity).toFixed(1)} % active` : '';
  return `${layer}, epoch ${epoch} of ${epochs}: ${error}${active}, ${withThousands(timing.rowsPerSecond)} rows/s`;
}

/** What a network misses. */
function missedInWords({ loss, errorPercent, heldOutLoss, heldOutErrorPercent }: TrainingRecord): string {
  const inWords = (nats: number | undefined, wrong: number | undefined) =>
    `loss ${nats!.toPrecision(4)}${wrong === undefined ? '' : `, ${wrong.toFixed(2)} % wrong`}`;
  const held = heldOutLoss === undefined ? '' : `, held out ${inWords(heldOutLoss, heldOutErrorPercent)}`;
  return `${inWords(loss, errorPercent)}${held}`;
}

/** Rate and time left. */
class Clock {
  private readonly startedAt = performance.now();
  private readonly atStart: number;
  private readonly total: number;
  private lastAt = performance.now();
  private lastUpdates: number;

  constructor(
    private readonly work: readonly PhaseWork[],
    progress: Progress,
  ) {
    this.total = work.reduce((sum, { epochs, batches, weight }) => sum + epochs * batches * weight, 0);
    this.atStart = this.done(progress);
    this.lastUpdates = progress.updates;
  }

  read(progress: Progress): {
    readonly share: number;
    readonly rowsPerSecond: number | undefined;
    readonly left: string;
  } {
    const now = performance.now();
    const done = this.done(progress);
    const rate = (done - this.atStart) / Math.max(1, now - this.startedAt);
    const left = rate > 0 ? `${duration((this.total - done) / rate / 1000)} left` : 'starting';
    const rows = (progress.updates - this.lastUpdates) * (this.work[progress.phase]?.batchRows ?? 0);
    const rowsPerSecond = now > this.lastAt && rows > 0 ? (1000 * rows) / (now - this.lastAt) : undefined;
    this.lastAt = now;
    this.lastUpdates = progress.updates;
    return { share: this.total > 0 ? done / this.total : 1, rowsPerSecond, left };
  }

  private done({ phase, epoch, batch }: Progress): number {
    return this.work.reduce((sum, { epochs, batches, weight }, index) => {
      if (index < phase) return sum + epochs * batches * weight;
      return index === phase ? sum + (epoch * batches + batch) * weight : sum;
    }, 0);
  }
}

function workOf(graph: Graph, algorithm: Algorithm, rows: number): PhaseWork[] {
  const phases = algorithm.type === 'greedy' ? algorithm.phases : [algorithm];
  return phases.map((phase, index) => {
    if (phase === null) return { layer: '', epochs: 0, batches: 0, batchRows: 0, weight: 0 };
    const { upper, connections } = learnedBy(graph, phase, index);
    const batchRows = 'batchRows' in phase ? Math.min(phase.batchRows, rows) : rows;
    const batches = Math.ceil(rows / batchRows);
    const pairs = connections.reduce((sum, pair) => sum + unitsOf(graph, pair.lower) * unitsOf(graph, pair.upper), 0);
    return {
      layer: upper,
      epochs: epochsOf(phase.epochs, batches),
      batches,
      batchRows,
      weight: pairs * batchRows * passesOf(phase),
    };
  });
}

/** What a phase learns, as one piece of work. */
function learnedBy(graph: Graph, { type }: Algorithm, index: number): Machine {
  if (type === 'deepBoltzmannLearning') {
    const { layers, connections } = chainOf(graph, 'Learning all layers');
    return { upper: layers.at(-1)!, connections };
  }
  if (type === 'upDown') return { upper: stackOf(graph).machines.at(-1)!.upper, connections: graph.connections };
  // All connections of a network, a belief net or a general Boltzmann machine are learned together.
  if (isNetwork(graph) || isBeliefNet(graph) || type === 'boltzmannLearning') {
    return { upper: graph.layers.at(-1)!.name, connections: graph.connections };
  }
  if (!isDeepBoltzmannMachine(graph)) return stackOf(graph).machines[index]!;
  const connection = chainOf(graph, 'Pretraining').connections[index]!;
  return { upper: connection.upper, connections: [connection] };
}

/** How often a phase passes through what it learns: a pass of mean field and a sweep of chains are as much work as a machine's two. */
function passesOf(phase: Algorithm): number {
  if (phase.type !== 'deepBoltzmannLearning') return 1;
  return phase.meanFieldPasses + scheduledCount(phase.gibbsSteps, 0, 0);
}
