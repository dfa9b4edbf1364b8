/**
 * The types of the worker's side, derived from the in-thread classes: methods and properties become promises, handles become
 * remote handles, wherever in arguments and results they stand, and what can be iterated can be with `for await`.
 */
import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../engine.js';
import type { Run } from '../learn/run.js';
import type { Model } from '../model.js';
import type { Parameter } from '../parameter.js';
import type { Kind, MemberName } from './members.js';

interface Classes {
  Engine: Engine;
  Dataset: Dataset;
  Model: Model;
  Run: Run;
  Parameter: Parameter;
}

type Handle = Classes[Kind];

type KindOf<T extends Handle> = { [K in Kind]: T extends Classes[K] ? K : never }[Kind];

/** A handle of an object that lives in the worker. */
export type Remote<T extends Handle> = {
  readonly [Name in MemberName<KindOf<T>> & keyof T]: RemoteMember<T[Name]>;
} & (T extends AsyncIterable<infer Item> ? AsyncIterable<Item> : unknown) &
  (T extends Disposable ? AsyncDisposable : unknown);

type RemoteMember<T> = T extends (...given: infer Given) => infer Result
  ? (...given: RemoteArguments<Given>) => Promise<RemoteResult<Awaited<Result>>>
  : Promise<RemoteResult<T>>;

type RemoteArguments<Given extends unknown[]> = { [Place in keyof Given]: RemoteArgument<Given[Place]> };

/** What is sent as it is. */
type Whole =
  | string
  | number
  | boolean
  | null
  | undefined
  | ArrayLike<unknown>
  | ReadonlyMap<unknown, unknown>
  | AbortSignal;

type RemoteArgument<T> = T extends Handle
  ? Remote<T>
  : T extends Whole
    ? T
    : T extends (...given: never) => unknown
      ? never
      : { [Name in keyof T]: RemoteArgument<T[Name]> };

type RemoteResult<T> = T extends Handle
  ? Remote<T>
  : T extends readonly [Handle, ...Handle[]]
    ? { [Place in keyof T]: RemoteResult<T[Place]> }
    : T;

/** An engine in a worker: what `loadInWorker()` gives. */
export type RemoteEngine = Remote<Engine>;
/** A data set in a worker. */
export type RemoteDataset = Remote<Dataset>;
/** A model in a worker. */
export type RemoteModel = Remote<Model>;
/** A run in a worker: iterate it with `for await`. */
export type RemoteRun = Remote<Run>;
/** A parameter of a model in a worker. */
export type RemoteParameter = Remote<Parameter>;
