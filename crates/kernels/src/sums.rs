//! Sums in f64 in one order. The standard library's `sum` starts at −0 or at +0, depending on its version.

/// The f64 functions of everything here, the same on every host.
pub use libm::{exp, log};

/// Adds in the order given, from +0.
#[inline(always)]
pub fn total(terms: impl Iterator<Item = f64>) -> f64 {
    terms.fold(0.0, |sum, term| sum + term)
}

/// A sum of exponentials as `largest, Σ e^(x − largest)`.
#[derive(Clone, Copy)]
pub struct LogSum {
    largest: f64,
    sum: f64,
}

impl LogSum {
    /// Nothing yet.
    pub const NONE: LogSum = LogSum {
        largest: f64::NEG_INFINITY,
        sum: 0.0,
    };

    /// Adds `e^x`.
    pub fn add(&mut self, x: f64) {
        *self = self.join(LogSum {
            largest: x,
            sum: 1.0,
        });
    }

    /// The two together. What is not a number ends up in the sum, whichever side it comes from.
    pub fn join(self, other: LogSum) -> LogSum {
        if other.sum == 0.0 {
            return self;
        }
        if self.sum == 0.0 {
            return other;
        }
        if other.largest > self.largest {
            let sum = self.sum * libm::exp(self.largest - other.largest) + other.sum;
            return LogSum { sum, ..other };
        }
        let sum = self.sum + other.sum * libm::exp(other.largest - self.largest);
        LogSum { sum, ..self }
    }

    /// Its logarithm.
    pub fn log(self) -> f64 {
        self.largest + libm::log(self.sum)
    }
}
