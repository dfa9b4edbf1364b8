//! exp, log, logistic and softplus on lanes, each with a bound in units in the last place that a test asserts.
//!
//! exp: `e^x = 2^n · e^r` with `n = round(x / ln 2)`, `|r| ≤ ln 2 / 2` and a polynomial of degree 7 in r.
//! log: `log x = e ln 2 + log m` with `m` in [√½, √2) and a polynomial in `m − 1`.
//! Both coefficients sets are those of Moshier's Cephes library (`expf`, `logf`). The logistic function is
//! `1 / (1 + e^-x)`; softplus is `max(x, 0) + log(1 + e^-|x|)`, with the rounding of `1 + e^-|x|` given back.
//! Rounding to the nearest integer is by adding and taking away 1.5 · 2^23. Nothing of the standard library's
//! mathematics is called, so the bits depend on IEEE + − × ÷ alone.

use crate::lanes::{F32x4, U32x4};

/// Largest error of `exp` for results that are normal numbers.
pub const MAX_EXP_ERROR_ULPS: f64 = 1.5;
/// Largest error of `log` for positive normal arguments.
pub const MAX_LOG_ERROR_ULPS: f64 = 1.5;
/// Largest error of `logistic` for arguments in [−87, 87].
pub const MAX_LOGISTIC_ERROR_ULPS: f64 = 3.0;
/// Largest error of `softplus` for arguments in [−87, 87].
pub const MAX_SOFTPLUS_ERROR_ULPS: f64 = 3.0;

/// Arguments are brought into this range first: at its ends the result is still a normal number.
const LOWEST: f32 = -87.336_54;
const HIGHEST: f32 = 88.376_26;

const ROUNDER: f32 = 12_582_912.0;
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

#[inline(always)]
fn constant(value: f32) -> F32x4 {
    F32x4::splat(value)
}

/// One step of Horner's rule.
#[inline(always)]
fn horner(sum: F32x4, x: F32x4, coefficient: f32) -> F32x4 {
    sum.mul(x).add(constant(coefficient))
}

/// `e^x` for `x` cut to [−87.34, 88.38]. A NaN stays one if its payload is empty, as arithmetic makes it.
#[inline(always)]
pub fn exp(x: F32x4) -> F32x4 {
    let x = x.pick_max(constant(LOWEST)).pick_min(constant(HIGHEST));
    let shifted = x
        .mul(constant(core::f32::consts::LOG2_E))
        .add(constant(ROUNDER));
    let n = shifted.sub(constant(ROUNDER));
    let r = x
        .sub(n.mul(constant(LN2_HIGH)))
        .sub(n.mul(constant(LN2_LOW)));
    let mut p = constant(1.987_569_1e-4);
    p = horner(p, r, 1.398_199_9e-3);
    p = horner(p, r, 8.333_452e-3);
    p = horner(p, r, 4.166_579_6e-2);
    p = horner(p, r, 1.666_666_5e-1);
    p = horner(p, r, 0.5);
    let e = p.mul(r.mul(r)).add(r).add(constant(1.0));
    // The low bits of `shifted` hold n, so shifting them into the exponent multiplies by 2^n.
    let power = shifted.bits().shift_left::<23>();
    e.bits().wrapping_add(power).as_floats()
}

/// The natural logarithm of a positive normal number.
#[inline(always)]
pub fn log(x: F32x4) -> F32x4 {
    // Bits above those of √½ say how many powers of two to take out.
    let offset = x.bits().wrapping_sub(U32x4::splat(0x3f35_04f3));
    let exponent = offset.and(U32x4::splat(0xff80_0000));
    let m = x.bits().wrapping_sub(exponent).as_floats();
    // The exponent's sign is restored by biasing it, since only non-negative lanes convert.
    let e = exponent
        .wrapping_add(U32x4::splat(0x4000_0000))
        .shift_right::<23>()
        .to_floats()
        .sub(constant(128.0));
    let f = m.sub(constant(1.0));
    let square = f.mul(f);
    let mut p = constant(7.037_683_6e-2);
    p = horner(p, f, -1.151_461e-1);
    p = horner(p, f, 1.167_699_9e-1);
    p = horner(p, f, -1.242_014_1e-1);
    p = horner(p, f, 1.424_932_3e-1);
    p = horner(p, f, -1.666_805_8e-1);
    p = horner(p, f, 2.000_071_4e-1);
    p = horner(p, f, -2.499_999_4e-1);
    p = horner(p, f, 3.333_333e-1);
    let tail = p
        .mul(f)
        .mul(square)
        .add(e.mul(constant(LN2_LOW)))
        .sub(square.mul(constant(0.5)));
    f.add(tail).add(e.mul(constant(LN2_HIGH)))
}

/// `σ(x) = 1 / (1 + e^-x)`.
#[inline(always)]
pub fn logistic(x: F32x4) -> F32x4 {
    let one = constant(1.0);
    one.div(one.add(exp(x.neg())))
}

/// `log(1 + e^x)`.
#[inline(always)]
pub fn softplus(x: F32x4) -> F32x4 {
    let one = constant(1.0);
    let e = exp(x.abs().neg());
    let u = one.add(e);
    let lost = e.sub(u.sub(one));
    let log1p = log(u).add(lost.div(u));
    x.pick_max(F32x4::ZERO).add(log1p)
}

/// One value through a lane function.
pub fn single(f: impl Fn(F32x4) -> F32x4, x: f32) -> f32 {
    f(F32x4::splat(x)).to_array()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulp(x: f64) -> f64 {
        let x = (x.abs() as f32).max(f32::MIN_POSITIVE);
        f64::from(f32::from_bits(x.to_bits() + 1)) - f64::from(x)
    }

    fn worst(
        f: impl Fn(F32x4) -> F32x4,
        exact: impl Fn(f64) -> f64,
        points: impl Iterator<Item = f32>,
    ) -> f64 {
        points.fold(0.0, |worst: f64, x| {
            let want = exact(f64::from(x));
            worst.max((f64::from(single(&f, x)) - want).abs() / ulp(want))
        })
    }

    fn grid(from: f32, to: f32) -> impl Iterator<Item = f32> {
        let n = 1_000_003;
        (0..=n).map(move |i| from + (to - from) * (i as f32 / n as f32))
    }

    fn bits_of_positive() -> impl Iterator<Item = f32> {
        (0x0080_0000u32..0x7f80_0000)
            .step_by(1009)
            .map(f32::from_bits)
    }

    #[test]
    fn exp_is_within_its_bound() {
        let error = worst(exp, libm::exp, grid(-87.3, 88.3).chain(grid(-1.0, 1.0)));
        assert!(error <= MAX_EXP_ERROR_ULPS, "{error}");
    }

    #[test]
    fn log_is_within_its_bound() {
        let error = worst(log, libm::log, bits_of_positive().chain(grid(0.5, 2.0)));
        assert!(error <= MAX_LOG_ERROR_ULPS, "{error}");
    }

    #[test]
    fn logistic_is_within_its_bound() {
        let error = worst(
            logistic,
            |x| 1.0 / (1.0 + libm::exp(-x)),
            grid(-87.0, 87.0).chain(grid(-2.0, 2.0)),
        );
        assert!(error <= MAX_LOGISTIC_ERROR_ULPS, "{error}");
    }

    #[test]
    fn softplus_is_within_its_bound() {
        let exact = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        let error = worst(softplus, exact, grid(-87.0, 87.0).chain(grid(-2.0, 2.0)));
        assert!(error <= MAX_SOFTPLUS_ERROR_ULPS, "{error}");
    }

    #[test]
    fn the_ends_are_sane() {
        assert_eq!(single(logistic, 1e9), 1.0);
        assert!(single(logistic, -1e9) > 0.0 && single(logistic, -1e9) < 1e-37);
        assert_eq!(single(logistic, 0.0), 0.5);
        assert_eq!(single(logistic, -0.0), 0.5);
        assert_eq!(single(softplus, 1e9), 1e9);
        assert!(single(logistic, f32::NAN).is_nan());
        assert!(single(logistic, f32::INFINITY) == 1.0);
    }
}
