/** Handles of objects that live in a worker: the members that members.ts names, each a question to the worker. */
import { WakesleepError } from '../errors.js';
import type { Link } from './link.js';
import { type Kind, members } from './members.js';

/** Where the object of a handle is. */
export interface Place {
  readonly link: Link;
  readonly kind: Kind;
  readonly id: number;
}

const places = new WeakMap<object, Place>();
const prototypes = new Map<Kind, object>();

/** A handle of the object that has this number in the worker. */
export function createHandle(link: Link, kind: Kind, id: number): object {
  let prototype = prototypes.get(kind);
  if (prototype === undefined) {
    prototype = createPrototype(kind);
    prototypes.set(kind, prototype);
  }
  const handle = Object.create(prototype) as object;
  places.set(handle, { link, kind, id });
  return handle;
}

/** Where the object of a handle is; undefined for what is no handle. */
export function placeOf(value: object): Place | undefined {
  return places.get(value);
}

function createPrototype(kind: Kind): object {
  const prototype = {};
  const define = (name: string | symbol, member: PropertyDescriptor) =>
    Object.defineProperty(prototype, name, { configurable: true, ...member });
  define(Symbol.toStringTag, { value: `Remote${kind}` });
  for (const name of members[kind].methods) {
    define(name, {
      value(this: object, ...given: unknown[]) {
        return callOf(known(this), name, given);
      },
    });
  }
  for (const name of members[kind].properties) {
    define(name, {
      get(this: object) {
        const { link, id } = known(this);
        return link.ask((server) => server.get(id, name));
      },
    });
  }
  if (kind === 'Run') define(Symbol.asyncIterator, { value: iterate });
  if (kind === 'Engine') {
    define('close', { value: close });
    define(Symbol.asyncDispose, { value: close });
  }
  return prototype;
}

function known(handle: object): Place {
  const place = places.get(handle);
  if (place === undefined) throw new TypeError('A method of a remote handle was called without its handle.');
  return place;
}

/** Calls a method there. What cannot be sent rejects like everything else that is wrong. */
async function callOf({ link, id }: Place, name: string, given: unknown[]): Promise<unknown> {
  return link.ask(async (server) => server.call(id, name, link.pack(given, `${name}()`)));
}

async function close(this: object): Promise<void> {
  await known(this).link.close();
}

/**
 * The steps of an iteration in the worker. Each is asked for when the loop here wants it: the worker never runs ahead, so that
 * after `break` the model is as it was at the last record, as without a worker.
 */
async function* iterate(this: object): AsyncGenerator<unknown, void, void> {
  const { link, id } = known(this);
  const iteration = (await link.ask((server) => server.iterate(id))) as number;
  let running = true;
  try {
    for (;;) {
      running = false;
      const step = (await link.ask((server) => server.next(iteration))) as IteratorResult<unknown, void>;
      if (step.done) return;
      running = true;
      yield step.value;
    }
  } finally {
    if (running) await link.ask((server) => server.leave(iteration)).catch((error) => refuseUnlessEnded(link, error));
  }
}

/** An iteration whose worker has ended has ended with it. */
function refuseUnlessEnded(link: Link, error: unknown): void {
  if (!link.hasEnded || !(error instanceof WakesleepError)) throw error;
}
