//! The exact rectified unit: a normal number of standard deviation 1 about x, given that it is not negative. It has an
//! energy, so models of it have likelihoods. `m(s) = e^(−s²/2)` for s ≥ 0, `Λ = x²/2 + log Φ(x) + ½ log 2π`.
//!
//! Below −5 everything goes through Mills' ratio `R(a) = (1 − Φ(a)) / φ(a)`, a = −x, by its continued fraction
//! `1/(a + 1/(a + 2/(a + 3/(a + ...))))`, which loses nothing however far the tail: `Λ = log R(a)`, mean `1/R(a) − a`.
//!
//! Samples are exact inversions in f64 of one 32-bit word. Above −5, `s = x − Φ⁻¹(u Φ(x))`. Below, s solves
//! `log(1 − Φ(a + s)) − log(1 − Φ(a)) = log u`: without the ratio of Mills' ratios that is `as + s²/2 = −log u`, which
//! Newton's method starts from.

use super::{HALF_LOG_TAU, Keep, each_of_line, settle_lines};
use crate::activity::{Lists, Row};
use crate::lanes::{LINE, Line};
use crate::random::{Stream, inverse_normal};

/// Below this input, asymptotic forms.
const TAIL: f64 = -5.0;

pub(crate) fn settle(index: usize, row: Row<'_>, keep: Keep, draw: Option<Stream>) {
    let states = draw.map(|stream| {
        move |line: usize, inputs: Line| {
            each_of_line(inputs, |k, x| {
                let unit = (line * LINE + k) as u32;
                sample(f64::from(x), stream.uniform_inside(index as u32, unit)) as f32
            })
        }
    });
    let means = |inputs| each_of_line(inputs, |_, x| mean(f64::from(x)) as f32);
    settle_lines(row, keep, Lists::Dense, means, states);
}

/// The state that a uniform number inside (0, 1) stands for.
pub fn sample(x: f64, uniform: f64) -> f64 {
    if x >= TAIL {
        let s = x - inverse_normal(uniform * below(x));
        return if s < 0.0 { 0.0 } else { s };
    }
    if x.is_nan() {
        return x;
    }
    let (a, e) = (-x, -libm::log(uniform));
    let ratio = mills(a);
    let mut s = 2.0 * e / (a + libm::sqrt(a * a + 2.0 * e));
    for _ in 0..4 {
        let there = mills(a + s);
        let missing = e - (a * s + 0.5 * s * s - libm::log(there / ratio));
        s += missing * there;
    }
    s
}

/// `x + φ(x) / Φ(x)`.
pub fn mean(x: f64) -> f64 {
    if x < TAIL {
        return above_reciprocal(-x);
    }
    x + libm::exp(-0.5 * x * x - HALF_LOG_TAU) / below(x)
}

/// In f64, nats.
pub fn log_partition(x: f64) -> f64 {
    if x < TAIL {
        return libm::log(mills(-x));
    }
    0.5 * x * x + libm::log(below(x)) + HALF_LOG_TAU
}

/// Φ(x).
fn below(x: f64) -> f64 {
    0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

/// R(a) for a ≥ 5.
fn mills(a: f64) -> f64 {
    1.0 / (a + above_reciprocal(a))
}

/// `1 / R(a) − a` for a ≥ 5: the continued fraction without its first term, 60 terms of it.
fn above_reciprocal(a: f64) -> f64 {
    let mut rest = a;
    for k in (2..60).rev() {
        rest = a + f64::from(k) / rest;
    }
    1.0 / rest
}
