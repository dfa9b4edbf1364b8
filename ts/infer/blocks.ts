/** Whole data sets through a machine, some rows at a time. */
import type { Dataset } from '../data/dataset.js';
import { stackOf } from '../graph/machines.js';
import type { Parameters } from '../parameters.js';
import type { EngineBuffer } from '../runtime/memory.js';
import { LayerState } from './layer-state.js';
import { refuseMissing, Source } from './source.js';

/** Rows that are worked on together. */
const BLOCK = 500;

/** Sends a data set up to a machine in blocks of rows; `out` has room for one f64 a row. */
export function withBlocks(
  parameters: Parameters,
  data: Dataset,
  depth: number,
  labels: boolean,
  work: (source: Source, upper: LayerState, first: number, rows: number, out: EngineBuffer) => void,
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
    const passing = 'probabilities' as const;
    const source = own(
      new Source(parameters, data, depth, { seed: 0, purpose: 'sample', passing, rows: block, labels }),
    );
    const upper = own(new LayerState(runtime, graph, machine.upper, block, 0, 'sample'));
    const out = own(runtime.allocate(block * 8));
    for (let first = 0; first < data.rows; first += block) {
      const rows = Math.min(block, data.rows - first);
      source.read(order, first, rows, 0);
      work(source, upper, first, rows, out);
    }
  } finally {
    for (const thing of owned) thing.free();
  }
}
