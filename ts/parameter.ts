/** One named tensor of a model, and views of its numbers as they stand in the engine's memory. */
import type { Parameters } from './parameters.js';

/** Upper units of a panel, as the kernels lay weights out. */
const PANEL = 16;

/** How weights stand in memory; `transposed` where files have them as `[lower, upper]`. */
export interface Panels {
  readonly lower: number;
  readonly transposed: boolean;
}

/** Numbers of a tensor without a copy: a vector as it is, weights in panels of 16 upper units. */
export class ParameterView {
  /** @internal */
  constructor(
    readonly values: Float32Array,
    /** Undefined for a vector. @internal */
    readonly panels: Panels | undefined,
    /**
     * Whether `values` are the model's own numbers, which change while it learns: always on the engine's own thread; through
     * a worker only where the memory is shared (artefact `mt`), and a copy otherwise.
     */
    readonly live: boolean,
  ) {}

  /** The place in `values` of a number of the tensor: `at(upper, lower)`, or `at(unit)`. */
  at(row: number, column = 0): number {
    if (this.panels === undefined) return row;
    const { lower, transposed } = this.panels;
    const [upperUnit, lowerUnit] = transposed ? [column, row] : [row, column];
    return (Math.floor(upperUnit / PANEL) * lower + lowerUnit) * PANEL + (upperUnit % PANEL);
  }
}

/** One named tensor of a model. */
export class Parameter {
  readonly #parameters: Parameters;

  /** @internal */
  constructor(
    parameters: Parameters,
    readonly name: string,
    /** `[units]`, or `[units of the upper layer, units of the lower]`. */
    readonly shape: readonly number[],
  ) {
    this.#parameters = parameters;
  }

  /** A copy, row-major. */
  values(): Float32Array<ArrayBuffer> {
    return this.#parameters.read(this.name);
  }

  /** Sets the tensor; throws `SHAPE_MISMATCH`, `NOT_FINITE`. */
  set(values: ArrayLike<number>): void {
    this.#parameters.write(this.name, values);
  }

  /** The numbers themselves, without a copy, until the next call that may grow the memory. */
  view(): ParameterView {
    return this.#parameters.view(this.name);
  }
}
