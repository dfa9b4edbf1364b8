/** The entry of a worker on Node, Deno and Bun. */
import { parentPort, workerData } from 'node:worker_threads';
import { READY, type WorkerSetup } from './launch.js';
import { serve } from './serve.js';

serve(workerData as WorkerSetup, () => parentPort?.postMessage(READY));
