//! Gaussian layers of any standard deviation. Such a layer works in units of it, `u = v / d`, and with the natural bias
//! `β = b / d`, so that every kernel sees a layer of deviation 1. Here is what goes between the two: scales from
//! log-variances, columns shifted and scaled in place, and the gradient of the log-variances.
//!
//! With `ζ = log d²` and `E = Σ (v − b)² / 2d² − Σ c h − Σ (v / d) W h`,
//! `∂(−E)/∂ζ = (v − b)² / 2d² − ½ (v / d) Σ W h = ½ ((u − β)² − u · ΣWh)`, data minus model.

use crate::activity::{Activity, Read};
use crate::lanes::{Line, floats, floats_mut};
use crate::sums::total;

/// `d = scale · e^(ζ/2)` and `1/d` for each unit.
pub fn deviations(log_variance: &[f32], scale: &[f32], deviation: &mut [f32], inverse: &mut [f32]) {
    for (unit, &zeta) in log_variance.iter().enumerate() {
        let d = f64::from(scale[unit]) * libm::exp(0.5 * f64::from(zeta));
        deviation[unit] = d as f32;
        inverse[unit] = (1.0 / d) as f32;
    }
}

/// `Σ log d − β²/2`: what a Gaussian layer adds to log Z, nats, where its energy is `(v − b)² / 2d²` and its states are
/// measured as they are.
pub fn log_partition_offset(deviation: &[f32], natural_bias: &[f32]) -> f64 {
    let units = deviation.iter().zip(natural_bias);
    total(units.map(|(&d, &b)| libm::log(f64::from(d)) - 0.5 * f64::from(b) * f64::from(b)))
}

/// Half the sum of a vector's squares: of a natural bias, what a Gaussian layer adds to a free energy.
pub fn half_squares(vector: &[f32]) -> f64 {
    total(vector.iter().map(|&x| 0.5 * f64::from(x) * f64::from(x)))
}

/// The natural logarithm.
pub fn log_of(x: f64) -> f64 {
    libm::log(x)
}

/// `out = values · factors`: biases into natural ones.
pub fn multiply_vectors(values: &[f32], factors: &[f32], out: &mut [f32]) {
    for ((out, value), factor) in out.iter_mut().zip(values).zip(factors) {
        *out = value * factor;
    }
}

/// `value ← (value − shift) · factor`, column by column. Lists are dropped.
pub fn shift_and_scale_columns(activity: &mut Activity, shift: &[f32], factor: &[f32]) {
    let (units, lines) = (activity.units(), activity.lines());
    for row in activity.values_mut().chunks_mut(lines.max(1)) {
        for (unit, value) in floats_mut(row)[..units].iter_mut().enumerate() {
            *value = (*value - shift[unit]) * factor[unit];
        }
    }
}

/// One phase's `⟨(u − β)² − u · ΣWh⟩ / 2` for each unit, a sum over rows as much as they count, by the number of cases:
/// states `u` as they are read, and the inputs `β + ΣWh` that the layer above gives them, as values. `noise` is the variance
/// of the states about what is read: 1 where means stand for them, and 0 for states. In f64, rows ascending.
pub fn log_variance_statistics(
    states: &Activity,
    read: Read,
    inputs: &Activity,
    natural_bias: &[f32],
    noise: f64,
    cases: usize,
    out: &mut [f64],
) {
    assert!(states.rows() == inputs.rows() && states.units() == inputs.units());
    assert!(out.len() == states.units() && natural_bias.len() >= states.units());
    out.fill(0.0);
    let mut room = vec![Line::ZERO; states.lines()];
    for row in 0..states.rows() {
        let u = floats(states.row_lines(row, read, &mut room));
        let x = inputs.row(row);
        let weight = f64::from(states.row_weight(row));
        for (unit, out) in out.iter_mut().enumerate() {
            let (u, b) = (f64::from(u[unit]), f64::from(natural_bias[unit]));
            *out += weight * ((u - b) * (u - b) + noise - u * (f64::from(x[unit]) - b));
        }
    }
    let half_mean = 0.5 / cases.max(1) as f64;
    out.iter_mut().for_each(|x| *x *= half_mean);
}

/// One step of the log-variances by `positive − negative`, kept at or above `log_floor`: a unit at the floor stops
/// there. False where one is no longer finite.
pub fn step_log_variance(
    log_variance: &mut [f32],
    velocity: &mut [f32],
    positive: &[f64],
    negative: &[f64],
    [rate, momentum]: [f32; 2],
    log_floor: f32,
) -> bool {
    let mut finite = true;
    for (unit, zeta) in log_variance.iter_mut().enumerate() {
        let gradient = (positive[unit] - negative[unit]) as f32;
        let velocity = &mut velocity[unit];
        *velocity = momentum * *velocity + rate * gradient;
        if velocity.abs() < f32::MIN_POSITIVE {
            *velocity = 0.0;
        }
        *zeta += *velocity;
        if *zeta < log_floor {
            *zeta = log_floor;
            *velocity = 0.0;
        }
        finite &= zeta.is_finite();
    }
    finite
}
