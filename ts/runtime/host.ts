/**
 * Which host this is, how many cores it really grants, and whether threads can share memory here.
 *
 * Node, Deno and Bun count as one kind: all have `node:worker_threads`. Everything else is the web kind: pages, workers, edge
 * runtimes, which may play Node in part but start no threads and compile no wasm. Nothing here is looked up before `describeHost()` is called.
 */

/** What `load` must know of a host. */
export interface Host {
  readonly kind: 'node' | 'web';
  /** For people: "Node 20.20.2 on linux x64". */
  readonly name: string;
  /** Cores that the host grants to this process; 1 where it does not say. */
  readonly cores: number;
  /** A sentence that says where `cores` comes from. */
  readonly coresReason: string;
  /** A sentence that says why more than one thread cannot be had; `undefined` where it can. */
  readonly noThreads: string | undefined;
  /** Whether `noThreads` also rules out shared memory, and with it the artefact `mt` altogether. */
  readonly noSharedMemory: boolean;
  /** Whether workers can be started at all. */
  readonly hasWorkers: boolean;
  /** Whether wasm can be compiled here; an edge runtime wants it as a module that was compiled before. */
  readonly compiles: boolean;
}

/** Looks at the host; reads a few small system files on Linux. */
export async function describeHost(): Promise<Host> {
  return isNodeKind() ? describeNodeKind() : describeWebKind();
}

interface GlobalNames {
  process?: { versions?: { node?: string }; platform?: string; arch?: string };
  Deno?: { version: { deno: string } };
  Bun?: { version: string };
  crossOriginIsolated?: boolean;
  document?: unknown;
  Worker?: unknown;
  SharedArrayBuffer?: unknown;
  navigator?: { hardwareConcurrency?: number; userAgent?: string };
  EdgeRuntime?: unknown;
}

// The names that tell hosts apart exist on some hosts only.
const names = globalThis as unknown as GlobalNames;

function isNodeKind(): boolean {
  return typeof names.process?.versions?.node === 'string' && edgeRuntime() === undefined;
}

/** The name of the edge runtime that this is, if it is one. */
function edgeRuntime(): string | undefined {
  if (names.navigator?.userAgent === 'Cloudflare-Workers') return 'workerd';
  return names.EdgeRuntime === undefined ? undefined : `edge runtime ${names.EdgeRuntime}`;
}

async function describeNodeKind(): Promise<Host> {
  const { grantedCores } = await import('./launch-node.js');
  const { cores, reason } = grantedCores();
  return {
    kind: 'node',
    name: `${nodeKindName()} on ${names.process?.platform} ${names.process?.arch}`,
    cores,
    coresReason: reason,
    noThreads: names.SharedArrayBuffer === undefined ? 'This host has no shared memory.' : undefined,
    noSharedMemory: names.SharedArrayBuffer === undefined,
    hasWorkers: true,
    compiles: true,
  };
}

function nodeKindName(): string {
  if (names.Deno !== undefined) return `Deno ${names.Deno.version.deno}`;
  if (names.Bun !== undefined) return `Bun ${names.Bun.version}`;
  return `Node ${names.process?.versions?.node}`;
}

function describeWebKind(): Host {
  const edge = edgeRuntime();
  if (edge !== undefined) return describeEdge(edge);
  const cores = names.navigator?.hardwareConcurrency ?? 1;
  const isPage = names.document !== undefined;
  const noSharedMemory = noSharedMemoryOnTheWeb();
  return {
    kind: 'web',
    name: `${isPage ? 'page' : 'worker'} in ${names.navigator?.userAgent ?? 'an unnamed host'}`,
    cores,
    coresReason: `The browser reports ${countCores(cores)}.`,
    noThreads: noSharedMemory ?? noThreadsOnTheWeb(isPage),
    noSharedMemory: noSharedMemory !== undefined,
    hasWorkers: names.Worker !== undefined,
    compiles: true,
  };
}

function describeEdge(name: string): Host {
  return {
    kind: 'web',
    name,
    cores: 1,
    coresReason: 'An edge runtime grants 1 core.',
    noThreads: 'An edge runtime starts no threads.',
    noSharedMemory: true,
    hasWorkers: false,
    compiles: false,
  };
}

function noSharedMemoryOnTheWeb(): string | undefined {
  if (names.crossOriginIsolated === false) {
    return (
      'This page is not cross-origin isolated, so threads cannot share memory; it would have to be served with the ' +
      'headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`.'
    );
  }
  return names.SharedArrayBuffer === undefined ? 'This host has no shared memory.' : undefined;
}

function noThreadsOnTheWeb(isPage: boolean): string | undefined {
  if (isPage) return "A page's main thread must not block, so it gets one thread; threads are to be had in a worker.";
  return names.Worker === undefined ? 'This host cannot start workers.' : undefined;
}

/** "1 core", "2 cores". */
export function countCores(cores: number): string {
  return cores === 1 ? '1 core' : `${cores} cores`;
}
