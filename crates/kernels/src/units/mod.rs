//! Unit types: what turns total inputs into means and states. A type is one file here and a line in `Kind`.
//!
//! A row arrives with its total inputs in `values` (padded with zeros) and leaves with means, states or the inputs
//! themselves there, padding zero again, and with its states listed where they were drawn.
//!
//! Most types are families, `p(s | x) = m(s) · e^(x s − Λ(x))`: a base measure m over what states there are, and the
//! log-partition Λ, whose slope is the mean. Energies and exact sums need no more of a type than these two. The noisy
//! rectified unit is no family, only a sampler, and the tanh unit not even that: they have no m and no Λ.

pub mod bernoulli;
pub mod binomial;
pub mod gaussian;
pub mod relu;
pub mod replicated_softmax;
pub mod softmax;
pub mod stepped_sigmoid;
pub mod tanh;
pub mod truncated_normal;
pub mod variance;

use crate::activity::{Activity, Lists, Parts, Row};
use crate::lanes::{LINE, Line, floats_mut};
use crate::random::Stream;
use crate::sums::total;

pub use relu::Noise;

/// The unit types, with what each needs to know beside the number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bernoulli,
    Softmax {
        size: usize,
    },
    Binomial {
        copies: u32,
    },
    SteppedSigmoid {
        copies: u32,
    },
    Relu {
        noise: Noise,
    },
    TruncatedNormal,
    Gaussian,
    Tanh,
    /// `length` is how many draws a row makes that does not say so itself.
    ReplicatedSoftmax {
        length: u32,
    },
}

/// What is left in `values`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Inputs,
    Means,
    States,
}

/// What is done with total inputs.
#[derive(Clone, Copy, Debug)]
pub struct Settle {
    pub kind: Kind,
    pub keep: Keep,
    /// Where states are to be drawn and listed.
    pub draw: Option<Stream>,
}

impl Settle {
    /// Leaves total inputs as they are.
    pub const INPUTS: Settle = Settle {
        kind: Kind::Bernoulli,
        keep: Keep::Inputs,
        draw: None,
    };

    /// Takes an activity apart for settling its rows. States that are not binary have a plane of their own, unless they
    /// are what is kept.
    pub(crate) fn parts_of<'a>(&self, target: &'a mut Activity) -> Parts<'a> {
        match self.draw {
            None => target.parts(Lists::None),
            Some(_) if self.kind.lists() == Lists::Ones => target.parts(Lists::Ones),
            Some(_) if self.keep == Keep::States => target.parts_with_reals(self.kind.lists()),
            Some(_) => target.parts_with_states(self.kind.lists()),
        }
    }

    #[inline(always)]
    pub(crate) fn row(&self, index: usize, row: Row<'_>) {
        assert!(
            self.draw.is_some() || self.keep != Keep::States,
            "states are drawn from a stream"
        );
        if self.draw.is_none() && self.keep == Keep::Inputs {
            return;
        }
        match self.kind {
            Kind::Bernoulli => bernoulli::settle(index, row, self.keep, self.draw),
            Kind::Softmax { size } => softmax::settle(index, row, size, self.keep, self.draw),
            kind => settle_real(kind, index, row, self.keep, self.draw),
        }
    }
}

/// Means and states of one row of units that are not binary. One copy of this code serves all callers.
#[inline(never)]
fn settle_real(kind: Kind, index: usize, row: Row<'_>, keep: Keep, draw: Option<Stream>) {
    match kind {
        Kind::Bernoulli | Kind::Softmax { .. } => unreachable!("binary units settle by themselves"),
        Kind::Binomial { copies } => binomial::settle(index, row, copies, keep, draw),
        Kind::SteppedSigmoid { copies } => stepped_sigmoid::settle(index, row, copies, keep, draw),
        Kind::Relu { noise } => relu::settle(index, row, noise, keep, draw),
        Kind::TruncatedNormal => truncated_normal::settle(index, row, keep, draw),
        Kind::Gaussian => gaussian::settle(index, row, keep, draw),
        Kind::Tanh => tanh::settle(row, keep),
        Kind::ReplicatedSoftmax { length } => {
            replicated_softmax::settle(index, row, length, keep, draw);
        }
    }
}

impl Kind {
    /// In which form drawn states are found.
    pub fn lists(&self) -> Lists {
        match self {
            Kind::Bernoulli | Kind::Softmax { .. } => Lists::Ones,
            // Hardly any of these is ever zero.
            Kind::Gaussian | Kind::TruncatedNormal => Lists::Dense,
            _ => Lists::Reals,
        }
    }

    /// `Σ log Σ_s m(s) e^(s · x)` of a row of total inputs, nats.
    pub fn log_partition(&self, inputs: &[f32]) -> f64 {
        match *self {
            Kind::Bernoulli => bernoulli::log_partition(inputs),
            Kind::Softmax { size } => softmax::log_partition(inputs, size),
            _ => {
                let inputs: Vec<f64> = inputs.iter().map(|&x| f64::from(x)).collect();
                let blocks = inputs.chunks_exact(self.block(inputs.len()).max(1));
                total(blocks.map(|block| self.block_log_partition(block)))
            }
        }
    }

    /// As `log_partition`, faster where a type knows how and a little less exact.
    pub fn quick_log_partition(&self, inputs: &[f32]) -> f64 {
        match *self {
            Kind::Bernoulli => bernoulli::quick_log_partition(inputs),
            _ => self.log_partition(inputs),
        }
    }

    /// Λ(to · x) − Λ(from · x) over a row of total inputs x, nats.
    pub fn tempered_difference(&self, inputs: &[f32], from: f32, to: f32) -> f64 {
        if *self == Kind::Bernoulli {
            return bernoulli::tempered_difference(inputs, from, to);
        }
        let at = |scale: f32| {
            let scaled: Vec<f32> = inputs.iter().map(|x| scale * x).collect();
            self.log_partition(&scaled)
        };
        at(to) - at(from)
    }

    /// How many of a layer's units depend on each other, given their inputs.
    pub fn block(&self, units: usize) -> usize {
        match *self {
            Kind::Softmax { size } => size,
            Kind::ReplicatedSoftmax { .. } => units,
            _ => 1,
        }
    }

    /// The log-partition of one block, nats, in f64; NaN where the type is no family.
    pub fn block_log_partition(&self, x: &[f64]) -> f64 {
        match *self {
            Kind::Bernoulli => bernoulli::log_partition_f64(x[0]),
            Kind::Softmax { .. } => softmax::log_partition_f64(x),
            Kind::Binomial { copies } => f64::from(copies) * bernoulli::log_partition_f64(x[0]),
            Kind::SteppedSigmoid { copies } => stepped_sigmoid::log_partition(x[0], copies),
            Kind::Relu { .. } | Kind::Tanh => f64::NAN,
            Kind::TruncatedNormal => truncated_normal::log_partition(x[0]),
            Kind::Gaussian => gaussian::log_partition(x[0]),
            Kind::ReplicatedSoftmax { length } => f64::from(length) * softmax::log_partition_f64(x),
        }
    }

    /// The means of one block, times `scale`, in f64.
    pub fn block_means(&self, x: &[f64], scale: f64, means: &mut [f64]) {
        match *self {
            Kind::Bernoulli => means[0] = scale / (1.0 + libm::exp(-x[0])),
            Kind::Softmax { .. } => softmax::means_f64(x, scale, means),
            Kind::Binomial { copies } => {
                means[0] = scale * f64::from(copies) * bernoulli::mean_f64(x[0]);
            }
            Kind::SteppedSigmoid { copies } => {
                means[0] = scale * stepped_sigmoid::mean(x[0], copies);
            }
            Kind::Relu { noise } => means[0] = scale * relu::mean(x[0], noise),
            Kind::TruncatedNormal => means[0] = scale * truncated_normal::mean(x[0]),
            Kind::Gaussian => means[0] = scale * x[0],
            Kind::Tanh => means[0] = scale * libm::tanh(x[0]),
            Kind::ReplicatedSoftmax { length } => {
                softmax::means_f64(x, scale * f64::from(length), means);
            }
        }
    }

    /// `log m(s)` of a row of states, nats; NaN where the type is no family. Between whole numbers, where means stand in
    /// for states, factorials are gamma functions.
    pub fn log_base(&self, states: &[f32]) -> f64 {
        let each = |base: &dyn Fn(f64) -> f64| total(states.iter().map(|&s| base(f64::from(s))));
        match *self {
            Kind::Bernoulli | Kind::Softmax { .. } => 0.0,
            Kind::Binomial { copies } => each(&|s| binomial::log_base(s, copies)),
            Kind::SteppedSigmoid { copies } => each(&|s| stepped_sigmoid::log_base(s, copies)),
            Kind::Relu { .. } | Kind::Tanh => f64::NAN,
            Kind::TruncatedNormal | Kind::Gaussian => each(&|s| -0.5 * s * s),
            Kind::ReplicatedSoftmax { .. } => replicated_softmax::log_base(states),
        }
    }

    /// The largest state of a unit whose states are 0, 1, ..., that, each by itself.
    pub fn largest_state(&self) -> Option<u32> {
        match *self {
            Kind::Bernoulli => Some(1),
            Kind::Binomial { copies } | Kind::SteppedSigmoid { copies } => Some(copies),
            _ => None,
        }
    }
}

/// ½ log 2π.
pub(crate) const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;

/// Means and states of one row of units that are independent of each other and not binary: `mean` gives the means of a
/// line from its inputs, `state` a line's drawn states from its number and inputs.
#[inline(always)]
pub(crate) fn settle_lines(
    row: Row<'_>,
    keep: Keep,
    lists: Lists,
    mean: impl Fn(Line) -> Line,
    state: Option<impl Fn(usize, Line) -> Line>,
) {
    let mut length = 0;
    for (line, value) in row.values.iter_mut().enumerate() {
        let inputs = *value;
        let units = LINE.min(row.units - line * LINE);
        if let Some(state) = &state {
            let drawn = without_padding(state(line, inputs), units);
            if lists == Lists::Reals {
                length = list_reals(row.indices, row.reals, length, line, units, &drawn);
            }
            if keep == Keep::States {
                *value = drawn;
            } else {
                row.states[line] = drawn;
            }
        }
        if keep == Keep::Means {
            *value = without_padding(mean(inputs), units);
        }
    }
    if state.is_some() {
        *row.count = length as u32;
    }
}

#[inline(always)]
fn without_padding(mut line: Line, units: usize) -> Line {
    line.floats_mut()[units..].fill(0.0);
    line
}

/// Appends what is not zero in a line to a list of `length` and gives the new length.
#[inline(always)]
fn list_reals(
    indices: &mut [u16],
    reals: &mut [f32],
    mut length: usize,
    line: usize,
    units: usize,
    states: &Line,
) -> usize {
    for (k, &state) in states.floats()[..units].iter().enumerate() {
        indices[length] = (line * LINE + k) as u16;
        reals[length] = state;
        // The last place of the row's room may be written and not counted, never passed.
        length += usize::from(state != 0.0);
    }
    length
}

/// The same function of each of a line's numbers.
#[inline(always)]
pub(crate) fn each_of_line(mut line: Line, f: impl Fn(usize, f32) -> f32) -> Line {
    for (k, x) in line.floats_mut().iter_mut().enumerate() {
        *x = f(k, *x);
    }
    line
}

/// Lists a whole row of states, which are in `values` or apart.
pub(crate) fn list_row(row: &mut Row<'_>, keep: Keep) {
    let states: &mut [Line] = if keep == Keep::States {
        row.values
    } else {
        row.states
    };
    let mut length = 0;
    for (unit, &state) in floats_mut(states)[..row.units].iter().enumerate() {
        row.indices[length] = unit as u16;
        row.reals[length] = state;
        length += usize::from(state != 0.0);
    }
    *row.count = length as u32;
}
