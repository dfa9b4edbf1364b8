//! Total inputs of one layer from the activities of another.
//!
//! The summation contract: the sum of a target unit starts at its bias plus +0 (or at the partial sum of an earlier
//! connection) and adds `x_k · w_k` for source units k in ascending order, one f32 multiplication and one addition
//! each. A source unit that is zero may be left out: adding a signed zero to a sum that is not −0 changes nothing, and
//! the sum is never −0 since it starts at `bias + 0`. So lists and full rows give the same bits, and so do any blocks
//! of rows and panels.
//!
//! 1. For each block of rows and each panel of sixteen target units (the panel stays in the cache over the block),
//! 2. for each row, start at the bias and add the panel's lines that the row lists;
//! 3. then, row by row, the unit type turns total inputs into means and states (`units`), in the same task.

use crate::activity::{Activity, Lists, Parts, Read};
use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{F32x4, LINE, Line, floats};
use crate::sums::total;
use crate::units::{Kind, Settle};
use crate::weights::{Direction, Weights};
use core::ops::Range;

/// Where the sums start.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// At the biases, in lines padded with zeros.
    Bias(&'a [Line]),
    /// At what `values` of the target hold.
    Partial,
}

/// Above this share of units that are not zero, whole rows are faster than lists.
const DENSE_SHARE: f32 = 0.7;

/// Sums into `target.values`, then settles the units if asked to.
#[allow(
    clippy::too_many_arguments,
    reason = "each is a different thing, and the types keep them apart"
)]
pub fn propagate(
    pool: &Pool,
    target: &mut Activity,
    source: &Activity,
    read: Read,
    weights: &Weights,
    direction: Direction,
    start: Start,
    settle: &Settle,
) {
    let (panels, sources, targets) = weights.panels(direction);
    assert!(
        source.units() == sources && target.units() == targets && target.rows() == source.rows()
    );
    if let Start::Bias(bias) = start {
        assert!(
            bias.len() >= target.lines(),
            "{} lines of bias for {}",
            bias.len(),
            target.lines()
        );
    }
    let dense = read == Read::Values
        || source.lists() == Lists::Dense
        || source.lists() == Lists::Reals
            && source.listed() as f32 > DENSE_SHARE * (source.rows() * source.units()) as f32;
    let lists = source.lists();
    assert!(dense || lists != Lists::None, "there are no lists to read");
    let parts = settle.parts_of(target);
    parts.each_block(pool, &|rows| {
        // SAFETY: each block of rows belongs to one task.
        let values = unsafe { parts.values(rows.clone()) };
        let sums = Sums {
            panels,
            sources,
            lines: parts.lines,
            values,
            rows: rows.clone(),
            start,
        };
        if dense {
            sums.dense(source, read);
        } else if lists == Lists::Ones {
            sums.listed::<false>(source);
        } else {
            sums.listed::<true>(source);
        }
        settle_rows(settle, &parts, rows);
    });
}

/// Settles the units on their biases alone, every row the same inputs: a layer that nothing drives yet.
pub fn settle_on_bias(pool: &Pool, target: &mut Activity, bias: &[Line], settle: &Settle) {
    let lines = target.lines();
    for row in target.values_mut().chunks_mut(lines.max(1)) {
        for (value, bias) in row.iter_mut().zip(&bias[..lines]) {
            *value = bias.add(Line::ZERO);
        }
    }
    self::settle(pool, target, settle);
}

/// Turns the total inputs in `target.values` into means and states.
pub fn settle(pool: &Pool, target: &mut Activity, settle: &Settle) {
    let parts = settle.parts_of(target);
    parts.each_block(pool, &|rows| settle_rows(settle, &parts, rows));
}

/// A number for each row, or one for all.
fn of_row(values: &[f32], row: usize) -> f32 {
    values[if values.len() == 1 { 0 } else { row }]
}

/// Settles the units on `scale · x + offset` in place of their total inputs x: an intermediate distribution of annealing or
/// tempering. The scale is one for all rows, or one for each.
pub fn settle_tempered(
    pool: &Pool,
    target: &mut Activity,
    scales: &[f32],
    offset: Option<&[Line]>,
    settle: &Settle,
) {
    let lines = target.lines();
    assert!(offset.is_none_or(|offset| offset.len() >= lines));
    assert!(scales.len() == 1 || scales.len() == target.rows());
    let parts = settle.parts_of(target);
    parts.each_block(pool, &|rows| {
        // SAFETY: each block of rows belongs to one task, which gives this view up before it settles them.
        let values = unsafe { parts.values(rows.clone()) };
        for (place, row) in values.chunks_exact_mut(lines.max(1)).enumerate() {
            let scale = of_row(scales, rows.start + place);
            match offset {
                None => row.iter_mut().for_each(|x| *x = x.scale(scale)),
                Some(offset) => {
                    for (x, &offset) in row.iter_mut().zip(offset) {
                        *x = x.scale(scale).add(offset);
                    }
                }
            }
        }
        settle_rows(settle, &parts, rows);
    });
}

fn settle_rows(settle: &Settle, parts: &Parts<'_>, rows: Range<usize>) {
    for row in rows {
        // SAFETY: the task that calls this has these rows alone, and holds no other view of them any more.
        settle.row(row, unsafe { parts.row(row) });
    }
}

/// The sums of one block of rows.
struct Sums<'a> {
    panels: &'a [Line],
    sources: usize,
    lines: usize,
    values: &'a mut [Line],
    rows: Range<usize>,
    start: Start<'a>,
}

impl Sums<'_> {
    #[inline(always)]
    fn first(&self, place: usize, panel: usize) -> Line {
        match self.start {
            Start::Bias(bias) => bias[panel].add(Line::ZERO),
            Start::Partial => self.values[place * self.lines + panel],
        }
    }

    /// From lists of ones, or of numbers with `REALS`. Two panels at once give eight independent sums, which hides the latency of
    /// addition.
    fn listed<const REALS: bool>(mut self, source: &Activity) {
        let pairs = self.lines / 2;
        for pair in 0..pairs {
            self.listed_of_panels::<REALS, 2>(source, 2 * pair);
        }
        if self.lines % 2 == 1 {
            self.listed_of_panels::<REALS, 1>(source, 2 * pairs);
        }
    }

    #[inline(always)]
    fn listed_of_panels<const REALS: bool, const PANELS: usize>(
        &mut self,
        source: &Activity,
        panel: usize,
    ) {
        let weights: [&[Line]; PANELS] =
            core::array::from_fn(|p| &self.panels[(panel + p) * self.sources..][..self.sources]);
        for (place, row) in self.rows.clone().enumerate() {
            let mut sums: [Line; PANELS] = core::array::from_fn(|p| self.first(place, panel + p));
            let list = source.list(row).iter();
            if REALS {
                for (&unit, &x) in list.zip(source.reals(row)) {
                    add_line(&mut sums, weights, unit, |sum, line| {
                        sum.add_scaled(line, x)
                    });
                }
            } else {
                list.for_each(|&unit| add_line(&mut sums, weights, unit, Line::add));
            }
            self.values[place * self.lines + panel..][..PANELS].copy_from_slice(&sums);
        }
    }

    fn dense(mut self, source: &Activity, read: Read) {
        for panel in 0..self.lines {
            let weights = &self.panels[panel * self.sources..][..self.sources];
            let mut place = 0;
            while place + TILE <= self.rows.len() {
                self.dense_rows::<TILE>(source, read, weights, panel, place);
                place += TILE;
            }
            while place < self.rows.len() {
                self.dense_rows::<1>(source, read, weights, panel, place);
                place += 1;
            }
        }
    }

    #[inline(always)]
    fn dense_rows<const ROWS: usize>(
        &mut self,
        source: &Activity,
        read: Read,
        weights: &[Line],
        panel: usize,
        place: usize,
    ) {
        let first = self.rows.start + place;
        let rows: [&[f32]; ROWS] =
            core::array::from_fn(|r| &source.plane_row(first + r, read)[..weights.len()]);
        let mut sums: [Line; ROWS] = core::array::from_fn(|r| self.first(place + r, panel));
        for (unit, &line) in weights.iter().enumerate() {
            for r in 0..ROWS {
                sums[r] = sums[r].add_scaled(line, rows[r][unit]);
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            self.values[(place + r) * self.lines + panel] = sum;
        }
    }
}

/// Adds the line of a listed unit in each panel.
#[inline(always)]
fn add_line<const PANELS: usize>(
    sums: &mut [Line; PANELS],
    weights: [&[Line]; PANELS],
    unit: u16,
    add: impl Fn(Line, Line) -> Line,
) {
    for (sum, weights) in sums.iter_mut().zip(weights) {
        // SAFETY: lists hold indices of source units only, and each panel has a line for each.
        *sum = add(*sum, unsafe { *weights.get_unchecked(usize::from(unit)) });
    }
}

/// Rows of a dense tile: 2 × 4 sums, 4 weights and one activity fit the fifteen registers that V8 leaves; 3 rows do not.
const TILE: usize = 2;

/// `out[row] += log Σ_s exp(s · x)` over the units of a row whose total inputs are in `values`, nats. With `extra`, the
/// inputs are those plus the weights from one lower unit: what they would be if that unit were on too.
pub fn add_log_partitions(
    pool: &Pool,
    activity: &Activity,
    kind: Kind,
    extra: Option<(&Weights, usize)>,
    out: &mut [f64],
) {
    add_of_rows(pool, activity, out, |_, inputs| {
        if let Some((weights, lower)) = extra {
            let panels = inputs
                .chunks_mut(LINE)
                .zip(weights.forward().chunks(weights.lower()));
            for (inputs, panel) in panels {
                inputs
                    .iter_mut()
                    .zip(panel[lower].floats())
                    .for_each(|(x, w)| *x += w);
            }
        }
        kind.log_partition(inputs)
    });
}

/// `out[row] += log p(s | x)` over the units of a row, `Σ s · x − Λ(x) + log m(s)`, nats: of the states of one activity, as they
/// are read, given the total inputs in the values of another (or the same).
pub fn add_log_probabilities(
    pool: &Pool,
    inputs: &Activity,
    states: (&Activity, Read),
    kind: Kind,
    out: &mut [f64],
) {
    let (states, read) = states;
    assert!(states.rows() == inputs.rows() && states.units() == inputs.units());
    let ones = (read, states.lists()) == (Read::Lists, Lists::Ones);
    add_of_rows(pool, inputs, out, |row, inputs| {
        if ones {
            let on = states.list(row).iter();
            let linear = total(on.map(|&unit| f64::from(inputs[usize::from(unit)])));
            return linear - kind.quick_log_partition(inputs);
        }
        let mut room = vec![Line::ZERO; states.lines()];
        let states = &floats(states.row_lines(row, read, &mut room))[..inputs.len()];
        let products = states.iter().zip(inputs.iter());
        let linear = total(products.map(|(&s, &x)| f64::from(s) * f64::from(x)));
        linear - kind.quick_log_partition(inputs) + kind.log_base(states)
    });
}

/// `out[row] += f(row, inputs)` over blocks of rows at once; the inputs are a copy of the row's values, to be changed at will.
fn add_of_rows(
    pool: &Pool,
    activity: &Activity,
    out: &mut [f64],
    f: impl Fn(usize, &mut [f32]) -> f64 + Sync,
) {
    assert!(out.len() == activity.rows());
    let parts = Disjoint::new(out);
    let block = pool.block(activity.rows());
    pool.each(activity.rows().div_ceil(block), &|task| {
        let rows = task * block..activity.rows().min((task + 1) * block);
        // SAFETY: each block of rows belongs to one task.
        let out = unsafe { parts.take(rows.clone()) };
        let mut inputs = vec![0.0f32; activity.units()];
        for (row, out) in rows.zip(out) {
            inputs.copy_from_slice(activity.row(row));
            *out += f(row, &mut inputs);
        }
    });
}

/// `out[row] += Λ(to · x) − Λ(from · x)` over the units of a row whose total inputs x are in `values`, nats: what a step from
/// one temperature to another adds to an annealed log-weight. Temperatures are one for all rows, or one for each.
pub fn add_tempered_differences(
    pool: &Pool,
    activity: &Activity,
    kind: Kind,
    [from, to]: [&[f32]; 2],
    out: &mut [f64],
) {
    add_of_rows(pool, activity, out, |row, inputs| {
        kind.tempered_difference(inputs, of_row(from, row), of_row(to, row))
    });
}

/// What annealed log-weights say: the log of their mean, that of the mean less and plus three standard errors of it, the
/// standard error of the log, the mean of the logs, and the effective sample size `(Σ w)² / Σ w²`.
pub struct WeightSummary {
    pub log_mean: f64,
    pub log_low: f64,
    pub log_high: f64,
    pub standard_error: f64,
    pub mean_log: f64,
    pub effective: f64,
}

/// Summary of at least one log-weight, in f64, in their order.
pub fn summarise_weights(logs: &[f64]) -> WeightSummary {
    let count = logs.len() as f64;
    let largest = logs
        .iter()
        .fold(f64::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    let weights: Vec<f64> = logs.iter().map(|&x| libm::exp(x - largest)).collect();
    let mean = total(weights.iter().copied()) / count;
    let squares = total(weights.iter().map(|w| (w - mean) * (w - mean)));
    // One weight says nothing of the spread.
    let error = if logs.len() > 1 {
        libm::sqrt(squares / (count - 1.0) / count)
    } else {
        f64::INFINITY
    };
    let low = mean - 3.0 * error;
    WeightSummary {
        log_mean: largest + libm::log(mean),
        log_low: if low > 0.0 {
            largest + libm::log(low)
        } else {
            f64::NEG_INFINITY
        },
        log_high: largest + libm::log(mean + 3.0 * error),
        standard_error: error / mean,
        mean_log: total(logs.iter().copied()) / count,
        effective: count * mean * count * mean / total(weights.iter().map(|w| w * w)),
    }
}

/// `out[row] += Σ_k x_k · y_k` over the units of a row, in f64, ascending: dot products of an activity's rows with one
/// vector (the bias term of a free energy).
pub fn add_row_dots(activity: &Activity, read: Read, vector: &[f32], out: &mut [f64]) {
    assert!(vector.len() >= activity.units() && out.len() == activity.rows());
    let term = |unit: usize, x: f32| f64::from(x) * f64::from(vector[unit]);
    for (row, out) in out.iter_mut().enumerate() {
        let values = || activity.plane_row(row, read).iter().enumerate();
        let list = || activity.list(row).iter().map(|&unit| usize::from(unit));
        *out += match (read, activity.lists()) {
            (Read::Values, _) | (Read::Lists, Lists::Dense) => {
                total(values().map(|(unit, &x)| term(unit, x)))
            }
            (Read::Lists, Lists::Ones) => total(list().map(|unit| term(unit, 1.0))),
            (Read::Lists, Lists::Reals) => total(
                list()
                    .zip(activity.reals(row))
                    .map(|(unit, &x)| term(unit, x)),
            ),
            (Read::Lists, Lists::None) => panic!("there are no lists to read"),
        };
    }
}

/// `out[row] += log m(s)` over the units of a row, the base measure of its states as the kind has it, nats.
pub fn add_log_bases(activity: &Activity, read: Read, kind: Kind, out: &mut [f64]) {
    assert!(out.len() == activity.rows());
    let mut room = vec![Line::ZERO; activity.lines()];
    for (row, out) in out.iter_mut().enumerate() {
        let states = floats(activity.row_lines(row, read, &mut room));
        *out += kind.log_base(&states[..activity.units()]);
    }
}

/// Sum over rows and units of `(a − b)²`, rows ascending, in f64. In a row the squares of every fourth unit are added in
/// f32, ascending; these four sums, then the squares of the last units that make no whole four, are added in f64: few
/// roundings, and an order that depends on shapes alone. `a` is read as asked.
pub fn squared_distance(a: &Activity, read: Read, b: &Activity) -> f64 {
    assert!(a.units() == b.units() && a.rows() == b.rows());
    let units = a.units();
    let mut room = vec![Line::ZERO; a.lines()];
    total((0..a.rows()).map(|row| {
        let values = &floats(a.row_lines(row, read, &mut room))[..units];
        squared_distance_of_rows(values, b.row(row))
    }))
}

fn squared_distance_of_rows(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = F32x4::ZERO;
    let (whole_a, rest_a) = a.as_chunks();
    let (whole_b, rest_b) = b.as_chunks();
    for (&x, &y) in whole_a.iter().zip(whole_b) {
        let d = F32x4::new(x).sub(F32x4::new(y));
        lanes = lanes.add(d.mul(d));
    }
    let rest = rest_a.iter().zip(rest_b).map(|(x, y)| {
        let d = f64::from(x - y);
        d * d
    });
    total(lanes.to_array().map(f64::from).into_iter().chain(rest))
}

/// Sum of all values, rows ascending, in f64.
pub fn sum_of_values(activity: &Activity) -> f64 {
    total(floats(activity.values()).iter().map(|&x| f64::from(x)))
}
