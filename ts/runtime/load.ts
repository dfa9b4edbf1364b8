/**
 * Starts an engine: decides which artefact and how many threads, creates the memory, starts the workers and tests them.
 *
 * 1. Read the options; look at the host.
 * 2. Plan: what is asked for, cut to what the host grants, with the reason in words.
 * 3. Start the plan. Where `threads: 'auto'` planned threads that do not come up, start one thread instead and say why.
 */
import { WakesleepError } from '../errors.js';
import { integer, oneOf, refuseUnknown } from '../options.js';
import type { Bound } from '../wasm/st.js';
import { countCores, describeHost, type Host } from './host.js';
import type { Launcher, Workers } from './launch.js';
import { launcherOf } from './launcher.js';
import { createMemory, MOST_PAGES, PAGE_BYTES } from './memory.js';
import { Runtime, type RuntimeInfo } from './runtime.js';
import { VERSION } from './version.js';

/** Where an artefact's wasm comes from. A module for hosts that refuse to compile bytes. */
export type WasmSource = WebAssembly.Module | URL | ArrayBuffer | ArrayBufferView;

/** What `load()` takes; everything has a default. */
export interface LoadOptions {
  /** Threads that compute, the calling one included: 1 to 64, or `'auto'` (the default) for what the host grants. */
  readonly threads?: 'auto' | number;
  /**
   * `'st'` has one thread and no shared memory, `'mt'` has threads; `'auto'` (the default) is whichever of these fits. With
   * `'st-relaxed'` and `'mt-relaxed'` dense layers are faster, but the bits depend on the host: see `RuntimeInfo.portable`.
   */
  readonly artefact?: 'auto' | Artefact;
  /** To how many bytes the engine's memory may grow: from 4 MiB to 4 GiB, the default. */
  readonly maxMemoryBytes?: number;
  /** The wasm itself, where the files of this package cannot be read or must not be compiled. */
  readonly wasm?: WasmSources;
}

/** The artefacts. The relaxed ones round a product and a sum once where the host does, and differ in nothing else. */
const ARTEFACTS = ['st', 'mt', 'st-relaxed', 'mt-relaxed'] as const;

/** The name of an artefact; what each is for is with `LoadOptions.artefact`. */
export type Artefact = (typeof ARTEFACTS)[number];

/** A source for each artefact that is not to come from the files of this package. */
export type WasmSources = { readonly [name in Artefact]?: WasmSource };

const MOST_THREADS = 64;
const LEAST_MEMORY_BYTES = 64 * PAGE_BYTES;

/**
 * Starts an engine on this thread.
 *
 * Throws `OPTION_INVALID` for options it does not know, `THREADS_UNAVAILABLE` where an explicit number of threads (or
 * an artefact with threads) cannot be had, `ARTEFACT_UNAVAILABLE` where the host cannot run a relaxed one, `OUT_OF_MEMORY`
 * where the host refuses a memory.
 */
export async function load(options: LoadOptions = {}): Promise<Runtime> {
  const wanted = readOptions(options);
  const host = await describeHost();
  const launcher = await launcherOf(host);
  const plan = planFor(wanted, host);
  if (!host.compiles && !isModule(wanted.wasm[plan.artefact])) throw notCompiled(plan, host);
  try {
    return await start(plan, wanted, host, launcher);
  } catch (cause) {
    if (!isThreaded(plan.artefact) || isOutOfMemory(cause)) throw cause;
    if (wanted.threads !== 'auto' || wanted.artefact !== 'auto') throw threadsDidNotStart(plan.threads, cause);
    const reason = `${plan.threads} threads did not start: ${messageOf(cause)}`;
    return start({ artefact: 'st', threads: 1, reason, warnings: [reason] }, wanted, host, launcher);
  }
}

// ---- Options ----

interface Wanted {
  readonly threads: 'auto' | number;
  readonly artefact: 'auto' | Artefact;
  readonly maxMemoryBytes: number;
  readonly wasm: WasmSources;
}

function readOptions(options: LoadOptions): Wanted {
  refuseUnknown('load', options, ['threads', 'artefact', 'maxMemoryBytes', 'wasm']);
  const { threads = 'auto', artefact = 'auto', maxMemoryBytes = MOST_PAGES * PAGE_BYTES, wasm = {} } = options;
  refuseUnknown('load.wasm', wasm, ARTEFACTS);
  return {
    threads: threads === 'auto' ? threads : readThreads(threads),
    artefact: oneOf('load', 'artefact', artefact, ['auto', ...ARTEFACTS]),
    maxMemoryBytes: integer('load', 'maxMemoryBytes', maxMemoryBytes, {
      atLeast: LEAST_MEMORY_BYTES,
      atMost: MOST_PAGES * PAGE_BYTES,
    }),
    wasm: Object.assign({}, ...ARTEFACTS.map((name) => readSource(name, wasm[name]))) as WasmSources,
  };
}

function readThreads(threads: unknown): number {
  if (typeof threads === 'number') return integer('load', 'threads', threads, { atLeast: 1, atMost: MOST_THREADS });
  const wanted = `"auto" or an integer from 1 to ${MOST_THREADS}`;
  throw new WakesleepError('OPTION_INVALID', `\`threads\` must be ${wanted}; got ${JSON.stringify(threads)}.`, {
    given: threads,
    wanted,
    where: 'load.threads',
  });
}

function readSource(name: Artefact, source: unknown): WasmSources {
  if (source === undefined) return {};
  if (isWasmSource(source)) return { [name]: source };
  const wanted = 'a WebAssembly.Module, a URL or bytes';
  throw new WakesleepError('OPTION_INVALID', `\`${name}\` must be ${wanted}; got ${typeof source}.`, {
    given: source,
    wanted,
    where: `load.wasm.${name}`,
  });
}

function isWasmSource(source: unknown): source is WasmSource {
  return isModule(source) || source instanceof URL || source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}

// ---- The plan ----

interface Plan {
  readonly artefact: Artefact;
  readonly threads: number;
  readonly reason: string;
  readonly warnings: readonly string[];
}

const isThreaded = (artefact: Artefact) => artefact === 'mt' || artefact === 'mt-relaxed';
const isRelaxed = (artefact: Artefact) => artefact === 'st-relaxed' || artefact === 'mt-relaxed';

/**
 * What will be started. Throws `THREADS_UNAVAILABLE` and `ARTEFACT_UNAVAILABLE` for what is asked in so many words and cannot
 * be had.
 */
function planFor(wanted: Wanted, host: Host): Plan {
  const { artefact, threads } = wanted;
  if (artefact !== 'auto' && isRelaxed(artefact) && !hasRelaxedSimd()) throw relaxedUnavailable(artefact, host);
  if (artefact !== 'auto' && isThreaded(artefact) && host.noSharedMemory)
    throw threadsUnavailable(host.noThreads!, wanted);
  return threads === 'auto' ? automaticPlan(artefact, host) : explicitPlan(wanted, threads, host);
}

function automaticPlan(artefact: 'auto' | Artefact, host: Host): Plan {
  if (artefact !== 'auto' && !isThreaded(artefact)) return oneThread(artefact, withoutThreads(artefact));
  const single = wished(artefact, 'st');
  if (host.noThreads !== undefined) return oneThread(single, host.noThreads);
  const threads = Math.min(host.cores, MOST_THREADS);
  if (threads === 1) return oneThread(single, host.coresReason);
  return { artefact: wished(artefact, 'mt'), threads, reason: host.coresReason, warnings: [] };
}

function explicitPlan(wanted: Wanted, threads: number, host: Host): Plan {
  const { artefact } = wanted;
  if (threads === 1) return oneThread(wished(artefact, 'st'), 'One thread was asked for.');
  if (artefact !== 'auto' && !isThreaded(artefact)) throw threadsUnavailable(withoutThreads(artefact), wanted);
  if (host.noThreads !== undefined) throw threadsUnavailable(host.noThreads, wanted);
  const tooMany = `${threads} threads share ${countCores(host.cores)}, which makes none of them faster.`;
  const warnings = threads > host.cores ? [tooMany] : [];
  return { artefact: wished(artefact, 'mt'), threads, reason: `${threads} threads were asked for.`, warnings };
}

/** The artefact that is asked for, or `otherwise` where none is. */
function wished(artefact: 'auto' | Artefact, otherwise: Artefact): Artefact {
  return artefact === 'auto' ? otherwise : artefact;
}

function withoutThreads(artefact: Artefact): string {
  return `The artefact \`${artefact}\` has one thread.`;
}

/** A module of one function, which multiplies and adds vectors of zeros by the instruction in question. */
const RELAXED_MODULE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0],
  ...[65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 133, 2, 11],
);

function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_MODULE);
}

function relaxedUnavailable(artefact: Artefact, host: Host): WakesleepError {
  const message = `The artefact \`${artefact}\` cannot be had here: ${host.name} has no relaxed SIMD for WebAssembly (Node has it from version 22).`;
  return new WakesleepError('ARTEFACT_UNAVAILABLE', message, { given: artefact, where: 'load.artefact' });
}

function notCompiled({ artefact }: Plan, { name }: Host): WakesleepError {
  const message =
    `The host ${name} compiles no wasm: import ${artefact} from 'wakesleep/${artefact}.wasm' as a module and pass it as ` +
    `\`load({ wasm: { ${artefact} } })\`, or take \`load\` from 'wakesleep/inline', which does so.`;
  const wanted = 'a WebAssembly.Module';
  return new WakesleepError('ARTEFACT_UNAVAILABLE', message, { wanted, where: `load.wasm.${artefact}` });
}

function oneThread(artefact: Artefact, reason: string): Plan {
  return { artefact, threads: 1, reason, warnings: [] };
}

function threadsUnavailable(reason: string, { threads, artefact }: Wanted): WakesleepError {
  const what = threads === 'auto' ? `The artefact \`${artefact}\`` : `\`threads: ${threads}\``;
  const message = `${what} cannot be had here: ${reason}`;
  return new WakesleepError('THREADS_UNAVAILABLE', message, { given: threads, where: 'load.threads' });
}

function threadsDidNotStart(threads: number, cause: unknown): WakesleepError {
  const message = `${threads === 1 ? 'The thread' : `${threads} threads`} did not start: ${messageOf(cause)}`;
  return new WakesleepError('THREADS_UNAVAILABLE', message, { given: threads, where: 'load.threads', cause });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function isOutOfMemory(cause: unknown): boolean {
  return cause instanceof WakesleepError && cause.code === 'OUT_OF_MEMORY';
}

// ---- The start ----

function start(plan: Plan, wanted: Wanted, host: Host, launcher: Launcher): Promise<Runtime> {
  const begin = isThreaded(plan.artefact) ? startShared : startSingle;
  return begin(plan, wanted, host, launcher);
}

async function startSingle(plan: Plan, wanted: Wanted, host: Host, launcher: Launcher): Promise<Runtime> {
  const module = moduleOf(wanted.wasm[plan.artefact] ?? urlOf(plan.artefact), launcher);
  const { bind, initialPages } = await import('../wasm/st.js');
  const { memory, maxMemoryBytes } = createMemory(false, initialPages, wanted.maxMemoryBytes);
  const bound = bind();
  await bound.start(await module, memory);
  bound.installPanicHook();
  return new Runtime({ bound, memory, info: infoOf(plan, host, bound, maxMemoryBytes) });
}

async function startShared(plan: Plan, wanted: Wanted, host: Host, launcher: Launcher): Promise<Runtime> {
  const module = moduleOf(wanted.wasm[plan.artefact] ?? urlOf(plan.artefact), launcher);
  const { bind, initialPages } = await import('../wasm/mt.js');
  const { memory, maxMemoryBytes } = createMemory(true, initialPages, wanted.maxMemoryBytes);
  let workers: Workers | undefined;
  let earlyFailure: unknown;
  let onFailure = (cause: unknown) => {
    earlyFailure = cause;
  };
  const bound = bind({
    async startWorkers(module, memory, builder) {
      const setup = { module, memory, receiver: builder.receiver(), signalAddress: bound.poolSignalAddress() };
      workers = await launcher.startWorkers(setup, builder.numThreads(), (cause) => onFailure(cause));
      builder.build();
      builder.free();
    },
  });
  try {
    await bound.start(await module, memory);
    bound.installPanicHook();
    if (plan.threads > 1) {
      await bound.initThreadPool(plan.threads - 1);
      bound.poolServe(plan.threads <= host.cores);
    }
    assertAllThreadsRun(bound, plan.threads);
  } catch (cause) {
    workers?.close();
    throw cause;
  }
  const runtime = new Runtime({ bound, memory, info: infoOf(plan, host, bound, maxMemoryBytes) });
  if (workers !== undefined) runtime.adopt(workers);
  onFailure = (cause) => void runtime.fail(cause);
  if (earlyFailure !== undefined) throw runtime.fail(earlyFailure);
  return runtime;
}

/** Where an artefact's file lies; each is written out so that bundlers find it. */
function urlOf(artefact: Artefact): URL {
  switch (artefact) {
    case 'st':
      return new URL('../wasm/st.wasm', import.meta.url);
    case 'mt':
      return new URL('../wasm/mt.wasm', import.meta.url);
    case 'st-relaxed':
      return new URL('../wasm/st-relaxed.wasm', import.meta.url);
    case 'mt-relaxed':
      return new URL('../wasm/mt-relaxed.wasm', import.meta.url);
  }
}

/** Each thread adds its number to a shared cell. */
function assertAllThreadsRun(bound: Bound, threads: number): void {
  const sum = bound.poolSelfTest();
  const wanted = (threads * (threads + 1)) / 2;
  if (sum !== wanted) throw new Error(`The threads' self-test gave ${sum} instead of ${wanted}.`);
}

function infoOf(plan: Plan, host: Host, bound: Bound, maxMemoryBytes: number): RuntimeInfo {
  return Object.freeze({
    ...plan,
    portable: !isRelaxed(plan.artefact),
    warnings: Object.freeze([...plan.warnings]),
    host: host.name,
    version: VERSION,
    streamVersion: bound.stream_version(),
    maxMemoryBytes,
  });
}

/** Modules of this package's own files, compiled once: engines may be opened by the hundred. */
const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Whether a value is a compiled module, of this realm or another: edge runtimes hand a program modules from outside of it. */
function isModule(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object WebAssembly.Module]';
}

function moduleOf(source: WasmSource, launcher: Launcher): Promise<WebAssembly.Module> {
  if (isModule(source)) return Promise.resolve(source as WebAssembly.Module);
  if (!(source instanceof URL)) {
    const compiling = WebAssembly.compile(source as BufferSource);
    // It is awaited a little later, and until then its failure must not count as one that nobody hears.
    compiling.catch(() => {});
    return compiling;
  }
  const known = compiled.get(source.href);
  if (known !== undefined) return known;
  const module = launcher.compile(source);
  compiled.set(source.href, module);
  module.catch(() => compiled.delete(source.href));
  return module;
}
