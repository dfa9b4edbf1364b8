/** SIGINT and SIGTERM as an `AbortSignal`: work stops at the next good place. A second signal ends the process at once. */
import { WakesleepError } from '../errors.js';

/** Listens until it is disposed of. */
export class Interruption {
  private readonly controller = new AbortController();
  private readonly onSignal = (name: string) => {
    this.dispose();
    this.stop(new WakesleepError('ABORTED', `Interrupted by ${name}.`, { given: name }));
  };

  constructor() {
    process.once('SIGINT', this.onSignal);
    process.once('SIGTERM', this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Stops the work for another reason: an error that happened beside it. */
  stop(reason: unknown): void {
    this.controller.abort(reason);
  }

  /** Lets events be heard, and throws `ABORTED` where a signal came. */
  readonly pause = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    this.signal.throwIfAborted();
  };

  dispose(): void {
    process.off('SIGINT', this.onSignal);
    process.off('SIGTERM', this.onSignal);
  }
}
