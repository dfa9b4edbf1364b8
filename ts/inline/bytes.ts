/**
 * `wakesleep/inline`: the same names, with the wasm of one thread in the JavaScript itself, so that a bundle of one file reads
 * and fetches nothing. More threads need the other artefact: `load({ threads, artefact: 'mt' })` reads it as `wakesleep` does.
 */
import { base64 } from '../wasm/st-inline.js';
import { doorsWith } from './with-wasm.js';

export * from '../index.js';

let decoded: Uint8Array<ArrayBuffer> | undefined;

function bytes(): Uint8Array<ArrayBuffer> {
  decoded ??= decode(base64);
  return decoded;
}

/** A loop: `Uint8Array.from(text, …)` takes ten times as long, which a cold start would feel. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  const letters = atob(text);
  const decoded = new Uint8Array(letters.length);
  for (let place = 0; place < decoded.length; place += 1) decoded[place] = letters.charCodeAt(place);
  return decoded;
}

export const { load, loadInWorker } = /* @__PURE__ */ doorsWith(bytes);
