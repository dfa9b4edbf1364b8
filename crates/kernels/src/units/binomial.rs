//! A unit that stands for N identical copies of a binary unit, all with the same input: its state is how many are on
//! (Teh and Hinton, "Rate-coded restricted Boltzmann machines for face recognition", 2001). Mean `N σ(x)`,
//! `Λ = N log(1 + e^x)`, `m(s) = N! / (s! (N − s)!)`.

use super::{Keep, each_of_line, settle_lines};
use crate::activity::{Lists, Row};
use crate::lanes::{F32x4, LINE};
use crate::logistic::logistic;
use crate::random::Stream;

pub(crate) fn settle(index: usize, row: Row<'_>, copies: u32, keep: Keep, draw: Option<Stream>) {
    let all = F32x4::splat(copies as f32);
    let states = draw.map(|stream| {
        move |line: usize, inputs| {
            each_of_line(inputs, |k, x| {
                let unit = (line * LINE + k) as u32;
                sample(x, copies, stream.uniform_inside(index as u32, unit))
            })
        }
    });
    let mean = |inputs: crate::lanes::Line| inputs.map(|x| logistic(x).mul(all));
    settle_lines(row, keep, Lists::Reals, mean, states);
}

/// The smallest s at which the distribution function passes `uniform`, counted from the end that is likelier to be near:
/// probabilities follow each other by `p(s + 1) / p(s) = (N − s) / (s + 1) · odds`.
pub fn sample(x: f32, copies: u32, uniform: f64) -> f32 {
    if x.is_nan() {
        return x;
    }
    let odds = libm::exp(-f64::from(x).abs());
    let n = f64::from(copies);
    let mut p = libm::exp(-n * libm::log1p(odds));
    let (mut sum, mut s) = (p, 0);
    while uniform >= sum && s < copies {
        p *= (n - f64::from(s)) / (f64::from(s) + 1.0) * odds;
        sum += p;
        s += 1;
    }
    (if x > 0.0 { copies - s } else { s }) as f32
}

/// `log N! / (s! (N − s)!)`, nats.
pub fn log_base(s: f64, copies: u32) -> f64 {
    let n = f64::from(copies);
    libm::lgamma(n + 1.0) - libm::lgamma(s + 1.0) - libm::lgamma(n - s + 1.0)
}
