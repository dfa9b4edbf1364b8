/**
 * What the package holds beside compiled sources and artefacts, made of them: texts by their paths in `dist/`.
 *
 *     configuration.schema.json   the JSON Schema of a CONFIG.json
 *     wasm/st-inline.js           the artefact `st` as base64 in a module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DIST, GENERATED } from './stamps.mjs';

const texts = {
  'configuration.schema.json': configurationSchema,
  'wasm/st-inline.js': inlineArtefact,
};

/** Their paths, which the build leaves where they are. */
export const packageFiles = Object.keys(texts).map((name) => join(DIST, name));

/** Writes those that have changed. */
export async function writePackageFiles() {
  for (const [name, textOf] of Object.entries(texts)) {
    const [path, text] = [join(DIST, name), await textOf()];
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
  }
}

async function configurationSchema() {
  const { configurationJsonSchema } = await import(pathToFileURL(join(DIST, 'config.js')).href);
  return `${JSON.stringify(configurationJsonSchema())}\n`;
}

function inlineArtefact() {
  const base64 = readFileSync(join(GENERATED, 'st.wasm')).toString('base64');
  return `// Made by crates/package.mjs from st.wasm.\nexport const base64 =\n  '${base64}';\n`;
}
