//! Groups of units of which exactly one is on (labels; Potts units). A group's draw is addressed by its number.

use super::Keep;
use crate::activity::Row;
use crate::lanes::{Line, floats_mut};
use crate::logistic::{exp, single};
use crate::random::Stream;
use crate::sums::{LogSum, total};

/// Means and states of one row of groups of `size` units.
pub(crate) fn settle(index: usize, row: Row<'_>, size: usize, keep: Keep, draw: Option<Stream>) {
    let Row {
        values,
        indices,
        count,
        units,
        ..
    } = row;
    let mut chosen = 0;
    let mut means = if keep == Keep::Inputs {
        Some(values.to_vec())
    } else {
        None
    };
    {
        let lines: &mut [Line] = means.as_deref_mut().unwrap_or(values);
        for (group, x) in floats_mut(lines)[..units]
            .chunks_exact_mut(size)
            .enumerate()
        {
            normalise(x);
            if let Some(stream) = draw {
                let unit = choose(x, stream.uniform(index as u32, group as u32));
                indices[chosen] = (group * size + unit) as u16;
                chosen += 1;
            }
        }
    }
    if keep == Keep::States {
        values.fill(Line::ZERO);
        for &unit in &indices[..chosen] {
            floats_mut(values)[usize::from(unit)] = 1.0;
        }
    }
    if draw.is_some() {
        *count = chosen as u32;
    }
    floats_mut(values)[units..].fill(0.0);
}

/// Total inputs of a group into probabilities: the largest is taken off first, sums ascend.
pub fn normalise(x: &mut [f32]) {
    let largest = largest(x);
    let mut sum = 0.0;
    for x in x.iter_mut() {
        *x = single(exp, *x - largest);
        sum += *x;
    }
    for x in x.iter_mut() {
        *x /= sum;
    }
}

/// Log-probabilities up to a constant into probabilities, in f64.
pub fn normalise_f64(x: &mut [f64]) {
    let largest = x.iter().fold(
        f64::NEG_INFINITY,
        |largest, &x| if x > largest { x } else { largest },
    );
    x.iter_mut().for_each(|x| *x = libm::exp(*x - largest));
    let sum = total(x.iter().copied());
    x.iter_mut().for_each(|x| *x /= sum);
}

/// The first unit at which the running sum passes `uniform`, or the last that is possible.
fn choose(p: &[f32], uniform: f32) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (unit, &p) in p.iter().enumerate() {
        sum += p;
        if p > 0.0 {
            last = unit;
        }
        if uniform < sum {
            return unit;
        }
    }
    last
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(
        f32::NEG_INFINITY,
        |largest, &x| if x > largest { x } else { largest },
    )
}

/// `log Σ e^x`, in f64.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().fold(
        f64::NEG_INFINITY,
        |largest, &x| if x > largest { x } else { largest },
    );
    largest + libm::log(total(x.iter().map(|&x| libm::exp(x - largest))))
}

/// `Σ_groups log Σ e^x` in nats, in f64.
pub fn log_partition(inputs: &[f32], size: usize) -> f64 {
    total(inputs.chunks_exact(size).map(|x| {
        let largest = f64::from(largest(x));
        largest + libm::log(total(x.iter().map(|&x| libm::exp(f64::from(x) - largest))))
    }))
}

/// The same of one group, in f64.
pub fn log_partition_f64(x: &[f64]) -> f64 {
    let mut sum = LogSum::NONE;
    x.iter().for_each(|&x| sum.add(x));
    sum.log()
}

/// The means of one group, times `scale`, in f64.
pub fn means_f64(x: &[f64], scale: f64, means: &mut [f64]) {
    let log_sum = log_partition_f64(x);
    for (mean, x) in means.iter_mut().zip(x) {
        *mean = scale * libm::exp(x - log_sum);
    }
}
