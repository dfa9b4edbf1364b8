//! Rows of a data set as they lie in memory: every number, or only what is not zero.

use crate::lanes::{LINE, Line};

/// An element type of a data set.
pub trait Pixel: Copy + Sync {
    /// Whether all of at most a line of elements are zero.
    fn all_zero(elements: &[Self]) -> bool;
    fn scaled(self, scale: f32) -> f32;
}

impl Pixel for u8 {
    #[inline(always)]
    fn all_zero(elements: &[u8]) -> bool {
        match <[u8; LINE]>::try_from(elements) {
            Ok(line) => u128::from_ne_bytes(line) == 0,
            Err(_) => elements.iter().all(|&x| x == 0),
        }
    }

    #[inline(always)]
    fn scaled(self, scale: f32) -> f32 {
        f32::from(self) * scale
    }
}

impl Pixel for f32 {
    #[inline(always)]
    fn all_zero(elements: &[f32]) -> bool {
        elements.iter().all(|&x| x == 0.0)
    }

    #[inline(always)]
    fn scaled(self, scale: f32) -> f32 {
        self * scale
    }
}

/// Rows of a data set that can be read, each number times a scale.
pub trait Rows: Sync {
    /// How many rows of so many units there are.
    fn count(&self, units: usize) -> u32;

    /// Hands on those lines of a row that are not all zero, by number, ascending, padded with zeros.
    fn each_line(&self, row: u32, units: usize, take: impl FnMut(usize, Line));
}

/// How many rows of so many units so many elements are. (Compared with this, a row's number cannot wrap where it is multiplied
/// by the units and addresses have 32 bits.)
pub(crate) fn whole_rows(elements: usize, units: usize) -> u32 {
    let rows = elements.checked_div(units);
    rows.map_or(u32::MAX, |rows| rows as u32)
}

/// `[rows, units]`, row-major.
pub struct Dense<'a, T> {
    pub values: &'a [T],
    pub scale: f32,
}

impl<T: Pixel> Rows for Dense<'_, T> {
    fn count(&self, units: usize) -> u32 {
        whole_rows(self.values.len(), units)
    }

    #[inline(always)]
    fn each_line(&self, row: u32, units: usize, mut take: impl FnMut(usize, Line)) {
        let source = &self.values[row as usize * units..][..units];
        for (line, pixels) in source.chunks(LINE).enumerate() {
            if T::all_zero(pixels) {
                continue;
            }
            let mut values = Line::ZERO;
            for (value, pixel) in values.floats_mut().iter_mut().zip(pixels) {
                *value = pixel.scaled(self.scale);
            }
            take(line, values);
        }
    }
}

/// Row `r` has `values[k]` at unit `units[k]`, ascending, for k in `offsets[r]..offsets[r + 1]`, and is zero elsewhere.
pub struct Sparse<'a> {
    pub offsets: &'a [u32],
    pub units: &'a [u32],
    pub values: &'a [f32],
    pub scale: f32,
}

impl Rows for Sparse<'_> {
    fn count(&self, _: usize) -> u32 {
        self.offsets.len().saturating_sub(1) as u32
    }

    /// Panics where units do not ascend, or are not below `units`.
    fn each_line(&self, row: u32, units: usize, mut take: impl FnMut(usize, Line)) {
        let row = row as usize;
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        let mut kept = self.units[range.clone()]
            .iter()
            .zip(&self.values[range])
            .map(|(&unit, &value)| (unit as usize, value * self.scale))
            .peekable();
        let mut next = 0;
        while let Some(&(first, _)) = kept.peek() {
            let line = first / LINE;
            let mut values = Line::ZERO;
            while let Some((unit, value)) = kept.next_if(|&(unit, _)| unit / LINE == line) {
                assert!(
                    next <= unit && unit < units,
                    "unit {unit} after {next} of {units}"
                );
                values.floats_mut()[unit % LINE] = value;
                next = unit + 1;
            }
            take(line, values);
        }
    }
}
