/** How the tests run: on what has been built, as a user gets it. `npm run check` builds before. */
import { fileURLToPath } from 'node:url';

const configuration = {
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    // Engines are real: they start threads, and statistical tests take many rows.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // A test that nobody may leave behind, and a folder without tests, are failures.
    allowOnly: false,
    passWithNoTests: false,
  },
};

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default configuration;
