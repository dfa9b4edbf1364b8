//! The one memory object that crosses the edge: a zeroed, 64-byte-aligned run of bytes.
//!
//! Rust reads it through checked slices; JavaScript through typed-array views over `address` and `byteLength`, made
//! anew at each use. Where the memory is out, allocation answers `None` instead of ending the instance.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use wakesleep_kernels::lanes::Line;
use wasm_bindgen::prelude::*;

/// A cache line; panels of 16 floats start on one.
const ALIGNMENT: usize = 64;

/// A zeroed, 64-byte-aligned run of bytes, owned by JavaScript until `free()`.
#[wasm_bindgen]
pub struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
    bytes: usize,
}

#[wasm_bindgen]
impl Buffer {
    /// `bytes` zeroed bytes (rounded up to whole cache lines inside), or nothing where the memory is out.
    pub fn allocate(bytes: usize) -> Option<Buffer> {
        let rounded = bytes.max(1).checked_next_multiple_of(ALIGNMENT)?;
        let layout = Layout::from_size_align(rounded, ALIGNMENT).ok()?;
        // SAFETY: the layout's size is at least one cache line, so it is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Buffer {
            start,
            layout,
            bytes,
        })
    }

    /// Where the bytes start in the memory.
    #[wasm_bindgen(getter)]
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// The number of bytes asked for.
    #[wasm_bindgen(getter, js_name = byteLength)]
    pub fn byte_length(&self) -> usize {
        self.bytes
    }
}

/// Slices of one element type. Any bytes are valid `f32`, `u32`, `u16` and `u8`, and the start is aligned for all.
macro_rules! slices {
    ($($shared:ident, $exclusive:ident: $element:ty;)*) => {
        impl Buffer {
            $(
                #[doc = concat!("The whole buffer as `", stringify!($element), "`; a part of an element at the end is left out.")]
                pub fn $shared(&self) -> &[$element] {
                    // SAFETY: the allocation holds `bytes` initialised bytes, is aligned to 64, lives as long as
                    // `self`, and `&self` keeps exclusive slices away.
                    unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.bytes / size_of::<$element>()) }
                }

                #[doc = concat!("As `", stringify!($shared), "`, to write.")]
                pub fn $exclusive(&mut self) -> &mut [$element] {
                    // SAFETY: as above, and `&mut self` keeps every other slice away.
                    unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.bytes / size_of::<$element>()) }
                }
            )*
        }
    };
}

slices! {
    lines, lines_mut: Line;
    floats, floats_mut: f32;
    doubles, doubles_mut: f64;
    words, words_mut: u32;
    halfwords, halfwords_mut: u16;
    bytes, bytes_mut: u8;
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `start` came from `alloc_zeroed` with this layout and is released once, here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

// SAFETY: a buffer owns plain bytes; slices of them follow the borrow rules whichever thread looks.
unsafe impl Send for Buffer {}
// SAFETY: as above; `&Buffer` gives shared slices only.
unsafe impl Sync for Buffer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_zeroed_aligned_and_as_long_as_asked() {
        for bytes in [0, 1, 3, 4, 63, 64, 65, 4096] {
            let mut buffer = Buffer::allocate(bytes).expect("a small buffer");
            assert_eq!(buffer.address() % ALIGNMENT, 0);
            assert_eq!(buffer.byte_length(), bytes);
            assert_eq!(buffer.bytes(), vec![0; bytes]);
            assert_eq!(buffer.floats().len(), bytes / 4);
            assert_eq!(buffer.halfwords().len(), bytes / 2);
            buffer.bytes_mut().fill(0xff);
            assert!(buffer.words().iter().all(|&word| word == u32::MAX));
        }
    }

    #[test]
    fn what_cannot_be_had_is_nothing_instead_of_a_panic() {
        assert!(Buffer::allocate(usize::MAX).is_none());
        assert!(Buffer::allocate(isize::MAX as usize).is_none());
    }
}
