/**
 * What the package holds beside compiled sources and artefacts, made of them: texts by their paths in `dist/`.
 *
 *     configuration.schema.json   the JSON Schema of a CONFIG.json
 *     wasm/st-inline.js           the artefact `st` as base64 in a module
 *     licences.txt                what else is in it or comes with it, each with its licence
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findWasmCompiler, ROOT, withFirstOnPath } from './setup.mjs';
import { DIST, filesBelow, GENERATED, hashOf, isDone, markDone } from './stamps.mjs';

const texts = {
  'configuration.schema.json': configurationSchema,
  'wasm/st-inline.js': inlineArtefact,
  'licences.txt': licences,
};

/** Their paths, which the build leaves where they are. */
export const packageFiles = Object.keys(texts).map((name) => join(DIST, name));

/** Writes them, unless nothing that they are made of has changed. */
export async function writePackageFiles() {
  const locks = ['package-lock.json', 'Cargo.lock', 'crates/package.mjs'].map((file) => join(ROOT, file));
  const hash = hashOf([...locks, join(GENERATED, 'st.wasm'), ...filesBelow(join(ROOT, 'ts'))]);
  if (isDone('package', hash, packageFiles)) return;
  for (const [name, textOf] of Object.entries(texts)) writeFileSync(join(DIST, name), await textOf());
  markDone('package', hash);
}

async function configurationSchema() {
  const { configurationJsonSchema } = await import(pathToFileURL(join(DIST, 'config.js')).href);
  return `${JSON.stringify(configurationJsonSchema())}\n`;
}

function inlineArtefact() {
  const base64 = readFileSync(join(GENERATED, 'st.wasm')).toString('base64');
  return `// Made by crates/package.mjs from st.wasm.\nexport const base64 =\n  '${base64}';\n`;
}

function licences() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const installed = Object.entries(packages)
    .filter(([path, { dev, peer }]) => path !== '' && !dev && !peer)
    .map(([path, { version, license }]) => `${path.replace(/^.*node_modules\//, '')} ${version}: ${license}`);
  return [
    'Packages that are installed with this one, and their licences:',
    ...new Set(installed.sort()),
    '',
    'Crates that are compiled into the wasm, and their licences:',
    ...cratesInside(),
    '',
  ].join('\n');
}

function cratesInside() {
  const { bin } = findWasmCompiler();
  const graph = ['tree', '--locked', '--target', 'all', '-p', 'wakesleep-wasm', '-e', 'no-dev,no-build,no-proc-macro'];
  const output = ['--features', 'threads', '--prefix', 'none', '--format', '{p}: {l}'];
  const env = withFirstOnPath(bin);
  const { status, stdout, stderr } = spawnSync('cargo', [...graph, ...output], { cwd: ROOT, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`cargo does not say what is in the wasm.\n${stderr}`);
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('wakesleep'));
  return [...new Set(lines.map((line) => line.replace(' (*)', '').replace(' v', ' ')))].sort();
}
