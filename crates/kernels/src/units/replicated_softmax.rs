//! Counts of words: a whole layer is one multinomial, whose number of draws is the row's length (Salakhutdinov and Hinton,
//! "Replicated softmax: an undirected topic model", 2009). With D draws the mean is `D · softmax(x)`,
//! `Λ = D log Σ e^x`, `m(s) = D! / Π s_k!`; what drives a layer above from such a one has its biases times D.
//!
//! Draw d of a row has the address of unit d.

use super::{Keep, list_row, softmax};
use crate::activity::Row;
use crate::lanes::{Line, floats, floats_mut};
use crate::random::Stream;
use crate::sums::total;

pub(crate) fn settle(
    index: usize,
    mut row: Row<'_>,
    length: u32,
    keep: Keep,
    draw: Option<Stream>,
) {
    let draws = if row.length == 0 { length } else { row.length };
    let units = row.units;
    let mut chances = floats(row.values)[..units].to_vec();
    softmax::normalise(&mut chances);
    if keep == Keep::Means {
        let means = &mut floats_mut(row.values)[..units];
        for (mean, p) in means.iter_mut().zip(&chances) {
            *mean = p * draws as f32;
        }
    }
    let Some(stream) = draw else { return };
    let states: &mut [Line] = if keep == Keep::States {
        row.values
    } else {
        row.states
    };
    let counts = &mut floats_mut(states)[..units];
    let mut ends = chances;
    let mut sum = 0.0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    // What is not a number in any input is one in the sum.
    counts.fill(if sum.is_nan() { sum } else { 0.0 });
    for draw in 0..draws {
        // Scaled to the sum that rounding left, so that the last unit has no more than its share.
        let place = stream.uniform(index as u32, draw) * sum;
        let unit = ends.partition_point(|&end| end <= place).min(units - 1);
        counts[unit] += 1.0;
    }
    list_row(&mut row, keep);
}

/// `log D! − Σ log s_k!`, nats, with D the sum of the counts.
pub fn log_base(states: &[f32]) -> f64 {
    let counts = || states.iter().map(|&s| f64::from(s));
    libm::lgamma(total(counts()) + 1.0) - total(counts().map(|s| libm::lgamma(s + 1.0)))
}
