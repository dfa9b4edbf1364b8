//! Four `f32` (or `u32`) side by side, and the 64-byte line of sixteen: the only intrinsics of the crate.
//!
//! On wasm a lane vector is a `v128` of strict `simd128`; natively it is an array with the same semantics spelled out,
//! so that both give the same bits. No operation here fuses, reassociates or approximates. `pick_min`/`pick_max` are
//! wasm's `pmin`/`pmax` (`b < a ? b : a` and `a < b ? b : a`): the second operand wins only when the comparison holds,
//! which settles what happens to NaN and to signed zeros.

/// Floats in a line, and units in a panel.
pub const LINE: usize = 16;

/// How many lines hold `units` floats.
#[inline(always)]
pub const fn lines_for(units: usize) -> usize {
    units.div_ceil(LINE)
}

/// Sixteen floats on one cache line: a row of a panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub [F32x4; 4]);

#[allow(
    clippy::should_implement_trait,
    reason = "calls show the order of operations, each of which rounds; operators would invite longer expressions"
)]
impl Line {
    pub const ZERO: Line = Line([F32x4::ZERO; 4]);

    #[inline(always)]
    pub fn splat(value: f32) -> Line {
        Line([F32x4::splat(value); 4])
    }

    #[inline(always)]
    pub fn zip(self, other: Line, f: impl Fn(F32x4, F32x4) -> F32x4) -> Line {
        Line([
            f(self.0[0], other.0[0]),
            f(self.0[1], other.0[1]),
            f(self.0[2], other.0[2]),
            f(self.0[3], other.0[3]),
        ])
    }

    #[inline(always)]
    pub fn map(self, f: impl Fn(F32x4) -> F32x4) -> Line {
        Line([f(self.0[0]), f(self.0[1]), f(self.0[2]), f(self.0[3])])
    }

    #[inline(always)]
    pub fn add(self, other: Line) -> Line {
        self.zip(other, F32x4::add)
    }

    #[inline(always)]
    pub fn sub(self, other: Line) -> Line {
        self.zip(other, F32x4::sub)
    }

    /// `self + factor · other`, as `F32x4::add_product`.
    #[inline(always)]
    pub fn add_scaled(self, other: Line, factor: f32) -> Line {
        let factor = F32x4::splat(factor);
        self.zip(other, |sum, x| sum.add_product(x, factor))
    }

    #[inline(always)]
    pub fn scale(self, factor: f32) -> Line {
        let factor = F32x4::splat(factor);
        self.map(|x| x.mul(factor))
    }

    pub fn floats(&self) -> &[f32; LINE] {
        // SAFETY: a line is sixteen consecutive f32 with at least their alignment, and every bit pattern is an f32.
        unsafe { &*(self as *const Line).cast() }
    }

    pub fn floats_mut(&mut self) -> &mut [f32; LINE] {
        // SAFETY: as in `floats`; the borrow is exclusive.
        unsafe { &mut *(self as *mut Line).cast() }
    }
}

/// Lines seen as the floats in them.
#[inline(always)]
pub fn floats(lines: &[Line]) -> &[f32] {
    // SAFETY: a line is sixteen consecutive f32 with at least their alignment, and every bit pattern is an f32.
    unsafe { core::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LINE) }
}

/// Lines seen as the floats in them, to be written.
#[inline(always)]
pub fn floats_mut(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: as in `floats`; the borrow is exclusive.
    unsafe { core::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LINE) }
}

/// Turns a 16 × 16 block on its side: `out[k][i] = block[i][k]`.
#[inline(always)]
pub fn transpose_block(block: &[Line; LINE], out: &mut [Line; LINE]) {
    for i in 0..4 {
        for k in 0..4 {
            let (a, b, c, d) = F32x4::transpose(
                block[4 * i].0[k],
                block[4 * i + 1].0[k],
                block[4 * i + 2].0[k],
                block[4 * i + 3].0[k],
            );
            out[4 * k].0[i] = a;
            out[4 * k + 1].0[i] = b;
            out[4 * k + 2].0[i] = c;
            out[4 * k + 3].0[i] = d;
        }
    }
}

pub use body::{F32x4, U32x4};

impl U32x4 {
    /// Where all bits of a lane are set `yes`, where none are `no`.
    #[inline(always)]
    pub fn choose(self, yes: F32x4, no: F32x4) -> F32x4 {
        yes.bits().and(self).or(no.bits().and_not(self)).as_floats()
    }
}

impl F32x4 {
    /// `self + a · b`: a product and a sum, each rounded. In the relaxed artefacts the host may round once, so that the bits
    /// there depend on it.
    #[cfg(not(target_feature = "relaxed-simd"))]
    #[inline(always)]
    pub fn add_product(self, a: F32x4, b: F32x4) -> F32x4 {
        self.add(a.mul(b))
    }

    /// The same with NaN where `x` is NaN: what keeps a lost number in sight.
    #[inline(always)]
    pub fn or_nan_of(self, x: F32x4) -> F32x4 {
        x.not_equal(x).choose(F32x4::splat(f32::NAN), self)
    }
}

#[cfg(target_arch = "wasm32")]
mod body {
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub struct F32x4(v128);

    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub struct U32x4(v128);

    #[allow(
        clippy::should_implement_trait,
        reason = "calls show the order of operations, each of which rounds; operators would invite longer expressions"
    )]
    impl F32x4 {
        pub const ZERO: F32x4 = F32x4(f32x4(0.0, 0.0, 0.0, 0.0));

        #[inline(always)]
        pub fn splat(value: f32) -> Self {
            F32x4(f32x4_splat(value))
        }
        #[inline(always)]
        pub fn new(values: [f32; 4]) -> Self {
            F32x4(f32x4(values[0], values[1], values[2], values[3]))
        }
        #[inline(always)]
        pub fn to_array(self) -> [f32; 4] {
            [
                f32x4_extract_lane::<0>(self.0),
                f32x4_extract_lane::<1>(self.0),
                f32x4_extract_lane::<2>(self.0),
                f32x4_extract_lane::<3>(self.0),
            ]
        }
        #[inline(always)]
        pub fn add(self, other: Self) -> Self {
            F32x4(f32x4_add(self.0, other.0))
        }
        #[inline(always)]
        pub fn sub(self, other: Self) -> Self {
            F32x4(f32x4_sub(self.0, other.0))
        }
        #[inline(always)]
        pub fn mul(self, other: Self) -> Self {
            F32x4(f32x4_mul(self.0, other.0))
        }
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        pub fn add_product(self, a: Self, b: Self) -> Self {
            F32x4(f32x4_relaxed_madd(a.0, b.0, self.0))
        }
        #[inline(always)]
        pub fn div(self, other: Self) -> Self {
            F32x4(f32x4_div(self.0, other.0))
        }
        #[inline(always)]
        pub fn sqrt(self) -> Self {
            F32x4(f32x4_sqrt(self.0))
        }
        #[inline(always)]
        pub fn abs(self) -> Self {
            F32x4(f32x4_abs(self.0))
        }
        #[inline(always)]
        pub fn neg(self) -> Self {
            F32x4(f32x4_neg(self.0))
        }
        /// `other < self ? other : self`
        #[inline(always)]
        pub fn pick_min(self, other: Self) -> Self {
            F32x4(f32x4_pmin(self.0, other.0))
        }
        /// `self < other ? other : self`
        #[inline(always)]
        pub fn pick_max(self, other: Self) -> Self {
            F32x4(f32x4_pmax(self.0, other.0))
        }
        /// All bits set in a lane where `self < other`.
        #[inline(always)]
        pub fn less(self, other: Self) -> U32x4 {
            U32x4(f32x4_lt(self.0, other.0))
        }
        /// All bits set in a lane where the two differ or one is NaN.
        #[inline(always)]
        pub fn not_equal(self, other: Self) -> U32x4 {
            U32x4(f32x4_ne(self.0, other.0))
        }
        #[inline(always)]
        pub fn bits(self) -> U32x4 {
            U32x4(self.0)
        }
        #[inline(always)]
        pub fn transpose(a: Self, b: Self, c: Self, d: Self) -> (Self, Self, Self, Self) {
            let ab_low = i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0);
            let cd_low = i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0);
            let ab_high = i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0);
            let cd_high = i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0);
            (
                F32x4(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
                F32x4(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
                F32x4(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
                F32x4(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
            )
        }
    }

    impl U32x4 {
        #[inline(always)]
        pub fn splat(value: u32) -> Self {
            U32x4(u32x4_splat(value))
        }
        #[inline(always)]
        pub fn new(values: [u32; 4]) -> Self {
            U32x4(u32x4(values[0], values[1], values[2], values[3]))
        }
        #[inline(always)]
        pub fn to_array(self) -> [u32; 4] {
            [
                u32x4_extract_lane::<0>(self.0),
                u32x4_extract_lane::<1>(self.0),
                u32x4_extract_lane::<2>(self.0),
                u32x4_extract_lane::<3>(self.0),
            ]
        }
        #[inline(always)]
        pub fn wrapping_add(self, other: Self) -> Self {
            U32x4(u32x4_add(self.0, other.0))
        }
        #[inline(always)]
        pub fn wrapping_sub(self, other: Self) -> Self {
            U32x4(u32x4_sub(self.0, other.0))
        }
        #[inline(always)]
        pub fn xor(self, other: Self) -> Self {
            U32x4(v128_xor(self.0, other.0))
        }
        #[inline(always)]
        pub fn and(self, other: Self) -> Self {
            U32x4(v128_and(self.0, other.0))
        }
        #[inline(always)]
        pub fn or(self, other: Self) -> Self {
            U32x4(v128_or(self.0, other.0))
        }
        #[inline(always)]
        pub fn and_not(self, other: Self) -> Self {
            U32x4(v128_andnot(self.0, other.0))
        }
        #[inline(always)]
        pub fn shift_left<const BITS: u32>(self) -> Self {
            U32x4(u32x4_shl(self.0, BITS))
        }
        #[inline(always)]
        pub fn shift_right<const BITS: u32>(self) -> Self {
            U32x4(u32x4_shr(self.0, BITS))
        }
        /// Whether any bit is set.
        #[inline(always)]
        pub fn any(self) -> bool {
            v128_any_true(self.0)
        }
        /// The four top bits, lane 0 lowest.
        #[inline(always)]
        pub fn mask(self) -> u32 {
            u32x4_bitmask(self.0) as u32
        }
        /// Low and high halves of the lane-wise 64-bit products with a constant.
        ///
        /// The constant is read anew for each product: where the compiler knows it, it widens it ahead and multiplies
        /// 64-bit lanes, and that has no short form on x86.
        #[inline(always)]
        pub fn multiply_wide(self, factor: &Self) -> (Self, Self) {
            let read = || {
                // SAFETY: a reference is valid to read from.
                unsafe { core::ptr::read_volatile(factor) }.0
            };
            let low = u64x2_extmul_low_u32x4(self.0, read());
            let high = u64x2_extmul_high_u32x4(self.0, read());
            (
                U32x4(i32x4_shuffle::<0, 2, 4, 6>(low, high)),
                U32x4(i32x4_shuffle::<1, 3, 5, 7>(low, high)),
            )
        }
        /// The lanes as floats, to the nearest; exact below 2^24. Lanes must be below 2^31.
        #[inline(always)]
        pub fn to_floats(self) -> F32x4 {
            F32x4(f32x4_convert_i32x4(self.0))
        }
        #[inline(always)]
        pub fn as_floats(self) -> F32x4 {
            F32x4(self.0)
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod body {
    use core::array::from_fn;

    #[derive(Clone, Copy)]
    #[repr(C, align(16))]
    pub struct F32x4([f32; 4]);

    #[derive(Clone, Copy)]
    #[repr(C, align(16))]
    pub struct U32x4([u32; 4]);

    #[allow(
        clippy::should_implement_trait,
        reason = "calls show the order of operations, each of which rounds; operators would invite longer expressions"
    )]
    impl F32x4 {
        pub const ZERO: F32x4 = F32x4([0.0; 4]);

        #[inline(always)]
        pub fn splat(value: f32) -> Self {
            F32x4([value; 4])
        }
        #[inline(always)]
        pub fn new(values: [f32; 4]) -> Self {
            F32x4(values)
        }
        #[inline(always)]
        pub fn to_array(self) -> [f32; 4] {
            self.0
        }
        #[inline(always)]
        pub fn add(self, other: Self) -> Self {
            F32x4(from_fn(|i| self.0[i] + other.0[i]))
        }
        #[inline(always)]
        pub fn sub(self, other: Self) -> Self {
            F32x4(from_fn(|i| self.0[i] - other.0[i]))
        }
        #[inline(always)]
        pub fn mul(self, other: Self) -> Self {
            F32x4(from_fn(|i| self.0[i] * other.0[i]))
        }
        #[inline(always)]
        pub fn div(self, other: Self) -> Self {
            F32x4(from_fn(|i| self.0[i] / other.0[i]))
        }
        #[inline(always)]
        pub fn sqrt(self) -> Self {
            F32x4(self.0.map(f32::sqrt))
        }
        #[inline(always)]
        pub fn abs(self) -> Self {
            F32x4(self.0.map(f32::abs))
        }
        #[inline(always)]
        pub fn neg(self) -> Self {
            F32x4(self.0.map(|x| -x))
        }
        /// `other < self ? other : self`
        #[inline(always)]
        pub fn pick_min(self, other: Self) -> Self {
            F32x4(from_fn(|i| {
                if other.0[i] < self.0[i] {
                    other.0[i]
                } else {
                    self.0[i]
                }
            }))
        }
        /// `self < other ? other : self`
        #[inline(always)]
        pub fn pick_max(self, other: Self) -> Self {
            F32x4(from_fn(|i| {
                if self.0[i] < other.0[i] {
                    other.0[i]
                } else {
                    self.0[i]
                }
            }))
        }
        /// All bits set in a lane where `self < other`.
        #[inline(always)]
        pub fn less(self, other: Self) -> U32x4 {
            U32x4(from_fn(
                |i| if self.0[i] < other.0[i] { u32::MAX } else { 0 },
            ))
        }
        /// All bits set in a lane where the two differ or one is NaN.
        #[inline(always)]
        pub fn not_equal(self, other: Self) -> U32x4 {
            U32x4(from_fn(
                |i| if self.0[i] != other.0[i] { u32::MAX } else { 0 },
            ))
        }
        #[inline(always)]
        pub fn bits(self) -> U32x4 {
            U32x4(self.0.map(f32::to_bits))
        }
        #[inline(always)]
        pub fn transpose(a: Self, b: Self, c: Self, d: Self) -> (Self, Self, Self, Self) {
            let column = |k: usize| F32x4([a.0[k], b.0[k], c.0[k], d.0[k]]);
            (column(0), column(1), column(2), column(3))
        }
    }

    impl U32x4 {
        #[inline(always)]
        pub fn splat(value: u32) -> Self {
            U32x4([value; 4])
        }
        #[inline(always)]
        pub fn new(values: [u32; 4]) -> Self {
            U32x4(values)
        }
        #[inline(always)]
        pub fn to_array(self) -> [u32; 4] {
            self.0
        }
        #[inline(always)]
        pub fn wrapping_add(self, other: Self) -> Self {
            U32x4(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
        }
        #[inline(always)]
        pub fn wrapping_sub(self, other: Self) -> Self {
            U32x4(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
        }
        #[inline(always)]
        pub fn xor(self, other: Self) -> Self {
            U32x4(from_fn(|i| self.0[i] ^ other.0[i]))
        }
        #[inline(always)]
        pub fn and(self, other: Self) -> Self {
            U32x4(from_fn(|i| self.0[i] & other.0[i]))
        }
        #[inline(always)]
        pub fn or(self, other: Self) -> Self {
            U32x4(from_fn(|i| self.0[i] | other.0[i]))
        }
        #[inline(always)]
        pub fn and_not(self, other: Self) -> Self {
            U32x4(from_fn(|i| self.0[i] & !other.0[i]))
        }
        #[inline(always)]
        pub fn shift_left<const BITS: u32>(self) -> Self {
            U32x4(self.0.map(|x| x << BITS))
        }
        #[inline(always)]
        pub fn shift_right<const BITS: u32>(self) -> Self {
            U32x4(self.0.map(|x| x >> BITS))
        }
        /// Whether any bit is set.
        #[inline(always)]
        pub fn any(self) -> bool {
            self.0 != [0; 4]
        }
        /// The four top bits, lane 0 lowest.
        #[inline(always)]
        pub fn mask(self) -> u32 {
            (0..4).fold(0, |mask, i| mask | (self.0[i] >> 31) << i)
        }
        /// Low and high halves of the lane-wise 64-bit products with a constant.
        #[inline(always)]
        pub fn multiply_wide(self, factor: &Self) -> (Self, Self) {
            let product = |i: usize| u64::from(self.0[i]) * u64::from(factor.0[i]);
            (
                U32x4(from_fn(|i| product(i) as u32)),
                U32x4(from_fn(|i| (product(i) >> 32) as u32)),
            )
        }
        /// The lanes as floats, to the nearest; exact below 2^24. Lanes must be below 2^31.
        #[inline(always)]
        pub fn to_floats(self) -> F32x4 {
            F32x4(self.0.map(|x| x as i32 as f32))
        }
        #[inline(always)]
        pub fn as_floats(self) -> F32x4 {
            F32x4(self.0.map(f32::from_bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_turned_twice_is_itself() {
        let mut block = [Line::ZERO; LINE];
        for (i, line) in block.iter_mut().enumerate() {
            for (k, value) in line.floats_mut().iter_mut().enumerate() {
                *value = (i * 100 + k) as f32;
            }
        }
        let (mut once, mut twice) = ([Line::ZERO; LINE], [Line::ZERO; LINE]);
        transpose_block(&block, &mut once);
        transpose_block(&once, &mut twice);
        for i in 0..LINE {
            assert_eq!(block[i].floats(), twice[i].floats());
            for (k, line) in once.iter().enumerate() {
                assert_eq!(line.floats()[i], block[i].floats()[k]);
            }
        }
    }

    #[test]
    fn the_second_operand_wins_only_when_the_comparison_holds() {
        let a = F32x4::new([f32::NAN, 1.0, 0.0, -0.0]);
        let b = F32x4::new([1.0, f32::NAN, -0.0, 0.0]);
        let min = a.pick_min(b).to_array();
        let max = a.pick_max(b).to_array();
        assert!(min[0].is_nan() && max[0].is_nan());
        assert_eq!((min[1], max[1]), (1.0, 1.0));
        assert_eq!(
            (min[2].to_bits(), max[3].to_bits()),
            (0.0f32.to_bits(), (-0.0f32).to_bits())
        );
    }
}
