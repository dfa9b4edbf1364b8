/** How long work keeps the thread to itself, and how it gives it up. */

/** The longest time for which asynchronous work keeps the thread, in milliseconds. */
const LONGEST_SLICE_MS = 16;

/** What is called between steps: gives up the thread when the slice is over, and otherwise nothing. */
export function slices(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < LONGEST_SLICE_MS) return undefined;
    return giveUpThread().then(() => {
      since = performance.now();
    });
  };
}

/** Lets events be heard: the next turn of the event loop. */
function giveUpThread(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
