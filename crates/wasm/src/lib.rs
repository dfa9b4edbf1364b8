//! The edge between JavaScript and the kernels: exported functions, buffers and the pool; nothing mathematical.
//!
//! One crate gives two artefacts: `st` (one thread) and, with the feature `threads`, `mt` (shared memory and workers).
//! JavaScript passes plain numbers and [`memory::Buffer`]s. A broken invariant panics, which ends the engine: the
//! panic's words stay readable through [`panic_text_address`] after the trap.

#![cfg_attr(
    all(target_arch = "wasm32", target_feature = "atomics"),
    feature(stdarch_wasm_atomic_wait)
)]

pub mod kernels;
pub mod memory;
pub mod panic;
pub mod pool;

/// Starts rayon's workers; the glue turns its helper into the launcher of the host.
#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;
