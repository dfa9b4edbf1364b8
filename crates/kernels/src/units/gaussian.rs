//! A unit with a normally distributed state of standard deviation 1 about its total input. Layers of other deviations work
//! in units of them (`variance`). `Λ = x²/2 + ½ log 2π`, `m(s) = e^(−s²/2)`.

use super::{HALF_LOG_TAU, Keep, settle_lines};
use crate::activity::{Lists, Row};
use crate::lanes::Line;
use crate::random::Stream;

#[inline(always)]
pub(crate) fn settle(index: usize, row: Row<'_>, keep: Keep, draw: Option<Stream>) {
    let states = draw.map(|stream| {
        move |line: usize, inputs: Line| inputs.add(stream.normal_line(index as u32, line))
    });
    settle_lines(row, keep, Lists::Dense, |inputs| inputs, states);
}

/// In f64, nats.
pub fn log_partition(x: f64) -> f64 {
    0.5 * x * x + HALF_LOG_TAU
}
