/**
 * The whole build: what build.mjs builds, and what is made of it for the package: `dist/wasm/st-inline.js`, the artefact `st`
 * as base64 in a module.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { ROOT } from './setup.mjs';

/** build.mjs leaves in `dist/` what lies here. */
const GENERATED = join(ROOT, 'target', 'generated', 'wasm');

function writeInline() {
  const base64 = readFileSync(join(GENERATED, 'st.wasm')).toString('base64');
  const text = `// Made by crates/package.mjs from st.wasm.\nexport const base64 =\n  '${base64}';\n`;
  const file = join(GENERATED, 'st-inline.js');
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
  copyFileSync(file, join(ROOT, 'dist', 'wasm', 'st-inline.js'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    build({ names: process.argv.includes('--names') });
    writeInline();
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  }
}
