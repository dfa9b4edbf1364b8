//! Rectified units, `max(0, x + noise)` (Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines",
//! 2010): without noise, with noise of variance 1, or of variance σ(x), which is their NReLU. A sampler: there is no
//! energy of which this would be the conditional distribution.
//!
//! With noise of standard deviation d the mean is `x Φ(x/d) + d φ(x/d)`. In lanes it is `max(0, x) + d φ(z) h(z)` with
//! `z = |x|/d` and `h(z) = 1 − z (1 − Φ(z)) / φ(z)`, for which there is a polynomial in `t = 1 / (1 + 0.35 z)` (a
//! Chebyshev fit of `h / t²` over z in [0, 14]; beyond, φ is below what f32 holds).

use super::{Keep, settle_lines};
use crate::activity::{Lists, Row};
use crate::lanes::{F32x4, Line};
use crate::logistic::{exp, logistic};
use crate::random::Stream;

/// What is added to the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    None,
    /// Normal, variance 1.
    Unit,
    /// Normal, variance σ(x).
    Sigmoid,
}

/// Largest error of the lanes' mean, relative where it is above 1 and absolute below.
pub const MAX_MEAN_ERROR: f64 = 4e-7;

#[inline(always)]
pub(crate) fn settle(index: usize, row: Row<'_>, noise: Noise, keep: Keep, draw: Option<Stream>) {
    let states = draw.map(|stream| {
        move |line: usize, inputs: Line| {
            if noise == Noise::None {
                return inputs.map(rectified);
            }
            let normal = stream.normal_line(index as u32, line);
            inputs.zip(normal, |x, n| rectified(x.add(deviation(x, noise).mul(n))))
        }
    });
    settle_lines(
        row,
        keep,
        Lists::Reals,
        |inputs| inputs.map(|x| mean_lanes(x, noise)),
        states,
    );
}

/// The larger of x and 0; NaN stays.
#[inline(always)]
fn rectified(x: F32x4) -> F32x4 {
    x.pick_max(F32x4::ZERO)
}

#[inline(always)]
fn deviation(x: F32x4, noise: Noise) -> F32x4 {
    match noise {
        Noise::None => F32x4::ZERO,
        Noise::Unit => F32x4::splat(1.0),
        Noise::Sigmoid => logistic(x).sqrt(),
    }
}

#[inline(always)]
fn mean_lanes(x: F32x4, noise: Noise) -> F32x4 {
    if noise == Noise::None {
        return rectified(x);
    }
    const H: [f32; 10] = [
        0.129_627_72,
        -0.872_555_1,
        2.378_429,
        -3.208_092_5,
        2.048_792_1,
        -0.672_988_6,
        0.541_990_4,
        0.283_817_23,
        0.248_625_41,
        0.122_354_28,
    ];
    let c = F32x4::splat;
    let d = deviation(x, noise);
    let z = x.abs().div(d);
    let t = c(1.0).div(c(1.0).add(c(0.35).mul(z)));
    let h = H[1..]
        .iter()
        .fold(c(H[0]), |sum, &coefficient| sum.mul(t).add(c(coefficient)));
    let phi = flushed(exp(z.mul(z).mul(c(-0.5))).mul(c(0.398_942_3)));
    flushed(rectified(x).add(d.mul(phi).mul(h.mul(t).mul(t))))
}

/// A number that is not negative with what is far below 1e-15 rounded to a multiple of about 1e-22, 0 among them. Units
/// that are nearly never on have means at the end of f32, and subnormal numbers take a hundred times as long.
#[inline(always)]
fn flushed(x: F32x4) -> F32x4 {
    let anchor = F32x4::splat(1e-15);
    x.add(anchor).sub(anchor)
}

/// In f64: the definition that the lanes are compared with.
pub fn mean(x: f64, noise: Noise) -> f64 {
    let deviation = match noise {
        Noise::None => return if x < 0.0 { 0.0 } else { x },
        Noise::Unit => 1.0,
        Noise::Sigmoid => libm::sqrt(1.0 / (1.0 + libm::exp(-x))),
    };
    let z = x / deviation;
    let below = 0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2);
    x * below + deviation * libm::exp(-0.5 * z * z - super::HALF_LOG_TAU)
}
