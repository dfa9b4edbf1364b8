/**
 * Writes what the package holds beside the compiled sources, out of these: `configuration.schema.json`, the JSON Schema of a
 * CONFIG.json. The build removes whatever it did not make itself, so this comes after it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './setup.mjs';

const DIST = join(ROOT, 'dist');

const { configurationJsonSchema } = await import(pathToFileURL(join(DIST, 'config.js')).href);
const schema = `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`;
writeFileSync(join(DIST, 'configuration.schema.json'), schema);
