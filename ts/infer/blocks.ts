/** Whole data sets through a machine, some rows at a time. */
import type { Dataset } from '../data/dataset.js';
import { stackOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { LayerState } from './layer-state.js';
import { type Passing, refuseMissing, Source } from './source.js';

/** Rows that are worked on together. */
const BLOCK = 500;

/** Passes means on, and draws nothing. */
const MEANS = { seed: 0, passing: 'probabilities' } as const;

/**
 * Sends a data set up to a machine in blocks of rows; `out` has room for one f64 a row. Draws of a block, where states are
 * passed on, belong to the block's number (`block`) as their update.
 */
export function withBlocks(
  parameters: Parameters,
  data: Dataset,
  depth: number,
  labels: boolean,
  work: (source: Source, upper: LayerState, first: number, rows: number, out: EngineBuffer, block: number) => void,
  { seed, passing }: { readonly seed: number; readonly passing: Passing } = MEANS,
): void {
  const { runtime, graph } = parameters;
  refuseMissing(data, 'This');
  const block = Math.min(BLOCK, Math.max(1, data.rows));
  const owned: { free(): void }[] = [];
  const own = <T extends { free(): void }>(thing: T): T => {
    owned.push(thing);
    return thing;
  };
  try {
    const machine = stackOf(graph).machines[depth]!;
    const order = own(runtime.allocate(Math.max(1, data.rows) * 4));
    const words = order.words();
    for (let row = 0; row < data.rows; row += 1) words[row] = data.firstRow + row;
    const source = own(new Source(parameters, data, depth, { seed, purpose: 'sample', passing, rows: block, labels }));
    const upper = own(new LayerState(runtime, graph, machine.upper, block, seed, 'sample'));
    const out = own(runtime.allocate(block * 8));
    for (let first = 0; first < data.rows; first += block) {
      const rows = Math.min(block, data.rows - first);
      source.read(order, first, rows, first / block);
      work(source, upper, first, rows, out, first / block);
    }
  } finally {
    for (const thing of owned) thing.free();
  }
}
