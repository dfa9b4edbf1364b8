//! Unit types: what turns total inputs into means and states. A type is one file here and a line in `Kind`.
//!
//! A row arrives with its total inputs in `values` (padded with zeros) and leaves with means, states or the inputs
//! themselves there, padding zero again, and with its states listed where they were drawn.

pub mod bernoulli;
pub mod softmax;

use crate::activity::{Lists, Row};
use crate::random::Stream;

/// The unit types, with what each needs to know beside the number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bernoulli,
    Softmax { size: usize },
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

    pub(crate) fn lists(&self) -> Lists {
        if self.draw.is_some() {
            Lists::Ones
        } else {
            Lists::None
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
        }
    }
}

impl Kind {
    /// `log Σ_s exp(s · x)` of a row of total inputs, nats.
    pub fn log_partition(&self, inputs: &[f32]) -> f64 {
        match *self {
            Kind::Bernoulli => bernoulli::log_partition(inputs),
            Kind::Softmax { size } => softmax::log_partition(inputs, size),
        }
    }
}
