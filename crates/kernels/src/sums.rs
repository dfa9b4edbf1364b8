//! Sums in f64 in one order. The standard library's `sum` starts at −0 or at +0, depending on its version.

/// Adds in the order given, from +0.
#[inline(always)]
pub fn total(terms: impl Iterator<Item = f64>) -> f64 {
    terms.fold(0.0, |sum, term| sum + term)
}
