/**
 * Makes sure that what builds and tests this project is on the machine, or says exactly what to install.
 *
 * Plain `node:` imports only, because it runs straight after a clone. In order: node_modules as the lock file has them; a
 * Rust compiler with the source of its standard library (threads need a std of their own); a native Rust with clippy and
 * rustfmt; wasm-pack and the wasm-bindgen command of the locked version, compiled once into the user's cache; with
 * `--with-tests` also Chromium, a Python, and the other Node versions, Deno, Bun and workerd, on which the tests run. When all is there it takes a moment.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Rust release that is asked for where none is found. Any later one with `rust-src` does as well. */
const RUST_RELEASE = '1.96.0';
const OLDEST_RUST_MINOR = 95;
const WASM_PACK_VERSION = '0.15.1';

/** The Node versions that the tests run on beside the current one. */
export const TEST_NODES = ['24.21.0', '26.10.0'];

/**
 * The other hosts that the tests run on, as npm has them: a package for each system, its version, and the executable in it.
 * (An arm64 is called by each in its own way.)
 */
const TEST_HOSTS = {
  deno: { version: '2.9.6', package: `@deno/${process.platform}-${process.arch}${glibc()}`, executable: 'deno' },
  bun: {
    version: '1.4.4',
    package: `@oven/bun-${system()}-${{ arm64: 'aarch64' }[process.arch] ?? process.arch}`,
    executable: 'bin/bun',
  },
  workerd: {
    version: '1.20261117.1',
    package: `@cloudflare/workerd-${system()}-${{ x64: '64' }[process.arch] ?? process.arch}`,
    executable: 'bin/workerd',
  },
};

function system() {
  return process.platform === 'win32' ? 'windows' : process.platform;
}

function glibc() {
  return process.platform === 'linux' ? '-glibc' : '';
}

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wakesleep');
const EXECUTABLE = process.platform === 'win32' ? '.exe' : '';

const DEBIAN_WASM_PACKAGES = ['rustc-web', 'cargo-web', 'rust-web-src', 'rust-web-llvm', 'lld-22'];
const DEBIAN_NATIVE_PACKAGES = ['rustc-web', 'cargo-web', 'rust-web-clippy', 'rustfmt-web'];

/** A missing part that this script may not or cannot install; `commands` would. */
class Missing extends Error {
  constructor(what, commands) {
    super(what);
    this.commands = commands;
  }
}

// ---- What is on the machine ----

/**
 * The compiler for wasm: `{ bin, version }`, its folder (to be put first on PATH) and version line, or `undefined`.
 * Unstable flags of a release compiler need `RUSTC_BOOTSTRAP=1`.
 */
export function findWasmCompiler() {
  return compilerFolders()
    .map((bin) => ({ bin, version: rustVersion(bin) }))
    .find(({ bin, version }) => version !== undefined && hasStandardLibrarySource(bin));
}

/** The folder of a native `cargo` that has clippy and rustfmt, or `undefined`. */
export function findNativeCargo() {
  return compilerFolders().find((bin) => {
    const has = (...command) => run(join(bin, 'cargo'), command, { env: withFirstOnPath(bin) }).status === 0;
    return rustVersion(bin) !== undefined && has('clippy', '--version') && has('fmt', '--version');
  });
}

/** Chromium or Chrome, or `undefined`. `CHROMIUM` in the environment goes first. */
export function findChromium() {
  const candidates = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ];
  return candidates.find((path) => path && existsSync(path));
}

/** Where one of the tools compiled by cargo is, whether it is there or not. */
export function toolPath(name) {
  const [crate, version] =
    name === 'wasm-pack' ? ['wasm-pack', WASM_PACK_VERSION] : ['wasm-bindgen-cli', wasmBindgenVersion()];
  return join(CACHE, 'tools', `${crate}-${version}`, 'bin', `${name}${EXECUTABLE}`);
}

/** Where the executable of one of `TEST_NODES` is, whether it is there or not. */
export function testNodePath(version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const executable = process.platform === 'win32' ? 'node.exe' : 'node';
  return join(CACHE, 'runtimes', `node-${version}`, 'node_modules', name, 'bin', executable);
}

/** Where the executable of Deno, Bun or workerd is (`deno`, `bun`, `workerd`), whether it is there or not. */
export function testHostPath(name) {
  const { executable } = TEST_HOSTS[name];
  return join(testHostFolder(name), 'node_modules', TEST_HOSTS[name].package, `${executable}${EXECUTABLE}`);
}

function testHostFolder(name) {
  return join(CACHE, 'runtimes', `${name}-${TEST_HOSTS[name].version}`);
}

/** The environment with `bin` first on PATH. */
export function withFirstOnPath(...folders) {
  return { ...process.env, PATH: [...folders, process.env.PATH].join(delimiter) };
}

function compilerFolders() {
  const onPath = (process.env.PATH ?? '').split(delimiter);
  const rustup = ['cargo', 'rustc'].map((name) => run('rustup', ['which', '--toolchain', RUST_RELEASE, name]));
  const pinned = rustup.every(({ status }) => status === 0) ? [dirname(rustup[0].stdout.trim())] : [];
  const folders = [...pinned, ...onPath, join(homedir(), '.cargo', 'bin'), '/usr/bin'];
  return [...new Set(folders)].filter((bin) => existsSync(join(bin, `cargo${EXECUTABLE}`)));
}

function rustVersion(bin) {
  const { status, stdout } = run(join(bin, 'rustc'), ['--version'], { env: withFirstOnPath(bin) });
  const minor = Number(/^rustc 1\.(\d+)\./.exec(stdout ?? '')?.[1]);
  return status === 0 && minor >= OLDEST_RUST_MINOR ? stdout.trim() : undefined;
}

function hasStandardLibrarySource(bin) {
  const { status, stdout } = run(join(bin, 'rustc'), ['--print', 'sysroot'], { env: withFirstOnPath(bin) });
  return status === 0 && existsSync(join(stdout.trim(), 'lib/rustlib/src/rust/library/Cargo.lock'));
}

/** The version of the wasm-bindgen crate in Cargo.lock; the command must be of the same version exactly. */
function wasmBindgenVersion() {
  const lock = readFileSync(join(ROOT, 'Cargo.lock'), 'utf8');
  const version = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (version === undefined) throw new Error('Cargo.lock holds no wasm-bindgen.');
  return version;
}

function run(command, parameters, options = {}) {
  return spawnSync(command, parameters, { encoding: 'utf8', cwd: ROOT, ...options });
}

// ---- What is done about what is not ----

function setUpNodeModules() {
  if (nodeModulesAreAsLocked()) return;
  say('Installing node_modules.');
  const quiet = ['--no-audit', '--no-fund'];
  const npm = (...parameters) => run('npm', [...parameters, ...quiet], { shell: process.platform === 'win32' });
  if (npm('ci').status === 0) return;
  // A registry mirror may lack optional packages of other systems; `npm ci` then calls the lock file incomplete.
  install('node_modules as the lock file has them', 'npm', ['install', '--no-save', ...quiet]);
}

/** Whether every locked package is in node_modules at the locked version; optional ones may be for other systems. */
function nodeModulesAreAsLocked() {
  const installedLock = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    return installed[path] === undefined ? optional === true : installed[path].version === version;
  });
}

function setUpWasmCompiler() {
  if (findWasmCompiler()) return;
  if (canUseApt()) installFromDebian(DEBIAN_WASM_PACKAGES);
  if (findWasmCompiler()) return;
  throw new Missing('a Rust compiler with the source of its standard library (rust-src)', [
    ...rustupCommands(),
    `rustup toolchain install ${RUST_RELEASE} --profile minimal --component rust-src`,
  ]);
}

function setUpNativeCargo() {
  if (findNativeCargo()) return;
  if (canUseApt()) installFromDebian(DEBIAN_NATIVE_PACKAGES);
  if (findNativeCargo()) return;
  throw new Missing('a native Rust with clippy and rustfmt', [
    ...rustupCommands(),
    `rustup toolchain install ${RUST_RELEASE} --profile minimal --component rust-src --component clippy --component rustfmt`,
  ]);
}

function rustupCommands() {
  const hasRustup = run('rustup', ['--version']).status === 0;
  return hasRustup ? [] : ["curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"];
}

function setUpCompiledTool(name, crate, version) {
  const path = toolPath(name);
  if (existsSync(path)) return;
  const target = dirname(dirname(path));
  const bin = findNativeCargo() ?? findWasmCompiler()?.bin;
  const parameters = (partial) => ['install', crate, '--version', version, '--root', partial];
  say(`Compiling ${crate} ${version}, once for this machine; this takes some minutes.`);
  intoCache(target, (partial) => {
    const env = withFirstOnPath(bin);
    const cargo = join(bin, 'cargo');
    const options = { env, stdio: 'inherit' };
    // A registry mirror may not have every version of the tool's own lock file; newer dependencies do as well.
    const locked = run(cargo, [...parameters(partial), '--locked'], options).status === 0;
    if (locked || run(cargo, parameters(partial), options).status === 0) return;
    throw new Missing(`${crate} ${version}`, [`cargo ${parameters(target).join(' ')}`]);
  });
}

function setUpChromium() {
  if (findChromium()) return;
  if (canUseApt()) installFromDebian(['chromium']);
  if (findChromium()) return;
  throw new Missing('Chromium or Chrome (or its path in the environment variable CHROMIUM)', [
    process.platform === 'darwin' ? 'brew install --cask chromium' : 'sudo apt-get install -y chromium',
  ]);
}

function setUpTestNode(version) {
  const path = testNodePath(version);
  const [folder, inside] = path.split(/[\\/]node_modules[\\/]/);
  setUpRuntime(`Node ${version}`, path, folder, `${inside.split(/[\\/]/)[0]}@${version}`);
}

function setUpTestHost(name) {
  const { version, package: packageName } = TEST_HOSTS[name];
  setUpRuntime(`${name} ${version}`, testHostPath(name), testHostFolder(name), `${packageName}@${version}`);
}

/** A runtime that a package of npm brings, in a folder of the cache. */
function setUpRuntime(what, path, folder, wanted) {
  if (existsSync(path)) return;
  intoCache(folder, (partial) => {
    install(what, 'npm', ['install', '--no-audit', '--no-fund', '--prefix', partial, wanted]);
  });
}

/** A Python that opens our files in tests and trains machines for us to open. */
function setUpTestPython() {
  const folder = join(CACHE, 'python-3');
  if (existsSync(folder)) return;
  intoCache(folder, (partial) => {
    install('a Python environment', 'python3', ['-m', 'venv', partial]);
    const python = join(partial, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
    const packages = ['numpy', 'safetensors', 'scikit-learn', 'tensorboard'];
    install(packages.join(', '), python, ['-m', 'pip', 'install', '--quiet', ...packages]);
  });
}

/** Makes a folder of the cache whole or not at all: filled under another name, then renamed. */
function intoCache(target, fill) {
  const partial = `${target}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    fill(partial);
    rmSync(target, { recursive: true, force: true });
    renameSync(partial, target);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function canUseApt() {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

function installFromDebian(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  say(`Installing ${packages.join(' ')}.`);
  if (!existsSync('/var/lib/apt/lists') || readdirSync('/var/lib/apt/lists').length < 4) {
    run('apt-get', ['update'], { env, stdio: 'inherit' });
  }
  const wanted = ['install', '-y', '--no-install-recommends', ...packages];
  if (run('apt-get', wanted, { env, stdio: 'inherit' }).status === 0) return;
  // The lists may be older than what the mirror holds now.
  run('apt-get', ['update'], { env, stdio: 'inherit' });
  run('apt-get', wanted, { env, stdio: 'inherit' });
}

function install(what, command, parameters) {
  say(`Installing ${what}.`);
  // npm is a script that only a shell finds on Windows.
  const { status } = run(command, parameters, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) throw new Missing(what, [`${command} ${parameters.join(' ')}`]);
}

/** Progress goes to stderr: stdout belongs to the command that is run next. */
function say(sentence) {
  process.stderr.write(`setup: ${sentence}\n`);
}

function setUp({ withTests }) {
  setUpNodeModules();
  setUpWasmCompiler();
  setUpNativeCargo();
  setUpCompiledTool('wasm-bindgen', 'wasm-bindgen-cli', wasmBindgenVersion());
  setUpCompiledTool('wasm-pack', 'wasm-pack', WASM_PACK_VERSION);
  if (!withTests) return;
  setUpChromium();
  setUpTestPython();
  TEST_NODES.forEach(setUpTestNode);
  Object.keys(TEST_HOSTS).forEach(setUpTestHost);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setUp({ withTests: process.argv.includes('--with-tests') });
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    say(`${error.message} is missing and could not be installed. Please run:`);
    for (const command of error.commands) process.stderr.write(`  ${command}\n`);
    process.exitCode = 1;
  }
}
