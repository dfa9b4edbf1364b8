/** The entry of a worker in a browser: its set-up comes as the first message. */
import { READY, type WorkerSetup } from './launch.js';
import { serve } from './serve.js';

addEventListener('message', ({ data }: MessageEvent<WorkerSetup>) => serve(data, () => postMessage(READY)), {
  once: true,
});
