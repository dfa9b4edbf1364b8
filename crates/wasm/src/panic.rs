//! What a panic leaves behind: its message, in a fixed place that JavaScript can read after the trap.
//!
//! A wasm panic ends in `unreachable`, which says nothing. The hook copies the message into a static array first;
//! with threads the memory is shared, so the owner can read what a worker said. The first message stays: the ones
//! that follow are its consequences.

use std::panic::PanicHookInfo;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use wasm_bindgen::prelude::*;

const CAPACITY: usize = 1024;

static TAKEN: AtomicBool = AtomicBool::new(false);
static LENGTH: AtomicU32 = AtomicU32::new(0);
static TEXT: [AtomicU8; CAPACITY] = [const { AtomicU8::new(0) }; CAPACITY];

/// Makes every later panic of this memory's threads leave its message. Called once by each engine's owner.
#[wasm_bindgen(js_name = installPanicHook)]
pub fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(keep_first_message)));
}

/// Address of the first panic's message (UTF-8); its length in bytes is [`panic_text_length`].
#[wasm_bindgen(js_name = panicTextAddress)]
pub fn panic_text_address() -> usize {
    TEXT.as_ptr() as usize
}

/// Length in bytes of the first panic's message; 0 while nothing has panicked.
#[wasm_bindgen(js_name = panicTextLength)]
pub fn panic_text_length() -> u32 {
    LENGTH.load(Ordering::Acquire)
}

fn keep_first_message(info: &PanicHookInfo<'_>) {
    if TAKEN.swap(true, Ordering::AcqRel) {
        return;
    }
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words");
    let length = floor_char_boundary(message, CAPACITY);
    for (cell, byte) in TEXT.iter().zip(message[..length].bytes()) {
        cell.store(byte, Ordering::Relaxed);
    }
    LENGTH.store(length as u32, Ordering::Release);
}

fn floor_char_boundary(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0)
}
