/** Edge runtimes, `workerd` and `edge-light`: bundles a worker as the tools of each do, and serves it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeVM } from '@edge-runtime/vm';
import { build, type Plugin } from 'esbuild';
import { testHostPath } from '../../crates/setup.mjs';

/** How modules other than scripts are known to workerd. */
const KINDS: Record<string, string> = { '.js': 'esModule', '.wasm': 'wasm', '.bin': 'data' };

/** Makes one script of a worker and all that it imports, with wasm and data as modules beside it. */
export async function bundleForEdge(entry: string, folder: string): Promise<void> {
  await build({
    entryPoints: { worker: entry },
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy', '.bin': 'copy' },
    logLevel: 'error',
  });
}

/** A server that runs. */
export interface EdgeServer {
  /** What the worker answers to a path, from JSON. */
  ask(path: string, body?: unknown): Promise<unknown>;
  close(): void;
}

/** Serves what was bundled into `folder`. */
export async function serveOnEdge(folder: string): Promise<EdgeServer> {
  const executable = testHostPath('workerd');
  if (!existsSync(executable)) {
    throw new Error('workerd is not there; `node crates/setup.mjs --with-tests` brings it.');
  }
  const names = (await readdir(folder)).filter((name) => ending(name) in KINDS).sort((a, b) => order(a) - order(b));
  const modules = names.map((name) => `(name = "${name}", ${KINDS[ending(name)]} = embed "${name}")`);
  await writeFile(join(folder, 'config.capnp'), configuration(modules));
  const child = spawn(executable, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status) => reject(new Error(`workerd ended with status ${status}.`)));
    child.stdio[3]!.on('data', (text) => {
      const listening = /"port":(\d+)/.exec(String(text));
      if (listening !== null) resolve(Number(listening[1]));
    });
  });
  return {
    async ask(path, body) {
      const url = `http://127.0.0.1:${port}/${path}`;
      const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      return (await fetch(url, request)).json();
    },
    close: () => void child.kill(),
  };
}

function ending(name: string): string {
  return name.slice(name.lastIndexOf('.'));
}

/** The worker itself is the first module. */
function order(name: string): number {
  return name === 'worker.js' ? 0 : 1;
}

function configuration(modules: readonly string[]): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [${modules.join(', ')}],
  compatibilityDate = "2025-09-01",
);
`;
}

/** What bundlers for `edge-light` make of a wasm file asked for with `?module`: a global that the runtime binds to the compiled module. */
function boundModules(paths: Map<string, string>): Plugin {
  return {
    name: 'bound-modules',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => {
        return { path: join(resolveDir, path.replace('?module', '')), namespace: 'bound-module' };
      });
      onLoad({ filter: /.*/, namespace: 'bound-module' }, ({ path }) => {
        const name = `wasm_${paths.size}`;
        paths.set(name, path);
        return { contents: `export default ${name};` };
      });
    },
  };
}

/** Serves a worker in the VM that `edge-light` is made of, which gives programs the names of that runtime and no others. */
export async function serveOnEdgeLight(source: string, resolveDir: string): Promise<EdgeServer> {
  const paths = new Map<string, string>();
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    conditions: ['edge-light', 'worker', 'browser'],
    plugins: [boundModules(paths)],
    logLevel: 'error',
  });
  const bound: Record<string, WebAssembly.Module> = {};
  for (const [name, path] of paths) bound[name] = await WebAssembly.compile(await readFile(path));
  const vm = new EdgeVM({ extend: (context) => Object.assign(context, bound) });
  vm.evaluate(outputFiles[0]!.text);
  return {
    ask: async (path) => (await vm.dispatchFetch(`http://edge/${path}`)).json(),
    close: () => {},
  };
}
