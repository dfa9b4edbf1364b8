/** What a recipe is: configurations to train, or a demonstration, and what a person wants to know before running it. */
import type { ConfigurationInput, StudyInput } from '../config.js';
import type { Engine } from '../engine.js';

/** A published experiment, runnable by name. */
export type Recipe = TrainingRecipe | Demonstration;

/** What a person wants to know of a recipe. */
interface RecipeFacts {
  readonly name: string;
  readonly title: string;
  /** What it reproduces, and where that was published. */
  readonly reproduces: string;
  /** The published number, and whether this recipe aims at it. */
  readonly published: string;
  /** How long it takes on two cores. */
  readonly takes: string;
}

/** A recipe that trains a model, or several that are compared. */
export interface TrainingRecipe extends RecipeFacts {
  /** What is trained; a study is several configurations. */
  readonly configuration: ConfigurationInput | StudyInput;
}

/** A recipe that trains nothing: it computes, says and draws what a small model shows. */
export interface Demonstration extends RecipeFacts {
  demonstrate(engine: Engine, seed: number): Shown;
}

/** What a demonstration shows. */
export interface Shown {
  /** What is printed, for a person. */
  readonly lines: readonly string[];
  /** The same as plain data, for a program. */
  readonly results: object;
  /** SVG pictures by their file names. */
  readonly pictures: Readonly<Record<string, string>>;
}
