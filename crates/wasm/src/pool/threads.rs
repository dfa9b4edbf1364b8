//! Regions over threads: the protocol that the head of `pool.rs` describes.

use super::futex;
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use wasm_bindgen::prelude::*;

/// Bits of `state`: how many workers are inside (up to 63), whether the region is open, and above them its generation.
const INSIDE: u32 = 0x7f;
const OPEN: u32 = 0x80;
const GENERATION_ONE: u32 = 0x100;

/// No state masked to its generation equals this: a worker that starts while a region is open enters it.
const NO_GENERATION: u32 = INSIDE;

/// The bit of `signal` that a failed worker's JavaScript sets; bit 0 turns over when the last worker leaves.
pub const FAILED: u32 = 0x8000_0000;
const FINISHED: u32 = 1;

/// How long the owner sleeps before it looks again whether a worker failed, in nanoseconds. Wake-ups normally come by
/// notification; this bounds what a lost one could cost.
const OWNER_SLEEP_NS: i64 = 20_000_000;

/// Rounds of looking before sleeping. With a core for every thread these last about half a millisecond, longer than the
/// gaps between the regions of a training loop (biases, a little TypeScript): a worker that slept through such a gap
/// missed much of the next region, which cost CD-1 on two threads 8 %. With fewer cores the spinning thread keeps the
/// one with the work from running.
const SPINS_WITH_OWN_CORE: u32 = 500_000;
const SPINS_WITH_SHARED_CORE: u32 = 200;

type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// Fields that different threads write lie on cache lines of their own.
#[repr(align(64))]
struct Line<T>(T);

pub(super) struct Pool {
    state: Line<AtomicU32>,
    next_task: Line<AtomicUsize>,
    signal: Line<AtomicU32>,
    sleepers: Line<AtomicU32>,
    region: Line<UnsafeCell<Option<Region>>>,
    owner_sleeps: AtomicBool,
    workers: AtomicU32,
    spins: AtomicU32,
}

#[derive(Clone, Copy)]
struct Region {
    tasks: usize,
    work: &'static Work<'static>,
}

// SAFETY: everything is atomic but `region`, which the owner writes only while no worker is inside (closed, count 0),
// and workers read only while they are counted inside; entering and leaving order the two.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool::new();

thread_local! {
    /// 0 on the owner, 1.. on workers.
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// Runs `work(0), …, work(tasks - 1)`, each once, over all threads in any order; returns when all are done.
///
/// Only the owner calls it, and regions do not nest. Panics if a worker has failed.
pub fn parallel(tasks: usize, work: &Work<'_>) {
    POOL.run(tasks, work);
}

/// How many threads take part in a region: the workers and the owner.
pub fn threads() -> usize {
    POOL.workers.load(SeqCst) as usize + 1
}

/// Which thread this is: 0 the owner, 1.. its workers.
pub(super) fn thread_index() -> usize {
    THREAD.get()
}

/// Panics if a worker has failed.
pub(super) fn assert_sound() {
    POOL.assert_sound();
}

/// Gives every rayon worker its endless job. Called once by the owner when rayon's pool is up.
///
/// `own_cores`: whether the host has a core for every thread, which decides how long threads spin before they sleep.
#[wasm_bindgen(js_name = poolServe)]
pub fn pool_serve(own_cores: bool) {
    POOL.set_spins(own_cores);
    rayon::spawn_broadcast(|context| {
        THREAD.set(context.index() + 1);
        POOL.serve(|| false);
    });
    POOL.workers
        .store(rayon::current_num_threads() as u32, SeqCst);
}

/// Address of the word in which a worker's JavaScript sets [`FAILED`] when the worker's entry throws.
#[wasm_bindgen(js_name = poolSignalAddress)]
pub fn pool_signal_address() -> usize {
    POOL.signal.0.as_ptr() as usize
}

impl Pool {
    const fn new() -> Pool {
        Pool {
            state: Line(AtomicU32::new(0)),
            next_task: Line(AtomicUsize::new(0)),
            signal: Line(AtomicU32::new(0)),
            sleepers: Line(AtomicU32::new(0)),
            region: Line(UnsafeCell::new(None)),
            owner_sleeps: AtomicBool::new(false),
            workers: AtomicU32::new(0),
            spins: AtomicU32::new(SPINS_WITH_SHARED_CORE),
        }
    }

    fn set_spins(&self, own_cores: bool) {
        let spins = if own_cores {
            SPINS_WITH_OWN_CORE
        } else {
            SPINS_WITH_SHARED_CORE
        };
        self.spins.store(spins, SeqCst);
    }

    fn assert_sound(&self) {
        assert!(
            self.signal.0.load(SeqCst) & FAILED == 0,
            "A worker thread failed."
        );
    }

    fn run(&self, tasks: usize, work: &Work<'_>) {
        self.assert_sound();
        if tasks <= 1 || self.workers.load(SeqCst) == 0 {
            (0..tasks).for_each(work);
            return;
        }
        self.open(tasks, work);
        self.take_tasks(tasks, work);
        self.close();
        self.wait_for_those_inside();
    }

    fn open(&self, tasks: usize, work: &Work<'_>) {
        let state = self.state.0.load(SeqCst);
        assert!(state & (OPEN | INSIDE) == 0, "Regions do not nest.");
        // SAFETY: only the lifetime changes. Workers use the reference only while they are inside the region, and the
        // owner does not return from `run` (it panics rather) before the last of them has left.
        let work = unsafe { std::mem::transmute::<&Work<'_>, &'static Work<'static>>(work) };
        // SAFETY: the region is closed and nobody is inside, so nobody reads it.
        unsafe { *self.region.0.get() = Some(Region { tasks, work }) };
        self.next_task.0.store(0, SeqCst);
        self.state
            .0
            .store(state.wrapping_add(GENERATION_ONE) | OPEN, SeqCst);
        if self.sleepers.0.load(SeqCst) > 0 {
            futex::wake(&self.state.0, u32::MAX);
        }
    }

    fn take_tasks(&self, tasks: usize, work: &Work<'_>) {
        loop {
            let task = self.next_task.0.fetch_add(1, SeqCst);
            if task >= tasks {
                return;
            }
            work(task);
        }
    }

    fn close(&self) {
        self.state.0.fetch_and(!OPEN, SeqCst);
    }

    fn is_empty(&self) -> bool {
        self.state.0.load(SeqCst) & INSIDE == 0
    }

    fn wait_for_those_inside(&self) {
        for _ in 0..self.spins.load(SeqCst) {
            if self.is_empty() {
                return;
            }
            std::hint::spin_loop();
        }
        self.owner_sleeps.store(true, SeqCst);
        loop {
            let signal = self.signal.0.load(SeqCst);
            if self.is_empty() {
                break;
            }
            self.assert_sound();
            futex::sleep(&self.signal.0, signal, OWNER_SLEEP_NS);
        }
        self.owner_sleeps.store(false, SeqCst);
    }

    /// A worker's life: waits for a region that it has not seen, works in it, leaves; until `ended` says so when idle.
    fn serve(&self, ended: impl Fn() -> bool) {
        let mut seen = NO_GENERATION;
        while let Some(state) = self.wait_for_region(seen, &ended) {
            seen = state & !(OPEN | INSIDE);
            if self.enter(seen) {
                // SAFETY: counted inside an open region, whose owner wrote it before opening and keeps it until we left.
                let region = unsafe { *self.region.0.get() };
                let Region { tasks, work } = region.expect("an open region has work");
                self.take_tasks(tasks, work);
                self.leave();
            }
        }
    }

    fn wait_for_region(&self, seen: u32, ended: &impl Fn() -> bool) -> Option<u32> {
        loop {
            let spins = self.spins.load(SeqCst);
            for _ in 0..spins {
                let state = self.state.0.load(SeqCst);
                if is_new(state, seen) {
                    return Some(state);
                }
                std::hint::spin_loop();
            }
            if ended() {
                return None;
            }
            self.sleepers.0.fetch_add(1, SeqCst);
            let state = self.state.0.load(SeqCst);
            if !is_new(state, seen) {
                futex::sleep(&self.state.0, state, -1);
            }
            self.sleepers.0.fetch_sub(1, SeqCst);
        }
    }

    fn enter(&self, generation: u32) -> bool {
        self.state
            .0
            .fetch_update(SeqCst, SeqCst, |state| {
                let open = state & !INSIDE == generation | OPEN;
                open.then_some(state + 1)
            })
            .is_ok()
    }

    fn leave(&self) {
        let before = self.state.0.fetch_sub(1, SeqCst);
        let last_of_a_closed_region = before & (OPEN | INSIDE) == 1;
        if last_of_a_closed_region && self.owner_sleeps.load(SeqCst) {
            self.signal.0.fetch_xor(FINISHED, SeqCst);
            futex::wake(&self.signal.0, 1);
        }
    }
}

/// Whether `state` is an open region of another generation than `seen`.
fn is_new(state: u32, seen: u32) -> bool {
    state & OPEN != 0 && state & !(OPEN | INSIDE) != seen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `body` with a pool of its own and `workers` native threads that serve it.
    fn with_pool(workers: u32, own_cores: bool, body: impl FnOnce(&Pool)) {
        let pool = Pool::new();
        let ended = AtomicBool::new(false);
        pool.set_spins(own_cores);
        pool.workers.store(workers, SeqCst);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| pool.serve(|| ended.load(SeqCst)));
            }
            body(&pool);
            ended.store(true, SeqCst);
        });
    }

    #[test]
    fn every_task_runs_once_whatever_the_number_of_threads() {
        for (workers, own_cores) in [(0, true), (1, true), (2, false), (7, false)] {
            with_pool(workers, own_cores, |pool| {
                for round in 0..2_000 {
                    let tasks = round % 23;
                    let runs: Vec<AtomicU32> = (0..tasks).map(|_| AtomicU32::new(0)).collect();
                    pool.run(tasks, &|task| {
                        runs[task].fetch_add(1, SeqCst);
                    });
                    assert!(runs.iter().all(|count| count.load(SeqCst) == 1));
                }
            });
        }
    }

    #[test]
    fn a_failed_worker_makes_the_owner_panic_instead_of_wait() {
        let pool = Pool::new();
        pool.workers.store(1, SeqCst);
        let outcome = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    pool.run(2, &|task| {
                        if task == 0 {
                            // What a failing worker leaves behind: counted inside for ever, and the failure bit.
                            pool.state.0.fetch_add(1, SeqCst);
                            pool.signal.0.fetch_or(FAILED, SeqCst);
                        }
                    });
                })
                .join()
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn regions_do_not_nest() {
        let pool = Pool::new();
        pool.workers.store(1, SeqCst);
        let outcome = std::thread::scope(|scope| {
            scope
                .spawn(|| pool.run(2, &|_| pool.run(2, &|_| ())))
                .join()
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn the_generation_wraps_around() {
        with_pool(1, false, |pool| {
            pool.state.0.store(!(OPEN | INSIDE), SeqCst);
            let sum = AtomicUsize::new(0);
            pool.run(10, &|task| {
                sum.fetch_add(task, SeqCst);
            });
            pool.run(10, &|task| {
                sum.fetch_add(task, SeqCst);
            });
            assert_eq!(sum.load(SeqCst), 90);
        });
    }
}
