/** Lets the tests perform tasks on a page's main thread. */
import { perform } from './tasks.mjs';

globalThis.perform = perform;
