/**
 * What a unit type must answer for itself. A type is one file here, one file in the kernels, and a line in the list of
 * `index.ts`; nothing else in the package asks which type a layer has.
 */

/** A layer's units as plain data; `type` names the unit type, the rest is the type's own. */
export interface UnitSpec {
  readonly type: string;
}

/** One unit type. `Spec` is its plain data. */
export interface UnitType<Spec extends UnitSpec = UnitSpec> {
  readonly type: Spec['type'];
  /** Checks plain data from outside and completes it; throws `OPTION_INVALID`. */
  read(where: string, given: unknown): Spec;
  /** Number of units, all groups together. */
  units(spec: Spec): number;
  /** What the kernels need to know: the kind's code and the size of a group. */
  kernel(spec: Spec): { readonly code: number; readonly size: number };
  /** Whether states are drawn, or the mean stands in for the state. */
  samples(spec: Spec): boolean;
  /** The range that data for such a layer must keep to, both ends included. */
  range(spec: Spec): { readonly least: number; readonly most: number };
  /** One line for a person: `500 binary units`. */
  describe(spec: Spec): string;
}
