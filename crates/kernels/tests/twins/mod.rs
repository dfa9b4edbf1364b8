//! Slow twins of the kernels: plain loops over row-major matrices, written from the contracts in the kernels' comments.
//! Beside them what the tests share: shapes that straddle the blocks, seeded numbers, pools, comparison by bits.

#![allow(dead_code, reason = "every test file uses its own part")]

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::sync::atomic::{AtomicUsize, Ordering};
use wakesleep_kernels::activity::{Activity, Lists};
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::logistic::{exp, logistic, single};
use wakesleep_kernels::random::Stream;
use wakesleep_kernels::rows::Dense;
use wakesleep_kernels::statistics::{Rule, Step};

/// Units on a side: around lines, pairs of panels and blocks of units.
pub const SIZES: [usize; 12] = [0, 1, 15, 16, 17, 31, 32, 33, 65, 127, 128, 129];
/// Rows: around the dense tile and the smallest block of rows, and more than one block of the largest.
pub const ROWS: [usize; 8] = [0, 1, 2, 3, 7, 8, 9, 100];
/// Shares of units that are not zero: none, below and above where whole rows are taken, all.
pub const SHARES: [f64; 5] = [0.0, 0.1, 0.35, 0.6, 1.0];

// ---- Cases ----

/// One random case: two sizes, rows, a share of units that are not zero, and a seed for the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub lower: usize,
    pub upper: usize,
    pub rows: usize,
    pub share: f64,
    pub seed: u64,
}

/// Runs a test on `cases` random cases, the same ones every time; a failing one is shrunk and printed.
pub fn for_cases(cases: u32, test: impl Fn(Case)) {
    let select = |values: &'static [usize]| proptest::sample::select(values);
    let strategy = (
        select(&SIZES),
        select(&SIZES),
        select(&ROWS),
        proptest::sample::select(&SHARES[..]),
        proptest::num::u64::ANY,
    )
        .prop_map(|(lower, upper, rows, share, seed)| Case {
            lower,
            upper,
            rows,
            share,
            seed,
        });
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&strategy, |case| {
            test(case);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// A small generator of its own (SplitMix64), so that the numbers of a test do not come from what it tests.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.uniform() * end as f64) as usize
    }

    pub fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }

    /// In [-scale, scale).
    pub fn signed(&mut self, scale: f32) -> f32 {
        (self.uniform() * 2.0 - 1.0) as f32 * scale
    }

    /// A parameter: mostly of ordinary size, now and then −0, +0, subnormal or large.
    pub fn parameter(&mut self) -> f32 {
        match self.below(32) {
            0 => -0.0,
            1 => 0.0,
            2 => f32::from_bits(1 + self.below(0x007f_fffe) as u32),
            3 => -f32::from_bits(1 + self.below(0x007f_fffe) as u32),
            4 => self.signed(1000.0),
            _ => self.signed(1.0),
        }
    }
}

/// `[rows, columns]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    pub fn new(rows: usize, columns: usize, mut value: impl FnMut() -> f32) -> Matrix {
        let values = (0..rows * columns).map(|_| value()).collect();
        Matrix {
            rows,
            columns,
            values,
        }
    }

    pub fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns + column]
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..][..self.columns]
    }

    pub fn transposed(&self) -> Matrix {
        let at = |i: usize| self.at(i % self.rows, i / self.rows);
        Matrix {
            rows: self.columns,
            columns: self.rows,
            values: (0..self.values.len()).map(at).collect(),
        }
    }

    /// Zeros and ones; every fifth row or so is all zero.
    pub fn binary(rows: usize, columns: usize, share: f64, numbers: &mut Numbers) -> Matrix {
        let mut matrix = Matrix::new(rows, columns, || f32::from(numbers.chance(share)));
        matrix.empty_some_rows(numbers);
        matrix
    }

    /// Positive and negative numbers among zeros; every fifth row or so is all zero.
    pub fn real(rows: usize, columns: usize, share: f64, numbers: &mut Numbers) -> Matrix {
        let mut matrix = Matrix::new(rows, columns, || {
            if numbers.chance(share) {
                numbers.signed(2.0)
            } else {
                0.0
            }
        });
        matrix.empty_some_rows(numbers);
        matrix
    }

    fn empty_some_rows(&mut self, numbers: &mut Numbers) {
        for row in 0..self.rows {
            if numbers.chance(0.2) {
                self.values[row * self.columns..][..self.columns].fill(0.0);
            }
        }
    }
}

// ---- Pools ----

/// Runs `test` with one thread, in reverse order, and with 1, 2, 3 and 5 real threads.
pub fn each_pool(mut test: impl FnMut(&Pool)) {
    test(&Pool::SERIAL);
    test(&Pool {
        threads: 3,
        run: &|tasks, work| (0..tasks).rev().for_each(work),
    });
    for threads in [1, 2, 3, 5] {
        test(&Pool {
            threads,
            run: &|tasks, work| run_on_threads(threads, tasks, work),
        });
    }
}

fn run_on_threads(threads: usize, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    if task >= tasks {
                        return;
                    }
                    work(task);
                }
            });
        }
    });
}

// ---- Activities ----

/// What stands in `values` where only the lists count.
const JUNK: f32 = 0.77;

/// An activity whose values are the matrix and which has no lists.
pub fn with_values(matrix: &Matrix) -> Activity {
    let mut activity = Activity::new(matrix.rows, matrix.columns).unwrap();
    activity.write(&matrix.values);
    activity
}

/// An activity that lists what is not zero in the matrix.
pub fn with_reals(matrix: &Matrix) -> Activity {
    let mut activity = with_values(matrix);
    activity.list_values(&Pool::SERIAL).unwrap();
    assert_eq!(activity.lists(), Lists::Reals);
    activity
}

/// An activity that lists the ones of a binary matrix, with junk in its values.
pub fn with_ones(matrix: &Matrix) -> Activity {
    let mut activity = Activity::new(matrix.rows, matrix.columns).unwrap();
    activity.write(&vec![JUNK; matrix.values.len()]);
    let order: Vec<u32> = (0..matrix.rows as u32).collect();
    let stream = Stream::new(
        [1, 2],
        3,
        wakesleep_kernels::random::Purpose::Binarise,
        0,
        0,
    );
    if matrix.columns > 0 {
        let rows = Dense {
            values: &matrix.values[..],
            scale: 1.0,
        };
        activity.gather_states(&Pool::SERIAL, &rows, &order, stream);
    } else {
        activity.list_values(&Pool::SERIAL).unwrap();
        return activity;
    }
    assert_eq!(activity.lists(), Lists::Ones);
    activity
}

/// The values of an activity without their padding.
pub fn values_of(activity: &Activity) -> Vec<f32> {
    (0..activity.rows())
        .flat_map(|row| activity.row(row).to_vec())
        .collect()
}

/// The lists of an activity.
pub fn lists_of(activity: &Activity) -> Vec<Vec<u16>> {
    (0..activity.rows())
        .map(|row| activity.list(row).to_vec())
        .collect()
}

/// Panics unless all padding of an activity's rows is +0.
pub fn assert_padding_is_zero(activity: &Activity) {
    let stride = activity.lines() * 16;
    let values = wakesleep_kernels::lanes::floats(activity.values());
    for row in 0..activity.rows() {
        let padding = &values[row * stride + activity.units()..(row + 1) * stride];
        assert!(padding.iter().all(|x| x.to_bits() == 0), "{padding:?}");
    }
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

pub fn assert_same_bits(fast: &[f32], slow: &[f32], what: &str) {
    assert_eq!(fast.len(), slow.len(), "{what}");
    for (place, (fast, slow)) in fast.iter().zip(slow).enumerate() {
        assert!(
            fast.to_bits() == slow.to_bits(),
            "{what}: at {place} {fast:e} is not {slow:e}"
        );
    }
}

// ---- The twins ----

/// Total inputs from `[rows, sources]` through `weights` `[targets, sources]`, added to `start` `[rows, targets]`.
pub fn propagate(source: &Matrix, weights: &Matrix, start: &Matrix) -> Matrix {
    propagate_in_order(source, weights, start, 0..source.columns)
}

/// As `propagate`, in any order of the sources: the planted fault.
pub fn propagate_in_order(
    source: &Matrix,
    weights: &Matrix,
    start: &Matrix,
    order: impl Iterator<Item = usize> + Clone,
) -> Matrix {
    let mut out = start.clone();
    for row in 0..out.rows {
        for target in 0..out.columns {
            let mut sum = start.at(row, target);
            for k in order.clone() {
                let product = source.at(row, k) * weights.at(target, k);
                sum += product;
            }
            out.values[row * out.columns + target] = sum;
        }
    }
    out
}

/// Every row starts at the biases plus +0.
pub fn start_at(bias: &[f32], rows: usize) -> Matrix {
    let row: Vec<f32> = bias.iter().map(|b| b + 0.0).collect();
    Matrix {
        rows,
        columns: bias.len(),
        values: row.repeat(rows),
    }
}

/// Lower and upper activities of one phase.
pub struct Phase<'a> {
    pub lower: &'a Matrix,
    pub upper: &'a Matrix,
}

/// The statistic `[upper, lower]`: `Σ (v0 h0 − v1 h1)` over the cases in the order given, from +0.
pub fn statistic(
    positive: &Phase,
    negative: &Phase,
    cases: impl Iterator<Item = usize> + Clone,
) -> Matrix {
    let (lower, upper) = (positive.lower.columns, positive.upper.columns);
    let mut out = Matrix::new(upper, lower, || 0.0);
    for j in 0..upper {
        for i in 0..lower {
            let sum = &mut out.values[j * lower + i];
            for case in cases.clone() {
                let a = positive.lower.at(case, i) * positive.upper.at(case, j);
                let b = negative.lower.at(case, i) * negative.upper.at(case, j);
                let difference = a - b;
                *sum += difference;
            }
        }
    }
    out
}

/// One step of weights and velocities, element by element. `divisor` is the number of rows.
pub fn step(
    weights: &mut [f32],
    velocity: &mut [f32],
    statistic: &[f32],
    divisor: usize,
    by: Step,
) {
    let Rule::Momentum { momentum, .. } = by.rule else {
        panic!("this twin knows momentum alone")
    };
    let inverse = 1.0 / divisor as f32;
    for ((w, v), s) in weights.iter_mut().zip(velocity).zip(statistic) {
        let mean = s * inverse;
        let cost = by.cost * *w;
        let gradient = mean - cost;
        let kept = momentum * *v;
        let pushed = by.rate * gradient;
        *v = flushed(kept + pushed);
        *w += *v;
    }
}

/// Subnormal numbers and −0 become +0.
pub fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

/// The bias statistic: `Σ (a − b)` over rows, from +0.
pub fn bias_statistic(positive: &Matrix, negative: &Matrix) -> Vec<f32> {
    (0..positive.columns)
        .map(|unit| {
            let mut sum = 0.0f32;
            for row in 0..positive.rows {
                let difference = positive.at(row, unit) - negative.at(row, unit);
                sum += difference;
            }
            sum
        })
        .collect()
}

/// Means of binary units.
pub fn bernoulli_means(inputs: &Matrix) -> Matrix {
    let mut out = inputs.clone();
    out.values
        .iter_mut()
        .for_each(|x| *x = single(logistic, *x));
    out
}

/// The units that are on, given probabilities; a row's draws are addressed by `ids[row]`.
pub fn bernoulli_states(means: &Matrix, ids: &[u32], stream: Stream) -> Vec<Vec<u16>> {
    (0..means.rows)
        .map(|row| {
            (0..means.columns)
                .filter(|&unit| stream.uniform(ids[row], unit as u32) < means.at(row, unit))
                .map(|unit| unit as u16)
                .collect()
        })
        .collect()
}

/// Means of groups of `size` units.
pub fn softmax_means(inputs: &Matrix, size: usize) -> Matrix {
    let mut out = inputs.clone();
    for group in out.values.chunks_mut(size) {
        let mut largest = group[0];
        for &x in group.iter() {
            if x > largest {
                largest = x;
            }
        }
        let mut sum = 0.0f32;
        for x in group.iter_mut() {
            *x = single(exp, *x - largest);
            sum += *x;
        }
        for x in group {
            *x /= sum;
        }
    }
    out
}

/// The unit of each group that is on: the first at which the running sum passes the group's uniform number.
pub fn softmax_states(means: &Matrix, size: usize, stream: Stream) -> Vec<Vec<u16>> {
    (0..means.rows)
        .map(|row| {
            let groups = means.row(row).chunks(size).enumerate();
            groups
                .map(|(group, p)| {
                    let uniform = stream.uniform(row as u32, group as u32);
                    let mut sum = 0.0f32;
                    let mut on = size - 1;
                    for (unit, p) in p.iter().enumerate() {
                        sum += p;
                        if uniform < sum {
                            on = unit;
                            break;
                        }
                    }
                    (group * size + on) as u16
                })
                .collect()
        })
        .collect()
}

/// A matrix with ones where the lists say so.
pub fn spread(lists: &[Vec<u16>], columns: usize) -> Matrix {
    let mut out = Matrix::new(lists.len(), columns, || 0.0);
    for (row, list) in lists.iter().enumerate() {
        for &unit in list {
            out.values[row * columns + usize::from(unit)] = 1.0;
        }
    }
    out
}

// ---- Statistics ----

/// How many standard deviations a χ² lies above its mean; tests ask for less than 5.
pub fn chi_square_z(counts: &[u64], probabilities: &[f64]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    let mut chi = 0.0;
    for (&count, &p) in counts.iter().zip(probabilities) {
        assert!(n * p >= 10.0, "too few are expected for a χ²: {}", n * p);
        chi += (count as f64 - n * p).powi(2) / (n * p);
    }
    let degrees = (counts.len() - 1) as f64;
    (chi - degrees) / (2.0 * degrees).sqrt()
}
