//! N binary units that share weights and bias but for fixed offsets: the state is how many of them are on, each with
//! probability `σ(x − k + ½)`, k = 1..N (Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines",
//! 2010). Its mean tends to `log(1 + e^x)` as N grows.
//!
//! `Λ = Σ_k log(1 + e^(x − k + ½))`, and m(s) is the sum of `e^(½ − k)` products over all choices of s of the copies,
//! which the q-binomial theorem gives in closed form: with `q = 1/e`, `m(s) = q^(s²/2) · (q)_N / ((q)_s (q)_(N−s))`,
//! `(q)_n = (1 − q)(1 − q²)...(1 − q^n)`.
//!
//! The draw of copy k of unit i is that of unit `k · padded units + i`, k from 0. A copy whose input is below −17 is off
//! and one above 17 on: there the chances are 0 and 1 to the 24 bits of a uniform number.

use super::{Keep, bernoulli, settle_lines};
use crate::activity::{Lists, Row};
use crate::lanes::{F32x4, Line};
use crate::logistic::logistic;
use crate::random::Stream;
use crate::sums::total;

/// Beyond this distance from zero a copy's chance is 0 or 1.
const CERTAIN: f32 = 17.0;

pub(crate) fn settle(index: usize, row: Row<'_>, copies: u32, keep: Keep, draw: Option<Stream>) {
    let lines = row.values.len();
    let one = F32x4::splat(1.0);
    let states = draw.map(|stream| {
        move |line: usize, inputs: Line| {
            let mut sums = Line::ZERO;
            let uncertain = uncertain_copies(&inputs, copies);
            for copy in uncertain.clone() {
                let chances = chances_of(&inputs, copy);
                let uniform = stream.uniform_line(index as u32, copy as usize * lines + line);
                let on = Line(uniform).zip(chances, |u, p| u.less(p).choose(one, F32x4::ZERO));
                sums = sums.add(on);
            }
            let sure = Line::splat(uncertain.start as f32);
            sums.add(sure).zip(inputs, F32x4::or_nan_of)
        }
    });
    let means = |inputs: Line| {
        let uncertain = uncertain_copies(&inputs, copies);
        let mut sums = Line::splat(uncertain.start as f32);
        for copy in uncertain {
            sums = sums.add(chances_of(&inputs, copy));
        }
        sums.zip(inputs, F32x4::or_nan_of)
    };
    settle_lines(row, keep, Lists::Reals, means, states);
}

/// The chances of copy `copy` (from 0) of a line's units.
#[inline(always)]
fn chances_of(inputs: &Line, copy: u32) -> Line {
    inputs.map(|x| {
        let x = x.sub(F32x4::splat(copy as f32 + 0.5));
        let off = x.less(F32x4::splat(-CERTAIN));
        off.choose(F32x4::ZERO, logistic(x))
    })
}

/// The copies (from 0) that are not certain for every unit of a line; those before them are on, those after them off.
#[inline(always)]
fn uncertain_copies(inputs: &Line, copies: u32) -> core::ops::Range<u32> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for &x in inputs.floats() {
        least = if x < least { x } else { least };
        most = if x > most { x } else { most };
    }
    // As u32, what is negative or not a number becomes 0, and what is too large the largest.
    let end = ((most + CERTAIN + 1.0) as u32).min(copies);
    let start = ((least - CERTAIN - 1.0) as u32).min(end);
    start..end
}

/// `Σ_k log(1 + e^(x − k + ½))`, nats.
pub fn log_partition(x: f64, copies: u32) -> f64 {
    total((0..copies).map(|copy| bernoulli::log_partition_f64(x - f64::from(copy) - 0.5)))
}

/// `Σ_k σ(x − k + ½)`.
pub fn mean(x: f64, copies: u32) -> f64 {
    total((0..copies).map(|copy| bernoulli::mean_f64(x - f64::from(copy) - 0.5)))
}

/// `log m(s)`, nats.
pub fn log_base(s: f64, copies: u32) -> f64 {
    let n = f64::from(copies);
    -0.5 * s * s + log_q_factorial(n) - log_q_factorial(s) - log_q_factorial(n - s)
}

/// `log (q)_n`, also between whole numbers: `Σ_i log(1 − q^i) − log(1 − q^(n + i))`; terms beyond 40 are below 1e-17.
fn log_q_factorial(n: f64) -> f64 {
    let term = |power: f64| libm::log1p(-libm::exp(-power));
    total((1..=40).map(|i| term(f64::from(i)) - term(n + f64::from(i))))
}
