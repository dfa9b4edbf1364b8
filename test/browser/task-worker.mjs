/** A worker that performs one task: an engine with threads needs a thread that may block. */
import { perform } from './tasks.mjs';

addEventListener('message', async ({ data }) => postMessage(await perform(data)));
postMessage('listening');
