//! Pseudo-log-likelihoods: `Σ_i log p(v_i | all other units)` of binary units and softmax groups (Besag 1975).
//!
//! The conditional of one unit needs the free energy of the row with each of the unit's values: the upper layer's total
//! inputs change by one unit's weights, or by two where a softmax group passes from one of its units to another.

use crate::activity::{Activity, Read};
use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{LINE, floats};
use crate::units::Kind;
use crate::units::softmax::log_sum_exp;
use crate::weights::Weights;

/// A lower layer in its states, the upper one's total inputs given them, and what joins them.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub lower: &'a Activity,
    pub read: Read,
    pub lower_kind: Kind,
    pub lower_bias: &'a [f32],
    pub weights: &'a Weights,
    /// With total inputs in `values`.
    pub upper: &'a Activity,
    pub upper_kind: Kind,
}

/// Units that one conditional is about: 1 for binary ones, the group of a softmax layer.
fn group(kind: Kind) -> usize {
    match kind {
        Kind::Bernoulli => 1,
        Kind::Softmax { size } => size,
        #[allow(unreachable_patterns, reason = "other kinds have no conditional here")]
        _ => panic!("pseudo-likelihoods are of binary units and softmax groups"),
    }
}

/// `out[row] += Σ_g log p(v_g | rest)` over all groups g of a row or, with `chosen` (a group for each row), that of one group
/// times their number: an unbiased estimate. Nats.
pub fn add_pseudo_log_likelihoods(
    pool: &Pool,
    rows: Rows,
    chosen: Option<&[u32]>,
    out: &mut [f64],
) {
    let count = rows.lower.rows();
    assert!(out.len() == count && rows.upper.rows() == count);
    let groups = rows.lower.units() / group(rows.lower_kind);
    let parts = Disjoint::new(out);
    pool.each(count, &|row| {
        // SAFETY: each row belongs to one task.
        let out = unsafe { parts.take(row..row + 1) };
        let mut scratch = Scratch::of(&rows, row);
        out[0] += match chosen {
            Some(chosen) => groups as f64 * scratch.conditional(&rows, row, chosen[row] as usize),
            None => (0..groups).fold(0.0, |sum, group| {
                sum + scratch.conditional(&rows, row, group)
            }),
        };
    });
}

/// Room for one row.
struct Scratch {
    states: Vec<f32>,
    inputs: Vec<f32>,
    logs: Vec<f64>,
    /// `Σ Λ` of the row as it is.
    own: f64,
}

impl Scratch {
    fn of(rows: &Rows, row: usize) -> Scratch {
        let mut room = vec![crate::lanes::Line::ZERO; rows.lower.lines()];
        let states =
            floats(rows.lower.row_lines(row, rows.read, &mut room))[..rows.lower.units()].to_vec();
        Scratch {
            states,
            inputs: vec![0.0; rows.upper.units()],
            logs: Vec::new(),
            own: rows.upper_kind.log_partition(rows.upper.row(row)),
        }
    }

    /// `log p(v_g | rest)`.
    fn conditional(&mut self, rows: &Rows, row: usize, index: usize) -> f64 {
        let size = group(rows.lower_kind);
        let first = index * size;
        self.logs.clear();
        if size == 1 && rows.lower_kind == Kind::Bernoulli {
            let on = self.states[first] != 0.0;
            let change = if on { -1.0 } else { 1.0 };
            let other = self.changed(rows, row, &[(first, change)]);
            let bias = f64::from(change * rows.lower_bias[first]);
            self.logs.extend([self.own, other + bias]);
            return self.own - log_sum_exp(&self.logs);
        }
        let current = (0..size)
            .find(|k| self.states[first + k] != 0.0)
            .expect("one unit is on");
        let bias = |k: usize| f64::from(rows.lower_bias[first + k]);
        for k in 0..size {
            let partition = if k == current {
                self.own
            } else {
                self.changed(rows, row, &[(first + current, -1.0), (first + k, 1.0)])
            };
            self.logs.push(partition + bias(k));
        }
        self.logs[current] - log_sum_exp(&self.logs)
    }

    /// `Σ Λ` of the upper layer when lower units change.
    fn changed(&mut self, rows: &Rows, row: usize, changes: &[(usize, f32)]) -> f64 {
        self.inputs.copy_from_slice(rows.upper.row(row));
        let lower = rows.weights.lower();
        for &(unit, change) in changes {
            let panels = self
                .inputs
                .chunks_mut(LINE)
                .zip(rows.weights.forward().chunks(lower));
            for (inputs, panel) in panels {
                for (x, w) in inputs.iter_mut().zip(panel[unit].floats()) {
                    *x += change * w;
                }
            }
        }
        rows.upper_kind.log_partition(&self.inputs)
    }
}
