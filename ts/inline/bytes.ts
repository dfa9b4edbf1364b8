/**
 * `wakesleep/inline`: the same names, with the wasm of one thread in the JavaScript itself, so that a bundle of one file reads
 * and fetches nothing. More threads need the other artefact: `load({ threads, artefact: 'mt' })` reads it as `wakesleep` does.
 */
import { base64 } from '../wasm/st-inline.js';
import { doorsWith } from './with-wasm.js';

export * from '../index.js';

let decoded: Uint8Array<ArrayBuffer> | undefined;

function bytes(): Uint8Array<ArrayBuffer> {
  decoded ??= Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return decoded;
}

export const { load, loadInWorker } = /* @__PURE__ */ doorsWith(bytes);
