/**
 * Seeded calls of every kernel through an artefact's real exports, each with the digest of what it gave. The same calls,
 * in Rust, are in crates/kernels/tests/digests.rs: the digests must be the same natively, in every artefact, on every
 * host and with every number of threads. No host's names are used here, so that it runs anywhere.
 *
 * Every name of a call stands in both files. Numbers come from a 32-bit generator (xorshift), which both have too.
 */

/**
 * Digests by name. `runtime` is what `load()` gives below the engine: `kernels` are the exports, and
 * `views.bytes(address, length)` is a `Uint8Array` over the memory.
 */
export function digests(runtime) {
  const calls = new Calls(runtime);
  calls.random();
  calls.elementwise();
  calls.gathering();
  calls.propagation();
  calls.settling();
  calls.sums();
  calls.learning();
  calls.biases();
  calls.options();
  calls.exact();
  calls.beliefNets();
  calls.realUnits();
  calls.variances();
  calls.exactReal();
  calls.fields();
  return calls.found;
}

// ---- Numbers ----

/** `count` words from a seed that is not zero. */
function words(seed, count) {
  let state = seed;
  return Uint32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  });
}

const unit = (word) => (word >>> 8) / 16_777_216;

/** What a word becomes; all are exact in f32. */
const KINDS = {
  unit,
  signed: (word) => unit(word) * 2 - 1,
  binary: (word) => (unit(word) < 0.25 ? 1 : 0),
  sparse: (word) => (word % 4 === 0 ? unit(word) * 2 - 1 : 0),
  small: (word) => (unit(word) * 2 - 1) / 8,
};

function floats(seed, count, kind) {
  return Float32Array.from(words(seed, count), KINDS[kind]);
}

function bytes(seed, count) {
  return Uint8Array.from(words(seed, count), (word) => (word % 2 === 0 ? word >>> 24 : 0));
}

// ---- Hashing ----

/** FNV-1a with 64 bits, in two halves. */
class Hash {
  high = 0xcbf29ce4;
  low = 0x84222325;

  /** Adds bytes as they lie in memory. */
  bytes(values) {
    let { high, low } = this;
    for (const byte of values) {
      low = (low ^ byte) >>> 0;
      // The prime is 2^40 + 0x1b3.
      const product = low * 0x1b3;
      high = (Math.imul(high, 0x1b3) + ((low << 8) >>> 0) + Math.floor(product / 4_294_967_296)) >>> 0;
      low = product >>> 0;
    }
    this.high = high;
    this.low = low;
    return this;
  }

  /** Adds f32 numbers, every NaN as the same one: which one comes out is nobody's promise. */
  floats(values) {
    return this.bytes(new Uint8Array(Float32Array.from(values, (x) => (Number.isNaN(x) ? Number.NaN : x)).buffer));
  }

  doubles(values) {
    return this.bytes(new Uint8Array(Float64Array.from(values, (x) => (Number.isNaN(x) ? Number.NaN : x)).buffer));
  }

  hex() {
    return [this.high, this.low].map((half) => half.toString(16).padStart(8, '0')).join('');
  }
}

// ---- Calls ----

const LOWER = 53;
const UPPER = 41;
const ROWS = 23;
const DATA_ROWS = 40;
/** Units of the softmax layer: eight groups of five. */
const GROUPED = 40;
const SIZE = 5;
const KEEP = { inputs: 0, means: 1, states: 2 };
const BERNOULLI = 0;
const SOFTMAX = 1;
/** Unit types that are not binary: name, code, and what `size` says of them. */
const REAL_KINDS = [
  ['binomial', 2, 9],
  ['stepped sigmoid', 3, 9],
  ['relu', 4, 0],
  ['relu unit', 4, 1],
  ['relu sigmoid', 4, 2],
  ['truncated normal', 5, 1],
  ['gaussian', 6, 1],
  ['replicated softmax', 7, 9],
];
const BINARISE = 3;
const TRAIN = 4;
const POSTERIOR = 20;
const INITIAL = 1;

class Calls {
  found = {};

  constructor({ kernels, views }) {
    this.kernels = kernels;
    this.views = views;
    this.unused = this.zeros(64);
    this.stream = this.streamOf(TRAIN, 2, 9, 1);
  }

  // -- Helpers --

  streamOf(purpose, layer, update, sweep) {
    const stream = new this.kernels.Stream(0x1234_5678, 7, purpose, layer);
    stream.at(update, sweep);
    return stream;
  }

  zeros(byteLength) {
    return this.kernels.Buffer.allocate(byteLength);
  }

  view(buffer, Type = Float32Array) {
    const all = this.views.bytes(buffer.address, buffer.byteLength);
    return new Type(all.buffer, all.byteOffset, Math.floor(all.byteLength / Type.BYTES_PER_ELEMENT));
  }

  buffer(values) {
    const buffer = this.zeros(values.byteLength);
    this.view(buffer, values.constructor).set(values);
    return buffer;
  }

  padded(values) {
    const buffer = this.zeros(this.kernels.paddedUnits(values.length) * 4);
    this.view(buffer).set(values);
    return buffer;
  }

  hash(name, fill) {
    const hash = new Hash();
    fill(hash);
    this.found[name] = hash.hex();
  }

  hashFloats(name, ...buffers) {
    this.hash(name, (hash) => {
      for (const buffer of buffers) hash.floats(this.view(buffer));
    });
  }

  hashDoubles(name, ...values) {
    this.hash(name, (hash) => hash.doubles(values));
  }

  valuesOf(activity) {
    const out = this.zeros(activity.rows * activity.units * 4);
    activity.readValues(out);
    return this.view(out).slice();
  }

  hashActivity(name, activity) {
    this.hash(name, (hash) => hash.floats(this.valuesOf(activity)));
  }

  /** Values, and what is listed. */
  hashLists(name, activity) {
    this.hash(name, (hash) => {
      hash.floats(this.valuesOf(activity)).doubles([activity.listed()]);
      activity.spreadLists();
      hash.floats(this.valuesOf(activity));
    });
  }

  activity(rows, units, values) {
    const activity = this.kernels.Activity.create(rows, units);
    activity.writeValues(this.buffer(values));
    return activity;
  }

  /** Lists of ones from zeros and ones. */
  ones(rows, units, values) {
    const activity = this.kernels.Activity.create(rows, units);
    const order = this.buffer(Uint32Array.from({ length: rows }, (_, row) => row));
    activity.gatherStates(this.buffer(values), false, 1, order, 0, this.streamOf(BINARISE, 0, 0, 0));
    return activity;
  }

  weights(lower, upper, seed, kind) {
    const weights = this.kernels.Weights.create(lower, upper);
    weights.write(this.buffer(floats(seed, lower * upper, kind)));
    return weights;
  }

  // -- The calls --

  random() {
    const counter = this.buffer(words(1, 4));
    this.hash('philox', (hash) => {
      for (let i = 0; i < 100; i++) {
        this.kernels.philox(0xdead_beef, i, counter);
        hash.bytes(this.view(counter, Uint8Array));
      }
    });
    for (const length of [1, 2, 1000, 60_000]) {
      const order = this.zeros(length * 4);
      this.kernels.permutation(5, 6, 7, 1, order);
      this.hash(`permutation ${length}`, (hash) => hash.bytes(this.view(order, Uint8Array)));
    }
    const normal = this.zeros(10_003 * 4);
    this.streamOf(INITIAL, 3, 0, 0).normal(4, 0.01, normal, 0, 10_003);
    this.hashFloats('normal', normal);
    const [rows, units] = [this.zeros(9 * 4), this.zeros(9 * 4)];
    this.stream.uniform(5, rows, 9);
    this.stream.uniforms(5, units, 9);
    this.hashFloats('uniform', rows, units);
  }

  elementwise() {
    // All signs, exponents and some of the mantissas; one NaN stands for all.
    const patterns = Uint32Array.from({ length: 65_536 }, (_, i) => (i * 65_521) >>> 0);
    const isNaNPattern = (pattern) => (pattern & 0x7fff_ffff) > 0x7f80_0000;
    for (const [index, name] of ['exp', 'log', 'logistic', 'softplus'].entries()) {
      const values = this.buffer(patterns.map((pattern) => (isNaNPattern(pattern) ? 0x7fc0_0000 : pattern)));
      this.kernels.elementwise(index, values);
      this.hashFloats(name, values);
    }
    const sevenths = (first) => this.buffer(Float64Array.from({ length: 4096 }, (_, i) => (first + i) / 7));
    for (const [index, [name, first]] of [
      ['double exp', -2048],
      ['double log', 1],
    ].entries()) {
      const values = sevenths(first);
      this.kernels.elementwiseDoubles(index, values);
      this.hashDoubles(name, ...this.view(values, Float64Array));
    }
  }

  gathering() {
    const order = this.buffer(Uint32Array.from(words(11, ROWS + 5), (word) => word % DATA_ROWS));
    const pixels = this.buffer(bytes(12, DATA_ROWS * LOWER));
    const numbers = this.buffer(floats(13, DATA_ROWS * LOWER, 'sparse'));
    const chances = this.buffer(floats(14, DATA_ROWS * LOWER, 'unit'));
    const gathered = () => this.kernels.Activity.create(ROWS, LOWER);
    const scale = Math.fround(1 / 255);
    let activity = gathered();
    activity.gather(pixels, true, scale, order, 5);
    this.hashLists('gather u8', activity);
    activity.gather(numbers, false, 0.5, order, 2);
    this.hashLists('gather f32', activity);
    activity = gathered();
    activity.gatherStates(pixels, true, scale, order, 5, this.streamOf(BINARISE, 0, 3, 0));
    this.hashLists('gather states u8', activity);
    activity = gathered();
    activity.gatherStates(chances, false, 1, order, 1, this.streamOf(BINARISE, 0, 4, 0));
    this.hashLists('gather states f32', activity);
    const offsets = this.buffer(Uint32Array.from({ length: DATA_ROWS + 1 }, (_, row) => 3 * row));
    const three = (row) => [row % 7, 20 + (row % 9), 40 + (row % 3)];
    const units = this.buffer(Uint32Array.from(Array.from({ length: DATA_ROWS }, (_, row) => three(row)).flat()));
    activity = gathered();
    activity.gatherSparse(offsets, units, numbers, 0.5, order, 4);
    this.hashLists('gather sparse', activity);
    activity = gathered();
    activity.gatherStatesSparse(offsets, units, chances, 1, order, 3, this.streamOf(BINARISE, 0, 5, 0));
    this.hashLists('gather states sparse', activity);
    const labels = this.buffer(Uint8Array.from(words(15, DATA_ROWS), (word) => word % 10));
    activity = this.kernels.Activity.create(ROWS, 10);
    activity.gatherLabels(labels, order, 0);
    this.hashLists('gather labels', activity);
  }

  propagation() {
    for (const up of [true, false]) {
      const [sources, targets] = up ? [LOWER, UPPER] : [UPPER, LOWER];
      const weights = this.weights(LOWER, UPPER, 21, 'signed');
      const bias = this.padded(floats(22, targets, 'signed'));
      const binary = floats(23, ROWS * sources, 'binary');
      const sparse = floats(24, ROWS * sources, 'sparse');
      const dense = floats(25, ROWS * sources, 'signed');
      const forms = [
        ['ones', this.ones(ROWS, sources, binary), true],
        ['reals', this.activity(ROWS, sources, sparse), true],
        ['crowded reals', this.activity(ROWS, sources, dense), true],
        ['values', this.activity(ROWS, sources, dense), false],
      ];
      for (const [form, source, lists] of forms) {
        for (const [name, keep] of Object.entries(KEEP)) {
          const target = this.kernels.Activity.create(ROWS, targets);
          const draw = name !== 'inputs';
          target.propagate(source, lists, weights, up, bias, false, BERNOULLI, 1, keep, draw, this.stream);
          const title = `propagate ${up ? 'up' : 'down'} ${form} ${name}`;
          if (draw) this.hashLists(title, target);
          else this.hashActivity(title, target);
        }
      }
    }
    const target = this.kernels.Activity.create(ROWS, GROUPED);
    const bias = this.padded(floats(26, GROUPED, 'signed'));
    const first = this.ones(ROWS, LOWER, floats(27, ROWS * LOWER, 'binary'));
    const second = this.activity(ROWS, UPPER, floats(28, ROWS * UPPER, 'sparse'));
    const below = this.weights(LOWER, GROUPED, 29, 'small');
    const above = this.weights(GROUPED, UPPER, 30, 'small');
    target.propagate(first, true, below, true, bias, false, SOFTMAX, SIZE, KEEP.inputs, false, this.stream);
    target.propagate(second, true, above, false, this.unused, true, SOFTMAX, SIZE, KEEP.means, true, this.stream);
    this.hashLists('propagate two connections', target);
  }

  settling() {
    for (const [name, kind, size] of [
      ['bernoulli', BERNOULLI, 1],
      ['softmax', SOFTMAX, SIZE],
    ]) {
      const bias = this.padded(floats(31, GROUPED, 'signed'));
      for (const [kept, keep] of Object.entries(KEEP)) {
        const target = this.kernels.Activity.create(ROWS, GROUPED);
        target.settleOnBias(bias, kind, size, keep, true, this.stream);
        this.hashLists(`settle ${name} ${kept}`, target);
      }
    }
  }

  sums() {
    const inputs = this.activity(ROWS, GROUPED, floats(41, ROWS * GROUPED, 'signed'));
    const weights = this.weights(LOWER, GROUPED, 42, 'signed');
    for (const [name, kind, size] of [
      ['bernoulli', BERNOULLI, 1],
      ['softmax', SOFTMAX, SIZE],
    ]) {
      const out = this.zeros(ROWS * 8);
      inputs.addLogPartition(kind, size, out);
      inputs.addLogPartitionWith(kind, size, weights, 17, out);
      this.hashDoubles(`log partition ${name}`, ...this.view(out, Float64Array));
      const differences = this.zeros(ROWS * 8);
      inputs.addTemperedDifference(kind, size, Float32Array.of(0.25), Float32Array.of(0.75), differences);
      this.hashDoubles(`tempered difference ${name}`, ...this.view(differences, Float64Array));
      this.hashDoubles(`summary ${name}`, ...this.kernels.summariseWeights(differences, ROWS));
      const tempered = this.activity(ROWS, GROUPED, floats(41, ROWS * GROUPED, 'signed'));
      const offset = this.padded(floats(48, GROUPED, 'signed'));
      tempered.settleTempered(Float32Array.of(0.5), offset, true, kind, size, KEEP.means, true, this.stream);
      const copied = this.kernels.Activity.create(ROWS, GROUPED);
      copied.copyRows(tempered, Uint32Array.of(4, 2, 9), 0);
      const given = this.activity(ROWS, GROUPED, floats(41, ROWS * GROUPED, 'signed'));
      const logs = this.zeros(ROWS * 8);
      for (const lists of [true, false]) given.addLogProbability(tempered, lists, kind, size, logs);
      this.hashDoubles(`log probability ${name}`, ...this.view(logs, Float64Array));
      this.hashLists(`settle tempered ${name}`, tempered);
      this.hashLists(`copy rows ${name}`, copied);
      copied.copyRows(tempered, Uint32Array.of(1, 0), 3);
      this.hashLists(`append rows ${name}`, copied);
      const known = this.buffer(Uint8Array.from({ length: ROWS * GROUPED }, (_, k) => Number(k % 3 !== 0)));
      const reversed = this.buffer(Uint32Array.from({ length: ROWS }, (_, row) => ROWS - 1 - row));
      const completed = this.activity(ROWS, GROUPED, floats(88, ROWS * GROUPED, 'unit'));
      completed.complete(tempered, true, known, reversed, 0);
      this.hashLists(`complete ${name}`, completed);
      const byRow = this.activity(ROWS, GROUPED, floats(41, ROWS * GROUPED, 'signed'));
      byRow.settleTempered(floats(87, ROWS, 'unit'), offset, false, kind, size, KEEP.means, true, this.stream);
      this.hashLists(`settle tempered by row ${name}`, byRow);
    }
    for (const [name, kind, size] of [
      ['bernoulli', BERNOULLI, 1],
      ['softmax', SOFTMAX, SIZE],
    ]) {
      const lower = this.kernels.Activity.create(ROWS, GROUPED);
      const bias = this.padded(floats(31, GROUPED, 'signed'));
      lower.settleOnBias(bias, kind, size, KEEP.means, true, this.stream);
      const upper = this.activity(ROWS, UPPER, floats(49, ROWS * UPPER, 'signed'));
      const joining = this.weights(GROUPED, UPPER, 50, 'signed');
      const out = this.zeros(ROWS * 8);
      const chosen = Uint32Array.from({ length: ROWS }, (_, row) => row % (GROUPED / size));
      for (const groups of [new Uint32Array(), chosen]) {
        const { addPseudoLogLikelihoods } = this.kernels;
        addPseudoLogLikelihoods(lower, true, kind, size, bias, joining, upper, BERNOULLI, 1, groups, out);
      }
      this.hashDoubles(`pseudo ${name}`, ...this.view(out, Float64Array));
    }
    const binary = this.ones(ROWS, LOWER, floats(43, ROWS * LOWER, 'binary'));
    const sparse = this.activity(ROWS, LOWER, floats(44, ROWS * LOWER, 'sparse'));
    const vector = this.buffer(floats(45, LOWER, 'signed'));
    const dots = this.zeros(ROWS * 8);
    binary.addDots(true, vector, dots);
    sparse.addDots(true, vector, dots);
    sparse.addDots(false, vector, dots);
    this.hashDoubles('dots', ...this.view(dots, Float64Array));
    const other = this.activity(ROWS, LOWER, floats(46, ROWS * LOWER, 'unit'));
    const distances = [binary.squaredDistance(true, other), sparse.squaredDistance(false, other)];
    this.hashDoubles('squared distances', ...distances);
    this.hashDoubles('sums', other.sumOfValues(), weights.sumOfSquares());
    const columns = 7;
    const rows = this.buffer(Float64Array.from(floats(47, ROWS * columns, 'signed'), (x) => x * 64));
    this.kernels.normaliseRows(rows, columns);
    this.hashDoubles('normalise rows', ...this.view(rows, Float64Array));
  }

  learning() {
    const h0 = this.activity(ROWS, UPPER, floats(51, ROWS * UPPER, 'unit'));
    const h1 = this.activity(ROWS, UPPER, floats(52, ROWS * UPPER, 'unit'));
    const binary = [floats(53, ROWS * LOWER, 'binary'), floats(54, ROWS * LOWER, 'binary')];
    const sparse = [floats(55, ROWS * LOWER, 'sparse'), floats(56, ROWS * LOWER, 'sparse')];
    const ones = (values) => [this.ones(ROWS, LOWER, values), true];
    const reals = (values) => [this.activity(ROWS, LOWER, values), true];
    const plain = (values) => [this.activity(ROWS, LOWER, values), false];
    const forms = {
      ones: binary.map(ones),
      reals: sparse.map(reals),
      values: sparse.map(plain),
      'ones and reals': [ones(binary[0]), reals(sparse[1])],
      'ones and values': [ones(binary[0]), plain(sparse[1])],
    };
    for (const [name, [[v0, lists0], [v1, lists1]]] of Object.entries(forms)) {
      const weights = this.weights(LOWER, UPPER, 57, 'small');
      const learner = this.kernels.Learner.create(LOWER, UPPER, ROWS);
      const outcomes = [0.5, 0.25, 0.125].map((rate) =>
        learner.learn(weights, v0, lists0, h0, v1, lists1, h1, this.step(rate, 0.001)),
      );
      this.hashLearned(`learn ${name}`, weights, learner, outcomes);
    }
    const weights = this.weights(LOWER, UPPER, 58, 'small');
    const learner = this.kernels.Learner.create(LOWER, UPPER, 0);
    learner.write(this.buffer(floats(59, LOWER * UPPER, 'small')));
    const gradient = this.buffer(floats(60, LOWER * UPPER, 'signed'));
    const outcomes = [0.5, 0.25].map((rate) => learner.step(weights, gradient, this.step(rate, 0.001)));
    this.hashLearned('step', weights, learner, outcomes);
  }

  step(rate, cost) {
    return this.kernels.Step.momentum(rate, cost, 0, 0, 0.9, false);
  }

  /** Phases of different lengths, rows that count differently, corrections, each rule, dropped units, whole weights. */
  options() {
    const fewer = ROWS - 3;
    const rowWeights = floats(81, ROWS, 'unit');
    const v0 = this.ones(ROWS, LOWER, floats(53, ROWS * LOWER, 'binary'));
    const v1 = this.ones(fewer, LOWER, floats(54, fewer * LOWER, 'binary'));
    const h0 = this.activity(ROWS, UPPER, floats(51, ROWS * UPPER, 'unit'));
    const h1 = this.activity(fewer, UPPER, floats(52, fewer * UPPER, 'unit'));
    h0.weighRows(rowWeights);
    v0.weighRows(rowWeights);
    h1.weighRows(Float32Array.of(1.25));
    const { Step } = this.kernels;
    const rules = {
      nesterov: (rate, cost, lasso) => Step.momentum(rate, cost, lasso, 0, 0.9, true),
      adam: (rate, cost, lasso) => Step.adam(rate, cost, lasso, 0, 0.9, 0.99, 1e-8, 10, 100),
    };
    for (const [name, step] of Object.entries(rules)) {
      const weights = this.weights(LOWER, UPPER, 57, 'small');
      const learner = this.kernels.Learner.create(LOWER, UPPER, ROWS);
      const outcomes = [0.5, 0.25].map((rate) => {
        learner.correct(this.buffer(floats(82, LOWER, 'signed')), this.buffer(floats(83, UPPER, 'signed')));
        return learner.learn(weights, v0, true, h0, v1, true, h1, step(rate, 0.001, 0.01));
      });
      weights.limitNorms(0.75);
      this.hashLearned(`learn ${name}`, weights, learner, outcomes);
      const squares = this.zeros(LOWER * UPPER * 4);
      learner.readSquares(squares);
      this.hashFloats(`squares ${name}`, squares);
      const bias = this.padded(floats(64, LOWER, 'signed'));
      const velocity = this.view(this.padded(floats(65, LOWER, 'small')));
      const kept = this.buffer(Float32Array.from({ length: 2 * velocity.length }, (_, k) => velocity[k] ?? 0));
      this.kernels.learnBias(bias, kept, v0, true, v1, true, step(0.5, 0.001, 0.01));
      this.hashFloats(`learn bias ${name}`, bias, kept);
    }
    let sums = this.padded(floats(64, LOWER, 'signed'));
    v0.addColumnSums(true, sums);
    v0.addWeighedColumnSums(true, this.buffer(rowWeights), sums);
    this.hashFloats('column sums', sums);
    const stream = new this.kernels.Stream(3, 4, TRAIN, 2);
    stream.at(5, 1);
    v0.dropUnits(0.5, stream);
    h0.dropUnits(0.5, stream);
    sums = this.padded(floats(64, LOWER, 'signed'));
    v0.addColumnSums(true, sums);
    const dropped = this.zeros(ROWS * UPPER * 4);
    h0.readValues(dropped);
    this.hashFloats('drop units', sums, dropped);
    const [a, b, c] = [84, 85, 86].map((seed) => this.weights(LOWER, UPPER, seed, 'small'));
    c.blend(a, 0.125);
    const [blended, sum] = [this.zeros(LOWER * UPPER * 4), this.zeros(LOWER * UPPER * 4)];
    c.read(blended);
    c.setSum(a, b);
    c.read(sum);
    this.hashFloats('blend and sum', blended, sum);
  }

  hashLearned(name, weights, learner, outcomes) {
    const [w, v] = [this.zeros(LOWER * UPPER * 4), this.zeros(LOWER * UPPER * 4)];
    weights.read(w);
    learner.read(v);
    this.hash(name, (hash) => hash.floats(this.view(w)).floats(this.view(v)).doubles(outcomes));
  }

  /** Forty units of three colours, joined in pairs that are 1, 4 and 7 apart. */
  fields() {
    const [units, pairs] = [40, 108];
    const colours = this.buffer(Uint32Array.from({ length: units }, (_, unit) => unit % 3));
    const joined = [1, 4, 7].flatMap((apart) =>
      Array.from({ length: units - apart }, (_, unit) => [unit, unit + apart]).flat(),
    );
    const field = this.kernels.Field.create(colours, units, this.buffer(Uint32Array.from(joined)), pairs);
    field.gather();
    field.set(this.buffer(floats(111, units, 'signed')), this.buffer(floats(112, pairs, 'signed')));
    for (const [chains, quads] of [
      [1, false],
      [6, true],
    ]) {
      const states = this.kernels.FieldChains.create(field, chains, quads);
      states.write(field, this.buffer(floats(113, chains * units, 'binary')));
      states.hold(field, this.buffer(bytes(114, chains * units)));
      states.start(field, this.stream);
      states.draw(field, 5, 0.75, this.stream, true);
      const out = this.zeros(chains * units * 4);
      states.read(field, out);
      this.hashFloats(`field draw ${chains}`, out);
      states.relax(field, 2, 1, 0.25);
      states.means(field, 1, out);
      this.hashFloats(`field means ${chains}`, out);
      if (!quads) continue;
      const [products, means] = [this.zeros(pairs * 4), this.zeros(units * 4)];
      states.addStatistics(field, floats(115, chains, 'unit'), products, means);
      this.hashFloats('field statistics', products, means);
    }
    const free = this.buffer(Uint8Array.from({ length: units }, (_, unit) => Number(unit < 9)));
    const rows = this.buffer(floats(116, 3 * units, 'binary'));
    const [logs, averages] = [this.zeros(3 * 8), this.zeros((units + pairs) * 8)];
    field.logSums(free, rows, 3, logs);
    field.averages(free, rows, this.buffer(Float64Array.of(0.5, 0.25, 0.25)), logs, 3, averages);
    this.hashDoubles('field exact', ...this.view(logs, Float64Array), ...this.view(averages, Float64Array));
  }

  biases() {
    const a = this.ones(ROWS, LOWER, floats(61, ROWS * LOWER, 'binary'));
    const b = this.ones(ROWS, LOWER, floats(62, ROWS * LOWER, 'binary'));
    const c = this.activity(ROWS, LOWER, floats(63, ROWS * LOWER, 'unit'));
    const bias = this.padded(floats(64, LOWER, 'signed'));
    const velocity = this.padded(floats(65, LOWER, 'small'));
    this.kernels.learnBias(bias, velocity, a, true, b, true, this.step(0.5, 0));
    this.kernels.learnBias(bias, velocity, a, true, c, false, this.step(0.25, 0));
    this.hashFloats('learn bias', bias, velocity);
    this.kernels.stepBias(bias, velocity, this.buffer(floats(66, LOWER, 'signed')), this.step(0.5, 0));
    this.hashFloats('step bias', bias, velocity);
  }

  exact() {
    // Seven binary units and a group of five below, six binary units above.
    const [lower, upper] = [12, 6];
    const parameters = [
      this.buffer(floats(71, lower * upper, 'signed')),
      this.buffer(floats(72, lower, 'signed')),
      this.buffer(floats(73, upper, 'signed')),
      this.buffer(Uint32Array.of(BERNOULLI, 7, 1, SOFTMAX, 5, 5)),
      this.buffer(Uint32Array.of(BERNOULLI, 6, 1)),
    ];
    const out = [lower * upper, lower, upper].map((length) => this.zeros(length * 8));
    const logPartitions = [
      this.kernels.exactLogPartition(...parameters),
      this.kernels.exactExpectations(...parameters, ...out),
    ];
    const expectations = out.flatMap((buffer) => Array.from(this.view(buffer, Float64Array)));
    this.hashDoubles('exact', ...logPartitions, ...expectations);
  }

  beliefNets() {
    const [sizes, rows] = [Uint32Array.of(4, 14, 5), 3];
    const units = sizes.reduce((sum, size) => sum + size, 0);
    const net = this.kernels.BeliefNet.create(sizes, this.buffer(floats(101, units, 'signed')));
    net.join(0, 1, this.buffer(floats(102, 4 * 14, 'signed')));
    net.join(1, 2, this.buffer(floats(103, 14 * 5, 'signed')));
    net.join(0, 2, this.buffer(floats(104, 4 * 5, 'signed')));
    const clamped = Uint8Array.from({ length: units }, (_, unit) => Number(unit >= 18));
    const start = floats(105, rows * units, 'binary');
    const doubles = (count) => this.zeros(count * 8);
    const read = (buffer) => this.view(buffer, Float64Array);
    for (const [name, layers] of [
      ['units', false],
      ['layers', true],
    ]) {
      const held = this.buffer(clamped.slice().fill(1, 5, 9));
      const [states, sums] = [this.buffer(start), doubles(rows * units)];
      const stream = this.streamOf(POSTERIOR, 0, 3, 0);
      net.gibbs(held, states, sums, layers, stream, 2, 5, true);
      this.hash(`belief gibbs ${name}`, (hash) => hash.floats(this.view(states)).doubles(read(sums)));
    }
    const held = this.buffer(clamped.slice().fill(1, 4, 14));
    const out = [doubles(rows * units), doubles(rows), doubles(rows << 8)];
    net.posterior(held, this.buffer(start), ...out);
    this.hash('belief posterior', (hash) => {
      for (const buffer of out) hash.doubles(read(buffer));
    });
    for (const [name, atOnce] of [
      ['in turn', false],
      ['at once', true],
    ]) {
      const begin = Float64Array.from(start, (state, place) => (clamped[place % units] === 0 ? 0.25 : state));
      const [means, bounds] = [this.buffer(begin), doubles(rows)];
      net.meanField(this.buffer(clamped), means, 4, atOnce, bounds);
      this.hash(`belief mean field ${name}`, (hash) => hash.doubles(read(means)).doubles(read(bounds)));
    }
  }

  realUnits() {
    const bias = this.padded(floats(81, GROUPED, 'signed').map((x) => x * 8));
    for (const [name, kind, size] of REAL_KINDS) {
      for (const [kept, keep] of Object.entries(KEEP)) {
        const target = this.kernels.Activity.create(ROWS, GROUPED, true);
        target.settleOnBias(bias, kind, size, keep, true, this.stream);
        if (keep === KEEP.inputs) {
          const out = this.zeros(ROWS * 8);
          target.addLogPartition(kind, size, out);
          target.addLogBase(true, kind, size, out);
          this.hashDoubles(`energies ${name}`, ...this.view(out, Float64Array));
        }
        this.hashLists(`settle ${name} ${kept}`, target);
      }
    }
    const counts = this.activity(ROWS, GROUPED, floats(82, ROWS * GROUPED, 'binary'));
    const above = this.kernels.Activity.create(ROWS, GROUPED, false);
    counts.countLengths();
    above.takeLengths(counts);
    above.startAtLengths(bias);
    this.hashActivity('start at lengths', above);
  }

  variances() {
    const zeta = this.buffer(floats(83, LOWER, 'signed'));
    const velocity = this.buffer(floats(84, LOWER, 'small'));
    const scale = this.buffer(floats(85, LOWER, 'unit').map((x) => x + 0.5));
    const [deviation, inverse, natural] = [1, 2, 3].map(() => this.zeros(LOWER * 4));
    this.kernels.deviations(LOWER, zeta, scale, deviation, inverse);
    this.kernels.multiplyVectors(this.buffer(floats(86, LOWER, 'signed')), inverse, natural);
    const offset = this.kernels.logPartitionOffset(LOWER, deviation, natural);
    this.hash('deviations', (hash) => {
      for (const buffer of [deviation, inverse, natural]) hash.floats(this.view(buffer));
      hash.doubles([offset, this.kernels.halfSquares(LOWER, natural), this.kernels.logOf(0.3)]);
    });
    const states = this.activity(ROWS, LOWER, floats(87, ROWS * LOWER, 'signed'));
    states.shiftAndScale(this.buffer(floats(88, LOWER, 'signed')), inverse);
    const inputs = this.activity(ROWS, LOWER, floats(89, ROWS * LOWER, 'signed'));
    const [positive, negative] = [true, false].map((lists) => {
      const out = this.zeros(LOWER * 8);
      states.logVarianceStatistics(lists, inputs, natural, 0, states.rows, out);
      return out;
    });
    this.view(negative, Float64Array).forEach((x, unit, all) => {
      all[unit] = x * 0.5;
    });
    const outcome = this.kernels.stepLogVariance(LOWER, zeta, velocity, positive, negative, 0.5, 0.9, -0.5);
    this.hash('log variances', (hash) => {
      hash.floats(this.valuesOf(states));
      for (const buffer of [positive, negative]) hash.doubles(this.view(buffer, Float64Array));
      hash.floats(this.view(zeta)).floats(this.view(velocity)).doubles([outcome]);
    });
  }

  exactReal() {
    const [lower, upper] = [5, 4];
    const layers = [
      ['binomial', 2, 3],
      ['stepped sigmoid', 3, 3],
      ['truncated normal', 5, 1],
      ['gaussian', 6, 1],
      ['replicated softmax', 7, 9],
    ];
    for (const [below, lowerKind, lowerSize] of layers) {
      for (const [above, upperKind, upperSize] of [layers[0], layers[3]]) {
        const parameters = [
          this.buffer(floats(91, lower * upper, 'small')),
          this.buffer(floats(92, lower, 'signed')),
          this.buffer(floats(93, upper, 'signed')),
          this.buffer(Uint32Array.of(lowerKind, lower, lowerSize)),
          this.buffer(Uint32Array.of(upperKind, upper, upperSize)),
        ];
        const out = [lower * upper, lower, upper].map((length) => this.zeros(length * 8));
        const verdict = this.kernels.exactNormalisable(...parameters);
        const logZ = this.kernels.exactLogPartition(...parameters);
        const found = !Number.isNaN(this.kernels.exactExpectations(...parameters, ...out));
        const expectations = found ? out.flatMap((buffer) => Array.from(this.view(buffer, Float64Array))) : [];
        this.hashDoubles(`exact ${below} ${above}`, verdict, logZ, ...expectations);
      }
    }
  }
}
