/** A worker for `workerd` that scores with a model: what the tests ask of an edge runtime. */
import { load } from 'wakesleep';
import * as inline from 'wakesleep/inline';
import st from 'wakesleep/st.wasm';
import { answers } from './answers.mjs';
import model from './model.bin';

const TASKS = {
  /** With the wasm handed over. */
  module: async () => scored(await load({ wasm: { st } })),
  /** With the wasm that the package brings. */
  inline: async () => scored(await inline.load()),
  nothing: () => load(),
  threads: () => load({ threads: 2, wasm: { st } }),
  worker: () => inline.loadInWorker(),
  bytes: () => load({ wasm: { st: new Uint8Array(8) } }),
};

function scored(engine) {
  const { info } = engine;
  const scores = answers(engine, new Uint8Array(model));
  engine.close();
  return { info, scores };
}

// biome-ignore lint/style/noDefaultExport: workerd looks for the handlers of a worker there.
export default {
  async fetch(request) {
    try {
      return Response.json(await TASKS[new URL(request.url).pathname.slice(1)]());
    } catch ({ code, message }) {
      return Response.json({ code, message });
    }
  },
};
