//! The weights of one connection, in the two layouts that propagation reads.
//!
//! `forward[panel][lower][16]`: panel `p` holds upper units `16 p .. 16 p + 15`, a line for each lower unit. Adding the
//! lines of the active lower units gives the total input of sixteen upper units. `backward[panel][upper][16]` is the
//! same for the other direction. Both always hold the same numbers; padding is zero and stays zero.

use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{LINE, Line, floats, floats_mut, lines_for, transpose_block};
use crate::memory::zeroed;
use crate::sums::total;

/// Which way a connection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From lower units to upper units.
    Up,
    /// From upper units to lower units.
    Down,
}

pub struct Weights {
    lower: usize,
    upper: usize,
    forward: Vec<Line>,
    backward: Vec<Line>,
}

impl Weights {
    /// All zero; `None` where memory is out.
    pub fn new(lower: usize, upper: usize) -> Option<Weights> {
        Some(Weights {
            lower,
            upper,
            forward: zeroed(lines_for(upper).checked_mul(lower)?, Line::ZERO)?,
            backward: zeroed(lines_for(lower).checked_mul(upper)?, Line::ZERO)?,
        })
    }

    pub fn lower(&self) -> usize {
        self.lower
    }

    pub fn upper(&self) -> usize {
        self.upper
    }

    pub fn forward(&self) -> &[Line] {
        &self.forward
    }

    /// The panels for a direction, with how many sources and targets they join.
    pub fn panels(&self, direction: Direction) -> (&[Line], usize, usize) {
        match direction {
            Direction::Up => (&self.forward, self.lower, self.upper),
            Direction::Down => (&self.backward, self.upper, self.lower),
        }
    }

    /// Writes `[upper, lower]`, row-major: the layout of files.
    pub fn read(&self, out: &mut [f32]) {
        read_panels(&self.forward, self.lower, self.upper, out);
    }

    /// Takes `[upper, lower]`, row-major.
    pub fn write(&mut self, values: &[f32]) {
        write_panels(&mut self.forward, self.lower, self.upper, values);
        for lower in 0..self.lower {
            let panel = &mut floats_mut(&mut self.backward)[lower / LINE * self.upper * LINE..];
            for upper in 0..self.upper {
                panel[upper * LINE + lower % LINE] = values[upper * self.lower + lower];
            }
        }
    }

    /// Makes lower and upper change places, without a copy: what was the one side of a kernel's arguments is now the other.
    pub fn turn(&mut self) {
        core::mem::swap(&mut self.lower, &mut self.upper);
        core::mem::swap(&mut self.forward, &mut self.backward);
    }

    /// The same connection seen from above: lower and upper change places.
    pub fn transposed(&self) -> Option<Weights> {
        let mut other = Weights::new(self.upper, self.lower)?;
        other.forward.copy_from_slice(&self.backward);
        other.backward.copy_from_slice(&self.forward);
        Some(other)
    }

    /// `self ← self + share · (other − self)`: a step of a running average.
    pub fn blend(&mut self, pool: &Pool, other: &Weights, share: f32) {
        self.combine(pool, [other, other], |own, a, _| {
            own.add(a.sub(own).scale(share))
        });
    }

    /// `self ← kept · self + factor · other`.
    pub fn mix(&mut self, pool: &Pool, kept: f32, other: &Weights, factor: f32) {
        self.combine(pool, [other, other], |own, a, _| {
            own.scale(kept).add(a.scale(factor))
        });
    }

    /// `Σ w · w′`, each product and sum in f64, in the order of the layout.
    pub fn dot(&self, other: &Weights) -> f64 {
        assert!((self.lower, self.upper) == (other.lower, other.upper));
        let pairs = floats(&self.forward).iter().zip(floats(&other.forward));
        total(pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)))
    }

    /// `self ← a + b`.
    pub fn set_sum(&mut self, pool: &Pool, a: &Weights, b: &Weights) {
        self.combine(pool, [a, b], |_, a, b| a.add(b));
    }

    fn combine(
        &mut self,
        pool: &Pool,
        [a, b]: [&Weights; 2],
        f: impl Fn(Line, Line, Line) -> Line + Sync,
    ) {
        assert!((self.lower, self.upper) == (a.lower, a.upper));
        assert!((self.lower, self.upper) == (b.lower, b.upper));
        combine_lines(pool, &mut self.forward, &a.forward, &b.forward, &f);
        combine_lines(pool, &mut self.backward, &a.backward, &b.backward, &f);
    }

    /// Shortens the weights into each upper unit whose length (root of the sum of squares, in f64) is above `limit`.
    pub fn limit_norms(&mut self, pool: &Pool, limit: f32) {
        let (lower, upper) = (self.lower, self.upper);
        let (forward, backward) = self.parts();
        pool.each(lines_for(upper), &|panel| {
            // SAFETY: each panel is visited by one task.
            let lines = unsafe { forward.take(panel * lower..(panel + 1) * lower) };
            let mut squares = [0.0f64; LINE];
            for line in lines.iter() {
                for (sum, &w) in squares.iter_mut().zip(line.floats()) {
                    *sum += f64::from(w) * f64::from(w);
                }
            }
            let limit = f64::from(limit);
            if squares.iter().all(|&sum| sum <= limit * limit) {
                return;
            }
            let factors = squares.map(|sum| {
                if sum > limit * limit {
                    (limit / sum.sqrt()) as f32
                } else {
                    1.0
                }
            });
            for first in (0..lower).step_by(LINE) {
                let units = first..lower.min(first + LINE);
                for line in &mut lines[units.clone()] {
                    for (w, factor) in line.floats_mut().iter_mut().zip(factors) {
                        *w *= factor;
                    }
                }
                // SAFETY: each panel is visited by one task.
                unsafe { refresh_backward(&backward, upper, panel, first, &lines[units]) };
            }
        });
    }

    /// Sum of squares, each product and sum in f64, in the order of the layout.
    pub fn sum_of_squares(&self) -> f64 {
        total(
            floats(&self.forward)
                .iter()
                .map(|&w| f64::from(w) * f64::from(w)),
        )
    }

    pub(crate) fn parts(&mut self) -> (Disjoint<'_, Line>, Disjoint<'_, Line>) {
        (
            Disjoint::new(&mut self.forward),
            Disjoint::new(&mut self.backward),
        )
    }
}

/// `out ← f(out, a, b)`, line by line.
fn combine_lines(
    pool: &Pool,
    out: &mut [Line],
    a: &[Line],
    b: &[Line],
    f: &(impl Fn(Line, Line, Line) -> Line + Sync),
) {
    const BLOCK: usize = 2048;
    let length = out.len();
    let out = Disjoint::new(out);
    pool.each(length.div_ceil(BLOCK), &|task| {
        let lines = task * BLOCK..length.min((task + 1) * BLOCK);
        // SAFETY: each task has its own block.
        let own = unsafe { out.take(lines.clone()) };
        for ((own, &a), &b) in own.iter_mut().zip(&a[lines.clone()]).zip(&b[lines]) {
            *own = f(*own, a, b);
        }
    });
}

/// Copies lines `from..to` (at most 16 lower units that share a panel) of one upper panel into the other layout.
///
/// # Safety
/// Nobody else may hold lines of upper panel `panel` in `backward` meanwhile.
pub(crate) unsafe fn refresh_backward(
    backward: &Disjoint<'_, Line>,
    upper: usize,
    panel: usize,
    first_lower: usize,
    updated: &[Line],
) {
    let mut block = [Line::ZERO; LINE];
    block[..updated.len()].copy_from_slice(updated);
    let mut turned = [Line::ZERO; LINE];
    transpose_block(&block, &mut turned);
    let first = panel * LINE;
    let count = LINE.min(upper - first);
    let start = first_lower / LINE * upper + first;
    // SAFETY: the caller holds this panel's lines alone.
    let out = unsafe { backward.take(start..start + count) };
    out.copy_from_slice(&turned[..count]);
}

/// Writes panels as `[upper, lower]`, row-major.
pub(crate) fn read_panels(panels: &[Line], lower: usize, upper: usize, out: &mut [f32]) {
    assert!(out.len() == lower * upper);
    for (upper, row) in out.chunks_exact_mut(lower.max(1)).enumerate() {
        let panel = &panels[upper / LINE * lower..][..lower];
        for (value, line) in row.iter_mut().zip(panel) {
            *value = line.floats()[upper % LINE];
        }
    }
}

/// Takes `[upper, lower]`, row-major, into panels.
pub(crate) fn write_panels(panels: &mut [Line], lower: usize, upper: usize, values: &[f32]) {
    assert!(values.len() == lower * upper);
    for (upper, row) in values.chunks_exact(lower.max(1)).enumerate() {
        let panel = &mut panels[upper / LINE * lower..][..lower];
        for (&value, line) in row.iter().zip(panel) {
            line.floats_mut()[upper % LINE] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_both_layouts_agree() {
        for (lower, upper) in [(1, 1), (15, 17), (16, 16), (33, 5), (0, 4), (4, 0)] {
            let values: Vec<f32> = (0..lower * upper).map(|i| i as f32 + 0.5).collect();
            let mut weights = Weights::new(lower, upper).unwrap();
            weights.write(&values);
            let mut back = vec![0.0; lower * upper];
            weights.read(&mut back);
            assert_eq!(values, back);
            weights.turn();
            let mut other = vec![0.0; lower * upper];
            weights.read(&mut other);
            let transposed: Vec<f32> = (0..lower * upper)
                .map(|place| values[place % upper * lower + place / upper])
                .collect();
            assert_eq!(transposed, other);
            weights.turn();
            let mut turned = vec![0.0; lower * upper];
            weights.transposed().unwrap().read(&mut turned);
            for i in 0..lower {
                for j in 0..upper {
                    assert_eq!(turned[i * upper + j], values[j * lower + i]);
                }
            }
        }
    }
}
