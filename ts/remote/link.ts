/**
 * This side of `loadInWorker()`: one worker, the calls under way to it, and what becomes of them when it ends.
 *
 * Comlink carries the calls. By itself it never settles one whose worker is gone, and drops those under way when its proxy
 * is collected; so each call is kept here until it is answered or the link ends, and links that are open are kept alive.
 */
import { type Remote as Proxied, wrap } from 'comlink';
import { WakesleepError } from '../errors.js';
import type { EngineWorker } from '../runtime/launch.js';
import type { LoadOptions } from '../runtime/load.js';
import { startEngineWorker } from '../runtime/start-engine.js';
import { createHandle, placeOf } from './handle.js';
import type { Answer, EngineServer } from './serve.js';
import { handleMark, type Mark, pack, packOrDescribe, type Side, signalMark, unpack } from './wire.js';

type Server = Proxied<EngineServer>;

/** Links that have not ended. */
const open = new Set<Link>();

/** Starts a worker and an engine in it; a handle of the engine. */
export async function openLink(options: LoadOptions): Promise<object> {
  let link: Link | undefined;
  let early: unknown;
  const worker = await startEngineWorker((cause) => {
    if (link === undefined) early = cause;
    else link.fail(cause);
  });
  link = new Link(worker);
  if (early !== undefined) link.fail(early);
  try {
    return (await link.ask((server) => server.open(link.pack(options, 'loadInWorker()')))) as object;
  } catch (error) {
    await link.close();
    throw error;
  }
}

export class Link {
  readonly #worker: EngineWorker;
  readonly #server: Server;
  readonly #pending = new Set<(error: WakesleepError) => void>();
  readonly #signals = new WeakMap<AbortSignal, number>();
  /** Ways to stop listening to signals, by their numbers. */
  readonly #deafen = new Map<number, () => void>();
  /** Numbers of handles and signals, told to the worker when their objects here are gone. */
  readonly #handlesGone = new FinalizationRegistry<number>((id) => this.#tell((server) => server.release(id)));
  readonly #signalsGone = new FinalizationRegistry<number>((id) => {
    this.#deafen.delete(id);
    this.#tell((server) => server.forget(id));
  });
  #lastSignal = 0;
  /** Makes the error that refuses all calls, once there is a reason to. */
  #refusal: (() => WakesleepError) | undefined;
  readonly #side: Side = {
    mark: (value) => this.#markOf(value),
    meaning: (mark) => this.#meaningOf(mark),
  };

  constructor(worker: EngineWorker) {
    this.#worker = worker;
    this.#server = wrap<EngineServer>(worker.endpoint);
    open.add(this);
  }

  get hasEnded(): boolean {
    return this.#refusal !== undefined;
  }

  /** What the worker answers. Rejects with its error, or with `ENGINE_CLOSED` or `ENGINE_FAILED` when it has ended. */
  ask(question: (server: Server) => Promise<Answer>): Promise<unknown> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      this.#begin(reject);
      question(this.#server)
        .then((answer) => resolve(this.#read(answer)))
        .catch(reject)
        .finally(() => this.#settled(reject));
    });
  }

  /** A value of this side as it can be posted. */
  pack(value: unknown, where: string): unknown {
    return pack(value, this.#side, where);
  }

  /** Ends the worker with all its threads; what is under way is refused with `ENGINE_CLOSED`. May be called again. */
  async close(): Promise<void> {
    this.#endWith(() => new WakesleepError('ENGINE_CLOSED', 'The engine is closed.'));
    await this.#worker.end();
  }

  /** The worker has ended by itself. */
  fail(cause: unknown): void {
    if (this.hasEnded) return;
    const said = cause instanceof Error ? cause.message : String(cause);
    const sentence = /[.!?]$/.test(said) ? said : `${said}.`;
    const message = `The engine has failed and can do no further work: ${sentence} Load a new one.`;
    this.#endWith(() => new WakesleepError('ENGINE_FAILED', message, { cause }));
    void this.#worker.end();
  }

  #endWith(refusal: () => WakesleepError): void {
    this.#refusal = refusal;
    for (const stop of this.#deafen.values()) stop();
    this.#deafen.clear();
    for (const reject of this.#pending) reject(refusal());
    this.#pending.clear();
    open.delete(this);
  }

  /** The process stays while calls are under way, and only then. */
  #begin(reject: (error: WakesleepError) => void): void {
    if (this.#pending.size === 0) this.#worker.hold(true);
    this.#pending.add(reject);
  }

  #settled(reject: (error: WakesleepError) => void): void {
    if (this.#pending.delete(reject) && this.#pending.size === 0) this.#worker.hold(false);
  }

  /** Says something that needs no answer. */
  #tell(say: (server: Server) => Promise<void>): void {
    if (!this.hasEnded) void say(this.#server);
  }

  #read(answer: Answer): unknown {
    if ('error' in answer) throw unpack(answer.error, this.#side);
    return unpack(answer.value, this.#side);
  }

  #markOf(value: object): Mark | undefined {
    if (value instanceof AbortSignal) return this.#markOfSignal(value);
    const place = placeOf(value);
    if (place === undefined) return undefined;
    if (place.link === this) return handleMark(place.kind, place.id);
    throw new WakesleepError('OPTION_INVALID', `A ${place.kind} of one engine was given to another.`, {
      wanted: 'what the same engine has made',
    });
  }

  #meaningOf(mark: Parameters<Side['meaning']>[0]): object {
    if ('aborted' in mark) throw new Error('A worker sends no signals.');
    const handle = createHandle(this, mark.kind, mark.id);
    this.#handlesGone.register(handle, mark.id);
    return handle;
  }

  #markOfSignal(signal: AbortSignal): Mark {
    const known = this.#signals.get(signal);
    const id = known ?? this.#listen(signal);
    return signalMark(id, signal.aborted, signal.aborted ? this.#reasonOf(signal) : undefined);
  }

  #listen(signal: AbortSignal): number {
    this.#lastSignal += 1;
    const id = this.#lastSignal;
    this.#signals.set(signal, id);
    this.#signalsGone.register(signal, id);
    // Neither function below may hold the signal, which would then never be given up.
    const tell = ({ target }: Event) => this.#tell((server) => server.abort(id, this.#reasonOf(target as AbortSignal)));
    signal.addEventListener('abort', tell, { once: true });
    const heard = new WeakRef(signal);
    this.#deafen.set(id, () => heard.deref()?.removeEventListener('abort', tell));
    return id;
  }

  #reasonOf({ reason }: AbortSignal): unknown {
    return packOrDescribe(reason, this.#side, 'signal.reason');
  }
}
