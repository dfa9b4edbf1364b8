//! Zeroed vectors that say no instead of aborting where memory is out.

/// `length` copies of `zero`, or `None` where the memory cannot be had.
pub fn zeroed<T: Clone>(length: usize, zero: T) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(length).ok()?;
    values.resize(length, zero);
    Some(values)
}
