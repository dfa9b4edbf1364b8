/**
 * What a launcher does for the runtime: compile wasm from where it lies, and start workers. One file a host implements
 * it: launch-node.ts, launch-web.ts.
 */
import type { Endpoint } from 'comlink';

/** What a worker needs to join an engine; all of it can be posted to another thread. */
export interface WorkerSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Address of the channel on which the pool hands the worker its job. */
  readonly receiver: number;
  /** Address of the word in which a failing worker sets its mark. */
  readonly signalAddress: number;
}

/** Workers that run. */
export interface Workers {
  /** Ends all of them, whatever they do. */
  close(): void;
}

/** A worker that holds a whole engine, as remote/ sees it from outside. */
export interface EngineWorker {
  /** What Comlink speaks through. */
  readonly endpoint: Endpoint;
  /** Whether the process must not end because of it. A worker just started is not held. */
  hold(isBusy: boolean): void;
  /** Ends it, whatever it does, and its own workers with it. */
  end(): Promise<void>;
}

export interface Launcher {
  compile(url: URL): Promise<WebAssembly.Module>;
  /**
   * Starts `count` workers and waits until each is ready to take its job. Rejects, with none left running, if one cannot.
   * `onFailure` hears of a worker that fails or ends later.
   */
  startWorkers(setup: WorkerSetup, count: number, onFailure: (cause: unknown) => void): Promise<Workers>;
}

/** What a worker posts when it is about to take its job. */
export const READY = 'ready';

/** A loaded machine starts a worker in some tens of milliseconds; one that has said nothing after this will not. */
const START_LIMIT_MS = 30_000;

/** The promise of one worker's start, which gives up after a while. `settle` receives the two ways out. */
export function withinStartLimit(settle: (ready: () => void, fail: (cause: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`A worker did not start within ${START_LIMIT_MS / 1000} s.`));
    }, START_LIMIT_MS);
    const finish = (outcome: () => void) => {
      clearTimeout(timer);
      outcome();
    };
    settle(
      () => finish(resolve),
      (cause) => finish(() => reject(cause)),
    );
  });
}
