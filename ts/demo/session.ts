/**
 * What the page does with the engine, which lives in a worker: one model at a time, its run, and where that run stands.
 *
 * Pausing stops the run at the next batch and keeps a checkpoint; going on, after a pause or after the page was loaded anew,
 * is always `engine.resume()` of a checkpoint, which ends with the bits that the run would have had without.
 */
import {
  bernoulli,
  contrastiveDivergence,
  deepBeliefNet,
  type Graph,
  type Greedy,
  greedy,
  loadInWorker,
  persistentContrastiveDivergence,
  type RemoteDataset,
  type RemoteEngine,
  type RemoteModel,
  type RemoteRun,
  type RuntimeInfo,
  softmax,
  type TrainingRecord,
  WakesleepError,
} from 'wakesleep';
import { bringDigits, type Digits, type DigitsName } from './digits.js';

/** What the form asks for. */
export interface Settings {
  readonly data: DigitsName;
  readonly model: 'dbn' | 'rbm';
  readonly hidden: number;
  readonly epochs: number;
  readonly rate: number;
  readonly seed: number;
}

/** Milliseconds between checkpoints while a run goes on. */
const KEEP_EVERY = 3000;

export class Session {
  digits: Digits | undefined;
  model: RemoteModel | undefined;
  /** Records of the run so far, those before a pause among them. */
  records: TrainingRecord[] = [];
  #data: RemoteDataset | undefined;
  #run: RemoteRun | undefined;
  #checkpoint: Uint8Array<ArrayBuffer> | undefined;
  #stop: AbortController | undefined;

  private constructor(
    private readonly engine: RemoteEngine,
    readonly info: RuntimeInfo,
    private readonly keep: (checkpoint: Uint8Array<ArrayBuffer>, records: TrainingRecord[]) => Promise<void>,
  ) {}

  /** Starts the engine; `keep` is given checkpoints as they are made. */
  static async open(keep: Session['keep']): Promise<Session> {
    const engine = await loadInWorker();
    return new Session(engine, await engine.info, keep);
  }

  get isTraining(): boolean {
    return this.#stop !== undefined;
  }

  /** Whether there is a run that has stopped before its end. */
  get canGoOn(): boolean {
    return !this.isTraining && this.#checkpoint !== undefined && !this.isDone;
  }

  get isDone(): boolean {
    const last = this.records.at(-1);
    return last !== undefined && last.phase === this.#phases - 1 && last.epoch === last.epochs;
  }

  #phases = 0;

  /** Makes a model and trains it to the end or to a pause. */
  async begin(settings: Settings): Promise<void> {
    await this.#free();
    const data = await this.#bring(settings.data);
    const graph = graphOf(settings, this.digits!.side ** 2);
    this.model = await this.engine.create(graph, { seed: settings.seed });
    this.#phases = machinesOf(graph);
    await this.#follow((signal) => this.model!.train(data, algorithmOf(settings, this.#phases), { signal }));
  }

  /** Goes on from where the run was stopped. */
  async goOn(): Promise<void> {
    const checkpoint = this.#checkpoint;
    if (checkpoint === undefined) return;
    const data = this.#data!;
    await this.#follow(async (signal) => {
      const run = await this.engine.resume(checkpoint, data, { signal });
      await this.model?.free();
      this.model = await run.model;
      return run;
    });
  }

  /** Stops the run at the next batch; what `begin` or `goOn` promised is then kept. */
  pause(): void {
    this.#stop?.abort();
  }

  /** Takes a checkpoint, or a model without its training, in place of the present model. */
  async open(bytes: Uint8Array<ArrayBuffer>, records: TrainingRecord[]): Promise<void> {
    const model = await this.engine.open(bytes);
    try {
      const graph = await model.graph;
      const name = digitsFor(graph);
      await this.#free();
      await this.#bring(name);
      this.#phases = machinesOf(graph);
    } catch (error) {
      await model.free();
      throw error;
    }
    this.model = model;
    this.records = records;
    this.#checkpoint = (await this.#isCheckpoint(bytes)) ? bytes : undefined;
  }

  /** The newest checkpoint, or the model where nothing was trained here. */
  async toBytes(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#checkpoint ?? (await this.model?.toBytes());
  }

  async #isCheckpoint(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    try {
      const run = await this.engine.resume(bytes, this.#data!);
      await (await run.model).free();
      await run.free();
      return true;
    } catch (error) {
      if (error instanceof WakesleepError && error.code === 'RESUME_MISMATCH') return false;
      throw error;
    }
  }

  async #follow(start: (signal: AbortSignal) => Promise<RemoteRun>): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    try {
      const run = await start(stop.signal);
      this.#run = run;
      let kept = performance.now();
      for await (const record of run) {
        this.records.push(record);
        if (performance.now() - kept < KEEP_EVERY) continue;
        await this.#keepCheckpoint(run);
        kept = performance.now();
      }
      await this.#keepCheckpoint(run);
    } catch (error) {
      if (!(error instanceof WakesleepError && error.code === 'ABORTED')) throw error;
      if (this.#run !== undefined) await this.#keepCheckpoint(this.#run);
    } finally {
      await this.#run?.free();
      this.#run = undefined;
      this.#stop = undefined;
    }
  }

  async #keepCheckpoint(run: RemoteRun): Promise<void> {
    this.#checkpoint = await run.toBytes();
    await this.keep(this.#checkpoint, this.records);
  }

  async #bring(name: DigitsName): Promise<RemoteDataset> {
    if (this.digits?.name === name && this.#data !== undefined) return this.#data;
    const digits = await bringDigits(name);
    const { images, labels } = digits.train;
    const data = await this.engine.dataset({
      rows: images,
      columns: digits.side ** 2,
      scale: 1 / 255,
      labels,
      classes: 10,
      name,
    });
    await this.#data?.free();
    this.#data = data;
    this.digits = digits;
    return data;
  }

  async #free(): Promise<void> {
    await this.model?.free();
    this.model = undefined;
    this.records = [];
    this.#checkpoint = undefined;
  }
}

function graphOf({ model, hidden }: Settings, pixels: number): Graph {
  const label = softmax(10);
  const lower = model === 'dbn' ? [bernoulli(hidden)] : [];
  return deepBeliefNet({ visible: bernoulli(pixels), hidden: lower, label, top: bernoulli(2 * hidden) });
}

/**
 * As the recipes `digits-tiny` and `mnist-dbn` have it: on MNIST the topmost machine, which generates, has persistent chains; the
 * small digits are few, and contrastive divergence holds their labels better.
 */
function algorithmOf({ data, epochs, rate }: Settings, machines: number): Greedy {
  const common = { epochs, batchRows: data === 'mnist' ? 100 : 20, data: 'states' } as const;
  const divergence = contrastiveDivergence({
    ...common,
    reconstruction: 'states',
    learningRate: { from: rate, to: rate / 5 },
  });
  const persistent = persistentContrastiveDivergence({
    ...common,
    learningRate: { from: rate, to: rate / 100 },
    momentum: 0.5,
    weightCost: 0.0005,
  });
  const top = data === 'mnist' ? persistent : divergence;
  return greedy(Array.from({ length: machines }, (_, machine) => (machine === machines - 1 ? top : divergence)));
}

function machinesOf({ connections }: Graph): number {
  return connections.filter(({ lower }) => lower !== 'label').length;
}

function digitsFor({ layers }: Graph): DigitsName {
  const visible = layers.find(({ name }) => name === 'visible')?.units;
  const hasLabels = layers.some(({ name }) => name === 'label');
  const pixels = visible?.type === 'bernoulli' ? visible.units : 0;
  if (hasLabels && pixels === 144) return 'digits-tiny';
  if (hasLabels && pixels === 784) return 'mnist';
  throw new Error('This page shows nets of 144 or 784 pixels with labels; the file holds another model.');
}
