//! The stochastic binary unit: on with probability σ(x).

use super::Keep;
use crate::activity::{Row, list_line, on_below};
use crate::lanes::{F32x4, LINE, Line};
use crate::logistic::{exp, log, logistic, softplus};
use crate::random::Stream;
use crate::sums::total;

/// Bits of the units that a line really has.
fn present(units: usize, line: usize) -> u32 {
    let count = LINE.min(units - line * LINE);
    (1u32 << count) - 1
}

/// Means and states of one row.
#[inline(always)]
pub(crate) fn settle(index: usize, row: Row<'_>, keep: Keep, draw: Option<Stream>) {
    let Row {
        values,
        indices,
        count,
        units,
        ..
    } = row;
    let mut length = 0;
    for (line, value) in values.iter_mut().enumerate() {
        let mean = value.map(logistic);
        let present = present(units, line);
        let mut on = 0;
        if let Some(stream) = draw {
            on = on_below(stream.uniform_line(index as u32, line), mean) & present;
            length = list_line(indices, length, line, on);
        }
        match keep {
            Keep::Inputs => {}
            Keep::Means => *value = mean,
            Keep::States => *value = states(on),
        }
        if keep == Keep::Means && present != 0xffff {
            value.floats_mut()[present.count_ones() as usize..].fill(0.0);
        }
    }
    if draw.is_some() {
        *count = length as u32;
    }
}

fn states(on: u32) -> Line {
    let mut line = Line::ZERO;
    for (k, value) in line.floats_mut().iter_mut().enumerate() {
        *value = (on >> k & 1) as f32;
    }
    line
}

/// `Σ log(1 + e^x)` in nats: each term in f32, the sum in f64, ascending.
pub fn log_partition(inputs: &[f32]) -> f64 {
    total(inputs.chunks(4).flat_map(|chunk| {
        let mut x = [0.0; 4];
        x[..chunk.len()].copy_from_slice(chunk);
        let terms = softplus(F32x4::new(x)).to_array();
        terms.into_iter().take(chunk.len()).map(f64::from)
    }))
}

/// Terms whose product is taken before its logarithm: each is at most 2, so 2^16 at most.
const FACTORS: usize = 16;

/// `Σ log(1 + e^(to · x)) − log(1 + e^(from · x))` in nats. With `1 + e^y = e^max(y, 0) · (1 + e^-|y|)`, the second factors
/// of sixteen units to a lane are multiplied before the logarithm of their quotient is taken; the sums of sixteen are in f32,
/// further ones in f64, ascending.
pub fn tempered_difference(inputs: &[f32], from: f32, to: f32) -> f64 {
    let [one, step] = [1.0, to - from].map(F32x4::splat);
    let factor = |x: F32x4, scale: f32| one.add(exp(x.abs().mul(F32x4::splat(-scale))));
    let difference = |chunk: &[f32]| {
        let (mut linear, mut quotient) = (F32x4::ZERO, [one; 2]);
        for four in chunk.chunks(4) {
            let mut x = [0.0; 4];
            x[..four.len()].copy_from_slice(four);
            let x = F32x4::new(x);
            linear = linear.add(x.pick_max(F32x4::ZERO).mul(step));
            quotient = [
                quotient[0].mul(factor(x, to)),
                quotient[1].mul(factor(x, from)),
            ];
        }
        linear.add(log(quotient[0].div(quotient[1]))).to_array()
    };
    total((inputs.chunks(4 * FACTORS)).flat_map(|chunk| difference(chunk).map(f64::from)))
}

/// As `log_partition`, with one logarithm for sixteen units to a lane as in `tempered_difference`: within a few units of the
/// last place of the largest of their sums.
pub fn quick_log_partition(inputs: &[f32]) -> f64 {
    let one = F32x4::splat(1.0);
    let sum = |chunk: &[f32]| {
        let (mut linear, mut product) = (F32x4::ZERO, one);
        for four in chunk.chunks(4) {
            // What is not there adds nothing: its softplus is e^-87.
            let mut x = [-100.0; 4];
            x[..four.len()].copy_from_slice(four);
            let x = F32x4::new(x);
            linear = linear.add(x.pick_max(F32x4::ZERO));
            product = product.mul(one.add(exp(x.abs().mul(F32x4::splat(-1.0)))));
        }
        linear.add(log(product)).to_array()
    };
    total((inputs.chunks(4 * FACTORS)).flat_map(|chunk| sum(chunk).map(f64::from)))
}

/// `log(1 + e^x)` of one unit, in f64.
pub fn log_partition_f64(x: f64) -> f64 {
    let tail = libm::log1p(libm::exp(-x.abs()));
    if x > 0.0 { x + tail } else { tail }
}

/// σ(x) in f64.
pub fn mean_f64(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_log_partitions_agree_with_terms_in_f64() {
        for units in [0, 1, 3, 4, 63, 64, 65, 500] {
            for spread in [0.01f32, 1.0, 30.0, 300.0] {
                let inputs: Vec<f32> = (0..units)
                    .map(|k| spread * libm::sinf(k as f32 * 1.7 + spread))
                    .collect();
                let wanted = total(inputs.iter().map(|&x| log_partition_f64(f64::from(x))));
                let error = (quick_log_partition(&inputs) - wanted).abs();
                assert!(error <= 1e-6 * (1.0 + wanted), "{units} {spread}: {error}");
            }
        }
    }

    #[test]
    fn tempered_differences_agree_with_terms_in_f64() {
        for units in [1, 3, 4, 63, 64, 65, 500] {
            for spread in [0.01f32, 1.0, 30.0, 300.0] {
                let inputs: Vec<f32> = (0..units)
                    .map(|k| spread * libm::sinf(k as f32 * 1.7 + spread))
                    .collect();
                for (from, to) in [(0.0, 1.0), (0.5, 0.501), (1.0, 0.999), (0.25, 0.75)] {
                    let at =
                        |scale: f32, x: f32| log_partition_f64(f64::from(scale) * f64::from(x));
                    let exact = total(inputs.iter().map(|&x| at(to, x) - at(from, x)));
                    let found = tempered_difference(&inputs, from, to);
                    let size = total(
                        inputs
                            .iter()
                            .map(|&x| f64::from(x.abs() * (to - from).abs() + 1.0)),
                    );
                    assert!(
                        (found - exact).abs() < 3e-7 * size,
                        "{units} {spread} {from} {to}: {found} {exact}"
                    );
                }
            }
        }
    }
}
