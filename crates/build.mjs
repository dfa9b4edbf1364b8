/**
 * Builds everything into `dist/`: the one home of toolchain flags.
 *
 * For each artefact (`st`, `mt`, and the relaxed form of each): wasm-pack with a std of its own (`-Z build-std`),
 * wasm-opt, the checks (size, features, no path of this machine inside), the glue rewritten by glue.mjs. Then the
 * TypeScript. What has not changed since the last build is left alone: each part keeps the hash of its inputs in
 * `target/stamps/`.
 *
 *     node crates/build.mjs [--names]      --names keeps function names in the wasm, for profiles
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rewriteDeclarations, rewriteGlue } from './glue.mjs';
import { findWasmCompiler, ROOT, toolPath, withFirstOnPath } from './setup.mjs';
import { moveWaits } from './waits.mjs';

const TARGET = join(ROOT, 'target');
const DIST = join(ROOT, 'dist');
/** Where TypeScript finds the declarations of the artefacts (`rootDirs` in tsconfig.json). */
const GENERATED = join(TARGET, 'generated', 'wasm');

const MAX_BYTES = 450_000;
const MAX_GZIPPED_BYTES = 170_000;

const MEMORY_FLAGS = ['-C', 'link-arg=--import-memory', '-C', 'link-arg=--max-memory=4294967296'];
const THREAD_FLAGS = ['--shared-memory', '--export=__heap_base', '--export=__wasm_init_tls', '--export=__tls_size']
  .concat(['--export=__tls_align', '--export=__tls_base'])
  .flatMap((flag) => ['-C', `link-arg=${flag}`]);

/** What both artefacts may use: all of it is in every engine that the package runs on. */
const FEATURES = [
  'simd',
  'bulk-memory',
  'bulk-memory-opt',
  'mutable-globals',
  'nontrapping-float-to-int',
  'sign-ext',
].concat(['reference-types', 'multivalue']);

/** Artefacts of the same `glue` differ in their wasm alone. */
const SINGLE = {
  name: 'st',
  glue: 'st',
  threads: false,
  rustFeatures: '',
  flags: MEMORY_FLAGS,
  wasmFeatures: FEATURES,
};
const THREADED = {
  name: 'mt',
  glue: 'mt',
  threads: true,
  rustFeatures: ',+atomics',
  flags: [...MEMORY_FLAGS, ...THREAD_FLAGS],
  wasmFeatures: [...FEATURES, 'threads'],
};

/** The same with sums of products that a host may round once: not in every engine, and not the same bits everywhere. */
const relaxed = (artefact) => ({
  ...artefact,
  name: `${artefact.name}-relaxed`,
  rustFeatures: `${artefact.rustFeatures},+relaxed-simd`,
  wasmFeatures: [...artefact.wasmFeatures, 'relaxed-simd'],
});

const ARTEFACTS = [SINGLE, THREADED, relaxed(SINGLE), relaxed(THREADED)];

export function build({ names = false } = {}) {
  mkdirSync(join(TARGET, 'stamps'), { recursive: true });
  const compiler = findWasmCompiler();
  if (compiler === undefined)
    throw new Error('No compiler for wasm was found; `node crates/setup.mjs` says what to do.');
  const release = takeLock();
  try {
    for (const artefact of ARTEFACTS) buildArtefact(artefact, compiler, names);
    buildTypeScript();
  } finally {
    release();
  }
}

// ---- An artefact ----

function buildArtefact(artefact, compiler, names) {
  const { name, glue, threads } = artefact;
  const isFirst = name === glue;
  const outputs = [`${name}.wasm`, ...(isFirst ? [`${name}.js`, `${name}.d.ts`] : [])].map((file) => {
    return join(GENERATED, file);
  });
  const inputs = [
    'Cargo.toml',
    'Cargo.lock',
    'crates/build.mjs',
    'crates/glue.mjs',
    'crates/waits.mjs',
    'node_modules/binaryen/package.json',
  ];
  const sources = ['crates/kernels', 'crates/wasm'].flatMap((folder) => filesBelow(join(ROOT, folder)));
  const hash = hashOf([...inputs.map((file) => join(ROOT, file)), ...sources], `${compiler.version} ${names}`);
  unlessDone(name, hash, outputs, () => {
    const packed = runWasmPack(artefact, compiler);
    const read = (file) => readFileSync(join(packed, file), 'utf8');
    const { text } = rewriteGlue(read(`${glue}.js`), name, threads);
    mkdirSync(GENERATED, { recursive: true });
    optimise(artefact, join(packed, `${glue}_bg.wasm`), outputs[0], names);
    check(artefact, outputs[0], names);
    if (isFirst) {
      writeFileSync(outputs[1], text);
      writeFileSync(outputs[2], rewriteDeclarations(read(`${glue}.d.ts`), name, threads));
    } else if (text !== readFileSync(join(GENERATED, `${glue}.js`), 'utf8')) {
      throw new Error(`The glue of ${name} is not that of ${glue}.`);
    }
  });
  for (const output of outputs) copyIfChanged(output, join(DIST, relative(join(TARGET, 'generated'), output)));
}

/** Compiles with wasm-pack; returns the folder with the wasm and its glue. */
function runWasmPack({ name, glue, rustFeatures, flags, threads }, { bin }) {
  const out = join(TARGET, `pkg-${name}`);
  const rustFlags = [
    '-C',
    `target-feature=+simd128,+bulk-memory,+mutable-globals${rustFeatures}`,
    '-C',
    'linker=rust-lld',
    ...flags,
    // Neither panics nor debug information may carry paths of this machine.
    '-Z',
    'location-detail=none',
    ...pathsOfThisMachine().map(([path, alias]) => `--remap-path-prefix=${path}=${alias}`),
  ];
  const env = {
    ...withFirstOnPath(bin, dirname(toolPath('wasm-bindgen')), dirname(toolPath('wasm-pack'))),
    RUSTC_BOOTSTRAP: '1',
    CARGO_ENCODED_RUSTFLAGS: rustFlags.join('\x1f'),
    // A target folder of its own, or std would be rebuilt at every change of flags.
    CARGO_TARGET_DIR: join(TARGET, name),
  };
  const wasmPack = ['build', '--mode', 'force', '--no-opt', '--target', 'web', '--no-pack', '--no-gitignore'];
  const cargo = ['--locked', '-Z', 'build-std=panic_abort,std', ...(threads ? ['--features', 'threads'] : [])];
  const parameters = [...wasmPack, '--out-dir', out, '--out-name', glue, '--release', '.', '--', ...cargo];
  rmSync(out, { recursive: true, force: true });
  runOrThrow(toolPath('wasm-pack'), parameters, { env, cwd: join(ROOT, 'crates', 'wasm') });
  return out;
}

function optimise({ name, wasmFeatures, threads }, from, to, names) {
  const strip = ['--strip-producers', '--strip-target-features', ...(names ? [] : ['--strip-debug'])];
  const parameters = [from, '-o', to, '-O3', ...featureFlags(wasmFeatures), ...(names ? ['-g'] : []), ...strip];
  const { status, stderr } = runBinaryen('wasm-opt', parameters);
  if (status !== 0) throw new Error(`wasm-opt refused ${name}.wasm.\n${stderr}`);
  if (threads) moveAllWaits(to, wasmFeatures, names);
}

/** Takes a module apart, moves its waits (waits.mjs) and puts it together again. */
function moveAllWaits(wasm, wasmFeatures, names) {
  const text = `${wasm}.wat`;
  run('wasm-dis', [wasm, '-o', text, ...featureFlags(wasmFeatures)]);
  writeFileSync(text, moveWaits(readFileSync(text, 'utf8')));
  run('wasm-as', [text, '-o', wasm, ...featureFlags(wasmFeatures), ...(names ? ['-g'] : [])]);
  rmSync(text);
}

function run(tool, parameters) {
  const { status, stderr } = runBinaryen(tool, parameters);
  if (status !== 0) throw new Error(`${tool} failed.\n${stderr}`);
}

/** Size, features and secrets of a finished artefact. */
function check(artefact, file, names) {
  const { name } = artefact;
  const bytes = readFileSync(file);
  checkFeatures(artefact, file);
  if (names) return;
  const gzipped = gzipSync(bytes, { level: 9 }).length;
  process.stdout.write(`build: ${name}.wasm has ${bytes.length} bytes, ${gzipped} gzipped.\n`);
  if (bytes.length > MAX_BYTES || gzipped > MAX_GZIPPED_BYTES) {
    throw new Error(`${name}.wasm may have ${MAX_BYTES} bytes and ${MAX_GZIPPED_BYTES} gzipped.`);
  }
  for (const [path] of pathsOfThisMachine()) {
    if (bytes.includes(path)) throw new Error(`${name}.wasm contains the path ${path} of this machine.`);
  }
}

/** Validates with exactly the artefact's own features: `st` has no threads, `st` and `mt` have no relaxed SIMD. */
function checkFeatures({ name, wasmFeatures }, file) {
  const { status, stderr } = runBinaryen('wasm-opt', [file, ...featureFlags(wasmFeatures)]);
  if (status !== 0) throw new Error(`${name}.wasm uses features beyond ${wasmFeatures.join(', ')}.\n${stderr}`);
}

function featureFlags(features) {
  return ['--mvp-features', ...features.map((feature) => `--enable-${feature}`)];
}

function runBinaryen(tool, parameters) {
  const path = join(ROOT, 'node_modules', 'binaryen', 'bin', tool);
  return spawnSync(process.execPath, [path, ...parameters], { encoding: 'utf8', cwd: ROOT });
}

/** Folders of this machine and what stands for each in the wasm, the longest first so that the inner one counts. */
function pathsOfThisMachine() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  return [
    [homedir(), '/home'],
    [cargoHome, '/cargo'],
    [ROOT, '/wakesleep'],
  ].sort(([a], [b]) => a.length - b.length);
}

// ---- TypeScript ----

function buildTypeScript() {
  const sources = filesBelow(join(ROOT, 'ts')).filter((file) => file.endsWith('.ts'));
  const declarations = filesBelow(GENERATED).filter((file) => file.endsWith('.d.ts'));
  const configuration = [join(ROOT, 'tsconfig.json'), join(ROOT, 'package-lock.json')];
  const outputs = sources.flatMap((file) => ['.js', '.d.ts'].map((ending) => emitted(file, ending)));
  unlessDone('typescript', hashOf([...sources, ...declarations, ...configuration]), outputs, () => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    runOrThrow(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.json')]);
  });
  removeAllBut(
    new Set([...outputs, ...filesBelow(GENERATED).map((file) => join(DIST, 'wasm', relative(GENERATED, file)))]),
  );
}

function emitted(source, ending) {
  return join(DIST, relative(join(ROOT, 'ts'), source).replace(/\.ts$/, ending));
}

/** Removes what earlier builds left of sources that are gone. */
function removeAllBut(wanted) {
  for (const file of filesBelow(DIST)) if (!wanted.has(file)) rmSync(file);
}

// ---- Doing only what is needed, once at a time ----

/** Runs `work` unless it was done with these inputs and all its outputs are there. */
function unlessDone(name, hash, outputs, work) {
  const stamp = join(TARGET, 'stamps', name);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((file) => existsSync(file))) return;
  rmSync(stamp, { force: true });
  process.stdout.write(`build: ${name}\n`);
  work();
  writeFileSync(stamp, hash);
}

function hashOf(files, text = '') {
  const hash = createHash('sha256').update(text);
  for (const file of files) hash.update(`\n${relative(ROOT, file)}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile())
    .sort();
}

function copyIfChanged(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  if (!existsSync(to) || !readFileSync(from).equals(readFileSync(to))) copyFileSync(from, to);
}

/** Two builds at once would write each other's files: the second waits. A lock whose owner is gone counts for nothing. */
function takeLock() {
  const lock = join(TARGET, 'build.lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (lockIsStale(lock)) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function lockIsStale(lock) {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    // An empty file is a lock in the making.
    if (owner > 0) process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function runOrThrow(command, parameters, options = {}) {
  const { status, error } = spawnSync(command, parameters, { stdio: 'inherit', cwd: ROOT, ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${relative(ROOT, command)} ended with status ${status}.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    build({ names: process.argv.includes('--names') });
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  }
}
