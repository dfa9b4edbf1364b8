/**
 * A running engine at its lowest level: the kernels of one instance, its memory and its workers.
 *
 * Every kernel is wrapped: if it traps (or a worker fails), the engine is over. Its state cannot be trusted any more, so
 * that call and every later one throws `ENGINE_FAILED` with what the panic said; after `close()` they throw
 * `ENGINE_CLOSED`. Freeing is the exception: it does nothing on an engine that has ended.
 */
import { WakesleepError } from '../errors.js';
import type { Bound } from '../wasm/st.js';
import type { Workers } from './launch.js';
import type { Artefact } from './load.js';
import { EngineBuffer, Views } from './memory.js';

/** What kernels there are; the same in all artefacts. */
export type Kernels = Omit<Bound, 'start' | 'startSync' | 'installPanicHook' | 'panicTextAddress' | 'panicTextLength'>;

/** What `load` decided, and why. */
export interface RuntimeInfo {
  readonly artefact: Artefact;
  /** Whether the same seed gives the same bits on every host: all artefacts but the relaxed ones. */
  readonly portable: boolean;
  /** Threads that compute, the calling one included. */
  readonly threads: number;
  /** In words, why there are not more threads. */
  readonly reason: string;
  /** What the user should know, in sentences. */
  readonly warnings: readonly string[];
  readonly host: string;
  /** The package's version. */
  readonly version: string;
  /** The version of the definition of all random draws. */
  readonly streamVersion: number;
  /** To how many bytes the memory can grow. */
  readonly maxMemoryBytes: number;
}

/** What a runtime is made of. */
export interface RuntimeParts {
  readonly bound: Bound;
  readonly memory: WebAssembly.Memory;
  readonly info: RuntimeInfo;
}

type State = 'open' | 'closed' | WakesleepError;

export class Runtime {
  readonly info: RuntimeInfo;
  /** The kernels, each guarded as the head of this file says. */
  readonly kernels: Kernels;
  /** Typed arrays over addresses that kernels give. */
  readonly views: Views;
  readonly #bound: Bound;
  #workers: Workers | undefined;
  #state: State = 'open';

  constructor({ bound, memory, info }: RuntimeParts) {
    this.info = info;
    this.views = new Views(memory);
    this.#bound = bound;
    this.kernels = this.#guardAll(bound);
  }

  /** Hands over the workers, which end with this engine. */
  adopt(workers: Workers): void {
    this.#workers = workers;
    if (this.#state !== 'open') this.#endWorkers();
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The error that ended the engine, if one did. */
  get failure(): WakesleepError | undefined {
    return this.#state instanceof WakesleepError ? this.#state : undefined;
  }

  /** `bytes` zeroed bytes. Throws `OUT_OF_MEMORY` where the memory may not grow so far. */
  allocate(bytes: number): EngineBuffer {
    const handle = bytes <= 0xffff_ffff ? this.kernels.Buffer.allocate(bytes) : undefined;
    if (handle === undefined) throw this.outOfMemory(bytes);
    return new EngineBuffer(handle, this.views);
  }

  /** The error for something that did not fit; `what` names it in the sentence. */
  outOfMemory(bytes: number, what = 'a buffer'): WakesleepError {
    const { bytesInUse } = this.views;
    const { maxMemoryBytes } = this.info;
    const message =
      `There is no memory for ${what} of ${bytes} bytes: the engine has ${bytesInUse} bytes, ` +
      `and may have at most ${maxMemoryBytes} (\`maxMemoryBytes\`).`;
    return new WakesleepError('OUT_OF_MEMORY', message, { given: bytes });
  }

  /** Throws `ENGINE_CLOSED` or `ENGINE_FAILED` unless the engine can work. */
  assertOpen(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'closed') throw new WakesleepError('ENGINE_CLOSED', 'The engine is closed.');
    throw this.#failed(this.#state.cause);
  }

  /** Ends the engine because of `cause`; returns the error that says so. What ended it first stays the reason. */
  fail(cause: unknown): WakesleepError {
    if (this.#state === 'open') {
      this.#state = this.#failed(cause);
      this.#endWorkers();
    }
    return this.#state === 'closed' ? this.#failed(cause) : this.#state;
  }

  /** Ends every worker and refuses further work. May be called again. */
  close(): void {
    this.#state = 'closed';
    this.#endWorkers();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #endWorkers(): void {
    this.#workers?.close();
    this.#workers = undefined;
  }

  #failed(cause: unknown): WakesleepError {
    const said = this.#panicText() || (cause instanceof Error ? cause.message : String(cause));
    const sentence = /[.!?]$/.test(said) ? said : `${said}.`;
    const message = `The engine has failed and can do no further work: ${sentence} Load a new one.`;
    return new WakesleepError('ENGINE_FAILED', message, { cause });
  }

  /** What the first panic said; empty where nothing panicked. A trapped instance still answers this. */
  #panicText(): string {
    const length = this.#bound.panicTextLength();
    // Browsers decode only what no other thread can change.
    return new TextDecoder().decode(this.views.bytes(this.#bound.panicTextAddress(), length).slice());
  }

  #guardAll(bound: Bound): Kernels {
    const guarded: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(bound)) {
      guarded[name] = isClass(value) ? this.#guardClass(value) : this.#guard(name, value);
    }
    return Object.freeze(guarded) as unknown as Kernels;
  }

  /** Guards a class in place: the instance that it belongs to is this engine's alone. */
  #guardClass(kernelClass: KernelClass): KernelClass {
    this.#guardMembers(kernelClass.prototype);
    this.#guardMembers(kernelClass);
    return new Proxy(kernelClass, {
      construct: (target, parameters) =>
        this.#guard(target.name, () => Reflect.construct(target, parameters) as object)(),
    });
  }

  #guardMembers(owner: object): void {
    for (const key of Reflect.ownKeys(owner)) {
      const member = Object.getOwnPropertyDescriptor(owner, key)!;
      if (!isGuarded(key, member)) continue;
      if (member.get !== undefined) member.get = this.#guard(String(key), member.get);
      else if (key === 'free' || key === Symbol.dispose) member.value = this.#unlessEnded(member.value);
      else member.value = this.#guard(String(key), member.value);
      Object.defineProperty(owner, key, member);
    }
  }

  #guard<P extends unknown[], R>(name: string, kernel: (...parameters: P) => R): (...parameters: P) => R {
    const runtime = this;
    return function (this: unknown, ...parameters: P): R {
      if (runtime.#state !== 'open') runtime.assertOpen();
      try {
        return kernel.apply(this, parameters);
      } catch (cause) {
        throw runtime.fail(cause instanceof Error ? cause : new Error(`${name} threw ${String(cause)}`));
      }
    };
  }

  #unlessEnded(free: () => void): () => void {
    const runtime = this;
    return function (this: unknown): void {
      if (runtime.#state === 'open') free.call(this);
    };
  }
}

type KernelClass = { new (...parameters: never[]): object; readonly prototype: object };

function isClass(value: unknown): value is KernelClass {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

/** Methods and getters that enter the wasm; the glue's own parts begin with two underscores. */
function isGuarded(key: string | symbol, { configurable, get, value }: PropertyDescriptor): boolean {
  if (configurable !== true || key === 'constructor' || String(key).startsWith('__')) return false;
  return get !== undefined || typeof value === 'function';
}
