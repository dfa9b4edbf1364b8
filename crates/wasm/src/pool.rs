//! The pool: the one parallel primitive, which never hangs its caller.
//!
//! [`parallel`] runs `work(0), …, work(tasks - 1)` over the owner (the thread that calls) and its workers, and returns
//! when all are done. A region lasts 50 µs to 1 ms and there are thousands a second, so handing one out must cost
//! little: rayon brings the workers up (through wasm-bindgen-rayon), each of them then runs one endless job, `serve`,
//! and regions go past rayon through one atomic word.
//!
//! 1. The owner writes the work and the number of tasks, then opens the region by raising the generation in `state`.
//! 2. A worker that sees the open generation enters (a compare-and-swap that counts it in), takes tasks from a shared
//!    counter until none is left, and leaves. A worker that comes late finds the region closed and goes on waiting:
//!    nobody waits for a thread that has not entered, so more threads than cores do no harm.
//! 3. The owner takes tasks too. When none is left it closes the region and waits for those inside: a short spin, then
//!    a sleep with a time-out, looking at the failure word each time.
//! 4. Idle workers spin for a while, then sleep on `state`. The owner wakes them only if somebody sleeps.
//!
//! A worker that panics is gone, and leaves the region counted as inside. Its JavaScript sets [`FAILED`] in `signal`
//! and wakes the owner, which panics in turn instead of returning: the engine ends with an error, not with a hang.

#[cfg(feature = "threads")]
pub use threads::{parallel, threads};

/// Runs `work(0), …, work(tasks - 1)` in order on the only thread.
#[cfg(not(feature = "threads"))]
pub fn parallel(tasks: usize, work: &(dyn Fn(usize) + Sync + '_)) {
    for task in 0..tasks {
        work(task);
    }
}

/// How many threads take part in a region.
#[cfg(not(feature = "threads"))]
pub fn threads() -> usize {
    1
}

mod checks;

#[cfg(feature = "threads")]
mod futex;

#[cfg(feature = "threads")]
mod threads;
