/** `wakesleep/inline` for `workerd`, which compiles no bytes: the wasm is a module of the bundle. */
import st from '../wasm/st.wasm';
import { doorsWith } from './with-wasm.js';

export * from '../index.js';

export const { load, loadInWorker } = /* @__PURE__ */ doorsWith(() => st);
