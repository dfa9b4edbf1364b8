//! The exported kernels: each checks nothing of its own and does no arithmetic, but hands its arguments to
//! `wakesleep_kernels` together with the pool.
//!
//! Codes: unit kinds 0 Bernoulli, 1 softmax (`size` units a group), 2 binomial and 3 stepped sigmoid (`size` copies),
//! 4 rectified (`size` 0 without noise, 1 of variance 1, 2 of variance σ(x)), 5 truncated normal, 6 Gaussian,
//! 7 replicated softmax (`size` draws where a row says nothing else); what is kept 0 total inputs, 1 means, 2 states;
//! outcomes 0 done, 1 a number is not finite, 2 out of memory.

use crate::memory::Buffer;
use crate::pool;
use wakesleep_kernels as kernels;
use wakesleep_kernels::activity::Read;
use wakesleep_kernels::belief;
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::exact::{Enumerate, Group, Machine};
use wakesleep_kernels::field::exact::Problem;
use wakesleep_kernels::field::{self, Along, Settle as FieldSettle, Sweeps};
use wakesleep_kernels::lanes::{LINE, Line, lines_for};
use wakesleep_kernels::propagate::Start;
use wakesleep_kernels::random::Purpose;
use wakesleep_kernels::rows::{Dense, Sparse};
use wakesleep_kernels::statistics::{self, Biases, Phase, Rule};
use wakesleep_kernels::units::{Keep, Kind, Noise, Settle, variance};
use wakesleep_kernels::weights::Direction;
use wasm_bindgen::prelude::*;

fn with_pool<T>(work: impl FnOnce(&Pool) -> T) -> T {
    work(&Pool {
        threads: pool::threads(),
        run: &pool::parallel,
    })
}

fn read(lists: bool) -> Read {
    if lists { Read::Lists } else { Read::Values }
}

fn kind(code: u32, size: usize) -> Kind {
    match code {
        0 => Kind::Bernoulli,
        1 => Kind::Softmax { size },
        2 => Kind::Binomial {
            copies: size as u32,
        },
        3 => Kind::SteppedSigmoid {
            copies: size as u32,
        },
        4 => Kind::Relu {
            noise: [Noise::None, Noise::Unit, Noise::Sigmoid][size],
        },
        5 => Kind::TruncatedNormal,
        6 => Kind::Gaussian,
        7 => Kind::ReplicatedSoftmax {
            length: size as u32,
        },
        8 => Kind::Tanh,
        _ => panic!("unit kind {code}"),
    }
}

fn keep(code: u32) -> Keep {
    match code {
        0 => Keep::Inputs,
        1 => Keep::Means,
        2 => Keep::States,
        _ => panic!("what to keep: {code}"),
    }
}

/// What is done with total inputs, from codes: of the kind with its size, of what is kept, whether states are drawn.
fn settle((kind_code, size): (u32, usize), keep_code: u32, draw: bool, stream: &Stream) -> Settle {
    Settle {
        kind: kind(kind_code, size),
        keep: keep(keep_code),
        draw: draw.then_some(stream.0),
    }
}

fn purpose(code: u32) -> Purpose {
    match code {
        1 => Purpose::Initial,
        2 => Purpose::Order,
        3 => Purpose::Binarise,
        4 => Purpose::Train,
        5 => Purpose::Sample,
        7 => Purpose::Anneal,
        8 => Purpose::Score,
        10 => Purpose::Dropout,
        11 => Purpose::Swap,
        12 => Purpose::Missing,
        13 => Purpose::Accept,
        20 => Purpose::Posterior,
        _ => panic!("purpose {code}"),
    }
}

/// The addresses of a stream of draws; `at` moves it to an update and a sweep.
#[wasm_bindgen]
pub struct Stream(kernels::random::Stream, u32, u32);

#[wasm_bindgen]
impl Stream {
    #[wasm_bindgen(constructor)]
    pub fn new(key_low: u32, key_high: u32, purpose_code: u32, layer: u32) -> Stream {
        let stream =
            kernels::random::Stream::new([key_low, key_high], 0, purpose(purpose_code), layer, 0);
        Stream(stream, purpose_code, layer)
    }

    pub fn at(&mut self, update: u32, sweep: u32) {
        self.0 = kernels::random::Stream::new(self.0.key, update, purpose(self.1), self.2, sweep);
    }

    /// Uniform numbers in [0, 1) of unit 0 of rows `first..first + count`.
    pub fn uniform(&self, first: u32, out: &mut Buffer, count: usize) {
        for (row, value) in out.floats_mut()[..count].iter_mut().enumerate() {
            *value = self.0.uniform(first + row as u32, 0);
        }
    }

    /// Uniform numbers in [0, 1) of units `0..count` of a row.
    pub fn uniforms(&self, row: u32, out: &mut Buffer, count: usize) {
        for (unit, value) in out.floats_mut()[..count].iter_mut().enumerate() {
            *value = self.0.uniform(row, unit as u32);
        }
    }

    /// Normal numbers times `scale` for unit `0..` of a row.
    pub fn normal(&self, row: u32, scale: f32, out: &mut Buffer, first: usize, count: usize) {
        kernels::random::normal(
            self.0,
            row,
            scale,
            &mut out.floats_mut()[first..first + count],
        );
    }
}

/// The version of the definition of all draws.
#[wasm_bindgen]
pub fn stream_version() -> u32 {
    kernels::random::STREAM_VERSION
}

/// One Philox4x32-10 block.
#[wasm_bindgen]
pub fn philox(key_low: u32, key_high: u32, counter: &mut Buffer) {
    let words = counter.words_mut();
    let block = kernels::random::philox(
        [key_low, key_high],
        [words[0], words[1], words[2], words[3]],
    );
    words[..4].copy_from_slice(&block);
}

/// A seeded order of `0..rows` into `order`.
#[wasm_bindgen]
pub fn permutation(key_low: u32, key_high: u32, epoch: u32, phase: u32, order: &mut Buffer) {
    kernels::random::permutation([key_low, key_high], epoch, phase, order.words_mut());
}

/// exp (0), log (1), logistic (2) or softplus (3) of every float of a buffer.
#[wasm_bindgen]
pub fn elementwise(function: u32, values: &mut Buffer) {
    use kernels::logistic::{exp, log, logistic, single, softplus};
    let f: fn(f32) -> f32 = match function {
        0 => |x| single(exp, x),
        1 => |x| single(log, x),
        2 => |x| single(logistic, x),
        3 => |x| single(softplus, x),
        _ => panic!("function {function}"),
    };
    values.floats_mut().iter_mut().for_each(|x| *x = f(*x));
}

/// exp (0) or natural logarithm (1) of every f64 of a buffer.
#[wasm_bindgen(js_name = elementwiseDoubles)]
pub fn elementwise_doubles(function: u32, values: &mut Buffer) {
    let f: fn(f64) -> f64 = match function {
        0 => kernels::sums::exp,
        1 => kernels::sums::log,
        _ => panic!("function {function}"),
    };
    values.doubles_mut().iter_mut().for_each(|x| *x = f(*x));
}

/// What one layer does for a batch of rows.
#[wasm_bindgen]
pub struct Activity(kernels::activity::Activity);

impl Activity {
    /// The numbers of the batch's rows.
    fn part_of<'a>(&self, order: &'a Buffer, first: usize) -> &'a [u32] {
        &order.words()[first..first + self.0.rows()]
    }
}

fn dense<T>(values: &[T], scale: f32) -> Dense<'_, T> {
    Dense { values, scale }
}

fn sparse<'a>(
    offsets: &'a Buffer,
    units: &'a Buffer,
    values: &'a Buffer,
    scale: f32,
) -> Sparse<'a> {
    Sparse {
        offsets: offsets.words(),
        units: units.words(),
        values: values.floats(),
        scale,
    }
}

#[wasm_bindgen]
impl Activity {
    /// Room for `rows` rows, with `real_states` also for states that are not binary; or nothing where the memory is out.
    pub fn create(rows: usize, units: usize, real_states: bool) -> Option<Activity> {
        let mut activity = kernels::activity::Activity::new(rows, units)?;
        if real_states {
            activity.reserve_states()?;
        }
        Some(Activity(activity))
    }

    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> usize {
        self.0.rows()
    }

    #[wasm_bindgen(getter)]
    pub fn units(&self) -> usize {
        self.0.units()
    }

    #[wasm_bindgen(js_name = setRows)]
    pub fn set_rows(&mut self, rows: usize) {
        self.0.set_rows(rows);
    }

    /// Where the values start; a row has `stride` floats.
    #[wasm_bindgen(getter)]
    pub fn address(&self) -> usize {
        self.0.values().as_ptr() as usize
    }

    #[wasm_bindgen(getter)]
    pub fn stride(&self) -> usize {
        self.0.lines() * LINE
    }

    /// Units listed over all rows.
    pub fn listed(&self) -> usize {
        self.0.listed()
    }

    /// Makes the written values the ones that count, and lists those that are not zero. False where memory is out.
    #[wasm_bindgen(js_name = listValues)]
    pub fn list_values(&mut self) -> bool {
        with_pool(|pool| self.0.list_values(pool).is_some())
    }

    /// Writes the values out of the lists.
    #[wasm_bindgen(js_name = spreadLists)]
    pub fn spread_lists(&mut self) {
        with_pool(|pool| self.0.spread_lists(pool));
    }

    /// Reads data-set rows `order[first..first + rows]`, scaled; `pixels` says that the elements are bytes.
    /// False where memory is out.
    pub fn gather(
        &mut self,
        data: &Buffer,
        pixels: bool,
        scale: f32,
        order: &Buffer,
        first: usize,
    ) -> bool {
        let order = self.part_of(order, first);
        with_pool(|pool| {
            if pixels {
                self.0.gather(pool, &dense(data.bytes(), scale), order)
            } else {
                self.0.gather(pool, &dense(data.floats(), scale), order)
            }
        })
        .is_some()
    }

    /// As `gather`, of rows of which only what is not zero is kept (`rows::Sparse`), as floats.
    #[wasm_bindgen(js_name = gatherSparse)]
    pub fn gather_sparse(
        &mut self,
        offsets: &Buffer,
        units: &Buffer,
        values: &Buffer,
        scale: f32,
        order: &Buffer,
        first: usize,
    ) -> bool {
        let order = self.part_of(order, first);
        let rows = sparse(offsets, units, values, scale);
        with_pool(|pool| self.0.gather(pool, &rows, order)).is_some()
    }

    /// As `gather`, but draws binary states with those probabilities.
    #[wasm_bindgen(js_name = gatherStates)]
    pub fn gather_states(
        &mut self,
        data: &Buffer,
        pixels: bool,
        scale: f32,
        order: &Buffer,
        first: usize,
        stream: &Stream,
    ) {
        let order = self.part_of(order, first);
        with_pool(|pool| {
            if pixels {
                let rows = dense(data.bytes(), scale);
                self.0.gather_states(pool, &rows, order, stream.0);
            } else {
                let rows = dense(data.floats(), scale);
                self.0.gather_states(pool, &rows, order, stream.0);
            }
        });
    }

    /// As `gatherStates`, of rows of which only what is not zero is kept.
    #[wasm_bindgen(js_name = gatherStatesSparse)]
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
    pub fn gather_states_sparse(
        &mut self,
        offsets: &Buffer,
        units: &Buffer,
        values: &Buffer,
        scale: f32,
        order: &Buffer,
        first: usize,
        stream: &Stream,
    ) {
        let order = self.part_of(order, first);
        let rows = sparse(offsets, units, values, scale);
        with_pool(|pool| self.0.gather_states(pool, &rows, order, stream.0));
    }

    /// One-hot rows of the labels of data-set rows `order[first..first + rows]`.
    #[wasm_bindgen(js_name = gatherLabels)]
    pub fn gather_labels(&mut self, labels: &Buffer, order: &Buffer, first: usize) {
        let order = self.part_of(order, first);
        self.0.gather_labels(labels.bytes(), order);
    }

    /// Total inputs from another layer, then what the unit kind makes of them.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
    pub fn propagate(
        &mut self,
        source: &Activity,
        lists: bool,
        weights: &Weights,
        up: bool,
        bias: &Buffer,
        partial: bool,
        kind_code: u32,
        size: usize,
        keep_code: u32,
        draw: bool,
        stream: &Stream,
    ) {
        let start = if partial {
            Start::Partial
        } else {
            Start::Bias(bias.lines())
        };
        let direction = if up { Direction::Up } else { Direction::Down };
        let settle = settle((kind_code, size), keep_code, draw, stream);
        with_pool(|pool| {
            kernels::propagate::propagate(
                pool,
                &mut self.0,
                &source.0,
                read(lists),
                &weights.0,
                direction,
                start,
                &settle,
            );
        });
    }

    /// Settles the units on their biases alone.
    #[wasm_bindgen(js_name = settleOnBias)]
    pub fn settle_on_bias(
        &mut self,
        bias: &Buffer,
        kind_code: u32,
        size: usize,
        keep_code: u32,
        draw: bool,
        stream: &Stream,
    ) {
        let settle = settle((kind_code, size), keep_code, draw, stream);
        with_pool(|pool| {
            kernels::propagate::settle_on_bias(pool, &mut self.0, bias.lines(), &settle);
        });
    }

    /// Settles the units on `scale · x`, plus `offset` if it is used, in place of their total inputs x; a scale for each row,
    /// or one for all.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
    #[wasm_bindgen(js_name = settleTempered)]
    pub fn settle_tempered(
        &mut self,
        scales: &[f32],
        offset: &Buffer,
        uses_offset: bool,
        kind_code: u32,
        size: usize,
        keep_code: u32,
        draw: bool,
        stream: &Stream,
    ) {
        let settle = settle((kind_code, size), keep_code, draw, stream);
        let offset = uses_offset.then(|| offset.lines());
        with_pool(|pool| {
            kernels::propagate::settle_tempered(pool, &mut self.0, scales, offset, &settle);
        });
    }

    /// `out[row] += Λ(to · x) − Λ(from · x)` of the total inputs x in `values`, nats, f64; a number for each row, or one for
    /// all.
    #[wasm_bindgen(js_name = addTemperedDifference)]
    pub fn add_tempered_difference(
        &self,
        kind_code: u32,
        size: usize,
        from: &[f32],
        to: &[f32],
        out: &mut Buffer,
    ) {
        let out = &mut out.doubles_mut()[..self.0.rows()];
        with_pool(|pool| {
            let kind = kind(kind_code, size);
            kernels::propagate::add_tempered_differences(pool, &self.0, kind, [from, to], out);
        });
    }

    /// Writes the values as `[rows, units]`, row-major without padding.
    #[wasm_bindgen(js_name = readValues)]
    pub fn read_values(&self, out: &mut Buffer) {
        let units = self.0.units();
        let out = &mut out.floats_mut()[..self.0.rows() * units];
        for (row, out) in out.chunks_exact_mut(units.max(1)).enumerate() {
            out.copy_from_slice(self.0.row(row));
        }
    }

    /// Writes what is listed as `[rows, units]`, row-major without padding; the values are left as they are.
    #[wasm_bindgen(js_name = readLists)]
    pub fn read_lists(&self, out: &mut Buffer) {
        let units = self.0.units();
        let out = &mut out.floats_mut()[..self.0.rows() * units];
        out.fill(0.0);
        for (row, out) in out.chunks_exact_mut(units.max(1)).enumerate() {
            let lists = self.0.lists();
            if lists == kernels::activity::Lists::Dense {
                out.copy_from_slice(self.0.plane_row(row, Read::Lists));
                continue;
            }
            let ones = lists == kernels::activity::Lists::Ones;
            for (place, &unit) in self.0.list(row).iter().enumerate() {
                out[usize::from(unit)] = if ones { 1.0 } else { self.0.reals(row)[place] };
            }
        }
    }

    /// Takes values as `[rows, units]`, row-major without padding, and lists what is not zero. False where memory is
    /// out.
    #[wasm_bindgen(js_name = writeValues)]
    pub fn write_values(&mut self, values: &Buffer) -> bool {
        self.0
            .write(&values.floats()[..self.0.rows() * self.0.units()]);
        self.list_values()
    }

    /// `out[row] += log Σ_s exp(s · x)` of the total inputs in `values`, nats, f64.
    #[wasm_bindgen(js_name = addLogPartition)]
    pub fn add_log_partition(&self, kind_code: u32, size: usize, out: &mut Buffer) {
        self.add_log_partitions(kind_code, size, None, out);
    }

    /// As `addLogPartition`, with one lower unit's weights added to the total inputs.
    #[wasm_bindgen(js_name = addLogPartitionWith)]
    pub fn add_log_partition_with(
        &self,
        kind_code: u32,
        size: usize,
        weights: &Weights,
        lower: usize,
        out: &mut Buffer,
    ) {
        self.add_log_partitions(kind_code, size, Some((&weights.0, lower)), out);
    }

    fn add_log_partitions(
        &self,
        kind_code: u32,
        size: usize,
        extra: Option<(&kernels::weights::Weights, usize)>,
        out: &mut Buffer,
    ) {
        let out = &mut out.doubles_mut()[..self.0.rows()];
        with_pool(|pool| {
            let kind = kind(kind_code, size);
            kernels::propagate::add_log_partitions(pool, &self.0, kind, extra, out);
        });
    }

    /// `out[row] += Σ_k x_k · vector_k`, f64.
    #[wasm_bindgen(js_name = addDots)]
    pub fn add_dots(&self, lists: bool, vector: &Buffer, out: &mut Buffer) {
        kernels::propagate::add_row_dots(
            &self.0,
            read(lists),
            vector.floats(),
            &mut out.doubles_mut()[..self.0.rows()],
        );
    }

    /// Lets each row count as much as its weight in statistics; one weight stands for all rows, and none lets all count
    /// as 1. False where memory is out.
    #[wasm_bindgen(js_name = weighRows)]
    pub fn weigh_rows(&mut self, weights: &[f32]) -> bool {
        self.0.weigh_rows(weights).is_some()
    }

    /// Takes over rows of another activity in a given order, behind the first `kept` rows. False where memory is out.
    #[wasm_bindgen(js_name = copyRows)]
    pub fn copy_rows(&mut self, from: &Activity, rows: &[u32], kept: usize) -> bool {
        self.0.copy_rows(&from.0, rows, kept).is_some()
    }

    /// `out[row] += log p(s | x)` of another activity's states (or its own) from the total inputs in `values`, nats, f64.
    #[wasm_bindgen(js_name = addLogProbability)]
    pub fn add_log_probability(
        &self,
        states: &Activity,
        lists: bool,
        kind_code: u32,
        size: usize,
        out: &mut Buffer,
    ) {
        let out = &mut out.doubles_mut()[..self.0.rows()];
        with_pool(|pool| {
            let states = (&states.0, read(lists));
            let kind = kind(kind_code, size);
            kernels::propagate::add_log_probabilities(pool, &self.0, states, kind, out);
        });
    }

    /// Keeps what is known of a data set's rows `order[first ..]` and takes the states of `other` for the rest; lists what
    /// is not zero. False where memory is out.
    pub fn complete(
        &mut self,
        other: &Activity,
        other_lists: bool,
        known: &Buffer,
        order: &Buffer,
        first: usize,
    ) -> bool {
        let order = &order.words()[first..first + self.0.rows()];
        with_pool(|pool| {
            self.0
                .complete(pool, &other.0, read(other_lists), known.bytes(), order)
        })
        .is_some()
    }

    /// Multiplies values, and the states that are listed as reals.
    pub fn scale(&mut self, factor: f32) {
        with_pool(|pool| self.0.scale(pool, factor));
    }

    /// `self = targets − outputs`, the targets as they are to be read. False where memory is out.
    #[wasm_bindgen(js_name = subtractOutputs)]
    pub fn subtract_outputs(
        &mut self,
        targets: &Activity,
        lists: bool,
        outputs: &Activity,
    ) -> bool {
        let targets = (&targets.0, read(lists));
        kernels::network::subtract_outputs(&mut self.0, targets, &outputs.0).is_some()
    }

    /// Multiplies errors by the slopes of a kind's means, given as what those were: `1 / keep` times as large where units have
    /// been dropped.
    #[wasm_bindgen(js_name = multiplyBySlopes)]
    pub fn multiply_by_slopes(
        &mut self,
        outputs: &Activity,
        kind_code: u32,
        size: usize,
        keep: f32,
    ) {
        let kind = kind(kind_code, size);
        with_pool(|pool| {
            kernels::network::multiply_by_slopes(pool, &mut self.0, &outputs.0, kind, keep);
        });
    }

    /// The cross-entropy of these values, as means of units, with targets as they are to be read, nats; `independent` where no
    /// unit depends on another.
    #[wasm_bindgen(js_name = crossEntropy)]
    pub fn cross_entropy(&self, targets: &Activity, lists: bool, independent: bool) -> f64 {
        kernels::network::cross_entropy((&targets.0, read(lists)), &self.0, independent)
    }

    /// Turns units off that are dropped: each stays with probability `keep`.
    #[wasm_bindgen(js_name = dropUnits)]
    pub fn drop_units(&mut self, keep: f32, stream: &Stream) {
        with_pool(|pool| self.0.drop_units(pool, keep, stream.0));
    }

    /// `out[unit] += Σ_r x_r`, rows as much as they count.
    #[wasm_bindgen(js_name = addColumnSums)]
    pub fn add_column_sums(&self, lists: bool, out: &mut Buffer) {
        statistics::add_column_sums(&self.0, read(lists), None, out.lines_mut());
    }

    /// `out[unit] += Σ_r f_r · x_r`, rows as much as they count.
    #[wasm_bindgen(js_name = addWeighedColumnSums)]
    pub fn add_weighed_column_sums(&self, lists: bool, factors: &Buffer, out: &mut Buffer) {
        let factors = &factors.floats()[..self.0.rows()];
        statistics::add_column_sums(&self.0, read(lists), Some(factors), out.lines_mut());
    }

    /// `out[row] += log m(s)`, the base measure of the states as the kind has it, nats, f64.
    #[wasm_bindgen(js_name = addLogBase)]
    pub fn add_log_base(&self, lists: bool, kind_code: u32, size: usize, out: &mut Buffer) {
        let out = &mut out.doubles_mut()[..self.0.rows()];
        kernels::propagate::add_log_bases(&self.0, read(lists), kind(kind_code, size), out);
    }

    /// Takes the sum of each row's values as the number of draws that its counts sum to. False where memory is out.
    #[wasm_bindgen(js_name = countLengths)]
    pub fn count_lengths(&mut self) -> bool {
        self.0.count_lengths().is_some()
    }

    /// Takes each row's number of draws from another activity. False where memory is out.
    #[wasm_bindgen(js_name = takeLengths)]
    pub fn take_lengths(&mut self, from: &Activity) -> bool {
        self.0.set_lengths(from.0.lengths()).is_some()
    }

    /// Says that every row of the activity makes so many draws. False where memory is out.
    #[wasm_bindgen(js_name = setLength)]
    pub fn set_length(&mut self, length: u32) -> bool {
        self.0.set_lengths(&vec![length; self.0.rows()]).is_some()
    }

    /// Starts each row's total inputs at the biases times the row's number of draws.
    #[wasm_bindgen(js_name = startAtLengths)]
    pub fn start_at_lengths(&mut self, bias: &Buffer) {
        self.0.start_at_lengths(bias.lines());
    }

    /// `(value − shift) · factor`, column by column; then lists what is not zero. False where memory is out.
    #[wasm_bindgen(js_name = shiftAndScale)]
    pub fn shift_and_scale(&mut self, shift: &Buffer, factor: &Buffer) -> bool {
        variance::shift_and_scale_columns(&mut self.0, shift.floats(), factor.floats());
        self.list_values()
    }

    /// One phase's statistics of log-variances, f64 a unit, by the number of cases: states as they are read, total inputs
    /// of the same rows as the values of another activity; `noise` is 1 where means stand for states, and 0 otherwise.
    #[wasm_bindgen(js_name = logVarianceStatistics)]
    pub fn log_variance_statistics(
        &self,
        lists: bool,
        inputs: &Activity,
        natural_bias: &Buffer,
        noise: f64,
        cases: usize,
        out: &mut Buffer,
    ) {
        let out = &mut out.doubles_mut()[..self.0.units()];
        variance::log_variance_statistics(
            &self.0,
            read(lists),
            &inputs.0,
            natural_bias.floats(),
            noise,
            cases,
            out,
        );
    }

    /// Sum over rows and units of the squared difference to another activity's values, f64.
    #[wasm_bindgen(js_name = squaredDistance)]
    pub fn squared_distance(&self, lists: bool, other: &Activity) -> f64 {
        kernels::propagate::squared_distance(&self.0, read(lists), &other.0)
    }

    /// Sum of all values, f64.
    #[wasm_bindgen(js_name = sumOfValues)]
    pub fn sum_of_values(&self) -> f64 {
        kernels::propagate::sum_of_values(&self.0)
    }
}

/// The weights of one connection.
#[wasm_bindgen]
pub struct Weights(kernels::weights::Weights);

#[wasm_bindgen]
impl Weights {
    /// All zero, or nothing where the memory is out.
    pub fn create(lower: usize, upper: usize) -> Option<Weights> {
        kernels::weights::Weights::new(lower, upper).map(Weights)
    }

    /// Where the panels `[panel][lower][16]` start.
    #[wasm_bindgen(getter)]
    pub fn address(&self) -> usize {
        self.0.forward().as_ptr() as usize
    }

    /// Makes lower and upper change places: a learner of the other shape may now work on them.
    pub fn turn(&mut self) {
        self.0.turn();
    }

    /// Writes `[upper, lower]`, row-major.
    pub fn read(&self, out: &mut Buffer) {
        self.0
            .read(&mut out.floats_mut()[..self.0.lower() * self.0.upper()]);
    }

    /// Takes `[upper, lower]`, row-major.
    pub fn write(&mut self, values: &Buffer) {
        self.0
            .write(&values.floats()[..self.0.lower() * self.0.upper()]);
    }

    /// A step of a running average: `self += share · (other − self)`.
    pub fn blend(&mut self, other: &Weights, share: f32) {
        with_pool(|pool| self.0.blend(pool, &other.0, share));
    }

    /// `self = a + b`.
    #[wasm_bindgen(js_name = setSum)]
    pub fn set_sum(&mut self, a: &Weights, b: &Weights) {
        with_pool(|pool| self.0.set_sum(pool, &a.0, &b.0));
    }

    /// `self = kept · self + factor · other`.
    pub fn mix(&mut self, kept: f32, other: &Weights, factor: f32) {
        with_pool(|pool| self.0.mix(pool, kept, &other.0, factor));
    }

    /// `Σ w · w′`, in f64.
    pub fn dot(&self, other: &Weights) -> f64 {
        self.0.dot(&other.0)
    }

    /// Shortens the weights into each upper unit to at most `limit`.
    #[wasm_bindgen(js_name = limitNorms)]
    pub fn limit_norms(&mut self, limit: f32) {
        with_pool(|pool| self.0.limit_norms(pool, limit));
    }

    #[wasm_bindgen(js_name = sumOfSquares)]
    pub fn sum_of_squares(&self) -> f64 {
        self.0.sum_of_squares()
    }
}

/// One step of gradient ascent: its rate, costs and rule; biases have a cost of their own, normally 0.
#[wasm_bindgen]
pub struct Step {
    weights: statistics::Step,
    bias_cost: f32,
}

#[wasm_bindgen]
impl Step {
    /// With momentum; `nesterov` looks ahead.
    pub fn momentum(
        rate: f32,
        cost: f32,
        lasso: f32,
        bias_cost: f32,
        momentum: f32,
        nesterov: bool,
    ) -> Step {
        let rule = Rule::Momentum { momentum, nesterov };
        Step::of(rate, cost, lasso, bias_cost, rule)
    }

    /// Adam; the corrections are `1 / (1 − decay^t)`.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
    pub fn adam(
        rate: f32,
        cost: f32,
        lasso: f32,
        bias_cost: f32,
        first_decay: f32,
        second_decay: f32,
        epsilon: f32,
        first_correction: f32,
        second_correction: f32,
    ) -> Step {
        let rule = Rule::Adam {
            first_decay,
            second_decay,
            epsilon,
            first_correction,
            second_correction,
        };
        Step::of(rate, cost, lasso, bias_cost, rule)
    }

    fn of(rate: f32, cost: f32, lasso: f32, bias_cost: f32, rule: Rule) -> Step {
        let weights = statistics::Step {
            rate,
            rule,
            cost,
            lasso,
        };
        Step { weights, bias_cost }
    }

    fn of_biases(&self) -> statistics::Step {
        statistics::Step {
            cost: self.bias_cost,
            lasso: 0.0,
            ..self.weights
        }
    }
}

/// What an update's outcome is to JavaScript.
fn outcome(finite: Option<bool>) -> u32 {
    finite.map_or(2, |finite| u32::from(!finite))
}

/// The velocity of a connection's weights, and the room that an update works in.
#[wasm_bindgen]
pub struct Learner(statistics::Learner);

#[wasm_bindgen]
impl Learner {
    /// For batches of at most `rows` rows, or nothing where the memory is out.
    pub fn create(lower: usize, upper: usize, rows: usize) -> Option<Learner> {
        statistics::Learner::new(lower, upper, rows).map(Learner)
    }

    /// Writes velocities as `[upper, lower]`, row-major.
    pub fn read(&self, out: &mut Buffer) {
        self.0.read_velocity(out.floats_mut());
    }

    /// Takes velocities as `[upper, lower]`, row-major.
    pub fn write(&mut self, values: &Buffer) {
        self.0.write_velocity(values.floats());
    }

    /// Writes Adam's means of squares as `[upper, lower]`, row-major.
    #[wasm_bindgen(js_name = readSquares)]
    pub fn read_squares(&self, out: &mut Buffer) {
        self.0.read_squares(out.floats_mut());
    }

    /// Takes Adam's means of squares as `[upper, lower]`, row-major. False where memory is out.
    #[wasm_bindgen(js_name = writeSquares)]
    pub fn write_squares(&mut self, values: &Buffer) -> bool {
        self.0.write_squares(values.floats()).is_some()
    }

    /// Adds `lower_i · upper_j` to the statistics of the next update. False where memory is out.
    pub fn correct(&mut self, lower: &Buffer, upper: &Buffer) -> bool {
        self.0.correct(lower.floats(), upper.floats()).is_some()
    }

    /// One update of the weights from two phases; gives the outcome's code.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
    pub fn learn(
        &mut self,
        weights: &mut Weights,
        positive_lower: &Activity,
        positive_lists: bool,
        positive_upper: &Activity,
        negative_lower: &Activity,
        negative_lists: bool,
        negative_upper: &Activity,
        step: &Step,
    ) -> u32 {
        let positive = Phase {
            lower: &positive_lower.0,
            read: read(positive_lists),
            upper: &positive_upper.0,
        };
        let negative = Phase {
            lower: &negative_lower.0,
            read: read(negative_lists),
            upper: &negative_upper.0,
        };
        outcome(with_pool(|pool| {
            self.0
                .learn(pool, &mut weights.0, positive, negative, step.weights)
        }))
    }

    /// One update of the weights by a given gradient, `[upper, lower]`, row-major, already a mean over rows; gives the
    /// outcome's code.
    pub fn step(&mut self, weights: &mut Weights, gradient: &Buffer, step: &Step) -> u32 {
        let gradient = &gradient.floats()[..weights.0.lower() * weights.0.upper()];
        outcome(with_pool(|pool| {
            self.0.step(pool, &mut weights.0, gradient, step.weights)
        }))
    }
}

/// A layer's biases with what their rule keeps of them, in one buffer: velocities, then (for Adam) means of squares.
fn biases<'a>(bias: &'a mut Buffer, kept: &'a mut Buffer) -> Biases<'a> {
    let bias = bias.lines_mut();
    let (velocity, square) = kept.lines_mut().split_at_mut(bias.len());
    Biases {
        bias,
        velocity,
        square,
    }
}

/// One update of a layer's biases from two phases; gives the outcome's code.
#[wasm_bindgen(js_name = learnBias)]
pub fn learn_bias(
    bias: &mut Buffer,
    kept: &mut Buffer,
    positive: &Activity,
    positive_lists: bool,
    negative: &Activity,
    negative_lists: bool,
    step: &Step,
) -> u32 {
    let finite = statistics::learn_bias(
        biases(bias, kept),
        (&positive.0, read(positive_lists)),
        (&negative.0, read(negative_lists)),
        step.of_biases(),
    );
    u32::from(!finite)
}

/// One update of a layer's biases by a given gradient, one float a unit, already a mean over rows; gives the outcome's
/// code.
#[wasm_bindgen(js_name = stepBias)]
pub fn step_bias(bias: &mut Buffer, kept: &mut Buffer, gradient: &Buffer, step: &Step) -> u32 {
    let finite = statistics::step_bias(biases(bias, kept), gradient.floats(), step.of_biases());
    u32::from(!finite)
}

/// One update of the weights of listed pairs of units by a given gradient, one number a pair, already a mean over rows; gives
/// the outcome's code.
#[wasm_bindgen(js_name = stepListed)]
pub fn step_listed(weights: &mut Buffer, kept: &mut Buffer, gradient: &Buffer, step: &Step) -> u32 {
    let finite = statistics::step_bias(biases(weights, kept), gradient.floats(), step.weights);
    u32::from(!finite)
}

/// A step of a running average of vectors: `average += share · (values − average)`.
#[wasm_bindgen(js_name = blendVector)]
pub fn blend_vector(average: &mut Buffer, values: &Buffer, share: f32) {
    for (average, value) in average.floats_mut().iter_mut().zip(values.floats()) {
        *average += share * (value - *average);
    }
}

/// Standard deviations `scale · e^(ζ/2)` and their inverses from log-variances, for `units` units.
#[wasm_bindgen]
pub fn deviations(
    units: usize,
    log_variance: &Buffer,
    scale: &Buffer,
    deviation: &mut Buffer,
    inverse: &mut Buffer,
) {
    variance::deviations(
        &log_variance.floats()[..units],
        &scale.floats()[..units],
        &mut deviation.floats_mut()[..units],
        &mut inverse.floats_mut()[..units],
    );
}

/// `out = values · factors`, float by float.
#[wasm_bindgen(js_name = multiplyVectors)]
pub fn multiply_vectors(values: &Buffer, factors: &Buffer, out: &mut Buffer) {
    variance::multiply_vectors(values.floats(), factors.floats(), out.floats_mut());
}

/// What a Gaussian layer of `units` units adds to log Z beside the sum over its natural states, nats.
#[wasm_bindgen(js_name = logPartitionOffset)]
pub fn log_partition_offset(units: usize, deviation: &Buffer, natural_bias: &Buffer) -> f64 {
    variance::log_partition_offset(
        &deviation.floats()[..units],
        &natural_bias.floats()[..units],
    )
}

/// Half the sum of a vector's squares, f64.
#[wasm_bindgen(js_name = halfSquares)]
pub fn half_squares(units: usize, vector: &Buffer) -> f64 {
    variance::half_squares(&vector.floats()[..units])
}

/// One step of the log-variances of `units` units from the statistics of two phases, at or above `log_floor`; gives the
/// outcome's code.
#[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
#[wasm_bindgen(js_name = stepLogVariance)]
pub fn step_log_variance(
    units: usize,
    log_variance: &mut Buffer,
    velocity: &mut Buffer,
    positive: &Buffer,
    negative: &Buffer,
    rate: f32,
    momentum: f32,
    log_floor: f32,
) -> u32 {
    let finite = variance::step_log_variance(
        &mut log_variance.floats_mut()[..units],
        &mut velocity.floats_mut()[..units],
        positive.doubles(),
        negative.doubles(),
        [rate, momentum],
        log_floor,
    );
    u32::from(!finite)
}

/// The natural logarithm in f64.
#[wasm_bindgen(js_name = logOf)]
pub fn log_of(x: f64) -> f64 {
    variance::log_of(x)
}

/// The groups of a layer from triples: kind's code, units, size of a softmax group.
fn groups(layout: &Buffer) -> Vec<Group> {
    let triples = layout.words().chunks_exact(3);
    let group = |triple: &[u32]| Group {
        kind: kind(triple[0], triple[2] as usize),
        units: triple[1] as usize,
    };
    triples.map(group).collect()
}

fn with_machine<T>(
    weights: &Buffer,
    (lower_bias, upper_bias): (&Buffer, &Buffer),
    (lower_layout, upper_layout): (&Buffer, &Buffer),
    work: impl FnOnce(&Machine) -> T,
) -> T {
    let (lower, upper) = (groups(lower_layout), groups(upper_layout));
    let units = |groups: &[Group]| groups.iter().map(|group| group.units).sum::<usize>();
    work(&Machine {
        weights: &weights.floats()[..units(&lower) * units(&upper)],
        lower_bias: &lower_bias.floats()[..units(&lower)],
        upper_bias: &upper_bias.floats()[..units(&upper)],
        lower: &lower,
        upper: &upper,
    })
}

/// The states of a layer, given by triples (kind's code, units, size of a softmax group); infinity where there are too
/// many to enumerate.
#[wasm_bindgen(js_name = exactStates)]
pub fn exact_states(layout: &Buffer) -> f64 {
    kernels::exact::states(&groups(layout)).map_or(f64::INFINITY, |states| states as f64)
}

/// Whether the model has a finite log Z: 0 yes, 1 no, 2 the known conditions decide neither way.
#[wasm_bindgen(js_name = exactNormalisable)]
pub fn exact_normalisable(
    weights: &Buffer,
    lower_bias: &Buffer,
    upper_bias: &Buffer,
    lower_layout: &Buffer,
    upper_layout: &Buffer,
) -> u32 {
    let (biases, layouts) = ((lower_bias, upper_bias), (lower_layout, upper_layout));
    with_machine(weights, biases, layouts, |machine| {
        kernels::normalisable::normalisable(machine) as u32
    })
}

/// `log Z` in nats, by enumerating the side with fewer states; NaN where both have too many. `weights` are
/// `[upper, lower]`, row-major f32; a layout holds triples of words: kind's code, units, size of a softmax group.
#[wasm_bindgen(js_name = exactLogPartition)]
pub fn exact_log_partition(
    weights: &Buffer,
    lower_bias: &Buffer,
    upper_bias: &Buffer,
    lower_layout: &Buffer,
    upper_layout: &Buffer,
) -> f64 {
    let (biases, layouts) = ((lower_bias, upper_bias), (lower_layout, upper_layout));
    with_machine(weights, biases, layouts, |machine| {
        with_pool(|pool| kernels::exact::log_partition(pool, machine, Enumerate::Fewer))
    })
    .unwrap_or(f64::NAN)
}

/// As `exactLogPartition`, and writes the model's averages as f64: `⟨v_i h_j⟩` as `[upper, lower]`, `⟨v_i⟩`, `⟨h_j⟩`.
#[allow(clippy::too_many_arguments, reason = "JavaScript passes buffers")]
#[wasm_bindgen(js_name = exactExpectations)]
pub fn exact_expectations(
    weights: &Buffer,
    lower_bias: &Buffer,
    upper_bias: &Buffer,
    lower_layout: &Buffer,
    upper_layout: &Buffer,
    products: &mut Buffer,
    lower: &mut Buffer,
    upper: &mut Buffer,
) -> f64 {
    let (biases, layouts) = ((lower_bias, upper_bias), (lower_layout, upper_layout));
    let found = with_machine(weights, biases, layouts, |machine| {
        with_pool(|pool| kernels::exact::expectations(pool, machine, Enumerate::Fewer))
    });
    let Some((log_partition, expectations)) = found else {
        return f64::NAN;
    };
    let write = |out: &mut Buffer, values: &[f64]| {
        out.doubles_mut()[..values.len()].copy_from_slice(values);
    };
    write(products, &expectations.products);
    write(lower, &expectations.lower);
    write(upper, &expectations.upper);
    log_partition
}

/// `out[row] += Σ_g log p(v_g | rest)`, nats, f64: of all groups of units or, where `chosen` holds a word a row, of one group
/// times their number. The upper activity holds total inputs.
#[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
#[wasm_bindgen(js_name = addPseudoLogLikelihoods)]
pub fn add_pseudo_log_likelihoods(
    lower: &Activity,
    lists: bool,
    lower_code: u32,
    lower_size: usize,
    lower_bias: &Buffer,
    weights: &Weights,
    upper: &Activity,
    upper_code: u32,
    upper_size: usize,
    chosen: &[u32],
    out: &mut Buffer,
) {
    let rows = kernels::pseudo::Rows {
        lower: &lower.0,
        read: read(lists),
        lower_kind: kind(lower_code, lower_size),
        lower_bias: lower_bias.floats(),
        weights: &weights.0,
        upper: &upper.0,
        upper_kind: kind(upper_code, upper_size),
    };
    let chosen = (!chosen.is_empty()).then_some(chosen);
    let out = &mut out.doubles_mut()[..lower.0.rows()];
    with_pool(|pool| kernels::pseudo::add_pseudo_log_likelihoods(pool, rows, chosen, out));
}

/// Of annealed log-weights (f64): the log of their mean, of the mean less and plus three standard errors, the standard
/// error of the log, the mean of the logs, and the effective sample size.
#[wasm_bindgen(js_name = summariseWeights)]
pub fn summarise_weights(logs: &Buffer, count: usize) -> Vec<f64> {
    let summary = kernels::propagate::summarise_weights(&logs.doubles()[..count]);
    vec![
        summary.log_mean,
        summary.log_low,
        summary.log_high,
        summary.standard_error,
        summary.mean_log,
        summary.effective,
    ]
}

/// A sigmoid belief net of binary units, numbered causes first.
#[wasm_bindgen]
pub struct BeliefNet(belief::Net);

#[wasm_bindgen]
impl BeliefNet {
    /// Layers of so many units each, causes first, with a float of bias for each unit.
    pub fn create(sizes: &[u32], biases: &Buffer) -> BeliefNet {
        let sizes: Vec<usize> = sizes.iter().map(|&size| size as usize).collect();
        BeliefNet(belief::Net::new(&sizes, biases.floats()))
    }

    /// Joins two layers, by their places, by weights `[units of the cause, units of the effect]`, row-major.
    pub fn join(&mut self, cause: usize, effect: usize, weights: &Buffer) {
        self.0.join(cause, effect, weights.floats());
    }

    /// Sweeps `first..first + count` of Gibbs sampling over the units of rows whose byte in `clamped` is 0; a layer's units
    /// at once with `layers`. Where `counted`, `sums` (f64) take the states after each sweep.
    #[allow(clippy::too_many_arguments, reason = "JavaScript passes plain numbers")]
    pub fn gibbs(
        &self,
        clamped: &Buffer,
        states: &mut Buffer,
        sums: &mut Buffer,
        layers: bool,
        stream: &Stream,
        first: u32,
        count: u32,
        counted: bool,
    ) {
        let sweeps = belief::Sweeps {
            moves: if layers {
                belief::Moves::Layers
            } else {
                belief::Moves::Units
            },
            stream: stream.0,
            first,
            count,
            counted,
        };
        let clamped = &clamped.bytes()[..self.0.units()];
        let (states, sums) = (states.floats_mut(), sums.doubles_mut());
        with_pool(|pool| belief::gibbs(pool, &self.0, clamped, sweeps, states, sums));
    }

    /// The exact distribution of the units that are not clamped: f64 means, log-likelihoods and, where the buffer is not
    /// empty, tables of probabilities. False where memory is out.
    pub fn posterior(
        &self,
        clamped: &Buffer,
        states: &Buffer,
        means: &mut Buffer,
        log_likelihoods: &mut Buffer,
        tables: &mut Buffer,
    ) -> bool {
        let clamped = &clamped.bytes()[..self.0.units()];
        let out = (means.doubles_mut(), log_likelihoods.doubles_mut());
        with_pool(|pool| {
            let tables = tables.doubles_mut();
            belief::posterior(
                pool,
                &self.0,
                clamped,
                states.floats(),
                out.0,
                out.1,
                tables,
            )
        })
        .is_some()
    }

    /// Factorial mean field from f64 means on; writes the lower bounds of rows, f64 nats.
    #[wasm_bindgen(js_name = meanField)]
    pub fn mean_field(
        &self,
        clamped: &Buffer,
        means: &mut Buffer,
        sweeps: u32,
        at_once: bool,
        bounds: &mut Buffer,
    ) {
        let clamped = &clamped.bytes()[..self.0.units()];
        let ascent = belief::Ascent { sweeps, at_once };
        let (means, bounds) = (means.doubles_mut(), bounds.doubles_mut());
        with_pool(|pool| belief::mean_field(pool, &self.0, clamped, ascent, means, bounds));
    }
}

/// Turns each row of `[rows, columns]` f64 log-probabilities, up to a constant, into probabilities.
#[wasm_bindgen(js_name = normaliseRows)]
pub fn normalise_rows(values: &mut Buffer, columns: usize) {
    values
        .doubles_mut()
        .chunks_exact_mut(columns)
        .for_each(kernels::units::softmax::normalise_f64);
}

/// Floats that a vector of `units` takes when padded to whole lines.
#[wasm_bindgen(js_name = paddedUnits)]
pub fn padded_units(units: usize) -> usize {
    lines_for(units) * LINE
}

/// A Boltzmann machine over any graph of binary units.
#[wasm_bindgen]
pub struct Field(field::Field);

#[wasm_bindgen]
impl Field {
    /// From a colour for each unit and pairs of units, two words each, that differ in colour; or nothing where the memory
    /// is out.
    pub fn create(colours: &Buffer, units: usize, pairs: &Buffer, count: usize) -> Option<Field> {
        field::Field::new(&colours.words()[..units], &pairs.words()[..2 * count]).map(Field)
    }

    /// Takes biases, by unit, and the weights of the pairs.
    pub fn set(&mut self, bias: &Buffer, weights: &Buffer) {
        let (units, pairs) = (self.0.units(), self.0.pairs());
        self.0
            .set(&bias.floats()[..units], &weights.floats()[..pairs]);
    }

    /// Makes ready for chains in rows. False where memory is out.
    pub fn gather(&mut self) -> bool {
        self.0.gather().is_some()
    }

    /// `out[row] = log Σ e^−E`, nats, f64, over the units whose byte in `free` is not zero (at most 25), given the others'
    /// states in `[rows, units]`.
    #[wasm_bindgen(js_name = logSums)]
    pub fn log_sums(&self, free: &Buffer, rows: &Buffer, count: usize, out: &mut Buffer) {
        let units = self.0.units();
        let problem = Problem::new(&self.0, &free.bytes()[..units]);
        let rows = &rows.floats()[..count * units];
        with_pool(|pool| problem.log_sums(pool, rows, &mut out.doubles_mut()[..count]));
    }

    /// Averages of units, then of pairs, f64, over rows that count `shares` and the free units' distribution given each,
    /// whose `logSums` are `logs`.
    pub fn averages(
        &self,
        free: &Buffer,
        rows: &Buffer,
        shares: &Buffer,
        logs: &Buffer,
        count: usize,
        out: &mut Buffer,
    ) {
        let units = self.0.units();
        let problem = Problem::new(&self.0, &free.bytes()[..units]);
        let rows = &rows.floats()[..count * units];
        let (shares, logs) = (&shares.doubles()[..count], &logs.doubles()[..count]);
        let found = with_pool(|pool| problem.averages(pool, rows, shares, logs));
        let out = &mut out.doubles_mut()[..units + self.0.pairs()];
        out[..units].copy_from_slice(&found.units);
        out[units..].copy_from_slice(&found.pairs);
    }
}

/// Chains of a Boltzmann machine over any graph.
#[wasm_bindgen]
pub struct FieldChains(field::Chains, usize);

#[wasm_bindgen]
impl FieldChains {
    /// All units 0 and free; four chains side by side in `quads`, or in rows, which want a field that gathers. Nothing where
    /// the memory is out.
    pub fn create(field: &Field, chains: usize, quads: bool) -> Option<FieldChains> {
        let made = field::Chains::new(&field.0, chains, quads)?;
        Some(FieldChains(made, chains))
    }

    /// Takes states, `[chains, units]`.
    pub fn write(&mut self, field: &Field, values: &Buffer) {
        let length = self.1 * field.0.units();
        self.0.write(&field.0, &values.floats()[..length]);
    }

    /// Gives states, `[chains, units]`.
    pub fn read(&self, field: &Field, out: &mut Buffer) {
        let length = self.1 * field.0.units();
        self.0.read(&field.0, &mut out.floats_mut()[..length]);
    }

    /// Clamps the units whose byte in `[chains, units]` is not zero. False where memory is out.
    pub fn hold(&mut self, field: &Field, known: &Buffer) -> bool {
        let length = self.1 * field.0.units();
        self.0.hold(&field.0, &known.bytes()[..length]).is_some()
    }

    /// Draws every free unit from its bias alone.
    pub fn start(&mut self, field: &Field, stream: &Stream) {
        with_pool(|pool| self.0.start(pool, &field.0, stream.0));
    }

    /// Sweeps of Gibbs sampling at inverse temperature `beta`; sweep after sweep the address counts up in its updates or, with
    /// `along_sweeps`, in its sweeps.
    pub fn draw(
        &mut self,
        field: &Field,
        count: u32,
        beta: f32,
        stream: &Stream,
        along_sweeps: bool,
    ) {
        let along = if along_sweeps {
            Along::Sweeps
        } else {
            Along::Updates
        };
        let settle = FieldSettle::Draw(stream.0);
        self.sweep(
            field,
            Sweeps {
                count,
                beta,
                settle,
                along,
            },
        );
    }

    /// Sweeps of mean field: each unit in turn becomes `damping · old + (1 − damping) · mean`.
    pub fn relax(&mut self, field: &Field, count: u32, beta: f32, damping: f32) {
        let settle = FieldSettle::Mean { damping };
        let along = Along::Updates;
        self.sweep(
            field,
            Sweeps {
                count,
                beta,
                settle,
                along,
            },
        );
    }

    fn sweep(&mut self, field: &Field, sweeps: Sweeps) {
        with_pool(|pool| self.0.sweep(pool, &field.0, &sweeps));
    }

    /// Means of all units, each given the others as they are, `[chains, units]`.
    pub fn means(&self, field: &Field, beta: f32, out: &mut Buffer) {
        let length = self.1 * field.0.units();
        let out = &mut out.floats_mut()[..length];
        with_pool(|pool| self.0.means(pool, &field.0, beta, out));
    }

    /// `pairs[p] += Σ_c share_c s_i s_j` and `units[i] += Σ_c share_c s_i`, of chains in quads.
    #[wasm_bindgen(js_name = addStatistics)]
    pub fn add_statistics(
        &self,
        field: &Field,
        shares: &[f32],
        pairs: &mut Buffer,
        units: &mut Buffer,
    ) {
        let pairs = &mut pairs.floats_mut()[..field.0.pairs()];
        let units = &mut units.floats_mut()[..field.0.units()];
        with_pool(|pool| self.0.add_statistics(pool, &field.0, shares, pairs, units));
    }
}

const _: () = assert!(size_of::<Line>() == 64 && align_of::<Line>() == 64);
