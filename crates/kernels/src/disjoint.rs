//! Handing parts of one slice to tasks that run at the same time.

use core::marker::PhantomData;
use core::ops::Range;

/// Runs the work given for every number in `0..tasks` once, in any order, on any thread.
pub type Run<'a> = dyn Fn(usize, &(dyn Fn(usize) + Sync)) + 'a;

/// How a kernel gets its tasks run.
pub struct Pool<'a> {
    pub threads: usize,
    pub run: &'a Run<'a>,
}

impl Pool<'_> {
    /// One task after another on this thread.
    pub const SERIAL: Pool<'static> = Pool {
        threads: 1,
        run: &run_in_turn,
    };

    pub fn each(&self, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
        match tasks {
            0 => {}
            1 => work(0),
            _ => (self.run)(tasks, work),
        }
    }

    /// A block length that gives every thread about two tasks; between 8 and 64 and a matter of speed alone.
    pub fn block(&self, rows: usize) -> usize {
        rows.div_ceil(2 * self.threads).clamp(8, 64)
    }
}

fn run_in_turn(tasks: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..tasks).for_each(work);
}

/// A mutable slice of which each task takes its own part.
pub struct Disjoint<'a, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: `take` is the only access, and its caller promises that parts in use at one time do not overlap.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Disjoint {
            start: slice.as_mut_ptr(),
            length: slice.len(),
            slice: PhantomData,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// # Safety
    /// No other part that overlaps `range` may be alive.
    #[allow(
        clippy::mut_from_ref,
        reason = "the parts are disjoint by the caller's promise"
    )]
    #[inline(always)]
    pub unsafe fn take(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: inside the slice by the assertion, not aliased by the caller's promise.
        unsafe {
            core::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start)
        }
    }
}
