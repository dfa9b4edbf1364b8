/** The engine: what `load()` gives. It holds the kernels and their memory, and makes data sets and models. */
import { createDataset, type Dataset, type DatasetOptions } from './data/dataset.js';
import { WakesleepError } from './errors.js';
import { type ForeignNames, type ForeignTensor, readForeign } from './files/foreign.js';
import { firstDifference } from './files/json.js';
import { checkShapes, type ModelFile, readModelFile } from './files/model-file.js';
import { type Graph, readGraph } from './graph/graph.js';
import { type Algorithm, checkAlgorithm, readAlgorithm } from './learn/algorithm.js';
import { checkTrainOptions, Run, type TrainOptions } from './learn/run.js';
import { Model } from './model.js';
import { finiteNumber, seed as readSeed, refuseUnknown } from './options.js';
import { type LoadOptions, load as loadRuntime } from './runtime/load.js';
import type { Runtime, RuntimeInfo } from './runtime/runtime.js';

/** What `create()` takes beside the graph. */
export interface CreateOptions {
  /** Seed of the weights and of all noise in training, 0 to 2^53 − 1; there is no default. */
  readonly seed: number;
  /**
   * Standard deviation of the initial weights. Default `null`: 0.01 (Hinton 2010, section 8), and `√(g/n)` for those from n
   * units of a feed-forward network, g 2 into rectified units (He et al. 2015) and 1 into others (LeCun et al. 1998).
   */
  readonly weightScale?: number | null;
}

/** The kernels in a memory of their own, on this thread and its workers. Data sets and models belong to one engine. */
export class Engine {
  /** @internal */
  constructor(
    /** @internal */
    readonly runtime: Runtime,
  ) {}

  /** Which artefact, how many threads, why not more, and versions. */
  get info(): RuntimeInfo {
    return this.runtime.info;
  }

  /** Puts rows into the engine's memory. Throws `DATA_INVALID`, `SHAPE_MISMATCH`, `OUT_OF_MEMORY`. */
  dataset(options: DatasetOptions): Dataset {
    return createDataset(this.runtime, options);
  }

  /** A model with weights drawn from the seed and biases of zero. Throws `OUT_OF_MEMORY`. */
  create(graph: Graph, options: CreateOptions): Model {
    refuseUnknown('create()', options, ['seed', 'weightScale']);
    const seed = readSeed('create()', options.seed);
    const { weightScale = null } = options;
    const scale = weightScale === null ? null : finiteNumber('create()', 'weightScale', weightScale, { atLeast: 0 });
    const model = new Model(this, readGraph('create()', graph), seed, 0);
    model.parameters.initialise(seed, scale);
    return model;
  }

  /**
   * A model from the bytes of a model or checkpoint file. A file from elsewhere (safetensors, or what `readNpz` makes of NumPy's) holds
   * parameters only: give its graph, what it calls each parameter (`names`), and, to train on, a seed (default the file's own,
   * and 0 where it has none). Throws `FILE_CORRUPT`, `SHAPE_MISMATCH`, `OPTION_INVALID`.
   */
  open(
    bytes: Uint8Array | ReadonlyMap<string, ForeignTensor>,
    options: { readonly graph?: Graph; readonly names?: ForeignNames; readonly seed?: number } = {},
  ): Model {
    refuseUnknown('open()', options, ['graph', 'names', 'seed']);
    if (options.names !== undefined || !(bytes instanceof Uint8Array)) {
      const graph = readGraph('open()', options.graph);
      return this.#modelOf(readForeign(bytes, graph, options.names ?? {}), { ...options, graph });
    }
    return this.#modelOf(readModelFile(bytes, 'The file'), options);
  }

  /**
   * The run that a checkpoint stands in, on the same rows: iterate it to go on to the same bits. Throws `FILE_CORRUPT`,
   * and `RESUME_MISMATCH` where the rows are not those of the checkpoint.
   */
  resume(bytes: Uint8Array, data: Dataset, options: TrainOptions = {}): Run {
    checkTrainOptions('resume()', options);
    const file = readModelFile(bytes, 'The checkpoint');
    if (file.training === undefined || file.model === undefined) {
      const message = 'This file holds a model without the state of its training; open it with `open()`.';
      throw new WakesleepError('RESUME_MISMATCH', message, { wanted: 'a checkpoint' });
    }
    const difference = firstDifference(file.data, data.identity());
    if (difference !== undefined) {
      const message = `The checkpoint was made with other rows: \`${difference || 'data'}\` differs.`;
      throw new WakesleepError('RESUME_MISMATCH', message, { given: data.identity(), where: difference });
    }
    const algorithm: Algorithm = readAlgorithm(file.training.algorithm);
    checkAlgorithm(file.model.graph, algorithm);
    return new Run(this.#modelOf(file, {}), data, algorithm, options, file.training);
  }

  #modelOf(file: ModelFile, options: { readonly graph?: Graph; readonly seed?: number }): Model {
    const graph = file.model?.graph ?? (options.graph === undefined ? undefined : readGraph('open()', options.graph));
    if (graph === undefined) {
      const message = 'This file says nothing of its graph; pass `graph`.';
      throw new WakesleepError('OPTION_INVALID', message, { wanted: 'a graph', where: 'open().graph' });
    }
    checkShapes(graph, file.parameters, 'The file');
    const seed = readSeed('open()', options.seed ?? file.model?.seed ?? 0);
    const model = new Model(this, graph, seed, file.model?.updates ?? 0);
    try {
      for (const [name, { values }] of file.parameters) model.parameters.write(name, values);
    } catch (error) {
      model.free();
      throw error;
    }
    return model;
  }

  /** Ends the engine and its threads; models and data sets of it cannot be used afterwards. */
  close(): void {
    this.runtime.close();
  }

  /** As `close()`, for `using engine = await load()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Starts an engine on this thread. `threads`, `artefact`, `maxMemoryBytes` and `wasm` are as `LoadOptions` says; the
 * default takes what the host really grants, and `engine.info` says what that is and why. Throws `OPTION_INVALID`,
 * `THREADS_UNAVAILABLE`, `ARTEFACT_UNAVAILABLE`, `OUT_OF_MEMORY`.
 */
export async function load(options: LoadOptions = {}): Promise<Engine> {
  return new Engine(await loadRuntime(options));
}
