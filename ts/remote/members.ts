/**
 * What of each class of handles can be asked for through a worker: the names, and nothing of what they do. Types come from
 * the classes themselves (types.ts); a test holds this table against their public members.
 */
export const members = {
  Engine: { methods: ['dataset', 'create', 'open', 'resume', 'close'], properties: ['info'] },
  Dataset: {
    methods: [
      ...['split', 'view', 'labels', 'values', 'binarised', 'balancedSubset', 'isBinary', 'columnMeans', 'rowSums'],
      ...['columnDeviations', 'identity', 'free'],
    ],
    properties: ['firstRow', 'rows', 'columns', 'classes', 'hasMissing'],
  },
  Model: {
    methods: [
      ...['train', 'meanHidden', 'aggregatedPosterior', 'sampleHidden', 'meanVisible', 'sampleVisible', 'reconstruct'],
      ...['denoise', 'energy', 'freeEnergy', 'logPartition', 'annealedLogPartition', 'annealedLogPartitionAsync'],
      ...['pseudoLogLikelihood', 'logLikelihood', 'logLikelihoodBound', 'importanceLogLikelihood'],
      ...['importanceLogLikelihoodAsync', 'posterior', 'sample', 'conditional', 'fillMissing', 'classify', 'parameter'],
      ...['toBytes', 'free'],
    ],
    properties: ['engine', 'graph', 'seed', 'updates', 'parameterSpecs'],
  },
  Run: { methods: ['toBytes', 'free'], properties: ['model', 'data', 'algorithm', 'progress', 'done'] },
  Parameter: { methods: ['values', 'set', 'view'], properties: ['name', 'shape'] },
} as const;

/** The classes whose objects stay in the worker. */
export type Kind = keyof typeof members;

/** The names of a kind's methods or properties. */
export type MemberName<K extends Kind> = (typeof members)[K]['methods' | 'properties'][number];
