//! What start-up and tests ask of the pool: that every thread really runs, and what happens when one fails.

use super::{parallel, threads};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use wasm_bindgen::prelude::*;

/// How long a check waits for all threads to arrive: first some looks in a row, then looks of one millisecond each. A
/// start-up on a loaded machine takes some tens of milliseconds; a thread that is not there after this is not coming.
#[cfg(feature = "threads")]
const ARRIVAL_SPINS: u32 = 10_000;
#[cfg(feature = "threads")]
const ARRIVAL_LOOKS: u32 = 10_000;

/// Each thread adds its index + 1 to a shared cell. With `n` threads all present the answer is `n (n + 1) / 2`.
#[wasm_bindgen(js_name = poolSelfTest)]
pub fn pool_self_test() -> u32 {
    let cell = AtomicU32::new(0);
    on_each_thread(&|thread| {
        cell.fetch_add(thread as u32 + 1, SeqCst);
    });
    cell.load(SeqCst)
}

/// Panics on one thread: 0 is the owner, 1.. its workers. For the tests of failure.
#[wasm_bindgen(js_name = panicOnThread)]
pub fn panic_on_thread(index: usize) {
    assert!(
        index < threads(),
        "There is no thread {index}: the pool has {}.",
        threads()
    );
    on_each_thread(&|thread| {
        assert!(thread != index, "Thread {index} panicked on purpose.");
    });
}

/// Runs `regions` regions of `tasks` empty tasks: what the dispatch alone costs.
#[wasm_bindgen(js_name = emptyRegions)]
pub fn empty_regions(regions: usize, tasks: usize) {
    for _ in 0..regions {
        parallel(tasks, &|task| {
            std::hint::black_box(task);
        });
    }
}

#[cfg(not(feature = "threads"))]
fn on_each_thread(work: &(dyn Fn(usize) + Sync)) {
    parallel(1, &|_| work(0));
}

/// Runs `work(thread)` once on every thread: each holds its task until all have one, so none gets two.
#[cfg(feature = "threads")]
fn on_each_thread(work: &(dyn Fn(usize) + Sync)) {
    use super::{futex, threads::assert_sound, threads::thread_index};
    let arrived = AtomicU32::new(0);
    let all = threads() as u32;
    parallel(threads(), &|_| {
        arrived.fetch_add(1, SeqCst);
        futex::wake(&arrived, u32::MAX);
        for look in 0..ARRIVAL_SPINS + ARRIVAL_LOOKS {
            let present = arrived.load(SeqCst);
            if present == all {
                return work(thread_index());
            }
            assert_sound();
            if look < ARRIVAL_SPINS {
                std::hint::spin_loop();
            } else {
                futex::sleep(&arrived, present, 1_000_000);
            }
        }
        panic!("Only {} of {all} threads arrived.", arrived.load(SeqCst));
    });
}
