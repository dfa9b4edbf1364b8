/** A small machine and rows for it, the same behind both doors. */
import { bernoulli, contrastiveDivergence, type Engine, load, loadInWorker, type RemoteEngine, rbm } from 'wakesleep';

export const COLUMNS = 40;
export const graph = rbm({ visible: bernoulli(COLUMNS), hidden: bernoulli(24) });
export const rows = Array.from({ length: 200 }, (_, row) =>
  Array.from({ length: COLUMNS }, (_, unit) => Number((row * 7 + unit * 5) % 11 < 4)),
);

/** Ten rows a batch, twenty batches an epoch. */
export function training(epochs: number) {
  return contrastiveDivergence({ epochs, batchRows: 10, learningRate: 0.05 });
}

/** An engine in a worker, with data and a model. */
export async function openRemote(options = { threads: 1 }) {
  const engine: RemoteEngine = await loadInWorker(options);
  const data = await engine.dataset({ rows });
  const model = await engine.create(graph, { seed: 5 });
  return { engine, data, model };
}

/** The same on this thread. */
export async function openHere(options = { threads: 1 }) {
  const engine: Engine = await load(options);
  const data = engine.dataset({ rows });
  const model = engine.create(graph, { seed: 5 });
  return { engine, data, model };
}

/** What a promise rejects with; fails where it does not. */
export async function refusal(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('Nothing was refused.');
}

/** Runs to the end, as far as it goes. */
export async function exhaust<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
