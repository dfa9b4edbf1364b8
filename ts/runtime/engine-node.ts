/** The entry of a worker that holds an engine, on Node, Deno and Bun. */
import { parentPort } from 'node:worker_threads';
import { serve } from '../remote/serve.js';
import { endpointOf } from './node-endpoint.js';

serve(endpointOf(parentPort!));
