//! Sleeping on an atomic word, and waking who sleeps there.
//!
//! On wasm these are the two atomic instructions. Natively (tests of the pool) sleeping is a short sleep that may end
//! early, which every caller must allow for anyway.

use std::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`, until woken or for `nanoseconds` (negative: without end).
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub fn sleep(word: &AtomicU32, expected: u32, nanoseconds: i64) {
    // SAFETY: the pointer comes from a reference to an aligned 32-bit atomic, which outlives the call.
    unsafe {
        core::arch::wasm32::memory_atomic_wait32(
            word.as_ptr().cast::<i32>(),
            expected as i32,
            nanoseconds,
        );
    }
}

/// Wakes up to `sleepers` threads that sleep on `word`.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub fn wake(word: &AtomicU32, sleepers: u32) {
    // SAFETY: as above.
    unsafe {
        core::arch::wasm32::memory_atomic_notify(word.as_ptr().cast::<i32>(), sleepers);
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
pub fn sleep(word: &AtomicU32, expected: u32, nanoseconds: i64) {
    let limit = if nanoseconds < 0 {
        50_000
    } else {
        nanoseconds.min(50_000)
    };
    if word.load(std::sync::atomic::Ordering::SeqCst) == expected {
        std::thread::sleep(std::time::Duration::from_nanos(limit as u64));
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
pub fn wake(_word: &AtomicU32, _sleepers: u32) {}
