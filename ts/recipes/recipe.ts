/** What a recipe is: a configuration, and what a person wants to know before running it. */
import type { ConfigurationInput, StudyInput } from '../config.js';

/** A published experiment, runnable by name. */
export interface Recipe {
  readonly name: string;
  readonly title: string;
  /** What it reproduces, and where that was published. */
  readonly reproduces: string;
  /** The published number, and whether this recipe aims at it. */
  readonly published: string;
  /** How long it takes on two cores. */
  readonly takes: string;
  /** What is trained; a study is several configurations that are compared. */
  readonly configuration: ConfigurationInput | StudyInput;
}
