/**
 * All parameters of a model as one vector, for optimisers that walk along lines: sums and products of two parameter sets of one
 * graph. Products are in f64, parameter after parameter, so that they do not depend on threads.
 */
import { Parameters } from '../parameters.js';

/** The vector of some of a model's parameters, by name. */
export class ParameterVector {
  constructor(
    readonly parameters: Parameters,
    private readonly names: readonly string[],
  ) {}

  /** A vector of zeros like this one, with memory of its own. */
  empty(): ParameterVector {
    const { runtime, graph } = this.parameters;
    return new ParameterVector(new Parameters(runtime, graph), this.names);
  }

  /** `this ← kept · this + factor · other`, numbers in f32. */
  mix(kept: number, other: ParameterVector, factor: number): void {
    const [own, share] = [Math.fround(kept), Math.fround(factor)];
    for (const name of this.names) {
      if (this.isWeight(name)) {
        this.parameters.weight(name).mix(own, other.parameters.weight(name), share);
        continue;
      }
      const values = other.parameters.stored(name).floats();
      const mine = this.parameters.stored(name).floats();
      for (let i = 0; i < mine.length; i += 1) {
        mine[i] = Math.fround(Math.fround(mine[i]! * own) + Math.fround(values[i]! * share));
      }
    }
  }

  /** `Σ this · other`, in f64. */
  dot(other: ParameterVector): number {
    let sum = 0;
    for (const name of this.names) {
      if (this.isWeight(name)) {
        sum += this.parameters.weight(name).dot(other.parameters.weight(name));
        continue;
      }
      const [mine, values] = [this.parameters.stored(name).floats(), other.parameters.stored(name).floats()];
      for (let i = 0; i < mine.length; i += 1) sum += mine[i]! * values[i]!;
    }
    return sum;
  }

  private isWeight(name: string): boolean {
    return this.parameters.specOf(name).shape.length === 2;
  }

  /** Gives the memory of an `empty()` vector back. */
  free(): void {
    this.parameters.free();
  }
}
