//! Deterministic units of feed-forward networks, `tanh x`: no distribution, no energy.
//!
//! Below 0.625 an odd polynomial (the coefficients of Moshier's Cephes library, `tanhf`), above it
//! `1 − 2 / (e^(2|x|) + 1)` with the sign of x.

use super::{Keep, settle_lines};
use crate::activity::{Lists, Row};
use crate::lanes::{F32x4, Line};
use crate::logistic::exp;

/// Largest error of a mean, in units in its last place.
pub const MAX_TANH_ERROR_ULPS: f64 = 4.0;

/// Means of one row; there are no states.
pub(crate) fn settle(row: Row<'_>, keep: Keep) {
    let states = None::<fn(usize, Line) -> Line>;
    settle_lines(row, keep, Lists::None, |inputs| inputs.map(tanh), states);
}

/// The hyperbolic tangent; NaN stays.
#[inline(always)]
pub fn tanh(x: F32x4) -> F32x4 {
    let c = F32x4::splat;
    let size = x.abs();
    let square = x.mul(x);
    let mut p = c(-5.704_988_7e-3);
    for coefficient in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
        p = p.mul(square).add(c(coefficient));
    }
    let near = p.mul(square).mul(x).add(x);
    let far = c(1.0).sub(c(2.0).div(exp(size.add(size)).add(c(1.0))));
    let far = x.less(F32x4::ZERO).choose(far.neg(), far);
    size.less(c(0.625)).choose(near, far).or_nan_of(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logistic::single;

    #[test]
    fn agrees_with_f64() {
        let mut worst = 0.0f64;
        for step in -200_000..=200_000 {
            let x = step as f32 * 1e-4;
            let exact = libm::tanh(f64::from(x));
            let found = single(tanh, x);
            let ulp = f64::from(f32::EPSILON)
                * libm::exp2(libm::floor(libm::log2(exact.abs().max(1e-30))));
            worst = worst.max((f64::from(found) - exact).abs() / ulp);
        }
        assert!(worst <= MAX_TANH_ERROR_ULPS, "{worst}");
        for (x, y) in [
            (0.0, 0.0),
            (1e-30, 1e-30),
            (100.0, 1.0),
            (-100.0, -1.0),
            (f32::INFINITY, 1.0),
        ] {
            assert_eq!(single(tanh, x), y);
        }
        assert!(single(tanh, f32::NAN).is_nan());
    }
}
