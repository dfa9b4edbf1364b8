/**
 * The worker's side of `loadInWorker()`: one engine, and a table of the objects of it that the other side holds handles of.
 *
 * Every method answers with a value or an error, both packed (wire.ts); none throws.
 */
import { type Endpoint, expose, transfer } from 'comlink';
import { Dataset } from '../data/dataset.js';
import { Engine, load } from '../engine.js';
import { Run } from '../learn/run.js';
import { Model } from '../model.js';
import { Parameter } from '../parameter.js';
import type { LoadOptions } from '../runtime/load.js';
import type { Kind } from './members.js';
import { handleMark, type Mark, pack, type Side, unpack } from './wire.js';

/** A packed value, or a packed error. */
export type Answer = { readonly value: unknown } | { readonly error: unknown };

const CLASSES = { Engine, Dataset, Model, Run, Parameter } satisfies Record<Kind, unknown>;

type Target = Record<string, (...given: unknown[]) => unknown>;

export class EngineServer {
  readonly #objects = new Map<number, object>();
  readonly #aborts = new Map<number, AbortController>();
  #lastId = 0;
  readonly #side: Side = {
    mark: (value) => this.#markOf(value),
    meaning: (mark) => this.#meaningOf(mark),
  };

  /** The engine that `load()` gives with these options. */
  open(options: unknown): Promise<Answer> {
    return this.#answer(() => load(this.#read(options) as LoadOptions));
  }

  /** What a method of an object gives. */
  async call(id: number, name: string, given: unknown): Promise<Answer> {
    const answer = await this.#answer(() =>
      (this.#objects.get(id) as Target)[name]!(...(this.#read(given) as unknown[])),
    );
    const fresh = 'value' in answer ? bufferOfItsOwn(answer.value) : undefined;
    return fresh === undefined ? answer : transfer(answer, [fresh]);
  }

  /** A property of an object. */
  get(id: number, name: string): Promise<Answer> {
    return this.#answer(() => (this.#objects.get(id) as Target)[name]);
  }

  /** Begins an iteration over an object; its number. */
  iterate(id: number): Promise<Answer> {
    return this.#answer(() => this.#keep((this.#objects.get(id) as AsyncIterable<unknown>)[Symbol.asyncIterator]()));
  }

  /** The next step of an iteration. The work is done when this is asked, and no further. */
  next(iteration: number): Promise<Answer> {
    return this.#answer(async () => {
      try {
        const step = await (this.#objects.get(iteration) as AsyncGenerator).next();
        if (step.done) this.release(iteration);
        return { done: step.done === true, value: step.value };
      } catch (error) {
        this.release(iteration);
        throw error;
      }
    });
  }

  /** Ends an iteration before its end, as `break` does. */
  leave(iteration: number): Promise<Answer> {
    return this.#answer(async () => {
      await (this.#objects.get(iteration) as AsyncGenerator | undefined)?.return(undefined);
      this.release(iteration);
    });
  }

  /** The other side's signal was aborted. */
  abort(signal: number, reason: unknown): void {
    this.#aborts.get(signal)?.abort(this.#read(reason));
  }

  /** The other side has given a handle up. This frees no memory of the engine: `free()` does. */
  release(id: number): void {
    this.#objects.delete(id);
  }

  /** The other side has given a signal up, which can then no longer be aborted. */
  forget(signal: number): void {
    this.#aborts.delete(signal);
  }

  async #answer(work: () => unknown): Promise<Answer> {
    try {
      return { value: pack(await work(), this.#side, 'result') };
    } catch (error) {
      return { error: pack(error, this.#side, 'error') };
    }
  }

  #read(packed: unknown): unknown {
    return unpack(packed, this.#side);
  }

  #keep(thing: object): number {
    this.#lastId += 1;
    this.#objects.set(this.#lastId, thing);
    return this.#lastId;
  }

  /** A handle is sent anew each time, under a number of its own, so that one given up never is one just sent. */
  #markOf(value: object): Mark | undefined {
    for (const [kind, HandleClass] of Object.entries(CLASSES)) {
      if (value instanceof HandleClass) return handleMark(kind as Kind, this.#keep(value));
    }
    return undefined;
  }

  #meaningOf(mark: Parameters<Side['meaning']>[0]): unknown {
    if (!('aborted' in mark)) return this.#objects.get(mark.id);
    let controller = this.#aborts.get(mark.id);
    if (controller === undefined) {
      controller = new AbortController();
      if (mark.aborted) controller.abort(this.#read(mark.reason));
      this.#aborts.set(mark.id, controller);
    }
    return controller.signal;
  }
}

/** Answers what comes through `endpoint`, for as long as the worker lives. */
export function serve(endpoint: Endpoint): void {
  expose(new EngineServer(), endpoint);
}

/** The memory of a typed array that has all of it: results are copies (ARCHITECTURE.md), so that it can be handed over. */
function bufferOfItsOwn(value: unknown): ArrayBuffer | undefined {
  if (!ArrayBuffer.isView(value) || !(value.buffer instanceof ArrayBuffer)) return undefined;
  return value.byteLength === value.buffer.byteLength ? value.buffer : undefined;
}
