//! What backpropagation needs beside propagation and statistics.
//!
//! Forward, each layer is `y = f(b + W y_below)` (`propagate`, with means kept). With a loss E whose output units are its
//! natural ones (softmax or logistic units and cross-entropy, linear units and half the squared error) the slope of −E by
//! an output's total input is `target − y`. Backward, `δ_below = f′ ∘ (Wᵀ δ)`: `propagate` down without biases, then
//! `multiply_by_slopes`, with f′ as a function of y. The gradient of a weight is `Σ_r y_below,r · δ_r` (`statistics`,
//! one phase), rows ascending.

use crate::activity::{Activity, Read};
use crate::disjoint::Pool;
use crate::lanes::{F32x4, Line, floats};
use crate::memory::zeroed;
use crate::sums::total;
use crate::units::Kind;

/// The least that a probability counts as in a cross-entropy: it is 2^-25 short of what f32 can tell from 1.
pub const LEAST_PROBABILITY: f64 = 1.0 / 33_554_432.0;

/// `errors ← targets − outputs`, the targets as they are to be read. `None` where memory is out.
pub fn subtract_outputs(
    errors: &mut Activity,
    (targets, read): (&Activity, Read),
    outputs: &Activity,
) -> Option<()> {
    assert!(targets.units() == outputs.units() && errors.units() == outputs.units());
    assert!(targets.rows() == outputs.rows());
    errors.set_rows(outputs.rows());
    let lines = outputs.lines();
    let mut room = zeroed(lines, Line::ZERO)?;
    let rows = errors.values_mut().chunks_mut(lines.max(1)).enumerate();
    for (row, errors) in rows {
        let targets = targets.row_lines(row, read, &mut room);
        let outputs = &outputs.values()[row * lines..][..lines];
        for ((error, &target), &output) in errors.iter_mut().zip(targets).zip(outputs) {
            *error = target.sub(output);
        }
    }
    Some(())
}

/// `errors ← errors · f′`, with f the means of a kind of unit as a function of its total input, and f′ as one of what f gave:
/// `outputs`, which are `1 / keep` times as large where units have been dropped.
pub fn multiply_by_slopes(
    pool: &Pool,
    errors: &mut Activity,
    outputs: &Activity,
    kind: Kind,
    keep: f32,
) {
    assert!(errors.units() == outputs.units() && errors.rows() == outputs.rows());
    match kind {
        Kind::Bernoulli => each_error(pool, errors, outputs, keep, |y| {
            y.mul(F32x4::splat(1.0).sub(y))
        }),
        Kind::Tanh => each_error(pool, errors, outputs, keep, |y| {
            F32x4::splat(1.0).sub(y.mul(y))
        }),
        Kind::Relu { .. } => each_error(pool, errors, outputs, keep, |y| {
            F32x4::ZERO.less(y).choose(F32x4::splat(1.0), F32x4::ZERO)
        }),
        Kind::Gaussian => {}
        _ => panic!("a network has no slopes of {kind:?}"),
    }
}

#[inline(always)]
fn each_error(
    pool: &Pool,
    errors: &mut Activity,
    outputs: &Activity,
    keep: f32,
    slope: impl Fn(F32x4) -> F32x4 + Sync,
) {
    let lines = outputs.lines();
    let keep = F32x4::splat(keep);
    let parts = errors.parts(crate::activity::Lists::None);
    parts.each_row(pool, &|row, errors| {
        let outputs = &outputs.values()[row * lines..][..lines];
        for (error, &output) in errors.values.iter_mut().zip(outputs) {
            *error = error.zip(output, |error, y| error.mul(slope(y.mul(keep))));
        }
    });
}

/// Sum over rows and units of `−t log y`, and of `−(1 − t) log(1 − y)` where units are independent of each other, nats: the
/// cross-entropy of softmax or logistic outputs y, targets t as they are to be read; in f64, ascending.
pub fn cross_entropy(
    (targets, read): (&Activity, Read),
    outputs: &Activity,
    independent: bool,
) -> f64 {
    assert!(targets.units() == outputs.units() && targets.rows() == outputs.rows());
    let mut room = vec![Line::ZERO; outputs.lines()];
    let log = |y: f64| {
        libm::log(if y > LEAST_PROBABILITY {
            y
        } else {
            LEAST_PROBABILITY
        })
    };
    total((0..outputs.rows()).map(|row| {
        let targets = floats(targets.row_lines(row, read, &mut room));
        total(outputs.row(row).iter().zip(targets).map(|(&y, &t)| {
            let (y, t) = (f64::from(y), f64::from(t));
            let on = if t == 0.0 { 0.0 } else { t * log(y) };
            let off = if independent && t != 1.0 {
                (1.0 - t) * log(1.0 - y)
            } else {
                0.0
            };
            -on - off
        }))
    }))
}
