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

/** Digits, and those of them that are learned from as the engine holds them. */
interface DigitSet {
  readonly digits: Digits;
  readonly data: RemoteDataset;
}

/** What stands on the page: it is replaced as a whole. */
interface Shown {
  readonly set: DigitSet;
  readonly model: RemoteModel;
  readonly records: TrainingRecord[];
  readonly checkpoint: Uint8Array<ArrayBuffer> | undefined;
  readonly isDone: boolean;
}

export class Session {
  model: RemoteModel | undefined;
  /** Records of the run so far, those before a pause among them. */
  records: TrainingRecord[] = [];
  /** Whether the run has come to its end. */
  isDone = false;
  /** Why the newest checkpoint could not be kept, if it could not. The run goes on all the same. */
  notKept: string | undefined;
  #isBusy = false;
  #set: DigitSet | undefined;
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

  get digits(): Digits | undefined {
    return this.#set?.digits;
  }

  /** Whether a model is trained or opened, so that no other can be. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  get isTraining(): boolean {
    return this.#stop !== undefined;
  }

  /** Whether a run was asked for and has not begun: its digits may have to be fetched. */
  get isStarting(): boolean {
    return this.isTraining && this.#run === undefined;
  }

  /** Whether there is a run that has stopped before its end. */
  get canGoOn(): boolean {
    return !this.#isBusy && this.#checkpoint !== undefined && !this.isDone;
  }

  /** Makes a model and trains it to the end or to a pause. */
  begin(settings: Settings): Promise<void> {
    return this.#alone(() =>
      this.#follow((signal) =>
        this.#with(settings.data, async (set) => {
          const graph = graphOf(settings, set.digits.side ** 2);
          const model = await this.engine.create(graph, { seed: settings.seed });
          await this.#show({ set, model, records: [], checkpoint: undefined, isDone: false });
          return model.train(set.data, algorithmOf(settings, machinesOf(graph)), { signal });
        }),
      ),
    );
  }

  /** Goes on from where the run was stopped. */
  goOn(): Promise<void> {
    return this.#alone(async () => {
      const [checkpoint, set, stopped] = [this.#checkpoint, this.#set, this.model];
      if (checkpoint === undefined || set === undefined) return;
      await this.#follow(async (signal) => {
        const run = await this.engine.resume(checkpoint, set.data, { signal });
        this.model = await run.model;
        await stopped?.free();
        return run;
      });
    });
  }

  /** Stops the run at the next batch; what `begin` or `goOn` promised is then kept. */
  pause(): void {
    this.#stop?.abort();
  }

  /** Takes a checkpoint, or a model without its training, in place of the present model, which stays where this fails. */
  open(bytes: Uint8Array<ArrayBuffer>, records: TrainingRecord[]): Promise<void> {
    return this.#alone(async () => {
      const model = await this.engine.open(bytes);
      try {
        await this.#with(digitsFor(await model.graph), async (set) => {
          const state = await this.#stateOf(bytes, set.data);
          const checkpoint = state === 'model' ? undefined : bytes;
          await this.#show({ set, model, records, checkpoint, isDone: state === 'done' });
        });
      } catch (error) {
        await model.free();
        throw error;
      }
    });
  }

  /** The newest checkpoint, or the model where nothing was trained here. */
  async toBytes(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#checkpoint ?? (await this.model?.toBytes());
  }

  /** Ends the engine. */
  close(): Promise<void> {
    return this.engine.close();
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) throw new Error('Another model is being trained or opened: pause it, or wait a moment.');
    this.#isBusy = true;
    try {
      await work();
    } finally {
      this.#isBusy = false;
    }
  }

  /** Whether bytes are a model alone, or a run on these rows that stands before its end or at it. */
  async #stateOf(bytes: Uint8Array<ArrayBuffer>, data: RemoteDataset): Promise<'model' | 'paused' | 'done'> {
    try {
      const run = await this.engine.resume(bytes, data);
      const [progress, algorithm] = [await run.progress, await run.algorithm];
      await (await run.model).free();
      await run.free();
      const [done, all] =
        algorithm.type === 'greedy'
          ? [progress.phase, algorithm.phases.length]
          : [progress.epoch, 'epochs' in algorithm ? algorithm.epochs : null];
      return all !== null && done >= all ? 'done' : 'paused';
    } catch (error) {
      if (error instanceof WakesleepError && error.code === 'RESUME_MISMATCH') return 'model';
      throw error;
    }
  }

  async #follow(start: (signal: AbortSignal) => Promise<RemoteRun>): Promise<void> {
    this.#stop = new AbortController();
    try {
      const run = await start(this.#stop.signal);
      this.#run = run;
      let kept = performance.now();
      for await (const record of run) {
        this.records.push(record);
        if (performance.now() - kept < KEEP_EVERY) continue;
        await this.#keepCheckpoint(run);
        kept = performance.now();
      }
      this.isDone = true;
      await this.#keepCheckpoint(run);
    } catch (error) {
      if (!(error instanceof WakesleepError && error.code === 'ABORTED')) throw error;
      if (this.#run !== undefined) await this.#keepCheckpoint(this.#run);
    } finally {
      const run = this.#run;
      this.#run = undefined;
      this.#stop = undefined;
      await run?.free();
    }
  }

  async #keepCheckpoint(run: RemoteRun): Promise<void> {
    this.#checkpoint = await run.toBytes();
    try {
      await this.keep(this.#checkpoint, this.records);
      this.notKept = undefined;
    } catch (error) {
      this.notKept = (error as Error).message;
    }
  }

  /** Works with digits; those that were brought for it go again where it fails. */
  async #with<T>(name: DigitsName, work: (set: DigitSet) => Promise<T>): Promise<T> {
    const set = await this.#bring(name);
    try {
      return await work(set);
    } catch (error) {
      if (set !== this.#set) await set.data.free();
      throw error;
    }
  }

  async #bring(name: DigitsName): Promise<DigitSet> {
    if (this.#set?.digits.name === name) return this.#set;
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
    return { digits, data };
  }

  /** All at once, so that nobody who asks meanwhile finds a model beside digits of another. */
  async #show({ set, model, records, checkpoint, isDone }: Shown): Promise<void> {
    const [oldSet, oldModel] = [this.#set, this.model];
    this.#set = set;
    this.model = model;
    this.records = records;
    this.#checkpoint = checkpoint;
    this.isDone = isDone;
    await oldModel?.free();
    if (oldSet !== set) await oldSet?.data.free();
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
