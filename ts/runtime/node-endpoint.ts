/**
 * A port of `node:worker_threads` as Comlink wants an endpoint. (The adapter that Comlink brings has declarations that TypeScript
 * does not find under `nodenext`.)
 */
import type { MessagePort, TransferListItem, Worker } from 'node:worker_threads';
import type { Endpoint } from 'comlink';

export function endpointOf(port: MessagePort | Worker): Endpoint {
  return {
    postMessage: (message, transfer) => port.postMessage(message, (transfer ?? []) as TransferListItem[]),
    addEventListener(_type, listener) {
      const hear = typeof listener === 'function' ? listener : listener.handleEvent.bind(listener);
      port.on('message', (data) => hear({ data } as MessageEvent));
    },
    // Comlink stops listening only to proxies that are released, and these are kept until their worker ends.
    removeEventListener() {},
  };
}
