//! The stochastic binary unit: on with probability σ(x).

use super::Keep;
use crate::activity::{Row, list_line, on_below};
use crate::lanes::{F32x4, LINE, Line};
use crate::logistic::{logistic, softplus};
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

/// The same of one unit, in f64.
pub fn log_partition_f64(x: f64) -> f64 {
    let tail = libm::log1p(libm::exp(-x.abs()));
    if x > 0.0 { x + tail } else { tail }
}

/// σ(x) in f64.
pub fn mean_f64(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
