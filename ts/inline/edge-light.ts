/** `wakesleep/inline` for the edge runtime `edge-light`, whose bundlers know the wasm as a module by `?module`. */
import st from '../wasm/st.wasm?module';
import { doorsWith } from './with-wasm.js';

export * from '../index.js';

export const { load, loadInWorker } = /* @__PURE__ */ doorsWith(() => st);
