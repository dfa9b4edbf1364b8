/** The public names. */
export { compose, decompose, type TieOptions, tie, transposed } from './combine/compose.js';
export { type Mixture, type MixtureFitOptions, type MixtureRecord, mixture } from './combine/mixture.js';
export { product } from './combine/product.js';
export { type AutoencoderOptions, autoencoder, type ClassifierOptions, classifier } from './combine/unfold.js';
export { type UnrollOptions, unroll } from './combine/unroll.js';
export { untie } from './combine/untie.js';
export { type AmatOptions, readAmat } from './data/amat.js';
export { type CifarOptions, readCifar } from './data/cifar.js';
export { type CsvOptions, readCsv } from './data/csv.js';
export {
  type DataIdentity,
  Dataset,
  type DatasetOptions,
  type SplitOptions,
  type SubsetOptions,
} from './data/dataset.js';
export {
  type DigitsTiny,
  type DigitsTinySplit,
  digitsTiny,
} from './data/digits-tiny.js';
export {
  type IdxArray,
  type IdxImages,
  type IdxType,
  type ImagesWanted,
  readIdx,
  readIdxImages,
  readIdxLabels,
} from './data/idx.js';
export { type ImageFolderOptions, type NamedFile, readImageFolder, readImages } from './data/image-folder.js';
export { type LibsvmOptions, type LibsvmRows, readLibsvm } from './data/libsvm.js';
export { type MatArray, readMat } from './data/mat.js';
export { type NorbMatrix, type NorbType, readNorb } from './data/norb.js';
export { type ParquetOptions, readParquet } from './data/parquet.js';
export type { Pictures } from './data/pictures.js';
export { type Row, type RowNumbers, type RowsOptions, readRows } from './data/rows.js';
export { denseRows, type SparseRows } from './data/sparse.js';
export {
  type StructuredNoiseKind,
  type StructuredNoiseOptions,
  withStructuredNoise,
} from './data/structured-noise.js';
export type { Labels, Table } from './data/table.js';
export { type CreateOptions, Engine, load } from './engine.js';
export { type ErrorCode, type ErrorDetails, WakesleepError } from './errors.js';
export type { ForeignNames, ForeignTensor } from './files/foreign.js';
export { type NpyValues, writeNpy } from './files/npy.js';
export { type NumpyArray, readNpy, readNpz, writeNpz } from './files/npz.js';
export { type OnnxOptions, writeOnnx } from './files/onnx.js';
export { type GreyRange, type PngGrid, pngGrid } from './files/png.js';
export { type Picture, readPng } from './files/png-reader.js';
export {
  readSafetensors,
  type SafetensorsContents,
  type TensorRead,
  type TensorToWrite,
  type TensorType,
  type TensorValues,
  writeSafetensors,
} from './files/safetensors.js';
export { numpyArrays, scikitLearnNames } from './files/scikit-learn.js';
export {
  boltzmannMachine,
  deepBeliefNet,
  deepBoltzmannMachine,
  network,
  rbm,
  sigmoidBeliefNet,
  untiedGraph,
} from './graph/constructors.js';
export { type Connection, type Edges, type Graph, type Layer, readGraph } from './graph/graph.js';
export type { AggregatedOptions } from './infer/aggregated.js';
export type { ClampedUnits } from './infer/ancestral.js';
export type { Classification } from './infer/classify.js';
export type { ConditionalOptions, FillOptions } from './infer/conditional.js';
export type { LayerStates } from './infer/deep-sampling.js';
export type { DenoiseOptions } from './infer/denoise.js';
export type { FieldMeansOptions } from './infer/field.js';
export type { FactorialPosteriorOptions } from './infer/mean-field.js';
export type {
  ExactPosterior,
  ExactPosteriorOptions,
  GibbsPosterior,
  GibbsPosteriorOptions,
  HiddenUnit,
  LayerMeans,
  MeanFieldPosterior,
  MeanFieldPosteriorOptions,
  PosteriorOf,
  PosteriorOptions,
  RecognitionPosterior,
  RecognitionPosteriorOptions,
} from './infer/posterior.js';
export type { Moves } from './infer/row-net.js';
export type { SampleOptions } from './infer/sample.js';
export type { Passing } from './infer/source.js';
export type { Algorithm } from './learn/algorithm.js';
export {
  type Backpropagation,
  type BackpropagationOptions,
  backpropagation,
} from './learn/backpropagation.js';
export type { BeliefOptions } from './learn/belief-options.js';
export {
  type BoltzmannLearning,
  type BoltzmannLearningOptions,
  boltzmannLearning,
} from './learn/boltzmann-learning.js';
export {
  type ConjugateGradient,
  type ConjugateGradientOptions,
  conjugateGradient,
} from './learn/conjugate-gradient.js';
export {
  type ContrastiveDivergence,
  type ContrastiveDivergenceOptions,
  contrastiveDivergence,
} from './learn/contrastive-divergence.js';
export {
  type DeepBoltzmannLearning,
  type DeepBoltzmannOptions,
  deepBoltzmannLearning,
} from './learn/deep-boltzmann.js';
export { type ExactGradient, type ExactGradientOptions, exactGradient } from './learn/exact-gradient.js';
export {
  type ExpectationMaximisation,
  type ExpectationMaximisationOptions,
  expectationMaximisation,
} from './learn/expectation-maximisation.js';
export {
  type FastWeights,
  type FastWeightsOptions,
  fastPersistentContrastiveDivergence,
} from './learn/fast-persistent.js';
export { type Greedy, type GreedyPhase, greedy } from './learn/greedy.js';
export type { MachineTrainer } from './learn/machine-trainers.js';
export { type MonteCarloEM, type MonteCarloEMOptions, monteCarloEM } from './learn/monte-carlo-em.js';
export type { Dropout } from './learn/network-gradient.js';
export {
  type ParallelTempering,
  type ParallelTemperingOptions,
  parallelTempering,
} from './learn/parallel-tempering.js';
export {
  type PersistentContrastiveDivergence,
  type PersistentOptions,
  persistentContrastiveDivergence,
} from './learn/persistent.js';
export {
  type RecognitionPhase,
  type ReweightedWakeSleep,
  type ReweightedWakeSleepOptions,
  reweightedWakeSleep,
} from './learn/reweighted-wake-sleep.js';
export type { Monitor, Run, TrainOptions } from './learn/run.js';
export type { Schedule } from './learn/schedule.js';
export type { CommonOption, CompleteTrainerOptions, Optimiser, TrainerOptions } from './learn/trainer-options.js';
export type { Progress, TrainingRecord } from './learn/training.js';
export { type UpDown, type UpDownOptions, upDown } from './learn/up-down.js';
export { type VariationalEM, type VariationalEMOptions, variationalEM } from './learn/variational-em.js';
export { type WakeSleep, type WakeSleepOptions, wakeSleep } from './learn/wake-sleep.js';
export {
  type AnnealedEstimate,
  type AnnealedOptions,
  type AnnealedState,
  type Bracket,
  bracketOf,
} from './likelihood/annealed.js';
export { greedyBound } from './likelihood/greedy-bound.js';
export type { ImportanceEstimate, ImportanceOptions } from './likelihood/importance.js';
export type { PseudoOptions } from './likelihood/pseudo.js';
export type { BoundOptions, Model, Rows } from './model.js';
export type { Parameter, ParameterView } from './parameter.js';
export { loadInWorker } from './remote/load-in-worker.js';
export type {
  Remote,
  RemoteDataset,
  RemoteEngine,
  RemoteModel,
  RemoteParameter,
  RemoteRun,
} from './remote/types.js';
export type { Artefact, LoadOptions, WasmSource, WasmSources } from './runtime/load.js';
export type { RuntimeInfo } from './runtime/runtime.js';
export { type BernoulliUnits, bernoulli } from './units/bernoulli.js';
export { type BinomialUnits, binomial } from './units/binomial.js';
export { type GaussianOptions, type GaussianUnits, gaussian } from './units/gaussian.js';
export type { Units } from './units/index.js';
export { type ReluNoise, type ReluUnits, relu } from './units/relu.js';
export { type ReplicatedSoftmaxUnits, replicatedSoftmax } from './units/replicated-softmax.js';
export { type SoftmaxUnits, softmax } from './units/softmax.js';
export { type SteppedSigmoidUnits, steppedSigmoid } from './units/stepped-sigmoid.js';
export { type TanhUnits, tanh } from './units/tanh.js';
export { type TruncatedNormalUnits, truncatedNormal } from './units/truncated-normal.js';
export type { Check } from './verify/checks.js';
export { type Verification, type VerifyOptions, verify } from './verify/verify.js';
