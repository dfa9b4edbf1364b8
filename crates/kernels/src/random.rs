//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
//!
//! A draw is a pure function of its address, so it does not matter which thread makes it, when, or whether its
//! neighbours are made at all. The key is the seed; the counter holds
//! 1. `unit / 4` (a block gives four words, one a unit; units of a general Boltzmann machine are numbered by their
//!    places in the order of colours, over all layers),
//! 2. the row (data-set row for binarisation, batch position or chain otherwise),
//! 3. the update count,
//! 4. `purpose << 24 | layer << 16 | sweep`.
//!
//! A uniform number is the top 24 bits of a word, in [0, 1): a probability of 1 always happens, one of 0 never.

use crate::lanes::{F32x4, LINE, Line, U32x4};
use crate::logistic::log;

/// Rises whenever any draw changes its value or address.
pub const STREAM_VERSION: u32 = 1;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;
const TO_UNIT: f32 = 1.0 / 16_777_216.0;

/// What a draw is for; the numbers are part of the stream's definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    Initial = 1,
    Order = 2,
    Binarise = 3,
    Train = 4,
    Sample = 5,
    Anneal = 7,
    Score = 8,
    Dropout = 10,
    Swap = 11,
    Missing = 12,
    Accept = 13,
    Posterior = 20,
}

/// One block of four words.
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p = u64::from(a) * u64::from(MULTIPLIERS[0]);
        let q = u64::from(c) * u64::from(MULTIPLIERS[1]);
        (a, b, c, d) = (
            (q >> 32) as u32 ^ b ^ k0,
            q as u32,
            (p >> 32) as u32 ^ d ^ k1,
            p as u32,
        );
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

/// Everything of a draw's address but the unit and the row.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    pub key: [u32; 2],
    pub update: u32,
    pub tag: u32,
}

impl Stream {
    pub fn new(key: [u32; 2], update: u32, purpose: Purpose, layer: u32, sweep: u32) -> Stream {
        assert!(layer < 1 << 8 && sweep < 1 << 16);
        let tag = (purpose as u32) << 24 | layer << 16 | sweep;
        Stream { key, update, tag }
    }

    /// The same stream at another sweep.
    pub fn at_sweep(&self, sweep: u32) -> Stream {
        assert!(sweep < 1 << 16);
        Stream {
            tag: self.tag >> 16 << 16 | sweep,
            ..*self
        }
    }

    /// The word of one unit.
    pub fn word(&self, row: u32, unit: u32) -> u32 {
        philox(self.key, [unit / 4, row, self.update, self.tag])[(unit % 4) as usize]
    }

    /// A uniform number in [0, 1) with 24 bits.
    pub fn uniform(&self, row: u32, unit: u32) -> f32 {
        (self.word(row, unit) >> 8) as f32 * TO_UNIT
    }

    /// Uniform numbers in [0, 1) for the sixteen units of a line, in order.
    #[inline(always)]
    pub fn uniform_line(&self, row: u32, line: usize) -> [F32x4; 4] {
        let words = self.line(row, line);
        let unit = F32x4::splat(TO_UNIT);
        words.map(|w| w.shift_right::<8>().to_floats().mul(unit))
    }

    /// Uniform numbers in [0, 1) for the four units of a block, each in rows `row..row + 4`, a lane a row.
    #[inline(always)]
    pub fn uniform_quad(&self, row: u32, block: usize) -> [F32x4; 4] {
        let rows = U32x4::new([0, 1, 2, 3]).wrapping_add(U32x4::splat(row));
        let words = self.blocks(U32x4::splat(block as u32), rows);
        let unit = F32x4::splat(TO_UNIT);
        words.map(|w| w.shift_right::<8>().to_floats().mul(unit))
    }

    /// Normal numbers with mean 0 and standard deviation 1 for the sixteen units of a line, in order, one word each, within
    /// `MAX_NORMAL_LINE_ERROR` of the exact quantiles.
    #[inline(always)]
    pub fn normal_line(&self, row: u32, line: usize) -> Line {
        Line(self.line(row, line).map(normal_lanes))
    }

    /// A uniform number inside (0, 1), the middle of the interval that a word of 32 bits stands for.
    pub fn uniform_inside(&self, row: u32, unit: u32) -> f64 {
        (f64::from(self.word(row, unit)) + 0.5) / 4_294_967_296.0
    }

    /// Words of the sixteen units of a line: four blocks at once, a lane each, then turned into unit order.
    #[inline(always)]
    fn line(&self, row: u32, line: usize) -> [U32x4; 4] {
        let first = (line * (LINE / 4)) as u32;
        let blocks = U32x4::new([first, first + 1, first + 2, first + 3]);
        let [a, b, c, d] = self.blocks(blocks, U32x4::splat(row));
        let (w, x, y, z) =
            F32x4::transpose(a.as_floats(), b.as_floats(), c.as_floats(), d.as_floats());
        [w.bits(), x.bits(), y.bits(), z.bits()]
    }

    /// Four blocks at once, a lane each: their first words, second words, and so on.
    #[inline(always)]
    fn blocks(&self, mut a: U32x4, mut b: U32x4) -> [U32x4; 4] {
        let mut c = U32x4::splat(self.update);
        let mut d = U32x4::splat(self.tag);
        let [mut k0, mut k1] = self.key;
        let (m0, m1) = (U32x4::splat(MULTIPLIERS[0]), U32x4::splat(MULTIPLIERS[1]));
        for _ in 0..ROUNDS {
            let (p_low, p_high) = a.multiply_wide(&m0);
            let (q_low, q_high) = c.multiply_wide(&m1);
            a = q_high.xor(b).xor(U32x4::splat(k0));
            b = q_low;
            c = p_high.xor(d).xor(U32x4::splat(k1));
            d = p_low;
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        [a, b, c, d]
    }
}

/// A seeded order of `0..order.len()` (Fisher–Yates from the top; the place is `word × (i + 1) / 2^32`, whose bias is
/// below `length / 2^32`).
pub fn permutation(key: [u32; 2], epoch: u32, phase: u32, order: &mut [u32]) {
    for (i, place) in order.iter_mut().enumerate() {
        *place = i as u32;
    }
    let stream = Stream::new(key, epoch, Purpose::Order, phase, 0);
    for i in (1..order.len()).rev() {
        let word = stream.word(0, i as u32);
        let j = (u64::from(word) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
}

/// Normal numbers with mean 0 and standard deviation `scale`: row `row`, units `0..out.len()` of the stream.
///
/// The inverse of the normal distribution function by Wichura's AS 241 (PPND7, relative error about 1e-7), in f64
/// with + − × ÷ √ and the kernel's logarithm only.
pub fn normal(stream: Stream, row: u32, scale: f32, out: &mut [f32]) {
    for (block, chunk) in out.chunks_mut(4).enumerate() {
        let words = philox(stream.key, [block as u32, row, stream.update, stream.tag]);
        for (value, word) in chunk.iter_mut().zip(words) {
            let p = (f64::from(word) + 0.5) / 4_294_967_296.0;
            *value = (inverse_normal(p) * f64::from(scale)) as f32;
        }
    }
}

/// Largest error of the lanes' normal numbers, relative where they are above 1 in size and absolute below.
pub const MAX_NORMAL_LINE_ERROR: f64 = 6e-7;

/// The quantiles at `(word + ½) / 2^32`, by AS 241 as in `inverse_normal`, in f32. The word's upper half is folded onto
/// the lower one, so that the distance from the nearer end, `tail`, keeps its leading bits however small it is; it is at
/// least 2^-33, so that the far tail's formula is never needed.
#[inline(always)]
fn normal_lanes(word: U32x4) -> F32x4 {
    let c = F32x4::splat;
    let horner = |sum: F32x4, x: F32x4, coefficient: f32| sum.mul(x).add(c(coefficient));
    let top = word.and(U32x4::splat(0x8000_0000));
    // All bits of a word in the upper half are turned round.
    let turned = U32x4::splat(0).wrapping_sub(top.shift_right::<31>());
    let tail = word
        .xor(turned)
        .to_floats()
        .add(c(0.5))
        .mul(c(1.0 / 4_294_967_296.0));
    let q = c(0.5).sub(tail);
    let r = c(0.180_625).sub(q.mul(q));
    let mut above = horner(c(59.109_375), r, 159.291_13);
    above = horner(above, r, 50.434_273);
    above = horner(above, r, 3.387_132_7).mul(q);
    let mut below = horner(c(67.187_56), r, 78.757_76);
    below = horner(below, r, 17.895_17);
    below = horner(below, r, 1.0);
    let s = log(tail).neg().sqrt().sub(c(1.6));
    let mut far = horner(c(0.170_238_21), s, 1.306_728_5);
    far = horner(far, s, 2.756_815_4);
    far = horner(far, s, 1.423_437_2);
    let far_below = horner(horner(c(0.120_211_33), s, 0.737_001_64), s, 1.0);
    let middle = q.less(c(0.425));
    let size = middle
        .choose(above, far)
        .div(middle.choose(below, far_below));
    // The lower half of the words is the lower half of the quantiles.
    size.bits()
        .xor(top.xor(U32x4::splat(0x8000_0000)))
        .as_floats()
}

pub(crate) fn inverse_normal(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        let above = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
        let below = ((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0;
        return q * above / below;
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = libm::sqrt(-libm::log(tail));
    let value = if r <= 5.0 {
        let r = r - 1.6;
        let above = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777;
        above / ((0.12021132975 * r + 0.73700164250) * r + 1.0)
    } else {
        let r = r - 5.0;
        let above = ((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150;
        above / ((0.012258202635 * r + 0.24197894225) * r + 1.0)
    };
    if q < 0.0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution.
    #[test]
    fn philox_gives_the_known_answers() {
        let cases = [
            (
                [0; 2],
                [0; 4],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 2],
                [u32::MAX; 4],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0xa409_3822, 0x299f_31d0],
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (key, counter, answer) in cases {
            assert_eq!(philox(key, counter), answer);
        }
    }

    #[test]
    fn a_line_of_uniforms_is_sixteen_single_ones() {
        let stream = Stream::new([7, 9], 12345, Purpose::Train, 3, 2);
        for (row, line) in [(0, 0), (1, 5), (u32::MAX, 4095)] {
            let lanes = stream.uniform_line(row, line);
            for unit in 0..LINE {
                let single = stream.uniform(row, (line * LINE + unit) as u32);
                assert_eq!(lanes[unit / 4].to_array()[unit % 4], single);
            }
        }
    }

    #[test]
    fn a_quad_of_uniforms_is_sixteen_single_ones() {
        let stream = Stream::new([7, 9], 12345, Purpose::Train, 3, 2);
        for (row, block) in [(0, 0), (4, 5), (u32::MAX - 3, 4095)] {
            let lanes = stream.uniform_quad(row, block);
            for place in 0..16 {
                let (unit, chain) = (place / 4, place % 4);
                let single = stream.uniform(row + chain as u32, (block * 4 + unit) as u32);
                assert_eq!(lanes[unit].to_array()[chain], single);
            }
        }
    }

    #[test]
    fn a_permutation_has_everything_once_and_depends_on_its_address() {
        let mut order = vec![0; 1000];
        permutation([1, 0], 4, 0, &mut order);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &x)| i as u32 == x));
        let mut other = vec![0; 1000];
        permutation([1, 0], 5, 0, &mut other);
        assert_ne!(order, other);
        permutation([1, 0], 0, 0, &mut []);
    }

    #[test]
    fn every_permutation_of_four_is_as_likely_as_another() {
        let mut counts = std::collections::HashMap::new();
        let n = 24_000;
        for epoch in 0..n {
            let mut order = [0; 4];
            permutation([3, 0], epoch, 0, &mut order);
            *counts.entry(order).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        let expected = f64::from(n) / 24.0;
        let chi: f64 = counts
            .values()
            .map(|&c| (f64::from(c) - expected).powi(2) / expected)
            .sum();
        assert!((chi - 23.0) / (46.0f64).sqrt() < 5.0, "{chi}");
    }

    /// Quantiles from an independent program (scipy.stats.norm.ppf).
    #[test]
    fn the_inverse_normal_matches_known_quantiles() {
        let cases = [
            (0.5, 0.0),
            (0.3, -0.524_400_512_708_041),
            (0.95, 1.644_853_626_951_472_2),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-6, -4.753_424_308_822_899),
            (1.0 - 1e-9, 5.997_807_019_601_637),
            (1e-12, -7.034_483_825_301_131),
        ];
        for (p, quantile) in cases {
            let error = (inverse_normal(p) - quantile).abs();
            assert!(error <= 2e-7 * quantile.abs().max(1.0), "{p}: {error}");
        }
    }

    #[test]
    fn lanes_of_normal_numbers_are_within_their_bound_of_the_quantiles() {
        let mut worst: f64 = 0.0;
        let dense = (0..2_000_000u32).map(|i| i.wrapping_mul(0x9E37_79B9));
        let ends = (0..2000).flat_map(|i| {
            let far = 1u32 << (i % 32);
            [
                i,
                u32::MAX - i,
                far + i,
                u32::MAX - far.wrapping_add(i),
                0x7fff_ffff - i,
                0x8000_0000 + i,
            ]
        });
        for word in dense.chain(ends) {
            let exact = inverse_normal((f64::from(word) + 0.5) / 4_294_967_296.0);
            let lane = f64::from(normal_lanes(U32x4::splat(word)).to_array()[2]);
            worst = worst.max((lane - exact).abs() / exact.abs().max(1.0));
        }
        assert!(worst <= MAX_NORMAL_LINE_ERROR, "{worst}");
        let stream = Stream::new([7, 9], 12345, Purpose::Train, 3, 2);
        let line = stream.normal_line(4, 5);
        for unit in 0..LINE {
            let exact = inverse_normal(stream.uniform_inside(4, (5 * LINE + unit) as u32));
            assert!((f64::from(line.floats()[unit]) - exact).abs() < 1e-5);
        }
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal() {
        let n = 400_000;
        let mut values = vec![0.0; n];
        normal(
            Stream::new([5, 0], 0, Purpose::Initial, 0, 0),
            0,
            2.0,
            &mut values,
        );
        let moment = |k: i32| {
            values
                .iter()
                .map(|&x| f64::from(x / 2.0).powi(k))
                .sum::<f64>()
                / n as f64
        };
        let bar = 5.0 / (n as f64).sqrt();
        assert!(moment(1).abs() < bar);
        assert!((moment(2) - 1.0).abs() < bar * 2f64.sqrt());
        assert!(moment(3).abs() < bar * 15f64.sqrt());
        assert!((moment(4) - 3.0).abs() < bar * 96f64.sqrt());
    }
}
